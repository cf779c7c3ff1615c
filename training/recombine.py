"""New cards out of known ones: art, text box and title of some in the frame of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from cards import as_image

if TYPE_CHECKING:
    from cards import Image
    from numpy.random import Generator

ART = (0.112, 0.552, 0.075, 0.925)
TEXT = (0.625, 0.90, 0.075, 0.925)
TITLE = (0.045, 0.098, 0.075, 0.72)
"""Top, bottom, left, right as fractions of the card; the layout of most frames since 1993."""


def _box(card: Image, place: tuple[float, float, float, float]) -> Image:
    height, width = card.shape[:2]
    top, bottom = round(place[0] * height), round(place[1] * height)
    left, right = round(place[2] * width), round(place[3] * width)
    part: Image = card[top:bottom, left:right]
    return part


def clouds(rng: Generator, height: int, width: int) -> Image:
    """Return coloured noise whose spectrum falls like that of natural images."""
    total = np.zeros((height, width, 3), dtype=np.float32)
    size = 2
    while size < max(height, width):
        layer = rng.standard_normal((size, size, 3)).astype(np.float32)
        total += cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC) / size**0.7
        size *= 2
    total = total / (total.std() + 1e-6) * rng.uniform(30, 70) + rng.uniform(60, 190, 3)
    return as_image(np.clip(total, 0, 255))


def recolour(rng: Generator, art: Image) -> Image:
    """Return the picture with its colour channels mixed anew."""
    mix = rng.dirichlet([0.6, 0.6, 0.6], size=3).astype(np.float32)
    mixed = cv2.transform(art, mix)
    return np.asarray(255 - mixed if rng.random() < 0.15 else mixed, dtype=np.uint8)


def piece(rng: Generator, art: Image) -> Image:
    """Return a part of the picture, so that one painting makes many."""
    height, width = art.shape[:2]
    share = rng.uniform(0.6, 0.95)
    rows, columns = int(height * share), int(width * share)
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    return art[top : top + rows, left : left + columns]


def reframe(rng: Generator, card: Image, frame: Image) -> Image:
    """Return the card as another printing of its artwork: art and title in another's frame.

    Sets give one painting to frames of other colours, some of them with another text box.
    """
    printing = frame.copy()
    for place in (ART, TITLE) if rng.random() < 0.5 else (ART, TITLE, TEXT):
        _box(printing, place)[:] = _box(card, place)
    return printing


def recombine(rng: Generator, frame: Image, art: Image, text: Image, title: Image) -> Image:
    """Return a card that never was.

    The art is always changed so much (mirrored, recoloured, cut, or made of noise) that the card
    is a class of its own, apart from the one that lent the art.

    Parameters
    ----------
    rng : Generator
        Source of every choice.
    frame, art, text, title : array of uint8, all of one shape (h, w, 3)
        The cards that lend their parts.
    """
    card = frame.copy()
    target = _box(card, ART)
    height, width = target.shape[:2]
    kind = rng.random()
    if kind < 0.06:
        picture = clouds(rng, height, width)
    else:
        picture = _box(art, ART)
        if kind < 0.55:
            picture = picture[:, ::-1]
            if rng.random() < 0.3:
                picture = recolour(rng, picture)
        else:
            picture = recolour(rng, piece(rng, picture))
        if rng.random() < 0.35:
            picture = piece(rng, picture)
    target[:] = cv2.resize(
        np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_LINEAR
    )
    if rng.random() < 0.7:
        _box(card, TEXT)[:] = _box(text, TEXT)
    if rng.random() < 0.7:
        _box(card, TITLE)[:] = _box(title, TITLE)
    return card
