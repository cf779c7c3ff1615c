"""Answers: their formats, and what they are narrowed to."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import fill_cache, jpeg, json_lines, make_card, make_images, make_picture, mtg_db
from PIL import Image

from mtg_image_db import BuildOptions, build_database
from mtg_image_db.cli import main
from mtg_image_db.cli.answers import COLUMNS
from mtg_image_db.demo.double import ScryfallDouble

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "json.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of twelve cards, and pictures to ask about."""
    folder = tmp_path_factory.mktemp("home")
    with ScryfallDouble([make_card(n) for n in range(12)], make_images(12)) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    for number in (7, 8):
        (folder / f"card{number}.jpg").write_bytes(jpeg(make_picture(number), 60))
    Image.effect_noise((488, 680), 90).save(folder / "noise.png")
    (folder / "broken.jpg").write_bytes(b"not a picture")
    return folder


@pytest.fixture
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


def documented(heading: str) -> set[str]:
    """The keys of the table below a heading of docs/json.md."""
    section = PAGE.split(heading, 1)[1].split("\n|---", 1)[1].split("\n\n", 1)[0]
    cells = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def test_the_json_is_what_its_page_says(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "card7.jpg", "broken.jpg", "noise.png", "--json"]) == 0
    good, broken, unknown = json_lines(capsys.readouterr().out)
    assert broken == {"version": 1, "query": "broken.jpg", "error": "not an image"}
    assert {"error", *good} == documented("## JSON")
    types: dict[str, Any] = {"verdict": str, "quad": list, "points": int, "matches": list}
    for answer in (good, unknown):
        assert answer["version"] == 1
        for card in answer["cards"]:
            assert {key: type(value) for key, value in card.items()} == types
            assert set(card) == documented("Each of `cards`")
            assert [len(corner) for corner in card["quad"]] == [2, 2, 2, 2]
            assert all(set(match) == documented("Each of `matches`") for match in card["matches"])
    assert good["cards"][0]["verdict"] in ("confident", "likely")
    [printing] = good["cards"][0]["matches"][0]["printings"]
    listed = PAGE.split("Each of `printings` has the keys", 1)[1].split("with the same", 1)[0]
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
    assert "--find-report draws on one picture: give one only" in done.stderr


def test_without_finding_the_whole_picture_is_the_card(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "card7.jpg", "--no-find", "--json"]) == 0
    [card] = json.loads(capsys.readouterr().out)["cards"]
    assert card["matches"][0]["name"] == "Card 7"
