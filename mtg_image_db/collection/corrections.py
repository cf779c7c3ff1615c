"""Corrections: what a person answered in the review's CSV file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtg_image_db.collection.cards import CONDITIONS, FINISHES, LANGUAGES, Assumptions
from mtg_image_db.database.database import Database
from mtg_image_db.errors import InvalidArguments, MissingInput
from mtg_image_db.pictures.inputs import identity
from mtg_image_db.scryfall.faces import is_card_id
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.texts import read_table, text_of

ANSWER_COLUMNS = ("answer", "quantity", "finish", "condition", "lang")
"""The columns a person fills in."""

Reference = str | tuple[str, str]
"""How an answer names a printing: by Scryfall id, or by set and collector number."""


@dataclass(frozen=True)
class Correction:
    """What one line says about one card.

    `cells` are what was filled in, by column; `printing` is the one that the answer names; `place`
    is where in the photo the card lies, see `Sighting`.
    """

    line: int
    cells: Mapping[str, str]
    printing: Printing | None = None
    place: tuple[float, float] | None = None

    @property
    def skip(self) -> bool:
        """Whether the card shall stay out of the collection."""
        return self.cells["answer"].lower() == "skip"

    @property
    def quantity(self) -> int:
        """How many cards it stands for."""
        return int(self.cells["quantity"] or 1)

    def over(self, assumed: Assumptions) -> Assumptions:
        """What is assumed of this card, where it differs from the others."""
        said: dict[str, Any] = {
            name: self.cells[name] for name in ("finish", "condition", "lang") if self.cells[name]
        }
        return replace(assumed, **said)


def read_corrections(
    path: Path, database: Database, photos: Collection[str], assumed: Assumptions
) -> dict[str, Correction]:
    """Read a review's CSV file as a person filled it in.

    `photos` are those of this run, as the ids of cards will name them; which of a photo's names the
    file has does not matter.

    Returns
    -------
    By the id of the card. Lines in which nothing was filled in are left out.

    Raises
    ------
    InvalidArguments
        Some lines make no sense: all of them are told, each with its number.
    MissingInput
        There is no such file.
    """
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
            problems.append((line, f"{written!r} is no card of the photos given"))
        elif card in found:
            said = f"{written} has an answer on line {found[card].line} already"
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
    """Look printings up, in one pass over all that the database knows.

    Of a printing that is there in several languages, `lang` is preferred, then English.
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
    """The lines in which something was filled in: number, id, cells, place.

    Raises
    ------
    InvalidArguments
        The file is no review.
    MissingInput
        It cannot be read.
    """
    try:
        columns, rows = read_table(path)
    except OSError as error:
        raise MissingInput(
            f"The corrections cannot be read: {error.strerror}",
            details=str(path),
            suggestion="Name the review.csv of an earlier scan, filled in.",
        ) from error
    if not {"id", "answer"} <= set(columns):
        raise InvalidArguments([f"{path}, line 1: it has no columns id and answer"])
    for line, row in rows:
        cells = {name: text_of(row.get(name, "").strip()) for name in ANSWER_COLUMNS}
        cells |= {name: cells[name].lower() for name in ("finish", "condition", "lang")}
        if any(cells.values()):
            yield line, text_of(row["id"]), cells, _place(row.get("place", ""))


def spelled(name: str) -> str:
    """A photo's name as the review has it: names of files may hold bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode()


def place_text(x: float, y: float) -> str:
    """A place as the review's column has it, in thousandths: no spreadsheet takes it for a number.

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
    """What is wrong with a line, whatever the database holds."""
    answer, quantity = cells["answer"], cells["quantity"]
    if answer and answer.lower() != "skip" and _reference(answer) is None:
        yield f"{answer!r} is no answer: give a Scryfall id, set and number (LEA 161), or skip"
    if not re.fullmatch(r"([1-9][0-9]{0,5})?", quantity):
        yield f"quantity must be a whole number of at least 1, not {quantity!r}"
    for name, words in (("finish", FINISHES), ("condition", CONDITIONS), ("lang", LANGUAGES)):
        if cells[name] and cells[name] not in words:
            yield f"{name} must be one of {', '.join(words)}, not {cells[name]!r}"


def _complete(
    correction: Correction, printing: Printing | None, assumed: Assumptions
) -> Correction | str:
    """Add the printing that the answer names, or say why that cannot be."""
    answer, finish = correction.cells["answer"], correction.cells["finish"]
    if printing is None:
        return (
            f"the database knows no printing {answer}: give set and number (LEA 161) or a Scryfall "
            "id; if it is new, run mtg-db update first"
        )
    if printing.digital:
        return f"{answer} exists on screens only, and cannot have been photographed"
    exist = [one for one in FINISHES if one in printing.finishes]
    if not exist or (finish or assumed.finish) in exist:
        return replace(correction, printing=printing)
    if finish or len(exist) > 1:
        return f"the finish of {answer} must be {' or '.join(exist)}"
    # Who names a printing that exists as foil only has named the finish.
    return replace(correction, printing=printing, cells={**correction.cells, "finish": exist[0]})
