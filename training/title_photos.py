"""Photographs of titles: other cards over and under them, light, blur, and corners that are off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from line_photos import conditions

from mtg_image_db.reading.strip import CARD_MM
from mtg_image_db.reading.title_reader import COVERED
from mtg_image_db.reading.title_strip import cut_title, title_corners

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from title_scans import Grey, Title

    Matrix = NDArray[np.float64]

_LEFT, _TOP, _WIDE, _HIGH = -6.0, -7.5, 75.0, 25.5
"""The part of the photo that is made, in millimetres from the card's top left corner."""
_LETTER = np.array([(x, y) for x in (-0.5, 0, 0.5) for y in (-1.1, 0, 1.1)], np.float32)
"""Points of a letter around its middle, in millimetres."""
_SEEN = 0.6
"""Least share of these points that must be free if a letter counts as seen. By hand."""


class Photo:
    """A photo of a card's top, in which other things are laid under and over it.

    Parameters
    ----------
    scale
        Pixels a millimetre.
    """

    def __init__(self, ground: Grey, rng: random.Random, scale: float) -> None:
        size = round(_WIDE * scale), round(_HIGH * scale)
        self.pixels = cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR)
        self.covered = np.zeros_like(self.pixels)
        box = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
        flat = box * np.float32([_WIDE, _HIGH]) + np.float32([_LEFT, _TOP])
        noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 0.012, (4, 2))
        bent = (box + noise.astype(np.float32)) * np.float32(size)
        self.matrix: Matrix = cv2.getPerspectiveTransform(flat, bent)
        """From millimetres of the card to pixels."""

    def where(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pixels of points in millimetres, [n, 2]."""
        found = cv2.perspectiveTransform(points[None].astype(np.float32), self.matrix)[0]
        return np.asarray(found, np.float32)

    def card(self, top: Title, place: Matrix, *, over: bool, free: bool = False) -> None:
        """Lay a card down.

        Parameters
        ----------
        place
            From its millimetres to those of the first card.
        over
            Whether it covers the title.
        free
            Leave it out if it would cover anything of the title's bar.
        """
        matrix = self.matrix @ place
        wide, high = CARD_MM
        edges = np.array([[(0, 0), (wide, 0), (wide, high), (0, high)]], np.float32)
        mask = self._filled(cv2.perspectiveTransform(edges, matrix)[0])
        if free and mask[self._filled(self.where(_BAR)) > 0].any():
            return
        scaled = matrix @ np.diag([1 / top.scale, 1 / top.scale, 1.0])
        self._paint(_warped(top.pixels, scaled, mask.shape), mask, over=over)

    def blot(self, middle: tuple[float, float], radius: float, shade: float) -> None:
        """Lay a finger down, or anything round, in millimetres."""
        turns = np.linspace(0, 2 * math.pi, 24)
        ring = np.stack([np.cos(turns), np.sin(turns) * 1.5], 1) * radius + middle
        mask = self._filled(self.where(ring.astype(np.float32)))
        rows, columns = mask.shape
        light = np.linspace(0.7, 1.2, columns)[None, :] * np.linspace(1.1, 0.8, rows)[:, None]
        self._paint(np.clip(light * shade, 0, 255).astype(np.uint8), mask, over=True)

    def _filled(self, corners: NDArray[np.float32]) -> Grey:
        mask = np.zeros_like(self.covered)
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255)
        return mask

    def _paint(self, pixels: Grey, mask: Grey, *, over: bool) -> None:
        self.pixels = np.where(mask > 0, pixels, self.pixels)
        if over:
            self.covered |= mask

    def seen(self, centres: NDArray[np.float32]) -> list[bool]:
        """Which letters nothing covers."""
        points = np.round(self.where((centres[:, None] + _LETTER).reshape(-1, 2))).astype(int)
        rows, columns = self.covered.shape
        x, y = np.clip(points[:, 0], 0, columns - 1), np.clip(points[:, 1], 0, rows - 1)
        free = (self.covered[y, x] == 0).reshape(-1, len(_LETTER)).mean(1)
        return [bool(share >= _SEEN) for share in free]


_BAR = np.array([(3, 3.2), (60, 3.2), (60, 9), (3, 9)], np.float32)
"""The title's bar, in millimetres."""


def photographed(
    title: Title,
    others: Sequence[Title],
    ground: Grey,
    rng: random.Random,
    height: float,
    *,
    strength: float = 1.0,
) -> tuple[Grey, str, NDArray[np.float32] | None, list[bool]]:
    """Photograph a title at a card height in pixels, and cut it out again.

    Parameters
    ----------
    others
        Two titles of other cards, which may lie under and over it.

    Returns
    -------
    The strip; what it says, with `COVERED` for what is hidden; where its characters stand along the
    strip, in pixels, as far as known; and which of these are seen.
    """
    scale = height / CARD_MM[1]
    photo = Photo(ground, rng, scale)
    if rng.random() < 0.5:  # a card behind it
        photo.card(others[0], _placed(rng, rng.gauss(0, 6), -rng.uniform(6, 14), 5), over=False)
    photo.card(title, np.eye(3), over=False)
    free = title.centres is None
    if rng.random() < 0.45:
        photo.card(others[1], _placed(rng, rng.gauss(0, 8), rng.uniform(7.5, 15), 6), over=True,
                   free=free)  # fmt: skip
    if not free and rng.random() < 0.35 * min(1.0, strength * 1.2):
        _cover_part(photo, others[0], rng)
    text, seen = title.text, [True] * len(title.text)
    if title.centres is not None:
        seen = photo.seen(title.centres)
        text = visible(title.text, seen)
    pixels = conditions(_tilted(photo.pixels, rng), rng,
                        np.random.default_rng(rng.getrandbits(32)), scale, strength)  # fmt: skip
    if pixels.shape != photo.pixels.shape:
        pixels = cv2.resize(pixels, photo.pixels.shape[::-1])
    # The corners are off: all together, each alone, and the lower ones most.
    wide, high = CARD_MM
    noise = np.random.default_rng(rng.getrandbits(32))
    off = noise.normal(0, 0.8, 2) + noise.normal(0, 1.0, (4, 2)) * [[1], [1], [3.5], [3.5]]
    corners = np.array([(0, 0), (wide, 0), (wide, high), (0, high)]) + off * strength
    place = title_corners(photo.where(corners.astype(np.float32)))
    strip = cut_title(pixels, place)
    if title.centres is None:
        return strip, text, None, seen
    rows, columns = strip.shape
    target = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    matrix = cv2.getPerspectiveTransform(place, target)
    along = cv2.perspectiveTransform(photo.where(title.centres)[None], matrix)[0, :, 0]
    return strip, text, along, seen


def visible(text: str, seen: Sequence[bool]) -> str:
    """What can be read of a text: each run of hidden letters becomes `COVERED`.

    Examples
    --------
    >>> visible("llanowar elves", [i < 8 for i in range(14)])
    'llanowar…'
    """
    said = ""
    for letter, shown in zip(text, seen, strict=True):
        if shown:
            said += letter
        elif not said.endswith(COVERED):
            said += COVERED
    # A space beside what is hidden cannot be seen either.
    return said.replace(f" {COVERED}", COVERED).replace(f"{COVERED} ", COVERED)


def _cover_part(photo: Photo, other: Title, rng: random.Random) -> None:
    """Cover the title's right, left or middle."""
    kind, x = rng.random(), rng.uniform(6, 55)
    if kind < 0.25:
        photo.blot((x, rng.uniform(0, 14)), rng.uniform(3, 9), rng.uniform(20, 230))
    elif kind < 0.75:
        place = _placed(rng, x, rng.uniform(-12, 8), 14)
        photo.card(other, place, over=True)
    else:
        place = _placed(rng, x - CARD_MM[0], rng.uniform(-12, 8), 14)
        photo.card(other, place, over=True)


def _placed(rng: random.Random, x: float, y: float, degrees: float) -> Matrix:
    """A card's place: turned about its upper edge, then moved, in millimetres."""
    turn = math.radians(rng.gauss(0, degrees))
    c, s = math.cos(turn), math.sin(turn)
    middle = CARD_MM[0] / 2
    back = np.array([(1, 0, -middle), (0, 1, 0), (0, 0, 1.0)])
    return np.array([(c, -s, middle + x), (s, c, y), (0, 0, 1.0)]) @ back


def _warped(pixels: Grey, matrix: Matrix, shape: tuple[int, ...]) -> Grey:
    # Average first, so that nothing is skipped.
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if shrink < 0.75:
        smaller = cv2.resize(
            pixels, None, fx=shrink * 1.2, fy=shrink * 1.2, interpolation=cv2.INTER_AREA
        )
        share = np.array(pixels.shape[::-1]) / smaller.shape[::-1]
        matrix, pixels = matrix @ np.diag([*share, 1.0]), smaller
    made = cv2.warpPerspective(
        pixels, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(made, np.uint8)


def _tilted(pixels: Grey, rng: random.Random) -> Grey:
    """The photo as it is if the card is tilted away: fewer rows, or fewer columns."""
    if rng.random() < 0.7:
        return pixels
    share = rng.uniform(0.5, 1)
    x, y = (share, 1.0) if rng.random() < 0.4 else (1.0, share)
    return np.asarray(cv2.resize(pixels, None, fx=x, fy=y, interpolation=cv2.INTER_AREA), np.uint8)
