"""An inverted index in pieces: what it has learned, and the codes of each face's features.

A database server keeps the pieces; whoever asks it joins those of one generation again. The joined
index has the same lists and codes, so it votes like the one that was taken apart.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.index.inverted import MOST_LISTS, PROBES, count_votes
from mtg_image_db.index.layout import Unexpected, inverted_in
from mtg_image_db.index.storage import load_index

_PLACE_BYTES = 2
"""Bytes of a list's number: there are at most 4,096."""


class SplitIndex:
    """An inverted index, taken apart.

    Parameters
    ----------
    path
        The FAISS index; its layout was checked.
    rows
        int32 [features]: the row of each feature; -1 for removed rows.

    Attributes
    ----------
    learned
        The FAISS index without any feature, as bytes.
    """

    def __init__(self, path: Path, rows: NDArray[np.int32]) -> None:
        index = load_index(path)
        lists = faiss.downcast_InvertedLists(index.invlists)
        self._codes = np.zeros((len(rows), lists.code_size), np.uint8)
        self._lists = np.zeros(len(rows), "<u2")
        for number in range(lists.nlist):
            if size := lists.list_size(number):
                ids = faiss.rev_swig_ptr(lists.get_ids(number), size)
                codes = faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size)
                self._lists[ids] = number
                self._codes[ids] = codes.reshape(size, -1)
        index.reset()
        self.learned = bytes(faiss.serialize_index(index))
        self._order = np.argsort(rows, kind="stable")
        self._sorted = rows[self._order]

    def of(self, row: int) -> bytes:
        """The codes of a row's features: the number of each one's list, then the code of each."""
        # Of another type, they would make NumPy convert all rows each time.
        ends = np.array([row, row + 1], self._sorted.dtype)
        start, end = np.searchsorted(self._sorted, ends)
        some = self._order[start:end]
        return self._lists[some].tobytes() + self._codes[some].tobytes()


class JoinedIndex:
    """An inverted index, put together from its pieces.

    Parameters
    ----------
    learned
        See `SplitIndex`.
    faces
        The codes of each face, in the order of the rows; empty where it has none.

    Raises
    ------
    Unexpected
        The pieces are damaged.
    """

    def __init__(self, learned: bytes, faces: Iterator[list[bytes]]) -> None:
        layout = inverted_in(np.frombuffer(learned, np.uint8), 0, MOST_LISTS)
        stream = io.BytesIO(learned)
        flags = faiss.IO_FLAG_SKIP_PRECOMPUTE_TABLE
        self._index: Any = faiss.read_index(faiss.PyCallbackIOReader(stream.read), flags)
        self._index.nprobe = PROBES
        self._size = layout.code_size
        self._count = 0
        owners = [self._add(some) for some in faces]
        self._rows = np.concatenate([np.zeros(0, np.int32), *owners])

    def vote(
        self, descriptors: NDArray[np.float32], most: int, wanted: NDArray[np.bool_] | None = None
    ) -> list[int]:
        """See `InvertedIndex.vote`."""
        if not len(descriptors) or not len(self._rows):
            return []
        name = Path("the inverted index")
        return count_votes(self._index, descriptors, self._rows, self._count, most, wanted, name)

    def _add(self, faces: list[bytes]) -> NDArray[np.int32]:
        """Add the features of some faces; return the number of each one's face."""
        each = _PLACE_BYTES + self._size
        counts = [len(one) // each for one in faces]
        lists = np.concatenate(
            [np.zeros(0, "<u2")]
            + [np.frombuffer(one, "<u2", n) for one, n in zip(faces, counts, strict=True)]
        )
        codes = b"".join(one[n * _PLACE_BYTES :] for one, n in zip(faces, counts, strict=True))
        inside = faiss.downcast_InvertedLists(self._index.invlists)
        if len(codes) != len(lists) * self._size or lists.max(initial=0) >= inside.nlist:
            raise Unexpected("its codes: not what mtg-db writes")
        rows: NDArray[np.int32] = np.repeat(np.arange(len(faces), dtype=np.int32), counts)
        rows += np.int32(self._count)
        table = np.frombuffer(codes, np.uint8).reshape(len(lists), self._size)
        first = int(self._index.ntotal)
        order = np.argsort(lists, kind="stable")
        numbers, starts = np.unique(lists[order], return_index=True)
        # Nothing at all can still be split into one part.
        for number, some in zip(numbers, np.split(order, starts[1:]), strict=len(lists) > 0):
            ids = np.ascontiguousarray(some + first, dtype=np.int64)
            block = np.ascontiguousarray(table[some])
            inside.add_entries(int(number), len(ids), faiss.swig_ptr(ids), faiss.swig_ptr(block))
        self._index.ntotal = first + len(lists)
        self._count += len(faces)
        return rows
