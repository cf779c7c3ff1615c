"""Help to mark the corners of cards on photos, and look at what was marked.

    python mark_corners.py card_corners.csv SHARED --sheets FOLDER
    python mark_corners.py card_corners.csv SHARED --scans SHARED/cards/gallery.csv

The first draws every labelled quad over its photo, for a person. The second matches the cards that
have a name with the scans of that name and prints how far the labels are from the homographies.
`card_from_points` gives the four corners of a card of which only a part is in the photo.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from cards import HEIGHT, WIDTH, as_image, front_name, read_table
from photos import describe, plausible, read_photo

if TYPE_CHECKING:
    from cards import Image
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

CARD = np.array([[-31.5, -44.0], [31.5, -44.0], [31.5, 44.0], [-31.5, 44.0]])
"""Corners of a card around its middle, in mm, clockwise from its top left."""
EDGES = {"left": (0, 3), "right": (1, 2), "bottom": (3, 2)}
FOCAL = 0.85
"""Focal length in units of the photo's longer side: a phone's main camera. By hand."""
POINT_ERROR = 3.0
"""How well a point is marked, in pixels. By hand."""
USUAL_TILT = 0.2
"""Sine of the tilt that is as unlikely as a point that is off by `POINT_ERROR`. By hand."""
LEAST_INLIERS = 30
SAME_OVERLAP = 0.6


@dataclass(frozen=True)
class Label:
    """A row of ``card_corners.csv``: corners of shape (4, 2), in pixels."""

    photo: str
    number: int
    name: str
    corners: Points


def read_labels(path: Path) -> dict[str, list[Label]]:
    """Return the labels of each photo; those without a card have none."""
    labels: dict[str, list[Label]] = {}
    for row in read_table(path):
        cards = labels.setdefault(row["photo"], [])
        if row["card"]:
            values = [float(row[f"{axis}{i}"]) for i in (1, 2, 3, 4) for axis in "xy"]
            corners = np.array(values).reshape(4, 2)
            cards.append(Label(row["photo"], int(row["card"]), row["name"], corners))
    return labels


def photo_path(shared: Path, photo: str) -> Path:
    """Return the file of a photo that a label calls ``cards/name.jpg``."""
    folder, _, name = photo.partition("/")
    return shared / folder / "photos" / name


def projected(pose: Points, focal: float, middle: Points) -> Points:
    """Return where a pinhole camera sees the corners of a card.

    ``pose`` holds a rotation vector and a place in mm, ``focal`` and ``middle`` are pixels.
    """
    rotation, _ = cv2.Rodrigues(pose[:3])
    places = np.c_[CARD, np.zeros(4)] @ np.asarray(rotation).T + pose[3:]
    return np.asarray(places[:, :2] / places[:, 2:] * focal + middle)


def card_from_points(
    top_left: Points, top_right: Points, edges: dict[str, Points], size: tuple[int, int]
) -> Points:
    """Return a card's corners from its upper two and points on its other edges.

    A pose is fitted (Levenberg and Marquardt); without points on edges the card faces the camera.

    Parameters
    ----------
    top_left, top_right : array of shape (2,)
        Pixels; they may lie outside the photo.
    edges : dict
        A point on ``left``, ``right`` or ``bottom`` each, as far from the upper corners as can be.
    size : tuple of int
        Width and height of the photo.
    """
    focal, middle = FOCAL * max(size), np.array(size) / 2
    across = top_right - top_left
    width = float(np.linalg.norm(across))
    down = np.array([-across[1], across[0]]) * 44 / 63
    depth = focal * 63 / width
    place = ((top_left + top_right) / 2 + down - middle) / focal * depth
    pose = np.array([0, 0, np.arctan2(across[1], across[0]), *place, depth])

    def errors(pose: Points) -> Points:
        corners = projected(pose, focal, middle)
        off = [*(corners[0] - top_left), *(corners[1] - top_right)]
        for edge, point in edges.items():
            start, end = (corners[i] for i in EDGES[edge])
            along, to_point = (end - start) / np.linalg.norm(end - start), point - start
            off.append(along[0] * to_point[1] - along[1] * to_point[0])
        rotation, _ = cv2.Rodrigues(pose[:3])
        tilt = np.asarray(rotation)[:2, 2] / USUAL_TILT
        return np.array([*(np.array(off) / POINT_ERROR), *tilt])

    damping, now = 1e-3, errors(pose)
    for _ in range(40):
        steps = 1e-5 * np.maximum(1, np.abs(pose))
        slopes = [(errors(pose + step) - now) / step.sum() for step in np.diag(steps)]
        jacobian = np.stack(slopes, axis=1)
        square = jacobian.T @ jacobian
        square += damping * np.diag(np.diag(square) + 1e-9)
        tried = pose - np.linalg.solve(square, jacobian.T @ now)
        then = errors(tried)
        if then @ then < now @ now:
            pose, now, damping = tried, then, damping / 3
        else:
            damping *= 4
    return projected(pose, focal, middle)


def copies(photo: Image, scan: Image, most: int = 6) -> list[tuple[int, Points]]:
    """Return inliers and corners of every copy of a scan on a photo, best first.

    Each point of the photo looks for its like on the scan, so copies do not compete; the inliers
    of one copy are taken away before the next is fitted.
    """
    points, descriptors = describe(photo, 6000)
    own_points, own = describe(as_image(cv2.resize(scan, (2 * WIDTH, 2 * HEIGHT))), 1500)
    if min(len(descriptors), len(own)) < 8:
        return []
    similarity = descriptors @ own.T
    best = similarity.argmax(1)
    first = similarity[np.arange(len(best)), best]
    second = np.partition(similarity, -2, axis=1)[:, -2]
    left = np.flatnonzero((1 - first) < 0.82**2 * (1 - second))
    found: list[tuple[int, Points]] = []
    outline = np.array([[[0, 0]], [[WIDTH, 0]], [[WIDTH, HEIGHT]], [[0, HEIGHT]]], np.float32)
    while len(left) >= LEAST_INLIERS and len(found) < most:
        matrix, mask = cv2.findHomography(
            own_points[best[left]] / 2, points[left], cv2.USAC_MAGSAC, 4.0, maxIters=5000
        )
        if matrix is None:
            break
        inlier = mask.ravel() > 0
        count = len(np.unique(best[left][inlier]))
        if count < LEAST_INLIERS:
            break
        corners = np.asarray(cv2.perspectiveTransform(outline, matrix)[:, 0], np.float32)
        if plausible(corners, photo):
            found.append((count, corners.astype(np.float64)))
        left = left[~inlier]
    return sorted(found, key=lambda copy: -copy[0])


def overlap(one: Points, other: Points) -> float:
    """Return the intersection over the union of two convex quads."""
    first, second = np.float32(one), np.float32(other)
    shared, _ = cv2.intersectConvexConvex(first, second)
    return float(shared / (cv2.contourArea(first) + cv2.contourArea(second) - shared))


def drawn(photo: Image, labels: list[Label], longer: int) -> Image:
    """Return the photo with every quad, its number, and a line to its top."""
    scale = longer / max(photo.shape[:2])
    picture = as_image(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    colours = [(255, 0, 0), (0, 255, 0), (0, 128, 255), (255, 255, 0), (255, 0, 255)]
    for label in labels:
        corners, colour = label.corners * scale, colours[label.number % len(colours)]
        middle, top = corners.mean(0), corners[:2].mean(0)
        inner = top * 0.8 + middle * 0.2
        start, end = ([round(v) for v in p] for p in (inner, top))
        cv2.polylines(picture, [corners.round().astype(np.int32)], True, colour, 1, cv2.LINE_AA)
        cv2.line(picture, start, end, colour, 2)
        cv2.putText(picture, str(label.number), start, cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2)
    return picture


def main() -> int:
    """Draw labels, or compare them with homographies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, help="card_corners.csv")
    parser.add_argument("shared", type=Path, help="folder with cards/ and cards2/")
    parser.add_argument("--sheets", type=Path, help="draw the labels into this folder")
    parser.add_argument("--scans", type=Path, help="gallery.csv to compare with")
    arguments = parser.parse_args()
    scans: dict[str, list[Path]] = {}
    for row in read_table(arguments.scans) if arguments.scans else []:
        place = arguments.scans.parent / row["file"]
        scans.setdefault(front_name(row["name"]), []).append(place)
    for name, labels in read_labels(arguments.labels).items():
        photo = read_photo(photo_path(arguments.shared, name))
        if arguments.sheets:
            arguments.sheets.mkdir(parents=True, exist_ok=True)
            picture = cv2.cvtColor(drawn(photo, labels, 800), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(arguments.sheets / f"{Path(name).stem}.png"), picture)
        for card in dict.fromkeys(front_name(label.name) for label in labels):
            for scan in scans.get(card, []):
                for inliers, corners in copies(photo, read_photo(scan)):
                    label = max(labels, key=lambda each: overlap(each.corners, corners))
                    if overlap(label.corners, corners) < SAME_OVERLAP:
                        print(f"{name}: {card}, {inliers} inliers, where no label is")
                        continue
                    height = np.linalg.norm(label.corners[3] - label.corners[0])
                    off = np.linalg.norm(label.corners - corners, axis=1) / height
                    print(f"{name}: {label.number} {card}, {inliers} inliers, off", off.round(3))
    return 0


if __name__ == "__main__":
    sys.exit(main())
