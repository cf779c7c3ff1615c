"""Whether two photos show the same cards in the same arrangement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, islice

Spot = tuple[str, complex]
"""A card in a photo: which artwork it has, and its centre (x + yj) in shares of the longer side."""

_LEAST = 3
"""So many different artworks have to lie alike. By hand: two cards lie alike by chance."""
_NEAR = 0.06
"""How far a centre may lie from where it should, in shares of the photo's longer side. By hand: a
photo taken askew moves centres by less, and the cards of a page of nine are 0.2 apart."""
_MOST_SCALE = 3.0
"""How much nearer one photo may be taken than the other. By hand."""
_MOST_TRIED = 2_000
"""Pairs of cards that are tried. By hand: a page of nine has at most 630, all copies of a few."""


def alike(new: Sequence[Spot], old: Sequence[Spot]) -> tuple[int, ...]:
    """Which cards of a photo lie as those of another one, whichever way that was held.

    Returns
    -------
    Their numbers in `new`, from 0; none if the photos show different things. One photo may show
    more than the other, but at least half of the smaller one lies alike.
    """
    pairs = [(i, j) for i, (a, _) in enumerate(new) for j, (b, _) in enumerate(old) if a == b]
    if len({new[i][0] for i, _ in pairs}) < _LEAST:
        return ()
    best: tuple[int, ...] = ()
    bases = (
        (one, other) for one, other in combinations(pairs, 2) if new[one[0]][0] != new[other[0]][0]
    )
    for (i, j), (k, m) in islice(bases, _MOST_TRIED):
        apart = old[m][1] - old[j][1]
        if not apart:
            continue
        turn = (new[k][1] - new[i][1]) / apart
        if not 1 / _MOST_SCALE < abs(turn) < _MOST_SCALE:
            continue
        shift = new[i][1] - turn * old[j][1]
        found: dict[int, int] = {}
        for a, b in pairs:
            near = abs(turn * old[b][1] + shift - new[a][1]) < _NEAR
            if near and a not in found and b not in found.values():
                found[a] = b
        if len(found) > len(best):
            best = tuple(found)
        if len(best) == min(len(new), len(old)):
            break
    enough = len({new[i][0] for i in best}) >= _LEAST
    return best if enough and 2 * len(best) >= min(len(new), len(old)) else ()
