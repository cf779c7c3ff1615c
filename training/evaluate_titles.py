"""Count the titles that are read, in labelled photos and on scans of held-out names.

    python evaluate_titles.py card_corners.csv SHARED dev|held_out [--names 30000] [--weights FILE]

SHARED holds cards/ and cards2/. The names are those of all scans and photos, and names made of
their words until there are `--names`. Each title is read twice: with its name among them, and
without, when nothing is right. Corners are taken as labelled, and moved by `--off` percent of the
card's height.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from cards import read_table
from photos import read_photo
from retrieval import wilson
from title_drawing import Words
from title_photos import photographed
from title_scans import of_scan, scans

from mtg_image_db.reading import title_reader, titles
from mtg_image_db.reading.title_names import TitleNames
from mtg_image_db.reading.title_strip import WIDTH, title_corners
from mtg_image_db.scryfall.names import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from title_scans import Grey

    Case = tuple[str, str, Grey, NDArray[np.float32]]
    """Group, name, pixels, corners."""


@dataclass
class Tally:
    """Counts over the titles of one group: of those whose name is known, and without it."""

    right: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    absent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    titles: int = 0


class Without(TitleNames):
    """All names but one."""

    def __init__(self, names: TitleNames, title: str) -> None:
        self.__dict__.update(names.__dict__)
        self._missing = names.titles.index(title) if title in names.titles else -1

    def like(self, text: str, most: int) -> NDArray[np.int64]:
        """Rows that resemble a text."""
        rows = super().like(text, most)
        return rows[rows != self._missing]


def all_names(table: Path, shared: Path, count: int) -> list[str]:
    """Names of cards, and names made of their words until there are so many."""
    real = {name for kept in (False, True) for _, name in scans(shared, held_out=kept)}
    real |= {half for row in read_table(table) for half in row["name"].split(" // ") if half}
    words, rng = Words(sorted({plain(name) for name in real})), random.Random(0)
    made: set[str] = set()
    known = {plain(name) for name in real}
    while len(real) + len(made) < count:
        name = words.name(rng)
        if name not in known:
            made.add(name)
    return sorted(real) + sorted(made)


def of_photos(table: Path, shared: Path, split: str, off: float) -> Iterator[Case]:
    """The cards of labelled photos whose title a person can read."""
    noise = np.random.default_rng(0)
    rows = [row for row in read_table(table) if row["split"] == split and row["title"] == "yes"]
    for photo in dict.fromkeys(row["photo"] for row in rows):
        folder, file = photo.split("/")
        pixels = read_photo(shared / folder / "photos" / file)
        for row in rows:
            if row["photo"] != photo or not row["name"]:
                continue
            corners = [float(row[f"{axis}{i}"]) for i in range(1, 5) for axis in "xy"]
            quad = np.array(corners, np.float32).reshape(4, 2)
            high = np.linalg.norm(quad[3] - quad[0])
            moved = quad + noise.normal(0, 1, (4, 2)) * [[1], [1], [2], [2]] * high * off / 100
            yield row["kind"], row["name"].split(" // ")[0], pixels, moved.astype(np.float32)


def of_scans(shared: Path, count: int) -> Iterator[Case]:
    """Scans of names that were not trained on, as they are."""
    for path, name in random.Random(0).sample(scans(shared, held_out=True), count):
        title = of_scan(path, name)
        card = np.array([(0, 0), (63, 0), (63, 88), (0, 88)], np.float32)
        yield "scan", name, title.pixels, card * np.float32(title.scale)


def photographed_scans(shared: Path, count: int) -> Iterator[Case]:
    """Scans of such names as training sees them: 210 pixels high and more, covered from below."""
    rng = random.Random(1)
    found = [
        (name, of_scan(path, name))
        for path, name in rng.sample(scans(shared, held_out=True), count)
    ]
    card = np.array([(0, 0), (63, 0), (63, 88), (0, 88)], np.float32)
    for name, title in found:
        others = [one for _, one in rng.sample(found, 2)]
        ground = np.full((2, 2), rng.randint(20, 230), np.uint8)
        height = math.exp(rng.uniform(math.log(210), math.log(420)))
        strip, *_ = photographed(title, others, ground, rng, height)
        # Where a card has its corners of whose title this is the strip.
        corners = title_corners(card)
        yield "photographed scan", name, strip, (card - corners[0]) * (WIDTH / 60)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("split", choices=("dev", "held_out"))
    parser.add_argument("--names", type=int, default=30_000)
    parser.add_argument("--scans", type=int, default=600)
    parser.add_argument("--off", type=float, default=0.0)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--list", action="store_true", help="print each title")
    options = parser.parse_args()
    if options.weights:
        net = title_reader.TitleNet(options.weights)
        titles.title_net = lambda: net  # type: ignore[assignment]
    names = all_names(options.table, options.shared, options.names)
    every = TitleNames((name, name) for name in names)
    tallies: dict[str, Tally] = defaultdict(Tally)
    spent = []
    cases = [of_photos(options.table, options.shared, options.split, options.off)]
    cases.append(of_scans(options.shared, options.scans))
    cases.append(photographed_scans(options.shared, options.scans))
    for group, name, pixels, quad in (case for some in cases for case in some):
        began = time.process_time()
        [one] = titles.read_titles(pixels, [quad], every)
        spent.append(time.process_time() - began)
        [without] = titles.read_titles(pixels, [quad], Without(every, plain(name)))
        tally = tallies[group]
        tally.titles += 1
        (tally.right if plain(one.name) == plain(name) else tally.wrong)[one.verdict] += 1
        tally.absent[without.verdict] += 1
        if options.list:
            row = [group, name, one.text, one.name, one.verdict, f"{one.margin:.1f}",
                   f"{one.gap:.1f}", without.name, without.verdict, f"{without.margin:.1f}",
                   f"{without.gap:.1f}"]  # fmt: skip
            print(*row, sep="\t")
    for group, tally in tallies.items():
        named = tally.right["confident"] + tally.right["likely"]
        low, high = wilson(named, tally.titles)
        print(
            f"{group}: {tally.titles} titles, {named} named ({100 * named / tally.titles:.1f} %, "
            f"{100 * low:.1f} to {100 * high:.1f}); right {dict(tally.right)}, "
            f"wrong {dict(tally.wrong)}; without the name {dict(tally.absent)}"
        )
    print(f"{1000 * np.median(spent):.1f} ms of CPU a card (median)")


if __name__ == "__main__":
    main()
