"""Titles drawn from nothing, so that the letters of names that no scan has are learnt too."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from title_scans import HEIGHT_MM, Title

from mtg_image_db.reading.strip import CARD_MM
from mtg_image_db.scryfall.names import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from title_scans import Grey

_SCALE = 8.0
"""Pixels a millimetre."""
_CAPITALS_MM = 2.35
"""Height of capitals of a title, measured on scans of 12 sets since 2003."""
_LONGEST = 32
"""Characters."""


class Words:
    """Names that no card has: of words of cards, and of words made up letter by letter."""

    def __init__(self, names: Sequence[str]) -> None:
        self._real = [word for name in names for word in name.split(" ")]
        self._after: dict[str, list[str]] = defaultdict(list)
        for word in self._real:
            letters = f"^^{word}$"
            for i in range(len(letters) - 2):
                self._after[letters[i : i + 2]].append(letters[i + 2])

    def _made_up(self, rng: random.Random) -> str:
        word = "^^"
        while len(word) < 14:
            letter = rng.choice(self._after[word[-2:]])
            if letter == "$":
                break
            word += letter
        return word[2:]

    def name(self, rng: random.Random) -> str:
        """One to five words."""
        count = rng.choice((1, 1, 2, 2, 2, 2, 3, 3, 4, 5))
        made = [
            self._made_up(rng) if rng.random() < 0.5 else rng.choice(self._real)
            for _ in range(count)
        ]
        if rng.random() < 0.04:
            made.append(str(rng.randint(2, 2999)))
        return " ".join(made)[:_LONGEST].strip() or "x"


class Drawer:
    """Draws the tops of cards.

    Parameters
    ----------
    fonts
        Files of the title's fonts.
    words
        Where names come from.
    pictures
        Grey pictures for artwork and for the texture of frames.
    """

    def __init__(self, fonts: Sequence[Path], words: Words, pictures: Sequence[Grey]) -> None:
        self._fonts, self._words, self._pictures = fonts, words, pictures
        self._loaded: dict[tuple[Path, int], Any] = {}

    def draw(self, rng: random.Random) -> Title:
        """One title."""
        old = rng.random() < 0.2
        size = round(CARD_MM[0] * _SCALE), round(HEIGHT_MM * _SCALE)
        image = self._texture(rng, size, 0.5)
        draw = ImageDraw.Draw(image)
        middle = (5.2 if old else 6.55) + rng.gauss(0, 0.3)
        self._art(image, rng, middle)
        dark = rng.random() < (0.35 if old else 0.85)
        left = rng.gauss(4.6, 0.5)
        if not old:
            bar = [rng.gauss(3.4, 0.3), middle - 2.6, 63 - rng.gauss(3.4, 0.3), middle + 2.6]
            box = tuple(round(mm * _SCALE) for mm in bar)
            shade = rng.randint(150, 250) if dark else rng.randint(10, 110)
            fill = self._texture(rng, (box[2] - box[0], box[3] - box[1]), 0.15)
            fill = fill.point(lambda value: min(255, max(0, value - 128 + shade)))
            mask = Image.new("L", fill.size)
            ImageDraw.Draw(mask).rounded_rectangle((0, 0, *fill.size), rng.uniform(0, 14), 255)
            if rng.random() < 0.9:
                image.paste(fill, box[:2], mask)
                draw.rounded_rectangle(box, 10, outline=rng.randint(0, 90), width=rng.randint(1, 4))
            left = bar[0] + rng.gauss(1.9, 0.3)
        if rng.random() < 0.8:  # the card's border
            border = rng.randint(0, 40) if rng.random() < 0.8 else rng.randint(200, 250)
            thick = round(rng.gauss(2.6, 0.3) * _SCALE)
            draw.rectangle((0, 0, size[0], thick), border)
            draw.rectangle((0, 0, thick, size[1]), border)
            draw.rectangle((size[0] - thick, 0, size[0], size[1]), border)
        right = self._cost(draw, rng, middle)
        return self._write(image, rng, left, right, middle, dark)

    def _texture(self, rng: random.Random, size: tuple[int, int], contrast: float) -> Image.Image:
        """Part of a picture, or a gradient, around a middle grey."""
        if rng.random() < 0.5:
            picture = rng.choice(self._pictures)
            rows, columns = picture.shape
            y, x = rng.randrange(rows - 30), rng.randrange(columns - 60)
            part = picture[y : y + rng.randint(12, 60), x : x + rng.randint(40, 160)]
            made = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        else:
            corners = np.array([[rng.randint(0, 255) for _ in range(2)] for _ in range(2)])
            made = cv2.resize(corners.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
        value = 128 + (made.astype(np.float32) - made.mean()) * contrast
        return Image.fromarray(np.clip(value, 0, 255).astype(np.uint8))

    def _art(self, image: Image.Image, rng: random.Random, middle: float) -> None:
        """The picture below the bar."""
        top = middle + rng.gauss(3.6, 0.3)
        size = round(rng.gauss(54, 1) * _SCALE), round((HEIGHT_MM - top) * _SCALE) + 1
        art = cv2.resize(rng.choice(self._pictures), (size[0], size[0]))[: size[1]]
        place = round((63 * _SCALE - size[0]) / 2), round(top * _SCALE)
        image.paste(Image.fromarray(art), place)
        frame = (place[0], place[1], place[0] + size[0], 999)
        ImageDraw.Draw(image).rectangle(frame, outline=rng.randint(0, 90), width=rng.randint(1, 4))

    def _cost(self, draw: ImageDraw.ImageDraw, rng: random.Random, middle: float) -> float:
        """Symbols of mana at the right; return where they begin, in mm."""
        x = 58.8 + rng.gauss(0, 0.5)
        for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 4, 5))):
            x -= 1.7
            circle = [(x - 1.55) * _SCALE, (middle - 1.55) * _SCALE]
            circle += [(x + 1.55) * _SCALE, (middle + 1.55) * _SCALE]
            shade = rng.randint(90, 240)
            draw.ellipse(circle, shade, outline=rng.randint(0, 80))
            font = self._font(rng.choice(self._fonts), round(3.1 * _SCALE))
            at = x * _SCALE, middle * _SCALE
            if rng.random() < 0.5:
                draw.text(at, rng.choice("0123456789XX"), shade // 6, font, "mm")
            else:
                spots = [(x + rng.gauss(0, 0.55), middle + rng.gauss(0, 0.55)) for _ in range(6)]
                draw.polygon([(a * _SCALE, b * _SCALE) for a, b in spots], shade // 6)
            x -= 1.7 + abs(rng.gauss(0, 0.1))
        return x

    def _write(
        self,
        image: Image.Image,
        rng: random.Random,
        left: float,
        right: float,
        middle: float,
        dark: bool,
    ) -> Title:
        font = self._font(
            rng.choice(self._fonts), rng.gauss(_CAPITALS_MM, 0.12) * _SCALE, capitals=True
        )
        shown = _shown(self._words.name(rng), rng)
        layer = Image.new("L", (round(font.getlength(shown)) + 40, round(6 * _SCALE)))
        high = -font.getbbox("H", anchor="ls")[1]
        base = layer.height / 2 + high / 2
        stroke = 1 if rng.random() < 0.1 else 0
        ImageDraw.Draw(layer).text((10, base), shown, 255, font, "ls", stroke_width=stroke)
        # Long names are printed narrower.
        narrow = min(1.0, (right - left - 1) * _SCALE / (layer.width - 30)) * rng.uniform(0.9, 1.05)
        size = max(8, round(layer.width * narrow)), layer.height
        layer = layer.resize(size, Image.Resampling.BILINEAR)
        if rng.random() < 0.06:  # in the middle, as on tokens
            left = max(left, (63 - (layer.width - 20 * narrow) / _SCALE) / 2)
        at = round(left * _SCALE - 10 * narrow), round(middle * _SCALE - layer.height / 2)
        ink = rng.randint(0, 50) if dark else rng.randint(205, 255)
        if not dark and rng.random() < 0.7:  # a shadow
            shift = rng.randint(1, 3)
            image.paste(rng.randint(0, 60), (at[0] + shift, at[1] + shift), layer)
        image.paste(ink, at, layer)
        # Where each letter that counts stands.
        text, middles = "", []
        for i, letter in enumerate(shown):
            said = plain(letter)
            if letter in " -" and text and text[-1] != " ":
                said = " "
            if said:
                along = (font.getlength(shown[:i]) + font.getlength(shown[: i + 1])) / 2
                text += said
                middles.append((left + along * narrow / _SCALE, middle))
        text = text.rstrip()
        return Title(np.asarray(image), text, np.array(middles[: len(text)], np.float32))

    def _font(self, path: Path, size: float, *, capitals: bool = False) -> Any:
        """A font; its size is an em, or the height of its capitals."""
        if capitals:
            em = self._font(path, 100)
            size = size * 100 / -em.getbbox("H", anchor="ls")[1]
        key = path, round(size)
        if key not in self._loaded:
            self._loaded[key] = ImageFont.truetype(str(path), round(size))
        return self._loaded[key]


def _shown(name: str, rng: random.Random) -> str:
    """A plain name as it is printed: capitals, and punctuation that is not read."""
    words = [
        word if i and word in ("of", "the", "to", "and", "in") else word.capitalize()
        for i, word in enumerate(name.split(" "))
    ]
    if len(words) > 1 and rng.random() < 0.25:
        words[0] += ","
    if rng.random() < 0.15:
        at = rng.randrange(len(words))
        words[at] += "'s"
    shown = (" " if rng.random() < 0.9 else "-").join(words)
    if rng.random() < 0.1:
        letter = rng.choice("aeiou")
        shown = shown.replace(letter, rng.choice(_ACCENTS[letter]), 1)
    return shown.upper() if rng.random() < 0.06 else shown


_ACCENTS = {"a": "áâäàã", "e": "éèêë", "i": "íîï", "o": "óôöõ", "u": "úûü"}
