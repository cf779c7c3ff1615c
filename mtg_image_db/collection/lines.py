"""The lines of a review's CSV file, as they come back from a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtg_image_db.collection.cards import condition_of
from mtg_image_db.errors import InvalidArguments, MissingInput
from mtg_image_db.system.texts import read_table, uncelled

ANSWER_COLUMNS = ("answer", "quantity", "finish", "condition", "lang")
"""The columns that a person fills in."""


@dataclass(frozen=True)
class Line:
    """One line, for one card.

    Parameters
    ----------
    number
        Its number in the file, from 1.
    id, photo
        The card, and the photo that it is in. A card that a person adds has no id.
    cells
        What stands in `ANSWER_COLUMNS`; finish, condition and language in our words, if they are
        words that we know.
    place
        The card's place in the photo (see `Sighting`).
    candidates
        What it may be, as set and number (``LEA 161``), the most probable first.
    by_hand
        Whether a person wrote it, and not a scan: it says nothing that only a scan can know.
    """

    number: int
    id: str
    photo: str
    cells: Mapping[str, str]
    place: tuple[float, float] | None
    candidates: tuple[str, ...]
    by_hand: bool

    @property
    def filled(self) -> bool:
        """Whether a person has written something about the card."""
        return any(self.cells.values())


def review_lines(path: Path) -> tuple[Line, ...]:
    """Read the lines of a review.

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
    told = "verdict" in columns
    return tuple(_line(number, row, told=told) for number, row in rows)


def _line(number: int, row: Mapping[str, str], *, told: bool) -> Line:
    cells = {name: uncelled(row.get(name, "").strip()) for name in ANSWER_COLUMNS}
    cells |= {name: cells[name].lower() for name in ("finish", "condition", "lang")}
    cells["condition"] = condition_of(cells["condition"]) or cells["condition"]
    listed = (one.split()[:2] for one in uncelled(row.get("candidates", "")).split("; "))
    return Line(
        number,
        uncelled(row["id"]),
        uncelled(row.get("photo", "")),
        cells,
        _place(row.get("place", "")),
        tuple(" ".join(one) for one in listed),
        by_hand=told and not row["verdict"].strip(),
    )


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
