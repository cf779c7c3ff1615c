"""The frames of the sample cards: the places of art, name and text, and how they are drawn."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

from mtg_image_db.demo import words
from mtg_image_db.demo.art import paint
from mtg_image_db.demo.canvas import BLACK, RGB, WHITE, Brush, mix, noise, star

Box: TypeAlias = Sequence[float]

WIDTH, HEIGHT = 488, 680
"""Size of a card in pixels: Scryfall's size `normal`."""
# Cards are drawn at twice their size and reduced at the end, so that edges are smooth.
_SCALE = 2
_MM = HEIGHT / 88
"""Pixels a millimetre: cards are 63 x 88 mm."""
_FLAT, _TALL = (848, 624), (976, 1360)


@dataclass(frozen=True)
class Face:
    """The content of one face (or half) of a card, independent of its frame."""

    name: str
    cost: str
    colours: str
    identity: str
    type_line: str
    text: str
    flavour: str
    stats: str
    motif: str
    art_seed: str
    tall: bool = False


# Left, top, right and bottom of art, title, type line and text; how opaque the panels are.
_PLAN_LIST = """
modern     36 70 452 386   28 30 460 70   28 386 460 424  36 424 452 622  1
old        50 62 438 356   32 28 456 58   36 360 452 392  50 396 438 598  1
borderless 0 0 488 680     24 26 464 66   24 440 464 478  32 482 456 622  0.76
full_art   30 30 458 622   40 40 448 78   40 446 448 482  52 486 436 606  0.88
token      32 32 456 600   104 24 384 62  28 508 460 546  36 548 452 622  1
saga       246 74 452 584  28 30 460 70   28 586 460 624  36 74 244 584   1
planar     32 32 648 434   140 26 540 60  170 62 510 90   60 324 620 426  0.9
left       34 54 324 244   28 26 330 56   28 244 330 274  34 274 324 436  1
right      356 54 646 244  350 26 652 56  350 244 652 274 356 274 646 436 1
"""
_PLANS = {
    name: [float(edge) for edge in edges]
    for name, *edges in map(str.split, _PLAN_LIST.strip().splitlines())
}
# Frame, bars and text box of each frame colour.
_COLOURS = {
    "W": ((222, 214, 188), (250, 246, 232), (247, 244, 234)),
    "U": ((58, 122, 176), (196, 220, 238), (222, 233, 242)),
    "B": ((62, 56, 66), (190, 182, 190), (212, 206, 210)),
    "R": ((186, 76, 54), (240, 196, 174), (243, 222, 210)),
    "G": ((62, 122, 80), (194, 220, 192), (220, 232, 216)),
    "M": ((204, 172, 86), (244, 228, 176), (246, 238, 212)),
    "A": ((138, 148, 158), (214, 222, 228), (226, 230, 234)),
    "L": ((146, 122, 98), (222, 208, 190), (232, 224, 210)),
}
_RARITIES = {"common": (34, 32, 34), "uncommon": (168, 180, 190), "rare": (206, 168, 84)}
_CAPITAL = 0.7
"""Height of the font's capitals, as a share of its size."""
_INK, _PAPER = (24, 20, 18), (248, 246, 240)
# The sign on the disc of each mana symbol: our own sun, drop, thorn, peak, leaf, lozenge, arrow.
_SIGNS = {
    "W": star(8, 0.8, 0.42),
    "U": [(0, -0.8), (0.45, 0.1), (0.4, 0.5), (0, 0.72), (-0.4, 0.5), (-0.45, 0.1)],
    "B": star(3, 0.85, 0.22, math.pi / 2),
    "R": [(-0.7, 0.5), (-0.3, -0.3), (-0.08, 0.06), (0.2, -0.66), (0.7, 0.5)],
    "G": star(3, 0.85, 0.5),
    "C": star(2, 0.75, 0.5, 0),
    "T": [(-0.7, -0.2), (0, -0.2), (0, -0.6), (0.75, 0), (0, 0.6), (0, 0.2), (-0.7, 0.2)],
}


@cache
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=pixels)


def _runs(text: str) -> list[str]:
    """Split text into mana symbols and the text between them; the font has no long dash."""
    return re.findall(r"\{\w+\}|[^{]+", text.replace("—", "-"))


@lru_cache(maxsize=20_000)
def _length(text: str, pixels: int) -> float:
    widths = (pixels if run[0] == "{" else _font(pixels).getlength(run) for run in _runs(text))
    return sum(widths)


def _wrap(text: str, width: float, pixels: int) -> list[str]:
    """Break text into lines, with an empty one between paragraphs."""
    lines: list[str] = []
    for paragraph in filter(None, text.split("\n")):
        lines += ["", ""] if lines else [""]
        for word in paragraph.split():
            longer = f"{lines[-1]} {word}".strip()
            if _length(longer, pixels) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
    return lines


@lru_cache(maxsize=64)
def _stock(colours: str) -> Image.Image:
    """Return frame stock: softly mottled, from one colour to the next."""
    size, grain = (318, 318), noise(random.Random(7), (318, 318), (22, 30))
    tones = [_COLOURS[colour][0] for colour in colours]
    dyed = [ImageOps.colorize(grain, mix(c, BLACK, 0.24), mix(c, WHITE, 0.24)) for c in tones]
    return Image.composite(dyed[-1], dyed[0], Image.linear_gradient("L").rotate(90).resize(size))


class _Sheet(Brush):
    """A card being laid out; all measures refer to the finished picture."""

    def __init__(self, width: int, height: int, border: RGB) -> None:
        super().__init__(Image.new("RGB", (width * _SCALE, height * _SCALE), border), 0, 0, _SCALE)

    def paste(self, picture: Image.Image, box: Box, radius: float, opaque: float = 1) -> None:
        """Lay a picture over a box, cropped to its shape."""
        left, top, right, bottom = (round(edge * _SCALE) for edge in box)
        size = (right - left, bottom - top)
        mask, corner = Image.new("L", size), radius * _SCALE
        edge = (0, 0, size[0] - 1, size[1] - 1)
        ImageDraw.Draw(mask).rounded_rectangle(edge, corner, round(255 * opaque))
        self.image.paste(ImageOps.fit(picture, size, Image.Resampling.BILINEAR), (left, top), mask)

    def panel(self, box: Box, colour: RGB, radius: float, opaque: float = 1) -> None:
        """Draw a bar or box with a slight bevel."""
        ramp = Image.linear_gradient("L")
        bevel = ImageOps.colorize(ramp, mix(colour, WHITE, 0.3), mix(colour, BLACK, 0.1))
        self.paste(bevel, box, radius, opaque)
        self.rim(box, mix(colour, BLACK, 0.62), radius)

    def rim(self, box: Box, colour: RGB, radius: float) -> None:
        """Outline a box."""
        left, top, right, bottom = (edge * _SCALE for edge in box)
        self.draw.rounded_rectangle((left, top, right, bottom), radius * _SCALE, None, colour, 3)

    def mana(self, code: str, x: float, y: float, size: float) -> None:
        """Draw a mana symbol: a coloured disc with a sign, or a number."""
        disc = mix(_COLOURS[code if code in "WUBRG" else "A"][0], WHITE, 0.5)
        symbol = self.at(x, y, size / 2)
        symbol.oval(BLACK, -0.06, 0.1, 1)
        symbol.oval(disc, 0, 0, 1)
        if code in _SIGNS:
            symbol.shape(_INK, _SIGNS[code])
        else:
            self.text(x - size * 0.24, y, code, size * 0.8, _INK)

    def text(self, x: float, y: float, text: str, size: float, ink: RGB, room: float = 0) -> None:
        """Write a bold line centred on a height; smaller if it needs more than `room`."""
        pixels, bold = round(size * _SCALE), int(room > 0)
        while bold and _length(text, pixels) > room * _SCALE:
            pixels -= 1
        for run in _runs(text):
            if run[0] == "{":
                half = pixels / _SCALE / 2
                self.mana(run[1:-1], x + half, y, half * 1.84)
            else:
                at = (x * _SCALE, y * _SCALE + pixels * 0.355)
                self.draw.text(at, run, ink, _font(pixels), "ls", stroke_width=bold)
            x += _length(run, pixels) / _SCALE

    def rules(self, box: Box, face: Face, ink: RGB, largest: float = 18) -> None:
        """Write the rules, then the fainter flavour text, in the largest size that fits the box."""
        left, top, right, bottom = box
        for pixels in range(round(largest * _SCALE), 15, -1):
            lines = _wrap(face.text, (right - left) * _SCALE, pixels)
            told = len(lines)
            lines += ["", *_wrap(face.flavour, (right - left) * _SCALE, pixels)]
            steps = [pixels * (1.2 if line else 0.45) / _SCALE for line in lines]
            if sum(steps) <= bottom - top:
                break
        y = top + max(0, (bottom - top - sum(steps)) / 2)
        for i, (line, step) in enumerate(zip(lines, steps, strict=True)):
            faint = ink if i < told else mix(ink, (128, 120, 112), 0.5)
            self.text(left, y + step / 2, line, pixels / _SCALE, faint)
            y += step

    def title(self, box: Box, face: Face, ink: RGB) -> None:
        """Write a name and, at the right, a mana cost."""
        left, top, right, bottom = box
        size, middle, symbols = (
            (bottom - top) * 0.56,
            (top + bottom) / 2,
            face.cost[1:-1].split("}{"),
        )
        for i, code in enumerate(reversed(symbols if face.cost else [])):
            self.mana(code, right - 8 - size * (0.48 + i), middle, size * 0.93)
        room = right - left - 24 - len(symbols) * size
        self.text(left + 10, middle, face.name, size, ink, room)

    def type_bar(self, box: Box, line: str, rarity: str, points: int, ink: RGB) -> None:
        """Write a type line and, at the right, draw the set symbol."""
        left, top, right, bottom = box
        middle, high = (top + bottom) / 2, bottom - top
        self.text(left + 12, middle, line, high * 0.46, ink, right - left - 50)
        for size, colour in ((0.36, _PAPER), (0.29, _RARITIES.get(rarity, (222, 96, 34)))):
            symbol = self.at(right - 20, middle, high * size)
            symbol.shape(colour, star(points, 1, 0.5 + 0.04 * points))
        self.oval(_PAPER, right - 20, middle, high * 0.08)

    def face(self, face: Face, card: Mapping[str, str], plan: str, back: bool) -> None:
        """Draw a face by a plan, in the colours of its frame."""
        *edges, opaque = _PLANS[plan]
        art, title, kind, text = (edges[i : i + 4] for i in (0, 4, 8, 12))
        (frame, bar, paper), ink, told = _COLOURS[face.identity], _INK, _INK
        glass, old = plan == "borderless", plan == "old"
        if glass or old or back:
            ink, bar = _PAPER, mix(frame, BLACK, 0.74 if glass else 0.4)
        if glass:
            told, paper = ink, bar
        corner = {"token": 60, "full_art": 14, "planar": 10}.get(plan, 2)
        size = _TALL if face.tall else _FLAT
        self.paste(paint(face.motif, face.art_seed, face.identity, size), art, corner)
        self.rim(art, mix(frame, BLACK, 0.6), corner)
        self.panel(text, paper, 4, opaque)
        for box in () if old else (title, kind):
            self.panel(box, bar, 14, opaque)
        self.title(title, face, ink)
        # Every set has its own star; the last letter of its code gives the number of points.
        self.type_bar(kind, face.type_line, card["rarity"], 3 + ord(card["set"][-1]) % 7, ink)
        left, top, right, bottom = text
        if card["layout"] not in ("saga", "adventure"):
            foot = 22 if face.stats and not old else 8
            self.rules((left + 12, top + 6, right - 12, bottom - foot), face, told)
        if face.stats:
            self.panel((374, 604, 462, 642), bar, 9)
            self.text(400, 623, face.stats, 23, ink, 60)

    def adventure(self, main: Face, story: Face) -> None:
        """Print an adventure's small spell on the left page of the text box."""
        deep = mix(_COLOURS[main.identity][0], BLACK, 0.4)
        self.panel((40, 428, 240, 456), deep, 4)
        self.panel((40, 458, 240, 480), deep, 4)
        self.title((40, 428, 240, 456), story, _PAPER)
        self.text(48, 469, story.type_line, 13, _PAPER, 180)
        self.line(deep, 1.5, [(244, 428), (244, 618)])
        self.rules((48, 484, 234, 616), story, _INK, 15)
        self.rules((254, 430, 442, 600), main, _INK, 15)

    def chapters(self, face: Face) -> None:
        """Print the chapters of a saga below each other, each with its number."""
        for i, chapter in enumerate(face.text.split("\n")):
            y, (numeral, _, rule) = 160 + i * 172, chapter.partition(" — ")
            for size, colour in ((21, _INK), (18, _COLOURS[face.identity][1])):
                self.at(46, y, size).shape(colour, star(3, 1, 1))
            self.text(47 - 3 * len(numeral), y, numeral, 15, _INK, 30)
            self.rules((72, y - 78, 236, y + 78), replace(face, text=rule), _INK)
            if i:
                self.line(_INK, 0.7, [(36, y - 86), (244, y - 86)])

    def spaced(self, x: float, y: float, text: str, size: float, spread: float = 0.2) -> float:
        """Write bold letters, `spread` times their size apart; return where the next would be."""
        for letter in text:
            for shift in (0, 0.4, 0.8):
                self.text(x + shift, y, letter, size, _PAPER)
            x += _length(letter, round(size * _SCALE)) / _SCALE + spread * size
        return x

    def shade(self, top: float) -> None:
        """Let the picture grow dark from a height down to the foot, so that lines can be read."""
        width, high = self.image.width, self.image.height - round(top * _SCALE)
        ramp = Image.linear_gradient("L").point([min(150, 2 * v) for v in range(256)])
        self.image.paste(BLACK, (0, round(top * _SCALE)), ramp.resize((width, high)))

    def collector_lines(self, height: int, card: Mapping[str, str], foil: bool) -> None:
        """Print the two lines that cards have at their bottom left since July 2014.

        Number and rarity above set, finish, language and artist: where real cards have them, with
        capitals of 1.05 mm (median of 367 scans of 30 sets).
        """
        left, first, second = 4 * _MM, height - 5.08 * _MM, height - 3.48 * _MM
        size = 1.05 * _MM / _CAPITAL
        number, rarity = card["collector_number"], card["rarity"][0].upper()
        if card["layout"] == "token":
            rarity = "T"
        if card["released_at"] < "2023-04":
            self.spaced(left, first, f"{number:>03}/{words.SET_SIZE} {rarity}", size)
        else:
            self.spaced(left, first, f"{rarity} {number:>04}", size)
        # Mark and language stand at the same place on all cards; the letters of the set are spread.
        code = card["set"].upper()
        wide = sum(_length(letter, round(size * _SCALE)) for letter in code) / _SCALE
        spread = (3.15 * _MM - wide) / (len(code) - 1) / size
        self.spaced(left, second, code, size, spread)
        mark = 8.2 * _MM
        if foil:
            self.at(mark, second, 0.54 * _MM).shape(_PAPER, star(5, 1, 0.42))
        else:
            self.oval(_PAPER, mark, second, 0.24 * _MM)
        lang = words.PRINTED_LANGUAGES.get(card["lang"], card["lang"].upper())
        x = self.spaced(9.1 * _MM, second, lang, size) + 0.5 * size
        self.at(x, second).petal(_PAPER, size, 0.25 * size, 0)
        self.text(x + 1.3 * size, second, card["artist"].upper(), size, _PAPER)
        owner = f"© {card['released_at'][:4]} Demo cards"
        self.text(self.image.width / _SCALE - 4 * _MM - 80, second, owner, 9.5, _PAPER)

    def copyright(self, card: Mapping[str, str]) -> None:
        """Print artist and number in the middle of the frame's foot, as before July 2014."""
        year, number = card["released_at"][:4], card["collector_number"]
        line = f"™ & © {year} Demo cards {number}/{words.SET_SIZE}"
        for y, text, size in ((616, f"Illus. {card['artist']}", 14), (637, line, 12)):
            left = (WIDTH - _length(text, round(size * _SCALE)) / _SCALE) / 2
            self.text(left + 1, y + 1, text, size, _INK)
            self.text(left, y, text, size, _PAPER)


def paint_card(
    faces: Sequence[Face], card: Mapping[str, str], style: str, foil: bool, *, back: bool = False
) -> Image.Image:
    """Paint one side of a card in a style of frame: RGB, 488 x 680 pixels.

    `faces` are the faces on that side: one, or two for a split card or an adventure. A `foil` copy
    has a star between set and language, any other a bullet.
    """
    white, turned = card["border_color"] == "white", style in ("split", "planar")
    width, height = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    sheet = _Sheet(width, height, (244, 243, 240) if white else (14, 13, 14))
    plans = ("left", "right") if style == "split" else (style if style in _PLANS else "modern",)
    low = height - (26 if style == "old" else 50)
    for face, plan in zip(faces, plans, strict=False):
        left, right = {"left": (20, 338), "right": (342, 660)}.get(plan, (20, width - 20))
        colours = face.colours if face.identity == "M" else face.identity
        sheet.paste(_stock(colours or "M"), (left, 20, right, low), 12)
        sheet.face(face, card, plan, back)
    if style == "borderless":
        sheet.shade(low)
    if style == "adventure":
        sheet.adventure(*faces)
    if style == "saga":
        sheet.chapters(faces[0])
    if style == "old":
        sheet.copyright(card)
    else:
        sheet.collector_lines(height, card, foil)
    image = sheet.image.reduce(_SCALE)
    return image.transpose(Image.Transpose.ROTATE_90) if turned else image
