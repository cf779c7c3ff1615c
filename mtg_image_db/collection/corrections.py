"""Corrections: a person's answers in the review's CSV file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import cast

from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import (
    CONDITIONS,
    FINISHES,
    LANGUAGES,
    Assumptions,
    Condition,
    Finish,
)
from mtg_image_db.collection.lines import Line, review_lines, spelled
from mtg_image_db.collection.lookup import find_printings
from mtg_image_db.database.database import Database
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.pictures.inputs import identity
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import path_of

_SHOWN = 12
"""How many printings a message lists, if an answer may be several. By hand: two lines of text."""


@dataclass(frozen=True)
class Correction:
    """One line of corrections, for one card.

    Parameters
    ----------
    line
        Its number in the file.
    cells
        The filled-in cells by column.
    printing
        The one that the answer names.
    place
        The card's place in the photo (see `Sighting`).
    file
        The file's name, for messages.
    """

    line: int
    cells: Mapping[str, str]
    printing: Printing | None = None
    place: tuple[float, float] | None = None
    file: str = "corrections"

    @property
    def where(self) -> str:
        """The file and the line, for messages."""
        return f"{self.file}, line {self.line}"

    @property
    def answer(self) -> Answer:
        """What the line says of the card."""
        return Answer(
            self.printing,
            self.cells["answer"].lower() == "skip",
            int(self.cells["quantity"] or 1),
            cast("Finish", self.cells["finish"]),
            cast("Condition", self.cells["condition"]),
            self.cells["lang"],
        )


def read_corrections(
    path: str | PathLike[str], database: Database, photos: Collection[str], assumed: Assumptions
) -> dict[str, Correction]:
    """Read a review's CSV file that a person filled in, and check all of it.

    `photos` are the photos of this run, by the names in the ids of cards. The file may use another
    name of the same photo.

    Returns
    -------
    Corrections by the id of the card, without lines in which nothing was filled in. A card that a
    scan has missed and a person has added has the id ``photo#+1``, and a printing.

    Raises
    ------
    InvalidArguments
        Some lines make no sense; all are listed with their numbers.
    MissingInput
        The file does not exist.
    """
    path = path_of("path", path)
    lines = review_lines(path)
    filled = [line for line in lines if line.filled]
    cards = _Cards(lines, photos)
    problems: list[tuple[int, str]] = []
    answered: dict[str, Line] = {}
    for line in filled:
        problems += [(line.number, text) for text in _problems(line.cells)]
        card, problem = cards.of(line)
        if not problem and card in answered:
            problem = f"{line.id} already has an answer on line {answered[card].number}"
        if problem:
            problems.append((line.number, problem))
        answered.setdefault(card, line)
    named = {answer for line in filled if (answer := _named(line))}
    meant = find_printings(database, named, assumed.lang)
    found: dict[str, Correction] = {}
    for card, line in answered.items():
        correction = Correction(line.number, line.cells, place=line.place, file=str(path))
        try:
            found[card] = _complete(correction, line, meant.get(_named(line), ()), assumed)
        except _Unclear as error:
            problems.append((line.number, str(error)))
    if problems:
        raise InvalidArguments([f"{path}, line {line}: {text}" for line, text in sorted(problems)])
    return {card: one for card, one in found.items() if not (_is_added(card) and one.answer.skip)}


class _Cards:
    """The cards that the lines of a review are about."""

    def __init__(self, lines: Sequence[Line], photos: Collection[str]) -> None:
        self._named: dict[object, str] = {}
        for photo in photos:
            self._named |= {identity(photo): photo, spelled(photo): photo}
        self._seen = {line.id for line in lines if not line.by_hand}
        self._count = Counter(one.rpartition("#")[0] for one in self._seen if not _is_added(one))
        numbers = (line.id.rpartition("#+")[2] for line in lines if _is_added(line.id))
        self._last = max(map(int, numbers), default=0)

    def of(self, line: Line) -> tuple[str, str]:
        """The id of a line's card in this run, and why there is no such card, if so."""
        written, _, number = line.id.rpartition("#") if line.id else (line.photo, "", "+1")
        photo = self._named.get(written) or self._named.get(identity(written))
        if photo is None or not re.fullmatch(r"\+?[0-9]{1,6}", number):
            return line.id or f"{written}#?{line.number}", self._no_photo(line)
        if not line.id:
            self._last += 1
            number = f"+{self._last}"
        elif line.by_hand and line.id not in self._seen and not _is_added(line.id):
            return f"{photo}#{number}", (
                f"{line.id} is none of the {self._count[written]} cards of {written} here: to add "
                "a card that was missed, leave id empty and write the photo into the column photo"
            )
        return f"{photo}#{number}", ""

    @staticmethod
    def _no_photo(line: Line) -> str:
        if line.id:
            return f"{line.id!r} is not a card of the given photos"
        if line.photo:
            return f"{line.photo!r} is not one of the given photos"
        return "it has neither an id nor a photo: write the photo that shows the card into photo"


def _is_added(card: str) -> bool:
    """Whether the id is that of a card that a person has added."""
    return re.fullmatch(r"\+[0-9]{1,6}", card.rpartition("#")[2]) is not None


def _named(line: Line) -> str:
    """The answer, if it names a printing or a card."""
    answer = line.cells["answer"]
    return "" if answer.lower() == "skip" else answer


def _problems(cells: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a line, whatever is in the database."""
    if not re.fullmatch(r"([1-9][0-9]{0,5})?", cells["quantity"]):
        yield f"quantity must be a whole number of at least 1, not {cells['quantity']!r}"
    for name, words in (("finish", FINISHES), ("condition", CONDITIONS), ("lang", LANGUAGES)):
        if cells[name] and cells[name] not in words:
            also = " (or NM, LP, MP, HP, DMG)" if name == "condition" else ""
            yield f"{name} must be one of {', '.join(words)}{also}, not {cells[name]!r}"


class _Unclear(Exception):
    """Why an answer does not say which printing it is."""


def _complete(
    correction: Correction, line: Line, meant: Sequence[Printing], assumed: Assumptions
) -> Correction:
    """Add the printing that the answer names; raises `_Unclear` if it names none."""
    answer, finish = line.cells["answer"], line.cells["finish"]
    if not _named(line):
        if not answer and (not line.id or _is_added(line.id)):
            raise _Unclear("it adds a card: write into answer which one")
        return correction
    if not meant and "; " in answer:
        raise _Unclear(f"{answer!r} is more than one answer: write only one of them")
    if not meant:
        raise _Unclear(
            f"the database has no printing and no card {answer!r}: write set and number (LEA 161), "
            "the card's name, a Scryfall id, or skip; if it is new, run mtg-db update first"
        )
    fitting = _fitting(line, meant, assumed)
    if len(fitting) > 1:
        labels = [one.label for one in fitting]
        more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
        raise _Unclear(
            f"{answer} may be {len(labels)} printings: write one of "
            f"{', '.join(labels[:_SHOWN])}{more}"
        )
    [printing] = fitting
    if printing.digital:
        raise _Unclear(f"{answer} exists on screens only, and cannot have been photographed")
    exist = [one for one in FINISHES if one in printing.finishes]
    if not exist or (finish or assumed.finish or "nonfoil") in exist:
        return replace(correction, printing=printing)
    if finish or len(exist) > 1:
        raise _Unclear(f"the finish of {answer} must be {' or '.join(exist)}")
    # If a printing exists only as foil, its name implies the finish.
    cells = {**correction.cells, "finish": exist[0]}
    return replace(correction, printing=printing, cells=cells)


def _fitting(line: Line, meant: Sequence[Printing], assumed: Assumptions) -> Sequence[Printing]:
    """The printings of a named card that the line's candidates, sets and finish leave.

    They are in the order of the candidates.
    """
    finish, lang = line.cells["finish"] or assumed.finish, line.cells["lang"]
    tests: tuple[Callable[[Printing], bool], ...] = (
        lambda one: one.label in line.candidates,
        lambda one: one.set in assumed.sets,
        lambda one: finish in one.finishes,
        lambda one: one.lang == lang,
    )
    for passes in tests:
        meant = [one for one in meant if passes(one)] or meant
    order = {label: number for number, label in enumerate(line.candidates)}
    return sorted(meant, key=lambda one: order.get(one.label, len(order)))
