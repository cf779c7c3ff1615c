"""One Ctrl-C, or SIGTERM, ends a command, whatever it waits for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wire import Wire

from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

ENOUGH = 20.0
"""Seconds, for a busy machine; a slow answer would be waited for longer."""

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
MOMENTS = {
    "no answer": (b"", b""),
    "headers": (HEAD + b"X: ", b"y"),
    "body": (HEAD + b"\r\n", b"x"),
}


@pytest.fixture
def slow() -> Iterator[Wire]:
    wire = Wire(lambda client: None)
    yield wire
    wire.close()


def interrupted(
    arguments: list[str], cwd: Path, number: signal.Signals, when: Callable[[], bool]
) -> subprocess.CompletedProcess[str]:
    """Run a command, send it a signal in a moment, and wait for its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mtg_image_db", *arguments],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not when() and process.poll() is None:
            threading.Event().wait(0.02)
        process.send_signal(number)
        out, said = process.communicate(timeout=ENOUGH)
    finally:
        process.kill()
        process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, said)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_query_of_a_slow_url_ends(
    home: Path, slow: Wire, moment: str, number: signal.Signals, code: int
) -> None:
    slow.answer = slow.drip(*MOMENTS[moment])
    arguments = ["query", f"{slow.url}/a.jpg", "--allow-private"]
    done = interrupted(arguments, home, number, lambda: bool(slow.requests))
    assert (done.returncode, done.stderr) == (code, "Interrupted.\n")


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_list_of_slow_urls_ends(
    home: Path, tmp_path: Path, slow: Wire, number: signal.Signals, code: int
) -> None:
    slow.answer = slow.drip(*MOMENTS["body"])
    urls = tmp_path / "urls.txt"
    urls.write_text("".join(f"{slow.url}/{n}.jpg\n" for n in range(20)))
    arguments = ["query", "--paths-from", str(urls), "--allow-private", "--json"]
    done = interrupted(arguments, home, number, lambda: bool(slow.requests))
    assert (done.returncode, done.stdout) == (code, "")


def test_a_list_that_is_still_written_ends(home: Path) -> None:
    # Nothing is written to it at all.
    process = subprocess.Popen(
        [sys.executable, "-m", "mtg_image_db", "query", "--paths-from", "-", "--json"],
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("card7.jpg\n")
        process.stdin.flush()
        assert "cards" in json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(ENOUGH) == 130


def test_a_watched_folder_ends(home: Path, tmp_path: Path) -> None:
    picture = tmp_path / "card.jpg"
    picture.write_bytes((home / "card7.jpg").read_bytes())
    process = subprocess.Popen(
        [sys.executable, "-m", "mtg_image_db", "query", "--watch", str(tmp_path), "--json"],
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert "cards" in json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENOUGH) == 143
    assert not (tmp_path / ".lock-holder").exists()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("what", ["/bulk-data", "/file/", "/cards/"])
def test_a_download_from_a_silent_server_ends(
    double: ScryfallDouble, tmp_path: Path, what: str, number: signal.Signals, code: int
) -> None:
    double.inject(what, faults.stall(None, times=None))
    arguments = ["download", "--kind", "default_cards", "--api-url", double.url]
    done = interrupted(arguments, tmp_path, number, lambda: bool(double.requests_to(what)))
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.part"))
