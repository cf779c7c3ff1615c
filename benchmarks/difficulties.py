"""Single cards in made-up photos, each with one difficulty: which are named, and which wrongly.

    python benchmarks/difficulties.py DATABASE CACHE SCANS [--cards 30] [--report DIR]

SCANS is a folder with gallery.csv, of whose scans `gallery.py` built DATABASE. Cards whose names
are held out from all training are photographed under 61 conditions (`difficult_photos.py`). The
words mean what docs/recognition.md says; detected means that half of the area of an answer's quad
and of the card is common to both. Where two cards overlap, the question is the lower one, and the
name of the upper one is not wrong.

--report writes pictures: `conditions.jpg` with the first photo of each condition, and for each
condition its failures, at most 12. The card's true outline is white.
"""

# A plain installation lacks what training/ needs.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import random
import re
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from difficult_photos import CONDITIONS, Condition, Pixels, photograph
from drawn_table import Floats
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from cards import front_name, is_held_out, read_table

from mtg_image_db import Database
from mtg_image_db.database.answers import CardAnswer, Recognition
from mtg_image_db.evaluation.labels import plain_name
from mtg_image_db.evaluation.scores import Share
from mtg_image_db.pages.overlay import find_report
from mtg_image_db.recognise.quads import overlap

SEED = 61
MOST_FAILURES = 12
TILE = (480, 360)
"""Width and height of a photo on a sheet, in pixels."""
CAPTION = 24


@dataclass(frozen=True)
class Card:
    """A scan and its name."""

    name: str
    pixels: Pixels


@dataclass(frozen=True)
class Outcome:
    """The answers to one photo.

    Parameters
    ----------
    right
        Verdicts of the answers that name the card.
    wrong
        Verdicts of those that name a card which is not in the photo.
    common
        The largest intersection over union of an answer's quad and the card.
    picture
        The photo for the report, if it belongs there.
    """

    right: tuple[str, ...]
    wrong: tuple[str, ...]
    common: float
    seconds: float
    picture: Image.Image | None = None

    @property
    def failed(self) -> bool:
        """Whether the card was not named, or something was named wrongly."""
        return not self.right or bool(self.wrong)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database", type=Path, help="folder of the database")
    parser.add_argument("cache", type=Path, help="its image cache")
    parser.add_argument("scans", type=Path, help="folder of gallery.csv")
    parser.add_argument("--cards", type=int, default=30, help="photos of each condition")
    parser.add_argument("--report", type=Path, help="folder for pictures")
    arguments = parser.parse_args()
    if arguments.report:
        arguments.report.mkdir(parents=True, exist_ok=True)
    everything: list[Outcome] = []
    firsts = []
    with Database.open(arguments.database, cache=arguments.cache) as database:
        # One more than are asked about: it lies on the last one.
        cards = choose(arguments.scans, database, arguments.cards + 1)
        print("| condition | named | confident | wrong | detected | median ms |")
        print("|---|---|---|---|---|---|")
        for condition in CONDITIONS:
            outcomes = ask(database, condition, cards, drawn=bool(arguments.report))
            print(row(condition.name, outcomes), flush=True)
            everything += [replace(one, picture=None) for one in outcomes]
            firsts += [one.picture for one in outcomes[:1] if one.picture]
            failures = [one.picture for one in outcomes if one.failed and one.picture]
            if failures:
                path = arguments.report / f"{re.sub(r'[^0-9A-Za-z]+', '_', condition.name)}.jpg"
                write_sheet(failures[:MOST_FAILURES], 4, path)
    print(row("all", everything))
    for verdict in ("confident", "likely"):
        wrong = sum(one.wrong.count(verdict) for one in everything)
        right = sum(one.right.count(verdict) for one in everything)
        print(f"\n{verdict} and wrong: {Share(wrong, wrong + right)}")
    if arguments.report:
        write_sheet(firsts, 8, arguments.report / "conditions.jpg")


def choose(scans: Path, database: Database, count: int) -> list[Card]:
    """Some scans of held-out cards that the database knows, always in the same order."""
    known = {plain_name(face.name) for face in database.faces()}
    rows = {front_name(row["name"]): row for row in read_table(scans / "gallery.csv")}
    names = sorted(n for n in rows if is_held_out(n) and plain_name(n) in known)
    random.Random(SEED).shuffle(names)
    if len(names) < count:
        sys.exit(f"{count} scans are needed, but only {len(names)} fit: give a smaller --cards")
    return [read_card(rows[name], scans) for name in names[:count]]


def read_card(row: dict[str, str], scans: Path) -> Card:
    with Image.open(scans / row["file"]) as scan:
        return Card(row["name"], np.asarray(scan.convert("RGB")))


def ask(
    database: Database, condition: Condition, cards: Sequence[Card], *, drawn: bool
) -> list[Outcome]:
    """Photograph all cards but the last one, and ask; ``drawn`` says whether to keep pictures."""
    outcomes = []
    for number, (card, other) in enumerate(pairwise(cards)):
        seed = [zlib.crc32(condition.name.encode()), number]
        jpeg, corners = photograph(condition, card.pixels, other.pixels, seed)
        found = database.recognise(jpeg)
        outcome = judge(found, card.name, other.name if condition.overlap else "", corners)
        if drawn and (outcome.failed or not number):
            words = f"{condition.name}: {card.name}, IoU {outcome.common:.2f}"
            outcome = replace(outcome, picture=tile(found, corners, words))
        outcomes.append(outcome)
    return outcomes


def judge(found: Recognition, name: str, upper: str, corners: Floats) -> Outcome:
    """Compare the answers with the card's name and its true corners."""
    named = [(plain_name(one.face.name), one.verdict) for one in found.cards if one.face]
    in_photo = {plain_name(name), plain_name(upper)}
    return Outcome(
        right=tuple(verdict for said, verdict in named if said == plain_name(name)),
        wrong=tuple(verdict for said, verdict in named if said not in in_photo),
        common=max((common(one, corners) for one in found.cards if one.detected), default=0.0),
        seconds=found.seconds["all"],
    )


def common(answer: CardAnswer, corners: Floats) -> float:
    return overlap(np.array(answer.quad, np.float32), corners)


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """A line of the table."""
    shares = (
        sum(bool(one.right) for one in outcomes),
        sum("confident" in one.right for one in outcomes),
        sum(bool(one.wrong) for one in outcomes),
        sum(one.common >= 0.5 for one in outcomes),
    )
    told = " | ".join(str(Share(hits, len(outcomes))) for hits in shares)
    return f"| {name} | {told} | {1000 * median(one.seconds for one in outcomes):.0f} |"


def tile(found: Recognition, corners: Floats, words: str) -> Image.Image:
    """The photo with the answers and the true outline, and words below it."""
    picture = find_report(found)
    scale = picture.width / found.photo.size[0]
    outline = [(float(x) * scale, float(y) * scale) for x, y in corners]
    ImageDraw.Draw(picture).line([*outline, outline[0]], "white", 3)
    made = Image.new("RGB", (TILE[0], TILE[1] + CAPTION), "black")
    made.paste(picture.resize(TILE, Image.Resampling.LANCZOS))
    ImageDraw.Draw(made).text((6, TILE[1] + 3), words, "white", ImageFont.load_default(15))
    return made


def write_sheet(tiles: Sequence[Image.Image], columns: int, path: Path) -> None:
    """Write a picture of tiles side by side."""
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height))
    for number, one in enumerate(tiles):
        sheet.paste(one, (number % columns * width, number // columns * height))
    sheet.save(path, quality=85)


if __name__ == "__main__":
    main()
