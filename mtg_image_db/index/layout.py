"""Check the two FAISS files of a database before FAISS reads them.

A file may name any FAISS class. Some classes open other files and write to them
(OnDiskInvertedLists), and FAISS trusts much of what it reads. A database may come from a stranger.
So only the classes that this program writes are accepted, every count must fit the file, and every
link must lead to a node.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_INNER_PRODUCT, _L2 = 0, 1
"""FAISS's numbers for its metrics."""
_LEAST_PROBABILITY = 1e-9
"""A level of the graph that a node reaches less often has no entry: as in FAISS's
`HNSW::set_default_probas`."""
_FEATURE = 128
"""Numbers of a SIFT descriptor."""
_CENTROIDS = 256
"""Centres of each part of a PQ code of 8 bits."""


class Unexpected(Exception):
    """A file differs from what this program writes; the text says where."""


@dataclass(frozen=True)
class Graph:
    """The content of an index of vectors: IndexIDMap over IndexHNSWFlat, inner product.

    Parameters
    ----------
    m, ef_construction
        See `hnsw.new_index`.
    ids
        int64 [entries].
    """

    dimension: int
    m: int
    ef_construction: int
    ids: NDArray[np.int64]


@dataclass(frozen=True)
class Inverted:
    """Where the lists of an inverted index are: the codes and ids of one list after another.

    Parameters
    ----------
    sizes
        int64 [lists]: number of entries in each.
    code_size
        Bytes of an entry's code.
    start
        Where the first list begins.
    """

    sizes: NDArray[np.int64]
    code_size: int
    start: int


class _Reader:
    """Reads a file's bytes in order; raises `Unexpected` if it ends too soon."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self.place = 0

    @property
    def left(self) -> int:
        """Number of bytes not read yet."""
        return len(self._data) - self.place

    def code(self, *wanted: bytes) -> bytes:
        """The four letters of a class, which must be one of `wanted`."""
        found = self._data[self.place : self.place + 4].tobytes()
        if found not in wanted:
            names = " or ".join(each.decode() for each in wanted)
            raise Unexpected(
                f"it holds {found.decode('ascii', 'replace')!r} where mtg-db writes {names}"
            )
        self.place += 4
        return found

    def values(self, layout: str) -> tuple[Any, ...]:
        """Some numbers, by a format of `struct`."""
        size = struct.calcsize("<" + layout)
        if size > self.left:
            raise Unexpected("it is cut off")
        found = struct.unpack("<" + layout, self._data[self.place : self.place + size].tobytes())
        self.place += size
        return found

    def array(self, dtype: str, what: str, count: int | None = None) -> NDArray[Any]:
        """An array that follows its length, which must equal `count` if that is given."""
        import numpy as np

        [length] = self.values("Q")
        size = length * np.dtype(dtype).itemsize
        if size > self.left or count not in (None, length):
            raise Unexpected(f"it has {length} {what}")
        found = self._data[self.place : self.place + size].view(dtype)
        self.place += size
        return found

    def header(self, metric: int) -> tuple[int, int]:
        """Dimension and number of vectors of an index."""
        dimension, count, _, _, trained, found = self.values("iqqqBi")
        _need(dimension > 0 and count >= 0 and trained == 1 and found == metric, "header")
        return dimension, count


def graph_in(data: NDArray[np.uint8]) -> Graph:
    """Check the bytes of an index of vectors, before FAISS reads them."""
    import numpy as np

    reader = _Reader(data)
    reader.code(b"IxMp")
    shape = dimension, count = reader.header(_INNER_PRODUCT)
    reader.code(b"IHNf")
    _need(reader.header(_INNER_PRODUCT) == shape, "graph")
    probabilities = reader.array("<f8", "levels")
    places = reader.array("<i4", "levels", len(probabilities) + 1)
    levels = reader.array("<i4", "nodes", count)
    offsets = reader.array("<i8", "nodes", count + 1)
    links = reader.array("<i4", "links")
    entry, top, ef_construction, _, _ = reader.values("5i")
    m = _links_a_node(probabilities, places)
    _check_links(places, levels, offsets, links)
    _need(
        entry == top == -1 if count == 0 else 0 <= entry < count and levels[entry] == top + 1,
        "entry point",
    )
    _need(count == 0 or levels.max() == top + 1, "entry point")
    reader.code(b"IxFI")
    _need(reader.header(_INNER_PRODUCT) == shape, "vectors")
    reader.array("<f4", "numbers", count * dimension)
    ids = reader.array("<i8", "ids", count)
    _need(not reader.left, "end")
    return Graph(dimension, m, ef_construction, np.asarray(ids))


def _links_a_node(probabilities: NDArray[np.float64], places: NDArray[np.int32]) -> int:
    """The M of a graph, checked: its tables must be those that FAISS makes for this M."""
    import numpy as np

    m = int(places[1]) // 2 if len(places) > 1 else 0
    _need(m > 1, "links of a node")
    count = 1 + int(math.log((1 - 1 / m) / _LEAST_PROBABILITY) / math.log(m))
    level = np.arange(count)
    _need(
        len(probabilities) == count
        and np.allclose(probabilities, (1 - 1 / m) * float(m) ** -level, rtol=1e-4, atol=0)
        and places[0] == 0
        and bool((places[1:] == m * (level + 2)).all()),
        "links of a node",
    )
    return m


def _check_links(
    places: NDArray[np.int32],
    levels: NDArray[np.int32],
    offsets: NDArray[np.int64],
    links: NDArray[np.int32],
) -> None:
    """Check that each node has the links of its levels, and each link leads to such a node."""
    import numpy as np

    count = len(levels)
    _need(bool(((levels >= 1) & (levels < len(places))).all()), "levels")
    _need(offsets[0] == 0 and bool((np.diff(offsets) == places[levels]).all()), "offsets")
    _need(offsets[-1] == len(links), "offsets")
    _need(links.min(initial=-1) >= -1 and links.max(initial=-1) < count, "links")
    # All nodes are on the lowest level.
    for level in range(1, int(levels.max(initial=1))):
        nodes = np.flatnonzero(levels > level)
        some = links[offsets[nodes, None] + np.arange(places[level], places[level + 1])]
        _need(bool((levels[some[some >= 0]] > level).all()), "links")


def inverted_in(data: NDArray[np.uint8], features: int, most_lists: int) -> Inverted:
    """Check the bytes of an index of local features, before FAISS reads them.

    Parameters
    ----------
    features
        The number of features that it must have.
    """
    reader = _Reader(data)
    kind = reader.code(b"IwPQ", b"IwSq")
    _need(reader.header(_L2) == (_FEATURE, features), "header")
    lists, _ = reader.values("QQ")
    _need(1 <= lists <= most_lists, "lists")
    reader.code(b"IxF2")
    _need(reader.header(_L2) == (_FEATURE, lists), "centres")
    reader.array("<f4", "numbers", lists * _FEATURE)
    _need(reader.values("b") == (0,), "map")
    reader.array("<i8", "places", 0)
    if kind == b"IwPQ":
        residual, code_size, *quantiser = reader.values("BQQQQ")
        _need((code_size, *quantiser) == (16, _FEATURE, 16, 8), "codes")
        reader.array("<f4", "numbers", _CENTROIDS * _FEATURE)
    else:
        *quantiser, _, size, code_size = reader.values("iifQQ")
        _need((*quantiser, size, code_size) == (0, 0, _FEATURE, _FEATURE), "codes")
        reader.array("<f4", "numbers", 2 * _FEATURE)
        again, residual = reader.values("QB")
        _need(again == code_size, "codes")
    _need(residual in (0, 1), "codes")
    # No other class of lists is accepted: some name another file.
    reader.code(b"ilar")
    _need(reader.values("QQ") == (lists, code_size), "lists")
    sizes = _sizes_of_lists(reader, lists)
    _need(bool((sizes >= 0).all() and (sizes <= features).all()), "lists")
    _need(sizes.sum() == features and reader.left == features * (code_size + 8), "lists")
    return Inverted(sizes, code_size, reader.place)


def _sizes_of_lists(reader: _Reader, lists: int) -> NDArray[np.int64]:
    """All sizes. If most lists are empty, FAISS writes only the others, each after its number."""
    import numpy as np

    if reader.code(b"full", b"sprs") == b"full":
        return np.asarray(reader.array("<i8", "lists", lists))
    pairs = reader.array("<i8", "lists")
    _need(len(pairs) % 2 == 0 and len(pairs) <= 2 * lists, "lists")
    numbers = pairs[0::2]
    _need(bool((np.diff(numbers, prepend=-1) > 0).all() and (numbers < lists).all()), "lists")
    sizes = np.zeros(lists, dtype=np.int64)
    sizes[numbers] = pairs[1::2]
    return sizes


def _need(good: bool, what: str) -> None:
    if not good:
        raise Unexpected(f"its {what}: not what mtg-db writes")
