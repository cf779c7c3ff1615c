"""An inverted index of all faces' local features: it finds the faces that match a photo's features.

It is an IVF index with product quantisation (Jegou, Douze and Schmid, PAMI 2011), by FAISS: 16
bytes and a number for each feature. A separate array holds the row of each feature, so an update
can renumber rows without changing the index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders.local_features import unpack
from mtg_image_db.errors import DatabaseError
from mtg_image_db.index.layout import Unexpected, inverted_in
from mtg_image_db.index.storage import index_over, load_index, mapped, save_index
from mtg_image_db.system.arrays import save_array
from mtg_image_db.system.progress import Progress

LEAST_FEATURES = 2_000
"""Least number of features; fewer cannot train an index, and do not need one. By hand."""
_LEAST_TO_QUANTISE = 100_000
"""Least number of features for product quantisation; fewer are kept at 128 bytes each, which needs
little training and is still small. By hand."""
MOST_LISTS = 4096
"""Largest number of lists; tried with 9.6 million features (docs/recognition.md). By hand."""
_FEATURES_A_LIST = 100
"""Least number of features per list. By hand."""
_CODE_BYTES = 16
"""Bytes of a feature's code; each stands for 8 values. By hand."""
_TRAINING_FEATURES = 160_000
"""About how many features the lists and codes are learned from: 39 for each of 4,096 lists, as many
as FAISS asks for. By hand."""
PROBES = 8
"""Lists that a search reads. 32 take three times as long and find no more (docs/recognition.md)."""
_NEIGHBOURS = 10
"""Nearest features that vote; the weight is how much nearer one is than the last. By hand."""
_FACES_AT_ONCE = 500
"""Faces whose features are unpacked at a time: 46 MB. By hand."""


class InvertedIndex:
    """An opened inverted index.

    Parameters
    ----------
    path
        The FAISS index, memory-mapped.
    rows
        int32 [features]: the row of each feature; -1 for removed rows.
    faces
        How many rows there are.
    """

    def __init__(self, path: Path, rows: NDArray[np.int32], faces: int) -> None:
        self._path = path
        self._rows = rows
        self._faces = faces
        self._bytes = mapped(path)
        try:
            self._layout = inverted_in(self._bytes, len(rows), MOST_LISTS)
        except Unexpected as error:
            raise DatabaseError.damaged(path, str(error)) from error
        self._index: Any = None
        self._opening = Lock()

    def vote(
        self, descriptors: NDArray[np.float32], most: int, wanted: NDArray[np.bool_] | None = None
    ) -> list[int]:
        """The rows with the most votes from a photo's descriptors [n, 128], best first.

        The weight of a neighbour is how much nearer it is than the tenth, so a descriptor that
        resembles everything has almost no weight.

        Parameters
        ----------
        wanted
            The rows to choose from, bool [N]; None for all.
        """
        if not len(descriptors):
            return []
        with self._opening:
            if self._index is None:
                self._index = self._opened()
        rows, faces = self._rows, self._faces
        return count_votes(self._index, descriptors, rows, faces, most, wanted, self._path)

    def check(self) -> None:
        """Make the checks that opening skips; raises DatabaseError if a feature does not exist."""
        import numpy as np

        rows = self._rows
        seen = np.zeros(len(rows), dtype=bool)
        place = self._layout.start
        for size in self._layout.sizes.tolist():
            place += size * self._layout.code_size
            ids = self._bytes[place : place + size * 8].view("<i8")
            place += size * 8
            seen[ids[(ids >= 0) & (ids < len(rows))]] = True
        if not seen.all() or rows.min(initial=0) < -1 or rows.max(initial=-1) >= self._faces:
            raise DatabaseError.damaged(self._path, "it names features or rows that do not exist")

    def _opened(self) -> Any:
        """The index, read at its first use; few photos need it."""
        import faiss

        # A table of distances would take 67 MB, and for one photo it costs more than it saves.
        index = index_over(self._bytes, self._path, faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE)
        index.nprobe = PROBES
        return index


def count_votes(
    index: Any,
    descriptors: NDArray[np.float32],
    rows: NDArray[np.int32],
    faces: int,
    most: int,
    wanted: NDArray[np.bool_] | None,
    name: Path,
) -> list[int]:
    """Count the votes of a FAISS index; see `InvertedIndex`. `name` is its name in messages."""
    distances, ids = index.search(descriptors, _NEIGHBOURS)
    weights = np.maximum(0, 1 - distances / np.maximum(distances[:, -1:], 1e-6))
    owners = rows[np.clip(ids, 0, len(rows) - 1)]
    if (ids >= len(rows)).any() or (owners >= faces).any():
        raise DatabaseError.damaged(name, "it names rows that do not exist")
    counted = (ids >= 0) & (owners >= 0)
    if wanted is not None:
        counted &= wanted[owners]
    votes = np.bincount(owners[counted], weights[counted])
    best = np.argsort(-votes, kind="stable")[:most]
    return [int(row) for row in best if votes[row] > 0]


@dataclass(frozen=True)
class Extension:
    """An index to extend.

    Parameters
    ----------
    path
        The file of the FAISS index.
    rows
        int32 [features]: the new row of each of its features; -1 for removed rows.
    """

    path: Path
    rows: NDArray[np.int32]


def write_inverted(
    packed: NDArray[np.uint8],
    wanted: NDArray[np.int32],
    path: Path,
    rows_path: Path,
    extension: Extension | None,
    progress: Progress,
) -> bool:
    """Index the local features of faces [N, 180, 68].

    Parameters
    ----------
    wanted
        The rows to index: one for each image.
    path, rows_path
        The files to write: the index, and the row of each of its features.
    extension
        The index to extend; only features of rows that it does not have are added.

    Returns
    -------
    Whether there are enough features to index.
    """
    index: Any
    known = np.zeros(0, np.int32)
    if extension is not None:
        index, known = load_index(extension.path), extension.rows.astype(np.int32)
    else:
        count = sum(len(owners) for owners, _ in _features(packed, wanted))
        if count < LEAST_FEATURES:
            return False
        lists = max(1, min(MOST_LISTS, count // _FEATURES_A_LIST))
        # "np": no polysemous codes, which take half a minute to train and are not used.
        codes = f"PQ{_CODE_BYTES}x8np" if count >= _LEAST_TO_QUANTISE else "SQ8"
        index = faiss.index_factory(128, f"IVF{lists},{codes}")
        # FAISS warns on standard error if a cluster has few examples; here that is intended.
        index.cp.min_points_per_centroid = 1
        index.train(_sample(packed, wanted, count))
    parts = [known]
    added = np.setdiff1d(wanted, known)
    progress.start("indexing local features", len(added), "faces")
    for start in range(0, len(added), _FACES_AT_ONCE):
        some = added[start : start + _FACES_AT_ONCE]
        for owners, descriptors in _features(packed, some):
            index.add(descriptors)
            parts.append(owners)
        progress.advance(len(some))
    progress.finish()
    save_index(index, path)
    save_array(rows_path, np.concatenate(parts))
    return True


def _features(
    packed: NDArray[np.uint8], rows: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Yield the rows and descriptors of all features of `wanted`, some faces at a time."""
    for start in range(0, len(rows), _FACES_AT_ONCE):
        some = rows[start : start + _FACES_AT_ONCE]
        part = packed[some]
        there = part[:, :, 2] > 0
        owners = np.repeat(some, there.sum(axis=1)).astype(np.int32)
        yield owners, np.ascontiguousarray(unpack(part).descriptors[there])


def _sample(
    packed: NDArray[np.uint8], wanted: NDArray[np.int32], count: int
) -> NDArray[np.float32]:
    """Descriptors of random faces, for training."""
    share = min(1.0, _TRAINING_FEATURES / count)
    rows = np.random.default_rng(0).permutation(wanted)[: max(1, round(share * len(wanted)))]
    return np.concatenate([descriptors for _, descriptors in _features(packed, np.sort(rows))])
