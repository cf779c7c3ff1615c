"""An HNSW graph over unit vectors, with FAISS.

Callers pass distinct unit vectors (`normalised`, `building.generation`): inner product equals
cosine similarity only on unit vectors, and identical vectors spoil the graph for their neighbours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.errors import DatabaseError
from mtg_image_db.index.layout import Unexpected, graph_in
from mtg_image_db.index.reach import connect_unreachable
from mtg_image_db.index.storage import index_over, mapped
from mtg_image_db.system.progress import Progress

GONE = -1
"""Id of an entry whose face was removed from the database; its node stays for its links."""

_ADD_BATCH = 4096
"""Vectors added between two progress reports. By hand."""


def new_index(dimension: int, *, m: int, ef_construction: int) -> Any:
    """Make an empty index whose ids are rows.

    Parameters
    ----------
    m
        Links of a node on each level (Malkov and Yashunin, https://arxiv.org/abs/1603.09320).
    ef_construction
        Candidates examined while a node is linked.
    """
    graph = faiss.IndexHNSWFlat(dimension, m, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = ef_construction
    return faiss.IndexIDMap(graph)


class VectorFile:
    """Vectors in a ``.npy`` file, read some rows at a time.

    An open memory map would keep every page that was read in the process's memory: a second copy of
    all vectors beside the index's own.

    Parameters
    ----------
    path
        float32 [N, D], L2-normalised.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        some: NDArray[np.float32] = np.load(self._path, mmap_mode="r")[rows]
        return some

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(np.load(self._path, mmap_mode="r").shape[1])


def add_rows(
    index: Any,
    vectors: NDArray[np.float32] | VectorFile,
    rows: NDArray[np.int64],
    progress: Progress,
) -> None:
    """Add ``vectors[rows]`` under the ids `rows`, and make every node reachable.

    Parameters
    ----------
    vectors
        float32 [N, D], L2-normalised.
    rows
        int64 [U], ascending.
    """
    graph = faiss.downcast_index(index.index)
    # FAISS cuts a full list of links down to a few diverse ones: on real cards, whose vectors are
    # crowded, 12 of 64, and near twins can no longer be found. With the cut links kept as far as
    # there is room, none was lost.
    graph.keep_max_size_level0 = True
    # Reserve room for all: a C++ vector that doubles takes three times its size while it grows.
    codes = faiss.downcast_index(graph.storage).codes
    size = codes.size()
    codes.resize(size + len(rows) * graph.d * 4)
    codes.resize(size)
    progress.start("indexing", len(rows), "vectors")
    for start in range(0, len(rows), _ADD_BATCH):
        batch = rows[start : start + _ADD_BATCH]
        index.add_with_ids(vectors[batch], batch)
        progress.advance(len(batch))
    progress.finish()
    connect_unreachable(graph)


def ids_of(index: Any) -> NDArray[np.int64]:
    """The ids of an index's entries, in their order."""
    ids: NDArray[np.int64] = faiss.vector_to_array(index.id_map)
    return ids


def set_ids(index: Any, ids: NDArray[np.int64]) -> None:
    """Give an index's entries other ids; `GONE` removes an entry from all answers."""
    faiss.copy_array_to_vector(ids, index.id_map)


class Index:
    """An index opened for searches.

    Parameters
    ----------
    path
        A file that `save_index` wrote.
    ef_search
        Candidates examined in a search; FAISS's own default of 16 misses too many.

    Raises
    ------
    DatabaseError
        The file is not such an index.
    """

    def __init__(self, path: Path, ef_search: int) -> None:
        self.path = path
        self.ef_search = ef_search
        # Kept, because the index has views of it. A query reads a few pages of hundreds of MB.
        self._data = mapped(path)
        try:
            self.layout = graph_in(self._data)
        except Unexpected as error:
            raise DatabaseError.damaged(path, str(error)) from error
        self._index = index_over(self._data, path)
        # Kept, because FAISS holds no reference to it. Ids are rows, which are never negative.
        gone = (self.layout.ids == GONE).any()
        self._not_gone = faiss.IDSelectorRange(0, 1 << 62) if gone else None

    def __len__(self) -> int:
        """How many entries it has, including those that are `GONE`."""
        return int(self._index.ntotal)

    @property
    def size(self) -> int:
        """The size of its file in bytes."""
        return len(self._data)

    def search(
        self, vectors: NDArray[np.float32], k: int, *, ef_search: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the `k` most similar indexed vectors of each query.

        Parameters
        ----------
        vectors
            float32 [Q, D], L2-normalised.
        ef_search
            Used instead of the index's own value.

        Returns
        -------
        scores, ids
            [Q, min(k, U)], best first; ids are -1 if the graph reached fewer.
        """
        k = min(int(k), len(self))  # FAISS takes no numbers of NumPy's
        parameters = faiss.SearchParametersHNSW(efSearch=max(ef_search or self.ef_search, k))
        if self._not_gone is not None:
            parameters.sel = self._not_gone
        scores, ids = self._index.search(vectors, k, params=parameters)
        return scores, ids
