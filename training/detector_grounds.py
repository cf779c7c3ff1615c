"""What lies under and beside cards: tables, cloth, mats, screens, things, other games' cards.

All of it is drawn. Its textures are cut from the art of scans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from augment import as_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from cards import Image
    from numpy.random import Generator

    Art = Callable[[], Image]
    """Gives the art of some card, about 200 x 145 pixels."""

SKIN = ((235, 195, 170), (215, 165, 135), (190, 135, 105), (140, 95, 70), (95, 62, 45))
"""Colours of hands. By hand."""


def colour(rng: Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    """Some colour; every second one nearly grey."""
    if rng.random() < 0.5:
        base = rng.integers(low, high) + rng.integers(-12, 13, 3)
    else:
        base = rng.integers(low, high, 3)
    red, green, blue = (int(v) for v in np.clip(base, 0, 255))
    return red, green, blue


def _noise(rng: Generator, height: int, width: int, rows: float, columns: float) -> Image:
    """Smooth noise, about -1 to 1: so many waves along each side."""
    small = rng.standard_normal((max(2, int(rows)), max(2, int(columns)))).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _plain(rng: Generator, height: int, width: int) -> Image:
    """A colour, unevenly lit."""
    ground = np.full((height, width, 3), colour(rng), np.float32)
    ground *= 1 + _noise(rng, height, width, 2, 2)[..., None] * rng.uniform(0, 0.15)
    return ground + rng.normal(0, rng.uniform(0, 6), (height, width, 1))


def _wood(rng: Generator, height: int, width: int) -> Image:
    """Boards with grain."""
    base = np.array([(190, 140, 90), (120, 75, 45), (225, 195, 150), (70, 45, 30), (160, 90, 50)])
    ground = np.full((height, width, 3), base[rng.integers(5)] * rng.uniform(0.7, 1.2), np.float32)
    scale = rng.uniform(0.02, 0.2)
    bend = _noise(rng, height, width, rng.uniform(2, 5), 2) * rng.uniform(0, 20)
    rows = np.arange(height, dtype=np.float32)[:, None] + bend
    grain = np.sin(rows * scale * 4) + _noise(rng, height, width, height * scale * 2, 3)
    grain = grain + 0.7 * _noise(rng, height, width, height * 0.4, 6)
    ground *= 1 + grain[..., None] * rng.uniform(0.03, 0.14)
    if rng.random() < 0.5:
        step = int(rng.integers(40, 200))
        for at in range(int(rng.integers(0, step)), height, step):
            ground[at : at + int(rng.integers(1, 3))] *= rng.uniform(0.3, 0.8)
    return np.ascontiguousarray(ground.transpose(1, 0, 2)) if rng.random() < 0.5 else ground


def _cloth(rng: Generator, height: int, width: int) -> Image:
    """Weave, folds, and sometimes stripes, squares or dots."""
    ground = np.full((height, width, 3), colour(rng), np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pattern = rng.random()
    if pattern < 0.3:
        wide = rng.uniform(8, 60)
        for stripes in (x, y)[: rng.integers(1, 3)]:
            ground[(stripes % wide) < wide * rng.uniform(0.1, 0.6)] *= 0.5
            ground[(stripes % wide) < wide * 0.2] += np.array(colour(rng)) * 0.5
    elif pattern < 0.45:
        wide = rng.uniform(6, 30)
        spot = ((x % wide - wide / 2) ** 2 + (y % wide - wide / 2) ** 2) < (wide * 0.3) ** 2
        ground[spot] = colour(rng)
    weave = rng.uniform(1.0, 3.0)
    ground *= 1 + (np.sin(x * weave) * np.sin(y * weave) * rng.uniform(0, 0.15))[..., None]
    ground *= 1 + _noise(rng, height, width, rng.uniform(2, 9), rng.uniform(2, 9))[..., None] * 0.15
    return ground * (1 + rng.normal(0, rng.uniform(0, 0.12), (height, width, 1)))


def _mat(rng: Generator, height: int, width: int, art: Image) -> Image:
    """A play mat or a poster: art, enlarged."""
    share = rng.uniform(0.3, 1.0)
    rows, columns = (max(8, int(n * share)) for n in art.shape[:2])
    top, left = (
        int(rng.integers(0, n - m + 1)) for n, m in zip(art.shape, (rows, columns), strict=False)
    )
    part = art[top : top + rows, left : left + columns]
    turned = part if rng.random() < 0.7 else np.ascontiguousarray(part.transpose(1, 0, 2))
    large = cv2.resize(turned, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return large * rng.uniform(0.4, 1.1)


def _room(rng: Generator, height: int, width: int, art: Art) -> Image:
    """A room behind: blurred pieces of many colours, shelves, windows."""
    ground = _plain(rng, height, width)
    for _ in range(int(rng.integers(4, 25))):
        w, h = (int(n * rng.uniform(0.05, 0.6)) + 4 for n in (width, height))
        x, y = (
            int(rng.integers(-w // 2, width - w // 2)),
            int(rng.integers(-h // 2, height - h // 2)),
        )
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        if rng.random() < 0.5:
            ground[y0:y1, x0:x1] = colour(rng)
        else:
            ground[y0:y1, x0:x1] = cv2.resize(art(), (x1 - x0, y1 - y0))
    sigma = rng.uniform(0.3, 9) * width / 384
    return cv2.GaussianBlur(ground.astype(np.float32), (0, 0), sigma)


def _screen(rng: Generator, height: int, width: int) -> Image:
    """A sheet of paper, a page or a screen: lines of text, boxes."""
    light = rng.random() < 0.7
    ground = np.full(
        (height, width, 3), colour(rng, *((190, 256) if light else (0, 60))), np.float32
    )
    ink = np.array(colour(rng, *((0, 120) if light else (120, 256))), np.float32)
    step = rng.uniform(5, 22)
    if rng.random() < 0.3:
        for at in np.arange(step, height, step):
            ground[int(at)] = ground[int(at)] * 0.6 + ink * 0.4
        return ground
    for at in np.arange(step, height - step, step):
        if rng.random() < 0.8:
            left, right = rng.uniform(0, 0.2) * width, rng.uniform(0.4, 1) * width
            tall = max(1, int(step * 0.4))
            words = np.repeat(rng.random(int(right - left) // 3 + 2) < 0.75, 3)[: int(right - left)]
            line = ground[int(at) : int(at) + tall, int(left) : int(left) + len(words)]
            line[:, words[: line.shape[1]]] = ink
    return ground


def ground(rng: Generator, height: int, width: int, art: Art) -> Image:
    """Something for cards to lie on, or to be held before: [height, width, 3]."""
    kind = rng.random()
    if kind < 0.24:
        made = _plain(rng, height, width)
    elif kind < 0.40:
        size = max(height, width)
        made = _wood(rng, size, size)[:height, :width]
    elif kind < 0.56:
        made = _cloth(rng, height, width)
    elif kind < 0.76:
        made = _mat(rng, height, width, art())
    elif kind < 0.92:
        made = _room(rng, height, width, art)
    else:
        made = _screen(rng, height, width)
    return np.clip(made, 0, 255).astype(np.uint8)


def things(rng: Generator, canvas: Image, art: Art, most: int) -> None:
    """Put boxes, papers, coins and pens on the canvas, in place."""
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(0, most + 1))):
        centre = rng.uniform(0, 1, 2) * (width, height)
        size = np.exp(rng.uniform(np.log(8), np.log(width * 0.5), 2))
        turn = float(rng.uniform(0, 180))
        kind = rng.random()
        if kind < 0.45:
            box = cv2.boxPoints((centre.tolist(), size.tolist(), turn))
            cv2.fillConvexPoly(canvas, box.astype(np.int32), colour(rng), cv2.LINE_AA)
            if rng.random() < 0.5:
                cv2.polylines(canvas, [box.astype(np.int32)], True, colour(rng), 2, cv2.LINE_AA)
        elif kind < 0.65:
            box = cv2.boxPoints((centre.tolist(), size.tolist(), turn))
            paste(
                canvas, art() if rng.random() < 0.6 else _screen(rng, 90, 120).astype(np.uint8), box
            )
        elif kind < 0.85:
            axes = (size * (0.3, 0.3 * rng.uniform(0.5, 1))).astype(int)
            place = (int(centre[0]), int(centre[1]))
            cv2.ellipse(canvas, place, axes.tolist(), turn, 0, 360, colour(rng), -1, cv2.LINE_AA)
            if rng.random() < 0.5:
                cv2.ellipse(canvas, place, axes.tolist(), turn, 0, 360, colour(rng), 2, cv2.LINE_AA)
        else:
            end = centre + rng.normal(0, width / 3, 2)
            thick = int(rng.integers(2, 12))
            cv2.line(
                canvas,
                centre.astype(int).tolist(),
                end.astype(int).tolist(),
                colour(rng),
                thick,
                cv2.LINE_AA,
            )


def paste(canvas: Image, picture: Image, corners: Image) -> None:
    """Draw a picture into a quad of the canvas, in place."""
    rows, columns = picture.shape[:2]
    frame = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    matrix = cv2.getPerspectiveTransform(frame, np.asarray(corners, np.float32))
    size = (canvas.shape[1], canvas.shape[0])
    cv2.warpPerspective(picture, matrix, size, canvas, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)


def hand(rng: Generator, canvas: Image, owners: Image, goal: Image) -> None:
    """Draw fingers that reach from outside to a point; what they cover has no owner."""
    width = canvas.shape[1]
    base = np.array(SKIN[rng.integers(len(SKIN))]) * rng.uniform(0.6, 1.1)
    thick = rng.uniform(0.05, 0.16) * width
    away = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else rng.uniform(0.2, 0.8) * np.pi
    outward = np.array([np.cos(away), np.sin(away)])
    aside = np.array([-outward[1], outward[0]])
    for number in range(int(rng.integers(1, 5))):
        tip = goal + aside * thick * 1.05 * number + outward * rng.uniform(-0.4, 0.4) * thick
        end = tip + outward * width * rng.uniform(0.4, 1.5) + aside * rng.normal(0, 0.1) * width
        ends = [(int(v[0]), int(v[1])) for v in (tip, end)]
        for share in (1.0, 0.75, 0.45):
            tone = np.clip(base * (1.12 - 0.22 * share) + rng.normal(0, 3, 3), 0, 255).tolist()
            cv2.line(canvas, *ends, tone, max(2, int(thick * share)), cv2.LINE_AA)
        cv2.line(owners, *ends, -1, max(2, int(thick)))
        if rng.random() < 0.4:
            nail = np.clip(base * 1.15 + 12, 0, 255).tolist()
            axes = (int(thick * 0.3), int(thick * 0.22))
            cv2.ellipse(
                canvas, ends[0], axes, float(np.degrees(away)), 0, 360, nail, -1, cv2.LINE_AA
            )


def _print(rng: Generator, card: Image, box: tuple[int, int, int, int], lines: int) -> None:
    """Lines of something like text in a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    ink = colour(rng, 0, 90) if card[top:bottom, left:right].mean() > 110 else colour(rng, 170, 256)
    step = (bottom - top) / lines
    for line in range(lines):
        x, y = left, int(top + step * line + step * 0.3)
        end = right if line % 3 != 2 else left + int((right - left) * rng.uniform(0.2, 0.9))
        while x < end:
            long = int(rng.integers(4, 22))
            cv2.rectangle(card, (x, y), (min(x + long, end), y + max(1, int(step * 0.4))), ink, -1)
            x += long + int(rng.integers(3, 7))


def other_card(rng: Generator, art: Art) -> Image:
    """A card that is not wanted, 240 x 336: of another game, or a back, or a playing card."""
    card = np.full((336, 240, 3), colour(rng), np.uint8)
    kind = rng.random()
    rim = int(rng.integers(4, 16))
    if kind < 0.2:  # a back
        card[rim:-rim, rim:-rim] = colour(rng)
        if rng.random() < 0.5:
            card[rim:-rim, rim:-rim] = cv2.resize(art(), (240 - 2 * rim, 336 - 2 * rim)) // 2
        axes = (int(rng.integers(40, 105)), int(rng.integers(50, 150)))
        for _ in range(int(rng.integers(1, 4))):
            cv2.ellipse(card, (120, 168), axes, 0, 0, 360, colour(rng), -1, cv2.LINE_AA)
            axes = (axes[0] * 2 // 3, axes[1] * 2 // 3)
    elif kind < 0.3:  # a playing card
        card[:] = colour(rng, 215, 256)
        ink = (200, 20, 30) if rng.random() < 0.5 else (20, 20, 20)
        for x in (75, 120, 165)[: rng.integers(1, 4)]:
            for y in np.linspace(60, 276, int(rng.integers(1, 5))):
                cv2.circle(card, (x, int(y)), int(rng.integers(10, 18)), ink, -1, cv2.LINE_AA)
        cv2.putText(card, str(rng.integers(2, 10)), (10, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.2, ink, 3)
    elif kind < 0.6:  # a picture over the whole card, with words on it
        card[rim:-rim, rim:-rim] = cv2.resize(art(), (240 - 2 * rim, 336 - 2 * rim))
        top = int(rng.integers(190, 250))
        if rng.random() < 0.5:
            card[top:-rim, rim:-rim] = (
                card[top:-rim, rim:-rim] // 2 + np.array(colour(rng), np.uint8) // 2
            )
        _print(rng, card, (rim + 10, top, 230 - rim, 310), int(rng.integers(3, 7)))
        cv2.putText(
            card,
            str(rng.integers(1, 30) * 10),
            (170, 32),
            cv2.FONT_HERSHEY_DUPLEX,
            0.9,
            colour(rng),
            2,
        )
    else:  # a picture in the upper half, a name above it without a frame
        card[rim:-rim, rim:-rim] = colour(rng, 90, 256)
        side, top = int(rng.integers(rim + 2, 30)), int(rng.integers(26, 64))
        bottom = int(rng.integers(150, 235))
        _print(rng, card, (rim + 8, top - 18, int(rng.integers(90, 170)), top - 2), 1)
        cv2.circle(
            card, (215 - rim, top - 11), int(rng.integers(5, 11)), colour(rng), -1, cv2.LINE_AA
        )
        card[top:bottom, side:-side] = cv2.resize(art(), (240 - 2 * side, bottom - top))
        cv2.rectangle(card, (side, top), (240 - side, bottom), colour(rng), int(rng.integers(1, 5)))
        _print(rng, card, (rim + 12, bottom + 14, 228 - rim, 310), int(rng.integers(3, 8)))
    return as_image(card)
