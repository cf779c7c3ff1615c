from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import card_id, mtg_db

from mtg_image_db import StorageError
from mtg_image_db.download.ledger import Ledger, Outcome

OUTCOME = Outcome(card_id(1), "https://cards.scryfall.io/1.jpg", reason="HTTP 404", error="gone")


def version(cache: Path) -> int:
    with closing(sqlite3.connect(cache / "ledger.sqlite")) as file:
        return int(file.execute("PRAGMA user_version").fetchone()[0])


def set_version(cache: Path, number: int) -> None:
    with closing(sqlite3.connect(cache / "ledger.sqlite")) as file:
        file.execute(f"PRAGMA user_version = {number}")


def make_ledger(cache: Path) -> None:
    with Ledger(cache, create=True) as ledger:
        ledger.record([OUTCOME], "2026-11-26T00:00:00+00:00")


def test_a_new_ledger_has_a_version(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    assert version(tmp_path) == 1


def test_a_ledger_without_a_version_is_the_first_and_gets_it_when_it_is_written(
    tmp_path: Path,
) -> None:
    make_ledger(tmp_path)
    set_version(tmp_path, 0)
    with Ledger(tmp_path) as ledger:
        assert list(ledger.outcomes()) == [OUTCOME]
    assert version(tmp_path) == 0
    with Ledger(tmp_path, create=True) as ledger:
        assert list(ledger.outcomes()) == [OUTCOME]
    assert version(tmp_path) == 1


@pytest.mark.parametrize("create", [False, True])
def test_a_newer_ledger_is_refused_and_left_as_it_is(tmp_path: Path, create: bool) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:
        file.execute("CREATE TABLE picture (id TEXT)")
    set_version(tmp_path, 2)
    before = (tmp_path / "ledger.sqlite").read_bytes()
    with pytest.raises(StorageError, match="was made by a newer version of mtg-db") as caught:
        Ledger(tmp_path, create=create)
    assert caught.value.details.endswith("version 2, this one reads 1")
    assert "Update mtg-image-db" in caught.value.suggestion
    assert (tmp_path / "ledger.sqlite").read_bytes() == before


def test_a_table_of_another_kind_gets_no_version(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:
        file.execute("CREATE TABLE image (face_id TEXT)")
    with pytest.raises(StorageError, match="is damaged"):
        Ledger(tmp_path, create=True)
    assert version(tmp_path) == 0


def test_a_command_says_that_a_newer_ledger_needs_a_newer_package(tmp_path: Path) -> None:
    cache = tmp_path / "image_cache"
    cache.mkdir()
    make_ledger(cache)
    set_version(cache, 2)
    done = mtg_db("verify-cache", cwd=tmp_path)
    assert done.returncode == 1
    assert "made by a newer version of mtg-db" in done.stderr
    assert "Suggestion: Update mtg-image-db" in done.stderr
