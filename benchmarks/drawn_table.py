"""A card on a table, drawn as one plane: tables, covers, light and plastic, by our own code.

The card lies upright in the plane's middle. Drawings change the plane in place.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""The plane: [PLANE, PLANE, 3], RGB, 0 to 255."""

PLANE = 1280
"""Pixels of the plane's sides: room for a card of 450 pixels, and for what lies around it."""
CARD = 450
"""Pixels of a card's height."""
ASPECT = 63 / 88
WOODS = ((150, 118, 88), (120, 92, 70), (178, 150, 118), (134, 126, 116), (98, 78, 62))
"""Colours of tables. By hand, as all colours here."""
SKINS = ((228, 188, 162), (205, 158, 128), (150, 105, 78), (98, 66, 48))


def smooth(rng: Generator, rows: int, columns: int) -> Floats:
    """Smooth noise over the plane, about -1 to 1, with so many waves: [PLANE, PLANE, 1]."""
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    fine: Any = cv2.resize(coarse, (PLANE, PLANE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine, np.float32)[..., None]


def wood(rng: Generator) -> Floats:
    """A table of boards with a quiet grain."""
    colour = np.array(WOODS[rng.integers(len(WOODS))], np.float32) * rng.uniform(0.8, 1.15)
    grain = 0.05 * smooth(rng, 300, 4) + 0.04 * smooth(rng, 60, 3) + 0.03 * smooth(rng, 900, 30)
    plane = colour * (1 + grain)
    board = int(rng.integers(180, 320))
    for at in range(int(rng.integers(board)), PLANE, board):
        plane[at : at + 3] *= 0.6
        plane[at:] *= rng.uniform(0.92, 1.08)
    return np.asarray(plane, np.float32)


def black(rng: Generator) -> Floats:
    return np.asarray(14 + smooth(rng, 800, 800) + 3 * smooth(rng, 3, 3) * np.ones(3), np.float32)


def monitor(rng: Generator) -> Floats:
    """A page on a screen: light or dark, of one colour."""
    return np.full((PLANE, PLANE, 3), rng.choice([24, 60, 235]), np.float32)


def mat(rng: Generator) -> Floats:
    """A play mat: blots of colour, and rings and rays over them."""
    blots = [smooth(rng, 7, 7) for _ in range(3)]
    plane = np.concatenate([110 + 60 * blot for blot in blots], axis=2)
    tone = rng.uniform(30, 230, 3).tolist()
    middle = tuple(map(int, rng.uniform(0.3, 0.7, 2) * PLANE))
    for radius in range(90, PLANE, int(rng.integers(70, 130))):
        cv2.circle(plane, middle, radius, tone, int(rng.integers(2, 14)), cv2.LINE_AA)
    for turn in np.arange(0, 2 * np.pi, np.pi / 9):
        end = (int(middle[0] + 2000 * np.cos(turn)), int(middle[1] + 2000 * np.sin(turn)))
        cv2.line(plane, middle, end, tone, 4, cv2.LINE_AA)
    return np.clip(plane + 4 * smooth(rng, 800, 800), 0, 255)


def backs(rng: Generator) -> Floats:
    """Wood with the backs of 16 other cards on it: brown, with an oval."""
    plane, height, width = wood(rng), CARD, round(CARD * ASPECT)
    back: Any = np.full((height, width, 3), (96, 62, 38), np.float32)
    cv2.rectangle(back, (0, 0), (width, height), (22, 18, 16), 28)
    middle = (width // 2, height // 2)
    cv2.ellipse(back, middle, (110, 165), 0, 0, 360, (168, 112, 60), -1, cv2.LINE_AA)
    cv2.ellipse(back, middle, (110, 165), 0, 0, 360, (210, 180, 120), 6, cv2.LINE_AA)
    cv2.ellipse(back, middle, (70, 40), 0, 0, 360, (60, 80, 140), -1, cv2.LINE_AA)
    back += np.asarray(rng.normal(0, 7, back.shape), np.float32)
    for x, y in np.mgrid[0:4, 0:4].reshape(2, -1).T * 345 + 120:
        lay(plane, back, (x + rng.normal(0, 50), y + rng.normal(0, 50)), rng.uniform(0, 360))
    return plane


def blend(plane: Floats, mask: Floats, colour: Any) -> None:
    """Lay a colour or a picture over the plane where the mask is 1, in place."""
    plane += mask[..., None] * (np.asarray(colour, np.float32) - plane)


def region(points: Any, soft: float = 0.7) -> Floats:
    """A mask of the plane that is 1 within a polygon."""
    mask = np.zeros((PLANE, PLANE), np.float32)
    cv2.fillPoly(mask, [np.round(np.asarray(points)).astype(np.int32)], (1.0,))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)


def shade(plane: Floats, mask: Floats, height: float) -> None:
    """The soft shadow of a thing that lies on the plane, in place."""
    blurred: Any = cv2.GaussianBlur(mask, (0, 0), max(1.0, height / 60))
    plane *= (
        1 - 0.45 * np.roll(blurred, (round(height / 90), round(height / 130)), (0, 1))[..., None]
    )


def corners_of(height: float, beyond: Any = (0, 0, 0, 0)) -> Floats:
    """Corners of the card in the plane, clockwise from its top left.

    Parameters
    ----------
    beyond
        How far to go beyond its left, top, right and bottom side, as shares of its height.
    """
    left, top, right, bottom = np.asarray(beyond, np.float32) * height
    x, y = height * ASPECT / 2, height / 2
    box = [
        (-x - left, -y - top),
        (x + right, -y - top),
        (x + right, y + bottom),
        (-x - left, y + bottom),
    ]
    return np.array(box, np.float32) + PLANE / 2


def lay(plane: Floats, card: Floats, centre: Any, turn: float) -> None:
    """Lay a card with round corners on the plane, in place; turned by degrees, clockwise."""
    rows, columns = card.shape[:2]
    radius = max(1, round(columns * 0.045))
    cut: Any = np.zeros((rows, columns), np.float32)
    cut[radius:-radius, radius:-radius] = 1
    cut = cv2.dilate(cut, cv2.getStructuringElement(2, (2 * radius + 1, 2 * radius + 1)))
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), -turn, 1)
    matrix[:, 2] += np.asarray(centre) - (columns / 2, rows / 2)
    mask: Any = cv2.warpAffine(cut, matrix, (PLANE, PLANE))
    shade(plane, mask, rows)
    edge = cv2.BORDER_REPLICATE
    blend(plane, mask, cv2.warpAffine(card, matrix, (PLANE, PLANE), borderMode=edge))


def cover(rng: Generator, plane: Floats, height: int, *, side: str, share: float) -> None:
    """Lay cloth, paper or a hand over a share of the card, from one side and from beyond it."""
    number = ("left", "top", "right", "bottom").index(side)
    sides = (ASPECT, 1, ASPECT, 1)
    beyond = rng.uniform(0.15, 0.6, 4)
    beyond[(number + 2) % 4] = -(1 - share) * sides[number]
    points = corners_of(height, beyond)
    # It is turned about the middle of its border on the card, so it covers nearly the same share.
    pivot = (points[(number + 1) % 4] + points[(number + 2) % 4]) / 2
    turn = cv2.getRotationMatrix2D((float(pivot[0]), float(pivot[1])), rng.uniform(-5, 5), 1)
    points = np.asarray(cv2.transform(points[None], turn)[0], np.float32)
    kind = rng.integers(3)
    if kind == 0:
        colour, pattern = rng.uniform(20, 220, 3), 0.10 * smooth(rng, 500, 500)
    elif kind == 1:
        colour, pattern = rng.uniform(200, 245) * np.ones(3), 0.015 * smooth(rng, 400, 400)
        pattern[(np.arange(PLANE) % 28) < 2] -= 0.25
    else:
        colour, pattern = np.array(SKINS[rng.integers(len(SKINS))]), 0.06 * smooth(rng, 9, 9)
    mask = region(points)
    shade(plane, mask, height)
    blend(plane, mask, np.clip(colour * (1 + pattern), 0, 255))


def glare(rng: Generator, plane: Floats, height: int, *, share: float) -> None:
    """A white ellipse over a share of the card, counted to where it is half white."""
    y, x = np.mgrid[:PLANE, :PLANE].astype(np.float32) - PLANE / 2
    x, y = x - rng.uniform(-0.2, 0.2) * height * ASPECT, y - rng.uniform(-0.2, 0.2) * height
    turn = rng.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    far = np.hypot(along, across * rng.uniform(1.0, 1.8))
    card = region(corners_of(height))
    border = np.quantile(far[card > 0.5], share)
    light = 1 / (1 + np.exp(np.clip((far / border - 1) * 14, -30, 30)))
    blend(plane, np.asarray(np.minimum(1.1 * light, 1) * card, np.float32), (255, 255, 252))


def streak(rng: Generator, plane: Floats, inside: Floats, height: int) -> None:
    """The reflection of a lamp on plastic: a pale stripe across it, in place."""
    end = PLANE / 2 + rng.uniform(-0.3, 0.3, 2) * height
    turn = rng.uniform(0, np.pi)
    along = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-along[1], along[0]]) * rng.uniform(0.02, 0.06) * height
    ends = (end - along * PLANE, end + along * PLANE)
    stripe = region([ends[0] + across, ends[1] + across, ends[1] - across, ends[0] - across], 8)
    blend(plane, stripe * inside * np.float32(rng.uniform(0.3, 0.5)), (255, 255, 255))


def haze(rng: Generator, plane: Floats, height: int) -> None:
    """A matt sleeve, clear on its face: pale, and a little beyond the card."""
    points = corners_of(height, (0.017, 0.045, 0.017, 0.02))
    inside = region(points)
    blend(plane, inside * np.float32(rng.uniform(0.22, 0.34)), (225, 228, 232))
    outline(plane, points, 200, 1)
    streak(rng, plane, inside, height)


def toploader(rng: Generator, plane: Floats, height: int) -> None:
    """A stiff case, wider than the card: its edges shine, and lamps are reflected."""
    points = corners_of(height, (0.074, 0.09, 0.074, 0.05))
    inside = region(points)
    blend(plane, inside * np.float32(rng.uniform(0.08, 0.16)), (235, 240, 245))
    outline(plane, points, 235, 4)
    outline(plane, corners_of(height, (0.05, 0.09, 0.05, 0.03)), 190, 2)
    for _ in range(2):
        streak(rng, plane, inside, height)


def outline(plane: Floats, points: Floats, bright: int, thick: int) -> None:
    lines = [np.round(points).astype(np.int32)]
    cv2.polylines(plane, lines, True, (bright, bright, bright), thick, cv2.LINE_AA)


def rim(rng: Generator, plane: Floats, height: int) -> None:
    """A coloured sleeve under the card: a rim of it is seen."""
    mask = region(corners_of(height, (0.02, 0.05, 0.02, 0.025)))
    shade(plane, mask, height)
    blend(plane, mask, rng.permutation((rng.uniform(150, 240), rng.uniform(0, 240), 20)))


def black_border(_: Generator, plane: Floats, height: int) -> None:
    """Blacken the card's border, so that each card is one with a black border."""
    mask = region(corners_of(height)) - region(corners_of(height, [-0.034] * 4))
    blend(plane, mask, (12, 12, 13))
