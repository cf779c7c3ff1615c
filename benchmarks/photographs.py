"""Photographs of scans, made so that each seed gives the same one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def photograph(
    scan: Pixels, ground: Pixels, height: int, rng: np.random.Generator
) -> tuple[bytes, NDArray[np.float32]]:
    """Photograph a scan: a JPEG, and the corners of the card in it, clockwise from its top left."""
    side, width = round(height * 1.5), height * 63 / 88
    small: Any = cv2.resize(ground, (20, 20), interpolation=cv2.INTER_AREA)
    photo: Any = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    photo = noisy(photo, 9)
    turn = np.deg2rad(rng.normal(0, 7) + 180 * (rng.random() < 0.1))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    box = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2
    corners = (box @ matrix.T + side / 2 + rng.normal(0, height * 0.015, (4, 2))).astype(np.float32)
    card: Any = cv2.resize(scan, (round(width), height), interpolation=cv2.INTER_AREA)
    mask: Any = np.zeros(card.shape[:2], np.uint8)
    radius = round(width * 0.045)
    mask[radius:-radius, radius:-radius] = 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(2, (2 * radius + 1, 2 * radius + 1)))
    flat = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * np.float32(card.shape[1::-1])
    bend = cv2.getPerspectiveTransform(flat, corners)
    there = cv2.warpPerspective(mask, bend, (side, side))
    shown = cv2.warpPerspective(card, bend, (side, side), flags=cv2.INTER_CUBIC)
    photo[there > 0] = shown[there > 0]
    # Light, glare and cast change slowly over the photo.
    slope: Any = cv2.resize(rng.uniform(0.55, 1.1, (2, 2)).astype(np.float32), (32, 32))
    gain = slope[..., None] * rng.normal(1, 0.07, 3).astype(np.float32)
    spot: Any = np.zeros((32, 32), np.float32)
    if rng.random() < 0.33:
        (x, y), wide = rng.uniform(6, 26, 2), rng.uniform(1, 5)
        rows, columns = np.mgrid[:32, :32]
        spot += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * wide**2)).astype(np.float32)
        spot *= np.float32(rng.uniform(40, 140))
    spot += np.float32(rng.uniform(0, 25))
    lit: Any = cv2.multiply(photo, cv2.resize(gain, (side, side)), dtype=cv2.CV_32F)
    lit += cv2.resize(spot, (side, side))[..., None]
    curve = 255 * (np.arange(256) / 255) ** rng.uniform(0.8, 1.3)
    photo = cv2.LUT(np.clip(lit, 0, 255).astype(np.uint8), curve.astype(np.uint8))
    photo = cv2.GaussianBlur(photo, (0, 0), 0.35 + abs(rng.normal(0, 0.5)))
    photo = noisy(photo, rng.uniform(1, 7))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 93))]
    return cv2.imencode(".jpg", photo[..., ::-1], quality)[1].tobytes(), corners


def noisy(picture: Pixels, deviation: float) -> Pixels:
    """A picture with noise, which is the same for each seed of OpenCV."""
    zero: Any = (0.0, 0.0, 0.0)  # OpenCV takes colours, though its types do not say so
    spread: Any = (deviation,) * 3
    noise = cv2.randn(np.zeros(picture.shape, np.int16), zero, spread)
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), dtype=np.uint8)
