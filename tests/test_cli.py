"""The commands that ask a database, as users type them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import card_id, jpeg, json_lines, make_card, make_images, make_picture, mtg_db

from mtg_image_db.scryfall_double.double import ScryfallDouble


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the three steps were done, by the commands as users type them."""
    folder = tmp_path_factory.mktemp("home")
    with ScryfallDouble([make_card(n) for n in range(12)], make_images(12)) as double:
        done = mtg_db("download", "--workers", "16", "--api-url", double.url, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert "Requested 12 faces: 0 cached, 12 downloaded, 0 failed, 0 skipped." in done.stderr
    assert "Next: mtg-db build" in done.stderr
    done = mtg_db("build", "--hnsw-m", "32", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "12 faces: 12 in the database, 0 left out" in done.stderr
    for number in (3, 4):
        (folder / f"card{number}.jpg").write_bytes(jpeg(make_picture(number), 60))
    (folder / "broken.jpg").write_bytes(b"not a picture")
    return folder


def test_a_query_answers_in_a_table(home: Path) -> None:
    done = mtg_db("query", "card3.jpg", "-k", "2", cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    answer, printing, why, header, best, *_ = done.stdout.splitlines()
    assert answer == "likely: Card 3, TST 3, score 1.000"
    assert printing == "printing: probably TST 3"
    assert why.strip() == "TST 3 is the only known printing of this picture"
    assert header.split() == ["rank", "name", "set", "number", "score", "URL"]
    assert best.split()[:5] == ["1", "Card", "3", "TST", "3"]
    assert best.endswith("https://scryfall.com/card/tst/3/card-3")


def test_a_query_answers_programs_in_json_lines(home: Path) -> None:
    done = mtg_db("query", "card3.jpg", "broken.jpg", "./card4.jpg", "--json", cwd=home)
    assert done.returncode == 0
    first, broken, last = json_lines(done.stdout)
    assert broken == {"version": 1, "query": "broken.jpg", "error": "not an image"}
    assert (first["query"], last["query"]) == ("card3.jpg", "./card4.jpg")
    [card] = first["cards"]
    best = card["matches"][0]
    assert (best["rank"], best["name"], best["face_id"]) == (1, "Card 3", card_id(3))
    assert best["score"] > 0.99
    assert {"scryfall_id", "set", "collector_number", "printings"} <= set(best)


def test_a_broken_picture_fails_only_under_strict(home: Path) -> None:
    both = ("query", "broken.jpg", "card3.jpg")
    assert mtg_db(*both, cwd=home).returncode == 0
    done = mtg_db(*both, "--strict", cwd=home)
    assert done.returncode == 4
    assert "broken.jpg: not an image" in done.stderr


def test_when_no_picture_could_be_read_nothing_was_usable(home: Path) -> None:
    assert mtg_db("query", "broken.jpg", "nowhere.jpg", cwd=home).returncode == 2


def test_a_picture_may_come_from_standard_input(home: Path) -> None:
    done = mtg_db("query", "-", "--json", cwd=home, stdin=(home / "card4.jpg").read_bytes())
    [answer] = json_lines(done.stdout)
    assert answer["query"] == "-"
    assert answer["cards"][0]["matches"][0]["name"] == "Card 4"


@pytest.mark.skipif(os.name == "nt", reason="a POSIX file name")
def test_a_file_name_that_is_no_text_is_given_back_as_it_came(home: Path) -> None:
    name = os.fsdecode(b"bad\xff\n.jpg")
    (home / name).write_bytes((home / "card3.jpg").read_bytes())
    done = mtg_db("query", name, "--json", cwd=home)
    (home / name).unlink()
    [answer] = json_lines(done.stdout)
    assert answer["query"] == name


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interruption_while_an_object_is_destroyed_is_not_lost() -> None:
    script = """
import signal, time
from mtg_image_db.cli import _catch_signals
caught = _catch_signals()
class Ending:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
try:
    Ending()
    for _ in range(3000):
        time.sleep(0.01)
except KeyboardInterrupt:
    print(*set(caught))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (f"{int(signal.SIGTERM)}\n", "")


def test_a_tag_that_cannot_be_fetched_says_what_to_do_offline(home: Path) -> None:
    pytest.importorskip("open_clip")
    done = mtg_db(
        "build",
        *("--out", "other", "--model", "ViT-B-32", "--pretrained", "laion2b_s34b_b79k"),
        cwd=home,
        environment={"HF_HUB_OFFLINE": "1", "HF_HOME": str(home / "empty")},
    )
    assert done.returncode == 1
    assert "The weights laion2b_s34b_b79k of ViT-B-32 cannot be fetched" in done.stderr
    assert "name it: with --pretrained" in done.stderr
    assert "Traceback" not in done.stderr


def _without_torch(arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command where torch cannot be imported."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from mtg_image_db.cli import main\n"
        f"sys.exit(main({shlex.split(arguments)!r}))"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_query_needs_no_torch(home: Path) -> None:
    done = _without_torch("query card3.jpg", home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Card 3" in done.stdout


@pytest.mark.parametrize("arguments", ["--model ViT-B-32", "--device cuda"])
def test_where_torch_is_needed_the_error_says_what_to_install(home: Path, arguments: str) -> None:
    for command in ("build", "update"):
        done = _without_torch(f"{command} --out other {arguments}", home)
        assert done.returncode == 1
        assert "ERROR: Encoder: This encoder needs the packages torch and open_clip" in done.stderr
        assert "pip install '.[clip]'" in done.stderr


def test_a_reader_that_has_enough_is_no_error(home: Path) -> None:
    command = f"{sys.executable} -m mtg_image_db query card3.jpg card4.jpg --json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert json.dumps({"version": 1})[:10] == done.stdout


@pytest.mark.parametrize(
    "command", ["build --out other", "query card3.jpg", "query card3.jpg --json", "scan card3.jpg"]
)
def test_a_set_that_the_cache_or_the_database_does_not_know_is_named(
    home: Path, command: str
) -> None:
    done = mtg_db(*command.split(), "--set", "tst,tsx", cwd=home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "ERROR: Invalid arguments:\n  - no card here has the set tsx: do you mean tst?\n"
    )


def test_so_is_a_language(home: Path) -> None:
    done = mtg_db("query", "card3.jpg", "--lang", "en,zz", cwd=home)
    assert done.returncode == 1
    assert done.stderr == "ERROR: Invalid arguments:\n  - no card here has the language zz\n"
