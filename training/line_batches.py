"""Batches of collector lines for the reader, real and drawn."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import lines
import numpy as np
import torch
from line_drawing import Drawer
from line_photos import disturbed
from torch.utils.data import IterableDataset

from mtg_image_db.reading.printed import STAR
from mtg_image_db.reading.reader import ALPHABET

CODES = {letter: number for number, letter in enumerate(ALPHABET, start=1)}
"""The classes of the characters; 0 is the blank."""

Scan: TypeAlias = tuple[Path, str, str, str]
"""Path, name, set code and number."""


def sample_scans(folder: Path) -> list[Scan]:
    """The scans of Scryfall's sample."""
    found = []
    for line in (folder / "default-cards.jsonl").open(encoding="utf-8"):
        card = json.loads(line)
        for ending in ("", "-front"):
            path = folder / "images" / f"{card['id']}{ending}.jpg"
            if path.exists() and card["collector_number"].isdigit():
                found.append((path, card["name"], card["set"], card["collector_number"]))
    return found


def all_scans(shared: Path) -> tuple[list[Scan], list[Scan]]:
    """Scans of 680 pixels height, and of 336; their sources had 600 at least."""
    large = sample_scans(shared / "scryfall/sample")
    large += lines.scans(shared / "printings/scans.csv", shared / "printings", least_height=600)
    small = []
    for part in ("cards", "cards2"):
        small += lines.scans(shared / part / "gallery.csv", shared / part, least_height=600)
    return large, small


class Pool:
    """Drawn lines: more and more, then some are replaced by new ones."""

    def __init__(self, draw: Any, most: int, fresh: float) -> None:
        self._draw, self._most, self._fresh = draw, most, fresh
        self._lines = [draw() for _ in range(100)]

    def take(self, rng: random.Random) -> lines.Line:
        """One of the lines."""
        if len(self._lines) < self._most:
            self._lines.append(self._draw())
        elif rng.random() < self._fresh:
            self._lines[rng.randrange(self._most)] = self._draw()
        return rng.choice(self._lines)


class Batches(IterableDataset[Any]):
    """Endless batches of strips and what they say.

    Parameters
    ----------
    seed
        The step with which training goes on.
    easy
        Until this step, cards are large: numbers are learned much sooner on them.
    """

    def __init__(self, shared: Path, fonts: Path, batch: int, seed: int, easy: int) -> None:
        self.shared, self.fonts, self.batch, self.seed = shared, fonts, batch, seed
        self.easy = easy

    def __iter__(self) -> Iterator[Any]:
        cv2.setNumThreads(1)
        rng = self.rng = random.Random(self.seed)
        large, small = (
            [one for one in some if not lines.held_out(one[1])] for some in all_scans(self.shared)
        )
        self.large, self.small = (
            [lines.of_scan(path, code, number) for path, _, code, number in some]
            for some in (large, small)
        )
        self.stars = [one for one in self.large if all(STAR in text for text in one.lower)]
        self.notes = [
            lines.of_scan(path, code, number, lines.COPYRIGHT)
            for path, _, code, number in [*large, *rng.sample(small, len(small) // 3)]
            if code in {*lines.YEARS, *lines.UNNUMBERED} or code not in lines.BEFORE_M15
        ]
        grounds = [np.repeat(one.pixels[..., None], 3, 2) for one in rng.sample(self.small, 40)]
        drawer = Drawer(
            sorted(self.fonts.glob("sans-*.ttf")), sorted(self.fonts.glob("serif-*.ttf"))
        )
        self.modern = Pool(lambda: drawer.modern(rng, rng.choice(grounds)), 6000, 0.2)
        self.old = Pool(lambda: drawer.old(rng, rng.choice(grounds)), 1500, 0.1)
        step = self.seed
        while True:
            step += 1
            if step % 5 == 4:
                yield pack([self._old_line() for _ in range(self.batch // 3)])
            else:
                yield pack([self._line(easy=step < self.easy) for _ in range(self.batch)])

    def _old_line(self) -> Any:
        """A copyright line."""
        if self.rng.random() < 0.35:
            return self._photographed(self.rng.choice(self.notes), 280, 700, 0.6)
        return self._photographed(self.old.take(self.rng), 380, 1300, 1.0)

    def _line(self, *, easy: bool) -> Any:
        """Number, set, mark and language; or what stands there on old cards."""
        kind = self.rng.random() * (0.8 if easy else 1.0)
        least, strength = (400, 0.5) if easy else (230, 1.0)
        if kind < 0.03:
            old = replace(self.old.take(self.rng), place=lines.LINES, lower=("",))
            return self._photographed(old, least, 1100, strength)
        if kind < 0.5:
            return self._photographed(self.modern.take(self.rng), least, 1100, strength)
        if kind < 0.75:
            some = self.stars if self.rng.random() < 0.4 else self.large
            return self._photographed(self.rng.choice(some), least, 900, strength)
        return self._photographed(self.rng.choice(self.small), 230, 420, 0.5)

    def _photographed(self, line: lines.Line, least: int, most: int, strength: float) -> Any:
        height = math.exp(self.rng.uniform(math.log(least), math.log(most)))
        return *disturbed(line, self.rng, height, strength=strength), line


def pack(made: Sequence[Any]) -> Any:
    """Strips as normalised float32 [n, 1, 64, w]; what they say; and where, as far as known.

    The last is int64 [n, 2, w / 4]: the class at each place, -100 where nobody knows.
    """
    strips = np.stack([strip for strip, _, _ in made]).astype(np.float32)
    mean = strips.mean((1, 2), keepdims=True)
    strips = (strips - mean) / (strips.std((1, 2), keepdims=True) + 4)
    places = np.full((len(made), 2, strips.shape[2] // 4), -100)
    for row, (_, along, line) in enumerate(made):
        for lane, (text, xs) in enumerate(zip((line.upper, line.lower[0]), along, strict=False)):
            places[row, lane] = 0
            for letter, x in zip(text, np.round((xs - 2) / 4).astype(int), strict=True):
                if 0 <= x < places.shape[2]:
                    places[row, lane, x] = CODES[letter]
    texts = [(line.upper, line.lower) for _, _, line in made]
    return torch.from_numpy(strips[:, None]), texts, torch.from_numpy(places)
