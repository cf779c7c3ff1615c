"""Labelled photos: the cards in each, and which of them are in the database."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from mtg_image_db.errors import InvalidArguments, MissingInput
from mtg_image_db.pictures.inputs import identity
from mtg_image_db.reading.answer import PrintingAnswer
from mtg_image_db.scryfall.faces import is_card_id
from mtg_image_db.scryfall.printing import LANGUAGE_NAMES, Printing
from mtg_image_db.system.texts import Row, read_table

_FINISHES = ("foil", "nonfoil")
_PRESENT = {"same": True, "different": False, "unsure": None}


@dataclass(frozen=True)
class LabelledCard:
    """A card in a photo.

    Parameters
    ----------
    name
        The name as written in the labels.
    known
        Whether the database has a card of that name, with any artwork.
    present
        Whether it has this card's artwork; None if unknown.
    printing
        Its printing, as ``fic/230`` or as a Scryfall id; empty if unknown.
    finish, lang
        ``foil`` or ``nonfoil``, and Scryfall's code of its language; empty if unknown.
    """

    name: str
    known: bool
    present: bool | None
    printing: str = ""
    finish: str = ""
    lang: str = ""

    def is_of(self, printing: Printing) -> bool:
        """Whether the label names a printing."""
        named = f"{printing.set}/{printing.collector_number}".casefold()
        return self.printing in (printing.scryfall_id, named)

    def agreement(self, read: PrintingAnswer) -> int:
        """How much of what was read on a card agrees with the label."""
        return (
            3 * (read.printing is not None and self.is_of(read.printing))
            + (read.finish.value == self.finish)
            + (read.lang.value == self.lang)
        )


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo and all cards in it.

    Parameters
    ----------
    file
        Its name in the labels.
    unread
        Why its printings are not known, with the line; empty if they are, or if the labels give
        none.
    """

    file: str
    path: Path
    kind: str
    conditions: str
    cards: tuple[LabelledCard, ...]
    unread: tuple[str, ...] = ()


def plain_name(name: str) -> str:
    """The form in which names are compared: the first face's, without capitals and accents.

    Examples
    --------
    >>> plain_name("Lim-Dûl's Vault")
    "lim-dul's vault"
    >>> plain_name("Fire // Ice")
    'fire'
    """
    front = unicodedata.normalize("NFKD", name.split("//", maxsplit=1)[0].strip().casefold())
    return "".join(c for c in front if not unicodedata.combining(c))


def read_labels(
    path: str | PathLike[str], truth: str | PathLike[str] | None, known: Collection[str]
) -> tuple[LabelledPhoto, ...]:
    """Read labels (docs/evaluation.md).

    Parameters
    ----------
    truth
        A file that says for some cards whether their artwork is in the database.
    known
        The names in the database, in the form of `plain_name`.

    Raises
    ------
    InvalidArguments
        Some lines make no sense; all are listed with their numbers.
    MissingInput
        A file does not exist.
    """
    path, truth = Path(path), None if truth is None else Path(truth)
    problems: list[str] = []
    facts: dict[tuple[str, str], bool | None] = {}
    for line, row in _lines(truth, ("file", "name", "artwork")) if truth else []:
        if row["artwork"] in _PRESENT:
            facts[row["file"], plain_name(row["name"])] = _PRESENT[row["artwork"]]
        else:
            problems.append(f"{truth}, line {line}: artwork must be same, different or unsure")
    photos = []
    seen: dict[object, int] = {}
    for line, row in _lines(path, ("file", "names")):
        names = [name.strip() for name in row["names"].split("|") if name.strip()]
        said = row["present"].split("|") if row.get("present") else []
        if said and (len(said) != len(names) or not set(said) <= {"0", "1"}):
            problems.append(f"{path}, line {line}: present must be 0 or 1 for each name")
            continue
        place = path.parent / row["file"]
        before = seen.setdefault(identity(str(place.absolute())), line)
        if before != line:
            text = f"{row['file']} is already in line {before}: name all its cards there"
            problems.append(f"{path}, line {line}: {text}")
            continue
        read, wrong = _read_columns(row, len(names))
        # Labels from before printings were measured may say anything there.
        unread = tuple(f"line {line}: {problem}" for problem in wrong.pop("printing", ()))
        problems += [f"{path}, line {line}: {one}" for some in wrong.values() for one in some]
        cards = []
        for number, (name, *what) in enumerate(zip(names, *read, strict=True)):
            plain = plain_name(name)
            believed = said[number] == "1" if said else plain in known
            present = facts.get((row["file"], plain), believed)
            cards.append(LabelledCard(name, plain in known, present, *what))
        kind, conditions = row.get("kind", ""), row.get("conditions", "")
        photos.append(LabelledPhoto(row["file"], place, kind, conditions, tuple(cards), unread))
    if problems:
        raise InvalidArguments(problems)
    return tuple(photos)


def _read_columns(
    row: Mapping[str, str], cards: int
) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Printing, finish and language of each card of a photo; and what is wrong with them.

    A value that is wrong is empty.
    """
    columns: list[list[str]] = []
    problems: dict[str, list[str]] = {}
    for name, (what, is_right) in _READ.items():
        text = row.get(name, "").casefold()
        cells = [cell.strip() for cell in text.split("|")] if text else [""] * cards
        if len(cells) != cards:
            counts = f"{name} has {len(cells)} values for {cards} names"
            how = "give one for each name, or nothing between two bars where it is unknown"
            problems[name] = [f"{counts}: {how}"]
            cells = [""] * cards
        wrong = [cell for cell in cells if cell and not is_right(cell)]
        if wrong:
            problems[name] = [f"{name} must be {what}, not {cell!r}" for cell in wrong]
        columns.append(["" if cell in wrong else cell for cell in cells])
    return columns, problems


_READ: dict[str, tuple[str, Callable[[str], object]]] = {
    "printing": (
        "a set and a number like fic/230, or a Scryfall id",
        lambda cell: is_card_id(cell) or re.fullmatch(r"[a-z0-9]+/[^\s/]+", cell),
    ),
    "finish": (" or ".join(_FINISHES), _FINISHES.__contains__),
    "lang": (f"one of {', '.join(LANGUAGE_NAMES)}", LANGUAGE_NAMES.__contains__),
}
"""The columns about what a card says of itself: what they may hold, in words and as a test."""


def _lines(path: Path, columns: tuple[str, ...]) -> list[Row]:
    """The rows of a CSV file, with their line numbers."""
    try:
        there, rows = read_table(path)
    except OSError as error:
        raise MissingInput(
            f"The labels cannot be read: {error.strerror}",
            details=str(path),
            suggestion="Name a CSV file; docs/evaluation.md describes its columns.",
        ) from error
    if missing := [name for name in columns if name not in there]:
        raise InvalidArguments([f"{path}: there is no column {', '.join(missing)}"])
    return [(line, {name: text.strip() for name, text in row.items()}) for line, row in rows]
