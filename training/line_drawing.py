"""Collector lines drawn from nothing: any number, set, finish and language."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lines import Line, Pixels
from PIL import Image, ImageDraw, ImageFont

from mtg_image_db.reading.printed import BULLET, STAR
from mtg_image_db.reading.strip import CARD_MM, COPYRIGHT

LANGUAGES = ("EN",) * 12 + ("DE", "FR", "IT", "SP", "PT", "JP", "KR", "RU", "CS", "CT", "PH")
"""As they are printed; English is as frequent as all others."""


class Drawer:
    """Draws collector lines."""

    def __init__(self, fonts: Sequence[Path], serif: Sequence[Path]) -> None:
        self._fonts = fonts
        self._serif = serif
        self._loaded: dict[tuple[Path, int], Any] = {}

    def _font(self, path: Path, size: int) -> Any:
        if (path, size) not in self._loaded:
            self._loaded[path, size] = ImageFont.truetype(str(path), size)
        return self._loaded[path, size]

    def modern(self, rng: random.Random, back: Pixels | None = None) -> Line:
        """Number above set and language, as since July 2014."""
        scale = 13.0
        left, top = -3.0, 72.0
        size = round(30 * scale), round((CARD_MM[1] + 3 - top) * scale)
        image = self._ground(rng, size, scale, left, top, back)
        draw = ImageDraw.Draw(image)
        dark = rng.random() < 0.04  # dark on light
        ink = tuple(rng.randint(0, 50) if dark else rng.randint(205, 255) for _ in range(3))
        if dark:
            light = tuple(rng.randint(150, 255) for _ in range(3))
            draw.rectangle((0, (80.2 - top) * scale, size[0], size[1]), light)
        font = rng.choice(self._fonts)
        height = rng.gauss(0.99, 0.05)  # of capitals, in mm
        pixels = round(height * scale / 0.70)
        first, digits = _number(rng)
        code = _code(rng)
        lang = rng.choice(LANGUAGES)
        star = rng.random() < 0.5
        x = 4.05 + rng.gauss(0, 0.12)
        upper_y = 82.86 + rng.gauss(0, 0.1)
        lower_y = upper_y + rng.gauss(1.63, 0.05)
        space = max(0.0, rng.gauss(0.16, 0.07))
        stroke = 1 if rng.random() < 0.06 else 0
        middles: list[tuple[float, float]] = []
        write = self._writer(draw, self._font(font, pixels), ink, scale, left, top, stroke, middles)
        write(first, x, upper_y, space)
        start = first.replace(" ", "").index(digits)
        upper_middles = middles[start : start + len(digits)]
        # Narrow letters stand farther apart, so that most codes are about as wide.
        wide = sum(draw.textlength(letter, self._font(font, pixels)) for letter in code) / scale
        apart = (rng.gauss(3.1, 0.15) - wide) / len(code) if rng.random() < 0.6 else space
        at = write(code, x, lower_y, max(0.0, apart))
        lower_middles = list(middles)
        centre = at + rng.gauss(0.9, 0.12)
        self._mark(draw, (centre - left) * scale, (lower_y - top) * scale, scale, ink, star, rng)
        lower_middles.append((centre, lower_y))
        at = centre + rng.gauss(0.9, 0.1)
        at = write(lang, at, lower_y, space) + rng.gauss(0.85, 0.15)
        lower_middles += middles
        # The brush and the artist's name.
        y = (lower_y - top) * scale
        draw.ellipse(((at - left) * scale, y - 6, (at + 1.6 - left) * scale, y + 4), ink)
        name = "".join(rng.choices(string.ascii_uppercase + "  ", k=12))
        write(name, at + 2.1, lower_y, space / 2)
        return Line(
            _grey(image, rng),
            left,
            top,
            scale,
            digits,
            (f"{code}{STAR if star else BULLET}{lang}",),
            centres=(np.array(upper_middles, np.float32), np.array(lower_middles, np.float32)),
        )

    def old(self, rng: random.Random, back: Pixels | None = None) -> Line:
        """Copyright and number, as before July 2014."""
        scale = 13.0
        left, top = -1.0, 74.0
        size = round(54 * scale), round((CARD_MM[1] + 2 - top) * scale)
        image = self._ground(rng, size, scale, left, top, back, frame=rng.random() < 0.8)
        draw = ImageDraw.Draw(image)
        dark = rng.random() < 0.6
        ink = tuple(rng.randint(0, 60) if dark else rng.randint(200, 255) for _ in range(3))
        year = rng.randint(1993, 2014)
        since = rng.random() < 0.5
        numbered = rng.random() < 0.85
        number = rng.randint(1, 383)
        total = max(number, rng.choice((55, 110, 143, 145, 165, 229, 249, 274, 306, 350, 383)))
        shown = f"{number}/{total}" if numbered else ""
        owner = rng.choice(
            ["Wizards of the Coast", "Wizards of the Coast, Inc.", "Wizards of the Coast LLC"]
        )
        text = f"™ & © {'1993-' if since and year > 1995 else ''}{year} {owner} {shown}".strip()
        font = self._font(rng.choice(self._serif), round(rng.gauss(1.75, 0.12) * scale))
        long = draw.textlength(text, font) / scale
        x = rng.choice([4.6 + rng.gauss(0, 0.3), max(3.0, 31.5 - long / 2 + rng.gauss(0, 1))])
        y = rng.choice([83.4, 85.4, 86.0]) + rng.gauss(0, 0.3)
        at = ((x - left) * scale, (y - top) * scale)
        draw.text(at, text, ink, font, "lm")
        lift = 2.1 + rng.gauss(0, 0.2)
        name = "Illus. " + "".join(rng.choices(string.ascii_lowercase + " ", k=14)).title()
        big = self._font(rng.choice(self._serif), round(2.3 * scale))
        draw.text((at[0] + rng.random() * 30, at[1] - lift * scale), name, ink, big, "lm")
        said = f"{year}/{number}" if numbered else f"{year}"
        return Line(_grey(image, rng), left, top, scale, "", (said,), COPYRIGHT)

    @staticmethod
    def _ground(
        rng: random.Random,
        size: tuple[int, int],
        scale: float,
        left: float,
        top: float,
        back: Pixels | None,
        *,
        frame: bool = False,
    ) -> Image.Image:
        """The card's bottom: the frame's edge above, the border, and what the card lies on."""
        width = size[0]

        def texture(dark: bool) -> Image.Image:
            if back is not None and rng.random() < 0.7:
                rows, columns = back.shape[:2]
                y, x = rng.randrange(rows - 40), rng.randrange(columns - 40)
                part = back[y : y + rng.randint(20, 160), x : x + rng.randint(20, 200)]
                made = Image.fromarray(part).resize(size, Image.Resampling.BICUBIC)
            else:
                colours = [tuple(rng.randint(0, 255) for _ in range(3)) for _ in range(4)]
                small = Image.new("RGB", (2, 2))
                small.putdata(colours)
                made = small.resize(size, Image.Resampling.BILINEAR)
            return made.point(lambda v: v * 0.3) if dark else made

        image = texture(dark=False)
        draw = ImageDraw.Draw(image)
        edge = (-left * scale, (CARD_MM[1] - top) * scale)
        black = tuple(rng.randint(0, 35) for _ in range(3))
        card = texture(dark=False) if frame else texture(dark=rng.random() < 0.9)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).rounded_rectangle(
            (edge[0], -100, width + 100, edge[1]), 2.8 * scale, 255
        )
        image.paste(card, (0, 0), mask)
        if frame:
            # The border round the frame.
            thick = rng.gauss(3.0, 0.3) * scale
            colour = black if rng.random() < 0.7 else tuple(rng.randint(210, 250) for _ in range(3))
            foot = rng.choice([1.5, 2.6, 3.2]) * scale
            draw = ImageDraw.Draw(image)
            draw.rectangle((edge[0] + 40, edge[1] - foot, width, edge[1]), colour)
            draw.rectangle((edge[0], -10, edge[0] + thick, edge[1] - 40), colour)
        elif rng.random() < 0.85:
            draw = ImageDraw.Draw(image)
            begin = (rng.uniform(79.5, 81.9) - top) * scale
            draw.rounded_rectangle((edge[0], begin, width + 100, edge[1]), 2.8 * scale, black)
            if rng.random() < 0.8:
                draw.rectangle((edge[0], begin - 60, edge[0] + 2.6 * scale, begin + 40), black)
        return image

    @staticmethod
    def _writer(
        draw: ImageDraw.ImageDraw,
        font: Any,
        ink: tuple[int, ...],
        scale: float,
        left: float,
        top: float,
        stroke: int,
        middles: list[tuple[float, float]],
    ) -> Any:
        def write(text: str, x: float, y: float, space: float) -> float:
            """Write letter by letter, the middle of capitals at y; return where it ends, in mm."""
            middles.clear()
            base = draw.textbbox((0, 0), "H", font, "ls")
            high = -base[1]
            for letter in text:
                if letter == " ":
                    x += 0.72
                    continue
                at = ((x - left) * scale, (y - top) * scale + high / 2)
                draw.text(at, letter, ink, font, "ls", stroke_width=stroke)
                middles.append((x + draw.textlength(letter, font) / scale / 2, y))
                x += draw.textlength(letter, font) / scale + space
            return x

        return write

    @staticmethod
    def _mark(
        draw: ImageDraw.ImageDraw,
        x: float,
        y: float,
        scale: float,
        ink: tuple[int, ...],
        star: bool,
        rng: random.Random,
    ) -> None:
        if not star:
            radius = rng.gauss(0.23, 0.03) * scale
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), ink)
            return
        outer = rng.gauss(0.54, 0.05) * scale
        turns = [np.pi / 5 * i - np.pi / 2 for i in range(10)]
        sizes = [outer if i % 2 == 0 else outer * 0.42 for i in range(10)]
        draw.polygon(
            [(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(turns, sizes, strict=True)], ink
        )


def _number(rng: random.Random) -> tuple[str, str]:
    """An upper line, and the digits in it that count."""
    number = rng.randint(1, 9) if rng.random() < 0.08 else rng.randint(1, 999)
    if rng.random() < 0.03:
        number = rng.randint(1000, 1999)
    rarity = rng.choice("CCCUUURRRMMTLSPB")
    if rng.random() < 0.6:  # since March of the Machine
        digits = f"{number:04d}"
        more = "".join(rng.choices(string.ascii_uppercase, k=rng.randint(3, 6)))
        return f"{rarity} {digits}" + (f"  {more}" if rng.random() < 0.25 else ""), digits
    digits = f"{number:03d}"
    if rng.random() < 0.1:
        return f"{digits}  {rarity}", digits
    return f"{digits}/{max(number, rng.randint(60, 400)):03d}  {rarity}", digits


def _code(rng: random.Random) -> str:
    """A set code."""
    code = "".join(rng.choices(string.ascii_uppercase, k=3))
    if rng.random() < 0.25:
        spot = rng.randrange(3)
        code = code[:spot] + rng.choice(string.digits) + code[spot + 1 :]
    return code + rng.choice(string.ascii_uppercase) if rng.random() < 0.02 else code


def _grey(image: Image.Image, rng: random.Random) -> Pixels:
    """Grey, with the weights of some camera under some light."""
    share = [rng.uniform(0.1, 0.6) for _ in range(3)]
    weights = np.array(share, np.float32) / sum(share)
    return (np.asarray(image, dtype=np.float32) @ weights).astype(np.uint8)
