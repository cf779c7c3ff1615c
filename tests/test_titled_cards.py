"""Cards of which only the title bar shows, in photos of drawn cards: named by their titles."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import card_id, fill_cache, jpeg, json_lines
from jsonschema import Draft202012Validator
from pgserver import Postgres, needs_postgres
from PIL import Image, ImageDraw
from served import Server
from test_postgres import assert_same

from mtg_image_db import BuildOptions, Database, build_database, publish_database
from mtg_image_db.cli import main
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.review import render_answers
from mtg_image_db.collection.scan import scan_photos
from mtg_image_db.database.answers import CardAnswer
from mtg_image_db.demo.cards import SampleCard, sample_cards
from mtg_image_db.pages.sheet import html_sheet, sheet_entries
from mtg_image_db.recognise.gallery import Hit
from mtg_image_db.recognise.photo import Photo
from mtg_image_db.recognise.quads import frame_of
from mtg_image_db.recognise.recogniser import RecognisedCard
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall_double.double import ScryfallDouble

STEP, MARGIN = 110, 120
"""Pixels of each card that one sees in a column, 14 mm, and of the table around it."""
TABLE = (200, 180, 150)


def _plain_cards() -> list[SampleCard]:
    """Sample cards in English whose title has the size that it has on cards since 2003."""
    some = [
        one
        for one in sample_cards(40, seed=7)
        if one.card["layout"] == "normal"
        and one.card["frame"] == "2015"
        and one.card["lang"] == "en"
    ]
    return some[:10]


CARDS = _plain_cards()
TWICE, LAST = CARDS[0], CARDS[3]
"""The first card of the column has two artworks in the database. One sees the last one whole."""


def column(cards: Sequence[SampleCard]) -> Image.Image:
    """A photo of cards of which one sees the titles; the last one lies on all others."""
    size = (488 + 2 * MARGIN, STEP * (len(cards) - 1) + 680 + 2 * MARGIN)
    photo = Image.new("RGB", size, TABLE)
    for row, one in enumerate(cards):
        photo.paste(one.faces[0].convert("RGB"), (MARGIN + 3 * (row % 3), MARGIN + STEP * row))
    return photo


def named(answers: Sequence[CardAnswer]) -> dict[str, CardAnswer]:
    return {answer.face.name: answer for answer in answers if answer.face}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photo of a column, and a database of the ten cards."""
    folder = tmp_path_factory.mktemp("titled")
    other = {**TWICE.card, "id": card_id(1), "illustration_id": card_id(2), "collector_number": "9"}
    other["image_uris"] = {
        size: uri.replace("{0[0]}/{0[1]}/{0}".format(TWICE.card["id"]), f"0/0/{card_id(1)}")
        for size, uri in TWICE.card["image_uris"].items()
    }
    images = {f"{one.card['id']}/front": jpeg(one.faces[0]) for one in CARDS}
    images[f"{card_id(1)}/front"] = jpeg(sample_cards(1)[0].faces[0])
    with ScryfallDouble([*(one.card for one in CARDS), other], images) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    column(CARDS[:4]).save(folder / "column.png")
    return folder


@pytest.fixture(scope="module")
def database(folder: Path) -> Database:
    return Database.open(folder / "index_out", cache=folder / "image_cache")


@pytest.fixture(scope="module")
def answers(folder: Path, database: Database) -> tuple[CardAnswer, ...]:
    return database.query(folder / "column.png")


def test_the_cards_of_a_column_are_named_by_their_titles(answers: tuple[CardAnswer, ...]) -> None:
    cards = named(answers)
    assert set(cards) <= {one.card["name"] for one in CARDS[:4]}
    assert cards[LAST.card["name"]].points > 0
    by_title = [card for card in cards.values() if card.by_title]
    assert len(by_title) >= 2
    for card in by_title:
        assert card.title
        assert (card.points, card.verdict) == (0, card.title.verdict)
        assert card.printing.verdict == "group"
        assert card.printing.reasons == (f'only its title was read: "{card.title.text}"',)


def test_the_strip_of_a_title_lies_at_the_top_of_its_card(answers: tuple[CardAnswer, ...]) -> None:
    card = named(answers)[TWICE.card["name"]]
    assert card.title
    strip, whole = np.array(card.title.quad), np.array(card.quad)
    assert np.abs(strip[:2].mean(axis=0) - whole[:2].mean(axis=0)).max() < 60
    assert np.linalg.norm(strip[3] - strip[0]) < STEP
    assert np.linalg.norm(whole[3] - whole[0]) > 500


def test_the_matches_of_a_title_are_all_faces_of_the_card(answers: tuple[CardAnswer, ...]) -> None:
    card = named(answers)[TWICE.card["name"]]
    assert {match.face.name for match in card.matches} == {TWICE.card["name"]}
    assert {match.face.scryfall_id for match in card.matches} == {TWICE.card["id"], card_id(1)}
    scores = [match.score for match in card.matches]
    assert scores == sorted(scores, reverse=True)
    likely = [(one.printing.scryfall_id, one.probability) for one in card.printing.candidates]
    assert {one for one, _ in likely} == {TWICE.card["id"], card_id(1)}
    assert [probability for _, probability in likely] == [0.5, 0.5]


def test_fewer_matches_are_listed_if_fewer_are_wanted(folder: Path, database: Database) -> None:
    card = named(database.query(folder / "column.png", k=1))[TWICE.card["name"]]
    assert len(card.matches) == 1
    assert len(card.printing.candidates) == 2


def test_a_least_score_drops_no_card_that_its_title_names(folder: Path, database: Database) -> None:
    cards = named(database.query(folder / "column.png", min_score=1.0))
    assert TWICE.card["name"] in cards
    assert LAST.card["name"] not in cards


def test_a_frame_of_a_camera_is_read_as_well(folder: Path, database: Database) -> None:
    found = database.recognise(folder / "column.png", live=True)
    assert named(found.cards)[TWICE.card["name"]].by_title


def test_a_name_that_the_database_lacks_is_no_answer(folder: Path, database: Database) -> None:
    sets = {one.card["set"] for one in CARDS[:4]}
    strangers = [one.card["set"] for one in CARDS if one.card["set"] not in sets]
    others = database.where(FaceFilter(sets=strangers))
    assert {answer.verdict for answer in others.query(folder / "column.png")} == {"none"}


def test_a_narrowed_database_names_the_cards_that_it_has(folder: Path, database: Database) -> None:
    view = database.where(FaceFilter(rarities=[TWICE.card["rarity"]]))
    cards = named(view.query(folder / "column.png"))
    rarities = {one.card["name"]: one.card["rarity"] for one in CARDS}
    assert cards[TWICE.card["name"]].by_title
    assert {rarities[name] for name in cards} == {TWICE.card["rarity"]}


@needs_postgres
def test_a_database_on_a_server_names_the_same_cards_by_their_titles(
    folder: Path, database: Database, postgres: Postgres
) -> None:
    url = postgres.database()
    publish_database(database, url)
    with Database.open(url, cache=folder / "image_cache") as server:
        assert sum(card.by_title for card in server.query(folder / "column.png")) >= 2
        for wanted in (None, FaceFilter(rarities=[TWICE.card["rarity"]])):
            theirs, ours = (one.where(wanted) if wanted else one for one in (database, server))
            assert_same(theirs, ours, folder / "column.png")


def test_a_title_never_contradicts_a_card_that_its_artwork_names(database: Database) -> None:
    card = CARDS[1].faces[0].convert("RGB")
    card.paste(CARDS[2].faces[0].convert("RGB").crop((0, 0, 488, 75)), (0, 0))
    photo = Image.new("RGB", (488 + 2 * MARGIN, 680 + 2 * MARGIN), TABLE)
    photo.paste(card, (MARGIN, MARGIN))
    [answer] = database.query(photo)
    assert answer.face
    assert (answer.face.name, answer.title) == (CARDS[1].card["name"], None)
    assert answer.points > 0


def test_a_title_makes_a_likely_answer_confident(database: Database) -> None:
    # So much of the artwork is covered that what one sees of it is just not sure.
    for covered in range(240, 280, 2):
        photo = Image.new("RGB", (488 + 2 * MARGIN, 680 + 2 * MARGIN), TABLE)
        photo.paste(CARDS[2].faces[0].convert("RGB"), (MARGIN, MARGIN))
        box = (MARGIN, MARGIN + 75, MARGIN + 488, MARGIN + covered)
        ImageDraw.Draw(photo).rectangle(box, TABLE)
        card = database.query(photo)[0]
        if card.verdict == "likely" or card.title:
            break
    assert card.face
    assert card.title
    assert (card.face.name, card.verdict) == (CARDS[2].card["name"], "confident")
    assert 10 <= card.points < 14
    assert f'its title was read as well: "{card.title.text}"' in card.printing.reasons


def seen(database: Database, place: int, name: str, **changes: Any) -> RecognisedCard:
    """A card of the column, as if geometry had said that it is likely another one."""
    row = next(row for row in database.gallery.rows() if database.face(row).name == name)
    quad = frame_of(488, 680) + np.array([MARGIN + 3 * (place % 3), MARGIN + STEP * place])
    hits = (Hit(0.9, row, row),)
    vector = database.embeddings[row]
    card = RecognisedCard(np.float32(quad), hits, "likely", 12, vector, detected=True)
    return replace(card, **changes)


def test_titles_speak_only_where_the_artwork_is_not_sure(folder: Path, database: Database) -> None:
    photo = Photo.open(folder / "column.png")
    own, other = CARDS[2].card["name"], CARDS[1].card["name"]

    def told(name: str, **changes: Any) -> str | None:
        [reading] = database.titles.told(photo, [seen(database, 2, name, **changes)])
        return reading.name if reading else None

    assert told(own) == told(other, verdict="none") == own
    assert told(other) is None
    assert told(own, verdict="confident") is None
    assert told(own, points=0) is None
    assert told(own, verdict="none", detected=False) is None


def test_two_outlines_of_one_card_are_named_once(folder: Path, database: Database) -> None:
    photo = Photo.open(folder / "column.png")
    name = CARDS[2].card["name"]
    card = seen(database, 2, name, verdict="none")
    beside = replace(card, quad=card.quad + np.array([6, 12], np.float32))
    told = database.titles.told(photo, [card, beside])
    assert sum(one is not None for one in told) == 1
    artwork = replace(card, verdict="confident")
    assert database.titles.told(photo, [artwork, beside]) == [None, None]


def test_the_table_and_the_csv_say_that_a_title_names_a_card(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(["query", "column.png"]) == 0
    assert f"{TWICE.card['name']}, by its title" in capsys.readouterr().out
    assert main(["query", "column.png", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    [row] = [row for row in rows if row["name"] == TWICE.card["name"]]
    assert (row["points"], row["title"], row["printing"]) == (
        "0",
        TWICE.card["name"].lower(),
        "group",
    )
    [row] = [row for row in rows if row["name"] == LAST.card["name"]]
    assert row["title"] == ""


def test_the_json_of_a_title_is_what_its_page_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from test_query import documented

    monkeypatch.chdir(folder)
    assert main(["query", "column.png", "--json"]) == 0
    [told] = json_lines(capsys.readouterr().out)
    titles = [card["title"] for card in told["cards"] if card["title"]]
    assert titles
    for title in titles:
        assert set(title) == documented("`title` of a card")
        assert title["verdict"] in ("confident", "likely")
        assert [len(corner) for corner in title["quad"]] == [2, 2, 2, 2]


def test_a_sheet_shows_the_title_that_was_read(folder: Path, database: Database) -> None:
    found = database.recognise(folder / "column.png")
    card = named(found.cards)[TWICE.card["name"]]
    strip = found.strip(card)
    assert strip
    assert strip.size == (320, 53)
    page = html_sheet(sheet_entries("column.png", found, folder / "image_cache"), "a column")
    assert b"by its title" in page
    assert b"only its title was read" in page


def test_a_card_that_only_its_title_names_is_reviewed(folder: Path, database: Database) -> None:
    scan = scan_photos(database, [folder / "column.png"])
    by_title = [one for one in scan.seen if one.sighting.by_title]
    assert len(by_title) >= 2
    assert {one.status for one in by_title} == {"review"}
    [twice] = [one for one in by_title if one.candidates[0][0].name == TWICE.card["name"]]
    assert twice.reason == "only its title was read, which does not say which printing it is"
    assert len(twice.candidates) == 2
    assert b"only its title was read: " in render_answers(scan)


def test_the_only_printing_in_the_named_sets_enters_the_collection_by_its_title(
    folder: Path, database: Database
) -> None:
    assumed = Assumptions(sets=frozenset({TWICE.card["set"]}))
    scan = scan_photos(database, [folder / "column.png"], assumed)
    by_title = [one for one in scan.seen if one.sighting.by_title]
    status = {one.candidates[0][0].name: one.status for one in by_title}
    assert status.pop(TWICE.card["name"]) == "review"
    assert "collection" in status.values()


def test_a_server_reads_titles_and_answers_as_its_document_says(
    folder: Path, tmp_path: Path
) -> None:
    picture = (folder / "column.png").read_bytes()
    with Server(folder, tmp_path / "collection.sqlite") as server:
        document = server.get("/api/openapi.json")
        schema = {"$ref": "#/components/schemas/Query", "components": document["components"]}
        told = server.post("/api/query", picture)
        Draft202012Validator(schema).validate(told)
        assert any(card["title"] for card in told["cards"])
        entries = server.post("/api/photos", picture)["entries"]
    assert sum("only its title was read" in entry["read"] for entry in entries) >= 2
    # As it comes back from the file.
    with Server(folder, tmp_path / "collection.sqlite") as server:
        assert json.dumps(server.get("/api/entries")["entries"]) == json.dumps(entries)
