"""Where are the gallery's cards on the photos? Corners by local features, checked by eye.

For every name that stands on a photo and in the gallery, the photo is matched with each scan of
that name. A homography with enough inliers gives the corners and says that the artwork is the
same. Sheets of cards cut out along these corners, each beside its scan, are drawn for a person;
corners marked by hand (a CSV of the same columns) overrule.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from cards import HEIGHT, WIDTH, Cards, as_image, front_name, load_cards, read_table, write_table

if TYPE_CHECKING:
    from cards import Image
    from numpy.typing import NDArray

MIN_INLIERS = 14
CORNERS = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
COLUMNS = ("file", "name", *CORNERS, "marked_by", "inliers")
TRUTH = ("file", "name", "artwork", "scans", "decided_by")


@dataclass(frozen=True)
class Found:
    """A card on a photo: inliers, corners (clockwise from the card's top left), the scan."""

    inliers: int
    corners: NDArray[np.float32]
    row: int


def describe(image: Image, most: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return keypoint positions and RootSIFT descriptors."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    keypoints, descriptors = cv2.SIFT.create(
        nfeatures=most, contrastThreshold=0.02
    ).detectAndCompute(grey, None)
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-6))
    return np.array([k.pt for k in keypoints], np.float32), root.astype(np.float32)


def plausible(corners: NDArray[np.float32], photo: Image) -> bool:
    """Return whether four corners can be a card: convex, large enough, about its shape."""
    area = float(cv2.contourArea(corners, oriented=True))
    height, width = photo.shape[:2]
    if area < 0.002 * height * width or not cv2.isContourConvex(corners):
        return False
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    across, along = sides[[0, 2]].mean(), sides[[1, 3]].mean()
    return bool(0.3 < across / along < 1.6 and sides.max() / sides.min() < 3.5)


def locate(
    photo: Image,
    described: tuple[NDArray[np.float32], NDArray[np.float32]],
    card: Image,
    row: int,
) -> Found | None:
    """Return the scan's place on the photo."""
    points, descriptors = described
    own_points, own = describe(as_image(cv2.resize(card, (2 * WIDTH, 2 * HEIGHT))), 1500)
    if min(len(own), len(descriptors)) < 8:
        return None
    similarity = own @ descriptors.T
    best = similarity.argmax(1)
    first = similarity[np.arange(len(own)), best]
    second = np.partition(similarity, -2, axis=1)[:, -2]
    kept = (1 - first) < 0.82**2 * (1 - second)
    if kept.sum() < 6:
        return None
    matrix, mask = cv2.findHomography(
        own_points[kept] / 2, points[best[kept]], cv2.USAC_MAGSAC, 5.0, maxIters=5000
    )
    if matrix is None:
        return None
    # Several points of the scan that meet in one point of the photo count once.
    inliers = len(np.unique(best[kept][mask.ravel() > 0]))
    outline = np.array([[[0, 0]], [[WIDTH, 0]], [[WIDTH, HEIGHT]], [[0, HEIGHT]]], np.float32)
    corners = np.asarray(cv2.perspectiveTransform(outline, matrix)[:, 0], dtype=np.float32)
    return Found(inliers, corners, row) if plausible(corners, photo) else None


def cut_out(photo: Image, corners: NDArray[np.float32]) -> Image:
    """Return the card between four corners, upright, 240 x 336.

    The photo is first shrunk where it is finer than the result, so that nothing aliases.
    """
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    finer = min(sides[[0, 2]].mean() / WIDTH, sides[[1, 3]].mean() / HEIGHT)
    if finer > 1.3:
        shrunk = cv2.resize(photo, None, fx=1 / finer, fy=1 / finer, interpolation=cv2.INTER_AREA)
        photo = as_image(shrunk)
        corners = (corners / finer).astype(np.float32)
    outline = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), outline)
    return np.asarray(
        cv2.warpPerspective(photo, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), dtype=np.uint8
    )


def read_photo(path: Path) -> Image:
    """Return a photo as RGB, turned as its EXIF says."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(path)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def sheet(pictures: list[tuple[str, Image, Image]], path: Path) -> None:
    """Write cut-out cards beside their scans, eight pairs a row."""
    tiles = []
    for text, left, right in pictures:
        both = np.hstack(
            [cv2.resize(x, (120, 168), interpolation=cv2.INTER_AREA) for x in (left, right)]
        )
        tile = cv2.copyMakeBorder(both, 16, 4, 2, 6, cv2.BORDER_CONSTANT, value=(255,) * 3)
        cv2.putText(tile, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (200, 0, 0), 1)
        tiles.append(tile)
    while len(tiles) % 6:
        tiles.append(np.full_like(tiles[0], 255))
    rows = [np.hstack(tiles[k : k + 6]) for k in range(0, len(tiles), 6)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def search(photos: Path, cards: Cards) -> list[tuple[str, str, Found | None]]:
    """Look for every name that is on a photo and in the gallery."""
    rows_of: dict[str, list[int]] = {}
    for i, name in enumerate(cards.names):
        rows_of.setdefault(front_name(name), []).append(i)
    found: list[tuple[str, str, Found | None]] = []
    for line in read_table(photos):
        names = [n for n in line["names"].split("|") if front_name(n) in rows_of]
        if not names:
            continue
        photo = read_photo(photos.parent / line["file"])
        described = describe(photo, 9000)
        for name in dict.fromkeys(names):
            places = [
                locate(photo, described, cards.pixels[i], i) for i in rows_of[front_name(name)]
            ]
            best = max((p for p in places if p), key=lambda p: p.inliers, default=None)
            found.append((line["file"], name, best))
    return found


def main() -> int:
    """Write corners and sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="CSV with columns file, names")
    parser.add_argument("work", type=Path, help="folder that prepare.py wrote")
    parser.add_argument("out", type=Path, help="corners, a CSV file")
    parser.add_argument("--by-hand", type=Path, help="CSV of corners marked by a person")
    parser.add_argument("--sheets", type=Path, help="folder for pictures to check by eye")
    arguments = parser.parse_args()
    cards = load_cards(arguments.work)
    marked = {
        (row["file"], row["name"]): row
        for row in (read_table(arguments.by_hand) if arguments.by_hand else [])
    }
    rows: list[dict[str, object]] = []
    pictures: list[tuple[str, Image, Image]] = []
    missed: list[tuple[str, str]] = []
    for file, name, place in search(arguments.photos, cards):
        if (file, name) in marked:
            rows.append({**marked[file, name], "marked_by": "hand"})
        elif place and place.inliers >= MIN_INLIERS:
            values = [f"{v:.1f}" for v in place.corners.ravel()]
            row = {"file": file, "name": name, "marked_by": "homography", "inliers": place.inliers}
            rows.append(row | dict(zip(CORNERS, values, strict=True)))
        else:
            missed.append((file, name))
            print(f"not found: {file} {name} ({place.inliers if place else 0} inliers)")
            continue
        if place and arguments.sheets:
            corners = np.array([float(str(rows[-1][k])) for k in CORNERS], np.float32).reshape(4, 2)
            photo = read_photo(arguments.photos.parent / file)
            text = f"{len(rows)} n{place.inliers} {name[:22]}"
            pictures.append((text, cut_out(photo, corners), cards.pixels[place.row]))
    write_table(arguments.out, rows, COLUMNS)
    print(f"{len(rows)} cards have corners, {len(missed)} do not")
    if arguments.sheets:
        arguments.sheets.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(pictures), 36):
            sheet(pictures[start : start + 36], arguments.sheets / f"photos_{start:03}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
