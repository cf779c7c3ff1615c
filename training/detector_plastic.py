"""Plastic: sleeves and toploaders around cards, pages with pockets, and what shines on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import detector_grounds as grounds
import detector_layouts as layouts
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cards import Image
    from numpy.random import Generator
    from numpy.typing import NDArray

    Matrices = Sequence[NDArray[np.float64]]
    Tone = tuple[int, int, int]


def gloss(rng: Generator, canvas: Image, poly: Image, haze: float) -> None:
    """Haze and streaks of light on plastic, in place."""
    left, top = np.maximum(np.floor(poly.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(poly.max(0)).astype(int) + 1, canvas.shape[1::-1])
    if right - left < 3 or bottom - top < 3:
        return
    shape = (int(bottom - top), int(right - left))
    inside = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(inside, np.round(poly - (left, top)).astype(np.int32), 255)
    light = np.full(shape, haze, np.float32)
    if rng.random() < 0.3:
        a, b = (
            rng.uniform(0, 1, 2) * (shape[1], shape[0]),
            rng.uniform(0, 1, 2) * (shape[1], shape[0]),
        )
        streak = np.zeros(shape, np.float32)
        thick = max(1, int(rng.uniform(0.03, 0.4) * min(shape)))
        cv2.line(
            streak,
            a.astype(int).tolist(),
            b.astype(int).tolist(),
            float(rng.uniform(0.2, 1)),
            thick,
        )
        light += cv2.blur(streak, (max(1, thick), max(1, thick)))
    light = np.minimum(light, 0.97) * (inside > 0)
    part = canvas[top:bottom, left:right]
    part[:] = (
        (part + (rng.uniform(190, 255) - part) * light[..., None]).clip(0, 255).astype(np.uint8)
    )


def rim(
    rng: Generator, canvas: Image, owners: NDArray[np.int16], around: Image, kind: str, tint: Tone
) -> None:
    """What of a sleeve is seen around a card."""
    poly = np.round(around).astype(np.int32)
    cv2.fillConvexPoly(owners, poly, -1)
    if kind == "colour":
        cv2.fillConvexPoly(canvas, poly, tint, cv2.LINE_AA)
        return
    gloss(rng, canvas, around, rng.uniform(0.05, 0.35))
    bright = int(rng.integers(120, 256))
    cv2.polylines(canvas, [poly], True, (bright, bright, bright), 1, cv2.LINE_AA)


def sheet(rng: Generator, canvas: Image, places: Matrices, view: NDArray[np.float64]) -> None:
    """The page below the cards, in place."""
    spots = np.array([layouts.apply(one, np.array([[31.5, 44.0]]))[0] for one in places])
    low, high = spots.min(0) - np.array([40, 52]), spots.max(0) + np.array([40, 52])
    low = low - rng.uniform(0, 20, 2)
    high = high + rng.uniform(0, 8, 2)
    page = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    poly = np.round(layouts.apply(view, page)).clip(-4000, 4000).astype(np.int32)
    if rng.random() < 0.6:
        tone = grounds.colour(rng, *((5, 50) if rng.random() < 0.5 else (120, 250)))
        cv2.fillConvexPoly(canvas, poly, tone, cv2.LINE_AA)
    else:
        gloss(rng, canvas, poly.astype(np.float32), rng.uniform(0.1, 0.5))
    for share in np.linspace(0.08, 0.92, int(rng.integers(0, 5))):
        hole = layouts.apply(view, low[None] + np.array([5, share * (high - low)[1]]))[0]
        radius = max(1, int(np.hypot(*(poly[1] - poly[0])) * 0.012))
        if (abs(hole) < 4000).all():
            cv2.circle(
                canvas, hole.astype(int).tolist(), radius, grounds.colour(rng), -1, cv2.LINE_AA
            )


def pockets(rng: Generator, canvas: Image, places: Matrices, view: NDArray[np.float64]) -> None:
    """The plastic over the cards of a page, its seams and reflections, in place."""
    haze, seam = rng.uniform(0, 0.2), int(rng.integers(90, 256))
    for one in places:
        around = layouts.CARD + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rng.uniform(
            1.5, 2.5
        )
        poly = layouts.apply(view @ one, around).astype(np.float32)
        gloss(rng, canvas, poly, haze)
        lines = [np.round(poly).astype(np.int32)]
        if haze > 0.05:
            cv2.polylines(canvas, lines, True, (seam, seam, seam), 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 4))):
        corners = (
            rng.uniform(0, 1, 2) * canvas.shape[1::-1]
            + rng.normal(0, 1, (4, 2)) * canvas.shape[1] * 0.2
        )
        gloss(rng, canvas, cv2.convexHull(corners.astype(np.float32))[:, 0], rng.uniform(0.05, 0.8))
