"""Titles to learn from: what they are, and those of real scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from cards import is_held_out, read_table
from PIL import Image

from mtg_image_db.reading.strip import CARD_MM
from mtg_image_db.scryfall.names import plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

HEIGHT_MM = 22.0
"""How much of a card's top a title shows: its strip may lie lower by half a strip."""


@dataclass(frozen=True)
class Title:
    """The top of a card, with what it says.

    Parameters
    ----------
    pixels
        Grey, from the card's left to its right edge, its uppermost `HEIGHT_MM`.
    text
        The title, plainly (`scryfall.names.plain`).
    centres
        The middles of its characters, [n, 2] in millimetres from the card's top left corner; None
        if nobody knows.
    """

    pixels: Grey
    text: str
    centres: NDArray[np.float32] | None = None

    @property
    def scale(self) -> float:
        """Pixels a millimetre."""
        return self.pixels.shape[1] / CARD_MM[0]


def scans(shared: Path, *, held_out: bool) -> list[tuple[Path, str]]:
    """All scans whose names are kept for measuring, or all others: path and name of the front."""
    found = []
    for table in ("cards/gallery.csv", "cards2/gallery.csv", "printings/scans.csv"):
        for row in read_table(shared / table):
            front = row["name"].split(" // ")[0]
            text = plain(front)
            if row["name"].endswith(" backside"):  # has another title
                continue
            if text and text.isascii() and is_held_out(row["name"]) == held_out:
                found.append(((shared / table).parent / row["file"], front))
    return found


def of_scan(path: Path, name: str) -> Title:
    """The top of a scan."""
    with Image.open(path) as image:
        picture = np.asarray(image.convert("L"))
    high = round(picture.shape[0] * HEIGHT_MM / CARD_MM[1])
    return Title(np.ascontiguousarray(picture[:high]), plain(name))
