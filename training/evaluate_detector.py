"""Count the cards of the labelled photos that are found, and by whom.

    python evaluate_detector.py card_corners.csv SHARED dev|held_out [--detectors FILE ...]

SHARED holds cards/photos/ and cards2/photos/. A card is found if an outline and its quad have at
least so much in common (intersection over union); each outline finds one card, and each card is
found once. "Upright" also asks that the first corner is the card's own top left. An outline that
has less than 0.3 in common with each card is one of no card.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from cards import read_table
from photos import read_photo
from retrieval import wilson

from mtg_image_db.recognise.detector import WEIGHTS, CardDetector, plausible
from mtg_image_db.recognise.quads import overlap

if TYPE_CHECKING:
    from cards import Image
    from numpy.typing import NDArray

    Quads = Sequence[NDArray[np.float32]]

LEAST = (0.5, 0.7, 0.85)
"""Shares that an outline and a card have in common."""
_NOTHING = 0.3
"""An outline with less in common with each card is one of no card. By hand."""


@dataclass
class Tally:
    """Counts over photos of one kind."""

    cards: int = 0
    found: dict[float, int] = field(default_factory=lambda: dict.fromkeys(LEAST, 0))
    upright: int = 0
    outlines: int = 0
    useless: int = 0
    photos: int = 0


def is_upright(found: NDArray[np.float32], card: NDArray[np.float32]) -> bool:
    """Whether the corners' order is the card's own, rather than another turn of it."""
    off = [float(np.abs(np.roll(found, k, axis=0) - card).sum()) for k in range(4)]
    return off[0] == min(off)


def count(tally: Tally, found: Quads, cards: Quads) -> None:
    """Add a photo."""
    tally.photos += 1
    tally.cards += len(cards)
    tally.outlines += len(found)
    common = np.zeros((len(found), len(cards)))
    for row, one in enumerate(found):
        for column, other in enumerate(cards):
            common[row, column] = overlap(one, other)
    tally.useless += int((common.max(axis=1, initial=0) < _NOTHING).sum())
    for least in LEAST:
        pairs = matched(common, least)
        tally.found[least] += len(pairs)
        if least == LEAST[0]:
            tally.upright += sum(is_upright(found[row], cards[column]) for row, column in pairs)


def matched(common: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Pairs of outline and card, the best first, each once."""
    left, pairs = common.copy(), []
    while left.size and left.max() >= least:
        row, column = (int(v) for v in np.unravel_index(left.argmax(), left.shape))
        pairs.append((row, column))
        left[row], left[:, column] = -1, -1
    return pairs


def print_tallies(name: str, tallies: dict[str, Tally]) -> None:
    """A table: one line for each kind of photo."""
    print(f"\n{name}")
    print(f"{'kind':10s} photos  cards  found at {LEAST}, upright; outlines, of no card")
    for kind, tally in tallies.items():
        shares = ", ".join(_share(n, tally.cards) for n in (*tally.found.values(), tally.upright))
        useless = _share(tally.useless, tally.outlines)
        print(
            f"{kind:10s} {tally.photos:6d} {tally.cards:6d}  {shares}; {tally.outlines}, {useless}"
        )


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    low, high = wilson(part, whole)
    return f"{part} ({100 * part / whole:.1f}: {100 * low:.0f}-{100 * high:.0f})"


def measure(photos: Iterable[tuple[str, Image, Quads]], detectors: dict[str, CardDetector]) -> None:
    """Print what each detector finds in photos: (kind, pixels, cards)."""
    tallies: dict[str, dict[str, Tally]] = {name: defaultdict(Tally) for name in detectors}
    spent: dict[str, list[float]] = defaultdict(list)
    for kind, pixels, cards in photos:
        for name, detector in detectors.items():
            began = time.perf_counter()
            found = [one.quad for one in plausible(detector.detect(pixels))]
            spent[name].append(time.perf_counter() - began)
            for group in (kind, "all"):
                count(tallies[name][group], found, cards)
    for name, counted in tallies.items():
        times = 1000 * np.array(spent[name])
        print_tallies(
            f"{name}: {np.median(times):.0f} ms a photo (median; {times.max():.0f} at most)",
            dict(sorted(counted.items(), key=lambda item: (item[0] == "all", item[0]))),
        )


def labelled(corners: Path, shared: Path, split: str) -> Iterator[tuple[str, Image, Quads]]:
    """The labelled photos: kind, RGB pixels, and the quads of all cards."""
    cards: dict[tuple[str, str], list[NDArray[np.float32]]] = defaultdict(list)
    for row in read_table(corners):
        if row["split"] == split:
            mine = cards[row["photo"], row["kind"]]
            if row["card"]:
                values = [float(row[f"{axis}{k}"]) for k in (1, 2, 3, 4) for axis in "xy"]
                mine.append(np.array(values, np.float32).reshape(4, 2))
    for (photo, kind), quads in cards.items():
        folder, name = photo.split("/")
        yield kind, read_photo(shared / folder / "photos" / name), quads


def main() -> None:
    """Measure on photos."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corners", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("split", choices=("dev", "held_out"))
    parser.add_argument("--detectors", type=Path, nargs="+", default=[WEIGHTS])
    options = parser.parse_args()
    cv2.setNumThreads(2)
    detectors = {path.name: CardDetector(path) for path in options.detectors}
    measure(labelled(options.corners, options.shared, options.split), detectors)


if __name__ == "__main__":
    main()
