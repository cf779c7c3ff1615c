"""Paints invented trading cards with Pillow alone: the art first, then the frame around it.

Everything is drawn at `SCALE` times the final size and reduced at the end, so that edges are
smooth. Pillow's built-in font knows little more than ASCII; dashes, umlauts, stars, a few
katakana and the mana symbols are therefore drawn by hand in `_put`.
"""

from __future__ import annotations

import colorsys
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, pairwise
from typing import NamedTuple, TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

RGB: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]

WIDTH, HEIGHT, SCALE = 488, 680, 2


@dataclass(frozen=True)
class Face:
    """What is printed on one face (or half) of a card, whatever the frame.

    `identity` is one of W U B R G, M (several colours), A (none) or L (land); `emblem` is the
    mana symbol that a plain land shows instead of text; `tall` art fills the whole card.
    """

    name: str = ""
    cost: str = ""
    colours: str = ""
    identity: str = "A"
    type_line: str = ""
    text: str = ""
    flavour: str = ""
    stats: str = ""
    emblem: str = ""
    motif: str = "mandala"
    art_seed: str = ""
    tall: bool = False


@dataclass(frozen=True)
class Printing:
    """How a card is printed: frame, border, set symbol and the small print."""

    style: str
    border: str
    symbol: int
    rarity: str
    collector: str
    artist: str
    back: bool = False


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
_HUES: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "W": ((0.57, 0.10, 0.09, 0.12), (0.53, 0.13, 0.28, 0.02), (0.62, 0.04, 0.08, 0.14)),
    "U": ((0.58, 0.50, 0.55, 0.10), (0.64, 0.88, 0.60, 0.47), (0.54, 0.44, 0.50, 0.93)),
    "B": ((0.76, 0.88, 0.74, 0.30), (0.68, 0.98, 0.80, 0.05), (0.83, 0.52, 0.70, 0.45)),
    "R": ((0.96, 0.08, 0.02, 0.13), (0.72, 0.03, 0.97, 0.11), (0.05, 0.13, 0.03, 0.55)),
    "G": ((0.46, 0.20, 0.34, 0.14), (0.55, 0.27, 0.37, 0.90), (0.40, 0.15, 0.30, 0.06)),
    "M": ((0.66, 0.08, 0.47, 0.12), (0.85, 0.11, 0.60, 0.48), (0.52, 0.95, 0.80, 0.14)),
    "A": ((0.57, 0.09, 0.07, 0.11), (0.53, 0.47, 0.59, 0.08), (0.08, 0.11, 0.60, 0.50)),
    "L": ((0.57, 0.11, 0.26, 0.07), (0.60, 0.05, 0.10, 0.12), (0.50, 0.15, 0.40, 0.02)),
}

# Saturation and value of upper sky, lower sky, far, near and dark.
_MOODS: tuple[tuple[Point, Point, Point, Point, Point], ...] = (
    ((0.52, 0.82), (0.22, 0.98), (0.28, 0.74), (0.48, 0.50), (0.55, 0.22)),
    ((0.66, 0.42), (0.58, 0.97), (0.42, 0.58), (0.52, 0.36), (0.60, 0.13)),
    ((0.72, 0.14), (0.60, 0.50), (0.50, 0.38), (0.62, 0.24), (0.66, 0.08)),
    ((0.34, 0.66), (0.12, 0.96), (0.20, 0.70), (0.36, 0.44), (0.46, 0.20)),
)


def _hsv(hue: float, saturation: float, value: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _mix(a: RGB, b: RGB, t: float) -> RGB:
    return (
        round(a[0] + (b[0] - a[0]) * t),
        round(a[1] + (b[1] - a[1]) * t),
        round(a[2] + (b[2] - a[2]) * t),
    )


def _palette(rng: random.Random, identity: str) -> Palette:
    sky, low, ground, accent = (
        hue + rng.uniform(-0.03, 0.03) for hue in rng.choice(_HUES[identity])
    )
    mood = rng.choice(_MOODS[1:3] if identity == "B" else _MOODS)
    return Palette(
        _hsv(sky, *mood[0]),
        _hsv(low, *mood[1]),
        _hsv(low, 0.12, 1.0),
        _hsv((sky + ground) / 2 if abs(sky - ground) < 0.5 else ground, *mood[2]),
        _hsv(ground, *mood[3]),
        _hsv(ground, *mood[4]),
        _hsv(accent, 0.72, 0.95),
    )


@cache
def _halo() -> Image.Image:
    """Return a soft round spot, white in the middle."""
    return Image.radial_gradient("L").point([round(255 * (1 - v / 255) ** 2) for v in range(256)])


def _noise(rng: random.Random, size: tuple[int, int], cells: tuple[int, int]) -> Image.Image:
    """Return smooth grey noise of two octaves, about `cells` blobs across and down."""
    small = (max(1, size[0] // 4), max(1, size[1] // 4))
    layers = [
        Image.frombytes("L", (columns, rows), rng.randbytes(columns * rows)).resize(
            small, Image.Resampling.BICUBIC
        )
        for columns, rows in (cells, (cells[0] * 3, cells[1] * 3))
    ]
    return Image.blend(layers[0], layers[1], 0.35).resize(size, Image.Resampling.BILINEAR)


def _polar(cx: float, cy: float, radius: float, angle: float) -> Point:
    return cx + radius * math.cos(angle), cy + radius * math.sin(angle)


def _star(cx: float, cy: float, outer: float, inner: float, n: int, turn: float) -> list[Point]:
    """Return the corners of an `n`-pointed star (or gear, or polygon where inner = outer)."""
    return [
        _polar(cx, cy, outer if i % 2 == 0 else inner, turn + math.pi * i / n) for i in range(2 * n)
    ]


def _petal(cx: float, cy: float, length: float, width: float, angle: float) -> list[Point]:
    """Return a leaf shape that starts at a point and grows along `angle`."""
    cos, sin = math.cos(angle), math.sin(angle)
    side = [(i / 12, width * math.sin(math.pi * (i / 12) ** 0.8)) for i in range(13)]
    outline = [(t * length, y) for t, y in side] + [(t * length, -y) for t, y in reversed(side)]
    return [(cx + x * cos - y * sin, cy + x * sin + y * cos) for x, y in outline]


def _curve(a: Point, b: Point, c: Point, d: Point, n: int = 40) -> list[Point]:
    """Return points along a cubic Bézier curve."""
    points = []
    for i in range(n + 1):
        t = i / n
        wa, wb, wc, wd = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        points.append(
            (
                wa * a[0] + wb * b[0] + wc * c[0] + wd * d[0],
                wa * a[1] + wb * b[1] + wc * c[1] + wd * d[1],
            )
        )
    return points


class Scene:
    """A picture being painted: canvas, palette, random numbers and the common brushes."""

    def __init__(self, size: tuple[int, int], rng: random.Random, identity: str) -> None:
        self.w, self.h = size
        self.u = float(min(size))
        self.rng = rng
        self.palette = _palette(rng, identity)
        self.image = Image.new("RGB", size, self.palette.top)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def backdrop(self, top: RGB, low: RGB, until: float = 1.0) -> None:
        """Fill with a gradient that reaches `low` at the height `until`."""
        gradient = Image.linear_gradient("L").resize((self.w, max(1, round(self.h * until))))
        self.image.paste(low, (0, 0, self.w, self.h))
        self.image.paste(ImageOps.colorize(gradient, top, low), (0, 0))

    def tint(self, colour: RGB, mask: Image.Image, at: Point = (0, 0)) -> None:
        """Lay `colour` through `mask`."""
        x, y = round(at[0]), round(at[1])
        self.image.paste(colour, (x, y, x + mask.width, y + mask.height), mask)

    def glow(self, x: float, y: float, radius: float, colour: RGB, strength: float = 1.0) -> None:
        """Add a soft light."""
        side = max(2, round(radius * 2))
        spot = _halo().resize((side, side)).point([round(v * strength) for v in range(256)])
        self.tint(colour, spot, (x - radius, y - radius))

    def disc(self, x: float, y: float, radius: float, colour: RGB, alpha: int = 255) -> None:
        """Fill a circle."""
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*colour, alpha))

    def shape(self, points: Sequence[Point], colour: RGB, alpha: int = 255) -> None:
        """Fill a polygon."""
        self.draw.polygon(list(points), fill=(*colour, alpha))

    def line(self, points: Sequence[Point], colour: RGB, width: float, alpha: int = 255) -> None:
        """Draw a line with round joints."""
        self.draw.line(list(points), (*colour, alpha), max(1, round(width)), joint="curve")

    def taper(self, points: Sequence[Point], start: float, end: float, colour: RGB) -> None:
        """Draw a stroke whose half-width goes from `start` to `end`."""
        last = len(points) - 1
        for i, (x, y) in enumerate(points):
            self.disc(x, y, max(1.0, start + (end - start) * i / last), colour)

    def haze(self, top: float, bottom: float, colour: RGB, strength: float) -> None:
        """Let mist thicken from `top` down to `bottom`."""
        size = (self.w, max(1, round(bottom - top)))
        ramp = Image.linear_gradient("L").resize(size)
        self.tint(colour, ramp.point([round(v * strength) for v in range(256)]), (0, top))

    def orb(self, x: float, y: float, radius: float, colour: RGB) -> None:
        """Draw a ball lit from the upper left."""
        for i in range(9):
            t = i / 8
            shade = _mix(_mix(colour, (0, 0, 0), 0.6), _mix(colour, (255, 255, 255), 0.45), t)
            self.disc(x - radius * 0.3 * t, y - radius * 0.3 * t, radius * (1 - 0.82 * t), shade)

    def stars(self, count: int, until: float = 1.0) -> None:
        """Scatter stars."""
        for _ in range(count):
            x, y = self.rng.uniform(0, self.w), self.rng.uniform(0, self.h * until)
            size = self.rng.choice((1, 1, 1, 1.5, 2, 3))
            self.disc(x, y, size, (255, 255, 255), self.rng.randint(110, 255))

    def sparks(self, count: int, colour: RGB, box: Box) -> None:
        """Scatter glowing specks over a part of the picture, given in fractions of it."""
        for _ in range(count):
            x = self.rng.uniform(box[0], box[2]) * self.w
            y = self.rng.uniform(box[1], box[3]) * self.h
            size = self.u * self.rng.uniform(0.003, 0.009)
            self.glow(x, y, size * 5, colour, 0.6)
            self.disc(x, y, size, _mix(colour, (255, 255, 255), 0.5))

    def sky(self, until: float = 0.8) -> Point:
        """Paint a sky with sun or moon, stars by night and clouds; return where the sun is."""
        rng, p = self.rng, self.palette
        self.backdrop(p.top, p.low, until)
        if sum(p.top) < 170:
            self.stars(160, until * 0.7)
        x, y = rng.uniform(0.2, 0.8) * self.w, rng.uniform(0.16, 0.42) * self.h
        radius = self.u * rng.uniform(0.06, 0.14)
        self.glow(x, y, radius * 5, p.light, 0.55)
        self.disc(x, y, radius, p.light)
        if rng.random() < 0.35:
            self.glow(x + radius * 0.4, y + radius * 0.3, radius * 1.1, p.low, 0.5)
        self.clouds(rng.randint(110, 150))
        return x, y

    def clouds(self, floor: int) -> None:
        """Drift clouds across: the lower `floor`, the more there are of them."""
        noise = _noise(self.rng, (self.w, self.h), (4, 9))
        mask = noise.point([min(200, max(0, (v - floor) * 3)) for v in range(256)])
        self.tint(_mix(self.palette.light, self.palette.low, 0.25), mask)

    def ridge(self, base: float, height: float, steps: int = 7, calm: float = 0.52) -> list[Point]:
        """Return a rugged skyline by midpoint displacement."""
        ys = [self.rng.uniform(-0.5, 0.5) * height for _ in range(3)]
        spread = height
        for _ in range(steps - 1):
            finer = [ys[0]]
            for left, right in pairwise(ys):
                middle = (left + right) / 2 + self.rng.uniform(-0.5, 0.5) * spread
                finer += [middle, right]
            ys, spread = finer, spread * calm
        step = self.w / (len(ys) - 1)
        return [(i * step, base + y) for i, y in enumerate(ys)]

    def land(self, skyline: Sequence[Point], colour: RGB) -> None:
        """Fill everything below a skyline."""
        self.shape([*skyline, (self.w, self.h), (0, self.h)], colour)

    def hill(self, y: float, lift: float, colour: RGB) -> None:
        """Fill a smooth hill whose crest is in the middle."""
        crest = [
            (x, y * self.h - lift * self.h * math.sin(math.pi * x / self.w))
            for x in range(0, self.w + 9, 8)
        ]
        self.land(crest, colour)

    def water(self, level: float, sun: float) -> None:
        """Fill the lower part with water that glitters below the sun."""
        rng, p = self.rng, self.palette
        top = round(level * self.h)
        ramp = Image.linear_gradient("L").resize((self.w, self.h - top))
        self.image.paste(ImageOps.colorize(ramp, _mix(p.low, p.far, 0.5), p.dark), (0, top))
        for _ in range(220):
            t = rng.random() ** 1.5
            y = top + t * (self.h - top)
            x = rng.gauss(sun, self.w * (0.05 + 0.22 * t))
            half = self.u * rng.uniform(0.01, 0.05) * (0.4 + t)
            self.line([(x - half, y), (x + half, y)], p.light, 1 + 3 * t, rng.randint(60, 190))

    def finish(self) -> Image.Image:
        """Add brush texture and darkened edges, and return the picture."""
        grain = _noise(self.rng, (self.w, self.h), (26, 26)).point(
            [64 + v // 2 for v in range(256)]
        )
        image = ImageChops.soft_light(self.image, grain.convert("RGB"))
        edge = Image.radial_gradient("L").resize((self.w, self.h))
        image.paste((0, 0, 0), (0, 0), edge.point([max(0, v - 165) for v in range(256)]))
        return image


class Frame:
    """A small coordinate system within a scene: an origin, a unit and the side it faces.

    Figures are drawn in it as if they were one unit tall and looked to the right; with `side`
    -1 everything comes out mirrored.
    """

    def __init__(self, scene: Scene, x: float, y: float, unit: float, side: float = 1) -> None:
        self.scene, self.x, self.y, self.unit, self.side = scene, x, y, unit, side

    def sides(self) -> tuple[Frame, Frame]:
        """Return this frame and its mirror image, for whatever comes in pairs."""
        return self, Frame(self.scene, self.x, self.y, self.unit, -self.side)

    def path(self, *flat: float) -> list[Point]:
        """Turn x, y, x, y, ... into points of the scene."""
        x, y, unit, side = self.x, self.y, self.unit, self.side
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [(x + side * a * unit, y + b * unit) for a, b in pairs]

    def curve(self, *flat: float) -> list[Point]:
        """Return a Bézier curve with the four control points."""
        a, b, c, d = self.path(*flat)
        return _curve(a, b, c, d)

    def shape(self, colour: RGB, *flat: float, alpha: int = 255) -> None:
        """Fill a polygon."""
        self.scene.shape(self.path(*flat), colour, alpha)

    def taper(self, start: float, end: float, colour: RGB, *flat: float) -> None:
        """Draw a curved stroke that changes its half-width."""
        self.scene.taper(self.curve(*flat), start * self.unit, end * self.unit, colour)

    def line(self, width: float, colour: RGB, *flat: float) -> None:
        """Draw a line."""
        self.scene.line(self.path(*flat), colour, width * self.unit)

    def oval(self, box: Box, colour: RGB, alpha: int = 255) -> None:
        """Fill an ellipse of a middle (x, y) and two half-axes."""
        self.scene.draw.ellipse(self._around(box), fill=(*colour, alpha))

    def dome(self, box: Box, colour: RGB, alpha: int = 255) -> None:
        """Fill the upper half of such an ellipse."""
        self._segment(box, math.pi, math.tau, colour, alpha)

    def bowl(self, box: Box, colour: RGB, alpha: int = 255, level: float = 0) -> None:
        """Fill the lower part of such an ellipse, up to `level` radians below the middle."""
        self._segment(box, level, math.pi - level, colour, alpha)

    def _segment(self, box: Box, start: float, end: float, colour: RGB, alpha: int) -> None:
        # Pillow's own chord() leaves stray lines with some angles.
        a, b, rx, ry = box
        turns = [start + (end - start) * i / 40 for i in range(41)]
        rim = [(a + rx * math.cos(t), b + ry * math.sin(t)) for t in turns]
        self.shape(colour, *chain.from_iterable(rim), alpha=alpha)

    def disc(self, a: float, b: float, r: float, colour: RGB, alpha: int = 255) -> None:
        """Fill a circle."""
        self.oval((a, b, r, r), colour, alpha)

    def rect(self, box: Box, colour: RGB, alpha: int = 255, radius: float = 0) -> None:
        """Fill a rectangle of two opposite corners."""
        (a, b), (c, d) = self.path(*box)
        corners = (min(a, c), b, max(a, c), d)
        self.scene.draw.rounded_rectangle(corners, radius * self.unit, fill=(*colour, alpha))

    def glow(self, a: float, b: float, r: float, colour: RGB, strength: float = 1.0) -> None:
        """Add a soft light."""
        [(x, y)] = self.path(a, b)
        self.scene.glow(x, y, r * self.unit, colour, strength)

    def petal(self, colour: RGB, *leaf: float, alpha: int = 255) -> None:
        """Fill a leaf shape: where it starts (x, y), length, half-width and direction."""
        self.shape(colour, *chain.from_iterable(_petal(*leaf)), alpha=alpha)

    def star(self, colour: RGB, a: float, b: float, outer: float, inner: float, n: int) -> None:
        """Fill a star that points upwards."""
        points = _star(a, b, outer, inner, n, -math.pi / 2)
        self.shape(colour, *chain.from_iterable(points))

    def orb(self, a: float, b: float, r: float, colour: RGB) -> None:
        """Draw a ball."""
        [(x, y)] = self.path(a, b)
        self.scene.orb(x, y, r * self.unit, colour)

    def eye(self, a: float, b: float, r: float, slit: float) -> None:
        """Draw an eye; the pupil of a small `slit` is a cat's."""
        p = self.scene.palette
        self.disc(a, b, r * 1.18, p.dark)
        self.disc(a, b, r, _mix(p.accent, (255, 255, 255), 0.35))
        self.oval((a, b, r * slit, r * 0.8), (12, 8, 16))
        self.disc(a - r * 0.3, b - r * 0.35, r * 0.2, (255, 255, 255))

    def _around(self, box: Box) -> Box:
        [(x, y)] = self.path(box[0], box[1])
        rx, ry = box[2] * self.unit, box[3] * self.unit
        return x - rx, y - ry, x + rx, y + ry


def _mountains(s: Scene) -> None:
    s.sky()
    layers = s.rng.randint(3, 5)
    for i in range(layers):
        t = i / (layers - 1)
        base = s.h * (0.52 + 0.40 * t)
        skyline = s.ridge(base, s.h * (0.42 - 0.22 * t))
        s.land(skyline, _mix(s.palette.far, s.palette.dark, t))
        if i == 0:
            # Snow lies on what rises above the layer's mean height.
            cap = [(x, min(y + abs(math.sin(x * 0.11)) * s.h * 0.03, base)) for x, y in skyline]
            s.shape(skyline + [(x, y + s.h * 0.05) for x, y in reversed(cap)], s.palette.light, 150)
        s.haze(base - s.h * 0.05, s.h, s.palette.low, 0.30 * (1 - t))


def _sea(s: Scene) -> None:
    level = s.rng.uniform(0.5, 0.62)
    sun, _ = s.sky(level)
    for i in range(2):
        skyline = s.ridge(s.h * (level + 0.02), s.h * 0.10, 6)
        s.land(skyline, _mix(s.palette.far, s.palette.low, 0.5 - 0.3 * i))
    s.water(level, sun)
    for _ in range(s.rng.randint(1, 3)):
        x, size = s.rng.uniform(0.15, 0.85) * s.w, s.u * s.rng.uniform(0.10, 0.24)
        y = s.h * (level + 0.05) + size * 0.55
        for side, reach in ((-1, 0.55), (1, 0.75)):
            sail = [(x, y - size), (x + side * size * reach, y - size * 0.14), (x, y - size * 0.14)]
            s.shape(sail, _mix(s.palette.light, s.palette.accent, 0.15 if side < 0 else 0.5))
        hull = [(x - size * 0.6, y - size * 0.1), (x + size * 0.75, y - size * 0.1)]
        s.shape(
            [*hull, (x + size * 0.5, y + size * 0.12), (x - size * 0.4, y + size * 0.12)],
            s.palette.dark,
        )


def _tree(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.sky()
    s.land(s.ridge(s.h * 0.74, s.h * 0.14), _mix(p.far, p.near, 0.4))
    s.hill(0.93, 0.10, p.dark)
    spread, bend = rng.uniform(0.36, 0.56), rng.uniform(-0.08, 0.08)
    tips: list[Point] = []

    def grow(x: float, y: float, length: float, angle: float, depth: int) -> None:
        end = _polar(x, y, length, angle)
        s.line([(x, y), end], _mix(p.dark, p.near, 0.08 * (8 - depth)), depth**1.55 * s.u / 620)
        if depth <= 3:
            tips.append(end)
        if depth > 1:
            for side in (-1, 1):
                turn = angle + side * spread * rng.uniform(0.6, 1.25) + bend
                grow(*end, length * rng.uniform(0.70, 0.84), turn, depth - 1)

    grow(s.w / 2, s.h * 0.87, s.h * 0.19, -math.pi / 2, 8)
    leaf = rng.choice((p.accent, _mix(p.accent, p.light, 0.5), _mix(p.near, p.accent, 0.35)))
    for x, y in tips:
        if rng.random() < 0.8:
            colour = _mix(leaf, rng.choice((p.light, p.near)), rng.uniform(0, 0.5))
            s.disc(x, y, s.u * rng.uniform(0.008, 0.022), colour, 225)
    s.sparks(16, leaf, (0.15, 0.4, 0.85, 0.95))


def _towers(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.sky()
    s.land(s.ridge(s.h * 0.66, s.h * 0.2), p.far)
    for depth in range(2):
        wall = _mix(p.near, p.dark, 0.2 + 0.6 * depth)
        for _ in range(rng.randint(4, 6)):
            x, top = rng.uniform(0.12, 0.88) * s.w, s.h * rng.uniform(0.28, 0.62 + 0.1 * depth)
            f = Frame(s, x, top, s.u * rng.uniform(0.03, 0.075))
            f.rect((-1, 0, 1, 40), wall)
            f.rect((0, 0, 1, 40), (0, 0, 0), 45)
            roof = rng.choice(("cone", "cone", "dome", "battlement"))
            if roof == "cone":
                f.shape(_mix(p.accent, wall, 0.45), -1.3, 0, 0, -3.2, 1.3, 0)
            elif roof == "dome":
                f.dome((0, 0, 1.2, 1.4), _mix(p.accent, wall, 0.3))
            else:
                for left in (-1.2, -0.25, 0.7):
                    f.rect((left, -0.6, left + 0.5, 0), wall)
            for y in (0.9, 2.5, 4.1, 5.7, 7.3):
                if rng.random() < 0.7:
                    f.glow(0, y, 1.2, p.light, 0.5)
                    f.rect((-0.16, y - 0.32, 0.16, y + 0.32), p.light)
        s.haze(s.h * 0.6, s.h, p.low, 0.32 * (1 - depth))
    s.hill(1.0, 0.10, p.dark)


def _beast(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.sky()
    s.land(s.ridge(s.h * 0.70, s.h * 0.2), p.far)
    s.hill(0.90, 0.04, p.dark)
    f = Frame(s, s.w / 2, s.h * 0.58, s.u * rng.uniform(0.25, 0.30))
    hide = _mix(rng.choice((p.near, p.accent, _mix(p.accent, p.near, 0.5))), p.light, 0.12)
    shade, tip = _mix(hide, p.dark, 0.55), rng.uniform(0.9, 1.5)
    for half in f.sides():
        half.taper(0.16, 0, _mix(p.light, p.near, 0.3), 0.5, -0.7, 1, -1, tip, -1.2, 0.8, -1.6)
        half.taper(0.2, 0.15, shade, 0.8, 0, 1.5, 0.1, 1.3, 0.7, 1, 0.8)
        half.disc(0.45, 1.02, 0.3, shade)
    for i in range(rng.choice((0, 5, 7))):
        angle = -math.pi / 2 + (i - 3) * 0.24
        f.petal(p.accent, *_polar(0, 0, 0.8, angle), 0.6, 0.1, angle)
    waves = [(n, rng.uniform(0, 0.1 / n), rng.uniform(0, math.tau)) for n in (2, 3, 5)]
    body: list[float] = []
    for t in (math.tau * i / 90 for i in range(90)):
        body += _polar(0, 0, 1 + sum(a * math.sin(n * t + shift) for n, a, shift in waves), t)
    f.shape(shade, *body)
    Frame(s, f.x - f.unit * 0.04, f.y - f.unit * 0.05, f.unit * 0.94).shape(hide, *body)
    f.glow(-0.3, -0.4, 0.7, p.light, 0.4)
    f.oval((0, 0.55, 0.5, 0.4), _mix(hide, p.light, 0.45), 190)
    for _ in range(rng.randint(6, 16)):
        spot = _polar(0, 0, rng.uniform(0.62, 0.88), rng.uniform(0, math.tau))
        f.disc(*spot, rng.uniform(0.03, 0.07), shade, 150)
    eyes, slit = rng.choice((1, 2, 2, 3, 4)), rng.choice((0.2, 0.5))
    for i in range(eyes):
        offset = i - (eyes - 1) / 2
        f.eye(offset * 0.46, 0.05 * abs(offset) - 0.28, 0.3 if eyes < 2 else 0.2, slit)
    f.bowl((0, 0.22, 0.36, 0.24), (40, 8, 18))
    for i in range(-2, 3):
        x = i * 0.13
        f.shape((250, 246, 232), x - 0.05, 0.22, x + 0.05, 0.22, x, 0.34)


def _serpent(s: Scene) -> None:
    rng, p = s.rng, s.palette
    sun, _ = s.sky()
    if rng.random() < 0.5:
        s.water(0.72, sun)
    else:
        s.land(s.ridge(s.h * 0.78, s.h * 0.25), p.far)
        s.land(s.ridge(s.h * 0.93, s.h * 0.12), p.dark)
    hide, crest = _mix(p.accent, p.near, rng.uniform(0.1, 0.6)), _mix(p.accent, p.light, 0.4)
    turns, phase, side = rng.uniform(1.6, 2.4), rng.uniform(0, math.tau), rng.choice((-1, 1))
    reach = min(s.w, s.h * 1.4)
    x = y = 0.0
    for i in range(150):
        t = i / 149
        x = s.w / 2 - side * reach * (0.40 - 0.72 * t)
        sway = math.sin(turns * math.tau * t + phase) * (1 - 0.7 * t)
        y = s.h / 2 + reach * (0.20 - 0.30 * t + 0.16 * sway)
        half = 0.012 + 0.062 * math.sin(math.pi * min(1, 0.05 + t * 0.83))
        f = Frame(s, x, y, s.u * half, side)
        if i % 7 == 0:
            f.petal(crest, 0, 0, 2.3, 0.5, -2.1)
        f.disc(0, 0, 1, _mix(hide, p.dark, 0.5))
        f.disc(0, -0.22, 0.76, _mix(hide, p.light, 0.10 + 0.12 * (i % 5 == 0)))
        f.disc(0, -0.5, 0.3, _mix(hide, p.light, 0.4), 130)
    head = Frame(s, x, y, s.u * 0.085, side)
    for angle in (2.8, 3.3, 3.85):
        head.petal(crest, 0, 0, 2.4, 0.3, angle)
    for tilt, tone in ((0.34, 0.5), (-0.14, 0.0)):
        head.petal(_mix(hide, p.dark, tone), -0.6, tilt * 0.6, 2.5, 0.6, tilt)
    head.disc(0, 0, 1.02, _mix(hide, p.light, 0.1))
    head.eye(0.25, -0.3, 0.34, 0.25)


def _moth(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, _mix(p.top, p.low, 0.4))
    s.clouds(150)
    f = Frame(s, s.w / 2, s.h * 0.52, s.u * 0.46)
    f.disc(0, -0.25, 0.72, _mix(p.light, p.low, 0.35))
    f.glow(0, -0.25, 1.4, p.light, 0.6)
    tone = rng.choice((p.accent, p.near, _mix(p.accent, p.low, 0.5)))
    rings = (p.dark, tone, _mix(tone, p.light, 0.45), _mix(tone, p.dark, 0.35))
    wings = ((0.55, rng.uniform(0.6, 0.85), p.light), (-0.55, rng.uniform(0.75, 1.0), p.accent))
    for tilt, reach, spot in wings:
        for half in f.sides():
            for ring in range(6):
                size = 1 - ring * 0.15
                half.petal(rings[ring % 4], 0, 0, reach * size, 0.35 * size, tilt)
            for r, colour in ((0.10, p.dark), (0.075, spot), (0.035, (15, 10, 20))):
                half.disc(*_polar(0, 0, reach * 0.66, tilt), r, colour)
    for half in f.sides():
        half.taper(0.018, 0.008, p.dark, 0, -0.25, 0.1, -0.6, 0.3, -0.65, 0.36, -0.5)
    for i in range(9):
        f.disc(0, i * 0.075 - 0.22, 0.10 - 0.007 * i, _mix(p.dark, tone, 0.25 + 0.3 * (i % 2)))
    s.sparks(24, p.light, (0.05, 0.05, 0.95, 0.95))


def _owl(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.sky()
    s.land(s.ridge(s.h * 0.82, s.h * 0.2), p.far)
    f = Frame(s, s.w / 2, s.h * 0.54, s.u * 0.29)
    feather = _mix(rng.choice((p.near, p.accent, p.low)), p.dark, 0.25)
    f.taper(0.14, 0.08, p.dark, -3, 1.25, -1, 0.95, 1, 1.4, 3, 1)
    for half in f.sides():
        half.petal(_mix(feather, p.dark, 0.4), 0.42, -0.65, 0.8, 0.17, -1.12)
    f.oval((0, 0.15, 0.82, 1.1), feather)
    for row in range(6):
        for i in range(-3, 4):
            x = i * 0.19 + (row % 2) * 0.095
            if abs(x) < 0.62 - row * 0.04:
                down = _mix(feather, p.light, 0.25 + 0.12 * (row % 3))
                f.petal(down, x, 0.05 + row * 0.17, 0.26, 0.09, math.pi / 2)
    for half in f.sides():
        half.petal(_mix(feather, p.dark, 0.45), 0.72, -0.35, 1.6, 0.34, 1.73)
        half.disc(0.36, -0.42, 0.42, _mix(feather, p.light, 0.55))
        half.eye(0.34, -0.42, 0.25, 0.55)
        for claw in (0.2, 0.3, 0.4):
            half.disc(claw, 1.2, 0.07, p.accent)
    f.petal(p.accent, 0, -0.4, 0.42, 0.1, math.pi / 2)
    s.haze(s.h * 0.8, s.h, p.dark, 0.6)


def _figure(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.top, p.low, 0.9)
    s.clouds(140)
    f = Frame(s, s.w / 2, s.h * 0.5, s.u * 0.40, rng.choice((-1, 1)))
    f.glow(0, -0.35, 1.6, p.light, 0.8)
    rays = rng.choice((0, 12, 16, 24))
    for i in range(rays):
        angle = math.tau * i / rays
        f.petal(p.accent, *_polar(0, -0.35, 0.75, angle), 0.22, 0.035, angle)
    ring = [_polar(0, -0.35, 0.68, math.tau * i / 60) for i in range(62)]
    f.line(0.035, p.accent, *chain.from_iterable(ring))
    s.land(s.ridge(s.h * 0.86, s.h * 0.1), _mix(p.far, p.near, 0.5))
    cloak = rng.choice((p.near, _mix(p.accent, p.dark, 0.45), _mix(p.far, p.dark, 0.4)))
    for half, shade in zip(f.sides(), (0, 70), strict=True):
        edge = half.curve(0, -0.78, 0.42, -0.6, 0.35, 0.1, 0.72, 2)
        s.shape([*edge, (s.w / 2, edge[-1][1])], cloak)
        s.shape([*edge, (s.w / 2, edge[-1][1])], (0, 0, 0), shade)
    for fold in (-0.17, -0.06, 0.08, 0.19):
        f.line(0.02, _mix(cloak, p.dark, 0.6), fold, 0.05, fold * 3.4, 2)
    f.oval((0, -0.35, 0.2, 0.27), (14, 10, 20))
    for half in f.sides():
        half.glow(0.075, -0.36, 0.13, p.accent)
        half.disc(0.075, -0.36, 0.026, (255, 255, 255))
    f.line(0.05, _mix(p.dark, p.near, 0.4), 0.62, -0.5, 0.62, 2)
    f.glow(0.62, -0.6, 0.5, p.accent, 0.9)
    f.star(_mix(p.accent, p.light, 0.6), 0.62, -0.6, 0.2, 0.1, rng.choice((2, 3, 4)))


def _jelly(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(_mix(p.top, p.low, 0.5), p.dark)
    for _ in range(6):
        beam = Frame(s, rng.uniform(0, s.w), 0, s.h, rng.choice((-1, 1)))
        wide = rng.uniform(0.03, 0.08)
        beam.shape(p.light, -wide, 0, wide, 0, wide * 4, 1, wide, 1, alpha=28)
    s.land(s.ridge(s.h * 0.93, s.h * 0.12), _mix(p.dark, (0, 0, 0), 0.4))
    left, right = (rng.uniform(0.1, 0.25), 0.09), (rng.uniform(0.75, 0.9), 0.11)
    for x, r in (left, right, (0.5, 0.24)):
        y = 0.40 if r > 0.2 else rng.uniform(0.2, 0.6)
        f = Frame(s, x * s.w, y * s.h, r * s.u)
        tone = _mix(p.accent, p.light, rng.uniform(0, 0.4))
        f.glow(0, 0, 2.2, tone, 0.5)
        for i in range(9):
            start, sway, end = (i - 4) * 0.21, rng.uniform(-0.5, 0.5), rng.uniform(1.7, 2.5)
            tail = (start, 0, start + sway, 1, start - sway, 1.5, start + sway, end)
            f.taper(0.05, 0.01, _mix(tone, p.near, 0.35), *tail)
        f.dome((0, 0, 1, 1), _mix(tone, p.near, 0.4), 225)
        f.dome((0, 0, 0.84, 0.84), tone, 225)
        f.dome((0, 0, 0.5, 0.5), _mix(tone, p.light, 0.5), 225)
        for i in range(7):
            f.disc((i - 3) * 0.29, 0, 0.16, _mix(tone, p.light, 0.25), 235)
    for _ in range(26):
        x, y, r = rng.uniform(0, s.w), rng.uniform(0, s.h), s.u * rng.uniform(0.004, 0.014)
        s.draw.ellipse((x - r, y - r, x + r, y + r), outline=(*p.light, 170), width=2)


def _galaxy(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(_mix(p.dark, (6, 6, 18), 0.6), _mix(p.dark, p.top, 0.25))
    for colour in (p.accent, p.low, p.far):
        noise = _noise(rng, (s.w, s.h), (4, 4))
        s.tint(colour, noise.point([max(0, (v - 120)) for v in range(256)]))
    s.stars(260)
    cx, cy = s.w * rng.uniform(0.44, 0.56), s.h * rng.uniform(0.42, 0.55)
    arms, wind, tilt = rng.choice((2, 3, 4)), rng.uniform(2.2, 3.6), rng.uniform(0.45, 0.9)
    lean, reach = rng.uniform(-0.7, 0.7), s.u * 0.52
    s.glow(cx, cy, reach, p.light, 0.55)
    for _ in range(1500):
        t = rng.random() ** 0.7
        angle = rng.randrange(arms) * math.tau / arms + wind * t * 1.6 + rng.gauss(0, 0.22)
        x, y = reach * t * math.cos(angle), reach * t * math.sin(angle) * tilt
        colour = _mix(p.light, rng.choice((p.accent, p.low)), min(1.0, t * 1.2))
        spot = (
            cx + x * math.cos(lean) - y * math.sin(lean),
            cy + x * math.sin(lean) + y * math.cos(lean),
        )
        s.disc(*spot, s.u * rng.uniform(0.0015, 0.006), colour, rng.randint(120, 240))
    s.glow(cx, cy, reach * 0.35, (255, 252, 240), 1.0)
    if rng.random() < 0.6:
        s.orb(
            s.w * rng.uniform(0.08, 0.92),
            s.h * rng.uniform(0.75, 0.95),
            s.u * rng.uniform(0.08, 0.2),
            p.near,
        )


def _mandala(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, _mix(p.dark, p.top, 0.5))
    cx, cy, size = s.w / 2, s.h / 2, s.u * 0.48
    s.glow(cx, cy, size * 1.8, p.low, 0.7)
    fold = rng.choice((6, 7, 8, 9, 10, 12))
    colours = [p.accent, p.light, p.near, p.low, p.far, p.dark]
    rng.shuffle(colours)
    for i in range(9):
        radius, turn = size * (1 - i * 0.105), math.pi / fold * (i % 2)
        colour = colours[i % 6]
        kind = rng.choice(("petal", "petal", "star", "dots", "ring"))
        if kind == "star":
            s.shape(_star(cx, cy, radius, radius * rng.uniform(0.5, 0.85), fold, turn), colour, 235)
        elif kind == "ring":
            s.disc(cx, cy, radius * 0.86, colour, 235)
            s.disc(cx, cy, radius * 0.80, colours[(i + 2) % 6], 235)
        for n in range(fold):
            angle = turn + math.tau * n / fold
            if kind == "petal":
                base = _polar(cx, cy, radius * 0.25, angle)
                s.shape(_petal(*base, radius * 0.75, radius * 1.3 / fold, angle), colour, 240)
                s.shape(
                    _petal(*base, radius * 0.55, radius * 0.65 / fold, angle),
                    colours[(i + 1) % 6],
                    240,
                )
            elif kind == "dots":
                s.disc(*_polar(cx, cy, radius * 0.88, angle), radius * 0.10, colour)
                s.disc(*_polar(cx, cy, radius * 0.88, angle), radius * 0.05, p.dark)
    s.disc(cx, cy, size * 0.10, p.light)
    s.disc(cx, cy, size * 0.06, p.accent)


def _crystals(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, _mix(p.near, p.top, 0.4))
    s.stars(60, 0.5)
    cx, cy = s.w / 2, s.h * 0.84
    s.glow(cx, cy - s.u * 0.25, s.u * 0.75, p.accent, 0.75)
    s.land(s.ridge(s.h * 0.78, s.h * 0.14), _mix(p.near, p.dark, 0.5))
    count = rng.randint(9, 15)
    for i in sorted(range(count), key=lambda i: -abs(i - count / 2)):
        lean = (i - (count - 1) / 2) / count * 2.0 + rng.uniform(-0.08, 0.08)
        length = s.u * rng.uniform(0.35, 0.70) * (1 - 0.42 * abs(lean))
        half = s.u * rng.uniform(0.03, 0.06)
        tone = _mix(p.accent, rng.choice((p.light, p.low, p.far)), rng.uniform(0.1, 0.6))
        foot, neck = (cx + lean * s.u * 0.28, cy), length - half * 1.8
        up = lean - math.pi / 2
        lit, unlit = _mix(tone, p.light, 0.45), _mix(tone, p.dark, 0.35)
        for left, right, colour in ((-1, -0.2, lit), (-0.2, 1, unlit), (-0.2, 0.4, tone)):
            corners = ((0, left), (neck, left), (length, 0), (neck, right), (0, right))
            outline = [(_polar(*foot, along, up), across) for along, across in corners]
            s.shape([_polar(*at, across * half, lean) for at, across in outline], colour)
    s.land(s.ridge(s.h * 0.90, s.h * 0.08), p.dark)
    s.sparks(22, p.light, (0.1, 0.1, 0.9, 0.8))


def _flowers(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(_mix(p.low, p.light, 0.3), p.near)
    for _ in range(26):
        x, y, r = rng.uniform(0, s.w), rng.uniform(0, s.h), s.u * rng.uniform(0.03, 0.12)
        s.disc(x, y, r, rng.choice((p.light, p.accent, p.far, p.low)), rng.randint(30, 90))
    spots = [(rng.uniform(0.08, 0.92), rng.uniform(0.25, 0.8)) for _ in range(6)]
    blooms = [(x, y, rng.uniform(0.08, 0.13)) for x, y in spots]
    blooms.append((rng.uniform(0.42, 0.58), rng.uniform(0.36, 0.46), rng.uniform(0.22, 0.27)))
    tones = (p.accent, _mix(p.accent, p.light, 0.55), _mix(p.top, p.accent, 0.4), p.light)
    petals, green = rng.choice((5, 6, 8, 13)), _mix(p.dark, (66, 132, 66), 0.45)
    for x, y, r in blooms:
        f = Frame(s, x * s.w, y * s.h, r * s.u)
        lean, deep = rng.uniform(-0.4, 0.4), (s.h - f.y) / f.unit + 1
        f.taper(0.07, 0.10, green, 0, 0, 0, 1, lean, deep - 1, lean, deep)
        for half in f.sides():
            half.petal(green, 0, 1.5, 0.9, 0.2, -0.5)
        tone = rng.choice(tones)
        for ring, inset in ((1.0, 0.35), (0.66, 0.1)):
            wide = ring * 1.5 / petals + 0.06
            for i in range(petals):
                angle = math.tau * (i + ring) / petals
                f.petal(_mix(tone, p.dark, inset), 0, 0, ring, wide, angle)
                f.petal(_mix(tone, p.light, 0.35 - inset), 0, 0, ring * 0.92, wide * 0.72, angle)
        f.disc(0, 0, 0.24, _mix(p.dark, (120, 70, 10), 0.5))
        for i in range(14):
            f.disc(*_polar(0, 0, 0.05 * math.sqrt(i), i * 2.4), 0.035, (250, 214, 90))


def _islands(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.sky(1.0)
    spots = [(rng.uniform(0.1, 0.9), rng.uniform(0.25, 0.5), 0.10) for _ in range(3)]
    spots += [(x, rng.uniform(0.5, 0.8), 0.15) for x in (0.2, 0.82)]
    for x, y, r in [*spots, (0.5, 0.58, 0.31)]:
        f = Frame(s, x * s.w, y * s.h, r * s.u)
        rock = _mix(p.near, p.low, max(0.0, 0.6 - r * 2.2))
        keel: list[float] = []
        for i in range(15):
            keel += (i / 7 - 1, (1.25 - abs(i / 7 - 1) * 1.2) * rng.uniform(0.55, 1.0))
        f.shape(_mix(rock, p.dark, 0.45), -1, 0, *keel, 1, 0)
        Frame(s, f.x - f.unit * 0.1, f.y, f.unit * 0.84).shape(rock, -1, 0, *keel[:20], 0.2, 0)
        grass = _mix(_mix(p.accent, (70, 140, 60), 0.6), p.low, max(0.0, 0.5 - r * 2))
        f.oval((0, 0, 1, 0.21), grass)
        for _ in range(4):
            tree, high = rng.uniform(-0.7, 0.7), rng.uniform(0.3, 0.6)
            f.line(0.04, p.dark, tree, 0, tree, -high)
            f.disc(tree, -high, 0.17, _mix(p.accent, p.near, rng.uniform(0, 0.5)))
        if r > 0.12:
            fall = Frame(s, f.x, f.y, f.unit, rng.choice((-1, 1)))
            fall.shape(p.light, 0.44, 0.1, 0.56, 0.1, 0.61, 9, 0.39, 9, alpha=120)
    s.haze(s.h * 0.7, s.h, p.light, 0.75)


def _dunes(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.sky(0.7)
    for _ in range(rng.randint(2, 4)):
        f = Frame(s, rng.uniform(0.12, 0.88) * s.w, s.h * 0.68, s.u * rng.uniform(0.12, 0.3))
        f.shape(_mix(p.far, p.light, 0.2), -1, 0, 0, -1.15, 0.25, 0)
        f.shape(_mix(p.far, p.dark, 0.35), 0.25, 0, 0, -1.15, 1, 0)
    for i in range(5):
        base, phase, wave = s.h * (0.62 + 0.085 * i), rng.uniform(0, math.tau), 3.2 + i * 0.7
        ts = [t / 60 for t in range(61)]
        crest = [(t * s.w, base + s.h * 0.045 * math.sin(t * wave + phase)) for t in ts]
        colour = _mix(_mix(p.accent, p.low, 0.6), p.near, i / 5)
        s.land(crest, colour)
        s.line(crest, _mix(colour, p.light, 0.5), 4)
        s.haze(base, base + s.h * 0.2, p.dark, 0.25)
    for _ in range(rng.randint(1, 3)):
        x, y = rng.uniform(0.2, 0.8) * s.w, s.h * rng.uniform(0.78, 0.9)
        f = Frame(s, x, y, s.u * rng.uniform(0.03, 0.06))
        f.shape(p.dark, -1, 0, -0.7, -7, 0, -8, 0.7, -7, 1, 0)
        f.glow(0, -5.4, 1.6, p.accent)
        f.disc(0, -5.4, 0.3, p.light)


def _aurora(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(_mix(p.dark, (8, 10, 34), 0.7), _mix(p.top, p.dark, 0.3), 0.85)
    s.stars(200, 0.7)
    for colour in (p.accent, p.low, _hsv(rng.uniform(0.3, 0.5), 0.7, 0.9)):
        phase, wave = rng.uniform(0, math.tau), rng.uniform(1.2, 2.6)
        streaks = _noise(rng, (s.w, 1), (24, 1)).tobytes()
        for left in range(0, s.w, 3):
            foot = s.h * (0.44 + 0.13 * math.sin(wave * left / s.w * math.tau + phase))
            tall = s.h * (0.16 + 0.2 * streaks[left] / 255)
            for i in range(5):
                top = foot - tall * (1 - i / 5)
                s.draw.rectangle((left, top, left + 2, foot), fill=(*colour, 7 + 9 * i))
    s.land(s.ridge(s.h * 0.70, s.h * 0.16), _mix(p.far, p.dark, 0.4))
    s.hill(0.86, 0.04, _mix(p.light, p.far, 0.35))
    for i in range(15):
        x, y = s.w * (i + rng.random()) / 15, s.h * rng.uniform(0.86, 0.98)
        f = Frame(s, x, y, s.h * rng.uniform(0.16, 0.42))
        for k in range(5):
            top, half = 0.17 * k - 1, 0.075 * (k + 1)
            fir = (-half, top + 0.3, 0, top, half, top + 0.3)
            f.shape(_mix(p.dark, (10, 20, 20), 0.5), *fir)
            f.line(0.012, _mix(p.dark, p.light, 0.45), -half * 0.5, top + 0.15, 0, top)


def _volcano(s: Scene) -> None:
    rng, p = s.rng, s.palette
    fire = _hsv(rng.uniform(0.03, 0.11), 0.92, 1.0)
    s.backdrop(_mix(p.top, (20, 8, 20), 0.5), _mix(p.low, fire, 0.35), 0.85)
    f = Frame(s, s.w * rng.uniform(0.42, 0.58), s.h * rng.uniform(0.36, 0.44), s.h * 0.5)
    f.glow(0, 0, 1.4, fire, 0.9)
    for i in range(34):
        t = (i / 34) ** 1.4
        smoke = _mix(_mix(fire, p.dark, 0.45 + t * 0.4), p.far, 0.3)
        f.disc(t * (0.8 * math.sin(i) + 0.3), -t, 0.06 + 0.18 * t, smoke, 90)
    s.land(s.ridge(s.h * 0.80, s.h * 0.2), _mix(p.far, p.dark, 0.4))
    rock = _mix(p.dark, (30, 18, 22), 0.5)
    for half, shade in zip(f.sides(), (0, 90), strict=True):
        slope = half.curve(0.15, 0, 0.25, 0.44, 0.8, 0.8, 1.5, 1.1)
        foot = half.path(0, 1.1, 0, 0)
        s.shape([*slope, *foot], rock)
        s.shape([*slope, *foot], (0, 0, 0), shade)
    f.oval((0, 0.01, 0.15, 0.04), fire)
    for _ in range(rng.randint(3, 5)):
        end = rng.uniform(-0.7, 0.7)
        flow = (end * 0.1, 0, end * 0.3, 0.44, end * 0.7, 0.6, end, 1.1)
        f.taper(0.015, 0.036, fire, *flow)
        f.taper(0.006, 0.015, (255, 236, 150), *flow)
    s.land(s.ridge(s.h * 0.92, s.h * 0.10), (18, 10, 14))
    s.sparks(46, fire, (0.2, 0.02, 0.8, 0.7))


def _mushrooms(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, _mix(p.near, p.far, 0.5))
    for i in range(12):
        trunk = Frame(s, rng.uniform(0, s.w), 0, s.u)
        half = rng.uniform(0.015, 0.05)
        trunk.rect((-half, 0, half, 3), _mix(p.near, p.dark, 0.2 + i * 0.05))
    s.glow(s.w / 2, s.h * 0.5, s.u * 0.7, p.low, 0.5)
    s.hill(0.92, 0.05, _mix(p.dark, p.near, 0.3))
    spots = [(rng.uniform(0.75, 0.95), rng.uniform(0.06, 0.94)) for _ in range(8)]
    small = [(y, x, rng.uniform(0.07, 0.14)) for y, x in sorted(spots)]
    stem = _mix(p.light, p.far, 0.35)
    for y, x, r in [*small, (0.93, rng.uniform(0.4, 0.6), 0.26)]:
        tall = rng.uniform(1.4, 2.0)
        f = Frame(s, x * s.w, y * s.h - tall * r * s.u, r * s.u)
        cap = _mix(rng.choice((p.accent, p.accent, p.low)), p.near, rng.uniform(0, 0.3))
        f.shape(stem, -0.22, tall, -0.14, 0, 0.14, 0, 0.26, tall)
        f.shape(_mix(stem, p.dark, 0.3), 0.05, tall, 0.05, 0, 0.14, 0, 0.26, tall)
        f.glow(0, 0, 2.0, cap, 0.35)
        f.oval((0, 0.02, 1, 0.22), _mix(cap, p.dark, 0.6))
        f.dome((0, 0, 1, 0.95), cap)
        f.oval((-0.3, -0.5, 0.4, 0.24), _mix(cap, p.light, 0.4), 110)
        for _ in range(7):
            angle, out = rng.uniform(-2.9, -0.25), rng.uniform(0.2, 0.8)
            spot = (math.cos(angle) * out, math.sin(angle) * 0.88 * out)
            f.disc(*spot, rng.uniform(0.05, 0.11), p.light)
    s.sparks(30, p.accent, (0.02, 0.1, 0.98, 0.9))


def _gears(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(_mix(p.dark, p.near, 0.4), p.dark)
    s.glow(s.w * 0.5, s.h * 0.45, s.u * 0.9, p.low, 0.5)
    brass, copper, iron = _hsv(0.10, 0.55, 0.80), _hsv(0.07, 0.6, 0.62), _hsv(0.58, 0.12, 0.72)
    spots = [(rng.random(), rng.random(), rng.uniform(0.10, 0.24)) for _ in range(8)]
    spots.append((rng.uniform(0.4, 0.6), rng.uniform(0.42, 0.55), rng.uniform(0.30, 0.36)))
    for i, (x, y, r) in enumerate(spots):
        f = Frame(s, x * s.w, y * s.h, r * s.u)
        metals = (brass, copper, iron, _mix(p.accent, p.near, 0.4))
        metal = _mix(rng.choice(metals), p.dark, 0.5 - 0.06 * i)
        teeth, turn = rng.randint(10, 18), rng.uniform(0, math.tau)
        for lift, colour in ((0.06, _mix(metal, (0, 0, 0), 0.6)), (0.0, metal)):
            for tooth in range(teeth):
                angle = turn + math.tau * tooth / teeth
                corners = ((0.9, -1.26), (1.14, -0.77), (1.14, 0.77), (0.9, 1.26))
                flank = [_polar(lift, lift, out, angle + side / teeth) for out, side in corners]
                f.shape(colour, *chain.from_iterable(flank))
            f.disc(lift, lift, 1, colour)
        f.disc(0, 0, 0.86, _mix(metal, (255, 255, 255), 0.22))
        f.disc(0, 0, 0.80, _mix(metal, p.dark, 0.25))
        holes = rng.choice((3, 4, 5, 6))
        for hole in range(holes):
            spot = _polar(0, 0, 0.48, turn + math.tau * (hole + 0.5) / holes)
            f.disc(*spot, 0.9 / holes, _mix(p.dark, (0, 0, 0), 0.3))
        f.orb(0, 0, 0.16, rng.choice((p.accent, brass)))


def _orrery(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(_mix(p.dark, (8, 8, 24), 0.5), _mix(p.top, p.dark, 0.45))
    s.stars(200)
    f, tilt = Frame(s, s.w / 2, s.h / 2, s.u), rng.uniform(0.35, 0.95)
    f.glow(0, 0, 0.6, p.low, 0.8)
    brass, rings = _hsv(0.11, 0.5, 0.85), rng.randint(4, 6)
    radii = [0.10 + 0.40 * i / rings for i in range(1, rings + 1)]
    for r in radii:
        round_trip = [_polar(0, 0, r, math.tau * i / 96) for i in range(98)]
        f.line(0.006, brass, *chain.from_iterable((x, y * tilt) for x, y in round_trip))
        for x, y in round_trip[:96:4]:
            f.disc(x, y * tilt, 0.007, brass)
    f.disc(0, 0, 0.085, p.light)
    f.star(_mix(p.accent, p.light, 0.4), 0, 0, 0.15, 0.07, rng.choice((8, 10, 12)))
    f.orb(0, 0, 0.075, p.accent)
    for radius in radii:
        x, y = _polar(0, 0, radius, rng.uniform(0, math.tau))
        r = rng.uniform(0.025, 0.07)
        f.orb(x, y * tilt, r, rng.choice((p.near, p.far, p.accent, p.low)))
        if rng.random() < 0.4:
            f.line(
                r * 0.3, p.light, x - r * 1.8, y * tilt + r * 0.3, x + r * 1.8, y * tilt - r * 0.3
            )


def _sword(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.top, _mix(p.near, p.low, 0.4))
    f = Frame(s, s.w / 2, s.h * 0.5, s.u * 0.46)
    for i in range(18):
        beam = (*_polar(0, 0, 6, i * 0.35), *_polar(0, 0, 6, i * 0.35 + 0.17))
        f.shape(p.light, 0, 0, *beam, alpha=38)
    f.glow(0, 0, 1.5, p.light, 0.85)
    s.land(s.ridge(s.h * 0.93, s.h * 0.08), p.dark)
    half, guard, flare = rng.uniform(0.07, 0.12), 0.36, rng.uniform(0.6, 1.3)
    steel = _mix((214, 220, 230), p.accent, rng.uniform(0.0, 0.3))
    for side, tone in zip(f.sides(), ((40, 50, 70), (255, 255, 255)), strict=True):
        blade = (half, guard, half * flare, -0.8, 0, -1, 0, guard)
        side.shape(_mix(steel, tone, 0.4), *blade)
    f.line(half * 0.3, _mix(steel, p.dark, 0.6), 0, -0.7, 0, guard)
    gold, bow = _hsv(0.12, 0.6, 0.85), guard - rng.uniform(-0.12, 0.16)
    f.rect((-half * 0.5, guard, half * 0.5, 0.78), _mix(p.near, p.dark, 0.4), radius=0.03)
    for y in (0.45, 0.51, 0.57, 0.63, 0.69):
        f.line(0.014, gold, -half * 0.5, y, half * 0.5, y - 0.03)
    for side in f.sides():
        side.taper(half * 0.55, half * 0.28, gold, 0, guard, 0.15, guard, 0.3, guard, 0.4, bow)
    f.orb(0, guard, half * 0.8, p.accent)
    f.orb(0, 0.82, half * 0.62, gold)
    s.sparks(18, p.light, (0.15, 0.1, 0.85, 0.9))


def _flask(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(_mix(p.dark, p.near, 0.5), p.dark)
    f = Frame(s, s.w / 2, s.h * 0.57, s.u * 0.26)
    f.glow(0, 0, 3, p.accent, 0.6)
    f.rect((-9, 1.06, 9, 9), _mix((92, 60, 36), p.dark, 0.3))
    f.line(0.03, (150, 104, 62), -9, 1.06, 9, 1.06)
    for half in f.sides():
        for k in range(rng.randint(2, 3)):
            x, top = 1.5 + k * 0.5, 1.06 - rng.uniform(0.7, 1.5)
            spine = _mix(rng.choice((p.near, p.far, p.accent)), p.dark, 0.4)
            half.rect((x - 0.2, top, x + 0.2, 1.06), spine, radius=0.03)
            half.rect((x - 0.2, top + 0.2, x + 0.2, top + 0.3), p.light, 90)
    glass, neck = _mix(p.light, p.far, 0.3), rng.uniform(0.2, 0.32)
    f.rect((-neck, -1.9, neck, -0.5), glass, 130, neck * 0.4)
    f.disc(0, 0, 1.05, glass, 150)
    f.bowl((0, 0, 0.93, 0.93), p.accent, level=rng.uniform(-0.3, 0.4))
    f.bowl((0, 0.08, 0.75, 0.78), _mix(p.accent, p.light, 0.45), 150, 0.42)
    for _ in range(16):
        x, y = rng.uniform(-0.6, 0.6), rng.uniform(-1.4, 0.6)
        f.disc(x * (0.3 if y < -0.7 else 1), y, rng.uniform(0.02, 0.07), p.light, 170)
    f.taper(0.02, 0.05, (255, 255, 255), -0.78, 0.3, -0.9, -0.1, -0.85, -0.5, -0.45, -0.76)
    f.rect((-neck * 1.2, -2.1, neck * 1.2, -1.75), (150, 108, 66), radius=0.05)
    for i in range(24):
        t = i / 24
        smoke = (math.sin(t * 9) * 0.3 * t, -2.1 - t * 1.2, 0.06 + 0.2 * t)
        f.disc(*smoke, p.accent, round(80 * (1 - t)))


def _airship(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.sky(1.0)
    s.land(s.ridge(s.h * 0.90, s.h * 0.2), _mix(p.far, p.low, 0.3))
    f = Frame(s, s.w / 2, s.h * 0.42, s.u * 0.34, rng.choice((-1, 1)))
    hull, stripe = _mix(p.accent, p.near, 0.25), _mix(p.light, p.accent, 0.2)
    for angle in (2.75, math.pi, 3.53):
        f.petal(_mix(hull, p.dark, 0.4), -0.75, 0, 0.75, 0.2, angle)
    count = rng.choice((8, 10, 12))
    for i in range(count):
        shade = max(0.0, 0.4 - i / count)
        f.oval((0, 0, 1.12, 0.56 * (1 - i / count)), _mix(hull if i % 2 else stripe, p.dark, shade))
    f.oval((-0.05, -0.3, 0.75, 0.18), (255, 255, 255), 55)
    for x in (-0.5, -0.2, 0.2, 0.5):
        f.line(0.02, p.dark, x, 0.45, x * 0.8, 0.85)
    wood = _mix((96, 60, 34), p.dark, 0.3)
    f.shape(wood, -0.55, 0.78, 0.65, 0.78, 0.42, 1.12, -0.4, 1.12)
    for k in range(-2, 3):
        f.disc(k * 0.19, 0.93, 0.055, _mix(p.light, (255, 220, 120), 0.6))
    s.clouds(rng.randint(150, 165))


def _burst(s: Scene) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, _mix(p.dark, p.near, 0.7))
    cx, cy = s.w * rng.uniform(0.42, 0.58), s.h * rng.uniform(0.42, 0.58)
    rays = rng.randint(24, 44)
    for i in range(rays):
        angle, reach = math.tau * i / rays + rng.uniform(-0.1, 0.1), s.w * rng.uniform(0.3, 0.9)
        ray = _petal(cx, cy, reach, s.u * rng.uniform(0.01, 0.04), angle)
        s.shape(ray, rng.choice((p.accent, p.low, p.far)), 120)
    twist, arms = rng.choice((-1, 1)) * rng.uniform(1.2, 3.0), rng.randint(3, 7)
    for arm in range(arms):
        turn, ts = math.tau * arm / arms, [t / 160 for t in range(161)]
        path = [_polar(cx, cy, s.u * 0.5 * t, turn + twist * t) for t in ts]
        s.taper(path, s.u * 0.035, s.u * 0.006, _mix(p.accent, p.light, 0.25))
        s.taper(path, s.u * 0.016, 1, p.light)
    s.glow(cx, cy, s.u * 0.5, p.light, 1.0)
    s.disc(cx, cy, s.u * 0.06, (255, 255, 255))
    for _ in range(rng.randint(2, 4)):
        x, y = cx, cy
        angle = rng.uniform(0, math.tau)
        bolt = [(x, y)]
        for _ in range(9):
            x, y = _polar(x, y, s.u * 0.07, angle + rng.uniform(-0.9, 0.9))
            bolt.append((x, y))
        s.line(bolt, p.accent, 9, 150)
        s.line(bolt, (255, 255, 255), 4)
    s.sparks(46, p.accent, (0.05, 0.05, 0.95, 0.95))


MOTIFS: dict[str, Callable[[Scene], None]] = {
    "mountains": _mountains,
    "sea": _sea,
    "tree": _tree,
    "towers": _towers,
    "beast": _beast,
    "serpent": _serpent,
    "moth": _moth,
    "owl": _owl,
    "figure": _figure,
    "jelly": _jelly,
    "galaxy": _galaxy,
    "mandala": _mandala,
    "crystals": _crystals,
    "flowers": _flowers,
    "islands": _islands,
    "dunes": _dunes,
    "aurora": _aurora,
    "volcano": _volcano,
    "mushrooms": _mushrooms,
    "gears": _gears,
    "orrery": _orrery,
    "sword": _sword,
    "flask": _flask,
    "airship": _airship,
    "burst": _burst,
}


@lru_cache(maxsize=8)
def _art(motif: str, seed: str, identity: str, tall: bool) -> Image.Image:
    """Paint a face's picture; its shape belongs to the art, so that reprints only crop it."""
    size = (WIDTH * SCALE, HEIGHT * SCALE) if tall else (424 * SCALE, 312 * SCALE)
    scene = Scene(size, random.Random(seed), identity)
    MOTIFS[motif](scene)
    return scene.finish()


_INK: RGB = (24, 20, 18)
_PAPER: RGB = (248, 246, 240)
_RARITY: dict[str, RGB] = {
    "common": (34, 32, 34),
    "uncommon": (168, 180, 190),
    "rare": (206, 168, 84),
    "mythic": (222, 96, 34),
    "special": (136, 84, 168),
}
# Frame, title bar and text box of each identity.
_FRAMES: dict[str, tuple[RGB, RGB, RGB]] = {
    "W": ((222, 214, 188), (250, 246, 232), (247, 244, 234)),
    "U": ((58, 122, 176), (196, 220, 238), (222, 233, 242)),
    "B": ((62, 56, 66), (190, 182, 190), (212, 206, 210)),
    "R": ((186, 76, 54), (240, 196, 174), (243, 222, 210)),
    "G": ((62, 122, 80), (194, 220, 192), (220, 232, 216)),
    "M": ((204, 172, 86), (244, 228, 176), (246, 238, 212)),
    "A": ((138, 148, 158), (214, 222, 228), (226, 230, 234)),
    "L": ((146, 122, 98), (222, 208, 190), (232, 224, 210)),
}
_DISCS: dict[str, RGB] = {
    "W": (250, 240, 200),
    "U": (150, 200, 236),
    "B": (172, 160, 176),
    "R": (244, 158, 124),
    "G": (150, 204, 150),
}
# Katakana as strokes on a 10 x 10 grid: each stroke a list of x, y, x, y, ...
_KANA: dict[str, tuple[tuple[int, ...], ...]] = {
    "ア": ((1, 2, 9, 2, 6, 5), (5, 4, 5, 6, 2, 9)),
    "イ": ((8, 1, 5, 4, 1, 6), (5, 4, 5, 9)),
    "ウ": ((5, 0, 5, 2), (1, 5, 1, 2, 9, 2, 8, 6, 4, 9)),
    "カ": ((1, 3, 9, 3, 8, 9, 6, 8), (5, 1, 4, 5, 1, 9)),
    "キ": ((1, 3, 9, 3), (1, 6, 9, 6), (4, 1, 6, 9)),
    "コ": ((1, 2, 8, 2, 8, 8), (1, 8, 9, 8)),
    "シ": ((1, 2, 3, 3), (1, 5, 3, 6), (1, 9, 6, 7, 9, 3)),
    "ソ": ((2, 2, 3, 5), (8, 1, 7, 5, 3, 9)),
    "タ": ((4, 1, 3, 3, 1, 5), (4, 2, 9, 2, 7, 6, 3, 9), (3, 4, 7, 6)),
    "ツ": ((1, 2, 2, 5), (4, 2, 5, 4), (9, 2, 8, 6, 4, 9)),
    "ト": ((4, 1, 4, 9), (4, 4, 8, 6)),
    "ナ": ((1, 4, 9, 4), (5, 1, 5, 6, 2, 9)),
    "ネ": ((5, 0, 5, 2), (2, 3, 8, 3, 1, 7), (5, 5, 5, 9), (6, 6, 9, 8)),
    "\N{KATAKANA LETTER NO}": ((8, 1, 6, 5, 1, 9),),
    "ハ": ((4, 2, 3, 6, 1, 9), (6, 2, 8, 6, 9, 9)),
    "ヒ": ((2, 1, 2, 7, 3, 9, 9, 9), (8, 2, 2, 5)),
    "フ": ((1, 2, 9, 2, 7, 6, 3, 9),),
    "ホ": ((1, 3, 9, 3), (5, 1, 5, 9), (3, 5, 1, 8), (7, 5, 9, 8)),
    "ミ": ((2, 1, 8, 3), (2, 4, 8, 6), (1, 7, 8, 9)),
    "メ": ((8, 1, 6, 5, 1, 9), (2, 3, 8, 8)),
    "モ": ((2, 2, 8, 2), (1, 5, 9, 5), (5, 2, 5, 8, 8, 8)),
    "ラ": ((2, 1, 8, 1), (1, 4, 9, 4, 8, 7, 4, 9)),
    "リ": ((2, 1, 2, 6), (8, 1, 8, 6, 5, 9)),
    "ロ": ((1, 2, 9, 2, 9, 9, 1, 9, 1, 2),),
}
_UMLAUTS = {"ä": "a", "ö": "o", "ü": "u", "Ä": "A", "Ö": "O", "Ü": "U"}
_OWN = "".join(_UMLAUTS) + "".join(_KANA) + "—★"
_RUNS = re.compile(rf"\{{[^}}]+\}}|[{_OWN}]|[^{_OWN}{{]+")


@cache
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=pixels)


def _advance(run: str, size: int) -> float:
    if run in _UMLAUTS:
        run = _UMLAUTS[run]
    if run[0] in _KANA or run[0] in "{★":
        return size * 1.04
    return size * 0.9 if run == "—" else _font(size).getlength(run)


@lru_cache(maxsize=20_000)
def _measure(text: str, size: int) -> float:
    return sum(_advance(run, size) for run in _RUNS.findall(text))


def _put(
    draw: ImageDraw.ImageDraw, at: Point, text: str, size: int, ink: RGB | int, bold: int = 0
) -> None:
    """Draw `text` from a point on its baseline, all in pixels."""
    x, y = at
    for run in _RUNS.findall(text):
        width = _advance(run, size)
        middle = (x + width / 2, y - size * 0.36)
        if run[0] == "{":
            _mana(draw, *middle, size * 0.47, run[1:-1])
        elif run == "—":
            bar = (x + size * 0.08, y - size * 0.34, x + width - size * 0.08, y - size * 0.26)
            draw.rectangle(bar, ink)
        elif run == "★":
            draw.polygon(_star(*middle, size * 0.5, size * 0.2, 5, -math.pi / 2), ink)
        elif run in _KANA:
            unit, left, top = size * 0.088, x + size * 0.06, y - size * 0.80
            for stroke in _KANA[run]:
                pairs = zip(stroke[::2], stroke[1::2], strict=True)
                path = [(left + a * unit, top + b * unit) for a, b in pairs]
                draw.line(path, ink, max(2, round(size * (0.08 + 0.03 * bold))), joint="curve")
        else:
            draw.text((x, y), _UMLAUTS.get(run, run), ink, _font(size), "ls", stroke_width=bold)
            lift, r = (0.66 if run.islower() else 0.84) * size, (0.05 + 0.015 * bold) * size
            for dot in (x + width * 0.3, x + width * 0.7) if run in _UMLAUTS else ():
                draw.ellipse((dot - r, y - lift - r, dot + r, y - lift + r), ink)
        x += width


def _mana(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, code: str) -> None:
    """Draw a mana symbol: a coloured disc with a plain sign of our own."""

    def circle(a: float, b: float, radius: float) -> Box:
        a, b = x + a * r, y + b * r
        return a - radius * r, b - radius * r, a + radius * r, b + radius * r

    def points(*flat: float) -> list[Point]:
        return [(x + a * r, y + b * r) for a, b in zip(flat[::2], flat[1::2], strict=True)]

    disc, thick = _DISCS.get(code, (206, 200, 196)), max(2, round(r * 0.18))
    draw.ellipse(circle(-1 / r, 2 / r, 1), fill=(20, 18, 20))
    draw.ellipse(circle(0, 0, 1), fill=disc)
    if code == "W":
        draw.polygon(_star(x, y, r * 0.78, r * 0.34, 4, 0), _INK)
    elif code == "U":
        for row in (-0.36, 0.0, 0.36):
            wave = [(t / 10, row + 0.13 * math.sin(t * 0.95)) for t in range(-6, 7)]
            draw.line(points(*chain.from_iterable(wave)), _INK, thick, joint="curve")
    elif code == "B":
        draw.ellipse(circle(0, 0, 0.66), fill=_INK)
        draw.ellipse(circle(0.36, -0.18, 0.56), fill=disc)
    elif code == "R":
        draw.polygon(points(-0.72, 0.5, -0.3, -0.3, -0.08, 0.06, 0.2, -0.66, 0.72, 0.5), _INK)
    elif code == "G":
        draw.polygon(_petal(x - r * 0.56, y + r * 0.56, r * 1.58, r * 0.42, -math.pi / 4), _INK)
        draw.line(points(-0.56, 0.56, 0.3, -0.3), disc, max(1, thick - 2))
    elif code == "C":
        draw.polygon(_star(x, y, r * 0.74, r * 0.52, 2, 0), _INK)
    elif code == "T":
        draw.arc(circle(0, 0, 0.5), 150, 400, _INK, thick)
        draw.polygon(_star(x + r * 0.36, y + r * 0.42, r * 0.36, r * 0.18, 3, 0.4), _INK)
    else:
        size = max(6, round(r * 1.5))
        _put(draw, (x - _measure(code, size) / 2, y + size * 0.36), code, size, _INK)


# Points and waist of each set's symbol.
_SYMBOLS = ((3, 0.55), (4, 0.45), (5, 0.5), (6, 0.75), (8, 0.78), (3, 0.9), (2, 0.62), (12, 0.82))


def _set_symbol(
    draw: ImageDraw.ImageDraw, spot: tuple[float, float, float], kind: int, rarity: str
) -> None:
    """Draw set symbol number `kind`: a star, gear or rosette with a sign cut out of it."""
    (x, y, r), (points, waist) = spot, _SYMBOLS[kind % len(_SYMBOLS)]
    rim = _PAPER if rarity == "common" else _INK
    draw.polygon(_star(x, y, r * 1.16, r * 1.16 * waist + 1, points, -math.pi / 2), rim)
    draw.polygon(_star(x, y, r * 0.94, r * 0.94 * waist, points, -math.pi / 2), _RARITY[rarity])
    sign = r * 0.34 * waist**0.5
    if kind % 3 == 0:
        draw.ellipse((x - sign, y - sign, x + sign, y + sign), fill=rim)
    elif kind % 3 == 1:
        draw.polygon(_star(x, y, sign * 1.2, sign * 0.8, 2, 0), rim)
    else:
        draw.line([(x - sign, y), (x + sign, y)], rim, max(2, round(sign * 0.7)))


@lru_cache(maxsize=16)
def _grain(size: tuple[int, int]) -> Image.Image:
    return _noise(random.Random(7), size, (22, 30))


def _texture(colour: RGB, size: tuple[int, int], rough: float) -> Image.Image:
    """Return frame stock: `colour` with soft mottling."""
    black, white = _mix(colour, (0, 0, 0), rough), _mix(colour, (255, 255, 255), rough)
    return ImageOps.colorize(_grain(size), black, white)


@lru_cache(maxsize=256)
def _mask(size: tuple[int, int], radius: int) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius, fill=255)
    return mask


class Sheet:
    """A card being laid out; all measures are those of the finished picture."""

    def __init__(self, size: tuple[int, int], fill: RGB) -> None:
        self.image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), fill)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    @staticmethod
    def _pixels(box: Box) -> tuple[int, int, int, int]:
        left, top, right, bottom = (round(edge * SCALE) for edge in box)
        return left, top, right, bottom

    def paste(self, picture: Image.Image, box: Box, radius: float = 0, alpha: float = 1.0) -> None:
        """Lay a picture over a box, cropping it to the box's shape."""
        left, top, right, bottom = self._pixels(box)
        size = (right - left, bottom - top)
        if picture.size != size:
            picture = ImageOps.fit(picture, size, Image.Resampling.BILINEAR, centering=(0.5, 0.45))
        mask = _mask(size, round(radius * SCALE))
        if alpha < 1:
            mask = mask.point([round(v * alpha) for v in range(256)])
        self.image.paste(picture, (left, top), mask)

    def stock(self, box: Box, colours: Sequence[RGB], radius: float, rough: float = 0.22) -> None:
        """Fill a box with frame stock that runs from one colour to the next."""
        left, top, right, bottom = self._pixels(box)
        size = (right - left, bottom - top)
        sheet = _texture(colours[0], size, rough)
        if len(colours) > 1:
            steep = [max(0, min(255, (v - 128) * 3 + 128)) for v in range(256)]
            ramp = Image.linear_gradient("L").rotate(90).resize(size).point(steep)
            sheet = Image.composite(_texture(colours[1], size, rough), sheet, ramp)
        self.paste(sheet, box, radius)

    def panel(self, box: Box, colour: RGB, radius: float = 8, alpha: float = 1.0) -> None:
        """Draw a bar or box with a slight bevel."""
        left, top, right, bottom = self._pixels(box)
        ramp = Image.linear_gradient("L").resize((right - left, bottom - top))
        light, deep = _mix(colour, (255, 255, 255), 0.3), _mix(colour, (0, 0, 0), 0.10)
        self.paste(ImageOps.colorize(ramp, light, deep), box, radius, alpha)
        self.rim(box, _mix(colour, (0, 0, 0), 0.62), radius)

    def rim(self, box: Box, colour: RGB, radius: float = 8, width: float = 1.5) -> None:
        """Outline a box."""
        outline = round(width * SCALE)
        self.draw.rounded_rectangle(self._pixels(box), radius * SCALE, None, colour, outline)

    def text(
        self,
        at: Point,
        text: str,
        size: float,
        ink: RGB = _INK,
        *,
        align: str = "l",
        room: float = 999,
        shadow: bool = False,
    ) -> None:
        """Write a line centred on a height, smaller where it would not fit; small print thin."""
        pixels, bold = round(size * SCALE), int(size > 13)
        while pixels > 12 and _measure(text, pixels) > room * SCALE:
            pixels -= 1
        left = at[0] * SCALE - _measure(text, pixels) * {"l": 0.0, "m": 0.5, "r": 1.0}[align]
        base = at[1] * SCALE + pixels * 0.355
        if shadow:
            _put(self.draw, (left + 2, base + 3), text, pixels, (0, 0, 0), bold)
        _put(self.draw, (left, base), text, pixels, ink, bold)

    def mana(self, x: float, y: float, size: float, code: str) -> None:
        """Draw a mana symbol of a diameter."""
        _mana(self.draw, x * SCALE, y * SCALE, size * SCALE / 2, code)

    def cost(self, right: float, y: float, cost: str, size: float = 21) -> float:
        """Draw a mana cost that ends at `right`; return its width."""
        symbols = re.findall(r"\{([^}]+)\}", cost)
        for i, code in enumerate(reversed(symbols)):
            self.mana(right - size / 2 - i * (size + 2), y, size, code)
        return len(symbols) * (size + 2.0)

    def title(
        self,
        box: Box,
        face: Face,
        ink: RGB = _INK,
        size: float = 22,
        *,
        shadow: bool = False,
        lead: float = 10,
    ) -> None:
        """Write a face's name and mana cost into a bar."""
        middle = (box[1] + box[3]) / 2
        used = self.cost(box[2] - 8, middle, face.cost, min(21, size))
        room = box[2] - box[0] - lead - 14 - used
        self.text((box[0] + lead, middle), face.name, size, ink, room=room, shadow=shadow)

    def type_bar(
        self,
        box: Box,
        face: Face,
        printing: Printing,
        ink: RGB = _INK,
        size: float = 17.5,
        *,
        shadow: bool = False,
    ) -> None:
        """Write the type line and draw the set symbol."""
        middle, r = (box[1] + box[3]) / 2, size * 0.62
        room = box[2] - box[0] - 26 - 2 * r
        self.text((box[0] + 10, middle), face.type_line, size, ink, room=room, shadow=shadow)
        spot = ((box[2] - 10 - r) * SCALE, middle * SCALE, r * SCALE)
        _set_symbol(self.draw, spot, printing.symbol, printing.rarity)

    def rules(self, box: Box, face: Face, ink: RGB = _INK, largest: float = 18.5) -> None:
        """Set rules and flavour text in the largest size that fits the box."""
        width, height = (box[2] - box[0]) * SCALE, (box[3] - box[1]) * SCALE
        for pixels in range(round(largest * SCALE), 15, -1):
            lines = [*_wrap(face.text, width, pixels), *_wrap(face.flavour, width, pixels, True)]
            spaces = sum(1.66 if first else 1.24 for _, first, _ in lines) - 0.42
            total = pixels * spaces
            if total <= height:
                break
        y = box[1] * SCALE + max(0.0, (height - total) / 2) + pixels * 0.52
        for index, (line, first, slanted) in enumerate(lines):
            y += pixels * (1.24 if index else 0.40) + (pixels * 0.42 if first and index else 0)
            if slanted:
                self._slanted(box[0] * SCALE, y, line, pixels, ink)
            else:
                _put(self.draw, (box[0] * SCALE, y), line, pixels, ink)
        if face.text and face.flavour:
            # A hairline between rules and flavour, above the first slanted line.
            count = sum(1 for *_, slanted in lines if slanted)
            rule = y - (count - 1) * pixels * 1.24 - pixels * 1.02
            self.draw.line([(box[0] * SCALE, rule), (box[2] * SCALE, rule)], (*ink, 90), 2)

    def _slanted(self, x: float, y: float, line: str, size: int, ink: RGB) -> None:
        mask = Image.new("L", (round(_measure(line, size)) + size * 2, size * 2))
        _put(ImageDraw.Draw(mask), (size * 0.5, size * 1.4), line, size, 255)
        shear = (1, 0.2, -0.28 * size, 0, 1, 0)
        mask = mask.transform(mask.size, Image.Transform.AFFINE, shear, Image.Resampling.BICUBIC)
        self.image.paste(ink, (round(x - size * 0.5), round(y - size * 1.4)), mask)

    def stats(self, box: Box, face: Face, colour: RGB, ink: RGB = _INK) -> None:
        """Draw the power/toughness box."""
        if face.stats:
            self.panel(box, colour, 9)
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            self.text(middle, face.stats, 23, ink, align="m")

    def small_print(self, printing: Printing, ink: RGB, y: float = 656, room: float = 430) -> None:
        """Write collector line and artist at the foot."""
        self.text((28, y - 6), printing.collector, 9.5, ink, room=room * 0.6)
        self.text((28, y + 6), f"* {printing.artist}", 9.5, ink, room=room * 0.6)
        self.text((28 + room, y + 6), "© Demo cards, invented", 9, ink, align="r")


def _wrap(
    text: str, width: float, size: int, slanted: bool = False
) -> Iterable[tuple[str, bool, bool]]:
    """Break text into lines: each with whether it starts a paragraph and whether it slants."""
    for paragraph in filter(None, text.split("\n")):
        line, first = "", True
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and _measure(longer, size) > width:
                yield line, first, slanted
                line, first = word, False
            else:
                line = longer
        yield line, first, slanted


def _edge(printing: Printing) -> tuple[RGB, RGB]:
    """Return the border's colour and that of the small print on it."""
    white = printing.border == "white"
    return ((244, 243, 240), _INK) if white else ((14, 13, 14), (226, 226, 226))


def _picture(face: Face) -> Image.Image:
    return _art(face.motif, face.art_seed, face.identity, face.tall)


def _stocks(face: Face) -> list[RGB]:
    """Return the frame's colours: two for a card of two colours, otherwise one."""
    if face.identity == "M" and len(face.colours) == 2:
        return [_FRAMES[colour][0] for colour in face.colours]
    return [_FRAMES[face.identity][0]]


def _modern(faces: Sequence[Face], printing: Printing) -> Image.Image:
    face = faces[0]
    border, print_ink = _edge(printing)
    sheet = Sheet((WIDTH, HEIGHT), border)
    _, bar, paper = _FRAMES[face.identity]
    ink = _INK
    if printing.back:
        bar, ink = _mix(_FRAMES[face.identity][0], (0, 0, 0), 0.45), (246, 244, 238)
    sheet.stock((20, 20, 468, 636), _stocks(face), 12)
    sheet.paste(_picture(face), (36, 70, 452, 386))
    sheet.rim((35, 69, 453, 387), _mix(bar, (0, 0, 0), 0.7), 2, 2)
    sheet.panel((36, 424, 452, 622), paper, 2)
    title, kind = (28, 30, 460, 70), (28, 386, 460, 424)
    sheet.panel(title, bar, 14)
    sheet.panel(kind, bar, 14)
    two_sided = printing.style == "transform"
    if two_sided:
        _side_mark(sheet, (48, 50), printing.back)
    sheet.title(title, face, ink, lead=40 if two_sided else 12)
    sheet.type_bar(kind, face, printing, ink)
    if face.emblem:
        sheet.mana(244, 522, 136, face.emblem)
    elif len(faces) > 1:
        _side_story(sheet, faces, bar)
    else:
        sheet.rules((48, 432, 440, 604 if face.stats else 614), face)
    sheet.stats((372, 604, 462, 642), face, bar, ink)
    sheet.small_print(printing, print_ink)
    return sheet.image


def _side_mark(sheet: Sheet, at: Point, back: bool) -> None:
    """Mark which side of a two-sided card this is: sun in front, moon behind."""
    x, y, r = at[0] * SCALE, at[1] * SCALE, 14 * SCALE
    night = (30, 28, 40)
    sheet.draw.ellipse((x - r, y - r, x + r, y + r), night if back else _PAPER, _INK, 3)
    if back:
        sheet.draw.ellipse((x - r * 0.6, y - r * 0.6, x + r * 0.6, y + r * 0.6), fill=_PAPER)
        sheet.draw.ellipse((x - r * 0.2, y - r * 0.7, x + r * 0.85, y + r * 0.4), fill=night)
    else:
        sheet.draw.polygon(_star(x, y, r * 0.8, r * 0.45, 8, 0), (214, 150, 40))


def _side_story(sheet: Sheet, faces: Sequence[Face], bar: RGB) -> None:
    """Print an adventure's small spell on the left page of the text box."""
    story = faces[1]
    sheet.draw.rectangle((242 * SCALE, 426 * SCALE, 245 * SCALE, 620 * SCALE), fill=(0, 0, 0, 60))
    deep = _mix(bar, (0, 0, 0), 0.5)
    sheet.panel((40, 428, 240, 453), deep, 4)
    sheet.title((40, 428, 240, 453), story, _PAPER, 14)
    sheet.panel((40, 455, 240, 476), _mix(bar, (0, 0, 0), 0.3), 4)
    sheet.text((50, 465.5), story.type_line, 13.5, _PAPER, room=184)
    sheet.rules((48, 482, 232, 616), story, largest=15)
    sheet.rules((256, 432, 442, 598), faces[0], largest=15)


def _old(faces: Sequence[Face], printing: Printing) -> Image.Image:
    face = faces[0]
    border, _ = _edge(printing)
    sheet = Sheet((WIDTH, HEIGHT), border)
    stock, _, paper = _FRAMES[face.identity]
    brown = (30, 22, 14)
    dark, stocks = _mix(stock, brown, 0.28), [_mix(c, brown, 0.22) for c in _stocks(face)]
    sheet.stock((22, 22, 466, 658), stocks, 4, 0.38)
    for grow, tone in ((5, _mix(dark, (0, 0, 0), 0.55)), (3, _mix(dark, (255, 255, 255), 0.5))):
        for left, top, right, bottom in ((50, 62, 438, 356), (50, 396, 438, 598)):
            sheet.rim((left - grow, top - grow, right + grow, bottom + grow), tone, 1, 2)
    sheet.paste(_picture(face), (50, 62, 438, 356))
    sheet.stock((50, 396, 438, 598), [_mix(paper, (255, 255, 255), 0.2)], 0, 0.10)
    sheet.title((32, 28, 456, 58), face, _PAPER, 22, shadow=True)
    sheet.type_bar((36, 362, 452, 392), face, printing, _PAPER, 18, shadow=True)
    if face.emblem:
        sheet.mana(244, 497, 128, face.emblem)
    else:
        sheet.rules((62, 404, 426, 590), face)
    sheet.text((436, 625), face.stats, 27, _PAPER, align="r", shadow=True)
    small = _PAPER if sum(stocks[0]) < 420 else _INK
    sheet.text((52, 618), f"Illus. {printing.artist}", 13, small, room=280)
    sheet.text((52, 638), f"{printing.collector} © Demo", 9.5, small, room=300)
    return sheet.image


def _borderless(faces: Sequence[Face], printing: Printing) -> Image.Image:
    face = faces[0]
    sheet = Sheet((WIDTH, HEIGHT), (0, 0, 0))
    sheet.paste(_picture(face), (0, 0, WIDTH, HEIGHT))
    _, bar, _ = _FRAMES[face.identity]
    glass = _mix(_FRAMES[face.identity][0], (10, 10, 14), 0.72)
    bottom = Image.linear_gradient("L").resize((WIDTH * SCALE, 220 * SCALE))
    sheet.image.paste((0, 0, 0), (0, 460 * SCALE), bottom)
    sheet.panel((24, 26, 464, 66), glass, 16, 0.82)
    sheet.title((24, 26, 464, 66), face, _PAPER)
    sheet.panel((24, 440, 464, 478), glass, 16, 0.82)
    sheet.type_bar((24, 440, 464, 478), face, printing, _PAPER)
    sheet.panel((32, 482, 456, 630), glass, 8, 0.66)
    if face.emblem:
        sheet.mana(244, 556, 100, face.emblem)
    else:
        sheet.rules((44, 488, 444, 608 if face.stats else 624), face, _PAPER)
    for box in ((24, 26, 464, 66), (24, 440, 464, 478)):
        sheet.rim(box, bar, 16, 1.5)
    sheet.stats((374, 610, 462, 646), face, glass, _PAPER)
    sheet.small_print(printing, (232, 232, 232))
    return sheet.image


def _full_art(faces: Sequence[Face], printing: Printing) -> Image.Image:
    face = faces[0]
    border, print_ink = _edge(printing)
    sheet = Sheet((WIDTH, HEIGHT), border)
    _, bar, paper = _FRAMES[face.identity]
    sheet.stock((20, 20, 468, 640), _stocks(face), 18)
    sheet.paste(_picture(face), (30, 30, 458, 630), 14)
    sheet.rim((29, 29, 459, 631), _mix(bar, (0, 0, 0), 0.6), 14, 2)
    # The type bar makes room for power and toughness where there are any.
    title, kind = (40, 40, 448, 78), (40, 582, 366 if face.stats else 448, 620)
    sheet.panel(title, bar, 19, 0.9)
    sheet.title(title, face, lead=16)
    sheet.panel(kind, bar, 19, 0.9)
    sheet.type_bar(kind, face, printing)
    if face.emblem:
        sheet.panel((206, 528, 282, 604), _mix(bar, (0, 0, 0), 0.55), 38)
        sheet.mana(244, 566, 60, face.emblem)
    elif face.text:
        sheet.panel((52, 486, 436, 580), paper, 10, 0.86)
        sheet.rules((64, 492, 424, 574), face, largest=16)
    sheet.stats((372, 606, 460, 642), face, bar)
    sheet.small_print(printing, print_ink)
    return sheet.image


def _token(faces: Sequence[Face], printing: Printing) -> Image.Image:
    face = faces[0]
    border, print_ink = _edge(printing)
    sheet = Sheet((WIDTH, HEIGHT), border)
    stock, bar, paper = _FRAMES[face.identity]
    sheet.stock((20, 20, 468, 636), _stocks(face), 14)
    # The lower corners lie under the type bar, so that only the top looks arched.
    sheet.paste(_picture(face), (32, 32, 456, 600), 60)
    sheet.rim((31, 31, 457, 601), _mix(stock, (0, 0, 0), 0.6), 60, 2.5)
    plate = _mix(stock, (0, 0, 0), 0.62)
    sheet.panel((104, 22, 384, 62), plate, 20)
    gilt = _mix(bar, (255, 250, 220), 0.5)
    sheet.text((244, 42), face.name.upper(), 20, gilt, align="m", room=252)
    sheet.panel((28, 508, 460, 546), bar, 14)
    sheet.type_bar((28, 508, 460, 546), face, printing)
    sheet.panel((36, 548, 452, 624), paper, 4)
    sheet.rules((48, 553, 364 if face.stats else 440, 620), face, largest=17)
    sheet.stats((372, 604, 462, 642), face, bar)
    sheet.small_print(printing, print_ink)
    return sheet.image


def _saga(faces: Sequence[Face], printing: Printing) -> Image.Image:
    face = faces[0]
    border, print_ink = _edge(printing)
    sheet = Sheet((WIDTH, HEIGHT), border)
    stock, bar, paper = _FRAMES[face.identity]
    sheet.stock((20, 20, 468, 636), _stocks(face), 12)
    sheet.paste(_picture(face), (246, 74, 452, 592))
    sheet.rim((245, 73, 453, 593), _mix(stock, (0, 0, 0), 0.6), 2, 2)
    sheet.panel((36, 74, 244, 592), paper, 2)
    sheet.panel((28, 30, 460, 70), bar, 14)
    sheet.title((28, 30, 460, 70), face)
    sheet.panel((28, 594, 460, 632), bar, 14)
    sheet.type_bar((28, 594, 460, 632), face, printing)
    intro, *chapters = face.text.split("\n")
    sheet.rules((46, 80, 236, 142), Face(flavour=intro), largest=12.5)
    tall = 444 / len(chapters)
    for i, chapter in enumerate(chapters):
        numeral, _, rule = chapter.partition(" — ")
        top = 146 + i * tall
        sheet.draw.line([(40 * SCALE, top * SCALE), (240 * SCALE, top * SCALE)], (*_INK, 120), 2)
        x, y = 44 * SCALE, (top + tall / 2) * SCALE
        for r, colour in ((21, _INK), (18.5, bar)):
            sheet.draw.polygon(_star(x, y, r * SCALE, r * SCALE * 0.87, 6, -math.pi / 2), colour)
        sheet.text((44, top + tall / 2), numeral, 15, align="m")
        sheet.rules((72, top + 5, 236, top + tall - 5), Face(text=rule), largest=15.5)
    sheet.small_print(printing, print_ink)
    return sheet.image


def _split(faces: Sequence[Face], printing: Printing) -> Image.Image:
    """Lay out two small cards side by side, then turn the sheet upright."""
    border, print_ink = _edge(printing)
    sheet = Sheet((HEIGHT, WIDTH), border)
    for face, left in zip(faces, (22, 344), strict=False):
        right = left + 314
        stock, bar, paper = _FRAMES[face.identity]
        sheet.stock((left, 20, right, 446), [stock], 10)
        sheet.paste(_picture(face), (left + 12, 54, right - 12, 244))
        sheet.rim((left + 11, 53, right - 11, 245), _mix(stock, (0, 0, 0), 0.6), 2, 2)
        sheet.panel((left + 12, 274, right - 12, 436), paper, 2)
        for top, bottom in ((26, 56), (244, 274)):
            sheet.panel((left + 6, top, right - 6, bottom), bar, 10)
        sheet.title((left + 6, 26, right - 6, 56), face, size=18)
        sheet.type_bar((left + 6, 244, right - 6, 274), face, printing, size=15)
        sheet.rules((left + 22, 280, right - 22, 430), face, largest=16)
    sheet.small_print(printing, print_ink, 466, 620)
    return sheet.image.transpose(Image.Transpose.ROTATE_90)


def _planar(faces: Sequence[Face], printing: Printing) -> Image.Image:
    """Lay out one wide picture with a banner, then turn the sheet upright."""
    face = faces[0]
    border, print_ink = _edge(printing)
    sheet = Sheet((HEIGHT, WIDTH), border)
    stock, bar, paper = _FRAMES["M"]
    sheet.stock((20, 20, 660, 446), [_mix(stock, (60, 40, 20), 0.45)], 14, 0.35)
    sheet.paste(_picture(face), (32, 32, 648, 434), 10)
    sheet.rim((31, 31, 649, 435), _mix(stock, (0, 0, 0), 0.5), 10, 2.5)
    sheet.panel((150, 26, 530, 62), bar, 18, 0.95)
    sheet.text((340, 44), face.name, 22, align="m", room=350)
    sheet.panel((180, 64, 500, 90), _mix(bar, (0, 0, 0), 0.1), 12, 0.92)
    sheet.type_bar((180, 64, 500, 90), face, printing, size=14)
    sheet.panel((60, 324, 620, 426), paper, 10, 0.88)
    sheet.rules((128, 330, 606, 420), face, largest=16)
    x, y = 94 * SCALE, 375 * SCALE
    for points, size, colour in ((9, 26, _INK), (9, 22, (216, 150, 48)), (5, 12, _INK)):
        sheet.draw.polygon(_star(x, y, size * SCALE, size * SCALE * 0.62, points, 0.2), colour)
    sheet.small_print(printing, print_ink, 466, 620)
    return sheet.image.transpose(Image.Transpose.ROTATE_90)


STYLES: dict[str, Callable[[Sequence[Face], Printing], Image.Image]] = {
    "modern": _modern,
    "transform": _modern,
    "adventure": _modern,
    "old": _old,
    "borderless": _borderless,
    "full_art": _full_art,
    "token": _token,
    "saga": _saga,
    "split": _split,
    "planar": _planar,
}


def paint_card(faces: Sequence[Face], printing: Printing) -> Image.Image:
    """Paint one side of a card.

    Parameters
    ----------
    faces
        What is printed on that side: one face, or the two of a split card or an adventure.
    printing
        The frame and the small print.

    Returns
    -------
    Image.Image
        RGB, 488 x 680 pixels.
    """
    return STYLES[printing.style](faces, printing).reduce(SCALE)
