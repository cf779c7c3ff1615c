"""The reader of collector lines beside PP-OCR, on the same strips.

    python benchmarks/line_readers.py SHARED OUT [--every 2] [--readers own rapidocr ...]

SHARED and OUT as in printings.py, whose `build` and `photos` come first. A reader is `own`, or a
package of the registry with models inside: `rapidocr` (3.x: PP-OCRv6) and `rapidocr_onnxruntime`
(1.x: PP-OCRv4). They see the place of the lines on held-out scans, photographed as in printings.py
and cut with corners that are off by a fifth of a millimetre, and on real photos, with the corners
that the database found.

Each is asked twice: what it reads, and which of 40 printings fits best: the right one, 12 of its
set, and others. For PP-OCR that is the one with the fewest edits between what it read and what the
printing says. Milliseconds are CPU time of one thread.
"""

# A plain installation lacks what training/ needs, and the other readers.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import importlib
import io
import json
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import cv2
import numpy as np
from lines import BEFORE_M15, NEWER, held_out
from numpy.typing import NDArray
from photographs import Pixels, photograph
from PIL import Image
from printing_cards import scans
from printings import BINS, HEIGHTS, digest

from mtg_image_db.evaluation.scores import Share
from mtg_image_db.reading.reader import LineReader
from mtg_image_db.reading.strip import LINES, PIXELS_A_MM, cut_strip, where
from mtg_image_db.recognise.quads import side_lengths

Said = tuple[str, str]
"""The number as printed, and the set."""
UPPER, LOWER = (1.1, 3.6), (3.3, 5.8)
"""Where PP-OCR is shown the two lines, in mm from the top of the strip: it reads single lines."""


@dataclass(frozen=True)
class Case:
    """A card whose lines are to be read."""

    group: str
    pixels: Pixels
    corners: NDArray[np.float32]
    code: str
    number: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path, help="folder of the data")
    parser.add_argument("out", type=Path, help="where `printings.py build` built")
    parser.add_argument("--every", type=int, default=2, help="take each n-th scan")
    parser.add_argument("--readers", nargs="+", default=["own", "rapidocr"])
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    readers = {name: own() if name == "own" else ocr(name) for name in arguments.readers}
    known = {one[2:4] for one in scans(arguments.shared) if one[4] and one[3].isdigit()}
    printings = sorted(known)
    counts: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for case in cases(arguments.shared, arguments.out, arguments.every):
        others = candidates(case, printings)
        for name, read in readers.items():
            began = time.process_time()
            text, best = read(case, others)
            spent = 1000 * (time.process_time() - began)
            number = text[0].lstrip("0") == case.number if case.number else None
            right = best[0] == case.code and (not case.number or best[1] == case.number)
            code = text[1] == said(case.code, "")[1]
            counts[case.group, name].append((number, code, right, spent))
    print("| strips | reader | number read | set read | right of 40 | CPU ms |")
    print("|---|---|---|---|---|---|")
    for (group, name), some in counts.items():
        numbers = [row[0] for row in some if row[0] is not None]
        shares = (
            Share(sum(numbers), len(numbers)),
            *(Share(sum(row[i] for row in some), len(some)) for i in (1, 2)),
        )
        middle = float(np.median([row[3] for row in some]))
        print(f"| {group} | {name} | {' | '.join(map(str, shares))} | {middle:.1f} |")


def cases(shared: Path, out: Path, every: int) -> Iterator[Case]:
    """Photographed scans at each height, then real photos."""
    some = [one for one in scans(shared) if one[4] and one[3].isdigit() and held_out(one[1])]
    some = [one for one in some if one[2] not in BEFORE_M15 and Image.open(one[0]).height >= 600]
    for path, _, code, number, _ in some[::every]:
        scan = np.asarray(Image.open(path).convert("RGB"))
        for height in HEIGHTS:
            rng = np.random.default_rng(list(digest(f"{code} {number} {height}")[:8]))
            ground = np.asarray(Image.open(some[rng.integers(len(some))][0]).convert("RGB"))
            photo, corners = photograph(scan, ground, height, rng)
            pixels = np.asarray(Image.open(io.BytesIO(photo)))
            off = rng.normal(0, 0.2 * height / 88, (4, 2)).astype(np.float32)
            yield Case(f"held-out scans, {height}", pixels, corners + off, code, number)
    for answer in json.loads((out / "photos.json").read_text(encoding="utf-8")):
        if not answer["named"] or not answer["modern"] or answer["lang"][2] != "en":
            continue
        corners = np.array(answer["quad"], np.float32)
        seen = float(side_lengths(corners)[[1, 3]].mean())
        size = next(f"{low} to {high}" for low, high in BINS if low <= seen < high)
        pixels = np.asarray(Image.open(shared / answer["file"]).convert("RGB"))
        yield Case(f"photos, {size}", pixels, corners, *answer["truth"])


def candidates(case: Case, printings: list[Said]) -> list[tuple[str, str]]:
    """40 printings, as set and number; the right one first."""
    rng = random.Random(f"{case.code} {case.number}")
    right = (case.code, case.number or str(rng.randint(1, 250)))
    same = [one for one in printings if one[0] == case.code and one != right]
    same = rng.sample(same, min(12, len(same)))
    while len(same) < 12 and case.number:
        same.append((case.code, str(rng.randint(1, 280))))
    others = [one for one in printings if one[0] != case.code and one[0] not in BEFORE_M15]
    return [right, *(one for one in same if one != right), *rng.sample(others, 27)]


def said(code: str, number: str) -> Said:
    """What a printing says: the number as printed, and the set."""
    printed = code[1:] if len(code) == 4 and code[0] in "tp" else code
    return (number.zfill(4 if code in NEWER else 3) if number else ""), printed.upper()


# The readers: each gives the number and the set that it reads, and the best of the candidates.

Read = Callable[[Case, "list[tuple[str, str]]"], "tuple[Said, tuple[str, str]]"]


def own() -> Read:
    """The reader of the package."""
    reader = LineReader()

    def read(case: Case, others: list[tuple[str, str]]) -> tuple[Said, tuple[str, str]]:
        [lines] = reader.read([cut_strip(case.pixels, where(case.corners, LINES), LINES)])
        says = [said(*one) for one in others]
        marked = [f"{code}{mark}EN" for _, code in says for mark in "•★"]
        lower = np.logaddexp.reduce(lines.log_lower(marked).reshape(-1, 2), axis=1)
        upper = lines.log_upper([number for number, _ in says])
        number, line = lines.text
        return (number, re.split("[•★]", line)[0]), others[int((upper + lower).argmax())]

    return read


def ocr(package: str) -> Read:
    """PP-OCR, without its finder of lines: they are where they are."""
    module: Any = importlib.import_module(package)
    if package == "rapidocr":
        one = "EngineConfig.onnxruntime.intra_op_num_threads"
        engine = module.RapidOCR(params={one: 1, "Global.text_score": 0.0})
    else:
        engine = module.RapidOCR(intra_op_num_threads=1, text_score=0.0)

    def line_of(strip: Pixels, place: tuple[float, float]) -> str:
        top, bottom = (round(edge * PIXELS_A_MM * 2) for edge in place)
        found = engine(strip[top:bottom], use_det=False, use_cls=False, use_rec=True)
        texts = found.txts if package == "rapidocr" else [row[0] for row in found[0] or ()]
        return "".join(texts or ()).upper()

    def read(case: Case, others: list[tuple[str, str]]) -> tuple[Said, tuple[str, str]]:
        strip = cut_coloured(case)
        upper, lower = (line_of(strip, place) for place in (UPPER, LOWER))
        wanted = [said(*one) for one in others]
        misread = [
            edits(number, upper) + edits(f"{code}EN", re.sub("[^A-Z0-9]", "", lower))
            for number, code in wanted
        ]
        number = re.search(r"\d{3,4}", upper)
        code = re.match(r"[A-Z0-9]{3}", re.sub("[^A-Z0-9]", "", lower))
        text = (number.group() if number else "", code.group() if code else "")
        return text, others[int(np.argmin(misread))]

    return read


def cut_coloured(case: Case) -> Pixels:
    """The strip in colour at twice the size, as PP-OCR wants it: blue first."""
    corners, (wide, high) = where(case.corners, LINES), LINES.size
    target = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32) * 2
    matrix = cv2.getPerspectiveTransform(corners - np.float32(0.5), target - np.float32(0.5))
    size = (2 * wide, 2 * high)
    strip = cv2.warpPerspective(case.pixels, matrix, size, flags=cv2.INTER_CUBIC)
    return np.ascontiguousarray(strip[..., ::-1])


def edits(text: str, within: str) -> int:
    """The fewest edits that make a text of some part of another one."""
    row = [0] * (len(within) + 1)
    for i, letter in enumerate(text, start=1):
        before, row = row, [i]
        for j, other in enumerate(within, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other)))
    return min(row)


if __name__ == "__main__":
    main()
