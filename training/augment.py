"""What a camera and a card finder do to a card, drawn at random.

Everything smooth (glare, shadow, foil, haze) is composed on a coarse grid as one gain and one
offset a pixel, so that a picture is touched in full resolution a handful of times only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from cards import as_image

if TYPE_CHECKING:
    from cards import Image
    from numpy.random import Generator
    from numpy.typing import NDArray

    Field = NDArray[np.float32]

GRID = (21, 15)
"""Height and width of the coarse grid."""
_Y, _X = np.meshgrid(np.linspace(-1, 1, GRID[0]), np.linspace(-1, 1, GRID[1]), indexing="ij")
GRID_X, GRID_Y = _X.astype(np.float32), _Y.astype(np.float32)
_NOISE = (np.random.default_rng(7).standard_normal((1 << 21,)) * 32).astype(np.int16)


@dataclass(frozen=True)
class Strength:
    """How far each disturbance may go; lengths are fractions of the card unless said otherwise."""

    corners: float = 0.08
    margin: float = 0.08
    blur: float = 3.0 / 240
    smallest: float = 0.30
    jpeg: int = 18
    noise: float = 14.0
    exposure: float = 0.9
    cast: float = 0.22
    light: float = 0.75
    cover: float = 0.35

    def scaled(self, factor: float) -> Strength:
        """Return all limits multiplied by ``factor`` (1 is violent)."""
        return Strength(
            corners=self.corners * factor,
            margin=self.margin * factor,
            blur=self.blur * factor,
            smallest=1 - (1 - self.smallest) * min(factor, 1.1),
            jpeg=round(95 - (95 - self.jpeg) * min(factor, 1.1)),
            noise=self.noise * factor,
            exposure=self.exposure * factor,
            cast=self.cast * factor,
            light=self.light * min(factor, 1.2),
            cover=self.cover * factor,
        )


VIOLENT = Strength()
SCANNER = Strength(
    corners=0.006,
    margin=0.022,
    blur=0.8 / 240,
    smallest=0.7,
    jpeg=60,
    noise=3.0,
    exposure=0.25,
    cast=0.07,
    light=0.0,
    cover=0.0,
)
"""What tells one scan from another scan of the same artwork."""


def backdrop(rng: Generator, size: tuple[int, int], other: Image) -> Image:
    """Return something to lie behind a card: a plain colour, a gradient, wood, or other cards."""
    height, width = size
    kind = rng.random()
    if kind < 0.35:
        small = rng.integers(0, 256, (1, 1, 3))
    elif kind < 0.6:
        small = rng.integers(0, 256, (rng.integers(1, 4), rng.integers(1, 4), 3))
    elif kind < 0.8:
        base = rng.integers(20, 220, (1, 1, 3))
        small = np.clip(
            base + rng.normal(0, 30, (rng.integers(2, 60), rng.integers(2, 8), 1)), 0, 255
        )
    else:
        turned = other[::-1] if rng.random() < 0.5 else other[:, ::-1]
        return as_image(cv2.resize(turned, (width, height)))
    return as_image(cv2.resize(small.astype(np.uint8), (width, height)))


def warp(
    rng: Generator, card: Image, size: tuple[int, int], limit: Strength, other: Image
) -> Image:
    """Return the card as cut out by a finder whose corners are off."""
    height, width = size
    rows, columns = card.shape[:2]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    grown = rng.uniform(-limit.margin, limit.margin, 2)
    shift = rng.uniform(-1, 1, 2) * limit.corners * 0.4
    jitter = rng.uniform(-1, 1, (4, 2)) * limit.corners * rng.uniform(0.2, 1.0)
    source = (corners - 0.5) * (1 + grown) + 0.5 + shift + jitter
    source = (source * (columns, rows)).astype(np.float32)
    target = corners * np.array([width, height], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    if limit.corners < 0.02 or rng.random() < 0.25:
        edge = cv2.BORDER_REPLICATE
        return as_image(
            cv2.warpPerspective(card, matrix, (width, height), None, cv2.INTER_LINEAR, edge)
        )
    behind = backdrop(rng, size, other)
    edge = cv2.BORDER_TRANSPARENT
    return as_image(
        cv2.warpPerspective(card, matrix, (width, height), behind, cv2.INTER_LINEAR, edge)
    )


def _blob(rng: Generator, low: float, high: float) -> Field:
    """Return a soft ellipse on the grid, 1 at its centre."""
    cx, cy = rng.uniform(-1.1, 1.1, 2)
    turn = rng.uniform(0, np.pi)
    rx, ry = rng.uniform(low, high, 2)
    x, y = GRID_X - cx, (GRID_Y - cy) * 1.4
    u = (x * np.cos(turn) + y * np.sin(turn)) / rx
    v = (y * np.cos(turn) - x * np.sin(turn)) / ry
    return np.asarray(np.exp(-(u * u + v * v)), dtype=np.float32)


def _spot(rng: Generator, share: float) -> Field:
    """Return an ellipse on the grid with a narrow border, over up to ``share`` of the card."""
    cx, cy = rng.uniform(-0.8, 0.8, 2)
    turn = rng.uniform(0, np.pi)
    # The card spans 2 x 2 on the grid.
    size = np.sqrt(rng.uniform(0.3, 1.0) * share * 4 / np.pi)
    aspect = np.sqrt(rng.uniform(0.5, 2.0))
    x, y = GRID_X - cx, GRID_Y - cy
    u = (x * np.cos(turn) + y * np.sin(turn)) / (size * aspect)
    v = (y * np.cos(turn) - x * np.sin(turn)) / (size / aspect)
    inside = (1 - np.sqrt(u * u + v * v)) / rng.uniform(0.05, 0.4)
    return np.asarray(1 / (1 + np.exp(np.clip(-3 * inside, -30, 30))), dtype=np.float32)


def _edge(rng: Generator) -> Field:
    """Return a half plane on the grid with a soft or a hard border."""
    turn = rng.uniform(0, 2 * np.pi)
    across = GRID_X * np.cos(turn) + GRID_Y * np.sin(turn) - rng.uniform(-0.8, 0.8)
    softness = rng.choice([0.04, 0.15, 0.5])
    return np.asarray(1 / (1 + np.exp(np.clip(-across / softness, -30, 30))), dtype=np.float32)


def light(rng: Generator, limit: Strength) -> tuple[Field, Field]:
    """Return gain and offset on the grid: exposure, cast, shadow, glare, foil, haze."""
    gain = np.ones((*GRID, 3), dtype=np.float32) * np.float32(
        2 ** rng.uniform(-limit.exposure, limit.exposure)
    )
    gain *= (1 + rng.uniform(-limit.cast, limit.cast, 3)).astype(np.float32)
    offset = np.full((*GRID, 3), rng.uniform(-20, 20) * limit.exposure, dtype=np.float32)
    if limit.light == 0:
        return gain, offset
    if rng.random() < 0.4:
        gain *= (1 - rng.uniform(0.1, limit.light) * _edge(rng))[..., None]
    if rng.random() < 0.7:
        spot = _spot(rng, 0.5 * limit.light)[..., None]
        if rng.random() < 0.6:
            offset += spot * np.float32(255 * rng.uniform(0.3, 1.3) * limit.light)
        else:
            gain *= 1 - spot * np.float32(rng.uniform(0.4, 1.1) * limit.light)
    if rng.random() < 0.3:
        tilt = rng.uniform(-0.5, 0.5, 2) * limit.light
        gain *= (1 + tilt[0] * GRID_X + tilt[1] * GRID_Y).astype(np.float32)[..., None]
    if rng.random() < 0.4:
        for _ in range(rng.integers(1, 4)):
            tint = (1 - rng.uniform(0, 0.25, 3)).astype(np.float32)
            offset += (255 * rng.uniform(0.2, 1.3) * limit.light * _blob(rng, 0.1, 0.8))[
                ..., None
            ] * tint
    if rng.random() < 0.15:
        offset += (255 * rng.uniform(0.1, 0.6) * limit.light * _edge(rng))[..., None]
    if rng.random() < 0.2:
        phase = rng.uniform(2, 9, 2)
        wave = phase[0] * GRID_X + phase[1] * GRID_Y + rng.uniform(0, 6)
        hue = np.stack([np.sin(wave + k * 2.1) for k in range(3)], axis=-1)
        offset += (rng.uniform(10, 90) * limit.light * hue).astype(np.float32)
    if rng.random() < 0.25:
        haze = np.float32(rng.uniform(0.05, 0.55) * limit.light)
        gain *= 1 - haze
        offset += haze * np.float32(rng.uniform(120, 255))
    return gain, offset


def cover(rng: Generator, image: Image, share: float) -> None:
    """Paint fingers, a coin or a neighbouring card over part of ``image``, in place."""
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 3)):
        side = rng.integers(0, 4)
        along = rng.uniform(0, 1)
        x, y = [(along, 0.0), (1.0, along), (along, 1.0), (0.0, along)][side]
        colour = (
            np.array([215, 165, 135]) * rng.uniform(0.35, 1.15) + rng.uniform(-15, 15, 3)
            if rng.random() < 0.6
            else rng.uniform(0, 255, 3)
        )
        axes = (
            int(width * rng.uniform(0.05, 0.12 + 0.3 * share)),
            int(height * rng.uniform(0.08, 0.12 + 0.6 * share)),
        )
        cv2.ellipse(
            image,
            (int(x * width), int(y * height)),
            axes,
            float(rng.uniform(-40, 40) + (90 if side in {1, 3} else 0)),
            0,
            360,
            tuple(float(v) for v in np.clip(colour, 0, 255)),
            -1,
            cv2.LINE_AA,
        )


def blur(rng: Generator, image: Image, radius: float) -> Image:
    """Return the image out of focus or shaken, by up to ``radius`` of its width."""
    sigma = rng.uniform(0.15, 1.0) * radius * image.shape[1]
    if sigma < 0.25:
        return image
    if rng.random() < 0.5:
        return as_image(cv2.GaussianBlur(image, (0, 0), sigma))
    length = int(min(2 * np.ceil(sigma * 1.7) + 1, 31))
    kernel = np.zeros((length, length), dtype=np.float32)
    centre, turn = length // 2, rng.uniform(0, np.pi)
    reach = sigma * 1.7
    step = (round(reach * np.cos(turn) * 16), round(reach * np.sin(turn) * 16))
    middle = centre * 16
    cv2.line(
        kernel,
        (middle - step[0], middle - step[1]),
        (middle + step[0], middle + step[1]),
        1.0,
        1,
        cv2.LINE_AA,
        4,
    )
    return as_image(cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-6)))


def degrade(
    rng: Generator, card: Image, size: tuple[int, int], limit: Strength, other: Image
) -> Image:
    """Return ``card`` seen by a poor camera through a poor finder.

    Parameters
    ----------
    rng : Generator
        Source of every choice.
    card, other : array of uint8, shape (h, w, 3)
        The card, and some other card for the background.
    size : tuple of int
        Height and width of the result.
    limit : Strength
        How far to go at most.
    """
    height, width = size
    image = warp(rng, card, size, limit, other)
    if limit.cover and rng.random() < 0.25:
        cover(rng, image, limit.cover)
    gain, offset = (cv2.resize(field, (width, height)) for field in light(rng, limit))
    work = cv2.multiply(image, gain, dtype=cv2.CV_32F)
    cv2.add(work, offset, dst=work)
    if rng.random() < 0.5:
        grey = float(rng.uniform(0, 0.8)) * min(limit.cast * 5, 1.0)
        mix = np.eye(3, dtype=np.float32) * (1 - grey) + np.float32(grey / 3)
        work = cv2.transform(work, mix)
    image = np.clip(work, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        power = 2 ** rng.uniform(-0.8, 0.8) if limit.light else 2 ** rng.uniform(-0.3, 0.3)
        image = as_image(cv2.LUT(image, (np.linspace(0, 1, 256) ** power * 255).astype(np.uint8)))
    if rng.random() < 0.7:
        image = blur(rng, image, limit.blur)
    factor = rng.uniform(limit.smallest, 1.0)
    if factor < 0.8 and rng.random() < 0.5:
        small = (max(16, int(width * factor)), max(22, int(height * factor)))
        coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        image = as_image(cv2.resize(coarse, (width, height)))
    if rng.random() < 0.5:
        count = image.size
        start = rng.integers(0, len(_NOISE) - count)
        grain = _NOISE[start : start + count].reshape(image.shape)
        level = int(rng.uniform(0, limit.noise) * 8)
        image = np.clip(image + ((grain * np.int16(level)) >> 8), 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        quality = int(rng.integers(limit.jpeg, 96))
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = as_image(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return image
