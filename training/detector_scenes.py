"""Made-up photos of cards: scans on drawn tables, with the corners of every card.

    python detector_scenes.py SHARED WORK OUT.png [--count 24] [--seed 1]

draws a sheet of them for a person. WORK keeps the decoded scans (2 GB).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import augment
import cv2
import detector_grounds as grounds
import detector_layouts as layouts
import detector_plastic as plastic
import numpy as np
from augment import as_image
from cards import is_held_out, read_table

from mtg_image_db.demo.cards import sample_cards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cards import Image
    from numpy.random import Generator
    from numpy.typing import NDArray

HEIGHT, WIDTH = 336, 240
_MM = WIDTH / 63
"""Pixels of a scan to a millimetre of the card."""
_RADIUS = 3.0
"""Radius of a card's round corners, in millimetres."""
_DRAWN = 300
"""Drawn cards that the package makes; the latter half is shown, the tests use the first ones."""
_DRAWN_SHARE, _PLAIN_SHARE = 0.06, 0.08
"""Shares of cards that are drawn, and of those that lack their picture. By hand."""
_MISSED_SHARE = 0.15
"""Share of cards of those that the detector missed so far: split cards, battles, cards without a
frame. They are 2 % of all. By hand."""
_MILD = augment.Strength(blur=1.2 / 384, noise=6, jpeg=40, exposure=0.5, cast=0.12, light=0.2)
_HARSH = augment.Strength(blur=2.2 / 384, noise=12, jpeg=25, exposure=0.8, light=0.6)


@dataclass(frozen=True)
class Scene:
    """A made-up photo.

    Attributes
    ----------
    pixels
        RGB, uint8 [h, w, 3].
    owners
        Which card each pixel shows, int16 [h, w]: its row in `quads`, or -1.
    quads
        Corners in pixels, from each card's own top left, float32 [n, 4, 2].
    kind
        What layout it shows.
    """

    pixels: Image
    owners: NDArray[np.int16]
    quads: NDArray[np.float32]
    kind: str


def prepare(shared: Path, work: Path, *, held_out: bool) -> Image:
    """The scans of both galleries, [n, 336, 240, 3]: those held out, or all others."""
    file = work / ("held.npy" if held_out else "scans.npy")
    if not file.exists():
        work.mkdir(parents=True, exist_ok=True)
        paths = [
            shared / part / row["file"]
            for part in ("cards", "cards2")
            for row in read_table(shared / part / "gallery.csv")
            if is_held_out(row["name"]) == held_out
        ]
        made = np.lib.format.open_memmap(
            file.with_suffix(".new"), "w+", np.uint8, (len(paths), HEIGHT, WIDTH, 3)
        )
        for row, path in enumerate(paths):
            made[row] = cv2.resize(cv2.imread(str(path)), (WIDTH, HEIGHT))[..., ::-1]
        made.flush()
        file.with_suffix(".new").replace(file)
    return np.load(file, mmap_mode="r")


def _rounded() -> Image:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    r = int(_RADIUS * _MM)
    cv2.rectangle(mask, (r, 0), (WIDTH - r - 1, HEIGHT), 255, -1)
    cv2.rectangle(mask, (0, r), (WIDTH, HEIGHT - r - 1), 255, -1)
    for x in (r, WIDTH - r - 1):
        for y in (r, HEIGHT - r - 1):
            cv2.circle(mask, (x, y), r, 255, -1, cv2.LINE_AA)
    return as_image(mask)


_MASK = _rounded()


class Scenes:
    """Draws made-up photos without end.

    Parameters
    ----------
    scans
        Of `prepare`.
    missed
        Rows of scans that the detector missed so far: they are shown more often.
    easy
        Few cards, large, in even light: what they are and where they end is learned sooner on them.
    """

    def __init__(
        self, scans: Image, seed: int, *, missed: Sequence[int] = (), easy: bool = False
    ) -> None:
        self.scans, self.missed, self.easy = scans, missed, easy
        self.drawn = [
            as_image(cv2.resize(np.asarray(face.convert("RGB")), (WIDTH, HEIGHT)))
            for card in sample_cards(_DRAWN)[-_DRAWN // 2 :]
            for face in card.faces
        ]
        self.rng: Generator = np.random.default_rng(seed)

    def art(self) -> Image:
        """The picture of some card."""
        scan = self.scans[self.rng.integers(len(self.scans))]
        return np.ascontiguousarray(scan[38:183, 20:220])

    def draw(self, width: int, height: int) -> Scene:
        """One photo."""
        rng = self.rng
        layout = layouts.draw_layout(rng, easy=self.easy)
        view = layouts.look(rng, layout, width, height, easy=self.easy)
        canvas = grounds.ground(rng, height, width, self.art)
        owners = np.full((height, width), -1, np.int16)
        if rng.random() < (0.2 if self.easy else 0.5):
            grounds.things(rng, canvas, self.art, 8)
        if layout.pockets:
            plastic.sheet(rng, canvas, layout.places, view)
        kind = rng.random()
        unwanted = 1.0 if kind < 0.12 else 0.2 if kind < 0.2 else 0.0
        sleeve = rng.choice(["none", "clear", "colour", "toploader"], p=[0.57, 0.19, 0.19, 0.05])
        if layout.pockets and sleeve == "toploader":
            sleeve = "none"
        self._tint = grounds.colour(rng)
        self._rims = rng.uniform(0.8, 2.6, 4)
        shadow = rng.normal(0, 1.2, 2), rng.uniform(0, 0.6)
        stack = [view @ one for one in layout.places]
        if rng.random() < 0.3:  # cards are bent, and not quite in one plane
            stack = [self._bent(matrix) for matrix in stack]
        quads = []
        for matrix in stack:
            self._shade(canvas, matrix, *shadow)
            wanted = rng.random() >= unwanted
            scan = self._scan() if wanted else grounds.other_card(rng, self.art)
            self._card(canvas, owners, matrix, scan, sleeve, len(quads) if wanted else -1)
            if wanted:
                quads.append(layouts.apply(matrix, layouts.CARD))
        if layout.pockets:
            plastic.pockets(rng, canvas, layout.places, view)
        self._over(canvas, owners, stack, layout.kind)
        pixels = self._photographed(canvas)
        corners = np.array(quads, np.float32).reshape(-1, 4, 2)
        if rng.random() < 0.05:  # a webcam that mirrors
            pixels, owners = np.ascontiguousarray(pixels[:, ::-1]), owners[:, ::-1]
            corners = corners * (-1, 1) + (width, 0)
        return Scene(
            pixels, owners, corners.astype(np.float32), layout.kind if unwanted < 1 else "other"
        )

    def _scan(self) -> Image:
        """Some card, as it may look: drawn, without its picture, in other light, foil."""
        rng = self.rng
        row = rng.integers(len(self.scans))
        if len(self.missed) and rng.random() < _MISSED_SHARE:
            row = rng.choice(self.missed)
        scan = np.asarray(self.scans[row])
        if rng.random() < _DRAWN_SHARE:
            scan = self.drawn[rng.integers(len(self.drawn))]
        if rng.random() < _PLAIN_SHARE:
            scan = self._without_picture(scan)
        if rng.random() < 0.5:
            gain = rng.uniform(0.8, 1.15) * rng.uniform(0.95, 1.05, 3)
            scan = cv2.LUT(
                scan, np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)[None]
            )
        if rng.random() < 0.08:
            y, x = np.mgrid[0:HEIGHT:8, 0:WIDTH:8].astype(np.float32) / WIDTH
            wave = x * rng.uniform(-9, 9) + y * rng.uniform(-9, 9)
            foil = np.stack([np.sin(wave + k * 2.1) for k in range(3)], -1) * rng.uniform(10, 60)
            foil = cv2.resize(foil.astype(np.float32), (WIDTH, HEIGHT))
            scan = np.clip(scan + foil, 0, 255).astype(np.uint8)
        return as_image(scan)

    def _without_picture(self, scan: Image) -> Image:
        """A card whose picture, or another large part, shows nothing: an even colour, or a blur."""
        rng, scan = self.rng, scan.copy()
        left, right = np.sort(rng.uniform(0, WIDTH, 2)).astype(int)
        top, bottom = np.sort(rng.uniform(0, HEIGHT, 2)).astype(int)
        if rng.random() < 0.6:
            left, right, top, bottom = 18, WIDTH - 18, 38, 183
        part = scan[top : bottom + 2, left : right + 2]
        part[:] = cv2.blur(part, (61, 61)) if rng.random() < 0.4 else grounds.colour(rng)
        return scan

    def _bent(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        corners = layouts.apply(matrix, layouts.CARD)
        size = np.sqrt(abs(cv2.contourArea(corners.astype(np.float32))))
        moved = corners + self.rng.normal(0, 0.015, (4, 2)) * size
        return np.asarray(
            cv2.getPerspectiveTransform(layouts.CARD.astype(np.float32), moved.astype(np.float32)),
            np.float64,
        )

    def _card(
        self,
        canvas: Image,
        owners: NDArray[np.int16],
        matrix: NDArray[np.float64],
        scan: Image,
        sleeve: str,
        number: int,
    ) -> None:
        """Put one card over what is there, in place."""
        rng = self.rng
        corners = layouts.apply(matrix, layouts.CARD)
        left, top = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
        right, bottom = np.minimum(np.ceil(corners.max(0)).astype(int) + 2, canvas.shape[1::-1])
        around = None
        if sleeve != "none":
            rims = self._rims * (3.0 if sleeve == "toploader" else 1.0)
            grown = layouts.CARD + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * rims[:2]
            around = layouts.apply(matrix, grown - np.array([0, rims[2] * 0.5])).astype(np.float32)
            plastic.rim(rng, canvas, owners, around, sleeve, self._tint)
        if right - left < 2 or bottom - top < 2:
            return
        size = np.sqrt(abs(cv2.contourArea(corners.astype(np.float32))) / (63 * 88)) / _MM
        mask = _MASK
        if size < 0.7:
            shape = (max(8, int(WIDTH * size * 1.2)), max(8, int(HEIGHT * size * 1.2)))
            scan = as_image(cv2.resize(scan, shape, interpolation=cv2.INTER_AREA))
            mask = as_image(cv2.resize(mask, shape, interpolation=cv2.INTER_AREA))
        # From the pixels of the scan to those of this part of the canvas.
        scale = np.diag([63 / scan.shape[1], 88 / scan.shape[0], 1.0])
        shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
        way, part = shift @ matrix @ scale, (int(right - left), int(bottom - top))
        flat = cv2.warpPerspective(scan, way, part, None, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
        alpha = cv2.warpPerspective(mask, way, part, None, cv2.INTER_LINEAR)
        below = canvas[top:bottom, left:right]
        share = (alpha.astype(np.float32) / 255)[..., None]
        below[:] = (below * (1 - share) + flat * share).astype(np.uint8)
        owners[top:bottom, left:right][alpha > 127] = number
        if around is not None:
            plastic.gloss(rng, canvas, around, rng.uniform(0, 0.16))

    def _shade(self, canvas: Image, matrix: NDArray[np.float64], away: Image, depth: float) -> None:
        """The shadow of a card on what lies below, in place."""
        if depth < 0.08:
            return
        poly = layouts.apply(matrix, layouts.CARD + away * 1.5).astype(np.float32)
        size = max(1, int(np.hypot(*(poly[1] - poly[0])) * 0.06)) | 1
        left, top = np.maximum(np.floor(poly.min(0)).astype(int) - 2 * size, 0)
        right, bottom = np.minimum(np.ceil(poly.max(0)).astype(int) + 2 * size, canvas.shape[1::-1])
        if right - left < 3 or bottom - top < 3:
            return
        dark = np.zeros((int(bottom - top), int(right - left)), np.uint8)
        cv2.fillConvexPoly(dark, np.round(poly - (left, top)).astype(np.int32), 255)
        dark = cv2.blur(dark, (size, size))
        part = canvas[top:bottom, left:right]
        part[:] = (part * (1 - dark[..., None] * np.float32(depth / 255))).astype(np.uint8)

    def _over(
        self, canvas: Image, owners: NDArray[np.int16], stack: list[NDArray[np.float64]], kind: str
    ) -> None:
        """What lies or reaches over cards, in place."""
        rng = self.rng
        often = 0.6 if kind in {"fan", "cascade"} else 0.25 if kind in {"single", "few"} else 0.04
        if rng.random() < often:
            matrix = stack[-1] if rng.random() < 0.7 else stack[rng.integers(len(stack))]
            spot = np.array([rng.uniform(0, 63), rng.uniform(55, 100)])
            if rng.random() < 0.2:
                spot = rng.uniform(0, 1, 2) * (63, 88)
            goal = layouts.apply(matrix, spot[None])[0]
            if (abs(goal) < 3000).all():
                grounds.hand(rng, canvas, owners, goal)
        if rng.random() < 0.12:
            before = canvas.copy()
            grounds.things(rng, canvas, self.art, 2)
            owners[(before != canvas).any(-1)] = -1

    def _photographed(self, canvas: Image) -> Image:
        """What camera and light do."""
        rng = self.rng
        height, width = canvas.shape[:2]
        limit = _HARSH if rng.random() < 0.35 and not self.easy else _MILD
        gain, offset = (cv2.resize(field, (width, height)) for field in augment.light(rng, limit))
        work = cv2.multiply(canvas, gain, dtype=cv2.CV_32F)
        cv2.add(work, offset, dst=work)
        if rng.random() < 0.35:
            grey = float(rng.uniform(0, 0.9))
            work = cv2.transform(
                work, np.eye(3, dtype=np.float32) * (1 - grey) + np.float32(grey / 3)
            )
        if rng.random() < 0.2:  # a strong cast
            work *= rng.uniform(0.45, 1.1, 3).astype(np.float32)
        image = np.clip(work, 0, 255).astype(np.uint8)
        if rng.random() < 0.3:
            power = 2 ** rng.uniform(-0.9, 0.9)
            image = as_image(
                cv2.LUT(image, (np.linspace(0, 1, 256) ** power * 255).astype(np.uint8))
            )
        if rng.random() < 0.5:
            image = augment.blur(rng, image, limit.blur)
        if rng.random() < 0.2:
            factor = rng.uniform(0.4, 0.9)
            coarse = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            image = as_image(cv2.resize(coarse, (width, height)))
        if rng.random() < 0.03:  # a screen that is photographed
            y, x = np.mgrid[0:height, 0:width].astype(np.float32)
            wave = np.sin(x * rng.uniform(0.1, 1.5) + y * rng.uniform(-0.6, 0.6))[..., None]
            image = np.clip(image * (1 + wave * rng.uniform(0.05, 0.3)), 0, 255).astype(np.uint8)
        if rng.random() < 0.5:
            noise = np.empty(image.shape, np.int16)
            cv2.randn(noise, 0, float(rng.uniform(0.5, limit.noise)))
            image = np.clip(image + noise, 0, 255).astype(np.uint8)
        if rng.random() < 0.35:
            data = cv2.imencode(
                ".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(limit.jpeg, 96))]
            )[1]
            image = as_image(cv2.imdecode(data, cv2.IMREAD_COLOR))
        return image


def outlined(scene: Scene) -> Image:
    """The photo with its cards' outlines; a card's upper edge is green."""
    drawn = scene.pixels.copy()
    for number, quad in enumerate(scene.quads):
        if (scene.owners == number).sum() < 60:
            continue
        points = np.round(quad).clip(-4000, 4000).astype(int)
        for k in range(4):
            tone = (0, 255, 0) if k == 0 else (255, 0, 0)
            cv2.line(drawn, points[k].tolist(), points[(k + 1) % 4].tolist(), tone, 1, cv2.LINE_AA)
    return drawn


def main() -> None:
    """Draw a sheet."""
    parser = argparse.ArgumentParser()
    for name in ("shared", "work", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    scenes = Scenes(prepare(options.shared, options.work, held_out=True), options.seed)
    made = [outlined(scenes.draw(320, 320)) for _ in range(options.count)]
    rows = [np.hstack(made[at : at + 6]) for at in range(0, len(made) - 5, 6)]
    cv2.imwrite(str(options.out), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
