"""The cards that `printings.py` asks about, in several printings each.

The database knows several printings of an artwork: those of Scryfall's sample, and those whose
scans have exact ids; scans of one name count as one artwork, but for basic lands. A printing that
was photographed and has no scan is one without an image. Each photographed card also has three
printings that do not exist, without images: its set with another number, another set with its
number, and another set with another number.
"""

# A plain installation lacks what training/ needs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import random
import re
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LABELS = Path(__file__).parents[1] / "training"
sys.path.insert(0, str(LABELS))

from cards import read_table
from lines import BEFORE_M15, NAMED_SETS, NEWER, TRUSTED

from mtg_image_db import BuildOptions, DownloadOptions, build_database, download_images
from mtg_image_db.evaluation.labels import plain_name
from mtg_image_db.scryfall_double.double import ScryfallDouble

Truth = tuple[frozenset[str], str]
"""Set codes, one of which is right, and the number; empty if only the set is known."""

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
            served.add(name, next(iter(codes)), number)
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
