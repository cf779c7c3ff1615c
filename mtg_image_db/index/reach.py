"""Make every node of an HNSW graph reachable; a node without a link to it is never found.

FAISS can leave such nodes behind: each neighbour of two near twins keeps the link to only one of
them, and twins that two threads insert at the same time do not see each other. On 227 real card
scans, with several printings of one artwork, it happened at the first try.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

_NODES_AT_ONCE = 8192
"""Nodes whose links are read at a time. By hand."""
_ROUNDS = 10
"""Largest number of rounds; nodes that are still lost then stay lost. By hand."""


def connect_unreachable(graph: Any) -> int:
    """Add a link to each node of a `faiss.IndexHNSW` that the entry point cannot reach.

    The link starts at the nearest reachable node to which the lost node itself links. It replaces a
    link that its target can spare.

    Returns
    -------
    The number of added links.
    """
    if graph.ntotal == 0:
        return 0
    links = _Links(graph)
    added = 0
    # To remove a link can lose another node; each round repairs what the last one left.
    for _ in range(_ROUNDS):
        reached = np.zeros(graph.ntotal, dtype=bool)
        links.spread(reached, np.array([links.entry]))
        if reached.all():
            break
        spare = links.counted()
        for node in np.flatnonzero(~reached):
            if not reached[node]:
                links.lead_to(int(node), reached, spare)
                added += 1
                links.spread(reached, np.array([node]))
    return added


class _Links:
    """The links of a graph's lowest level, which has all nodes; they are changed in place."""

    def __init__(self, graph: Any) -> None:
        hnsw = graph.hnsw
        self.entry = int(hnsw.entry_point)
        self._targets: NDArray[np.int32] = faiss.rev_swig_ptr(
            hnsw.neighbors.data(), hnsw.neighbors.size()
        )
        self._offsets = faiss.vector_to_array(hnsw.offsets)[:-1].astype(np.int64)
        self._places = np.arange(hnsw.nb_neighbors(0))

    def _rows(self, nodes: NDArray[np.int64]) -> Iterator[NDArray[np.int32]]:
        """Yield the link targets of some nodes, a few thousand nodes at a time."""
        for start in range(0, len(nodes), _NODES_AT_ONCE):
            some = self._offsets[nodes[start : start + _NODES_AT_ONCE], None] + self._places
            targets = self._targets[some]
            yield targets[targets >= 0]

    def spread(self, reached: NDArray[np.bool_], frontier: NDArray[np.int64]) -> None:
        """Mark all nodes that can be reached from `frontier`."""
        reached[frontier] = True
        while len(frontier):
            following = np.zeros(len(reached), dtype=bool)
            for targets in self._rows(frontier):
                following[targets] = True
            following &= ~reached
            reached |= following
            frontier = np.flatnonzero(following)

    def counted(self) -> NDArray[np.int64]:
        """The number of links to each node."""
        count = np.zeros(len(self._offsets), dtype=np.int64)
        for targets in self._rows(np.arange(len(self._offsets))):
            count += np.bincount(targets, minlength=len(count))
        return count

    def lead_to(self, node: int, reached: NDArray[np.bool_], spare: NDArray[np.int64]) -> None:
        """Add a link to a node, from the nearest reached node to which it links."""
        own = self._targets[self._offsets[node] + self._places]
        near = [int(n) for n in own if n >= 0 and reached[n]]
        for neighbor in [*near, self.entry]:
            row = self._offsets[neighbor] + self._places
            targets = self._targets[row]
            # Searches stop at the first free place, so use that one. If there is none, use the
            # place of the farthest target that has another link.
            free = np.flatnonzero(targets < 0)[:1]
            others = [p for p in range(len(row) - 1, -1, -1) if spare[targets[p]] > 1]
            place = int(free[0]) if len(free) else (others[0] if others else None)
            if place is not None:
                if targets[place] >= 0:
                    spare[targets[place]] -= 1
                self._targets[row[place]] = node
                spare[node] += 1
                return
