"""Arguments that are wrong, and what commands say of themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import mtg_db

from mtg_image_db import __version__
from mtg_image_db.cli.parser import COMMANDS


def test_all_wrong_arguments_are_listed_at_once(tmp_path: Path) -> None:
    done = mtg_db(
        *[
            "download",
            "--workers",
            "0",
            "--timeout-connect",
            "0",
            "--timeout-read",
            "4",
            "--max-retries",
            "-1",
        ],
        *[
            "--kind",
            "nope",
            "--image",
            "huge",
            "--set",
            "!!",
            "--limit",
            "x",
            "--api-url",
            "ftp://x",
            "--nope",
        ],
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (1, "")
    first, *problems = done.stderr.splitlines()
    assert first == "ERROR: Invalid arguments:"
    assert sorted(problems) == [
        "  - --api-url must be a URL like https://api.scryfall.com",
        "  - --image must be one of small, normal, large, png, grid, display",
        "  - --kind must be one of oracle_cards, unique_artwork, default_cards, all_cards",
        "  - --limit must be a whole number, not 'x'",
        "  - --max-retries must be at least 0",
        "  - --set must be codes separated by commas, like fin,fic",
        "  - --timeout-connect must be at least 1",
        "  - --timeout-read must be at least 5",
        "  - --workers must be between 1 and 128",
        "  - unrecognised argument: --nope",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("build --hnsw-m 3", "--hnsw-m must be between 4 and 128"),
        (
            "build --hnsw-m 64 --hnsw-ef-construction 32",
            "--hnsw-ef-construction must be between 64 and 2000",
        ),
        ("build --checkpoint-frequency 99", "--checkpoint-frequency must be 0 or at least 100"),
        ("build --size 63", "--size must be at least 64"),
        ("build --size 64x", "--size must be a number of pixels, or HEIGHTxWIDTH"),
        ("build --fit crop", "--fit must be one of pad, squash"),
        ("build --device tpu", "--device must be one of auto, cpu, cuda, mps"),
        ("query x.jpg -k 0", "-k must be at least 1"),
        ("query x.jpg --min-score nan", "--min-score must be between -1 and 1"),
        ("query", "name pictures, or a list of them (--paths-from), or a folder (--watch)"),
        ("query - -", "- may be given once: standard input can be read once"),
        ("querry x.jpg", "there is no command querry: do you mean query?"),
        ("nonsense", "there is no command nonsense: there are download, build,"),
        ("", "a command is missing: download, build,"),
        ("query x.jpg --json -x y.jpg", "unrecognised argument: -x"),
        (f"query x.jpg --contact-sheet {'x' * 300}.png", "--contact-sheet cannot be used"),
        ("download --workers", "expected one argument"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path: Path, arguments: str, problem: str) -> None:
    done = mtg_db(*arguments.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: Invalid arguments:\n  - ")
    assert problem in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("build", 3, "ERROR: Missing input: No bulk snapshot in image_cache"),
        ("query x.jpg", 3, "ERROR: Missing input: There is no database in index_out"),
        ("download --api-url http://127.0.0.1:9 --max-retries 0", 1, "ERROR: Network: "),
    ],
)
def test_an_expected_failure_says_what_where_and_what_to_do(
    tmp_path: Path, arguments: str, code: int, message: str
) -> None:
    done = mtg_db(*arguments.split(), cwd=tmp_path)
    assert done.returncode == code
    error, details, suggestion = done.stderr.splitlines()
    assert error.startswith(message)
    assert details.startswith("  Details: ")
    assert suggestion.startswith("  Suggestion: ")


def test_a_traceback_is_shown_on_request_only(tmp_path: Path) -> None:
    assert "Traceback" not in mtg_db("build", cwd=tmp_path).stderr
    assert "Traceback" in mtg_db("build", "--debug", cwd=tmp_path).stderr
    shown = mtg_db("build", cwd=tmp_path, environment={"MTG_DB_DEBUG": "1"})
    assert "Traceback" in shown.stderr
    assert "ERROR: Missing input: " in shown.stderr
    assert shown.returncode == 3


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_file_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    done = mtg_db("query", "x.jpg", "--contact-sheet", "c.png", cwd=tmp_path, unprivileged=True)
    tmp_path.chmod(0o755)
    assert done.returncode == 1
    assert "--contact-sheet c.png: the folder . may not be written" in done.stderr


def test_a_build_with_an_encoder_that_cannot_be_had_publishes_nothing(home: Path) -> None:
    pytest.importorskip("open_clip")
    done = mtg_db("build", "--out", "other", "--pretrained", "no_tag", cwd=home)
    assert done.returncode == 1
    assert "Name a tag or a file (pretrained). Tags: builtin." in done.stderr
    assert not (home / "other" / "CURRENT").exists()


def test_help_and_version_import_nothing_heavy() -> None:
    heavy = (
        "torch",
        "onnxruntime",
        "faiss",
        "cv2",
        "numpy",
        "PIL",
        "requests",
        "tqdm",
        "sqlite3",
        "shtab",
        *("cryptography", "jinja2", "rapidfuzz", "segno", "starlette", "uvicorn"),
    )
    everything = [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)]
    code = (
        "import sys\nfrom mtg_image_db.cli import main\n"
        f"for arguments in {everything!r}:\n"
        "    try: main(arguments)\n    except SystemExit: pass\n"
        f"    print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert loaded == ["[]"] * len(everything)


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_only_the_command_line(argument: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mtg_image_db", argument],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    folders = set(re.findall(r"\| +mtg_image_db\.(\w+)", done.stderr))
    assert folders == {"cli", "errors", "system"}


def test_the_version_stands_in_one_place(tmp_path: Path) -> None:
    assert mtg_db("--version", cwd=tmp_path).stdout == f"mtg-db {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("query",), ("scan",)])
def test_help_is_laid_out_in_lines(arguments: tuple[str, ...], tmp_path: Path) -> None:
    lines = mtg_db(*arguments, "--help", cwd=tmp_path).stdout.splitlines()
    assert len(lines) > 15
    assert max(map(len, lines)) < 100
    assert not any("\N{REPLACEMENT CHARACTER}" in line for line in lines)
