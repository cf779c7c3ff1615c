"""Hot folders: every picture once, when it is whole, over restarts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import fill_cache, jpeg, json_lines, make_card, make_images, make_picture, mtg_db

from mtg_image_db import BuildOptions, MissingInput, StorageError, build_database
from mtg_image_db.pictures.hot_folder import MEMORY, HotFolder
from mtg_image_db.scryfall_double.double import ScryfallDouble


class Enough(Exception):
    pass


def nothing() -> None:
    pass


def watch(folder: Path, *events: Callable[[], object]) -> list[str]:
    """The names that arrive while one event after the other happens between looks."""
    left = iter([*events, nothing])

    def wait() -> None:
        event = next(left, None)
        if event is None:
            raise Enough
        event()

    found: list[str] = []
    arrivals = HotFolder(folder, wait=wait).arrivals()
    with pytest.raises(Enough):
        while True:
            found.append(next(arrivals).name)
    return found


def test_a_picture_is_answered_when_it_no_longer_grows(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"

    def grow() -> None:
        with path.open("ab") as stream:
            stream.write(b"x")

    assert watch(tmp_path, path.touch, nothing, nothing) == [], "nobody has written yet"
    assert watch(tmp_path, grow, grow, grow) == ["a.jpg"], "the last event changes nothing"
    assert watch(tmp_path, nothing) == [], "a restart remembers"
    assert watch(tmp_path, grow) == ["a.jpg"], "another picture under the old name"


def test_the_oldest_comes_first_and_only_pictures_come(tmp_path: Path) -> None:
    for number, name in enumerate(("z.jpg", "a.PNG", "notes.txt", ".part.jpg")):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (number, number))
    (tmp_path / "folder.jpg").mkdir()
    assert watch(tmp_path) == ["z.jpg", "a.PNG"]


def test_what_an_answer_was_interrupted_for_comes_again(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    for _ in range(2):
        arrivals = HotFolder(tmp_path, wait=nothing).arrivals()
        assert next(arrivals).name == "a.jpg"
        arrivals.close()  # type: ignore[attr-defined]


def test_a_memory_cut_short_by_a_crash_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (1, 1))
    assert watch(tmp_path) == ["a.jpg", "b.jpg"]
    memory = tmp_path / MEMORY
    memory.write_bytes(memory.read_bytes()[:-5])
    assert watch(tmp_path) == ["b.jpg"]
    (tmp_path / "a.jpg").unlink()
    assert watch(tmp_path) == []
    assert len(memory.read_bytes().splitlines()) == 1, "what has left the folder is forgotten"


def test_two_watchers_of_one_folder_would_answer_twice(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    first = HotFolder(tmp_path, wait=nothing).arrivals()
    next(first)
    with pytest.raises(StorageError, match="is in use"):
        next(HotFolder(tmp_path).arrivals())


def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no folder"):
        HotFolder(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
    folder = tmp_path / "hot"
    folder.mkdir()
    with pytest.raises(MissingInput):
        list(HotFolder(folder, wait=lambda: shutil.rmtree(folder)).arrivals())


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is a signal of its own kind there")
def test_a_watch_answers_until_it_is_interrupted(tmp_path: Path) -> None:
    with ScryfallDouble([make_card(n) for n in range(12)], make_images(12)) as double:
        fill_cache(double, tmp_path / "image_cache")
    build_database(BuildOptions(cache=tmp_path / "image_cache", out=tmp_path / "index_out"))
    hot = tmp_path / "hot"
    hot.mkdir()
    command = [sys.executable, "-m", "mtg_image_db", "query", "--watch", "hot", "--json"]
    for names in (["7.jpg", "8.jpg"], ["2.jpg", "broken.jpg"]):
        with subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stderr.readline() == b"Watching hot; Ctrl-C ends it.\n"
            answered: list[str] = []
            for name in names:
                number, _, _ = name.partition(".")
                data = jpeg(make_picture(int(number))) if number.isdecimal() else b"no picture"
                (hot / name).write_bytes(data)
                while name not in answered:
                    [answer] = json_lines(process.stdout.readline().decode())
                    answered.append(Path(answer["query"]).name)
                if number.isdecimal():
                    best = answer["cards"][0]["matches"][0]
                    assert best["name"] == f"Card {number}"
                else:
                    assert answer["error"] == "not an image"
            # The last answer alone may not have been noted yet when the first run ended.
            assert answered in (names, ["8.jpg", *names])
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == b"Interrupted.\n"
        assert process.returncode == 130
    done = mtg_db("query", "--watch", "hot", "--find-report", "x.png", cwd=tmp_path)
    assert "--find-report draws on one picture: name only one" in done.stderr
