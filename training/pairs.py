"""Step 2: tell which scans show the same artwork.

Of scans that share a name, local features of the art boxes are matched and a homography is fitted;
the pictures are then laid over each other and correlated. Clear cases are decided; the others are
drawn side by side for a person, whose verdicts (a CSV with columns file_a, file_b, state) overrule
the measurement. Scans of other names are the same only if all but every feature agrees: that is one
card under two spellings, or a file under a wrong name.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from cards import Cards, as_image, front_name, load_cards, read_table, write_table

if TYPE_CHECKING:
    from cards import Image
    from numpy.typing import NDArray

ART = (34, 190, 14, 226)
"""Top, bottom, left, right of the art box on a card of 240 x 336."""
SCALE = 2
SAME_INLIERS, SAME_CORRELATION = 25, 0.60
DIFFERENT_INLIERS, DIFFERENT_CORRELATION = 9, 0.45
TWIN_CORRELATION, TWIN_INLIERS = 0.96, 340
"""Sagas and rooms of other names, which share half of what is in the box, reach 0.94 and 315."""
COLUMNS = ("name", "file_a", "file_b", "inliers", "correlation", "state", "decided_by")


@dataclass(frozen=True)
class Features:
    """Keypoints of an art box (pixels of the doubled box) and their RootSIFT descriptors."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    grey: NDArray[np.uint8]


def art_features(card: Image) -> Features:
    """Describe the art box of a card."""
    top, bottom, left, right = ART
    small = cv2.cvtColor(card[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    grey = as_image(cv2.resize(small, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC))
    sift = cv2.SIFT.create(nfeatures=900, contrastThreshold=0.015)
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32), grey)
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-6))
    points = np.array([k.pt for k in keypoints], dtype=np.float32)
    return Features(points, root.astype(np.float32), grey)


def compare(a: Features, b: Features) -> tuple[int, float]:
    """Return the inliers of a homography from ``a`` to ``b`` and the correlation under it."""
    if min(len(a.points), len(b.points)) < 8:
        return 0, 0.0
    similarity = a.descriptors @ b.descriptors.T
    best_b, best_a = similarity.argmax(1), similarity.argmax(0)
    mutual = np.flatnonzero(best_a[best_b] == np.arange(len(best_b)))
    second = np.partition(similarity[mutual], -2, axis=1)[:, -2]
    first = similarity[mutual, best_b[mutual]]
    # On unit vectors a squared distance is 2 - 2 s; Lowe's ratio of 0.85 is taken on distances.
    kept = mutual[(1 - first) < 0.85**2 * (1 - second)]
    if len(kept) < 6:
        return len(kept), 0.0
    source, target = a.points[kept], b.points[best_b[kept]]
    matrix, mask = cv2.findHomography(source, target, cv2.USAC_MAGSAC, 4.0, maxIters=2000)
    if matrix is None:
        return 0, 0.0
    height, width = b.grey.shape
    warped = cv2.warpPerspective(a.grey, matrix, (width, height))
    seen = cv2.warpPerspective(np.full_like(a.grey, 255), matrix, (width, height)) > 128
    inliers = int(mask.sum())
    if seen.mean() < 0.25:
        return inliers, 0.0
    x = cv2.GaussianBlur(warped, (0, 0), 2.5)[seen].astype(np.float64)
    y = cv2.GaussianBlur(b.grey, (0, 0), 2.5)[seen].astype(np.float64)
    return inliers, float(np.corrcoef(x, y)[0, 1])


def decide(inliers: int, correlation: float) -> str:
    """Return ``same``, ``different`` or, between the two, ``look``."""
    if inliers >= SAME_INLIERS and correlation >= SAME_CORRELATION:
        return "same"
    if inliers <= DIFFERENT_INLIERS and correlation <= DIFFERENT_CORRELATION:
        return "different"
    return "look"


def alike(cards: Cards, least: float = 0.93) -> list[tuple[int, int]]:
    """Return the pairs of scans of different names whose art boxes agree when very small."""
    top, bottom, left, right = ART
    boxes = [
        cv2.resize(
            cv2.cvtColor(card[top:bottom, left:right], cv2.COLOR_RGB2GRAY),
            (24, 18),
            interpolation=cv2.INTER_AREA,
        )
        for card in cards.pixels
    ]
    small = np.stack(boxes).reshape(len(cards), -1).astype(np.float32)
    small -= small.mean(1, keepdims=True)
    small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)
    names = [front_name(name) for name in cards.names]
    near = np.argwhere(np.triu(small @ small.T > least, 1))
    return [(int(i), int(j)) for i, j in near if names[i] != names[j]]


def draw(pixels: Image, pairs: list[tuple[int, int, str]], path: Path) -> None:
    """Write pairs side by side, each under its number, 8 a row."""
    tiles = []
    for i, j, text in pairs:
        both = [cv2.resize(pixels[k], (120, 168), interpolation=cv2.INTER_AREA) for k in (i, j)]
        tile = cv2.copyMakeBorder(
            np.hstack(both), 16, 4, 2, 6, cv2.BORDER_CONSTANT, value=(255,) * 3
        )
        cv2.putText(tile, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (200, 0, 0), 1)
        tiles.append(tile)
    while len(tiles) % 6:
        tiles.append(np.full_like(tiles[0], 255))
    rows = [np.hstack(tiles[k : k + 6]) for k in range(0, len(tiles), 6)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def main() -> int:
    """Write the pair list, and sheets of the pairs that wait for a person."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that prepare.py wrote")
    parser.add_argument("out", type=Path, help="the pair list, a CSV file")
    parser.add_argument("--verdicts", type=Path, help="CSV of pairs that a person has judged")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of undecided pairs")
    arguments = parser.parse_args()
    cards = load_cards(arguments.work)
    judged = {
        (row["file_a"], row["file_b"]): row["state"]
        for row in (read_table(arguments.verdicts) if arguments.verdicts else [])
    }

    groups: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(cards.names):
        groups[front_name(name)].append(i)
    rows: list[dict[str, object]] = []
    waiting: list[tuple[int, int, str]] = []
    for members in (m for m in groups.values() if len(m) > 1):
        features = {i: art_features(cards.pixels[i]) for i in members}
        for i, j in combinations(members, 2):
            inliers, correlation = compare(features[i], features[j])
            state, decided_by = decide(inliers, correlation), "measurement"
            files = (cards.files[i], cards.files[j])
            if files in judged:
                state, decided_by = judged[files], "eye"
            elif state == "look":
                waiting.append((i, j, f"{len(rows)} n{inliers} c{correlation:.2f}"))
                state = "unsure"
            measured = (*files, inliers, f"{correlation:.3f}", state, decided_by)
            rows.append(dict(zip(COLUMNS, (cards.names[i], *measured), strict=True)))
    for i, j in alike(cards):
        inliers, correlation = compare(*(art_features(cards.pixels[k]) for k in (i, j)))
        if inliers >= TWIN_INLIERS and correlation >= TWIN_CORRELATION:
            names = f"{cards.names[i]} | {cards.names[j]}"
            files = (cards.files[i], cards.files[j])
            measured = (*files, inliers, f"{correlation:.3f}", "same", "measurement")
            rows.append(dict(zip(COLUMNS, (names, *measured), strict=True)))
    write_table(arguments.out, rows, COLUMNS)
    for state in ("same", "different", "unsure"):
        print(state, sum(row["state"] == state for row in rows))
    if arguments.sheets:
        arguments.sheets.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(waiting), 36):
            draw(cards.pixels, waiting[start : start + 36], arguments.sheets / f"{start:05}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
