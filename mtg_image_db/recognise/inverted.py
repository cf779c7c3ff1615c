"""An inverted index of all faces' local features: which faces a photo's features speak for.

An IVF index with product quantisation (Jegou, Douze and Schmid, PAMI 2011), by FAISS: 16 bytes a
feature and its number. Which row a feature belongs to stands in an array of its own, so that an
update can renumber rows without touching the index.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.recognise.features import unpack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_FEATURES = 2_000
"""Fewer cannot train an index, and need none."""
_MOST_LISTS = 4096
_A_LIST = 100
_CODE_BYTES = 16
_TRAINING = 160_000
_PROBES = 8
_NEIGHBOURS = 10
_FACES = 500


class InvertedIndex:
    """Features by what they resemble.

    Parameters
    ----------
    path
        The FAISS index; opened memory-mapped where FAISS can.
    rows
        int32 [features]: the row that each belongs to; -1 for rows that are gone.
    """

    def __init__(self, path: Path, rows: NDArray[np.int32]) -> None:
        self._path = path
        self._rows = rows
        self._index: Any = None

    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """The rows that most descriptors [n, 128] of a photo speak for, the first the most.

        A neighbour counts by how much nearer it is than the tenth: what resembles everything says
        nothing.
        """
        import faiss
        import numpy as np

        if not len(descriptors):
            return []
        if self._index is None:
            self._index = faiss.read_index(str(self._path), faiss.IO_FLAG_MMAP)
            self._index.nprobe = _PROBES
        distances, ids = self._index.search(descriptors, _NEIGHBOURS)
        weights = np.maximum(0, 1 - distances / np.maximum(distances[:, -1:], 1e-6))
        rows = self._rows[np.maximum(ids, 0)]
        counted = (ids >= 0) & (rows >= 0) & np.isfinite(weights)
        votes = np.bincount(rows[counted], weights[counted])
        best = np.argsort(-votes, kind="stable")[:most]
        return [int(row) for row in best if votes[row] > 0]


def write_inverted(
    packed: NDArray[np.uint8], path: Path, rows_path: Path, before: tuple[Path, Any] | None = None
) -> bool:
    """Index the local features of all faces [N, 180, 68].

    Parameters
    ----------
    before
        An index to extend: its path, and int32 [features], the new row of each of its features (-1
        where it is gone). Only the features of rows it does not name are added.

    Returns
    -------
    Whether there are enough features to index.
    """
    import faiss
    import numpy as np

    names = np.zeros(0, np.int32)
    index: Any = None
    if before is not None:
        names = np.asarray(before[1], dtype=np.int32)
        index = faiss.read_index(str(before[0]))
    missing = np.setdiff1d(np.arange(len(packed), dtype=np.int32), names)
    if index is None:
        count = int((packed[:, :, 2] > 0).sum())
        if count < LEAST_FEATURES:
            return False
        lists = max(1, min(_MOST_LISTS, count // _A_LIST))
        index = faiss.index_factory(128, f"IVF{lists},PQ{_CODE_BYTES}x8")
        # FAISS warns on standard error where a cluster has few examples: here that is meant.
        index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
        index.train(_sample(packed, count))
    parts = [names]
    for rows, descriptors in _features(packed, missing):
        index.add(descriptors)
        parts.append(rows)
    faiss.write_index(index, str(path))
    np.save(rows_path, np.concatenate(parts))
    return True


def _features(
    packed: NDArray[np.uint8], rows: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """The rows and descriptors of all features of some faces, some faces at a time."""
    import numpy as np

    for start in range(0, len(rows), _FACES):
        some = rows[start : start + _FACES]
        part = packed[some]
        there = part[:, :, 2] > 0
        owners = np.repeat(some, there.sum(axis=1)).astype(np.int32)
        yield owners, np.ascontiguousarray(unpack(part).descriptors[there])


def _sample(packed: NDArray[np.uint8], count: int) -> NDArray[np.float32]:
    """Descriptors to train with, of faces drawn at random."""
    import numpy as np

    share = min(1.0, _TRAINING / count)
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(packed))[: max(1, round(share * len(packed)))])
    parts = [descriptors for _, descriptors in _features(packed, some.astype(np.int32))]
    return np.concatenate(parts)
