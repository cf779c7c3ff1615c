"""Tools to paint the sample cards' art: colours, brushes and scenery."""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageOps

RGB: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)


class Palette(NamedTuple):
    """The colours of one picture, from its sky down to its foreground."""

    top: RGB
    low: RGB
    light: RGB
    far: RGB
    near: RGB
    dark: RGB
    accent: RGB


# Hues of upper sky, lower sky, ground and accent for each frame colour.
_HUES = {
    "W": ((0.57, 0.10, 0.09, 0.12), (0.53, 0.13, 0.28, 0.02), (0.62, 0.04, 0.08, 0.14)),
    "U": ((0.58, 0.50, 0.55, 0.10), (0.64, 0.88, 0.60, 0.47), (0.54, 0.44, 0.50, 0.93)),
    "B": ((0.76, 0.88, 0.74, 0.30), (0.68, 0.98, 0.80, 0.05), (0.83, 0.52, 0.70, 0.45)),
    "R": ((0.96, 0.08, 0.02, 0.13), (0.72, 0.03, 0.97, 0.11), (0.05, 0.13, 0.03, 0.55)),
    "G": ((0.46, 0.20, 0.34, 0.14), (0.55, 0.27, 0.37, 0.90), (0.40, 0.15, 0.30, 0.06)),
    "M": ((0.66, 0.08, 0.47, 0.12), (0.85, 0.11, 0.60, 0.48), (0.52, 0.95, 0.80, 0.14)),
    "A": ((0.57, 0.09, 0.07, 0.11), (0.53, 0.47, 0.59, 0.08), (0.08, 0.11, 0.60, 0.50)),
    "L": ((0.57, 0.11, 0.26, 0.07), (0.60, 0.05, 0.10, 0.12), (0.50, 0.15, 0.40, 0.02)),
}
# Saturation and value of upper sky, lower sky, far, near and dark: day, dusk, night and mist.
_MOODS = (
    ((0.52, 0.82), (0.22, 0.98), (0.28, 0.74), (0.48, 0.50), (0.55, 0.22)),
    ((0.66, 0.42), (0.58, 0.97), (0.42, 0.58), (0.52, 0.36), (0.60, 0.13)),
    ((0.72, 0.14), (0.60, 0.50), (0.50, 0.38), (0.62, 0.24), (0.66, 0.08)),
    ((0.34, 0.66), (0.12, 0.96), (0.20, 0.70), (0.36, 0.44), (0.46, 0.20)),
)


def hsv(hue: float, saturation: float, value: float) -> RGB:
    """Return a colour; the hue is taken modulo 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return `a` with a share of `b` in it."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def palette(rng: random.Random, identity: str) -> Palette:
    """Choose a picture's colours: `identity` is one of W U B R G, M (many), A (none), L (land)."""
    sky, low, ground, accent = (h + rng.uniform(-0.03, 0.03) for h in rng.choice(_HUES[identity]))
    mood = rng.choice(_MOODS[1:3] if identity == "B" else _MOODS)
    hues = (sky, low, (sky + ground) / 2 if abs(sky - ground) < 0.5 else ground, ground, ground)
    top, below, far, near, dark = (hsv(h, *tone) for h, tone in zip(hues, mood, strict=True))
    return Palette(top, below, hsv(low, 0.12, 1), far, near, dark, hsv(accent, 0.72, 0.95))


def noise(rng: random.Random, size: tuple[int, int], cells: tuple[int, int]) -> Image.Image:
    """Return smooth grey noise, about `cells` blobs across and down."""
    small, layers = (max(1, size[0] // 4), max(1, size[1] // 4)), []
    for columns, rows in (cells, (cells[0] * 3, cells[1] * 3)):
        blobs = Image.frombytes("L", (columns, rows), rng.randbytes(columns * rows))
        layers.append(blobs.resize(small, Image.Resampling.BICUBIC))
    return Image.blend(layers[0], layers[1], 0.35).resize(size, Image.Resampling.BILINEAR)


def polar(radius: float, angle: float) -> Point:
    """Return a point by its distance and direction."""
    return radius * math.cos(angle), radius * math.sin(angle)


def star(n: int, outer: float, inner: float, turn: float = -math.pi / 2) -> list[Point]:
    """Return the corners of a star about the origin."""
    return [polar(inner if i % 2 else outer, turn + math.pi * i / n) for i in range(2 * n)]


class Brush:
    """Draws around an origin, in its own units, mirrored if `side` is -1."""

    def __init__(self, image: Image.Image, x: float, y: float, unit: float, side: int = 1) -> None:
        self.image, self.x, self.y, self.unit, self.side = image, x, y, unit, side
        self.draw = ImageDraw.Draw(image, "RGBA")

    def at(self, x: float, y: float, size: float = 1, side: int = 1) -> Brush:
        """Return a brush with this origin, and with `size` times this brush's unit."""
        [(px, py)] = self._pixels([(x, y)])
        return Brush(self.image, px, py, self.unit * size, self.side * side)

    def pair(self) -> tuple[Brush, Brush]:
        """Return this brush and its mirror image, for pairs."""
        return self, self.at(0, 0, side=-1)

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        return [(self.x + self.side * x * self.unit, self.y + y * self.unit) for x, y in points]

    def shape(self, colour: RGB, points: Sequence[Point], alpha: int = 255) -> None:
        """Fill a polygon."""
        self.draw.polygon(self._pixels(points), fill=(*colour, alpha))

    def line(self, colour: RGB, width: float, points: Sequence[Point]) -> None:
        """Draw a line with round joints."""
        self.draw.line(self._pixels(points), colour, max(1, round(width * self.unit)), "curve")

    def oval(self, colour: RGB, x: float, y: float, rx: float, ry: float = 0, a: int = 255) -> None:
        """Fill an ellipse, or a circle without `ry`."""
        [(px, py)], wide, high = self._pixels([(x, y)]), rx * self.unit, (ry or rx) * self.unit
        self.draw.ellipse((px - wide, py - high, px + wide, py + high), fill=(*colour, a))

    def dome(self, colour: RGB, rx: float, ry: float, alpha: int = 255) -> None:
        """Fill the upper half of an ellipse about the origin."""
        turns = [math.pi * (1 + i / 40) for i in range(41)]
        self.shape(colour, [(rx * math.cos(t), ry * math.sin(t)) for t in turns], alpha)

    def petal(
        self, colour: RGB, length: float, width: float, angle: float, alpha: int = 255
    ) -> None:
        """Fill a leaf that grows from the origin along an angle."""
        cos, sin = math.cos(angle), math.sin(angle)
        half = [(i / 12 * length, width * math.sin(math.pi * (i / 12) ** 0.8)) for i in range(13)]
        outline = half + [(x, -y) for x, y in reversed(half)]
        self.shape(colour, [(x * cos - y * sin, x * sin + y * cos) for x, y in outline], alpha)

    def taper(self, colour: RGB, widths: tuple[float, float], *controls: Point) -> None:
        """Draw along a cubic curve; its half-width changes from one value to the other."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = controls
        for i in range(81):
            t = i / 80
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            spot = (a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy)
            self.oval(colour, *spot, widths[0] + (widths[1] - widths[0]) * t)

    def glow(self, colour: RGB, x: float, y: float, radius: float, strength: float = 1) -> None:
        """Add a soft light."""
        [(px, py)], side = self._pixels([(x, y)]), max(2, round(radius * self.unit * 2))
        curve = [round(strength * 255 * (1 - v / 255) ** 2) for v in range(256)]
        spot = Image.radial_gradient("L").resize((side, side)).point(curve)
        self.image.paste(colour, (round(px - side / 2), round(py - side / 2)), spot)


class Canvas(Brush):
    """A picture being painted: its origin is the middle, its unit the shorter side."""

    def __init__(self, size: tuple[int, int], rng: random.Random, identity: str) -> None:
        super().__init__(Image.new("RGB", size), size[0] / 2, size[1] / 2, min(size))
        self.rng, self.palette = rng, palette(rng, identity)
        self.wide, self.high = self.x / self.unit, self.y / self.unit

    def spot(self, left: float, top: float, right: float, bottom: float) -> Point:
        """Return a random point of a box given in fractions of the picture."""
        across, down = self.rng.uniform(left, right), self.rng.uniform(top, bottom)
        return self.wide * (2 * across - 1), self.level(down)

    def level(self, fraction: float) -> float:
        """Return the height at a fraction of the picture."""
        return self.high * (2 * fraction - 1)

    def backdrop(self, top: RGB, low: RGB, until: float = 1) -> None:
        """Fill with a gradient that reaches `low` at the height `until`."""
        ramp = Image.linear_gradient("L").resize((self.image.width, round(2 * self.y * until)))
        self.image.paste(low, (0, 0, *self.image.size))
        self.image.paste(ImageOps.colorize(ramp, top, low), (0, 0))

    def sky(self) -> None:
        """Paint a sky with sun or moon, stars by night and clouds."""
        p = self.palette
        self.backdrop(p.top, p.low, 0.8)
        if sum(p.top) < 170:
            self.stars(160)
        (x, y), radius = self.spot(0.2, 0.16, 0.8, 0.42), self.rng.uniform(0.06, 0.14)
        self.glow(p.light, x, y, radius * 5, 0.55)
        self.oval(p.light, x, y, radius)
        self.clouds(mix(p.light, p.low, 0.25), self.rng.randint(110, 150), 3)

    def clouds(self, colour: RGB, floor: int, slope: int = 1) -> None:
        """Draw clouds: the lower `floor`, the more clouds."""
        mask = noise(self.rng, self.image.size, (4, 7))
        mask = mask.point([min(200, max(0, (v - floor) * slope)) for v in range(256)])
        self.image.paste(colour, (0, 0), mask)

    def stars(self, count: int) -> None:
        """Scatter stars."""
        for _ in range(count):
            size, shine = self.rng.choice((1, 1, 1, 2, 3)), self.rng.randint(110, 255)
            self.oval(WHITE, *self.spot(0, 0, 1, 1), size / self.unit, a=shine)

    def sparks(self, count: int, colour: RGB) -> None:
        """Scatter glowing specks."""
        for _ in range(count):
            (x, y), size = self.spot(0.05, 0.05, 0.95, 0.95), self.rng.uniform(0.003, 0.009)
            self.glow(colour, x, y, size * 5, 0.6)
            self.oval(mix(colour, WHITE, 0.5), x, y, size)

    def land(self, level: float, rugged: float, colour: RGB) -> None:
        """Fill everything below a rugged skyline."""
        broad, fine = (noise(self.rng, (240, 1), (cells, 1)).tobytes() for cells in (9, 40))
        skyline = [(-self.wide, self.high)]
        for i, (low, high) in enumerate(zip(broad, fine, strict=True)):
            y = level + rugged * (low + 0.3 * high - 166) / 255
            skyline.append(((i / 119.5 - 1) * self.wide, self.level(y)))
        self.shape(colour, [*skyline, (self.wide, self.high)])

    def finish(self) -> Image.Image:
        """Add brush texture and darkened edges, and return the picture."""
        grain = noise(self.rng, self.image.size, (26, 26)).point([64 + v // 2 for v in range(256)])
        image = ImageChops.soft_light(self.image, grain.convert("RGB"))
        edge = Image.radial_gradient("L").resize(image.size)
        image.paste(BLACK, (0, 0), edge.point([max(0, v - 165) for v in range(256)]))
        return image
