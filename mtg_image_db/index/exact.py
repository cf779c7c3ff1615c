"""Exact search among some of the vectors: what a filter leaves, which a graph would miss.

A graph finds the neighbours of a query and a filter then takes most of them away; walking on until
enough are left costs more than comparing with all that may remain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 8192


class ExactIndex:
    """Searches like `Index`, by comparing with every vector.

    Parameters
    ----------
    vectors
        float32 [N, D], L2-normalised; may be memory-mapped: a block is read at a time.
    rows
        int64 [U], ascending: those to compare with. Each is its own id.
    """

    def __init__(self, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
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
        import numpy as np

        count = len(vectors)
        scores = np.empty((count, 0), dtype=np.float32)
        ids = np.empty((count, 0), dtype=np.int64)
        for start in range(0, len(self._rows), _BLOCK):
            rows = self._rows[start : start + _BLOCK]
            scores = np.hstack([scores, vectors @ self._vectors[rows].T])
            ids = np.hstack([ids, np.broadcast_to(rows, (count, len(rows)))])
            # Stable, so that of equals the first row comes first.
            best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            scores = np.take_along_axis(scores, best, axis=1)
            ids = np.take_along_axis(ids, best, axis=1)
        return scores, ids


def first_rows(rows: NDArray[np.int64], same: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row with each of the vectors that some rows have.

    Parameters
    ----------
    same
        int64 [N]: the next row with the same vector, -1 after the last.
    """
    import numpy as np

    first = np.arange(len(same))
    for row in np.flatnonzero(np.asarray(same) >= 0):
        first[same[row]] = first[row]
    return np.unique(first[rows])
