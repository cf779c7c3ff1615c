"""What a card says about itself: which printing it is, its finish and its language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mtg_image_db.scryfall.printing import LANGUAGE_NAMES, Printing

PrintingVerdict = Literal["exact", "group", "unknown"]
Corners = tuple[tuple[float, float], ...]

_MOST_NAMED = 8
"""How many candidates `PrintingAnswer.summary` names: so many fit into a line."""


@dataclass(frozen=True)
class PrintingCandidate:
    """A printing that the card may be.

    Parameters
    ----------
    probability
        0 to 1. Those of all candidates of a card add up to 1, but for what was left out as too
        unlikely.
    """

    printing: Printing
    probability: float

    def to_json(self) -> dict[str, Any]:
        """The candidate as JSON types (docs/json.md)."""
        return {
            "scryfall_id": self.printing.scryfall_id,
            "set": self.printing.set,
            "collector_number": self.printing.collector_number,
            "probability": round(self.probability, 4),
        }


@dataclass(frozen=True)
class Reading:
    """A value that was read on the card; ``unknown`` if nothing could be read.

    Parameters
    ----------
    value
        A finish (``foil``, ``nonfoil``) or one of Scryfall's language codes, or ``unknown``.
    probability
        How sure it is, 0 to 1; 0 if it is unknown.
    """

    value: str = "unknown"
    probability: float = 0.0

    @property
    def known(self) -> bool:
        """Whether something was read."""
        return self.value != "unknown"

    def to_json(self) -> dict[str, Any]:
        """The reading as JSON types (docs/json.md)."""
        return {"value": self.value, "probability": round(self.probability, 4)}


@dataclass(frozen=True)
class TitleAnswer:
    """What a card's title says, if that names the card.

    Parameters
    ----------
    verdict
        How sure it is which card has this title.
    title
        The title, plainly: that of a half, or a printed name in another language.
    text
        The letters as they were read; `…` where something covers them.
    quad
        Corners (x, y) of the strip where it stands, clockwise from its top left, in pixels of the
        upright picture.
    """

    verdict: Literal["confident", "likely"]
    title: str
    text: str
    quad: Corners

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON types (docs/json.md)."""
        return {
            "verdict": self.verdict,
            "title": self.title,
            "text": self.text,
            "quad": [[round(x, 1), round(y, 1)] for x, y in self.quad],
        }


@dataclass(frozen=True)
class PrintingAnswer:
    """Which printing a card is, and what else it says about itself.

    Parameters
    ----------
    verdict
        ``exact``: it is the first candidate. ``group``: it is one of the candidates. ``unknown``:
        what stands on the card contradicts all known printings of the artwork, or the card has no
        name. docs/printings.md says how often each is right.
    candidates
        The most probable first.
    finish, lang
        What the card says of them.
    reasons
        Sentences for people: what was read, and what could not be told apart.
    strip
        Corners (x, y) of the part of the card that was read, clockwise from its top left, in pixels
        of the upright picture; empty if nothing was read.
    """

    verdict: PrintingVerdict = "unknown"
    candidates: tuple[PrintingCandidate, ...] = ()
    finish: Reading = Reading()
    lang: Reading = Reading()
    reasons: tuple[str, ...] = ()
    strip: Corners = ()

    @property
    def printing(self) -> Printing | None:
        """The printing, if the verdict is ``exact``."""
        return self.candidates[0].printing if self.verdict == "exact" else None

    @property
    def probabilities(self) -> dict[str, float]:
        """The probabilities of the candidates, by set and number."""
        return {one.printing.label: one.probability for one in reversed(self.candidates)}

    @property
    def summary(self) -> str:
        """The answer in a few words: ``FIC 230, exact (0.998), foil, English``.

        Empty if nothing is known and nothing is to be said about it.
        """
        labels = list(dict.fromkeys(one.printing.label for one in self.candidates))
        words = ["unknown"]
        if self.verdict == "exact":
            words = [labels[0], f"exact ({self.candidates[0].probability:.3f})"]
        elif self.verdict == "group":
            more = len(labels) - _MOST_NAMED
            named = ", ".join(labels[:_MOST_NAMED])
            words = [f"one of {named}" if len(labels) > 1 else f"probably {named}"]
            if more > 0:
                words = [f"{words[0]} and {more} more"]
        if self.finish.known:
            words.append(self.finish.value)
        if self.lang.known:
            words.append(LANGUAGE_NAMES.get(self.lang.value, self.lang.value))
        return ", ".join(words) if words != ["unknown"] or self.reasons else ""

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON types (docs/json.md)."""
        return {
            "verdict": self.verdict,
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "finish": self.finish.to_json(),
            "lang": self.lang.to_json(),
            "reasons": list(self.reasons),
        }
