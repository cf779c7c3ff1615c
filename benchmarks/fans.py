"""Cards in fans, from the photo to the name: how many are named, and how many wrongly.

    python benchmarks/fans.py SHARED OUT [--names 30000]

SHARED holds cards/ and cards2/ (they are not in the repository). OUT gets a database of all scans
of both, built as users build theirs. Most cards of the fans have no scan there. So their names, and
names made of words of cards until there are `--names`, are added as cards with a grey picture: the
database knows the name and has no artwork of it. The photos are those of training/card_corners.csv
whose kind is `fan`; no other label is used.

A card is named if an answer other than `none` has its name; each answer counts for one card. An
answer is wrong if no card in the photo has its name (docs/recognition.md).
"""

# A plain installation lacks what training/ needs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

LABELS = Path(__file__).parents[1] / "training"
sys.path.insert(0, str(LABELS))

from cards import front_name, read_table
from evaluate_titles import all_names
from gallery import card_object
from PIL import Image

from mtg_image_db import BuildOptions, Database, DownloadOptions, build_database, download_images
from mtg_image_db.evaluation.labels import plain_name
from mtg_image_db.evaluation.scores import Share
from mtg_image_db.scryfall_double.double import ScryfallDouble

CORNERS = LABELS / "card_corners.csv"


@dataclass
class Tally:
    """Counts over the fans of one split."""

    photos: int = 0
    cards: int = 0
    answers: int = 0
    named: dict[str, int] = field(default_factory=lambda: {"confident": 0, "likely": 0})
    wrong: dict[str, int] = field(default_factory=lambda: {"confident": 0, "likely": 0})
    by_title: int = 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--names", type=int, default=30_000)
    arguments = parser.parse_args()
    if not (arguments.out / "index_out").exists():
        build(arguments.shared, arguments.out, arguments.names)
    tallies: dict[str, Tally] = defaultdict(Tally)
    with Database.open(arguments.out / "index_out") as database:
        for photo, (split, names) in fans().items():
            count(tallies[split], database, arguments.shared, photo, names)
    print("| | " + " | ".join(tallies) + " |\n|---|" + "---|" * len(tallies))
    all_ = tallies.values()
    lines = {
        "photos": [str(one.photos) for one in all_],
        "cards whose title a person can read: named": [
            str(Share(sum(one.named.values()), one.cards)) for one in all_
        ],
        "named with `confident`": [str(Share(one.named["confident"], one.cards)) for one in all_],
        "named by the title alone": [str(one.by_title) for one in all_],
        "`confident` answers that are wrong": [
            str(Share(one.wrong["confident"], one.named["confident"] + one.wrong["confident"]))
            for one in all_
        ],
        "`likely` answers that are wrong": [
            str(Share(one.wrong["likely"], one.named["likely"] + one.wrong["likely"]))
            for one in all_
        ],
        "answers": [str(one.answers) for one in all_],
    }
    for name, cells in lines.items():
        print(f"| {name} | {' | '.join(cells)} |")


def fans() -> dict[str, tuple[str, list[str]]]:
    """The photos of fans: split, and the names that a person can read in each."""
    found: dict[str, tuple[str, list[str]]] = {}
    for row in read_table(CORNERS):
        if row["kind"] == "fan":
            _, names = found.setdefault(row["photo"], (row["split"], []))
            if row["title"] == "yes":
                names.append(row["name"])
    return found


def count(tally: Tally, database: Database, shared: Path, photo: str, names: list[str]) -> None:
    """Ask about a photo."""
    folder, file = photo.split("/")
    answers = database.recognise(shared / folder / "photos" / file).cards
    tally.photos += 1
    tally.cards += len(names)
    tally.answers += len(answers)
    left = Counter(plain_name(name) for name in names)
    there = set(left)
    for verdict in ("confident", "likely"):
        for answer in answers:
            if answer.verdict != verdict or answer.face is None:
                continue
            name = plain_name(answer.face.name)
            if left[name]:
                left[name] -= 1
                tally.named[verdict] += 1
                tally.by_title += answer.by_title
            elif name not in there:
                tally.wrong[verdict] += 1
                print(f"{photo}: {verdict} {answer.face.name}, {answer.points} points", flush=True)
    for name in left.elements():
        print(f"{photo}: not named: {name}", flush=True)


def build(shared: Path, out: Path, count_: int) -> None:
    """Download and build the database."""
    cards, images = [], {}
    for folder in ("cards", "cards2"):
        for row in read_table(shared / folder / "gallery.csv"):
            path = shared / folder / row["file"]
            card = card_object(row | {"file": f"{folder}/{row['file']}"}, f"{folder}/{row['file']}")
            cards.append(card)
            images[f"{card['id']}/front"] = path.read_bytes()
    stream = io.BytesIO()
    Image.new("RGB", (240, 336), (90, 90, 90)).save(stream, "PNG")
    known = {front_name(card["name"]) for card in cards}
    for name in all_names(CORNERS, shared, count_):
        if name not in known:
            row = {"file": f"name/{name}", "name": name, "set": "tst", "collector_number": "1"}
            card = card_object(row, row["file"])
            cards.append(card)
            images[f"{card['id']}/front"] = stream.getvalue()
    cache = out / "image_cache"
    with ScryfallDouble(cards, images) as double:
        done = download_images(
            DownloadOptions(cache=cache, kind="default_cards", api_url=double.url, refresh=True)
        )
    built = build_database(BuildOptions(cache=cache, out=out / "index_out"))
    print(f"{done.downloaded:,} images, {built.faces:,} faces, {built.entries:,} distinct\n")


if __name__ == "__main__":
    main()
