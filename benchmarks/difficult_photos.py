"""Made-up photos of a card, each with one difficulty: 61 conditions, drawn by our own code.

A card lies on a table. Table and card are one plane, which a camera sees from four card heights
away. A seed gives the same photo each time. What is not said otherwise: the card is upright but for
4 degrees, 450 pixels high, lies on wood, and the photo has 1280 x 960 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from drawn_table import (
    ASPECT,
    CARD,
    PLANE,
    Floats,
    backs,
    black,
    black_border,
    corners_of,
    cover,
    glare,
    haze,
    lay,
    mat,
    monitor,
    rim,
    toploader,
    wood,
)
from numpy.random import Generator
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Table = Callable[[Generator], Floats]
"""Gives the plane without the card."""
Drawing = Callable[[Generator, Floats, int], None]
"""Draws on the plane, in place, where a card of some height lies in its middle."""
Development = Callable[[Generator, Floats], Floats]
"""Changes the photo, as lens, sensor and light do."""

WIDTH, HEIGHT = 1280, 960
AWAY = 4
"""Card heights from the camera to the card."""


def filtered(photo: Floats, kernel: Any) -> Floats:
    return np.asarray(cv2.filter2D(photo, -1, kernel / kernel.sum()), np.float32)


def defocus(_: Generator, photo: Floats, *, radius: float) -> Floats:
    """A point becomes a disk of so many pixels' radius."""
    y, x = np.mgrid[-6:7, -6:7]
    return filtered(photo, np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def motion(rng: Generator, photo: Floats, *, length: int) -> Floats:
    """The camera moved straight, in any direction, by so many pixels."""
    kernel: Any = np.zeros((31, 31), np.float32)
    kernel[15] = np.clip((length + 1) / 2 - abs(np.arange(31) - 15), 0, 1)
    turn = cv2.getRotationMatrix2D((15, 15), rng.uniform(0, 180), 1)
    return filtered(photo, cv2.warpAffine(kernel, turn, (31, 31)))


def noise(rng: Generator, photo: Floats, *, deviation: float) -> Floats:
    grain = rng.standard_normal(photo.shape, np.float32)
    return np.asarray(photo + np.float32(deviation) * grain, np.float32)


def gain(_: Generator, photo: Floats, *, gains: tuple[float, float, float]) -> Floats:
    """Multiply red, green and blue."""
    return np.asarray(np.clip(photo * np.array(gains), 0, 255), np.float32)


@dataclass(frozen=True)
class Condition:
    """One difficulty.

    Parameters
    ----------
    turn
        Degrees, clockwise.
    tilt
        Degrees about the card's x axis and its y axis, in either direction.
    height
        Pixels of the card's height in the photo.
    under, over
        What is drawn before and after the card.
    overlap
        The share of the card that another card covers.
    cut
        The share of the card beyond the photo's edge.
    screen
        The plane is a screen: it has pixels, and the photo a moire.
    quality
        Of the JPEG.
    """

    name: str
    turn: float = 0
    tilt: tuple[float, float] = (0, 0)
    height: int = CARD
    table: Table = wood
    under: Drawing | None = None
    over: Drawing | None = None
    overlap: float = 0
    cut: float = 0
    screen: bool = False
    develop: Development | None = None
    quality: int = 92


COVERED = {"top": (20, 40, 60), "bottom": (40, 60), "left": (40, 60), "right": (40,)}
CONDITIONS = (
    *(Condition(f"turn {n}", turn=n) for n in (*range(0, 360, 45), 20, 110, 200, 290)),
    *(Condition(f"tilt {n}, x axis", tilt=(n, 0)) for n in (15, 30, 45, 60)),
    *(Condition(f"tilt {n}, y axis", tilt=(0, n)) for n in (15, 30, 45, 60)),
    *(Condition(f"{n} pixels high", height=n) for n in (80, 100, 150, 200, 300, 450, 700)),
    *(
        Condition(f"defocus {n} pixels", develop=partial(defocus, radius=n))
        for n in (1.5, 3.0, 4.5)
    ),
    *(Condition(f"motion {n} pixels", develop=partial(motion, length=n)) for n in (5, 10, 15)),
    *(Condition(f"JPEG quality {n}", quality=n) for n in (10, 30)),
    Condition("noise", develop=partial(noise, deviation=25)),
    *(Condition(f"glare {n} %", over=partial(glare, share=n / 100)) for n in (15, 30, 50)),
    *(
        Condition(f"{side} {n} % covered", over=partial(cover, side=side, share=n / 100))
        for side, shares in COVERED.items()
        for n in shares
    ),
    Condition("two overlap by 30 %", overlap=0.3),
    *(Condition(f"cut off by {n} %", cut=n / 100) for n in (20, 40)),
    Condition("sleeve haze", over=haze),
    Condition("coloured sleeve", under=rim),
    Condition("toploader", over=toploader),
    Condition("dark", develop=partial(gain, gains=(0.15, 0.15, 0.15))),
    Condition("over-exposed", develop=partial(gain, gains=(1.9, 1.9, 1.9))),
    Condition("warm light", develop=partial(gain, gains=(1.25, 0.95, 0.5))),
    Condition("cold light", develop=partial(gain, gains=(0.6, 0.9, 1.3))),
    Condition("black on black", table=black, over=black_border),
    Condition("on other cards' backs", table=backs),
    Condition("on a patterned mat", table=mat),
    Condition("photo of a monitor", table=monitor, screen=True),
)


def photograph(
    condition: Condition, card: Pixels, other: Pixels, seed: Any
) -> tuple[bytes, Floats]:
    """Photograph a card under a condition.

    Parameters
    ----------
    card, other
        Upright scans, RGB; the other one lies on the card where cards overlap.

    Returns
    -------
    A JPEG, and the card's corners in it, clockwise from its top left.
    """
    rng = np.random.default_rng(seed)
    height, size = condition.height, np.array([condition.height * ASPECT, condition.height])
    table = condition.table(rng)
    plane = table.copy()
    if condition.under:
        condition.under(rng, plane, height)
    middle = np.array([PLANE, PLANE]) / 2
    lay(plane, resized(card, height), middle, 0)
    if condition.over:
        condition.over(rng, plane, height)
    place = np.array([WIDTH, HEIGHT]) / 2 + rng.uniform(-40, 40, 2)
    if condition.overlap:
        apart = beside(rng, condition.overlap) * size
        lay(plane, resized(other, height), middle + apart, rng.uniform(-6, 6))
        place = place - apart / 2
    if condition.cut:
        axis, half = int(rng.integers(2)), 0.5 - condition.cut
        place[axis] = rng.choice([half * size[axis], (WIDTH, HEIGHT)[axis] - half * size[axis]])
    view = camera(rng, condition, place)
    if condition.screen:
        pitch = rng.uniform(1.05, 1.4)
        photo = seen(table, on_screen(plane, pitch), view) * screen_light(view, pitch)
    else:
        photo = seen(table, plane, view)
    developed = develop(rng, condition, photo)
    quality = [cv2.IMWRITE_JPEG_QUALITY, condition.quality]
    jpeg = cv2.imencode(".jpg", developed[..., ::-1], quality)[1].tobytes()
    corners: Any = cv2.perspectiveTransform(corners_of(height)[None], view)[0]
    return jpeg, np.asarray(corners, np.float32)


def resized(scan: Pixels, height: int) -> Floats:
    way = cv2.INTER_AREA if height < len(scan) else cv2.INTER_CUBIC
    card = cv2.resize(scan, (round(height * ASPECT), height), interpolation=way)
    return np.asarray(card, np.float32)


def beside(rng: Generator, share: float) -> NDArray[np.float64]:
    """How far apart two cards are, in widths and heights, of which one covers such a share."""
    x = rng.uniform(0, 1 - share)
    apart = np.array([x, 1 - share / (1 - x)]) * rng.choice([-1, 1], 2)
    return np.asarray(apart, np.float64)


def camera(rng: Generator, condition: Condition, place: Any) -> NDArray[np.float64]:
    """The homography from the plane to the photo; the card's middle comes to ``place``."""
    about_x, about_y = np.deg2rad(condition.tilt) * rng.choice([-1, 1], 2)
    turn = np.deg2rad(condition.turn + rng.uniform(-4, 4))
    turned = cv2.Rodrigues(np.array([0, 0, turn]))[0]
    tilted = (
        cv2.Rodrigues(np.array([about_x, 0, 0]))[0] @ cv2.Rodrigues(np.array([0, about_y, 0]))[0]
    )
    away = AWAY * condition.height
    shown: Any = turned @ tilted
    shown[:, 2] = (0, 0, away)
    lens = np.array([(away, 0, place[0]), (0, away, place[1]), (0, 0, 1)])
    to_middle = np.array([(1, 0, -PLANE / 2), (0, 1, -PLANE / 2), (0, 0, 1)])
    return np.asarray(lens @ shown @ to_middle, np.float64)


def seen(table: Floats, plane: Floats, view: Any) -> Floats:
    """What the camera sees of the plane, and beyond it of a table like its own."""
    size, edge = (WIDTH, HEIGHT), cv2.BORDER_REFLECT_101
    photo: Any = cv2.warpPerspective(table, view, size, borderMode=edge)
    cv2.warpPerspective(plane, view, size, photo, borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(photo, np.float32)


def on_screen(plane: Floats, pitch: float) -> Floats:
    """The plane in squares: a screen's pixels, which are ``pitch`` pixels of the photo wide."""
    side = round(PLANE / pitch)
    small = cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (PLANE, PLANE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.float32)


def screen_light(view: Any, pitch: float) -> Floats:
    """How bright a screen is at each pixel of the photo: stripes of three colours, and rows.

    They are about as wide as the photo's pixels, so both beat: the moire.
    """
    spots: Any = np.mgrid[:HEIGHT, :WIDTH][::-1].reshape(2, -1).T.astype(np.float64)
    spots = cv2.perspectiveTransform(spots[None], np.linalg.inv(view))[0] / pitch
    x, y = spots.T.reshape(2, HEIGHT, WIDTH, 1)
    stripes = 1 + 0.55 * np.cos(2 * np.pi * (x - np.arange(3) / 3))
    return np.asarray(stripes * (1 + 0.35 * np.cos(2 * np.pi * y)), np.float32)


def develop(rng: Generator, condition: Condition, photo: Floats) -> Pixels:
    """Light from one side, the lens, the condition, and a sensor with little noise."""
    slope: Any = cv2.resize(rng.uniform(0.85, 1.08, (2, 2)), (WIDTH, HEIGHT))
    lit: Any = cv2.GaussianBlur(photo * slope[..., None], (0, 0), 0.5)
    lit = np.clip(lit, 0, 255).astype(np.float32)
    if condition.develop:
        lit = condition.develop(rng, lit)
    return np.asarray(np.clip(noise(rng, lit, deviation=2), 0, 255), np.uint8)
