"""The program removes and overwrites nothing but files of its own making, and follows no link."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import (
    COUNT,
    PixelEncoder,
    build,
    card_id,
    download_options,
    fill_cache,
    make_card,
    make_images,
    mtg_db,
)

from mtg_image_db import download_images
from mtg_image_db.demo.run import demo_stage
from mtg_image_db.download.ledger import PLAN, Ledger
from mtg_image_db.errors import NetworkError, StorageError
from mtg_image_db.pictures.hot_folder import MEMORY, HotFolder
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.locks import exclusive

links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


CARDS = [make_card(n) for n in range(12)]


@pytest.fixture
def filled(double: ScryfallDouble, tmp_path: Path) -> Path:
    return fill_cache(double, tmp_path / "image_cache")


@pytest.fixture
def precious(tmp_path: Path) -> Iterator[Path]:
    """Somebody's file, to which no link may lead a byte."""
    path = tmp_path / "precious"
    path.write_text("mine")
    yield path
    assert path.read_text() == "mine"


def an_image(cache: Path) -> Path:
    return min((cache / "images").rglob("*.jpg"))


def names_of_others(cache: Path) -> list[Path]:
    """Files that lie where the program's own do, or end as they do."""
    image = an_image(cache)
    bulk, folder = cache / "bulk", image.parent
    (cache / "images" / "holiday").mkdir()
    return [
        cache / "notes.part",
        cache / "film.mkv.part",
        cache / "pauses.json.123.part",
        cache / "report.json.0123456789ab.part",
        bulk / "backup.part",
        bulk / "default_cards.json.part",
        bulk / "default_cards-mine.jsonl.gz",
        bulk / "default_cards-20260101000000.jsonl.gz.bak",
        bulk / "my-default_cards-20260101000000.jsonl.gz",
        folder / "beach.jpg",
        folder / "beach.jpg.0123456789ab.part",
        folder / f"{image.stem}.jpeg",
        folder / f"{image.name}.part",
        folder / f"copy of {image.name}",
        cache / "images" / "holiday" / "beach.jpg",
        cache / "images" / "holiday" / image.name,
        cache / "images" / "beach.jpg",
    ]


def names_of_ours(cache: Path) -> list[Path]:
    image = an_image(cache)
    return [
        cache / "pauses.json.0123456789ab.part",
        cache / PLAN,
        cache / "bulk" / "default_cards.json.0123456789ab.part",
        cache / "bulk" / "default_cards-20260101000000.jsonl.gz.0123456789ab.part",
        image.with_name(f"{image.name}.0123456789ab.part"),
    ]


@pytest.mark.parametrize("command", ["download", "clean", "verify-cache"])
def test_what_others_put_into_the_cache_stays(
    double: ScryfallDouble, filled: Path, command: str
) -> None:
    others, ours = names_of_others(filled), names_of_ours(filled)
    for path in [*others, *ours]:
        path.write_text("anybody's")
    double.publish(CARDS)  # a newer snapshot takes the old one's place
    arguments = {
        "download": ("--kind", "default_cards", "--api-url", double.url, "--refresh"),
        "clean": ("--yes",),
        "verify-cache": ("--fix",),
    }
    mtg_db(command, *arguments[command], cwd=filled.parent)
    assert [path for path in others if not path.exists()] == []
    if command != "verify-cache":
        assert [path for path in ours if path.exists()] == []


def test_an_older_snapshot_and_what_arrived_of_one_are_removed(
    double: ScryfallDouble, filled: Path
) -> None:
    [before] = (filled / "bulk").glob("*.gz")
    rest = [before.with_name(f"default_cards-20260101000000.jsonl.gz{e}") for e in (".partial", "")]
    for path in rest:
        path.write_bytes(b"old")
    double.publish(CARDS)
    download_images(download_options(double, filled))
    [after] = (filled / "bulk").glob("*.gz*")
    assert after != before


@pytest.mark.parametrize("resume", [True, False])
def test_a_checkpoint_that_somebody_else_made_is_set_aside_whole(
    cache: Path, tmp_path: Path, resume: bool
) -> None:
    theirs = {"shard-000000.npz": b"weights", "shard-a.npz": b"more", "checkpoint_meta.json": b"{}"}
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name, data in theirs.items():
        (folder / name).write_bytes(data)
    assert build(cache, tmp_path, resume=resume).encoded == COUNT
    [aside] = tmp_path.glob("checkpoint-*")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == theirs


@pytest.mark.parametrize("name", ["shard-best.npz", "shard-1.npz", "shard-000000.npz.bak"])
def test_files_beside_a_checkpoint_stay(cache: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(cache, tmp_path, PixelEncoder(fail_after=200), batch=20)
    (tmp_path / "checkpoint" / name).write_text("mine")
    assert build(cache, tmp_path).encoded == COUNT - 200
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == [name]


@links
@pytest.mark.parametrize("name", [".lock", ".lock-holder"])
def test_a_lock_follows_no_link(tmp_path: Path, precious: Path, name: str) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    (folder / name).symlink_to(precious)
    if name == ".lock":
        with pytest.raises(StorageError, match="not a regular file"), exclusive(folder, "test"):
            pass
    else:
        with exclusive(folder, "test"):
            assert "mtg-db test, process" in (folder / name).read_text()
            assert not (folder / name).is_symlink()


@links
def test_who_waits_for_a_lock_is_told_nothing_of_other_files(
    tmp_path: Path, precious: Path
) -> None:
    with exclusive(tmp_path, "test"):
        (tmp_path / ".lock-holder").unlink()
        (tmp_path / ".lock-holder").symlink_to(precious)
        with pytest.raises(StorageError) as caught, exclusive(tmp_path, "test", wait=False):
            pass
    assert caught.value.details == "another mtg-db process"


@links
@pytest.mark.parametrize("early", [True, False])
def test_a_watched_folder_s_memory_follows_no_link(
    tmp_path: Path, precious: Path, early: bool
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"picture")
    if early:
        (folder / MEMORY).symlink_to(precious)
    arrivals = HotFolder(folder, wait=lambda: None).arrivals()
    assert isinstance(arrivals, Generator)
    assert next(arrivals).parent == folder
    if early:
        next(arrivals)
        assert not (folder / MEMORY).is_symlink()
    else:
        (folder / MEMORY).unlink()
        (folder / MEMORY).symlink_to(precious)
        with pytest.raises(StorageError, match="a link stands where a file belongs"):
            next(arrivals)
    arrivals.close()


@links
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_a_ledger_is_no_link(filled: Path, tmp_path: Path, suffix: str) -> None:
    theirs = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(theirs)) as database:
        database.execute("CREATE TABLE mine (value)")
        database.commit()
    before = theirs.read_bytes()
    path = filled / f"ledger.sqlite{suffix}"
    path.unlink(missing_ok=True)
    path.symlink_to(theirs)
    with pytest.raises(StorageError, match="is a link"), Ledger(filled, create=True):
        pass
    assert theirs.read_bytes() == before


@links
def test_a_plan_follows_no_link(filled: Path, precious: Path) -> None:
    (filled / PLAN).symlink_to(precious)
    with Ledger(filled) as ledger:
        assert ledger.plan([(card_id(1), "https://x", "Card 1")]) == 0
    assert not os.path.lexists(filled / PLAN)


@links
def test_what_arrives_of_a_snapshot_follows_no_link(double: ScryfallDouble, tmp_path: Path) -> None:
    options = download_options(double, tmp_path / "image_cache", max_retries=0)
    double.inject("/file/", faults.truncated(0.5, times=None))
    with pytest.raises(NetworkError):
        download_images(options)
    double.clear_faults()
    [partial] = (options.cache / "bulk").glob("*.partial")
    # As long as what has arrived: the server is asked for the rest, which would be appended.
    theirs = partial.replace(tmp_path / "theirs")
    before = theirs.read_bytes()
    partial.symlink_to(theirs)
    with pytest.raises(StorageError, match="a link stands where a file belongs"):
        download_images(options)
    assert theirs.read_bytes() == before


@links
@pytest.mark.parametrize("resume", [True, False])
def test_a_checkpoint_folder_is_no_link(cache: Path, tmp_path: Path, resume: bool) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "checkpoint_meta.json").write_text("{}")
    out = tmp_path / "out"
    out.mkdir()
    (out / "checkpoint").symlink_to(theirs)
    with pytest.raises(KeyboardInterrupt):
        build(cache, out, PixelEncoder(fail_after=200), batch=20, resume=resume)
    assert [path.name for path in theirs.iterdir()] == ["checkpoint_meta.json"]
    assert len(list((out / "checkpoint").glob("shard-*.npz"))) == 2


@links
def test_a_demo_follows_no_link(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / ".mtg-db-demo").symlink_to(tmp_path / "made")
    with pytest.raises(StorageError, match="not empty"), demo_stage(folder):
        pass
    assert not (tmp_path / "made").exists()
    assert stat.S_ISLNK((folder / ".mtg-db-demo").lstat().st_mode)


def test_a_report_replaces_no_photos(home: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"file,names\n{home / 'card7.jpg'},Card 3\n")
    command = ("eval", tmp_path / "labels.csv", "--report", tmp_path / "report")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "0.jpg").write_text("mine")
    done = mtg_db(*command, cwd=home)
    assert (done.returncode, "has other files" in done.stderr) == (1, True), done.stderr
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["0.jpg"]
    assert (tmp_path / "report" / "0.jpg").read_text() == "mine"
    (tmp_path / "report" / "0.jpg").unlink()
    for _ in range(2):
        assert mtg_db(*command, cwd=home).returncode == 0
    assert (tmp_path / "report" / "index.html").is_file()


@links
def test_clean_removes_nothing_through_a_linked_folder(tmp_path: Path) -> None:
    with ScryfallDouble(CARDS, make_images(12)) as double:
        fill_cache(double, tmp_path / "image_cache")
    shard = tmp_path / "image_cache" / "images" / "00"
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    image = next((tmp_path / "elsewhere").iterdir())
    left = image.with_name(image.name.replace("0000", "0001", 1))
    shutil.copy(image, left)
    done = mtg_db("clean", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert left.exists()
