"""Whatever strangers wrote: what reaches a terminal is text, and our lines are ours."""

from __future__ import annotations

import csv
import io
import os
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import card_id, fill_cache, jpeg, make_card, make_picture, mtg_db
from hypothesis import given
from hypothesis import strategies as st

from mtg_image_db.cli.answers import Asked, print_csv, print_json, print_table
from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import one_line, print_error, say, table
from mtg_image_db.database.answers import CardAnswer, Match
from mtg_image_db.errors import InvalidArguments, NetworkError
from mtg_image_db.scryfall.faces import faces_of
from mtg_image_db.scryfall_double.double import ScryfallDouble

EVIL = "\x1b[2J\x1b]0;x\x07\r\nERROR: Fake: all is lost\x85\x9b31m\u2028\u202egpj\u2066\x00\x7f"
ACTS = {chr(n) for n in (*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), 0x2028, 0x2029)}
ACTS |= {chr(n) for n in range(0x2066, 0x206A)} | {"\udcff"}

names = st.text(st.sampled_from(sorted(ACTS)) | st.characters(), max_size=40)


def match_of(name: str) -> Match:
    card = make_card(3, name=name, collector_number=name, set=name, scryfall_uri=name)
    [face] = faces_of(card)
    return Match(1, 0.5, face, (replace(face.printing, scryfall_id="x"),), image=1)


class Streams:
    """Standard output and error of a block, as bytes of UTF-8."""

    def __init__(self) -> None:
        self.out, self.err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in "oe")

    def __enter__(self) -> Streams:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self.out, self.err
        return self

    def __exit__(self, *about: object) -> None:
        sys.stdout, sys.stderr = self._before

    def texts(self) -> tuple[str, str]:
        def text(stream: io.TextIOWrapper) -> str:
            stream.flush()
            buffer: Any = stream.buffer
            return str(buffer.getvalue(), "utf-8")

        return text(self.out), text(self.err)


@given(names, names, st.sampled_from([print_table, print_csv, print_json]))
def test_no_name_acts_on_a_terminal_or_begins_a_line(name: str, file: str, show: Any) -> None:
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    card = CardAnswer((match_of(name),) * 2, "confident", corners, 9)
    with Streams() as streams:
        show(Asked(file, (card,)), 5)
        show(Asked(file, matches=(match_of(name),)), 5)
        show(Asked(file, error=f"x{name}"), 5)
        say(f"{file}: {name}")
        Bars().note(name)
    expected = {print_table: (8, 3), print_csv: (3, 2), print_json: (3, 2)}[show]
    for text, lines in zip(streams.texts(), expected, strict=True):
        assert not set(text) & (ACTS - {"\n", "\t"})
        assert text.count("\n") == lines


@given(names)
def test_errors_have_the_lines_that_we_give_them(text: str) -> None:
    error = NetworkError(f"a{text}", details=f"b{text}", suggestion=f"c{text}")
    with Streams() as streams:
        print_error(error)
        print_error(InvalidArguments([f"d{text}"]))
    _, said = streams.texts()
    assert not set(said) & (ACTS - {"\n", "\t"})
    starts = ["ERROR: Network: a", "  Details: b", "  Suggestion: c"]
    starts += ["ERROR: Invalid arguments:", "  - d"]
    for line, start in zip(said.removesuffix("\n").split("\n"), starts, strict=True):
        assert line.startswith(start)


@given(names)
def test_a_name_is_left_as_it_is_but_for_what_acts(name: str) -> None:
    shown = one_line(name)
    assert len(shown) == len(name)
    for was, now in zip(name, shown, strict=True):
        if unicodedata.category(was)[0] in "LMNPSZ" and was not in ACTS:
            assert now == was


@pytest.mark.parametrize(
    "name",
    [
        "\u0646\u0645\u0627\u06cc\u0634\u200c\u0647\u0627",  # Persian, with a joiner
        "\u05d0\u05d1 (\u200e1\u200f)",  # Hebrew, with marks
        "Lim-Du\u0302l \u7a32\u59bb",
        "\U0001f469\u200d\U0001f680.jpg",  # an emoji of two
        "9.41\u202fAM",
    ],
)
def test_names_of_all_languages_are_shown_as_they_are(name: str) -> None:
    assert one_line(name) == name
    assert table(("a",), [(name,)])[1].strip() == name


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose cards have names that act on terminals, and photos with such names."""
    folder = tmp_path_factory.mktemp("strange")
    cards = [make_card(n, name=f"Card {n}{EVIL}", artist=EVIL, set_name=EVIL) for n in range(12)]
    images = {f"{card_id(n)}/front": jpeg(make_picture(n)) for n in range(12)}
    images[f"{card_id(11)}/front"] = b"no picture"
    with ScryfallDouble(cards, images) as double:
        fill_cache(double, folder / "image_cache")
        done = mtg_db(
            *("download", "--cache", "again", "--api-url", double.url, "--max-retries", "0"),
            cwd=folder,
        )
    assert "Card 11" in done.stderr
    (folder / "download.txt").write_text(done.stderr, encoding="utf-8", newline="")
    done = mtg_db("build", "--cache", "again", "--no-inverted-index", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "card.jpg").write_bytes(jpeg(make_picture(7)))
    return folder


def test_no_command_lets_a_strangers_text_act(strange: Path, tmp_path: Path) -> None:
    photo = tmp_path / ("photo" + EVIL.replace("\0", "") + ".jpg")
    if os.name != "nt":
        photo.write_bytes(jpeg(make_picture(1)))
    photos = [photo, strange / "card.jpg"]
    broken = tmp_path / ("broken" + EVIL.replace("\0", "") + ".jpg")
    options = ("--db", strange / "index_out")
    said = [(strange / "download.txt").read_bytes().decode()]
    commands: list[tuple[str | Path, ...]] = [
        ("query", *photos, broken, *options),
        ("query", *photos, broken, "--format", "csv", *options),
        ("query", *photos, broken, "--json", *options),
        ("query", tmp_path / EVIL.replace("\0", ""), "--db", tmp_path / EVIL.replace("\0", "")),
        ("scan", *photos, broken, "--review", tmp_path / "review", *options),
        ("scan", *photos, "--to", "mtga", "--review", tmp_path / "mtga", *options),
        ("verify", *options),
        ("info", *options),
        ("verify-cache", "--cache", strange / "again"),
        ("clean", "--cache", strange / "again"),
        (EVIL.replace("\0", ""),),
    ]
    for command in commands:
        done = mtg_db(*command, cwd=tmp_path)
        said += [done.stdout, done.stderr]
    for text in said:
        assert not set(text.replace("\r\n", "\n")) & (ACTS - {"\n", "\t"}), text
        fakes = [line for line in text.splitlines() if line.startswith("ERROR: Fake")]
        assert fakes == [], text
    assert any("Card 7 [2J ]0;x" in text for text in said), "a collection has the card"


def test_csv_keeps_its_rows_whatever_the_names_hold(strange: Path) -> None:
    done = mtg_db("query", "card.jpg", "--format", "csv", cwd=strange)
    [row] = csv.DictReader(io.StringIO(done.stdout, newline=""))
    assert row["name"].startswith("Card 7\ufffd[2J\ufffd]0;x\ufffd\ufffd\ufffdERROR: Fake: all is")


def test_json_carries_every_name_exactly(strange: Path) -> None:
    import json

    done = mtg_db("query", "card.jpg", "--json", cwd=strange)
    [line] = done.stdout.splitlines()
    assert json.loads(line)["cards"][0]["matches"][0]["name"] == f"Card 7{EVIL}"
