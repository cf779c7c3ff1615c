"""Answers: their formats, and what they are narrowed to."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import (
    PixelEncoder,
    card_id,
    download_options,
    jpeg,
    json_lines,
    make_card,
    make_images,
    make_picture,
    mtg_db,
)
from PIL import Image

from mtg_image_db import (
    BuildOptions,
    Database,
    DatabaseError,
    FaceFilter,
    InvalidArguments,
    build_database,
    download_images,
)
from mtg_image_db.cli import main
from mtg_image_db.cli.answers import COLUMNS, Asked, print_csv, print_table
from mtg_image_db.database.answers import CardAnswer, Match
from mtg_image_db.encoders import normalised
from mtg_image_db.encoders.preprocessing import prepare
from mtg_image_db.index.exact import ExactIndex
from mtg_image_db.scryfall.faces import faces_of
from mtg_image_db.scryfall_double.double import ScryfallDouble

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "json.md").read_text(encoding="utf-8")


def documented(heading: str) -> set[str]:
    """The keys of the table below a heading of docs/json.md."""
    section = PAGE.split(heading, 1)[1].split("\n|---", 1)[1].split("\n\n", 1)[0]
    cells = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def test_python_gives_the_object_that_the_command_prints(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "card7.jpg", "--json"]) == 0
    [printed] = json_lines(capsys.readouterr().out)
    given = Database.open("index_out").recognise("card7.jpg").to_json("card7.jpg")
    assert printed.pop("seconds") > 0
    assert given.pop("seconds") > 0
    assert printed == json.loads(json.dumps(given))


def test_the_json_is_what_its_page_says(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "card7.jpg", "broken.jpg", "noise.png", "--json"]) == 0
    good, broken, unknown = json_lines(capsys.readouterr().out)
    assert broken == {"version": 1, "query": "broken.jpg", "error": "not an image"}
    assert {"error", "matches", *good} == documented("## JSON")
    types: dict[str, Any] = {
        "verdict": str,
        "detected": bool,
        "quad": list,
        "points": int,
        "title": type(None),
        "printing": dict,
        "matches": list,
    }
    for answer in (good, unknown):
        assert answer["version"] == 1
        assert answer["seconds"] > 0
        for card in answer["cards"]:
            assert {key: type(value) for key, value in card.items()} == types
            assert set(card) == documented("Each of `cards`")
            assert set(card["printing"]) == documented("`printing` of a card")
            assert [len(corner) for corner in card["quad"]] == [2, 2, 2, 2]
            assert all(set(match) == documented("Each of `matches`") for match in card["matches"])
    assert good["cards"][0]["verdict"] in ("confident", "likely")
    [printing] = good["cards"][0]["matches"][0]["printings"]
    text = " ".join(PAGE.split())  # a sentence may go over two lines
    listed = text.split("Each of `printings` has the keys", 1)[1].split("with the same", 1)[0]
    assert set(printing) == set(re.findall(r"`(\w+)`", listed))
    assert unknown["cards"][0]["verdict"] == "none"


def test_csv_has_a_header_and_a_line_a_card(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "card7.jpg", "broken.jpg", "noise.png", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert set(rows[0]) == set(COLUMNS) == documented("## CSV")
    good, broken, unknown = rows
    assert (good["name"], good["set"], good["collector_number"]) == ("Card 7", "tst", "7")
    assert len(good["quad"].split()) == 4
    assert {key: value for key, value in broken.items() if value} == {
        "query": "broken.jpg",
        "error": "not an image",
    }
    assert (unknown["verdict"], unknown["name"], unknown["score"]) == ("none", "", "")


def test_csv_holds_nothing_that_a_spreadsheet_computes(
    inside: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Photos and databases may be strangers'."""
    make_picture(7).save("=1+1.png")
    assert main(["query", "=1+1.png", "@nowhere.png", "--format", "csv"]) in (0, 2)
    Path("=1+1.png").unlink()
    [face] = faces_of(make_card(1, name="@x", set_name="=1", collector_number="-1+1"))
    face = replace(face, card_url="=1+1", lang="+1+1")
    card = CardAnswer((Match(1, -0.1, face, image=1),), "likely", ((-3, 1), (9, 1), (9, 9), (1, 9)))
    print_csv(Asked("+a;=b", (card,)), 1)
    print_csv(Asked("=words", matches=card.matches), 1)
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert [row["query"] for row in rows] == ["'=1+1.png", "'@nowhere.png", "'+a;'=b", "'=words"]
    for row in rows[2:]:
        assert (row["name"], row["collector_number"], row["lang"]) == ("'@x", "'-1+1", "'+1+1")
        # Numbers stay numbers.
        assert (row["url"], row["score"]) == ("'=1+1", "-0.1000")
    assert rows[2]["quad"] == "-3,1 9,1 9,9 1,9"


def test_csv_is_utf_8_and_names_pictures_as_they_were_named(inside: Path, tmp_path: Path) -> None:
    # macOS puts a narrow no-break space into the names of screenshots.
    name = "9.41\u202fAM \u65e5\u672c.jpg"
    (tmp_path / name).write_bytes((inside / "card7.jpg").read_bytes())
    query = ("query", tmp_path / name, "--format", "csv")
    done = mtg_db(*query, cwd=inside, environment={"PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0, done.stderr
    [row] = csv.DictReader(io.StringIO(done.stdout))
    assert row["query"] == str(tmp_path / name)


def test_a_card_whose_match_scores_too_little_is_not_recognised(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "card7.jpg", "--min-score", "0.99999", "--json"]) == 0
    [card] = json.loads(capsys.readouterr().out)["cards"]
    assert (card["verdict"], card["points"], card["matches"]) == ("none", 0, [])
    assert main(["query", "card7.jpg", "--min-score", "0.99999"]) == 0
    assert capsys.readouterr().out == "none: not in the database, or no card.\n"


def test_people_see_the_verdict_first(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "card7.jpg", "noise.png", "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "card7.jpg:"
    assert re.fullmatch(r"(confident|likely): Card 7, TST 7, score [01]\.\d{3}", lines[1])
    assert "none: not in the database, or no card. The nearest:" in lines


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_follow_the_conventions(
    inside: Path,
    environment: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["query", "card7.jpg"]) == 0
    assert ("\x1b[" in capsys.readouterr().out) == coloured


@pytest.mark.skipif(os.name == "nt", reason="a POSIX terminal")
@pytest.mark.parametrize(("term", "coloured"), [("xterm", True), ("dumb", False)])
def test_an_answer_fits_a_narrow_terminal(home: Path, term: str, coloured: bool) -> None:
    import pty
    import subprocess

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mtg_image_db", "query", "card7.jpg"]
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    environment = {**kept, "COLUMNS": "44", "TERM": term}
    with subprocess.Popen(command, cwd=home, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        # The end of a terminal whose program has gone is an error on Linux.
        try:
            while some := os.read(ours, 4096):
                shown += some
        except OSError:
            pass
        os.close(ours)
    text = shown.decode()
    assert process.returncode == 0
    assert ("\x1b[" in text) == coloured
    lines = re.sub(r"\x1b\[\d*m", "", text).splitlines()
    assert "Card 7" in lines[0]
    assert max(map(len, lines)) <= 44
    assert "https" not in text


def test_a_report_shows_where_the_card_was_found(inside: Path, tmp_path: Path) -> None:
    photo = Image.new("RGB", (900, 1000), "#405060")
    photo.paste(make_picture(7), (200, 150))
    photo.save(tmp_path / "photo.png")
    report = tmp_path / "report.png"
    done = mtg_db("query", tmp_path / "photo.png", "--find-report", report, cwd=inside)
    assert done.returncode == 0, done.stderr
    with Image.open(report) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (900, 1000))
        assert drawn.tobytes() != photo.tobytes()
    done = mtg_db("query", "card7.jpg", "card8.jpg", "--find-report", report, cwd=inside)
    assert done.returncode == 1
    assert "--find-report draws on one picture: name only one" in done.stderr


def test_without_finding_the_whole_picture_is_the_card(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "card7.jpg", "--no-find", "--json"]) == 0
    [card] = json.loads(capsys.readouterr().out)["cards"]
    assert card["matches"][0]["name"] == "Card 7"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Sixty cards of three sets, four languages and so on; each third picture comes twice."""
    folder = tmp_path_factory.mktemp("mixed")
    kinds = [
        {
            "set": ("aaa", "bbb", "ccc")[n % 3],
            "lang": ("en", "de", "ja", "fr")[n % 4],
            "rarity": ("common", "rare")[n % 2],
            "layout": ("normal", "saga")[n // 30],
            "digital": n % 5 == 0,
        }
        for n in range(60)
    ]
    images = make_images(60)
    twins = {f"{card_id(n)}/front": jpeg(make_picture(n - n % 3 // 2)) for n in range(60)}
    cards = [make_card(n, **kind) for n, kind in enumerate(kinds)]
    with ScryfallDouble(cards, images | twins) as double:
        wanted = FaceFilter(include_digital=True)
        download_images(download_options(double, folder / "cache", wanted=wanted))
    cache = folder / "cache"
    build_database(BuildOptions(cache=cache, out=folder / "out"), encoder=PixelEncoder())
    database = Database.open(folder / "out")
    database.use_encoder(PixelEncoder())
    return database


FILTERS = [
    FaceFilter(include_digital=True, sets=frozenset({"aaa", "ccc"})),
    FaceFilter(include_digital=True, langs=frozenset({"ja"}), rarities=frozenset({"common"})),
    FaceFilter(include_digital=True, layouts=frozenset({"saga"})),
    FaceFilter(),
    FaceFilter(sets=frozenset({"bbb"}), langs=frozenset({"de"})),
]


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_filter_leaves_what_comparing_with_every_face_finds(
    mixed: Database, wanted: FaceFilter
) -> None:
    assert len(mixed) == 60
    rows = [n for n, face in enumerate(mixed.faces()) if wanted.exclusion(face) is None]
    queries = PixelEncoder().encode(
        np.stack(
            [
                prepare(make_picture(n + 7), PixelEncoder().fingerprint.preprocessing)
                for n in range(80)
            ]
        )
    )
    narrowed = mixed.where(wanted)
    for query, hits in zip(queries, narrowed.gallery.search_rows(queries, 5), strict=True):
        scores = np.round(mixed.embeddings[rows] @ query, 5)
        least = sorted(set(scores), reverse=True)[:5][-1]
        expected = {row for row, score in zip(rows, scores, strict=True) if score >= least}
        assert {hit.row for hit in hits} == expected
        found = [hit.score for hit in hits]
        assert found == sorted(found, reverse=True)
    [card] = narrowed.query(make_picture(3))
    assert all(wanted.exclusion(match.face) is None for match in card.matches)
    assert len(mixed.gallery.search_rows(queries[:1], 60)[0]) == 60, (
        "the database itself is as it was"
    )


def test_a_filter_of_a_filtered_database_narrows_it_further(mixed: Database) -> None:
    wanted = FaceFilter(sets=frozenset({"aaa"})), FaceFilter(rarities=frozenset({"rare"}))
    [card] = mixed.where(wanted[0]).where(wanted[1]).query(make_picture(3), k=60)
    assert card.matches
    for match in card.matches:
        assert [one.exclusion(match.face) for one in wanted] == [None, None]


def test_rows_of_a_view_are_those_of_the_database(mixed: Database) -> None:
    view = mixed.where(FaceFilter(sets={"aaa"}))
    assert len(view) < 59
    assert view.face(59) == mixed.face(59)
    with pytest.raises(InvalidArguments, match="row must be between 0 and 59"):
        view.face(60)


def test_the_table_shows_as_many_distinct_images_as_were_asked_for(
    mixed: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    [card] = mixed.query(make_picture(3), k=5)
    assert len(card.matches) > 5
    print_table(Asked("a.jpg", (card,)), 5)
    shown = capsys.readouterr().out
    assert all(match.face.card_url in shown for match in card.matches)
    assert "identical" not in shown
    twins = next(n for n in range(60) if len(mixed.query(make_picture(n), k=1)[0].matches) == 2)
    print_table(Asked("a.jpg", mixed.query(make_picture(twins), k=1)), 1)
    assert "and 1 more with images identical to these" in capsys.readouterr().out


def test_exact_search_goes_block_by_block() -> None:
    rng = np.random.default_rng(0)
    vectors = normalised(rng.standard_normal((20_000, 8)).astype(np.float32))
    rows = np.flatnonzero(rng.random(20_000) < 0.9)
    scores, ids = ExactIndex(vectors, rows).search(vectors[:20], 7)
    every = vectors[:20] @ vectors[rows].T
    assert (ids == rows[np.argsort(-every, axis=1, kind="stable")[:, :7]]).all()
    best = np.take_along_axis(every, np.argsort(-every, kind="stable")[:, :7], 1)
    assert np.allclose(scores, best, atol=1e-6)
    assert ExactIndex(vectors, rows[:3]).search(vectors[:2], 9)[1].shape == (2, 3)


def test_filters_are_given_on_the_command_line(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = "--set tst --lang en --rarity common --layout normal --paper-only"
    assert main(["query", "card7.jpg", *kept.split()]) == 0
    assert "Card 7" in capsys.readouterr().out
    assert main(["query", "noise.png", *kept.split()]) == 0
    assert "none: not among the cards that pass the filter" in capsys.readouterr().out
    assert main(["query", "card7.jpg", "--rarity", "common,rar", "--layout", "normla"]) == 1
    said = capsys.readouterr().err
    assert "no card here has the rarity rar" in said
    assert "no card here has the layout normla: do you mean normal?" in said


def test_conditions_that_no_face_fulfils_together_are_told(mixed: Database) -> None:
    german_cards_are_rare = FaceFilter(langs={"de"}, rarities={"common"}, include_digital=True)
    with pytest.raises(DatabaseError, match="none of the wanted faces") as caught:
        mixed.where(german_cards_are_rare)
    assert "fewer conditions" in caught.value.suggestion
