from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from conftest import fill_cache, make_card, make_images, make_picture, mtg_db

from mtg_image_db import BuildOptions, build_database
from mtg_image_db.scryfall_double.double import ScryfallDouble


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of eight cards, and photos of two of them."""
    folder = tmp_path_factory.mktemp("home")
    with ScryfallDouble([make_card(n) for n in range(8)], make_images(8)) as double:
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
    assert (home / "mine-review" / "review.csv").read_text("utf-8-sig").count("tst 3") == 1


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
    assert "  - wrong.csv, line 2: 'what' is no answer" in done.stderr
    assert "  - wrong.csv, line 3: 'photos/9.png#1' is no card of the photos" in done.stderr


def test_strict_tells_of_unreadable_photos_by_its_exit_code(home: Path) -> None:
    done = mtg_db("scan", "photos", "broken.jpg", "--strict", "-o", "strict.csv", cwd=home)
    assert done.returncode == 4
    assert (home / "strict.csv").is_file()
