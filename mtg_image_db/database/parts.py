"""The files of a generation: their names, and how to open all of them together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.database.manifest import MANIFEST, Manifest
from mtg_image_db.database.printings import Printings
from mtg_image_db.encoders.local_features import POINT_BYTES, POINTS
from mtg_image_db.errors import DatabaseError
from mtg_image_db.index.hnsw import GONE, Index
from mtg_image_db.index.inverted import InvertedIndex
from mtg_image_db.index.layout import Graph
from mtg_image_db.index.quality import LEAST_EF_SEARCH
from mtg_image_db.scryfall.faces import CardFace
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.records import Records, offsets_path, open_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LENGTH_TOLERANCE = 1e-4
"""How far from 1 the length of a stored vector may be; float32 rounds by less."""

EMBEDDINGS = "mtg_embeddings.npy"
METADATA = "mtg_meta.jsonl"
INDEX = "mtg_cards.faiss"
SAME = "mtg_same.npy"
"""int64 [N]: the next row with the same vector, -1 after the last."""
FEATURES = "mtg_features.npy"
"""uint8 [N, 180, 68]: local features of each row's image; absent if built without them."""
INVERTED, INVERTED_ROWS = "mtg_inverted.faiss", "mtg_inverted_rows.npy"
"""The inverted index of all local features, and int32 [features]: the row of each feature."""
QUALITY = "quality_report.json"
PRINTINGS = "mtg_printings.jsonl"
"""One line per artwork, sorted by illustration_id: all printings with this artwork."""
_KEPT = 4096
"""So many faces, and the printings of so many artworks, are kept once they were read: of a photo,
each is asked for several times, and a camera sees a card in several looks. By hand: some 15 MB."""


@dataclass(frozen=True)
class Parts:
    """Every part of a generation except its quality report; large ones are memory-mapped.

    Parameters
    ----------
    embeddings, same, local_features
        See the files' descriptions in this module. `local_features` and `inverted` are None if the
        database was built without them.
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

    @cached_property
    def face(self) -> Callable[[int], CardFace]:
        """The face of a row, with its metadata."""
        return lru_cache(_KEPT)(lambda row: CardFace.from_record(self.records[row]))

    @cached_property
    def printings_of(self) -> Callable[[str], tuple[Printing, ...]]:
        """All known printings with an artwork, oldest first."""
        return lru_cache(_KEPT)(self.printings.of)

    @cached_property
    def numbered(self) -> dict[tuple[str, str], list[int]]:
        """The rows by set and by the digits of their collector number, without leading zeros."""
        rows: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in range(len(self.records)):
            record = self.records[row]
            digits = re.search(r"\d+", str(record.get("collector_number")))
            if digits:
                rows[str(record.get("set")), digits.group().lstrip("0")].append(row)
        return rows


def open_parts(folder: Path, ef_search: int | None = None) -> Parts:
    """Open a generation, and make the cheap checks that its parts belong together.

    Parameters
    ----------
    ef_search
        Used instead of the manifest's value, which counts as `LEAST_EF_SEARCH` if it is less.

    Raises
    ------
    DatabaseError
        A part is missing or damaged, or another version made it.
    """
    manifest = Manifest.read(folder / MANIFEST)
    needed = {EMBEDDINGS, METADATA, INDEX, SAME, PRINTINGS, QUALITY}
    needed |= {offsets_path(Path(name)).name for name in (METADATA, PRINTINGS)}
    if INVERTED in manifest.outputs:
        needed |= {INVERTED_ROWS}
    if absent := needed - manifest.outputs.keys():
        raise DatabaseError.damaged(manifest.path, f"it does not name {', '.join(sorted(absent))}")
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
    # Earlier versions stored as few as 16.
    index = Index(folder / INDEX, ef_search or max(manifest.ef_search, LEAST_EF_SEARCH))
    fits = {
        SAME: bool((same < faces).all()),
        METADATA: len(records) == faces,
        INDEX: _fits(index.layout, manifest),
    }
    for name, fit in fits.items():
        if not fit:
            raise DatabaseError.damaged(folder / name, "it differs from what the manifest says")
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


def _fits(graph: Graph, manifest: Manifest) -> bool:
    """Whether an index fits the manifest, and its ids are rows or `GONE`."""
    ids = graph.ids
    return (
        (len(ids), graph.dimension) == (manifest.index_entries, manifest.fingerprint.dimension)
        and (graph.m, graph.ef_construction) == (manifest.hnsw_m, manifest.hnsw_ef_construction)
        and ids.min(initial=GONE) >= GONE
        and ids.max(initial=GONE) < manifest.faces
    )
