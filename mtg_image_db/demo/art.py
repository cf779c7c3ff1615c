"""The motifs of the sample cards' art, each painted anew from its seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import lru_cache

from PIL import Image

from mtg_image_db.demo.canvas import BLACK, WHITE, Canvas, Point, hsv, mix, noise, polar, star

_INK = (14, 10, 20)


def _tree(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.sky()
    s.land(0.74, 0.14, mix(p.far, p.near, 0.4))
    s.oval(p.dark, 0, s.level(1.1), s.wide * 1.3, s.high * 0.5)
    spread, bend = rng.uniform(0.36, 0.56), rng.uniform(-0.08, 0.08)
    leaf = rng.choice((p.accent, mix(p.accent, p.light, 0.5), mix(p.near, p.accent, 0.35)))
    tips: list[Point] = []

    def grow(x: float, y: float, length: float, angle: float, depth: int) -> None:
        across, down = polar(length, angle)
        end = (x + across, y + down)
        s.line(mix(p.dark, p.near, 0.08 * (8 - depth)), depth**1.55 / 620, [(x, y), end])
        if depth <= 3:
            tips.append(end)
        for side in (-1, 1) if depth > 1 else ():
            turn = angle + side * spread * rng.uniform(0.6, 1.25) + bend
            grow(*end, length * rng.uniform(0.70, 0.84), turn, depth - 1)

    grow(0, s.level(0.88), s.high * 0.38, -math.pi / 2, 8)
    for tip in tips:
        colour = mix(leaf, rng.choice((p.light, p.near)), rng.uniform(0, 0.5))
        s.oval(colour, *tip, rng.uniform(0.006, 0.022), a=225)
    s.sparks(16, leaf)


def _towers(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.sky()
    s.land(0.66, 0.2, p.far)
    for depth in (0, 1):
        wall = mix(p.near, p.dark, 0.2 + 0.6 * depth)
        for _ in range(rng.randint(4, 6)):
            t = s.at(*s.spot(0.12, 0.3, 0.88, 0.6 + 0.1 * depth), rng.uniform(0.03, 0.075))
            t.shape(wall, [(-1, 0), (1, 0), (1, 40), (-1, 40)])
            t.shape(BLACK, [(0, 0), (1, 0), (1, 40), (0, 40)], 45)
            if rng.random() < 0.6:
                t.shape(mix(p.accent, wall, 0.45), [(-1.3, 0), (0, -3.2), (1.3, 0)])
            else:
                t.dome(mix(p.accent, wall, 0.3), 1.2, 1.4)
            for y in (0.9, 2.5, 4.1, 5.7, 7.3):
                if rng.random() < 0.7:
                    t.glow(p.light, 0, y, 1.2, 0.5)
                    t.oval(p.light, 0, y, 0.18, 0.36)
    s.land(0.95, 0.06, p.dark)


def _volcano(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    fire = hsv(rng.uniform(0.03, 0.11), 0.92, 1)
    s.backdrop(mix(p.top, (20, 8, 20), 0.5), mix(p.low, fire, 0.35), 0.85)
    v = s.at(*s.spot(0.42, 0.34, 0.58, 0.46), s.high)
    v.glow(fire, 0, 0, 1.4, 0.9)
    for i in range(34):
        t = (i / 34) ** 1.4
        smoke = mix(mix(fire, p.dark, 0.45 + t * 0.4), p.far, 0.3)
        v.oval(smoke, t * (0.8 * math.sin(i) + 0.3), -t, 0.06 + 0.18 * t, a=90)
    s.land(0.8, 0.2, mix(p.far, p.dark, 0.4))
    slope = [(0, 0), (0.15, 0), (0.3, 0.34), (0.56, 0.64), (0.95, 0.9), (1.6, 1.1), (0, 1.1)]
    for half, shade in zip(v.pair(), (0.5, 0.75), strict=True):
        half.shape(mix(p.dark, (26, 14, 18), shade), slope)
    v.oval(fire, 0, 0.01, 0.15, 0.04)
    for _ in range(rng.randint(3, 5)):
        end = rng.uniform(-0.7, 0.7)
        flow = ((end * 0.1, 0), (end * 0.3, 0.44), (end * 0.7, 0.6), (end, 1.1))
        v.taper(fire, (0.015, 0.036), *flow)
        v.taper((255, 236, 150), (0.006, 0.015), *flow)
    s.land(0.92, 0.1, (18, 10, 14))
    s.sparks(46, fire)


def _aurora(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(mix(p.dark, (8, 10, 34), 0.7), mix(p.top, p.dark, 0.3), 0.85)
    s.stars(200)
    for colour in (p.accent, p.low, hsv(rng.uniform(0.3, 0.5), 0.7, 0.9)):
        phase, wave = rng.uniform(0, math.tau), rng.uniform(1.2, 2.6)
        columns = s.image.width // 3
        for i, streak in enumerate(noise(rng, (columns, 1), (24, 1)).tobytes()):
            foot = s.level(0.44 + 0.13 * math.sin(wave * i / columns * math.tau + phase))
            left, tall = (i / columns * 2 - 1) * s.wide, s.high * (0.32 + 0.4 * streak / 255)
            right = left + 0.004
            for k in range(5):
                top = foot - tall * (1 - k / 5)
                curtain = [(left, foot), (left, top), (right, top), (right, foot)]
                s.shape(colour, curtain, 7 + 9 * k)
    s.land(0.7, 0.16, mix(p.far, p.dark, 0.4))
    s.land(0.86, 0.05, mix(p.light, p.far, 0.35))
    for i in range(15):
        fir = s.at(*s.spot(i / 15, 0.86, (i + 1) / 15, 0.98), s.high * rng.uniform(0.3, 0.8))
        for k in range(5):
            top, half = 0.17 * k - 1, 0.075 * (k + 1)
            fir.shape(_INK, [(-half, top + 0.3), (0, top), (half, top + 0.3)])
            fir.line(mix(p.dark, p.light, 0.45), 0.012, [(-half / 2, top + 0.15), (0, top)])


def _owl(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.sky()
    s.land(0.82, 0.2, p.far)
    owl = s.at(0, s.level(0.54), rng.uniform(0.26, 0.3))
    feather = mix(rng.choice((p.near, p.accent, p.low)), p.dark, 0.25)
    owl.taper(p.dark, (0.14, 0.08), (-3, 1.25), (-1, 0.95), (1, 1.4), (3, 1))
    for half in owl.pair():
        half.at(0.42, -0.65).petal(mix(feather, p.dark, 0.4), 0.8, 0.17, -1.12)
    owl.oval(feather, 0, 0.15, 0.82, 1.1)
    for row in range(6):
        down = mix(feather, p.light, 0.25 + 0.12 * (row % 3))
        for x in (-0.38, -0.19, 0, 0.19, 0.38):
            owl.at(x + row % 2 * 0.09, 0.05 + row * 0.17).petal(down, 0.26, 0.09, math.pi / 2)
    slit = rng.choice((0.2, 0.4, 0.65))
    for half in owl.pair():
        half.at(0.72, -0.35).petal(mix(feather, p.dark, 0.45), 1.6, 0.34, 1.73)
        half.oval(mix(feather, p.light, 0.55), 0.36, -0.42, 0.42)
        half.oval(p.dark, 0.34, -0.42, 0.3)
        half.oval(mix(p.accent, WHITE, 0.35), 0.34, -0.42, 0.25)
        half.oval(_INK, 0.34, -0.42, 0.25 * slit, 0.2)
        half.oval(WHITE, 0.27, -0.5, 0.05)
        for claw in (0.2, 0.3, 0.4):
            half.oval(p.accent, claw, 1.2, 0.07)
    owl.at(0, -0.4).petal(p.accent, 0.42, 0.1, math.pi / 2)


def _moth(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, mix(p.top, p.low, 0.4))
    s.clouds(mix(p.light, p.low, 0.25), 150)
    moth = s.at(0, s.level(0.52), 0.46)
    moth.oval(mix(p.light, p.low, 0.35), 0, -0.25, 0.72)
    moth.glow(p.light, 0, -0.25, 1.4, 0.6)
    tone = rng.choice((p.accent, p.near, mix(p.accent, p.low, 0.5)))
    rings = (p.dark, tone, mix(tone, p.light, 0.45), mix(tone, p.dark, 0.35))
    lower, upper = rng.uniform(0.6, 0.85), rng.uniform(0.75, 1)
    for tilt, reach, spot in ((0.55, lower, p.light), (-0.55, upper, p.accent)):
        for half in moth.pair():
            for ring in range(6):
                size = 1 - ring * 0.15
                half.petal(rings[ring % 4], reach * size, 0.35 * size, tilt)
            for r, colour in ((0.10, p.dark), (0.075, spot), (0.035, _INK)):
                half.oval(colour, *polar(reach * 0.66, tilt), r)
    for half in moth.pair():
        half.taper(p.dark, (0.018, 0.008), (0, -0.25), (0.1, -0.6), (0.3, -0.65), (0.36, -0.5))
    for i in range(9):
        fur = mix(p.dark, tone, 0.25 + 0.3 * (i % 2))
        moth.oval(fur, 0, i * 0.075 - 0.22, 0.10 - 0.007 * i)
    s.sparks(24, p.light)


def _jelly(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(mix(p.top, p.low, 0.5), p.dark)
    for _ in range(6):
        beam, w = s.at(*s.spot(0, 0, 1, 0), 2 * s.high), rng.uniform(0.03, 0.08)
        beam.shape(p.light, [(-w, 0), (w, 0), (w * 4, 1), (w, 1)], 28)
    s.land(0.93, 0.12, mix(p.dark, BLACK, 0.4))
    for left, right, size in ((0.1, 0.25, 0.09), (0.75, 0.9, 0.11), (0.45, 0.55, 0.24)):
        jelly = s.at(*s.spot(left, 0.36, right, 0.42 if size > 0.2 else 0.6), size)
        tone = mix(p.accent, p.light, rng.uniform(0, 0.4))
        jelly.glow(tone, 0, 0, 2.2, 0.5)
        for i in range(9):
            x, sway, end = (i - 4) * 0.21, rng.uniform(-0.5, 0.5), rng.uniform(1.7, 2.5)
            tail = ((x, 0), (x + sway, 1), (x - sway, 1.5), (x + sway, end))
            jelly.taper(mix(tone, p.near, 0.35), (0.05, 0.01), *tail)
        for r, colour in (
            (1, mix(tone, p.near, 0.4)),
            (0.84, tone),
            (0.5, mix(tone, p.light, 0.5)),
        ):
            jelly.dome(colour, r, r, 225)
        for i in range(7):
            jelly.oval(mix(tone, p.light, 0.25), (i - 3) * 0.29, 0, 0.16)
    for _ in range(26):
        s.oval(p.light, *s.spot(0, 0, 1, 1), rng.uniform(0.004, 0.014), a=90)


def _mushrooms(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, mix(p.near, p.far, 0.5))
    s.glow(p.low, 0, 0, 0.7, 0.5)
    s.land(0.9, 0.05, mix(p.dark, p.near, 0.3))
    spots = [(rng.uniform(0.75, 0.95), rng.uniform(0.06, 0.94)) for _ in range(8)]
    small = [(y, x, rng.uniform(0.07, 0.14)) for y, x in sorted(spots)]
    stem = mix(p.light, p.far, 0.35)
    for y, x, size in [*small, (0.93, rng.uniform(0.4, 0.6), 0.26)]:
        tall, cap = rng.uniform(1.4, 2), mix(p.accent, p.near, rng.uniform(0, 0.3))
        m = s.at((2 * x - 1) * s.wide, s.level(y) - tall * size, size)
        m.shape(stem, [(-0.22, tall), (-0.14, 0), (0.14, 0), (0.26, tall)])
        m.shape(mix(stem, p.dark, 0.3), [(0.05, tall), (0.05, 0), (0.14, 0), (0.26, tall)])
        m.glow(cap, 0, 0, 2, 0.35)
        m.oval(mix(cap, p.dark, 0.6), 0, 0.02, 1, 0.22)
        m.dome(cap, 1, 0.95)
        m.oval(mix(cap, p.light, 0.4), -0.3, -0.5, 0.4, 0.24, 110)
        for _ in range(7):
            across, up = polar(rng.uniform(0.2, 0.8), rng.uniform(-2.9, -0.25))
            m.oval(p.light, across, up * 0.88, rng.uniform(0.05, 0.11))
    s.sparks(30, p.accent)


def _crystals(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, mix(p.near, p.top, 0.4))
    s.stars(60)
    foot = s.level(0.84)
    s.glow(p.accent, 0, foot - 0.25, 0.75, 0.75)
    s.land(0.78, 0.14, mix(p.near, p.dark, 0.5))
    count = rng.randint(7, 15)
    for i in sorted(range(count), key=lambda i: -abs(i - count / 2)):
        lean = (i - (count - 1) / 2) / count * 2 + rng.uniform(-0.08, 0.08)
        length, half = rng.uniform(0.35, 0.7) * (1 - 0.42 * abs(lean)), rng.uniform(0.03, 0.06)
        tone = mix(p.accent, rng.choice((p.light, p.low, p.far)), rng.uniform(0.1, 0.6))
        (ux, uy), (vx, vy) = polar(1, lean - math.pi / 2), polar(half, lean)
        sides = ((-1, -0.2, mix(tone, p.light, 0.45)), (-0.2, 1, mix(tone, p.dark, 0.35)))
        for left, right, colour in (*sides, (-0.2, 0.4, tone)):
            neck = length - half * 1.8
            facet = ((0, left), (neck, left), (length, 0), (neck, right), (0, right))
            outline = [(ux * a + vx * b, uy * a + vy * b) for a, b in facet]
            s.at(lean * 0.28, foot).shape(colour, outline)
    s.land(0.9, 0.08, p.dark)
    s.sparks(22, p.light)


def _mandala(s: Canvas) -> None:
    rng, p = s.rng, s.palette
    s.backdrop(p.dark, mix(p.dark, p.top, 0.5))
    s.glow(p.low, 0, 0, 0.86, 0.7)
    fold = rng.choice((6, 7, 8, 9, 10, 12))
    colours = [p.accent, p.light, p.near, p.low, p.far, p.dark]
    rng.shuffle(colours)
    for i in range(9):
        ring, turn = s.at(0, 0, 0.48 * (1 - i * 0.105)), math.pi / fold * (i % 2)
        first, second = colours[i % 6], colours[(i + 1) % 6]
        kind = rng.choice(("petal", "petal", "star", "dots", "ring"))
        if kind == "star":
            ring.shape(first, star(fold, 1, rng.uniform(0.5, 0.85), turn), 235)
        elif kind == "ring":
            ring.oval(first, 0, 0, 0.86)
            ring.oval(second, 0, 0, 0.8)
        for n in range(fold):
            angle = turn + math.tau * n / fold
            leaf, dot = ring.at(*polar(0.25, angle)), polar(0.88, angle)
            if kind == "petal":
                leaf.petal(first, 0.75, 1.3 / fold, angle, 240)
                leaf.petal(second, 0.55, 0.65 / fold, angle, 240)
            elif kind == "dots":
                ring.oval(first, *dot, 0.1)
                ring.oval(p.dark, *dot, 0.05)
    s.oval(p.accent, 0, 0, 0.045)


_ALL = (_tree, _towers, _volcano, _aurora, _owl, _moth, _jelly, _mushrooms, _crystals, _mandala)
MOTIFS: dict[str, Callable[[Canvas], None]] = {each.__name__[1:]: each for each in _ALL}


@lru_cache(maxsize=8)
def paint(motif: str, seed: str, identity: str, size: tuple[int, int]) -> Image.Image:
    """Paint a motif; `identity` is the frame colour that the art must match."""
    canvas = Canvas(size, random.Random(seed), identity)
    MOTIFS[motif](canvas)
    return canvas.finish()
