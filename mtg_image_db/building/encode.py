"""Turn images into vectors; decoding runs ahead of encoding."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from mtg_image_db.building.checkpoint import Checkpoint
from mtg_image_db.building.options import BuildOptions
from mtg_image_db.building.plan import PlannedFace
from mtg_image_db.building.reuse import Work
from mtg_image_db.encoders import Encoder, encode
from mtg_image_db.encoders.local_features import describe, pack
from mtg_image_db.encoders.preprocessing import Preprocessing, open_for, prepare
from mtg_image_db.encoders.probe import LEAST_IMAGES, Tuning, tune
from mtg_image_db.errors import ImageError
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH, open_picture
from mtg_image_db.system.cores import in_order
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNTRIED_BATCH = 32
"""Pictures per batch where no sizes are tried. By hand: fast on CPUs."""
_AHEAD = 128
"""Images that are decoded ahead of the encoder: the largest batch that is tried. By hand."""
_JUDGED = 128
"""Images by which the time for all is judged. By hand: with local features, two seconds."""
_MOST_QUERIES = 1000
"""Most images that are encoded again as queries, to measure recall. By hand."""
_QUERY_SECONDS = 5.0
"""Seconds after which no further query is encoded. By hand."""


def choose_tuning(
    options: BuildOptions, missing: Sequence[PlannedFace], encoder: Encoder, made_with: str | None
) -> Tuning:
    """Choose precision and batch size; try those that are not given, if it saves time.

    Parameters
    ----------
    made_with
        The precision of reused vectors. It is kept if the encoder supports it here and the user
        asks for no other.
    """
    precision = options.precision or (made_with if made_with in encoder.precisions else None)
    if len(missing) < LEAST_IMAGES:
        tuning = Tuning(precision or "fp32", options.batch or _UNTRIED_BATCH, {})
        encoder.use_precision(tuning.precision)
        return tuning
    how = encoder.fingerprint.preprocessing
    decoded = (result for _, result in decode_ahead(options.cache, missing[:64], how))
    pictures = [result.pixels for result in decoded if not isinstance(result, str)][:32]
    if not pictures:
        encoder.use_precision(precision or "fp32")
        return Tuning(precision or "fp32", options.batch or _UNTRIED_BATCH, {})
    return tune(encoder, _stacked(pictures), precision=precision, batch=options.batch)


def seconds_to_encode(
    cache: Path, missing: Sequence[PlannedFace], encoder: Encoder, *, described: bool
) -> float | None:
    """About how many seconds it takes to decode and encode images, judged by a few of them.

    On a CPU the same cores do both; with a GPU it takes less. None if these cannot be read.

    Parameters
    ----------
    described
        Whether local features are found as well.
    """
    began = time.perf_counter()
    how = encoder.fingerprint.preprocessing
    decoded = [one for _, one in decode_ahead(cache, missing[:_JUDGED], how, described=described)]
    pictures = [one.pixels for one in decoded if not isinstance(one, str)]
    if not pictures:
        return None
    encode(encoder, _stacked(pictures))
    return (time.perf_counter() - began) * len(missing) / len(pictures)


@dataclass(frozen=True)
class Encoding:
    """The result of encoding: the number of encoded images, and the failures by digest."""

    encoded: int
    bad: Mapping[str, str]


def encode_missing(
    options: BuildOptions,
    work: Work,
    encoder: Encoder,
    tuning: Tuning,
    vectors: Checkpoint,
    features: Checkpoint | None,
    progress: Progress,
) -> Encoding:
    """Encode images into checkpoints.

    Parameters
    ----------
    features
        None if local features are not wanted.
    """
    encoded, bad = 0, dict[str, str]()
    unencoded = {face.key for face in work.unencoded}
    missing = list({face.key: face for face in work.unencoded + work.undescribed}.values())
    how = encoder.fingerprint.preprocessing
    progress.start("encoding", len(missing), "images")
    decoded = decode_ahead(options.cache, missing, how, described=features is not None)
    while some := list(islice(decoded, tuning.batch)):
        good: dict[str, Decoded] = {}
        for face, result in some:
            if isinstance(result, str):
                bad[face.key] = result
            else:
                good[face.key] = result
        keys = [key for key in good if key in unencoded]
        if keys:
            vectors.add(keys, encode(encoder, _stacked([good[key].pixels for key in keys])))
            encoded += len(keys)
        for key, result in good.items():
            if features is not None and result.features is not None and key not in features:
                features.add([key], result.features[None])
        progress.advance(len(some))
    progress.finish()
    return Encoding(encoded, MappingProxyType(bad))


@dataclass(frozen=True)
class Decoded:
    """An image, resized to the encoder's input.

    Parameters
    ----------
    pixels
        uint8 [height, width, 3].
    features
        Its packed local features, if they were asked for.
    """

    pixels: NDArray[np.uint8]
    features: NDArray[np.uint8] | None


def decode_ahead(
    cache: Path, faces: Sequence[PlannedFace], how: Preprocessing, *, described: bool = False
) -> Iterator[tuple[PlannedFace, Decoded | str]]:
    """Read and decode images in order, up to 128 ahead of the caller.

    Parameters
    ----------
    described
        Also find the local features.

    Returns
    -------
    Each face with its picture, or with a text that says what is wrong with its file.
    """
    return in_order(
        lambda face: _decode(cache / face.path, face.key, how, described), faces, _AHEAD
    )


def perturbed_queries(
    cache: Path, faces: Sequence[PlannedFace], encoder: Encoder
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Encode recompressed copies of images, at 0.6 of their size, as queries for the index.

    Returns
    -------
    Vectors [Q, D] and the rows [Q] of their originals. Q is the number that can be encoded in about
    five seconds, at most 1000.
    """
    import numpy as np

    rows = np.random.default_rng(0).permutation(len(faces))[:_MOST_QUERIES]
    how = encoder.fingerprint.preprocessing
    vectors: list[NDArray[np.float32]] = []
    used: list[int] = []
    began = time.monotonic()
    for start in range(0, len(rows), _UNTRIED_BATCH):
        some = [
            (row, _perturbed(cache / faces[row].path, how))
            for row in rows[start : start + _UNTRIED_BATCH]
        ]
        good = [(int(row), pixels) for row, pixels in some if pixels is not None]
        if good:
            vectors.append(encode(encoder, _stacked([pixels for _, pixels in good])))
            used += [row for row, _ in good]
        if time.monotonic() - began > _QUERY_SECONDS:
            break
    dimension = encoder.fingerprint.dimension
    empty = np.empty((0, dimension), dtype=np.float32)
    return np.concatenate([empty, *vectors]), np.asarray(used, dtype=np.int64)


def _perturbed(path: Path, how: Preprocessing) -> NDArray[np.uint8] | None:
    """An image at 0.6 of its size and JPEG quality 50, resized to the encoder's input."""
    try:
        picture = open_picture(path)
    except ImageError:
        return None
    size = (max(1, round(picture.width * 0.6)), max(1, round(picture.height * 0.6)))
    stream = io.BytesIO()
    picture.resize(size).save(stream, "JPEG", quality=50)
    return prepare(open_picture(stream.getvalue()), how)


def _decode(path: Path, key: str, how: Preprocessing, described: bool) -> Decoded | str:
    import numpy as np

    try:
        data = path.read_bytes()
        if sha256(data).hexdigest() != key:
            return "image file changed"
        picture = open_for(data, how)
        if not described:
            return Decoded(prepare(picture, how), None)
        card = picture.resize((CARD_WIDTH, CARD_HEIGHT), reducing_gap=2.0)
        return Decoded(prepare(picture, how), pack(describe(np.asarray(card))))
    except PermissionError:
        return "permission denied"
    except OSError:
        return "image file missing"
    except ImageError as error:
        return error.message


def _stacked(pixels: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    import numpy as np

    return np.stack(pixels)
