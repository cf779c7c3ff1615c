"""The demo's cards before a camera: pictures as a camera sees them, and a video for a fake one."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageFilter

from mtg_image_db.pages.page import jpeg
from mtg_image_db.system.files import atomic_write

SIZE = (1280, 720)
"""Width and height of a frame in pixels: what most cameras of laptops give."""
FRAMES_A_SECOND = 30
"""How fast Chromium plays a file of JPEGs as a camera (`kMJpegFrameRate` in its source)."""

_CARD_HEIGHT = 0.74
"""Part of the frame's height that a card takes: held so that it can be read."""
_LARGEST_TURN = 6
"""How far a card may be turned, in degrees: nobody lays them down straight."""
_TREMBLES = 3
"""How many frames differ from each other while a card lies still: a camera's picture is never
exactly the same again, but a hundred different frames would take long to draw."""
_TREMBLE = 1.0
"""How far a card moves between these, in pixels."""
_QUALITY = 70
"""Of the JPEGs of a video, which has 30 of them a second: its file is of some 1.5 MB a second."""


class Shot(NamedTuple):
    """What lies before the camera for a while: cards side by side, or nothing."""

    cards: Sequence[Image.Image]
    seconds: float


def camera_frame(cards: Sequence[Image.Image], seed: int = 0, tremble: int = 0) -> Image.Image:
    """A frame of a camera above a table on which these cards lie side by side.

    Parameters
    ----------
    cards
        Upright RGB pictures; none for an empty table.
    seed
        Decides how the cards lie.
    tremble
        Frames of one seed that differ in this differ as little as those of a camera do.

    Returns
    -------
    PIL.Image.Image
        An RGB picture of `SIZE`.
    """
    rng, small = random.Random(seed), random.Random(f"{seed}|{tremble}")
    frame = _table(tremble)
    width, height = SIZE
    for number, card in enumerate(cards):
        tall = _CARD_HEIGHT * height * rng.uniform(0.95, 1.05)
        scale, angle = tall / card.height, math.radians(rng.uniform(-_LARGEST_TURN, _LARGEST_TURN))
        x = width * (number + 0.5) / len(cards) + rng.uniform(-20, 20)
        y = height / 2 + rng.uniform(-20, 20)
        x, y = x + small.uniform(-_TREMBLE, _TREMBLE), y + small.uniform(-_TREMBLE, _TREMBLE)
        _lay(frame, card, (x, y), scale, angle)
    return frame.filter(ImageFilter.GaussianBlur(0.5))


def write_video(path: Path, shots: Iterable[Shot]) -> None:
    """Write shots as JPEGs in a row, which Chromium plays to `--use-file-for-fake-video-capture`.

    It begins when a page opens the camera, and begins again after the last shot.

    Parameters
    ----------
    path
        A new file, whose name must end in ``.mjpeg``.
    """
    with atomic_write(path) as stream:
        for seed, shot in enumerate(shots):
            frames = [jpeg(camera_frame(shot.cards, seed, t), _QUALITY) for t in range(_TREMBLES)]
            for number in range(max(1, round(shot.seconds * FRAMES_A_SECOND))):
                stream.write(frames[number % _TREMBLES])


def _table(seed: int) -> Image.Image:
    """A brown table top, a little lighter here and darker there."""
    spots = Image.effect_noise((SIZE[0] // 16, SIZE[1] // 16), 8 + seed).resize(SIZE)
    return ImageChops.add(Image.new("RGB", SIZE, (91, 68, 48)), spots.convert("RGB"), offset=-128)


def _lay(
    frame: Image.Image, card: Image.Image, middle: tuple[float, float], scale: float, angle: float
) -> None:
    """Draw a card onto the frame, turned about its middle."""
    # Pillow wants to know where in the card each pixel of the frame comes from.
    if scale < 1:
        card = card.resize(
            (round(card.width * scale), round(card.height * scale)), Image.Resampling.LANCZOS
        )
    cos, sin = math.cos(angle), math.sin(angle)
    (x, y), half_width, half_height = middle, card.width / 2, card.height / 2
    back = (
        *(cos, sin, half_width - cos * x - sin * y),
        *(-sin, cos, half_height + sin * x - cos * y),
    )
    how = (Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    mask = Image.new("L", card.size, 255).transform(SIZE, *how)
    frame.paste(card.transform(SIZE, *how), (0, 0), mask)
