"""The gallery as arrays: pixels in one memory-mapped file, names and classes beside it."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    """Height x width x 3, RGB."""

HELD_OUT_PERCENT = 16
HEIGHT, WIDTH = 336, 240


@dataclass(frozen=True)
class Cards:
    """Every scan of the gallery.

    Attributes
    ----------
    pixels : array of uint8, shape (N, 336, 240, 3)
        RGB, memory-mapped, read-only.
    files, names, sets, sources : tuple of str
        Columns of the gallery's table, row by row.
    held_out : array of bool, shape (N,)
        Whether the name is kept out of training.
    """

    pixels: Image
    files: tuple[str, ...]
    names: tuple[str, ...]
    sets: tuple[str, ...]
    sources: tuple[str, ...]
    held_out: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of scans."""
        return len(self.files)


def as_image(values: Any) -> Image:
    """Return what OpenCV gave, which its type hints leave open, as an array of uint8."""
    return np.asarray(values, dtype=np.uint8)


def front_name(name: str) -> str:
    """Return the name that tells which card it is: that of its first face, in lower case.

    Examples
    --------
    >>> front_name("Fire // Ice")
    'fire'
    """
    return name.split("//", maxsplit=1)[0].strip().casefold()


def is_held_out(name: str, percent: int = HELD_OUT_PERCENT) -> bool:
    """Return whether a card never enters training, decided by a hash of its name alone."""
    digest = hashlib.sha256(front_name(name).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Write rows as a CSV file with Unix line ends."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def load_cards(folder: Path) -> Cards:
    """Open what ``prepare.py`` wrote into ``folder``."""
    table: list[dict[str, Any]] = json.loads((folder / "cards.json").read_text(encoding="utf-8"))
    names = tuple(row["name"] for row in table)
    return Cards(
        pixels=np.load(folder / "cards.npy", mmap_mode="r"),
        files=tuple(row["file"] for row in table),
        names=names,
        sets=tuple(row["set"] for row in table),
        sources=tuple(row["source"] for row in table),
        held_out=np.array([is_held_out(name) for name in names]),
    )


def artwork_classes(cards: Cards, pairs: Path | None) -> NDArray[np.int64]:
    """Give each scan the number of its artwork.

    Scans joined by a row ``same`` of the pair list, directly or through others, share a number;
    every other scan is a class of its own.

    Parameters
    ----------
    cards : Cards
        The gallery.
    pairs : Path or None
        The list that ``pairs.py`` writes; None puts every scan in its own class.
    """
    parent = list(range(len(cards)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    row_of = {file: i for i, file in enumerate(cards.files)}
    for row in read_table(pairs) if pairs else []:
        if row["state"] == "same" and row["file_a"] in row_of and row["file_b"] in row_of:
            a, b = root(row_of[row["file_a"]]), root(row_of[row["file_b"]])
            parent[max(a, b)] = min(a, b)
    return np.array([root(i) for i in range(len(cards))], dtype=np.int64)


def picture_numbers(cards: Cards) -> NDArray[np.int64]:
    """Number the scans so that those that agree in every pixel share a number."""
    seen: dict[bytes, int] = {}
    return np.array(
        [
            seen.setdefault(hashlib.sha256(p.tobytes()).digest(), i)
            for i, p in enumerate(cards.pixels)
        ]
    )
