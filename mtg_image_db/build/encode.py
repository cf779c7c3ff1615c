"""Images to vectors: decoding runs ahead of encoding."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.build.options import BuildOptions, BuildSummary
from mtg_image_db.build.plan import PlannedFace
from mtg_image_db.checkpoint import Checkpoint
from mtg_image_db.encoders import Encoder
from mtg_image_db.errors import ImageError
from mtg_image_db.images import Preprocessing, open_picture, prepare
from mtg_image_db.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def encode_missing(
    options: BuildOptions,
    plan: list[PlannedFace],
    encoder: Encoder,
    checkpoint: Checkpoint,
    summary: BuildSummary,
    progress: Progress,
) -> dict[str, str]:
    """Encode each distinct image that has no vector yet; return why some have none, by key."""
    import numpy as np

    by_key = {face.key: face for face in plan}
    missing = [face for key, face in by_key.items() if key not in checkpoint]
    summary.reused = len(by_key) - len(missing)
    bad: dict[str, str] = {}
    how = encoder.fingerprint.preprocessing
    size = options.batch or 32
    keys: list[str] = []
    pixels: list[NDArray[np.uint8]] = []

    def encode_batch() -> None:
        if keys:
            checkpoint.add(keys, encoder.encode(np.stack(pixels)))
            summary.encoded += len(keys)
            progress.advance(len(keys))
            keys.clear()
            pixels.clear()

    progress.start("encoding", len(missing), "images")
    for face, result in _decoded(options.cache, missing, how, ahead=2 * size):
        if isinstance(result, str):
            bad[face.key] = result
            progress.advance()
            continue
        keys.append(face.key)
        pixels.append(result)
        if len(keys) == size:
            encode_batch()
    encode_batch()
    progress.finish()
    return bad


def _decoded(
    cache: Path, faces: list[PlannedFace], how: Preprocessing, *, ahead: int
) -> Iterator[tuple[PlannedFace, NDArray[np.uint8] | str]]:
    """Read and decode images in order, some ahead of their use; a text says what is wrong."""

    def work(face: PlannedFace) -> NDArray[np.uint8] | str:
        try:
            data = (cache / face.path).read_bytes()
            if sha256(data).hexdigest() != face.key:
                return "image file changed"
            return prepare(open_picture(data), how)
        except OSError:
            return "image file missing"
        except ImageError as error:
            return error.message

    pool = ThreadPoolExecutor(2, thread_name_prefix="decode")
    try:
        waiting: deque[tuple[PlannedFace, Future[NDArray[np.uint8] | str]]] = deque()
        for face in faces:
            waiting.append((face, pool.submit(work, face)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
