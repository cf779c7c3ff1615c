"""Distorted copies of a card image, like photos by phone and lamplight."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageChops, ImageEnhance, ImageFilter


def as_photographed(picture: Image.Image, seed: int) -> Image.Image:
    """A slightly skewed, blurred, tinted and recompressed copy, on a table top.

    It is as large as the picture, or three quarters or half of that: small lines can be read on
    some photos and not on others.

    Parameters
    ----------
    picture
        An RGB card image.
    seed
        The same seed gives the same copy.
    """
    rng = random.Random(seed)
    width, height = picture.size

    def off() -> float:
        return rng.uniform(-0.012, 0.012)

    corners = [(0, 0), (0, 1), (1, 1), (1, 0)]
    quad = [value for x, y in corners for value in (width * (x + off()), height * (y + off()))]
    table = tuple(rng.randrange(40, 120) for _ in range(3))
    skewed = picture.transform(
        picture.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor=table
    )
    size = rng.choice((0.5, 0.75, 1))
    small = skewed.resize((round(width * size), round(height * size)), Image.Resampling.BILINEAR)
    blurred = small.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    lit = ImageEnhance.Brightness(blurred).enhance(rng.uniform(0.75, 1.2))
    tint = tuple(rng.randrange(225, 256) for _ in range(3))
    tinted = ImageChops.multiply(lit, Image.new("RGB", lit.size, tint))
    stream = io.BytesIO()
    tinted.save(stream, "JPEG", quality=rng.randrange(35, 70))
    return Image.open(io.BytesIO(stream.getvalue())).convert("RGB")
