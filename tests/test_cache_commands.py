"""What looks after a cache: verify-cache, clean, reports, pauses."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import card_id, download_options, fill_cache, make_card, mtg_db

from mtg_image_db import download_images
from mtg_image_db.download.clean import find_leftovers, remove_leftovers
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.download.pauses import pauses_left, remember_pause
from mtg_image_db.errors import StorageError
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.locks import exclusive

ROOT = Path(__file__).resolve().parents[1]


def images(cache: Path) -> list[Path]:
    return sorted((cache / "images").rglob("*.jpg"))


@pytest.fixture
def cache(double: ScryfallDouble, tmp_path: Path) -> Path:
    return fill_cache(double, tmp_path / "image_cache")


def damage(cache: Path) -> None:
    one, two, three, *_ = images(cache)
    one.write_bytes(one.read_bytes()[:-100])
    two.write_bytes(three.read_bytes())
    three.unlink()


def test_a_valid_cache_verifies(cache: Path) -> None:
    done = mtg_db("verify-cache", cwd=cache.parent)
    assert (done.returncode, done.stderr) == (0, "12 images: 12 valid, 0 invalid.\n")


def test_invalid_files_are_reported_and_removed_on_request(
    double: ScryfallDouble, cache: Path
) -> None:
    damage(cache)
    done = mtg_db("verify-cache", "--report", "r.json", cwd=cache.parent)
    assert done.returncode == 1
    report = json.loads((cache.parent / "r.json").read_text())
    assert report["cache_directory"] == "image_cache"
    assert (report["total_files"], report["valid_files"], report["invalid_files"]) == (12, 9, 3)
    assert [failure["reason"] for failure in report["failures"]] == [
        "truncated image",
        "not what was downloaded",
        "missing file",
    ]
    assert {"version", "timestamp", "failures"} <= set(report)
    assert set(report["failures"][0]) == {"filename", "reason", "size_bytes"}
    assert len(images(cache)) == 11

    assert mtg_db("verify-cache", "--fix", cwd=cache.parent).returncode == 1
    assert len(images(cache)) == 9
    summary = download_images(download_options(double, cache))
    assert (summary.cached, summary.downloaded) == (9, 3)
    assert mtg_db("verify-cache", cwd=cache.parent).returncode == 0


def test_files_of_somebody_else_are_left_alone(cache: Path) -> None:
    foreign = images(cache)[0].parent / "notes.txt"
    foreign.write_text("mine")
    done = mtg_db("verify-cache", "--fix", cwd=cache.parent)
    assert (done.returncode, foreign.read_text()) == (0, "mine")


@pytest.mark.parametrize(
    ("column", "value"),
    [("path", "../mine.txt"), ("path", b"\0"), ("url", b"x"), ("bytes", "many"), ("sha256", b"")],
)
def test_a_row_that_cannot_be_is_refused_before_anything_is_removed(
    cache: Path, column: str, value: object
) -> None:
    (cache.parent / "mine.txt").write_text("mine")
    with contextlib.closing(sqlite3.connect(cache / "ledger.sqlite")) as ledger:
        where = "WHERE face_id = (SELECT max(face_id) FROM image)"
        ledger.execute(f"UPDATE image SET {column} = ? {where}", (value,))  # noqa: S608
        ledger.commit()
    done = mtg_db("verify-cache", "--fix", cwd=cache.parent)
    assert done.returncode == 1
    assert "ledger.sqlite: a row is damaged" in done.stderr
    assert (cache.parent / "mine.txt").exists()
    assert len(images(cache)) == 12


def test_rows_that_are_not_in_order_are_not_read_for_ever(cache: Path) -> None:
    path = cache / "ledger.sqlite"
    path.write_bytes(path.read_bytes().replace(card_id(11).encode(), b"!" * 36))
    with Ledger(cache) as ledger, pytest.raises(StorageError, match="is damaged") as caught:
        list(ledger.outcomes())
    assert "ledger.sqlite: " in caught.value.details


def test_a_file_of_another_size_is_fetched_again(double: ScryfallDouble, cache: Path) -> None:
    path = images(cache)[0]
    path.write_bytes(path.read_bytes()[:-100])
    summary = download_images(download_options(double, cache))
    assert (summary.cached, summary.downloaded) == (11, 1)


def test_clean_takes_nothing_that_a_download_has_taken_up_since(
    double: ScryfallDouble, cache: Path
) -> None:
    for path in cache.glob("ledger.sqlite*"):
        path.unlink()
    with Ledger(cache, create=True):
        pass
    listed = find_leftovers(cache)
    assert len(listed) == 12
    download_images(download_options(double, cache))
    remove_leftovers(cache, listed)
    assert len(images(cache)) == 12


def test_download_can_verify_first(double: ScryfallDouble, cache: Path) -> None:
    damage(cache)
    command = ("download", "--kind", "default_cards", "--api-url", double.url, "--verify")
    done = mtg_db(*command, cwd=cache.parent)
    assert done.returncode == 0
    assert "Verified 12 images: 3 invalid, removed." in done.stderr
    assert "9 cached, 3 downloaded" in done.stderr


@pytest.mark.parametrize("command", ["verify-cache", "clean"])
def test_without_a_cache_there_is_nothing_to_look_after(tmp_path: Path, command: str) -> None:
    done = mtg_db(command, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("ERROR: Missing input: ")


def test_clean_lists_and_removes_what_nothing_needs(double: ScryfallDouble, cache: Path) -> None:
    double.publish([make_card(n) for n in range(1, 12)])
    download_images(download_options(double, cache))
    [image, *_] = images(cache)
    image.with_name(f"{card_id(77)}.0123456789.jpg").write_bytes(b"x" * 10)
    image.with_name(f"{image.name}.0123456789ab.part").write_bytes(b"x" * 10)
    listed = mtg_db("clean", cwd=cache.parent, stdin=b"")
    assert listed.returncode == 0
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert sorted(reason for _, reason, _ in rows) == [
        "gone from Scryfall",
        "half-written",
        "not in the ledger",
    ]
    assert len(images(cache)) == 13
    removed = mtg_db("clean", "--yes", cwd=cache.parent)
    assert "Removed 3 files" in removed.stderr
    assert len(images(cache)) == 11
    assert mtg_db("clean", cwd=cache.parent).stderr == "Nothing to remove.\n"


def test_folders_of_somebody_else_are_left_alone(cache: Path) -> None:
    # Network drives keep notes of their own beside the files.
    for name in ("@eaDir", f"9{images(cache)[1].name[1:]}"):
        (images(cache)[0].parent / name).mkdir()
    assert mtg_db("clean", "--yes", cwd=cache.parent).stderr == "Nothing to remove.\n"
    assert mtg_db("verify-cache", "--fix", cwd=cache.parent).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_that_refuses_is_told(cache: Path) -> None:
    folder = images(cache)[0].parent
    (folder / f"{card_id(77)}.0123456789.jpg").write_bytes(b"x")
    for path in (cache, *cache.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    folder.chmod(0o555)
    done = mtg_db("clean", "--yes", cwd=cache.parent, unprivileged=True)
    folder.chmod(0o755)
    assert "ERROR: Storage: Cannot write: permission denied" in done.stderr


def test_a_download_sweeps_what_a_killed_one_left(double: ScryfallDouble, cache: Path) -> None:
    [image, *_] = images(cache)
    names = image.relative_to(cache), "pauses.json", "bulk/default_cards.json"
    parts = [cache / f"{name}.0123456789ab.part" for name in names]
    for part in parts:
        part.write_bytes(b"half")
    download_images(download_options(double, cache))
    assert not any(part.exists() for part in parts)


def test_the_report_has_every_outcome(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject(card_id(4), faults.not_found(times=None))
    done = mtg_db(
        *("download", "--kind", "default_cards", "--api-url", double.url),
        *("--report", "report.json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    report: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())
    counts = report["counts"]
    assert counts.pop("requested") == sum(counts.values()) == 12
    assert report["failed"] == {"HTTP 404": 1}
    outcomes = {outcome["face_id"]: outcome for outcome in report["outcomes"]}
    assert len(outcomes) == 12
    assert outcomes[card_id(4)]["outcome"] == "failed"
    assert (tmp_path / "image_cache" / outcomes[card_id(5)]["path"]).is_file()


def test_a_held_cache_can_be_refused_instead_of_waited_for(
    double: ScryfallDouble, cache: Path
) -> None:
    with exclusive(cache, "download"):
        done = mtg_db("download", "--api-url", double.url, "--no-wait", cwd=cache.parent)
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: Storage: image_cache is in use\n")
    assert "mtg-db download, process" in done.stderr
    assert "end it first" in done.stderr


def test_a_lock_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from mtg_image_db.system.locks import exclusive\n"
        f"with exclusive(Path({str(tmp_path)!r}), 'test'): print('held', flush=True); "
        "sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.kill()
    process.communicate()
    with exclusive(tmp_path, "test", wait=False):
        pass


def test_a_pause_is_written_down_for_the_next_run(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject("/cards/", faults.too_many_requests(1))
    download_images(download_options(double, tmp_path))
    assert json.loads((tmp_path / "pauses.json").read_text())["127.0.0.1"]["seconds"] == 1
    remember_pause(tmp_path, "127.0.0.1", 0.6)
    began = time.monotonic()
    double.publish([make_card(n) for n in range(13)])
    download_images(download_options(double, tmp_path))
    assert time.monotonic() - began >= 0.5


def test_a_clock_that_jumps_cannot_lengthen_a_pause(tmp_path: Path) -> None:
    later = time.time() + 1e9
    text = json.dumps({"x": {"until": later, "seconds": 30}, "y": {"until": 0, "seconds": 30}})
    (tmp_path / "pauses.json").write_text(text)
    assert pauses_left(tmp_path) == {"x": 30.0}
    (tmp_path / "pauses.json").write_text('{"x": [], "y": {"until": "z"}}')
    assert pauses_left(tmp_path) == {}


def test_a_dead_server_stops_the_run_and_keeps_what_came(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    double.publish([make_card(n) for n in range(100)])
    double.inject("/cards/", faults.status(500, times=None))
    summary = download_images(download_options(double, tmp_path, patience=0.0))
    assert summary.stopped is not None
    assert summary.stopped.exit_code == 2
    assert summary.unfinished > 0
    assert len(double.requests_to("/cards/")) < 100
    skipped = sum(summary.skipped.values())
    assert summary.requested == 100 == summary.failed + summary.unfinished + skipped
    double.clear_faults()
    assert download_images(download_options(double, tmp_path)).downloaded == 12


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_kills_full_disks_and_faults_lose_nothing() -> None:
    program = ROOT / "benchmarks" / "torture_download.py"
    done = subprocess.run(
        [
            *(sys.executable, str(program), "--images", "150"),
            *("--kills", "5", "--signals", "2", "--full-disks", "2"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost: 0" in done.stdout
