"""Step 5: how often is the right card first, among five, among fifty? With counts and intervals."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from cards import Cards, artwork_classes, front_name, load_cards, picture_numbers, read_table
from conditions import KINDS, STRENGTHS, queries
from export import load_tower
from photos import CORNERS, cut_out, read_photo
from retrieval import Ranks, embed, rank, second_sources
from tower import SIZE, create_tower
from vlad import learn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cards import Image
    from numpy.typing import NDArray
    from retrieval import Vectors

    Describe = Callable[[Iterable[Image]], Vectors]


def method(name: str, arguments: argparse.Namespace, cards: Cards) -> Describe:
    """Return what turns pictures of 240 x 336 into vectors."""
    size = (arguments.size[0], arguments.size[1])
    if name.startswith("vlad"):
        known = learn([cards.pixels[i] for i in np.flatnonzero(~cards.held_out)[::2]])
        return lambda images: known.describe(images, int(name[4:]))
    if name == "random":
        fresh = create_tower(0)
        # Running statistics of a fresh network are wrong; let it see some scans first.
        fresh.train()
        for _ in range(2):
            embed_in_training(fresh, cards, size)
        return lambda images: embed(fresh, images, size)
    if name == "tower":
        tower = load_tower(arguments.weights)
        return lambda images: embed(tower, images, size)
    msg = f"unknown method {name!r}"
    raise ValueError(msg)


@torch.no_grad()
def embed_in_training(model: torch.nn.Module, cards: Cards, size: tuple[int, int]) -> None:
    """Let batch normalisation see scans."""
    from retrieval import shrink, to_batch

    rows = np.flatnonzero(~cards.held_out)[:512]
    for start in range(0, len(rows), 64):
        model(to_batch([shrink(cards.pixels[i], size) for i in rows[start : start + 64]]))


def photo_queries(
    photos: Path, corners: Path, truth: Path
) -> tuple[list[Image], list[str], NDArray[np.bool_], list[str]]:
    """Return the cards cut out of photos, their names, whether they lie free, and their photos.

    Only cards whose artwork stands in the gallery are taken.
    """
    known = {(r["file"], r["name"]): r for r in read_table(truth)}
    images, names, free, files = [], [], [], []
    for row in read_table(corners):
        fact = known.get((row["file"], row["name"]))
        if fact is None or fact["artwork"] != "same":
            continue
        quad = np.array([float(row[k]) for k in CORNERS], np.float32).reshape(4, 2)
        images.append(cut_out(read_photo(photos.parent / row["file"]), quad))
        names.append(row["name"])
        free.append(float(fact["covered"]) == 0)
        files.append(row["file"])
    return images, names, np.array(free), files


def summary(ranks: Ranks) -> dict[str, object]:
    """Return a row of the report."""
    return {f"top{k}": ranks.within(k) for k in (1, 5, 50)}


def examine(
    describe: Describe, cards: Cards, arguments: argparse.Namespace
) -> dict[str, dict[str, object]]:
    """Return every figure of one method."""
    classes = artwork_classes(cards, arguments.pairs)
    pictures = picture_numbers(cards)
    began = time.perf_counter()
    gallery = describe(cards.pixels)
    report: dict[str, dict[str, object]] = {
        "gallery": {"scans": len(cards), "seconds": round(time.perf_counter() - began, 1)}
    }
    for title, wanted in (("held out", cards.held_out), ("all", np.ones(len(cards), bool))):
        rows = second_sources(classes, pictures, wanted)
        found = rank(gallery[rows], gallery, classes[rows], classes, (pictures[rows], pictures))
        report[f"second source, {title}"] = summary(found)
    rows = np.flatnonzero(cards.held_out)
    wanted_conditions: list[tuple[str, float, tuple[str, ...]]] = [
        (title, factor, KINDS)
        for title, factor in STRENGTHS.items()
        if title in arguments.strengths
    ]
    if arguments.single:
        wanted_conditions += [
            (f"{s} {kind}", f, (kind,)) for kind in KINDS for s, f in STRENGTHS.items()
        ]
    for title, factor, kinds in wanted_conditions:
        vectors = describe(queries(cards, rows, factor, 5, kinds))
        report[f"{title}, held out"] = summary(rank(vectors, gallery, classes[rows], classes))
    if arguments.photos:
        images, names, free, files = photo_queries(
            arguments.photos, arguments.corners, arguments.truth
        )
        numbers: dict[str, int] = {}
        by_name = np.array([numbers.setdefault(front_name(n), len(numbers)) for n in cards.names])
        wanted_names = np.array([numbers[front_name(n)] for n in names])
        found = rank(describe(images), gallery, wanted_names, by_name)
        report["photos, marked corners"] = summary(found)
        report["photos, marked corners, not covered"] = summary(Ranks(found.ranks[free]))
        report["photos: not first"] = {
            f"{files[i]} {names[i]}": int(found.ranks[i]) + 1 for i in np.flatnonzero(found.ranks)
        }
    return report


def main() -> int:
    """Print a report a method, and write all of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that prepare.py wrote")
    parser.add_argument("out", type=Path, help="JSON file; methods already in it are kept")
    parser.add_argument("--pairs", type=Path, required=True, help="same-artwork list")
    parser.add_argument("--methods", nargs="+", default=["tower"], help="tower, random, vlad512 …")
    parser.add_argument("--weights", type=Path, help="checkpoint or exported weights of the tower")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, help="height and width")
    parser.add_argument("--strengths", nargs="*", default=list(STRENGTHS))
    parser.add_argument("--single", action="store_true", help="each disturbance alone, too")
    parser.add_argument("--photos", type=Path, help="CSV of the photos")
    parser.add_argument("--corners", type=Path, help="CSV of corners")
    parser.add_argument("--truth", type=Path, help="CSV that says which artworks are the same")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cards = load_cards(arguments.work)
    done = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    for name in arguments.methods:
        report = examine(method(name, arguments, cards), cards, arguments)
        done[name] = report
        print(name)
        for title, row in report.items():
            print(f"  {title}: " + "; ".join(f"{k} {v}" for k, v in row.items()))
        arguments.out.write_text(json.dumps(done, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
