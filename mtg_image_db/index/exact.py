"""Exact search among some of the vectors, for filtered queries that the graph would answer badly.

The graph finds the neighbours of a query, but a filter then removes most of them. To walk on until
enough are left costs more than to compare with every vector that passes the filter.
"""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.index.hnsw import VectorFile

_BLOCK = 8192
"""Vectors that are read and compared at a time: 8 MB at 256 dimensions. By hand."""


class ExactIndex:
    """Searches like `Index`, by comparing with every vector.

    Parameters
    ----------
    vectors
        float32 [N, D], L2-normalised: an array, or a file that is read in blocks.
    rows
        int64 [U], ascending: the rows to compare with. Each is its own id.
    """

    def __init__(self, vectors: NDArray[np.float32] | VectorFile, rows: NDArray[np.int64]) -> None:
        self._vectors = vectors
        self._rows = rows

    def search(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the `k` most similar vectors of each query.

        Returns
        -------
        scores, ids
            [Q, min(k, U)], best first.
        """
        k = min(int(k), len(self._rows))
        scores = np.empty((len(vectors), 0), dtype=np.float32)
        ids = np.empty((len(vectors), 0), dtype=np.int64)
        for start in range(0, len(self._rows), _BLOCK):
            rows = self._rows[start : start + _BLOCK]
            near, places = faiss.knn(
                vectors, self._vectors[rows], k, metric=faiss.METRIC_INNER_PRODUCT
            )
            scores = np.hstack([scores, near])
            # A block with fewer than k vectors is filled up with -1.
            ids = np.hstack([ids, np.where(places < 0, -1, rows[places])])
            # Equal scores stay in the order of their rows.
            best = np.lexsort((ids, -scores))[:, :k]
            scores = np.take_along_axis(scores, best, axis=1)
            ids = np.take_along_axis(ids, best, axis=1)
        return scores, ids


def first_rows(rows: NDArray[np.int64], same: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of `rows`, the first one with each distinct vector.

    Parameters
    ----------
    same
        int64 [N]: the next row with the same vector, -1 after the last.
    """
    first = np.arange(len(same))
    for row in np.flatnonzero(np.asarray(same) >= 0):
        first[same[row]] = first[row]
    return np.unique(first[rows])
