"""How often is the right card first, among five, among fifty? With counts and 95 % intervals.

    python benchmarks/recognition.py measure CARDS WORK --out training/results.json
        [--methods encoder phash64 ...] [--encoder MODEL WEIGHTS] [--every 5]
    python benchmarks/recognition.py tables --out training/results.json

CARDS holds photos.csv, WORK is what training/prepare.py wrote. Everything runs on one core. Names
are held out of training by a hash (training/cards.py); every query is searched among all scans.

- second source: a scan finds another scan of its artwork. It sees neither itself nor its copies.
- augmentation: a held-out scan, disturbed, finds itself or another scan of its artwork.
- photos: a card cut out at marked corners finds a scan of its name. Training saw no photo, but
  scans of those names that are not held out.
- distractors: cards recombined from the gallery's own (training/recombine.py) stand in for artworks
  that we do not have. That estimates what a larger gallery does; it does not measure it.

A wrong card that scores as high as the right one counts as ranked before it.
"""

# A plain installation lacks what training/ needs.
# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import os

# torch reads these when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABELS = Path(__file__).parents[1] / "training"
sys.path.insert(0, str(LABELS))

import cv2
import numpy as np
from cards import artwork_classes, front_name, load_cards, picture_numbers, read_table
from conditions import KINDS, STRENGTHS, queries
from numpy.typing import NDArray
from photos import CORNERS, cut_out, read_photo
from recombine import recombine
from representations import (
    TITLES,
    Encode,
    Integers,
    LocalFeatures,
    Pixels,
    Vectors,
    in_batches,
    method,
)
from retrieval import rank, second_sources, wilson

from mtg_image_db.encoders import EncoderChoice

DISTRACTORS = (0, 10_000, 25_000, 47_500)
PLACES = (1, 5, 50)
TOGETHER = "all together"


@dataclass(frozen=True)
class Gallery:
    """What is searched: every scan, then the distractors.

    Parameters
    ----------
    cards
        The scans, as `training/cards.py` opens them.
    artworks, pictures
        Each scan's artwork; a number that scans share if they agree in every pixel.
    distractors
        How many there are at most.
    """

    cards: Any
    artworks: Integers
    pictures: Integers
    distractors: int

    def image(self, row: int) -> Pixels:
        """Return a scan, or a distractor: a function of its row alone."""
        pixels: NDArray[np.uint8] = self.cards.pixels
        if row < len(pixels):
            return np.asarray(pixels[row])
        rng = np.random.default_rng([47, row])
        lenders = rng.integers(0, len(pixels), 4)
        return np.asarray(recombine(rng, *(np.asarray(pixels[i]) for i in lenders)))

    def __len__(self) -> int:
        """Return how many scans and distractors there are."""
        return len(self.pictures) + self.distractors


@dataclass(frozen=True)
class Questions:
    """Pictures, and what answers them.

    Parameters
    ----------
    images
        The queries.
    wanted, known
        The class of each query and of each scan; a right answer shares the query's class.
    own
        The number of each query's picture, if it must not find that.
    """

    images: list[Pixels]
    wanted: Integers
    known: Integers
    own: Integers | None = None


@dataclass(frozen=True)
class Method:
    """A representation and the gallery in it; with local features, a second look at the first."""

    encode: Encode
    gallery: Gallery
    vectors: Vectors
    local: LocalFeatures | None

    def ranks(self, asked: Questions, sizes: Sequence[int] = (0,)) -> list[Any]:
        """Return the `retrieval.Ranks` among the scans and each number of distractors."""
        described = in_batches(self.encode, asked.images)
        found = []
        for size in sizes:
            # No query wants a distractor, and none is one.
            known, pictures = (
                np.concatenate([numbers, np.full(size, -1, np.int64)])
                for numbers in (asked.known, self.gallery.pictures)
            )
            hidden = None if asked.own is None else (asked.own, pictures)
            vectors = described, self.vectors[: len(known)]
            if self.local:
                classes = asked.wanted, known
                found.append(self.local.ranks(asked.images, vectors, classes, hidden))
            else:
                found.append(rank(*vectors, asked.wanted, known, hidden))
        return found

    def milliseconds(self, asked: Questions) -> float:
        """Return the CPU time of a query: of its vector, and of its local features' matches.

        CPU time, because others may use the machine; the second time, when caches are full. In
        batches of 16, of photos' cards: SIFT's time depends on the picture.
        """
        few = Questions(asked.images[:32], asked.wanted[:32], asked.known)
        for _ in range(2):
            began = time.process_time()
            _ = self.ranks(few) if self.local else in_batches(self.encode, few.images)
            seconds = time.process_time() - began
        return round(1000 * seconds / len(few.images), 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure")
    measure.add_argument("cards", type=Path, help="folder of photos.csv")
    measure.add_argument("work", type=Path, help="folder that training/prepare.py wrote")
    measure.add_argument("--encoder", nargs=2, help="MODEL and WEIGHTS; default: the package's")
    measure.add_argument("--every", type=int, default=1, help="take every Nth query of scans")
    measure.add_argument("--distractors", type=int, default=DISTRACTORS[-1], help="at most")
    tables = commands.add_parser("tables")
    for command in (measure, tables):
        command.add_argument("--methods", nargs="+", choices=TITLES, default=list(TITLES))
        command.add_argument("--out", type=Path, required=True, help="JSON; other methods are kept")
    arguments = parser.parse_args()
    done = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    if arguments.command == "tables":
        print_tables({name: done[name] for name in arguments.methods if name in done})
        return
    # Some of the libraries count cores to choose their threads.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    cards = load_cards(arguments.work)
    artworks = artwork_classes(cards, LABELS / "artwork_pairs.csv")
    gallery = Gallery(cards, artworks, picture_numbers(cards), arguments.distractors)
    choice = EncoderChoice()
    if arguments.encoder:
        choice = EncoderChoice(arguments.encoder[0], arguments.encoder[1], fit="squash")
    for name in arguments.methods:
        began = time.perf_counter()
        known = [cards.pixels[row] for row in np.flatnonzero(~cards.held_out)]
        encode, identity = method(name, choice, known)
        vectors = in_batches(encode, map(gallery.image, range(len(gallery))))
        local = LocalFeatures(gallery.image) if name == "local" else None
        report = {"method": identity, "dimension": vectors.shape[1], "every": arguments.every}
        report |= examine(Method(encode, gallery, vectors, local), arguments)
        done[name] = report | {"seconds": round(time.perf_counter() - began)}
        arguments.out.write_text(json.dumps(done, indent=1) + "\n")


def examine(searched: Method, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the time of a query and every figure of one method."""
    gallery, cards, every = searched.gallery, searched.gallery.cards, arguments.every
    sizes = [size for size in DISTRACTORS if size <= gallery.distractors]
    figures: dict[str, dict[str, int]] = {}

    def note(title: str, ranks: NDArray[np.int64]) -> None:
        figures[title] = {"of": len(ranks)} | {str(k): int((ranks < k).sum()) for k in PLACES}
        print(f"{title}: {figures[title]}", flush=True)

    rows = second_sources(gallery.artworks, gallery.pictures, np.ones(len(cards), bool))[::every]
    images = [cards.pixels[row] for row in rows]
    wanted, own = gallery.artworks[rows], gallery.pictures[rows]
    found = searched.ranks(Questions(images, wanted, gallery.artworks, own))[0].ranks
    note("second source, held-out names", found[cards.held_out[rows]])
    note("second source, all names", found)

    asked, free = photo_questions(arguments.cards / "photos.csv", cards)
    for size, ranks in zip(sizes, searched.ranks(asked, sizes), strict=True):
        note(with_distractors("photos, uncovered cards", size), ranks.ranks[free])
        note(with_distractors("photos, all cards", size), ranks.ranks)
    milliseconds = searched.milliseconds(asked)

    rows = np.flatnonzero(cards.held_out)[::every]
    for kind in (*KINDS, TOGETHER):
        kinds = KINDS if kind == TOGETHER else (kind,)
        for strength, factor in STRENGTHS.items():
            images = queries(cards, rows, factor, 5, kinds)
            asked = Questions(images, gallery.artworks[rows], gallery.artworks)
            steps = sizes if (kind, strength) == (TOGETHER, "medium") else [0]
            for size, ranks in zip(steps, searched.ranks(asked, steps), strict=True):
                note(with_distractors(f"{kind}, {strength}", size), ranks.ranks)
    return {"ms": milliseconds, "figures": figures}


def photo_questions(table: Path, cards: Any) -> tuple[Questions, NDArray[np.bool_]]:
    """Return the cards cut out of photos, and which of them lie under no other.

    Only cards whose artwork is known to stand in the gallery are taken.
    """
    truth = {(r["file"], r["name"]): r for r in read_table(LABELS / "photo_truth.csv")}
    images, wanted, free = [], [], []
    numbers: dict[str, int] = {}
    known = [numbers.setdefault(front_name(name), len(numbers)) for name in cards.names]
    for row in read_table(LABELS / "photo_corners.csv"):
        fact = truth.get((row["file"], row["name"]))
        if fact is None or fact["artwork"] != "same":
            continue
        quad = np.array([float(row[k]) for k in CORNERS], np.float32).reshape(4, 2)
        images.append(cut_out(read_photo(table.parent / row["file"]), quad))
        wanted.append(numbers[front_name(row["name"])])
        free.append(float(fact["covered"]) == 0)
    return Questions(images, np.array(wanted), np.array(known)), np.array(free)


def with_distractors(title: str, count: int) -> str:
    return f"{title}, {count:,} distractors" if count else title


def print_tables(done: dict[str, Any]) -> None:
    """Print Markdown; a column is a method."""
    head = "| | " + " | ".join(TITLES[name] for name in done) + " |\n" + "|---" * (len(done) + 1)
    print(f"{head}|")
    print("| dimensions | " + " | ".join(str(r["dimension"]) for r in done.values()) + " |")
    print("| ms a query, one core | " + " | ".join(str(r["ms"]) for r in done.values()) + " |")
    photos = ["photos, uncovered cards", "photos, all cards"]
    second = [f"second source, {names} names" for names in ("held-out", "all")]
    augmented = [f"{kind}, {strength}" for kind in (*KINDS, TOGETHER) for strength in STRENGTHS]
    crowded = [
        with_distractors(title, count)
        for title in (f"{TOGETHER}, medium", *photos)
        for count in DISTRACTORS
    ]
    parts = (second, PLACES), (augmented, (1, 50)), (photos, PLACES), (crowded, (1, 50))
    for titles, places in parts:
        print(f"\n{head}|")
        for k in places:
            for title in titles:
                cells = [cell(report["figures"].get(title), k) for report in done.values()]
                print(f"| {title}: {f'among {k}' if k > 1 else 'first'} | {' | '.join(cells)} |")


def cell(figure: dict[str, int] | None, k: int) -> str:
    """Return share, count and interval."""
    if figure is None:
        return "not measured"
    hits, total = figure[str(k)], figure["of"]
    low, high = wilson(hits, total)
    return f"{100 * hits / total:.1f} % ({hits}/{total}; {100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
