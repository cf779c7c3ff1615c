"""Every node of an HNSW graph must be reachable: one that no link leads to is never found.

FAISS can leave such nodes behind: of two near twins, each neighbour prunes the link to one in
favour of the other, and twins that two threads insert at once do not see each other. On 227 real
card scans, with several printings of one artwork, it happened at the first try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def connect_unreachable(graph: Any) -> int:
    """Lead a link to each node of a `faiss.IndexHNSW` that none leads to from the entry point.

    The link comes from the nearest reachable node that the lost one itself links to, in the place
    of a link that its target can spare.

    Returns
    -------
    How many links were added.
    """
    import faiss
    import numpy as np

    hnsw = graph.hnsw
    if graph.ntotal == 0:
        return 0
    neighbors = faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())
    offsets = faiss.vector_to_array(hnsw.offsets)[:-1].astype(np.int64)
    slots = offsets[:, None] + np.arange(hnsw.nb_neighbors(0))
    added = 0
    # Taking a link away can lose another node; each round sees to what the last one left.
    for _ in range(10):
        reached = np.zeros(graph.ntotal, dtype=bool)
        _spread(neighbors, slots, reached, np.array([hnsw.entry_point]))
        if reached.all():
            break
        spare = np.bincount(neighbors[slots][neighbors[slots] >= 0], minlength=graph.ntotal)
        for node in np.flatnonzero(~reached):
            if not reached[node]:
                _link_to(int(node), int(hnsw.entry_point), neighbors, slots, reached, spare)
                added += 1
                _spread(neighbors, slots, reached, np.array([node]))
    return added


def _spread(
    neighbors: NDArray[np.int32],
    slots: NDArray[np.int64],
    reached: NDArray[np.bool_],
    frontier: NDArray[np.int64],
) -> None:
    """Mark everything that can be reached from some nodes on the lowest level."""
    import numpy as np

    reached[frontier] = True
    while len(frontier):
        following = np.unique(neighbors[slots[frontier]]).astype(np.int64)
        following = following[following >= 0]
        frontier = following[~reached[following]]
        reached[frontier] = True


def _link_to(
    node: int,
    entry: int,
    neighbors: NDArray[np.int32],
    slots: NDArray[np.int64],
    reached: NDArray[np.bool_],
    spare: NDArray[np.int64],
) -> None:
    own = neighbors[slots[node]]
    near = [int(n) for n in own if n >= 0 and reached[n]]
    for neighbor in [*near, entry]:
        row = slots[neighbor]
        links = neighbors[row]
        # A free place, or from the farthest on one whose target has another way in.
        for place in [*_free(links), *range(len(row) - 1, -1, -1)]:
            target = links[place]
            if target < 0 or spare[target] > 1:
                if target >= 0:
                    spare[target] -= 1
                neighbors[row[place]] = node
                spare[node] += 1
                return


def _free(links: NDArray[np.int32]) -> list[int]:
    import numpy as np

    # Searches stop at the first free place, so only that one counts.
    return [int(place) for place in np.flatnonzero(links < 0)[:1]]
