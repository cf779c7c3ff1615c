"""Which printing, which finish, which language: how often the answer is right.

    python benchmarks/printings.py build SHARED OUT
    python benchmarks/printings.py synthetic SHARED OUT [--scans 400]
    python benchmarks/printings.py photos SHARED OUT

SHARED holds printings/scans.csv, scryfall/sample, cards/ and cards2/ (they are not in the
repository). OUT gets a database that is built as users build theirs (image_cache and index_out),
the synthetic photos, and the answers (synthetic.json, photos.json).

printing_cards.py says what the database knows, photographs.py how scans are photographed.

A synthetic photo shows one scan on a ground made of another one: turned and in perspective, under
uneven light, a cast, in a third of them with glare, blurred, noisy, and saved as JPEG.

Finishes were labelled by eye: the mark that stands on a photographed card, or on a scan
(training/photo_finishes.csv, training/scan_finishes.csv).
"""

# A plain installation lacks what training/ needs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

LABELS = Path(__file__).parents[1] / "training"
sys.path.insert(0, str(LABELS))

import cv2
import numpy as np
from cards import read_table
from lines import held_out
from photographs import photograph
from PIL import Image
from printing_cards import Truth, build, label, photo_labels

from mtg_image_db import Database
from mtg_image_db.database.answers import CardAnswer
from mtg_image_db.database.printing_reader import candidates_of
from mtg_image_db.download.paths import image_paths
from mtg_image_db.evaluation.labels import plain_name
from mtg_image_db.evaluation.scores import Share
from mtg_image_db.reading.printed import printed
from mtg_image_db.recognise.quads import side_lengths
from mtg_image_db.scryfall.printing import Printing

HEIGHTS = (300, 400, 500, 700)
BINS = ((0, 250), (250, 400), (400, 10_000))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("build", "synthetic", "photos"))
    parser.add_argument("shared", type=Path, help="folder of the data")
    parser.add_argument("out", type=Path, help="where the database and the answers go")
    parser.add_argument("--scans", type=int, default=400, help="photograph at most so many")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.command == "build":
        build(arguments.shared, arguments.out)
        return
    cache = arguments.out / "image_cache"
    with Database.open(arguments.out / "index_out", cache=cache) as database:
        if arguments.command == "synthetic":
            records = list(ask_synthetic(database, cache, arguments.out, arguments.scans))
            unseen = [one for one in records if one["held_out"]]
            for title, some in (("names held out", unseen), ("all names", records)):
                sizes = [(f"{h}", [r for r in some if r["asked"] == h]) for h in HEIGHTS]
                print_tables(title, sizes)
        else:
            records = list(ask_photos(database, arguments.shared))
            print_tables("photos, M15 or later", by_height([r for r in records if r["modern"]]))
            print_tables("photos, older", by_height([r for r in records if not r["modern"]]))
            print_tables("photos, all", by_height(records))
    path = arguments.out / f"{arguments.command}.json"
    path.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def digest(text: str) -> bytes:
    """A number that depends on a text only."""
    return hashlib.sha256(text.encode()).digest()


# Asking.


def ask_synthetic(
    database: Database, cache: Path, out: Path, most: int
) -> Iterator[dict[str, Any]]:
    """Photograph scans that have several printings, at each height: held-out names first."""
    (out / "photos").mkdir(exist_ok=True)
    table = LABELS / "scan_finishes.csv"
    finishes = {row["scryfall_id"]: row["finish"] for row in read_table(table)}
    grounds = sorted(cache.glob("images/**/*.*"))
    some = sorted(
        several_printings(database, cache),
        key=lambda one: (not held_out(one[0].name), digest(one[0].scryfall_id)),
    )
    for printing, path in some[:most]:
        scan = np.asarray(Image.open(path).convert("RGB"))
        finish = finishes.get(printing.scryfall_id, "")
        for height in HEIGHTS:
            photo = out / "photos" / f"{printing.scryfall_id}-{height}.jpg"
            if not photo.exists():
                rng = np.random.default_rng(list(digest(photo.name)[:8]))
                ground = Image.open(grounds[rng.integers(len(grounds))]).convert("RGB")
                photo.write_bytes(photograph(scan, np.asarray(ground), height, rng)[0])
            truth = frozenset([printing.set]), printing.collector_number
            answers = database.recognise(photo).cards
            named = [a for a in answers if a.face and same_name(a.face.name, printing.name)]
            record = judged(named[0] if named else None, truth, "en", finish)
            yield record | {
                "file": str(photo),
                "name": printing.name,
                "asked": height,
                "held_out": held_out(printing.name),
            }


def several_printings(database: Database, cache: Path) -> Iterator[tuple[Printing, Path]]:
    """Front faces with exact labels, an image of full size, and other printings of the artwork."""
    gallery = database.gallery
    for row in gallery.rows():
        face = gallery.face(row)
        paths = image_paths(cache, face.face_id)
        if face.face_id.endswith(":face:1") or face.layout == "art_series" or not paths:
            continue
        others = {one.label for one in gallery.printings(face)} - {face.label}
        with Image.open(paths[0]) as image:
            large = image.height >= 600
        if large and others and printed(face.printing).modern:
            yield face.printing, paths[0]


def ask_photos(database: Database, shared: Path) -> Iterator[dict[str, Any]]:
    """Ask about each photo that shows a printing which the database knows."""
    gallery = database.gallery
    faces = {plain_name(face.name): face for face in map(gallery.face, gallery.rows())}
    shown_with: dict[str, set[str]] = defaultdict(set)
    for face in map(gallery.face, gallery.rows()):
        shown_with[face.illustration_id].add(face.label)
    for path, lang, known, finishes in photo_labels(shared):
        wanted = {plain_name(name): name for name in known if plain_name(name) in faces}
        cards = database.recognise(path).cards if wanted else ()
        for plain, name in wanted.items():
            here = gallery.printings(faces[plain])
            right = [one for one in here if is_truth(one, known[name])]
            if not right:
                continue
            shown = shown_with[faces[plain].illustration_id]
            scanned = [one for one in right if one.label in shown]
            truth = known[name]
            if len(truth[0]) == 1 and not truth[1] and len(scanned) == 1:
                truth = truth[0], scanned[0].collector_number  # only that one is real
            named = [a for a in cards if a.face and same_name(a.face.name, name)]
            record = judged(named[0] if named else None, truth, lang, finishes[name])
            yield record | {
                "file": f"{path.parent.parent.name}/{path.parent.name}/{path.name}",
                "name": name,
                "modern": all(printed(one).modern for one in right),
                "scanned": bool(scanned),
            }


def judged(answer: CardAnswer | None, truth: Truth, lang: str, finish: str) -> dict[str, Any]:
    """What was answered about a card, and whether it is right."""
    wanted = ["/".join(sorted(truth[0])), truth[1]]
    if answer is None:
        return {"truth": wanted, "named": False, "height": 0.0}
    got = answer.printing
    shares = [(one.printing, one.probability) for one in got.candidates]
    listed = [one for one, _ in shares]
    right = [one for one in listed if is_truth(one, truth)]
    alike = [one for one in listed if any(says_the_same(one, other) for other in right)]
    first = bool(listed) and listed[0] in alike
    return {
        "truth": wanted,
        "named": True,
        "height": round(float(side_lengths(np.array(answer.quad, np.float32))[[1, 3]].mean()), 1),
        "verdict": got.verdict,
        "candidates": [
            (label(one.set, one.collector_number), round(share, 5)) for one, share in shares
        ],
        "of": len(candidates_of(answer.matches)),
        "in": bool(right),
        "first": first,
        # Or: nothing on the cards tells those listed apart.
        "right": (got.verdict == "exact" and first)
        or (got.verdict == "group" and len(alike) == len(listed)),
        "finish": (got.finish.value, round(got.finish.probability, 4), finish),
        "lang": (got.lang.value, round(got.lang.probability, 4), lang),
        "reasons": got.reasons,
        "quad": answer.quad,
        "strip": got.strip,
    }


def is_truth(one: Printing, truth: Truth) -> bool:
    """Whether a printing is one that the label allows."""
    return one.set in truth[0] and (not truth[1] or one.collector_number == truth[1])


def says_the_same(one: Printing, other: Printing) -> bool:
    """Whether two printings say the same at the bottom."""
    a, b = printed(one), printed(other)
    return (a.numbers, a.codes[-1:], a.year) == (b.numbers, b.codes[-1:], b.year)


def same_name(one: str, other: str) -> bool:
    return plain_name(one) == plain_name(other)


# Tables.


def by_height(records: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The records by pixels of card height; cards that were not named have none."""
    rows = [
        (f"{low} to {high}", [r for r in records if r["named"] and low <= r["height"] < high])
        for low, high in BINS
    ]
    return [*rows, ("all, named or not", list(records))]


def print_tables(title: str, rows: Iterable[tuple[str, Sequence[Mapping[str, Any]]]]) -> None:
    """Print Markdown: counts of the printings, and shares of finish and language."""
    print(f"\n{title}: the printing\n")
    print(
        "| card height | cards | named | right | first | exact right | exact wrong | in the group "
        "| not in it | unknown |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    rows = list(rows)
    for name, some in rows:
        seen = [r for r in some if r["named"]]
        exact = [r for r in seen if r["verdict"] == "exact"]
        group = [r for r in seen if r["verdict"] == "group"]
        cells = (
            *(Share(sum(r[key] for r in seen), len(some)) for key in ("right", "first")),
            sum(r["first"] for r in exact),
            Share(sum(not r["first"] for r in exact), len(some)),
            *(sum(r["in"] for r in group), sum(not r["in"] for r in group)),
            sum(r["verdict"] == "unknown" for r in seen),
        )
        print(f"| {name} | {len(some)} | {len(seen)} | {' | '.join(map(str, cells))} |")
    print(f"\n{title}: finish and language, where they are known\n")
    print("| card height | finish said | of these right | language said | of these right |")
    print("|---|---|---|---|---|")
    for name, some in rows:
        seen = [r for r in some if r["named"] and r.get("modern", True)]
        shares = [share for key in ("finish", "lang") for share in said([r[key] for r in seen])]
        print(f"| {name} | {' | '.join(map(str, shares))} |")


def said(values: Sequence[tuple[str, float, str]]) -> tuple[Share, Share]:
    """How often a value was said, and how often it was right then."""
    known = [(value, truth) for value, _, truth in values if truth]
    spoken = [(value, truth) for value, truth in known if value != "unknown"]
    return Share(len(spoken), len(known)), Share(sum(a == b for a, b in spoken), len(spoken))


if __name__ == "__main__":
    main()
