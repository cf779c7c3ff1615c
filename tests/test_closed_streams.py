"""Standard input, output or errors may be closed: every command ends as it should."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import mtg_db

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")

COMMANDS = {
    "download": (1, "download --cache new --api-url http://127.0.0.1:9 --max-retries 0"),
    "build": (0, "build --out built --no-local-features"),
    "update": (1, "update --cache new --api-url http://127.0.0.1:9 --max-retries 0"),
    "query": (0, "query card7.jpg broken.jpg"),
    "csv": (0, "query card7.jpg --format csv"),
    "json": (0, "query card7.jpg --json"),
    "scan": (0, "scan card7.jpg broken.jpg --review review"),
    "info": (0, "info"),
    "eval": (0, "eval labels.csv"),
    "export": (0, "export --format npy"),
    "verify": (0, "verify"),
    "verify-cache": (0, "verify-cache"),
    "clean": (0, "clean"),
    "completion": (0, "completion bash"),
    "help": (0, "--help"),
    "wrong": (1, "quary"),
}


@pytest.fixture
def place(home: Path, tmp_path: Path) -> Path:
    for name in ("image_cache", "index_out"):
        shutil.copytree(home / name, tmp_path / name)
    for name in ("card7.jpg", "broken.jpg"):
        shutil.copy(home / name, tmp_path)
    (tmp_path / "labels.csv").write_text("file,names\ncard7.jpg,Card 7\n")
    # As a killed download leaves it.
    image = next((tmp_path / "image_cache" / "images").glob("00/*.jpg"))
    image.with_name(f"{image.name}.{'0' * 12}.part").touch()
    return tmp_path


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_closed_stream_ends_no_command(place: Path, name: str, closed: str) -> None:
    expected, command = COMMANDS[name]
    line = f"{shlex.quote(sys.executable)} -m mtg_image_db {command} {closed}"
    done = subprocess.run(
        line, shell=True, cwd=place, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == expected, done.stderr
    for text in ("Traceback", "went wrong", "Exception ignored"):
        assert text not in done.stdout + done.stderr


def test_what_is_written_beside_closed_streams_is_whole(place: Path) -> None:
    line = f"{shlex.quote(sys.executable)} -m mtg_image_db build --out built <&- >&- 2>&-"
    subprocess.run(line, shell=True, cwd=place, timeout=120, check=True)
    done = mtg_db("verify", "--db", "built", cwd=place)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("given", ["<&-", "</dev/null"])
def test_clean_takes_no_answer_for_a_no_and_says_how(place: Path, given: str) -> None:
    [left] = (place / "image_cache").rglob("*.part")
    line = f"{shlex.quote(sys.executable)} -m mtg_image_db clean {given}"
    done = subprocess.run(
        line, shell=True, cwd=place, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing is removed without --yes." in done.stderr
    assert left.exists()


def test_clean_on_a_terminal_takes_its_end_for_a_no(place: Path) -> None:
    pty = pytest.importorskip("pty")
    [left] = (place / "image_cache").rglob("*.part")
    leader, follower = pty.openpty()
    os.write(leader, b"\x04")  # Ctrl-D
    command = [sys.executable, "-m", "mtg_image_db", "clean"]
    done = subprocess.run(
        command, cwd=place, stdin=follower, capture_output=True, text=True, timeout=120, check=False
    )
    os.close(leader)
    os.close(follower)
    assert done.returncode == 0, done.stderr
    assert "Nothing was removed. To remove without asking: --yes." in done.stderr
    assert left.exists()


def test_a_picture_or_a_list_from_closed_input_is_a_clear_line(place: Path) -> None:
    for command, said in (
        ("query - card7.jpg", "-: standard input is closed"),
        ("query --paths-from -", "There is no list of pictures in -"),
    ):
        line = f"{shlex.quote(sys.executable)} -m mtg_image_db {command} <&-"
        done = subprocess.run(
            line, shell=True, cwd=place, capture_output=True, text=True, timeout=120, check=False
        )
        assert said in done.stderr
