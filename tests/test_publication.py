"""Which generation is in force, and what becomes of the others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import PixelEncoder

from mtg_image_db import (
    BuildOptions,
    Database,
    DatabaseError,
    EncoderError,
    MissingInput,
    MtgDbError,
    StorageError,
    build_database,
)
from mtg_image_db.database.publication import new_generation, open_current
from mtg_image_db.encoders import EncoderChoice


def test_nothing_published_is_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no database"):
        Database.open(tmp_path)


def test_a_current_that_points_outside_is_not_followed(out: Path) -> None:
    (out / "CURRENT").write_text("../../etc\n")
    with pytest.raises(DatabaseError):
        Database.open(out)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\0" * 999, b"latest\n", None])
def test_a_current_that_names_nothing_is_refused_and_costs_no_generation(
    built: Path, out: Path, data: bytes | None
) -> None:
    name = (out / "CURRENT").read_bytes()
    (out / "CURRENT").unlink()
    if data is None:
        (out / "CURRENT").mkdir()
    else:
        (out / "CURRENT").write_bytes(data)
    with pytest.raises(DatabaseError, match="damaged: CURRENT") as caught:
        Database.open(out)
    assert str(out / "CURRENT") in caught.value.details
    assert "mtg-db build" in caught.value.suggestion
    options = BuildOptions(cache=built.parent / "cache", out=out)
    if data is None:
        with pytest.raises(StorageError, match="a folder stands where a file belongs"):
            build_database(options, encoder=PixelEncoder())
        (out / "CURRENT").rmdir()
        (out / "CURRENT").write_bytes(name)
    else:
        build_database(options, encoder=PixelEncoder())
    assert len(Database.open(out)) == 20


def test_a_failed_publication_leaves_the_old_generation_in_force(tmp_path: Path) -> None:
    with new_generation(tmp_path) as folder:
        (folder / "a").write_text("old")
    with pytest.raises(RuntimeError), new_generation(tmp_path) as folder:
        (folder / "a").write_text("new")
        raise RuntimeError
    assert open_current(tmp_path, lambda path: (path / "a").read_text()) == "old"
    assert len(list(tmp_path.iterdir())) == 2


def lose_current(out: Path, how: str) -> str:
    """Take CURRENT away, or damage it; return the name of the generation that was in force."""
    current = out / "CURRENT"
    name = current.read_text().strip()
    current.unlink()
    if how == "names another":
        current.write_text("20200101T000000Z-00000000\n")
    elif how == "is damaged":
        current.write_text("latest\n")
    return name


LOST = pytest.mark.parametrize("how", ["is gone", "names another", "is damaged"])


@LOST
def test_a_database_that_lost_current_is_offered_back(out: Path, how: str) -> None:
    name = lose_current(out, how)
    (out / "20990101T000000Z-ffffffff").mkdir()  # newer, and nothing is in it
    with pytest.raises(MtgDbError) as caught:
        Database.open(out)
    command = f"echo {name} > {out}/CURRENT"
    assert f"Restore it: {command}" in caught.value.suggestion
    subprocess.run(command, shell=True, check=True)  # as a person would
    assert len(Database.open(out)) == 20


@LOST
def test_a_build_that_fails_leaves_a_database_that_lost_current(
    built: Path, out: Path, how: str
) -> None:
    name = lose_current(out, how)
    (out / "20200101T000000Z-0123abcd").mkdir()
    (out / "20200101T000000Z-0123abce.part").mkdir()
    files = sorted(path.name for path in (out / name).iterdir())
    choice = EncoderChoice(model="ViT-B-32", pretrained=str(out / "no such weights.pt"))
    options = BuildOptions(cache=built.parent / "cache", out=out, encoder=choice)
    with pytest.raises(EncoderError):
        build_database(options)
    with pytest.raises(KeyboardInterrupt):
        build_database(options, encoder=PixelEncoder(fail_after=5))
    assert sorted(path.name for path in (out / name).iterdir()) == files
    assert sorted(path.name for path in out.glob("2020*")) == ["20200101T000000Z-0123abcd"]


@LOST
def test_a_build_that_succeeds_takes_its_place(built: Path, out: Path, how: str) -> None:
    lose_current(out, how)
    options = BuildOptions(cache=built.parent / "cache", out=out)
    build_database(options, encoder=PixelEncoder())
    assert len(Database.open(out)) == 20
    assert len(list(out.glob("2*"))) == 1


def test_of_several_databases_without_current_the_newest_comes_first(tmp_path: Path) -> None:
    for name in ("20260101T000000Z-00000000", "20260301T000000Z-00000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("there")
    (tmp_path / "20260401T000000Z-00000000.part").mkdir()
    with pytest.raises(MissingInput, match="No database is in force") as caught:
        open_current(tmp_path, lambda path: (path / "a").read_text())
    listed = "20260301T000000Z-00000000, 20260101T000000Z-00000000"
    assert caught.value.details.endswith(listed)
    assert "Restore the newest: echo 20260301T000000Z-00000000 > " in caught.value.suggestion


def test_a_publication_that_fails_at_its_last_step_leaves_nothing(tmp_path: Path) -> None:
    with new_generation(tmp_path) as folder:
        (folder / "a").write_text("old")
    current = (tmp_path / "CURRENT").read_bytes()
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").mkdir()  # so that it cannot be replaced
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageError), new_generation(tmp_path) as folder:
        (folder / "a").write_text("new")
    assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "CURRENT").rmdir()
    (tmp_path / "CURRENT").write_bytes(current)
    assert open_current(tmp_path, lambda path: (path / "a").read_text()) == "old"


def test_a_publication_removes_older_generations(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with new_generation(tmp_path) as folder:
            (folder / "a").write_text(text)
    assert open_current(tmp_path, lambda path: (path / "a").read_text()) == "two"
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_a_reader_that_loses_the_race_with_a_publisher_opens_the_new_one(tmp_path: Path) -> None:
    with new_generation(tmp_path) as folder:
        (folder / "a").write_text("old")

    def slow_reader(path: Path) -> str:
        if len(opened) == 0:
            opened.append(path)
            with new_generation(tmp_path) as folder:
                (folder / "a").write_text("new")
        return (path / "a").read_text()

    opened: list[Path] = []
    assert open_current(tmp_path, slow_reader) == "new"
