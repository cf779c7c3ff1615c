"""Find where the letters of the scans' titles stand: python place_titles.py SHARED STATE.

A network that reads them already says so. Writes STATE/places.npz: for each scan whose title is
read, by its path, the middles of its characters. Training goes on with these: what covers a letter
is then known for scans as well.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from export_titles import load
from rapidfuzz.distance import OSA
from title_scans import Title, of_scan, scans

from mtg_image_db.reading.network import normalised
from mtg_image_db.reading.strip import CARD_MM
from mtg_image_db.reading.title_reader import CODES, best_text
from mtg_image_db.reading.title_strip import cut_title, title_corners

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from title_scans import Grey

_LEAST_LIKE = 0.75
"""Least similarity of what is read and the name: below, the title stands elsewhere. By hand."""


def strip_of(title: Title) -> Grey:
    """The title of a scan, cut out exactly."""
    wide, high = CARD_MM
    card = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32)
    return cut_title(title.pixels, title_corners(card * np.float32(title.scale)))


def aligned(logs: NDArray[np.float32], text: str) -> NDArray[np.float64]:
    """The place of each character of a text, [n], on the most probable way to write it."""
    codes = np.zeros(2 * len(text) + 1, int)
    codes[1::2] = [CODES[letter] for letter in text]
    skips = np.zeros(len(codes), bool)
    skips[3::2] = codes[3::2] != codes[1:-2:2]
    score = np.full(len(codes), -np.inf)
    score[:2] = logs[0, codes[:2]]
    came = np.zeros((len(logs), len(codes)), int)
    for step, place in enumerate(logs[1:], start=1):
        one = np.append(-np.inf, score[:-1])
        two = np.where(skips, np.append([-np.inf, -np.inf], score[:-2]), -np.inf)
        both = np.stack([score, one, two])
        came[step] = both.argmax(0)
        score = both.max(0) + place[codes]
    state = len(codes) - 1 - int(score[-2] > score[-1])
    found: list[list[int]] = [[] for _ in codes]
    for step in range(len(logs) - 1, -1, -1):
        found[state].append(step)
        state -= came[step, state]
    return np.array([np.mean(some) for some in found[1::2]])


def _middle(strip: Grey, left: int, right: int) -> float:
    """The row of the letters' middle: upright strokes are strong there."""
    part = cv2.GaussianBlur(strip, (3, 3), 0)[4:34, max(0, left) : right].astype(np.float32)
    ink = np.abs(np.diff(part, axis=1)).mean(1)
    ink = np.clip(ink - np.median(ink), 0, None) + 1e-3
    return 4.5 + float((ink * np.arange(len(ink))).sum() / ink.sum())


def main() -> None:
    """Write the file."""
    shared, state = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    net = load(state / "titles.pt")
    places = {}
    every = scans(shared, held_out=False)
    for path, name in every:
        title = of_scan(path, name)
        strip = strip_of(title)
        with torch.inference_mode():
            logs = net(torch.from_numpy(normalised([strip])))[0].numpy()
        if OSA.normalized_similarity(best_text(logs), title.text) < _LEAST_LIKE:
            continue
        along = aligned(logs, title.text) * 2 + 1
        y = _middle(strip, int(along[0]) - 4, int(along[-1]) + 4)
        [[left, top]] = title_corners(np.array([(0, 0), (63, 0), (63, 88), (0, 88)], np.float32))[
            :1
        ]
        centres = np.stack([left + along / 4, np.full(len(along), top + y / 4)], 1)
        places[str(path.relative_to(shared))] = centres.astype(np.float32)
    np.savez(state / "places.npz", **places)
    print(f"{len(places)} of {len(every)} scans")


if __name__ == "__main__":
    main()
