"""Batches of titles for the reader, real and drawn."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from line_batches import Pool
from title_drawing import Drawer, Words
from title_photos import photographed
from title_scans import Title, of_scan, scans
from torch.utils.data import IterableDataset

from mtg_image_db.reading.network import normalised
from mtg_image_db.reading.title_reader import CODES, COVERED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from title_scans import Grey

UNKNOWN = -100
"""The class of a place of which nobody knows what stands there."""


class Batches(IterableDataset[Any]):
    """Endless batches of strips and what they say.

    Parameters
    ----------
    seed
        The step with which training goes on.
    easy
        Until this step, cards are large and most titles are drawn: letters are learned much sooner
        on them.
    places
        Where the characters of scans stand, by path (`place_titles.py`); scans that it has are
        covered in part as well. Empty at first.
    """

    def __init__(
        self,
        shared: Path,
        fonts: Path,
        batch: int,
        seed: int,
        easy: int,
        places: dict[str, Any],
    ) -> None:
        self.shared, self.fonts, self.batch, self.seed = shared, fonts, batch, seed
        self.easy, self.places = easy, places

    def __iter__(self) -> Iterator[Any]:
        cv2.setNumThreads(1)
        rng = self.rng = random.Random(self.seed)
        found = scans(self.shared, held_out=False)
        real = []
        for path, name in found:
            key = str(path.relative_to(self.shared))
            centres = self.places.get(key)
            if self.places and centres is None:
                continue  # its title cannot be read: it stands elsewhere, or is another
            title = of_scan(path, name)
            real.append(Title(title.pixels, title.text, centres))
        self.real = real
        self.pictures = [picture(path) for path, _ in rng.sample(found, 150)]
        words = Words(sorted({title.text for title in real}))
        drawer = Drawer(sorted(self.fonts.glob("title-*.ttf")), words, self.pictures)
        self.drawn = Pool(lambda: drawer.draw(rng), 5000, 0.15)
        self.step = self.seed
        # Half of what a batch shows has been seen before: drawing takes as long as learning.
        photos = Pool(self._photo, 4000, 0.5)
        while True:
            self.step += 1
            yield pack([photos.take(rng) for _ in range(self.batch)])

    def _photo(self) -> Any:
        """A strip, and what is known of it (see `photographed`)."""
        rng, easy = self.rng, self.step < self.easy
        real = rng.random() < (0.35 if easy else 0.6)
        title = rng.choice(self.real) if real else self.drawn.take(rng)
        others = [rng.choice(self.real) for _ in range(2)]
        least, strength = (330, 0.5) if easy else (210, 1.0)
        # A scan is no sharper than it is.
        most = min(700.0, title.scale * 88 * 1.3)
        height = math.exp(rng.uniform(math.log(least), math.log(most)))
        ground = rng.choice(self.pictures)
        if rng.random() < 0.5:
            ground = ground[: rng.randint(2, 40), : rng.randint(2, 40)]
        return *photographed(title, others, ground, rng, height, strength=strength), title.text


def picture(path: Path) -> Grey:
    """The artwork of a scan, grey [120, 160]."""
    scan = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    rows, columns = scan.shape
    part = scan[rows // 7 : rows // 2, columns // 10 : -columns // 10]
    return np.asarray(cv2.resize(part, (160, 120), interpolation=cv2.INTER_AREA), np.uint8)


def pack(made: Sequence[Any]) -> Any:
    """Strips as the network wants them, what they say, and where, as far as known.

    The last is int64 [n, 120]: the class at each place, or `UNKNOWN`.
    """
    strips = normalised([strip for strip, *_ in made])
    places = np.full((len(made), strips.shape[3] // 2), UNKNOWN)
    for row, (_, _, along, seen, text) in enumerate(made):
        if along is None:
            continue
        places[row] = 0
        at = np.round((along - 1) / 2).astype(int)
        before = None  # the last place, if what stands there is covered
        for letter, x, shown in zip(text, at, seen, strict=True):
            if not shown:
                first = x if before is None else min(before, x)
                places[row, max(0, first) : max(0, x + 1)] = CODES[COVERED]
                before = x
                continue
            before = None
            if 0 <= x < places.shape[1]:
                places[row, x] = CODES[letter]
    said = [text for _, text, *_ in made]
    return torch.from_numpy(strips), said, torch.from_numpy(places)
