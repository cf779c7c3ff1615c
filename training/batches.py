"""Training batches, a function of seed and step alone: a resumed run draws the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from augment import SCANNER, VIOLENT, degrade
from cards import Cards, artwork_classes
from recombine import recombine, reframe

if TYPE_CHECKING:
    from pathlib import Path

    from cards import Image
    from numpy.typing import NDArray

FIRST_INVENTED = 1 << 32
"""Class numbers from here on belong to recombined cards."""
RAMP = 500


@dataclass(frozen=True)
class Plan:
    """What a batch is made of.

    Attributes
    ----------
    pairs : int
        Pairs of a degraded view and a scan in a batch.
    size : tuple of int
        Height and width of the pictures.
    invented : float
        Share of pairs that show a recombined card.
    reframed : float
        Share of the other pairs whose view has the frame of another card.
    seed : int
        With the step, decides every draw.
    ramp : int
        Steps over which disturbances grow to their full strength.
    """

    pairs: int
    size: tuple[int, int]
    invented: float
    reframed: float
    seed: int
    ramp: int = RAMP


class Batches(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Item i is the batch of step ``first + i``: pictures (views first, then scans) and classes."""

    def __init__(
        self, cards: Cards, pairs: Path | None, plan: Plan, first: int, count: int
    ) -> None:
        self.plan, self.first, self.count = plan, first, count
        artworks = artwork_classes(cards, pairs)
        # Some held-out cards stand in the gallery under another spelling, too.
        rows = np.flatnonzero(~np.isin(artworks, artworks[cards.held_out]))
        height, width = (round(1.2 * side) for side in plan.size)
        self.pixels: Image = np.empty((len(rows), height, width, 3), dtype=np.uint8)
        for k, row in enumerate(rows):
            self.pixels[k] = cv2.resize(
                cards.pixels[row], (width, height), interpolation=cv2.INTER_AREA
            )
        self.classes = artworks[rows]
        self.members: dict[int, NDArray[np.int64]] = {
            int(c): np.flatnonzero(self.classes == c) for c in np.unique(self.classes)
        }
        self.names = np.array(list(self.members))

    def __len__(self) -> int:
        """Return the number of steps."""
        return self.count

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw the batch of one step."""
        cv2.setNumThreads(1)
        plan, step = self.plan, self.first + item
        rng = np.random.default_rng([plan.seed, step])
        most = 0.45 + 0.75 * min(1.0, step / plan.ramp)
        chosen = rng.choice(self.names, plan.pairs, replace=False)
        views, scans, classes = [], [], []
        for k in range(plan.pairs):
            if rng.random() < plan.invented:
                lenders = rng.integers(0, len(self.pixels), 4)
                a = b = recombine(rng, *(self.pixels[i] for i in lenders))
                classes.append(FIRST_INVENTED + step * plan.pairs + k)
            else:
                members = self.members[int(chosen[k])]
                a, b = (self.pixels[i] for i in rng.choice(members, 2))
                classes.append(int(chosen[k]))
                if rng.random() < plan.reframed:
                    a = reframe(rng, a, self.pixels[rng.integers(0, len(self.pixels))])
            other = self.pixels[rng.integers(0, len(self.pixels))]
            limit = VIOLENT.scaled(rng.uniform(0.25, most))
            views.append(degrade(rng, a, plan.size, limit, other))
            if rng.random() < 0.4:
                flat = cv2.resize(b, plan.size[::-1], interpolation=cv2.INTER_AREA)
                scans.append(np.asarray(flat, dtype=np.uint8))
            else:
                scans.append(degrade(rng, b, plan.size, SCANNER, other))
        return torch.from_numpy(np.stack(views + scans)), torch.tensor(classes)
