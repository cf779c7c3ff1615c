"""Photographs of collector lines: what cameras, light and corners that are a little off do."""

from __future__ import annotations

import random
from typing import Any

import cv2
import numpy as np
from lines import Line, Pixels
from numpy.typing import NDArray

from mtg_image_db.reading.strip import CARD_MM


def disturb(line: Line, rng: random.Random, height: float, *, strength: float = 1.0) -> Pixels:
    """Photograph a line at a card height in pixels, and cut its strip out again: grey [h, w]."""
    return disturbed(line, rng, height, strength=strength)[0]


def disturbed(
    line: Line, rng: random.Random, height: float, *, strength: float = 1.0
) -> tuple[Pixels, list[NDArray[np.float32]]]:
    """The same, with the places of the characters along the strip, in pixels (see `Line`)."""
    noise = np.random.default_rng(rng.getrandbits(32))
    scale = height / CARD_MM[1]  # pixels a mm in the photo
    patch = line.pixels
    wide, high = patch.shape[1] / line.scale, patch.shape[0] / line.scale
    size = max(8, round(wide * scale)), max(8, round(high * scale))
    # From the patch to the photo: a slight turn, shear and perspective.
    source = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    bent = source + noise.normal(0, 0.012 * strength, (4, 2)).astype(np.float32)
    photo = _warp(patch, source * patch.shape[1::-1], bent * size, size)
    photo = conditions(photo, rng, noise, scale, strength)
    # The strip's corners in the photo, a little off.
    place = line.place
    corners = place.corners() - (line.left, line.top)
    bend = cv2.getPerspectiveTransform(source * np.float32([wide, high]), bent * np.float32(size))
    corners = cv2.perspectiveTransform(corners[None].astype(np.float32), bend)[0]
    off = 0.35 * strength * scale  # mm
    corners = corners + noise.normal(0, off, 2) + noise.normal(0, off * 0.5, (4, 2))
    width, tall = place.size
    target = np.array([(0, 0), (width, 0), (width, tall), (0, tall)], np.float32)
    flags = cv2.INTER_LINEAR
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    strip = cv2.warpPerspective(
        photo, matrix, (width, tall), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    along = []
    for middles in line.centres or ():
        offset = np.array([(line.left, line.top)], np.float32)
        points = cv2.perspectiveTransform((middles - offset)[None], bend)
        along.append(cv2.perspectiveTransform(points, matrix)[0, :, 0])
    return strip, along


def _warp(patch: Pixels, source: Any, target: Any, size: tuple[int, int]) -> Pixels:
    shrink = min(1.0, max(size[0] / patch.shape[1], size[1] / patch.shape[0]))
    if shrink < 0.7:  # average first, so that nothing is skipped
        smaller = cv2.resize(
            patch, None, fx=shrink * 1.2, fy=shrink * 1.2, interpolation=cv2.INTER_AREA
        )
        source = source * (np.float32(smaller.shape[1::-1]) / np.float32(patch.shape[1::-1]))
        patch = smaller
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    return cv2.warpPerspective(
        patch, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def conditions(
    photo: Pixels, rng: random.Random, noise: np.random.Generator, scale: float, strength: float
) -> Pixels:
    """What light, lens and camera do to a grey picture of `scale` pixels a millimetre."""
    picture = photo.astype(np.float32)
    tall, wide = picture.shape[:2]
    if rng.random() < 0.5:  # glare or shadow, as a slope of light
        slope = np.linspace(rng.uniform(0.5, 1), rng.uniform(0.5, 1), wide)[None, :]
        picture = picture * slope
    if rng.random() < 0.2:
        x, y = rng.uniform(0, wide), rng.uniform(0, tall)
        grid_y, grid_x = np.mgrid[:tall, :wide]
        spread = rng.uniform(1, 8) * scale
        spot = np.exp(-((grid_x - x) ** 2 + (grid_y - y) ** 2) / (2 * spread**2))
        picture = picture + spot * rng.uniform(30, 190) * strength
    gain = rng.uniform(0.45, 1.2)
    lift = rng.uniform(0, 60) if rng.random() < 0.6 else 0.0
    picture = lift + picture * gain * (255 - lift) / 255
    picture = 255 * np.clip(picture / 255, 0, 1) ** rng.uniform(0.7, 1.5)
    blur = abs(rng.gauss(0, 0.75)) * strength if rng.random() < 0.8 else 0.0
    if scale > 6:  # a large card may be out of focus by more pixels
        blur += rng.random() ** 3 * 2.0 * strength * (scale / 8)
    if blur > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    if rng.random() < 0.15:  # motion
        length = rng.randint(2, 4)
        kernel = np.zeros((length, length), np.float32)
        if rng.random() < 0.5:
            kernel[length // 2] = 1 / length
        else:
            kernel[:, length // 2] = 1 / length
        picture = cv2.filter2D(picture, -1, kernel)
    if rng.random() < 0.2:  # sharpened by the camera
        picture = picture + rng.uniform(0.3, 1.2) * (
            picture - cv2.GaussianBlur(picture, (0, 0), 1.2)
        )
    picture = picture + noise.normal(0, rng.random() ** 2 * 14 * strength, picture.shape)
    made = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        quality = [cv2.IMWRITE_JPEG_QUALITY, rng.randint(35, 95)]
        made = cv2.imdecode(cv2.imencode(".jpg", made, quality)[1], cv2.IMREAD_GRAYSCALE)
    return made
