"""Nothing is sent and nothing is left: no package that we use reports to its maker."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from conftest import mtg_db

ROOT = Path(__file__).resolve().parents[1]
LONG_ENOUGH = 12
"""Seconds; onnxruntime 1.32 asks for its maker's host after one to five."""

# Every name that is looked up and every address on a network is written down; nothing connects.
SPY = r"""
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <sys/socket.h>
static void tell(const char *what, const char *name) {
    FILE *log = fopen(getenv("SPY_LOG"), "a");
    if (log) { fprintf(log, "%s %s\n", what, name ? name : ""); fclose(log); }
}
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    tell("looked up", node);
    return EAI_AGAIN;
}
struct hostent *gethostbyname(const char *name) { tell("looked up", name); return NULL; }
int connect(int socket, const struct sockaddr *address, socklen_t length) {
    if (address->sa_family != AF_UNIX) tell("connected", "");
    errno = ENETUNREACH;
    return -1;
}
"""

LOOP = """
import sys, time
from mtg_image_db import Database
database = Database.open("index_out")
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    database.query("card7.jpg")
print("answered")
"""


def without_signs_of_tests() -> dict[str, str]:
    """The environment of a user: some packages report nothing where they see a test."""
    signs = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "DO_NOT_TRACK")
    hidden = ("ORT_", "XDG_", "HF_", "PYTEST")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in signs and not name.startswith(hidden)
    }


@pytest.fixture
def spy(tmp_path: Path) -> dict[str, str]:
    """An environment with a fresh home, in which names that are looked up are written down."""
    if not sys.platform.startswith("linux") or shutil.which("gcc") is None:
        pytest.skip("looking at what is looked up needs Linux and gcc")
    (tmp_path / "spy.c").write_text(SPY)
    command = ["gcc", "-shared", "-fPIC", "-w", "-o", "spy.so", "spy.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (tmp_path / "fresh").mkdir()
    (tmp_path / "log").touch()
    return {
        **without_signs_of_tests(),
        "HOME": str(tmp_path / "fresh"),
        "SPY_LOG": str(tmp_path / "log"),
        "LD_PRELOAD": str(tmp_path / "spy.so"),
    }


def test_the_spy_sees_a_name_that_is_looked_up(spy: dict[str, str]) -> None:
    ask = "import socket; socket.create_connection(('host.example', 80))"
    subprocess.run([sys.executable, "-c", ask], env=spy, stderr=subprocess.DEVNULL, check=False)
    assert Path(spy["SPY_LOG"]).read_text() == "looked up host.example\n"


def test_long_use_looks_up_no_name_and_leaves_no_file_in_a_fresh_home(
    home: Path, tmp_path: Path, spy: dict[str, str]
) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    shutil.copy(home / "card7.jpg", watched)
    watch = ("-m", "mtg_image_db", "query", "--watch", str(watched), "--json")
    by_hand = ("-c", LOOP, str(LONG_ENOUGH))
    watching, looping = (
        subprocess.Popen(
            [sys.executable, *command],
            cwd=home,
            env=spy,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in (watch, by_hand)
    )
    said, errors = looping.communicate(timeout=120)
    assert watching.stdout is not None
    answered = watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=60)
    assert (said, errors) == ("answered\n", "")
    assert "Card 7" in answered
    assert Path(spy["SPY_LOG"]).read_text() == ""
    assert list(Path(spy["HOME"]).rglob("*")) == []


def test_a_server_looks_up_no_name_and_leaves_no_file_in_a_fresh_home(
    home: Path, tmp_path: Path, spy: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "mtg_image_db", "serve", "--port", "0"]
    command += ["--collection", str(tmp_path / "mine.sqlite")]
    with subprocess.Popen(command, cwd=home, env=spy, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        picture = (home / "card7.jpg").read_bytes()
        end = time.monotonic() + LONG_ENOUGH
        while time.monotonic() < end:
            look = requests.post(f"{url}api/look?camera=a", picture, timeout=60).json()
            for path in ("camera", "static/style.css", "api/cards/search?q=card", "api/piles"):
                assert requests.get(url + path, timeout=60).status_code == 200
        server.send_signal(signal.SIGINT)
    assert [card["state"] for card in look["cards"]] == ["held"]
    assert Path(spy["SPY_LOG"]).read_text() == ""
    assert list(Path(spy["HOME"]).rglob("*")) == []


@pytest.mark.skipif(os.name == "nt", reason="permissions of folders are those of POSIX")
def test_a_home_that_cannot_be_written_is_not_spoken_of(home: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o500)
    signs = dict.fromkeys(("CI", "GITHUB_ACTIONS", "TF_BUILD", "XDG_CACHE_HOME"), "")
    done = mtg_db(
        "query",
        "card7.jpg",
        "--json",
        cwd=home,
        environment={**signs, "HOME": str(sealed)},
        unprivileged=sys.platform.startswith("linux"),
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_onnxruntime_is_imported_in_one_place_only() -> None:
    pattern = re.compile(r"^\s*(import|from) onnxruntime|[ ,]onnxruntime,", re.MULTILINE)
    folders = (ROOT / name for name in ("mtg_image_db", "benchmarks", "training"))
    importing = [
        path.name
        for folder in folders
        for path in folder.rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert importing == ["runtime.py"]
