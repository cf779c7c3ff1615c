"""The files of a generation: what each is called, and all of them opened as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.database.manifest import MANIFEST, Manifest
from mtg_image_db.database.printings import Printings
from mtg_image_db.encoders.local_features import POINT_BYTES, POINTS
from mtg_image_db.errors import DatabaseError
from mtg_image_db.index.hnsw import Index
from mtg_image_db.index.inverted import InvertedIndex
from mtg_image_db.system.records import Records, open_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EMBEDDINGS = "mtg_embeddings.npy"
METADATA = "mtg_meta.jsonl"
INDEX = "mtg_cards.faiss"
SAME = "mtg_same.npy"
"""int64 [N]: the next row with the same vector, -1 after the last."""
FEATURES = "mtg_features.npy"
"""uint8 [N, 180, 68]: local features of each row's image; not there where built without."""
INVERTED, INVERTED_ROWS = "mtg_inverted.faiss", "mtg_inverted_rows.npy"
"""Which faces local features of a photo speak for, and int32 [features]: the row of each."""
QUALITY = "quality_report.json"
PRINTINGS = "mtg_printings.jsonl"
"""One line an artwork, sorted by illustration_id: all printings that share it."""


@dataclass(frozen=True)
class Parts:
    """Every part of a generation but its quality report, memory-mapped where it is large.

    Parameters
    ----------
    embeddings, same, local_features
        As their files are described in this module; `local_features` and `inverted` are None where
        the database was built without.
    """

    folder: Path
    manifest: Manifest
    records: Records
    printings: Printings
    embeddings: NDArray[np.float32]
    same: NDArray[np.int64]
    local_features: NDArray[np.uint8] | None
    inverted: InvertedIndex | None
    index: Index


def open_parts(folder: Path, ef_search: int | None = None) -> Parts:
    """Open a generation and check, where that is cheap, that its parts belong together.

    Parameters
    ----------
    ef_search
        Instead of the manifest's.

    Raises
    ------
    DatabaseError
        A part is missing or damaged, or another version made it.
    """
    manifest = Manifest.read(folder / MANIFEST)
    manifest.check_sizes()
    faces, dimension = manifest.faces, manifest.fingerprint.dimension
    records = Records(folder / METADATA)
    printings = Printings(folder / PRINTINGS)
    embeddings = open_array(folder / EMBEDDINGS, "float32", (faces, dimension))
    same = open_array(folder / SAME, "int64", (faces,))
    local_features, inverted = None, None
    if FEATURES in manifest.outputs:
        local_features = open_array(folder / FEATURES, "uint8", (faces, POINTS, POINT_BYTES))
    if INVERTED in manifest.outputs:
        rows = open_array(folder / INVERTED_ROWS, "int32")
        inverted = InvertedIndex(folder / INVERTED, rows, faces)
    # FAISS reads beyond the end of a file that it maps and that is cut off in its beginning.
    vector, links = 4 * dimension, 2 * 4 * manifest.hnsw_m
    if (folder / INDEX).stat().st_size < manifest.index_entries * (vector + links):
        raise DatabaseError.damaged(folder / INDEX, "it is too short for its entries")
    index = Index(folder / INDEX, ef_search or manifest.ef_search)
    fits = {
        SAME: bool((same < faces).all()),
        METADATA: len(records) == faces,
        INDEX: len(index) == manifest.index_entries and index.dimension == dimension,
    }
    for name, fit in fits.items():
        if not fit:
            raise DatabaseError.damaged(folder / name, "its count differs from the manifest's")
    return Parts(
        folder,
        manifest,
        records,
        printings,
        embeddings,
        same,
        local_features,
        inverted,
        index,
    )
