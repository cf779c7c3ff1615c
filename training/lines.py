"""Collector lines to learn from: what they are, and those of real scans."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mtg_image_db.reading.printed import BULLET, STAR
from mtg_image_db.reading.strip import CARD_MM, COPYRIGHT, LINES, Place

Pixels = NDArray[np.uint8]

TRUSTED = (
    *("Scabbledegg", "NextdoorPsycho", "hj3yoo", "gnkeegan/PlaneswalkerAI", "afkmaster"),
    *("freeall/mtg-card-detector", "jew256/mtg-detector", "Slanfan"),
)
"""Sources whose Scryfall ids are exact."""
NAMED_SETS = {
    "Foundations": "fdn",
    "Edge of Eternities Commander": "eoc",
    "Bloomburrow": "blb",
    "Tarkir: Dragonstorm Commander": "tdc",
    "The Big Score": "big",
    "Wilds of Eldraine": "woe",
    "Final Fantasy": "fin",
    "Avatar: The Last Airbender Eternal": "tle",
}
"""Sets that a table calls by their names."""
_AGES = {
    row["code"]: row["since"]
    for row in csv.DictReader(
        Path(__file__).with_name("set_ages.csv").read_text(encoding="utf-8").splitlines()
    )
}
BEFORE_M15 = frozenset(code for code, since in _AGES.items() if since == "1993")
"""Sets without set code and language on the card."""
NEWER = frozenset(code for code, since in _AGES.items() if since == "2023")
"""Sets since March of the Machine: `R 0083` instead of `083/249 R`."""


_MOST_OF_A_BULLET, _LEAST_OF_A_STAR = 0.40, 0.56
"""Ink of the mark as a share of that of the letters beside it: by the two heaps it has in scans."""


@dataclass(frozen=True)
class Line:
    """A patch with what it says.

    Parameters
    ----------
    pixels
        Grey; `left` and `top` are the millimetres of its corner on the card, `scale` its pixels a
        millimetre.
    upper, lower
        What the upper line says, and what the lower one may say: both marks where nobody knows
        which stands there.
    centres
        Of a drawn line, the middles of the characters of `upper` and `lower`, [n, 2] in
        millimetres.
    """

    pixels: Pixels
    left: float
    top: float
    scale: float
    upper: str
    lower: tuple[str, ...]
    place: Place = LINES
    centres: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None


def held_out(name: str) -> bool:
    """Whether scans of this card are kept for measuring: a quarter, by name."""
    return hashlib.sha256(name.encode()).digest()[0] % 4 == 0


def scans(table: Path, root: Path, *, least_height: int = 0) -> list[tuple[Path, str, str, str]]:
    """The scans of a table that have exact ids: path, name, set code, number."""
    found = []
    for row in csv.DictReader(table.open(encoding="utf-8")):
        code = NAMED_SETS.get(row["set"].strip(), row["set"].strip())
        number = row["collector_number"]
        if row["source"] not in TRUSTED or not row["scryfall_id"] or not number.isdigit():
            continue
        if not 3 <= len(code) <= 4 or code == "plst":
            continue
        if int(row["original_height"] or 0) < least_height:
            continue
        found.append((root / row["file"], row["name"], code, number))
    return found


YEARS = {"rtr": 2012, "zen": 2009, "dgm": 2013, "gtc": 2013, "jou": 2014, "bng": 2014, "ths": 2013}
"""Sets whose copyright line ends with this year and the number."""
UNNUMBERED = BEFORE_M15.intersection(
    (
        "lea",
        "leb",
        "2ed",
        "3ed",
        "4ed",
        "5ed",
        "arn",
        "atq",
        "leg",
        "drk",
        "fem",
        "hml",
        "ice",
        "mir",
    )
)
"""Sets whose copyright line says nothing of use."""


def of_scan(path: Path, code: str, number: str, place: Place = LINES) -> Line:
    """The bottom of a scan: what it says at a place, which may be nothing."""
    picture = np.asarray(Image.open(path).convert("L"))
    scale = picture.shape[0] / CARD_MM[1]
    top = 72.0
    part = picture[round(top * scale) :, : round((place.left + place.width + 12) * scale)]
    padded = cv2.copyMakeBorder(part, 0, round(3 * scale), round(3 * scale), 0, cv2.BORDER_CONSTANT)
    edges = -round(3 * scale) / scale, round(top * scale) / scale, scale
    if code in BEFORE_M15 or place is COPYRIGHT:
        said = ""
        if place is COPYRIGHT and code in YEARS:
            said = f"{YEARS[code]}/{number}"
        return Line(padded, *edges, "", (said,), place)
    printed = code[1:] if len(code) == 4 and code[0] in "tp" else code
    upper = number.zfill(4 if code in NEWER else 3)
    lowers = tuple(f"{printed.upper()}{mark}EN" for mark in _marks(picture, scale))
    return Line(padded, *edges, upper, lowers)


def _marks(picture: Pixels, scale: float) -> str:
    """Whether a scan has a bullet or a star; both if that is unclear.

    A star has twice the ink of a bullet, also where neither is more than a blot. Of 545 scans of
    680 pixels height, all 44 that exist as foils only have a star by this.
    """

    def ink(left: float, right: float) -> float:
        box = np.array([(left, 83.7), (right, 83.7), (right, 85.3), (left, 85.3)], np.float32)
        target = np.array([(0, 0), (48, 0), (48, 48), (0, 48)], np.float32)
        matrix = cv2.getPerspectiveTransform(box * np.float32(scale), target)
        part = cv2.warpPerspective(picture, matrix, (48, 48)).astype(np.float32)
        return float(np.clip(part - dark, 0, None).mean())

    line = picture[round(83.7 * scale) : round(85.3 * scale), round(3.9 * scale) :]
    dark = float(np.percentile(line[:, : round(3.4 * scale)], 10))
    letters = (ink(3.9, 7.3) + ink(9.0, 11.2)) / 2
    share = ink(7.4, 9.0) / max(letters, 1e-3)
    if share < _MOST_OF_A_BULLET:
        return BULLET
    return STAR if share > _LEAST_OF_A_STAR else BULLET + STAR
