from __future__ import annotations

import csv
import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import fill_cache, make_card, make_images, make_picture, mtg_db

from mtg_image_db import BuildOptions, build_database
from mtg_image_db.scryfall_double.double import ScryfallDouble


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of eight cards, and photos of two of them."""
    folder = tmp_path_factory.mktemp("home")
    cards = [make_card(n, prices={"usd": f"{n}.50", "tix": "0.02"}) for n in range(8)]
    with ScryfallDouble(cards, make_images(8)) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    (folder / "photos").mkdir()
    for number in (3, 5):
        make_picture(number).save(folder / "photos" / f"{number}.png")
    (folder / "photos" / "notes.txt").write_text("not a photo")
    (folder / "broken.jpg").write_bytes(b"nothing")
    (folder / "empty").mkdir()
    return folder


def test_photos_become_a_collection_by_way_of_a_review(home: Path) -> None:
    first = mtg_db("scan", "photos", "broken.jpg", cwd=home)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("quantity,name,")
    assert "broken.jpg: not an image" in first.stderr
    assert "3 photos (1 could not be read): 2 cards seen," in first.stderr
    assert "with --corrections scan-review" in first.stderr
    assert (home / "scan-review" / "review.html").read_bytes().startswith(b"<!doctype html>")
    answers = home / "scan-review" / "review.csv"
    lines = list(csv.DictReader(io.StringIO(answers.read_text(encoding="utf-8-sig"))))
    assert sorted(Path(line["photo"]).name for line in lines) == ["3.png", "5.png"]
    for line in lines:
        line["answer"] = f"tst {Path(line['photo']).stem}"
        line["quantity"] = Path(line["photo"]).stem
    with answers.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    careless = mtg_db("scan", "photos", cwd=home)
    assert careless.returncode == 1
    assert f"{answers.relative_to(home)} was filled in, and would be lost" in careless.stderr
    options = ("--to", "dragonshield", "--lang", "ja", "-o", "mine.csv")
    second = mtg_db("scan", "photos", *options, "--corrections", answers, cwd=home)
    assert (second.returncode, second.stdout) == (0, "")
    assert "2 photos: 2 cards seen, 8 in the collection (mine.csv), 0 to review." in second.stderr
    rows = (home / "mine.csv").read_bytes().split(b"\r\n")
    assert rows[0] == b'"sep=,"'
    assert rows[2] == b"mtg-db,3,0,Card 3,TST,Test Set,3,NearMint,Normal,Japanese,,,,,"
    kept = (home / "mine-review" / "review.csv").read_text(encoding="utf-8-sig")
    answered = [(line["answer"], line["quantity"]) for line in csv.DictReader(io.StringIO(kept))]
    assert answered == [("TST 3", "3"), ("TST 5", "5")]


def test_an_answer_may_be_a_name_and_the_summary_says_what_the_collection_is_worth(
    home: Path,
) -> None:
    lines = f"id,photo,answer,quantity\n{home}/photos/3.png#1,,card 4,2\n,photos/5.png,CARD 6,1\n"
    (home / "named.csv").write_text(lines)
    options = ("--condition", "NM", "-o", "worth.csv", "--corrections", "named.csv")
    done = mtg_db("scan", "photos", *options, cwd=home)
    # Twice card 4, once card 6; of the other photo the database is not sure.
    assert "Worth: 15.50 USD, 0.06 tix; prices of 2026-09-08." in done.stderr, done.stderr
    rows = list(csv.DictReader(io.StringIO((home / "worth.csv").read_text(encoding="utf-8"))))
    told = ("quantity", "name", "condition", "usd", "eur", "tix", "price_date")
    assert [tuple(row[key] for key in told) for row in rows] == [
        ("2", "Card 4", "near_mint", "4.50", "", "0.02", "2026-09-08"),
        ("1", "Card 6", "near_mint", "6.50", "", "0.02", "2026-09-08"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="not everybody may make links there")
def test_a_photo_counts_once_by_whatever_names(home: Path) -> None:
    photo = home / "photos" / "3.png"
    (home / "linked.png").symlink_to(photo)
    (home / "hard.png").hardlink_to(photo)
    (home / "copy.png").write_bytes(photo.read_bytes())
    names = ["photos/3.png", photo, "photos/../photos/3.png", "linked.png", "hard.png", "photos"]
    command = [sys.executable, "-m", "mtg_image_db", "scan", *map(str, names), "-", "copy.png"]
    with photo.open("rb") as stream:
        options = ("-o", "once.csv", "--review", "once")
        done = subprocess.run(
            [*command, *options], cwd=home, stdin=stream, capture_output=True, check=True, text=True
        )
    # The folder has it as well, and another photo; a copy has the same bytes.
    assert "Left out: 6 names of photos already named. A photo counts once." in done.stderr
    assert "copy.png: left out, it is the same picture as photos/3.png" in done.stderr
    assert "2 photos: 2 cards seen" in done.stderr
    with (home / "once" / "review.csv").open(encoding="utf-8-sig", newline="") as review:
        assert sorted(line["id"] for line in csv.DictReader(review)) == [
            *("photos/3.png#1", "photos/5.png#1")
        ]
    for name in ("linked.png", "hard.png", "copy.png"):
        (home / name).unlink()


def test_a_url_counts_once_and_its_refusal_names_no_option_that_scan_lacks(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        urls = (f"http://{host}/a.jpg", f"HTTP://{host}/a.jpg#x", f"http://{host}/A.jpg")
        done = mtg_db("scan", "photos", *urls, "-o", "urls.csv", "--review", "urls", cwd=home)
        assert "Left out: 1 name of photos already named." in done.stderr
        assert "4 photos (2 could not be read)" in done.stderr
        assert "refused: not a public address\n" in done.stderr
        assert "allow private" not in done.stderr
        done = mtg_db("query", urls[0], cwd=home)
        assert "refused: not a public address (allow private addresses)" in done.stderr


def test_names_that_look_like_formulas_go_to_a_spreadsheet_and_back(home: Path) -> None:
    folder = home / "odd"
    folder.mkdir()
    names = ["=1+1.png", "@SUM(1).png", "-2.png", "+3;=4.png"]
    for number, name in enumerate(names):
        make_picture(number).save(folder / name)
    given = ("*.png", "--to", "csv", "--db", home / "index_out", "--review", "r")
    assert mtg_db("scan", *given, "-o", "odd.csv", cwd=folder).returncode == 0
    answers = folder / "r" / "review.csv"
    with answers.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.DictReader(stream))
    for line in lines:
        assert not (line["id"] + line["photo"]).startswith(tuple("=+-@"))
        assert ";=" not in line["id"]
        line["answer"] = "skip"
    # Saved by Excel as text with tabs.
    with answers.open("w", encoding="utf-16", newline="") as stream:
        writer = csv.DictWriter(stream, lines[0], delimiter="\t", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(lines)
    done = mtg_db("scan", *given, "-o", "odd.csv", "--corrections", answers, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "4 photos: 4 cards seen, 0 in the collection (odd.csv), 0 to review." in done.stderr


def test_when_no_photo_can_be_read_nothing_is_written(home: Path) -> None:
    done = mtg_db("scan", "broken.jpg", "none.jpg", "-o", "nothing.csv", cwd=home)
    assert done.returncode == 2
    assert "none.jpg: there is no such file" in done.stderr
    assert "ERROR: Nothing usable: No photo could be read" in done.stderr
    assert not list(home.glob("nothing*"))


def test_what_is_wrong_is_said_before_anything_is_scanned(home: Path) -> None:
    done = mtg_db("scan", "photos", "--to", "pdf", "--lang", "klingon", "--set", "?", cwd=home)
    assert done.returncode == 1
    assert done.stderr.count("\n  - ") == 3
    assert "there are no pictures in the folder empty" in (
        mtg_db("scan", "empty", "-o", "e.csv", cwd=home).stderr
    )
    (home / "wrong.csv").write_text("id,answer\nphotos/3.png#1,what\nphotos/9.png#1,skip\n")
    done = mtg_db("scan", "photos", "--corrections", "wrong.csv", "-o", "w.csv", cwd=home)
    assert done.returncode == 1
    said = "  - wrong.csv, line 2: the database has no printing and no card 'what'"
    assert said in done.stderr
    assert (
        "  - wrong.csv, line 3: 'photos/9.png#1' is not a card of the given photos" in done.stderr
    )


def test_strict_tells_of_unreadable_photos_by_its_exit_code(home: Path) -> None:
    done = mtg_db("scan", "photos", "broken.jpg", "--strict", "-o", "strict.csv", cwd=home)
    assert done.returncode == 4
    assert (home / "strict.csv").is_file()
