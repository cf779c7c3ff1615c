"""The conditions under which recognition is reported: fixed, apart from what training draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from augment import backdrop
from cards import as_image

if TYPE_CHECKING:
    from cards import Cards, Image
    from numpy.typing import NDArray

LIGHT, MEDIUM, STRONG = 0.5, 1.0, 2.0
STRENGTHS = {"light": LIGHT, "medium": MEDIUM, "strong": STRONG}
KINDS = ("corners", "blur", "jpeg", "exposure", "patch")


def patch(rng: np.random.Generator, image: Image, share: float) -> Image:
    """Lay a glare or a shadow with soft borders over ``share`` of the card."""
    height, width = image.shape[:2]
    field = np.zeros((height, width), dtype=np.float32)
    aspect = rng.uniform(0.5, 2.0)
    axes = np.sqrt(share * height * width / np.pi * np.array([aspect, 1 / aspect]))
    centre = (float(rng.uniform(0.2, 0.8) * width), float(rng.uniform(0.2, 0.8) * height))
    turn = float(rng.uniform(0, 180))
    cv2.ellipse(field, (centre, (2 * axes[0], 2 * axes[1]), turn), 1.0, -1)
    soft = np.asarray(cv2.GaussianBlur(field, (0, 0), 6), dtype=np.float32)[..., None]
    if rng.random() < 0.5:
        lit = image + soft * np.float32(rng.uniform(90, 200))
    else:
        lit = image * (1 - soft * np.float32(rng.uniform(0.45, 0.75)))
    return np.clip(lit, 0, 255).astype(np.uint8)


def disturb(
    rng: np.random.Generator,
    card: Image,
    other: Image,
    factor: float,
    kinds: tuple[str, ...] = KINDS,
) -> Image:
    """Return ``card`` under the issue's augmentation; ``factor`` 1 is medium, 2 is strong.

    Medium: corners off by up to 5 %, blur of 1.5 pixels at 240 wide, JPEG quality 40, exposure
    0.6 to 1.6, one glare or shadow over a quarter of the card.
    """
    height, width = card.shape[:2]
    image = card
    if "corners" in kinds:
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
        seen = corners + rng.uniform(-0.05, 0.05, (4, 2)).astype(np.float32) * np.float32(factor)
        size = np.array([width, height], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(seen * size, corners * size)
        behind = backdrop(rng, (height, width), other)
        edge = cv2.BORDER_TRANSPARENT
        image = as_image(
            cv2.warpPerspective(image, matrix, (width, height), behind, cv2.INTER_LINEAR, edge)
        )
    if "patch" in kinds:
        image = patch(rng, image, 0.25 * factor)
    if "exposure" in kinds:
        # 0.6 to 1.6 is about 2 ** -0.74 to 2 ** 0.68.
        gain = np.float32(2 ** (rng.uniform(-0.737, 0.678) * factor))
        image = np.clip(image * gain, 0, 255).astype(np.uint8)
    if "blur" in kinds:
        image = as_image(cv2.GaussianBlur(image, (0, 0), 1.5 * factor * width / 240))
    if "jpeg" in kinds:
        quality = round(40 / factor) if factor >= 1 else round(100 - 60 * factor)
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = as_image(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return image


def queries(
    cards: Cards,
    rows: NDArray[np.int64],
    factor: float,
    seed: int,
    kinds: tuple[str, ...] = KINDS,
) -> list[Image]:
    """Return the cards of ``rows``, each disturbed by draws that depend on its file name alone."""
    images = []
    for row in rows:
        name = int(cards.files[row].rsplit("/", 1)[-1].split(".")[0][:12], 16)
        rng = np.random.default_rng([seed, name])
        other = cards.pixels[rng.integers(0, len(cards))]
        images.append(disturb(rng, cards.pixels[row], other, factor, kinds))
    return images
