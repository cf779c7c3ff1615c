"""What lies before one camera: which cards are seen, which are due to be taken, which are held.

A card is taken when it was named alike in two looks. Then it is held: it counts again only after it
left the picture. Only names and places are known here; nothing of pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import dist, inf
from typing import Any, Literal

Take = Literal["auto", "never", "now"]
"""Take cards by themselves, take none, or take all that are named and not held yet."""

_LOOKS_TO_TAKE = 2
"""In so many looks a card is named alike before it is taken. One look may misname it."""
_GONE = 4
"""A card has left the picture at so many points. A look without it counts 2, so one missed look
between two others is no absence; 1 if something unnamed lies at its place. By hand."""
_SAME_PLACE = 0.1
"""Cards whose centres are nearer than this lie at one place, in shares of the picture's sides. By
hand: a card that is held before the camera is some 0.2 wide."""


@dataclass(frozen=True)
class Seen:
    """A card in one look.

    Parameters
    ----------
    key
        What the card is, whatever its printing; empty if it was not named.
    place
        Its centre, in shares of the picture's width and height.
    worth
        How good an answer it is: of two looks, the answer that is worth more is taken.
    what
        Anything that belongs to it.
    """

    key: str
    place: tuple[float, float]
    worth: tuple[float, ...] = ()
    what: Any = field(default=None, compare=False)


@dataclass(eq=False)
class Card:
    """A card that lies before the camera.

    Parameters
    ----------
    best
        The look at it that was worth most; None if it was taken before the server was started.
    place
        Where it was seen last; None if that is not known.
    looks
        In how many looks it was named.
    missed
        Points of absence since it was seen last.
    entry
        Its entry in the collection; None before it was taken.
    """

    key: str
    best: Seen | None = None
    place: tuple[float, float] | None = None
    looks: int = 0
    missed: int = 0
    entry: int | None = None


class Table:
    """The cards before one camera.

    Parameters
    ----------
    held
        Keys and entries of cards that were taken already and may still lie there.
    """

    def __init__(self, held: Iterable[tuple[str, int]] = ()) -> None:
        self._cards = [Card(key, entry=entry) for key, entry in held]

    def look(self, seen: Sequence[Seen]) -> list[Card | None]:
        """Take note of all cards in one picture.

        Returns
        -------
        For each of them, the card that it is: the same object in each look. None if it has no key.
        """
        pairs = self._paired(seen)
        for one, card in zip(seen, pairs, strict=True):
            if card is not None:
                card.looks += 1
                card.missed = 0
                card.place = one.place
                if card.best is None or one.worth >= card.best.worth:
                    card.best = one
        here = {id(card) for card in pairs}
        for card in self._cards:
            if id(card) not in here:
                card.missed += self._points(card, seen)
        self._cards = [card for card in self._cards if card.missed < _GONE]
        return pairs

    def due(self, seen: Iterable[Card | None], take: Take) -> list[Card]:
        """Those of the cards just seen that are to be taken; then set their `entry`."""
        least = {"auto": _LOOKS_TO_TAKE, "now": 1}.get(take, inf)
        new = [card for card in seen if card is not None and card.entry is None]
        return [card for card in new if card.looks >= least]

    def wants_another_look(self, take: Take) -> bool:
        """Whether the next look may settle something, though the picture does not change."""
        return any(card.missed or (take == "auto" and card.entry is None) for card in self._cards)

    def _paired(self, seen: Sequence[Seen]) -> list[Card | None]:
        """The card of each one seen: of equal cards the nearest, or else a new one."""
        pairs: list[Card | None] = [None] * len(seen)
        free = list(self._cards)
        near = sorted(
            (dist(one.place, card.place) if card.place else 0.0, number, position)
            for number, one in enumerate(seen)
            for position, card in enumerate(free)
            if one.key == card.key
        )
        given: set[int] = set()
        for _, number, position in near:
            if pairs[number] is None and position not in given:
                given.add(position)
                pairs[number] = free[position]
        for number, one in enumerate(seen):
            if one.key and pairs[number] is None:
                pairs[number] = card = Card(one.key)
                self._cards.append(card)
        return pairs

    @staticmethod
    def _points(card: Card, seen: Sequence[Seen]) -> int:
        """How much a look without a card says that it is gone."""
        place = card.place
        there = [one for one in seen if place and dist(one.place, place) < _SAME_PLACE]
        if any(one.key for one in there):
            # At its place lies another card. If it was not taken yet, it was that one, misnamed.
            return 2 if card.entry is not None else _GONE
        return 1 if there else 2
