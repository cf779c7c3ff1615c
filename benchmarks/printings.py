"""Which printing, which finish, which language: how often the answer is right.

    python benchmarks/printings.py build SHARED OUT
    python benchmarks/printings.py synthetic SHARED OUT [--scans 400]
    python benchmarks/printings.py photos SHARED OUT

SHARED holds printings/scans.csv, scryfall/sample, cards/ and cards2/ (they are not in the
repository). OUT gets a database that is built as users build theirs (image_cache and index_out),
the synthetic photos, and the answers (synthetic.json, photos.json).

The database knows several printings of an artwork: those of Scryfall's sample, and those whose
scans have exact ids; scans of one name count as one artwork, but for basic lands. A printing that
was photographed and has no scan is one without an image. Each photographed card also has three
printings that do not exist, without images: its set with another number, another set with its
number, and another set with another number.

A synthetic photo shows one scan on a ground made of another one: turned and in perspective, under
uneven light, a cast, in a third of them with glare, blurred, noisy, and saved as JPEG.

Finishes were labelled by eye: the mark that stands on a photographed card, or on a scan
(training/photo_finishes.csv, training/scan_finishes.csv).
"""

# A plain installation lacks what training/ needs.
# OpenCV returns arrays of fewer types than its annotations say.
# mypy: disable-error-code="import-not-found, arg-type, call-arg, call-overload, assignment"

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

LABELS = Path(__file__).parents[1] / "training"
sys.path.insert(0, str(LABELS))

import cv2
import numpy as np
from cards import read_table
from lines import BEFORE_M15, NAMED_SETS, NEWER, TRUSTED
from numpy.typing import NDArray
from PIL import Image

from mtg_image_db import BuildOptions, Database, DownloadOptions, build_database, download_images
from mtg_image_db.database.answers import CardAnswer
from mtg_image_db.database.printing_reader import candidates_of
from mtg_image_db.download.paths import image_paths
from mtg_image_db.evaluation.labels import plain_name
from mtg_image_db.evaluation.scores import Share
from mtg_image_db.reading.printed import printed
from mtg_image_db.recognise.quads import side_lengths
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.scryfall_double.double import ScryfallDouble

Pixels = NDArray[np.uint8]
Truth = tuple[frozenset[str], str]
"""Set codes, one of which is right, and the number; empty if only the set is known."""

HEIGHTS = (300, 400, 500, 700)
SET_CODES = {
    "Avacyn Restored": "avr",
    "Battle for Zendikar": "bfz",
    "Fate Reforged": "frf",
    "Iconic Masters": "ima",
    "Planechase Anthology": "pca",
    "Revised Edition": "3ed",
    "Fourth Edition": "4ed",
    "Duel Decks: Elves vs. Inventors": "ddu",
}
YEARS = {
    "lea": 1993,
    "2ed": 1993,
    "3ed": 1994,
    "fem": 1994,
    "4ed": 1995,
    "hml": 1995,
    "all": 1996,
    "mir": 1996,
    "pcy": 2000,
    "jud": 2002,
    "rav": 2005,
    "zen": 2009,
    "roe": 2010,
    "nph": 2011,
    "m12": 2011,
    "avr": 2012,
    "rtr": 2012,
    "dgm": 2013,
    "gtc": 2013,
    "ths": 2013,
    "jou": 2014,
}
INVENTED_IN = ("akh", "c19", "clb", "dmu", "eld", "grn", "m20", "rna", "2x2", "woc", "fdc", "big")
BASICS = ("plains", "island", "swamp", "mountain", "forest", "wastes")
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


# The database.


def build(shared: Path, out: Path) -> None:
    """Serve the cards and their scans, download them, and build."""
    served = described(shared)
    with ScryfallDouble(served.cards, served.images) as double:
        done = download_images(
            DownloadOptions(
                cache=out / "image_cache", kind="default_cards", api_url=double.url, refresh=True
            )
        )
    if done.failures:
        sys.exit(f"{done.failed:,} failed, first: {done.failures[0]}")
    built = build_database(BuildOptions(cache=out / "image_cache", out=out / "index_out"))
    print(f"{len(served.cards):,} cards, {built.faces:,} faces; {built.quality}")


class Served:
    """What is served: card objects, and the images of those that have one."""

    def __init__(self, sample: Path) -> None:
        text = (sample / "default-cards.jsonl").read_text(encoding="utf-8")
        self.cards: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        self.images: dict[str, bytes] = {}
        self._artworks: dict[str, set[str]] = defaultdict(set)
        for card in self.cards:
            for side, endings in (("front", ("", "-front")), ("back", ("-back",))):
                for ending in endings:
                    path = sample / "images" / f"{card['id']}{ending}.jpg"
                    if path.exists():
                        self.images[f"{card['id']}/{side}"] = path.read_bytes()
            front = card if "illustration_id" in card else card["card_faces"][0]
            self._artworks[plain_name(card["name"])].add(front["illustration_id"])
        self._known = {label(card["set"], card["collector_number"]) for card in self.cards}

    def add(self, name: str, code: str, number: str, image: Path | None = None) -> None:
        """Add a printing, if it is not there already."""
        if label(code, number) in self._known:
            return
        self._known.add(label(code, number))
        plain = plain_name(name)
        known = self._artworks.get(plain, set())
        own = f"{plain} {label(code, number)}" if plain in BASICS else plain
        artwork = next(iter(known)) if len(known) == 1 else identity_of(f"artwork of {own}")
        self.cards.append(card_object(name, code, number, artwork, with_image=image is not None))
        if image is not None:
            self.images[f"{self.cards[-1]['id']}/front"] = image.read_bytes()

    def named(self, name: str) -> list[tuple[str, str]]:
        """Set and number of each printing of a card."""
        here = [card for card in self.cards if plain_name(card["name"]) == plain_name(name)]
        return [(card["set"], card["collector_number"]) for card in here]


def described(shared: Path) -> Served:
    """All cards."""
    served = Served(shared / "scryfall" / "sample")
    labels = [known for _, _, known, _ in photo_labels(shared)]
    photographed = {plain_name(name): name for known in labels for name in known}
    several = {plain_name(r["name"]) for r in read_table(shared / "printings" / "scans.csv")}
    for path, name, code, number, sure in scans(shared):
        # What a photo shows must be there, also where the label of its scan is less sure.
        if plain_name(name) in photographed or (sure and plain_name(name) in several):
            served.add(name, code, number, path)
    for name, (codes, number) in (pair for known in labels for pair in known.items()):
        if served.named(name) and number and len(codes) == 1:
            served.add(name, *codes, number)
    for plain, name in sorted(photographed.items()):
        if served.named(name) and plain not in BASICS:
            rng = random.Random(plain)
            code, number = rng.choice(served.named(name))
            other, third = rng.sample(INVENTED_IN, 2)
            served.add(name, code, str(rng.randint(1, 420)))
            served.add(name, other, number)
            served.add(name, third, str(rng.randint(1, 420)))
    return served


def scans(shared: Path) -> Iterator[tuple[Path, str, str, str, bool]]:
    """Scans whose set and number are known: path, name, set, number, and whether they are sure."""
    for folder, table in (("printings", "scans"), ("cards", "gallery"), ("cards2", "gallery")):
        for row in read_table(shared / folder / f"{table}.csv"):
            code = NAMED_SETS.get(row["set"].strip(), row["set"].strip())
            trusted = folder == "printings" or (row["source"] in TRUSTED and row["scryfall_id"])
            if re.fullmatch(r"[a-z0-9]{3,4}", code) and row["collector_number"]:
                path = shared / folder / row["file"]
                yield path, row["name"], code, row["collector_number"], bool(trusted)


def card_object(
    name: str, code: str, number: str, artwork: str, *, with_image: bool
) -> dict[str, Any]:
    """Return a printing as Scryfall would describe it, as far as we know."""
    identity = identity_of(label(code, number))
    url = f"https://cards.scryfall.io/normal/front/{identity[0]}/{identity[1]}/{identity}.jpg?1"
    old = code in BEFORE_M15
    year = YEARS.get(code, 1995) if old else 2024 if code in NEWER else 2018
    card: dict[str, Any] = {
        "object": "card",
        "id": identity,
        "oracle_id": identity_of(plain_name(name)),
        "illustration_id": artwork,
        "name": name,
        "lang": "en",
        "layout": "split" if code == "dsk" and " // " in name else "normal",
        "set": code,
        "collector_number": number,
        "released_at": f"{year}-06-30",
        "frame": "2003" if old else "2015",
        "finishes": ["nonfoil", "foil"],
        "image_status": "highres_scan" if with_image else "missing",
        "digital": False,
    }
    return {**card, "image_uris": {"normal": url}} if with_image else card


def label(code: str, number: str) -> str:
    return f"{code}/{number}"


def identity_of(text: str) -> str:
    """Return an id made from a text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def photo_labels(shared: Path) -> Iterator[tuple[Path, str, dict[str, Truth], dict[str, str]]]:
    """Photos with known printings: path, language, the printings by name, the finishes by name."""
    table = LABELS / "photo_finishes.csv"
    finishes = {(r["file"], r["name"]): r["finish"] for r in read_table(table)}
    for folder in ("cards", "cards2"):
        for row in read_table(shared / folder / "photos.csv"):
            if not row["printing"].strip():
                continue
            names = [name.strip() for name in row["names"].split("|")]
            printings = row["printing"].split("|")
            if len(printings) < len(names):  # one for all
                printings = [row["printing"]] * len(names)
            known = {name: truth_of(text) for name, text in zip(names, printings, strict=True)}
            marks = {name: finishes.get((row["file"], name), "") for name in names}
            yield shared / folder / row["file"], row.get("lang") or "en", known, marks


def truth_of(text: str) -> Truth:
    """Read `mh1/17`, `vow/?`, `UMA/PUMA`, `FIN #106` or `Fate Reforged #106`."""
    slashed = re.fullmatch(r"([a-z0-9]{3,4})/(\d+\w?|\?)", text.strip())
    if slashed:
        return frozenset([slashed[1]]), slashed[2].strip("?")
    where, _, number = text.partition("#")
    where = where.split("(")[0].strip()
    codes = [SET_CODES.get(where, where)] if where in SET_CODES else where.lower().split("/")
    if "PUMA" in text:
        codes.append("puma")
    return frozenset(codes), number.split(" ")[0].lstrip("0").strip()


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
    faces = {plain_name(gallery.face(row).name): gallery.face(row) for row in gallery.rows()}
    for path, lang, known, finishes in photo_labels(shared):
        wanted = {plain_name(name): name for name in known if plain_name(name) in faces}
        cards = database.recognise(path).cards if wanted else ()
        for plain, name in wanted.items():
            here = gallery.printings(faces[plain])
            right = [one for one in here if is_truth(one, known[name])]
            if not right:
                continue
            rows = gallery.rows_that_show(faces[plain].illustration_id)
            shown = {gallery.face(row).label for row in rows}
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
        "height": round(float(side_lengths(np.float32(answer.quad))[[1, 3]].mean()), 1),
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


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def held_out(name: str) -> bool:
    """Whether the reader was trained without this name; as in training/train_reader.py."""
    return digest(name)[0] % 4 == 0


# Photographing.


def photograph(
    scan: Pixels, ground: Pixels, height: int, rng: np.random.Generator
) -> tuple[bytes, NDArray[np.float32]]:
    """Photograph a scan: a JPEG, and the corners of the card in it, clockwise from its top left."""
    side, width = round(height * 1.5), height * 63 / 88
    small = cv2.resize(ground, (20, 20), interpolation=cv2.INTER_AREA)
    photo = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    photo = noisy(photo, 9)
    turn = np.deg2rad(rng.normal(0, 7) + 180 * (rng.random() < 0.1))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    box = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2
    corners = (box @ matrix.T + side / 2 + rng.normal(0, height * 0.015, (4, 2))).astype(np.float32)
    card = cv2.resize(scan, (round(width), height), interpolation=cv2.INTER_AREA)
    mask = np.zeros(card.shape[:2], np.uint8)
    radius = round(width * 0.045)
    mask[radius:-radius, radius:-radius] = 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(2, (2 * radius + 1, 2 * radius + 1)))
    flat = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * np.float32(card.shape[1::-1])
    bend = cv2.getPerspectiveTransform(flat, corners)
    there = cv2.warpPerspective(mask, bend, (side, side))
    shown = cv2.warpPerspective(card, bend, (side, side), flags=cv2.INTER_CUBIC)
    photo[there > 0] = shown[there > 0]
    # Light, glare and cast change slowly over the photo.
    slope = cv2.resize(rng.uniform(0.55, 1.1, (2, 2)).astype(np.float32), (32, 32))
    gain = slope[..., None] * rng.normal(1, 0.07, 3).astype(np.float32)
    spot = np.zeros((32, 32), np.float32)
    if rng.random() < 0.33:
        (x, y), wide = rng.uniform(6, 26, 2), rng.uniform(1, 5)
        rows, columns = np.mgrid[:32, :32]
        spot += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * wide**2)).astype(np.float32)
        spot *= np.float32(rng.uniform(40, 140))
    spot += np.float32(rng.uniform(0, 25))
    lit = cv2.multiply(photo, cv2.resize(gain, (side, side)), dtype=cv2.CV_32F)
    lit += cv2.resize(spot, (side, side))[..., None]
    curve = 255 * (np.arange(256) / 255) ** rng.uniform(0.8, 1.3)
    photo = cv2.LUT(np.clip(lit, 0, 255).astype(np.uint8), curve.astype(np.uint8))
    photo = cv2.GaussianBlur(photo, (0, 0), 0.35 + abs(rng.normal(0, 0.5)))
    photo = noisy(photo, rng.uniform(1, 7))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 93))]
    return cv2.imencode(".jpg", photo[..., ::-1], quality)[1].tobytes(), corners


def noisy(picture: Pixels, deviation: float) -> Pixels:
    """A picture with noise, which is the same for each seed of OpenCV."""
    noise = cv2.randn(np.zeros(picture.shape, np.int16), (0, 0, 0), (deviation,) * 3)
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), dtype=np.uint8)


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
        cells = [share for key in ("finish", "lang") for share in said([r[key] for r in seen])]
        print(f"| {name} | {' | '.join(map(str, cells))} |")


def said(values: Sequence[tuple[str, float, str]]) -> tuple[Share, Share]:
    """How often a value was said, and how often it was right then."""
    known = [(value, truth) for value, _, truth in values if truth]
    spoken = [(value, truth) for value, truth in known if value != "unknown"]
    return Share(len(spoken), len(known)), Share(sum(a == b for a, b in spoken), len(spoken))


if __name__ == "__main__":
    main()
