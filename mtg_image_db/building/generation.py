"""Write vectors, metadata and manifest into the folder of a new generation."""

from __future__ import annotations

import contextlib
import json
import platform
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timezone
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db import __version__
from mtg_image_db.building.checkpoint import Checkpoint
from mtg_image_db.building.options import BuildOptions, BuildSummary
from mtg_image_db.building.plan import Plan, PlannedFace
from mtg_image_db.building.reuse import Predecessor
from mtg_image_db.database import parts
from mtg_image_db.database.manifest import MANIFEST, MANIFEST_VERSION
from mtg_image_db.encoders import Encoder
from mtg_image_db.encoders.local_features import MADE_BY
from mtg_image_db.errors import EncoderError
from mtg_image_db.system.arrays import new_array, save_array
from mtg_image_db.system.files import sha256_file, write_json
from mtg_image_db.system.records import offsets_path, write_records

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_ROWS = 8192
"""Vectors checked at a time: some 8 MB. By hand."""


def write_rows(
    path: Path,
    faces: Sequence[PlannedFace],
    checkpoint: Checkpoint,
    before: Predecessor | None,
) -> None:
    """Write an array with one row per face, from the checkpoint or the previous database."""
    import numpy as np

    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, face in enumerate(faces):
        rows_of[face.key].append(row)
    shape = (len(faces), *checkpoint.rows.shape)
    with new_array(path, checkpoint.rows.dtype, shape) as array:
        if before is not None:
            before.copy(rows_of, np.load(before.database.folder / path.name, mmap_mode="r"), array)
        for keys, some in checkpoint.batches():
            pairs = [(old, new) for old, key in enumerate(keys) for new in rows_of.get(key, ())]
            old, new = np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T
            array.put(new, some[old])


class DistinctVectors:
    """Finds equal rows in an array of vectors.

    Parameters
    ----------
    vectors
        float32 [N, D].

    Attributes
    ----------
    firsts
        int64 [U]: the first row of each distinct vector.
    same
        int64 [N]: the next row with the same vector, or -1.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        import numpy as np

        self._first_of: dict[bytes, int] = {}
        last_of: dict[int, int] = {}
        self.same = np.full(len(vectors), -1, dtype=np.int64)
        for row, vector in enumerate(vectors):
            first = self._first_of.setdefault(_digest(vector), row)
            if first != row:
                self.same[last_of.get(first, first)] = row
                last_of[first] = row
        self.firsts = np.fromiter(self._first_of.values(), dtype=np.int64)

    def first(self, vector: NDArray[np.float32]) -> int:
        """The first row with this vector; -1 if there is none."""
        return self._first_of.get(_digest(vector), -1)


def write_distinct(folder: Path) -> DistinctVectors:
    """Find the rows that share a vector, and write the list of them."""
    import numpy as np

    vectors = np.load(folder / parts.EMBEDDINGS, mmap_mode="r")
    for start in range(0, len(vectors), _ROWS):
        lengths = np.linalg.norm(vectors[start : start + _ROWS], axis=1)
        # Written so that NaN counts as wrong.
        if not (np.abs(lengths - 1) <= parts.LENGTH_TOLERANCE).all():
            raise EncoderError(
                "A vector's length is not 1: nothing is published",
                details="a checkpoint may have been damaged while the build ran",
                suggestion="Build again without resuming: `mtg-db build --no-resume`.",
            )
    distinct = DistinctVectors(vectors)
    save_array(folder / parts.SAME, distinct.same)
    return distinct


def write_records_and_printings(folder: Path, plan: Plan, faces: Sequence[PlannedFace]) -> None:
    """Write the metadata of each row, and the printings of each artwork."""
    write_records(folder / parts.METADATA, plan.lines(faces))
    artworks = {face.illustration_id for face in faces}
    write_records(
        folder / parts.PRINTINGS,
        (
            b'{"illustration_id":%s,"printings":[%s]}'
            % (json.dumps(artwork).encode(), b",".join(_oldest_first(plan.printings[artwork])))
            for artwork in sorted(artworks - {""})
            if artwork in plan.printings
        ),
    )


def _oldest_first(lines: Sequence[bytes]) -> Sequence[bytes]:
    if len(lines) == 1:
        return lines

    def age(line: bytes) -> tuple[str, str, str]:
        printing = json.loads(line)
        return printing["released_at"], printing["set"], printing["collector_number"]

    return sorted(lines, key=age)


def write_manifest(
    folder: Path,
    options: BuildOptions,
    encoder: Encoder,
    index_entries: int,
    summary: BuildSummary,
) -> None:
    """Write the manifest. It is the last file, since it has the digests of all others."""
    names = [
        parts.EMBEDDINGS,
        parts.METADATA,
        parts.INDEX,
        parts.SAME,
        parts.PRINTINGS,
        parts.QUALITY,
    ]
    if options.local_features:
        names.append(parts.FEATURES)
    if summary.inverted:
        names += [parts.INVERTED, parts.INVERTED_ROWS]
    names += [offsets_path(Path(name)).name for name in (parts.METADATA, parts.PRINTINGS)]
    manifest: dict[str, Any] = {
        "version": MANIFEST_VERSION,
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "parameters": {
            "kind": options.kind,
            "set": sorted(options.wanted.sets),
            "lang": sorted(options.wanted.langs),
            "limit": options.limit,
            "batch": summary.tuning.batch,
            "hnsw_m": options.hnsw_m,
            "hnsw_ef_construction": options.hnsw_ef_construction,
            "hnsw_ef_search": summary.quality.ef_search,
            "metric": "inner_product",
            "checkpoint_frequency": options.checkpoint_frequency,
            "local_features": MADE_BY if options.local_features else None,
        },
        "encoder": {
            "choice": options.encoder.to_json(),
            "precision": summary.tuning.precision,
            "rates": summary.tuning.rates,
            "fingerprint": encoder.fingerprint.to_json(),
            "fingerprint_digest": encoder.fingerprint.digest,
        },
        "statistics": {
            "known": summary.known,
            "faces": summary.faces,
            "entries": summary.entries,
            "index_entries": index_entries,
            "encoded": summary.encoded,
            "reused": summary.reused,
            "left_out": dict(Counter(summary.left_out).most_common()),
        },
        "environment": _environment(),
        "outputs": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
            for name in names
        },
    }
    write_json(folder / MANIFEST, manifest)


def _environment() -> dict[str, str]:
    names = (
        "faiss-cpu",
        "numpy",
        "onnxruntime",
        "open-clip-torch",
        "opencv-python-headless",
        "pillow",
        "torch",
    )
    versions = {"mtg-image-db": __version__, "python": platform.python_version()}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {**versions, "platform": platform.platform()}


def _digest(vector: NDArray[np.float32]) -> bytes:
    return blake2b(vector.tobytes(), digest_size=16).digest()
