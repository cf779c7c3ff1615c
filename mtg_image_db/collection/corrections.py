"""Corrections: a person's answers in the review's CSV file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, cast

from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import (
    CONDITIONS,
    FINISHES,
    LANGUAGES,
    Assumptions,
    Condition,
    Finish,
)
from mtg_image_db.database.database import Database
from mtg_image_db.errors import InvalidArguments, MissingInput
from mtg_image_db.pictures.inputs import identity
from mtg_image_db.scryfall.faces import is_card_id
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import path_of
from mtg_image_db.system.texts import read_table, uncelled

ANSWER_COLUMNS = ("answer", "quantity", "finish", "condition", "lang")
"""The columns that a person fills in."""

Reference = str | tuple[str, str]
"""How an answer names a printing: by Scryfall id, or by set and collector number."""


@dataclass(frozen=True)
class Correction:
    """One line of corrections, for one card.

    `cells` are the filled-in cells by column, `printing` is the one that the answer names, and
    `place` is the card's place in the photo (see `Sighting`).
    """

    line: int
    cells: Mapping[str, str]
    printing: Printing | None = None
    place: tuple[float, float] | None = None

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
    """Read a review's CSV file that a person filled in.

    `photos` are the photos of this run, by the names in the ids of cards. The file may use another
    name of the same photo.

    Returns
    -------
    Corrections by the id of the card, without lines in which nothing was filled in.

    Raises
    ------
    InvalidArguments
        Some lines make no sense; all are listed with their numbers.
    MissingInput
        The file does not exist.
    """
    path = path_of("path", path)
    problems: list[tuple[int, str]] = []
    found: dict[str, Correction] = {}
    wanted: dict[str, Reference] = {}
    named: dict[object, str] = {}
    for photo in photos:
        named |= {identity(photo): photo, spelled(photo): photo}
    for line, written, cells, place in filled_lines(path):
        problems += [(line, text) for text in _problems(cells)]
        photo, _, number = written.rpartition("#")
        given = named.get(photo) or named.get(identity(photo))
        card = f"{given or photo}#{number}"
        if given is None:
            problems.append((line, f"{written!r} is not a card of the given photos"))
        elif card in found:
            said = f"{written} already has an answer on line {found[card].line}"
            problems.append((line, said))
            continue
        found[card] = Correction(line, cells, place=place)
        if reference := _reference(cells["answer"]):
            wanted[card] = reference
    printings = find_printings(database, set(wanted.values()), assumed.lang) if wanted else {}
    for card, reference in wanted.items():
        outcome = _complete(found[card], printings.get(reference), assumed)
        if isinstance(outcome, str):
            problems.append((found[card].line, outcome))
        else:
            found[card] = outcome
    if problems:
        raise InvalidArguments([f"{path}, line {line}: {text}" for line, text in sorted(problems)])
    return found


def find_printings(
    database: Database, wanted: Collection[Reference], lang: str = ""
) -> dict[Reference, Printing]:
    """Look up printings, in one pass over all printings of the database.

    If a printing exists in several languages, `lang` is preferred, then English.
    """
    found: dict[Reference, list[Printing]] = {one: [] for one in wanted}

    def offer(record: Mapping[str, Any]) -> None:
        code, number, card_id = (
            str(record.get(key)) for key in ("set", "collector_number", "scryfall_id")
        )
        for reference in (card_id, (code, number.casefold())):
            if reference in found:
                found[reference].append(Printing.from_record(record))

    parts = database.gallery.parts
    for row in range(len(parts.records)):
        offer(parts.records[row])
    for _, printings in parts.printings.possible({}):
        for printing in printings:
            offer(printing)

    def foreign(face: Printing) -> tuple[bool, bool]:
        return face.lang != lang, face.lang != "en"

    return {one: min(faces, key=foreign) for one, faces in found.items() if faces}


def filled_lines(
    path: Path,
) -> Iterator[tuple[int, str, dict[str, str], tuple[float, float] | None]]:
    """Yield the lines in which something was filled in: number, id, cells, place.

    Raises
    ------
    InvalidArguments
        The file is not a review.
    MissingInput
        The file cannot be read.
    """
    try:
        columns, rows = read_table(path)
    except OSError as error:
        raise MissingInput(
            f"The corrections cannot be read: {error.strerror}",
            details=str(path),
            suggestion="Name the filled-in review.csv of an earlier scan.",
        ) from error
    if not {"id", "answer"} <= set(columns):
        raise InvalidArguments([f"{path}, line 1: it has no columns id and answer"])
    for line, row in rows:
        cells = {name: uncelled(row.get(name, "").strip()) for name in ANSWER_COLUMNS}
        cells |= {name: cells[name].lower() for name in ("finish", "condition", "lang")}
        if any(cells.values()):
            yield line, uncelled(row["id"]), cells, _place(row.get("place", ""))


def spelled(name: str) -> str:
    """A photo's name in the review; file names may contain bytes that are not text."""
    return name.encode("utf-8", "backslashreplace").decode()


def place_text(x: float, y: float) -> str:
    """A place for the review's column, in thousandths; no spreadsheet takes it for a number.

    Examples
    --------
    >>> place_text(0.25, 0.5)
    'x250 y500'
    """
    return f"x{1000 * x:.0f} y{1000 * y:.0f}"


def _place(text: str) -> tuple[float, float] | None:
    match = re.fullmatch(r"x(\d{1,4}) y(\d{1,4})", text)
    return (int(match[1]) / 1000, int(match[2]) / 1000) if match else None


def _reference(answer: str) -> Reference | None:
    if is_card_id(answer.lower()):
        return answer.lower()
    match = re.fullmatch(r"([A-Za-z0-9]+)\s+(\S+)", answer)
    return (match[1].lower(), match[2].casefold()) if match else None


def _problems(cells: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a line, whatever is in the database."""
    answer, quantity = cells["answer"], cells["quantity"]
    if answer and answer.lower() != "skip" and _reference(answer) is None:
        yield f"{answer!r} is not an answer: give a Scryfall id, set and number (LEA 161), or skip"
    if not re.fullmatch(r"([1-9][0-9]{0,5})?", quantity):
        yield f"quantity must be a whole number of at least 1, not {quantity!r}"
    for name, words in (("finish", FINISHES), ("condition", CONDITIONS), ("lang", LANGUAGES)):
        if cells[name] and cells[name] not in words:
            yield f"{name} must be one of {', '.join(words)}, not {cells[name]!r}"


def _complete(
    correction: Correction, printing: Printing | None, assumed: Assumptions
) -> Correction | str:
    """Add the printing that the answer names, or say why that is impossible."""
    answer, finish = correction.cells["answer"], correction.cells["finish"]
    if printing is None:
        return (
            f"the database has no printing {answer}: give set and number (LEA 161) or a Scryfall "
            "id; if it is new, run mtg-db update first"
        )
    if printing.digital:
        return f"{answer} exists on screens only, and cannot have been photographed"
    exist = [one for one in FINISHES if one in printing.finishes]
    if not exist or (finish or assumed.finish or "nonfoil") in exist:
        return replace(correction, printing=printing)
    if finish or len(exist) > 1:
        return f"the finish of {answer} must be {' or '.join(exist)}"
    # If a printing exists only as foil, its name implies the finish.
    return replace(correction, printing=printing, cells={**correction.cells, "finish": exist[0]})
