"""Vectors, metadata, index and manifest, written into the folder of a new generation."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from datetime import datetime, timezone
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db import __version__
from mtg_image_db import database as db
from mtg_image_db.build.options import BuildOptions, BuildSummary
from mtg_image_db.build.plan import PlannedFace
from mtg_image_db.checkpoint import Checkpoint
from mtg_image_db.encoders import Encoder
from mtg_image_db.files import sha256_file, write_json
from mtg_image_db.index.hnsw import build_index
from mtg_image_db.progress import Progress
from mtg_image_db.records import offsets_path, write_records

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EF_SEARCH = 128


def write_generation(
    folder: Path,
    options: BuildOptions,
    faces: list[PlannedFace],
    printings: dict[str, list[bytes]],
    encoder: Encoder,
    checkpoint: Checkpoint,
    summary: BuildSummary,
    progress: Progress,
) -> None:
    """Fill `folder` with everything a database consists of, the manifest last."""
    import numpy as np

    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, face in enumerate(faces):
        rows_of[face.key].append(row)
    shape = (len(faces), encoder.fingerprint.dimension)
    vectors = np.lib.format.open_memmap(
        folder / db.EMBEDDINGS, mode="w+", dtype=np.float32, shape=shape
    )
    for keys, some in checkpoint.batches():
        for key, vector in zip(keys, some, strict=True):
            vectors[rows_of.get(key, [])] = vector
    firsts, same = _share(vectors)
    vectors.flush()
    np.save(folder / db.SAME, same)
    summary.entries = len(firsts)
    write_records(folder / db.METADATA, (face.line for face in faces))
    _write_printings(folder / db.PRINTINGS, faces, printings)
    build_index(
        vectors,
        firsts,
        m=options.hnsw_m,
        ef_construction=options.hnsw_ef_construction,
        path=folder / db.INDEX,
        progress=progress,
    )
    _write_manifest(folder, options, encoder, summary)


def _share(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find rows with the same vector.

    Returns
    -------
    firsts
        int64 [U]: the first row of each distinct vector.
    same
        int64 [N]: the next row with the same vector, or -1.
    """
    import numpy as np

    last_of: dict[bytes, int] = {}
    firsts: list[int] = []
    same = np.full(len(vectors), -1, dtype=np.int64)
    for row, vector in enumerate(vectors):
        digest = blake2b(vector.tobytes(), digest_size=16).digest()
        before = last_of.get(digest)
        if before is None:
            firsts.append(row)
        else:
            same[before] = row
        last_of[digest] = row
    return np.asarray(firsts, dtype=np.int64), same


def _write_printings(
    path: Path, faces: list[PlannedFace], printings: dict[str, list[bytes]]
) -> None:
    wanted = sorted({str(json.loads(face.line)["illustration_id"]) for face in faces} - {""})
    lines = (
        b'{"illustration_id":%s,"printings":[%s]}'
        % (json.dumps(artwork).encode(), b",".join(_oldest_first(printings[artwork])))
        for artwork in wanted
        if artwork in printings
    )
    write_records(path, lines)


def _oldest_first(lines: list[bytes]) -> list[bytes]:
    def age(line: bytes) -> tuple[str, str, str]:
        printing = json.loads(line)
        return printing["released_at"], printing["set"], printing["collector_number"]

    return sorted(lines, key=age)


def _write_manifest(
    folder: Path, options: BuildOptions, encoder: Encoder, summary: BuildSummary
) -> None:
    parts = [db.EMBEDDINGS, db.METADATA, db.INDEX, db.SAME, db.PRINTINGS]
    parts += [offsets_path(Path(name)).name for name in (db.METADATA, db.PRINTINGS)]
    manifest = {
        "version": db.MANIFEST_VERSION,
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "parameters": {
            "kind": options.kind,
            "set": sorted(options.wanted.sets),
            "lang": sorted(options.wanted.langs),
            "limit": options.limit,
            "batch": options.batch,
            "hnsw_m": options.hnsw_m,
            "hnsw_ef_construction": options.hnsw_ef_construction,
            "hnsw_ef_search": EF_SEARCH,
            "metric": "inner_product",
            "checkpoint_frequency": options.checkpoint_frequency,
        },
        "encoder": {
            "choice": db.manifest_choice(options.encoder),
            "fingerprint": encoder.fingerprint.to_json(),
            "fingerprint_digest": encoder.fingerprint.digest,
        },
        "statistics": {
            "known": summary.known,
            "faces": summary.faces,
            "entries": summary.entries,
            "encoded": summary.encoded,
            "reused": summary.reused,
            "left_out": dict(summary.left_out.most_common()),
        },
        "environment": _environment(),
        "outputs": {
            name: {
                "bytes": (folder / name).stat().st_size,
                "sha256": sha256_file(folder / name),
            }
            for name in parts
        },
    }
    write_json(folder / db.MANIFEST, manifest)


def _environment() -> dict[str, str]:
    names = ("faiss-cpu", "numpy", "open-clip-torch", "pillow", "torch")
    versions = {"mtg-image-db": __version__, "python": platform.python_version()}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return {**versions, "platform": platform.platform()}
