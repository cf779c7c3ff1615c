"""Batches of made-up photos, and what the detector should say of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from detector_net import STRIDE
from detector_scenes import Scene, Scenes, prepare
from torch.utils.data import IterableDataset

if TYPE_CHECKING:
    from cards import Image
    from numpy.typing import NDArray

SHAPES = ((0.75, 1.0), (1.0, 0.75), (0.83, 0.83), (1.0, 0.58))
"""Widths and heights of the photos, as shares of the longer side of most."""
_TITLE = (2.0, 61.0, 2.0, 12.0)
"""Where a card's title bar is, in millimetres: left, right, top, bottom."""
_LEAST_TITLE, _LEAST_SEEN = 0.3, 0.15
"""A card is asked for if so much of its title bar or of its face is seen. By hand."""
_LEAST_CELLS = 4
"""A card is asked for if so many cells show it. By hand."""
_LEAST_STRIP = 5.0
"""A card more than half of which is covered is asked for if what is seen of it would be a strip of
at least this height across it, in pixels. By hand."""


_SPREAD = 0.3
"""How wide the peak at an anchor is, as a share of the deviation of what is seen of the title. By
hand."""


def targets(scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """What the cells should say.

    Returns
    -------
    anchors
        1 at the anchor of each card, less around it; float32 [h / 4, w / 4].
    owners
        The card that each cell shows, -1 for none, -2 where nothing is asked.
    quads
        Corners in pixels, float32 [n, 8].
    """
    half = STRIDE // 2
    owners = scene.owners[half::STRIDE, half::STRIDE].astype(np.int64)
    rows, columns = owners.shape
    anchors = np.zeros((rows, columns), np.float32)
    frame = np.array([[0, 0], [63, 0], [63, 88], [0, 88]], np.float32)
    left, right, top, bottom = _TITLE
    for number, quad in enumerate(scene.quads):
        ys, xs = np.nonzero(owners == number)
        area = abs(cv2.contourArea(quad)) / STRIDE**2
        if len(ys) < _LEAST_CELLS or area < 8:
            owners[ys, xs] = -2
            continue
        spots = np.stack([xs, ys], -1).astype(np.float32) * STRIDE + half
        own = cv2.perspectiveTransform(spots[None], cv2.getPerspectiveTransform(quad, frame))[0]
        title = (own[:, 0] > left) & (own[:, 0] < right) & (own[:, 1] > top) & (own[:, 1] < bottom)
        whole = (right - left) * (bottom - top) / (63 * 88) * area
        seen_title, seen = title.sum() / max(whole, 1.0), len(ys) / area
        strip = seen * float(np.linalg.norm(quad[3] - quad[0]))
        thin = seen < 0.5 and strip < _LEAST_STRIP
        if thin or (seen_title < _LEAST_TITLE and seen < _LEAST_SEEN):
            owners[ys, xs] = -2
            continue
        some = title if seen_title >= _LEAST_TITLE and title.any() else np.ones(len(ys), bool)
        middle = np.array([xs[some].mean(), ys[some].mean()])
        near = np.argmin((xs - middle[0]) ** 2 + (ys - middle[1]) ** 2 + 1e3 * ~some)
        # Longer along the title than across it, as far as the title is seen.
        cell = STRIDE * 88 / max(float(np.linalg.norm(quad[3] - quad[0])), 1.0)
        along = max(_SPREAD * float(own[some, 0].std()), 0.6 * cell)
        across = max(_SPREAD * float(own[title, 1].std()) if title.any() else 0.0, 0.6 * cell)
        away = (own - own[near]) / (along, across)
        peak = np.exp(-0.5 * (away**2).sum(-1)).astype(np.float32)
        anchors[ys, xs] = np.maximum(anchors[ys, xs], peak)
    return anchors, owners, scene.quads.reshape(-1, 8)


class Batches(IterableDataset[Any]):
    """Endless batches of photos [n, 3, h, w] and their targets.

    Parameters
    ----------
    size
        The longer side of most photos, in pixels.
    seed
        The step with which training goes on.
    easy
        See `Scenes`.
    """

    def __init__(
        self, shared: Path, work: Path, batch: int, size: int, seed: int, *, easy: bool
    ) -> None:
        self.shared, self.work, self.batch, self.size = shared, work, batch, size
        self.seed, self.easy = seed, easy

    def __iter__(self) -> Iterator[Any]:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        scans = prepare(self.shared, self.work, held_out=False)
        missed = self.work / "missed.npy"
        rows = np.load(missed) if missed.exists() else ()
        scenes = Scenes(scans, self.seed, missed=rows, easy=self.easy)
        while True:
            shape = SHAPES[scenes.rng.choice(len(SHAPES), p=(0.35, 0.35, 0.2, 0.1))]
            width, height = (32 * round(share * self.size / 32) for share in shape)
            made = [scenes.draw(width, height) for _ in range(self.batch // 2)]
            # What stands on its head is seen both ways: which side is up is learned sooner.
            yield pack(
                [*made, *(turned(scene) for scene in made)]
                if self.easy
                else [*made, *(scenes.draw(width, height) for _ in made)]
            )


def turned(scene: Scene) -> Scene:
    """The photo upside down."""
    height, width = scene.owners.shape
    return Scene(
        np.ascontiguousarray(scene.pixels[::-1, ::-1]),
        np.ascontiguousarray(scene.owners[::-1, ::-1]),
        np.array([width, height], np.float32) - scene.quads,
        scene.kind,
    )


def pack(made: list[Scene]) -> Any:
    """Photos as uint8 [n, h, w, 3], anchors, owners (rows of the quads of all), and these quads."""
    photos: list[Image] = []
    anchors, owners, quads, before = [], [], [np.zeros((1, 8), np.float32)], 1
    for scene in made:
        anchor, owner, quad = targets(scene)
        photos.append(scene.pixels)
        anchors.append(anchor)
        owners.append(np.where(owner >= 0, owner + before, owner))
        quads.append(quad)
        before += len(quad)
    return (
        torch.from_numpy(np.stack(photos)),
        torch.from_numpy(np.stack(anchors)),
        torch.from_numpy(np.stack(owners)),
        torch.from_numpy(np.concatenate(quads)),
    )
