from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import card_id, jpeg, json_lines, make_card, make_images, make_picture, mtg_db

from mtg_image_db import __version__
from mtg_image_db.cli.parser import COMMANDS
from mtg_image_db.encoders import DEFAULT_MODEL, WEIGHTS
from mtg_image_db.scryfall_double import faults
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
    _, header, best, *_ = done.stdout.splitlines()
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


def test_weights_that_moved_can_be_named(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    weights, moved = tmp_path / "weights.safetensors", tmp_path / "moved.safetensors"
    weights.write_bytes((WEIGHTS / f"{DEFAULT_MODEL}.safetensors").read_bytes())
    database = tmp_path / "index_out"
    done = mtg_db("build", "--pretrained", weights, "--no-onnx", "--out", database, cwd=home)
    assert done.returncode == 0, done.stderr
    weights.rename(moved)
    lost = mtg_db("query", "card3.jpg", "--db", database, cwd=home)
    found = mtg_db("query", "card3.jpg", "--db", database, "--pretrained", moved, cwd=home)
    assert lost.returncode == 1
    assert "ERROR: Encoder: There is no weights file" in lost.stderr
    assert "Card 3" in found.stdout


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
    time.sleep(30)
except KeyboardInterrupt:
    print(*set(caught))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (f"{int(signal.SIGTERM)}\n", "")


def test_when_every_image_fails_the_exit_code_is_2(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject("/cards/", faults.not_found(times=None))
    command = ("download", "--kind", "default_cards", "--api-url", double.url)
    done = mtg_db(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "failed       12  HTTP 404" in done.stderr
    assert "and 2 more" in done.stderr
    done = mtg_db("build", cwd=tmp_path)
    assert done.returncode == 2
    assert "ERROR: Nothing usable: " in done.stderr


def test_some_failures_fail_only_under_strict(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject(card_id(1), faults.not_found(times=None))
    command = ("download", "--kind", "default_cards", "--api-url", double.url)
    assert mtg_db(*command, cwd=tmp_path).returncode == 0
    done = mtg_db(*command, "--strict", cwd=tmp_path)
    assert done.returncode == 4
    assert "Requested 12 faces: 11 cached, 0 downloaded, 1 failed, 0 skipped." in done.stderr


def test_the_server_may_be_named_by_the_environment(double: ScryfallDouble, tmp_path: Path) -> None:
    done = mtg_db(
        *["download", "--limit", "0"], cwd=tmp_path, environment={"MTG_DB_API_URL": double.url}
    )
    assert done.returncode == 0
    assert "Nothing was requested" in done.stderr
    done = mtg_db("download", cwd=tmp_path, environment={"MTG_DB_API_URL": "nonsense"})
    assert done.returncode == 1
    assert "--api-url must be a URL" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="there is no /proc")
def test_a_folder_that_cannot_be_written_is_a_clear_error(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    # Nobody can make folders there, root included.
    command = ("download", "--api-url", double.url, "--cache", "/proc/nowhere")
    done = mtg_db(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: Storage: Cannot ")
    (tmp_path / "file").touch()
    done = mtg_db("download", "--api-url", double.url, "--cache", "file", cwd=tmp_path)
    assert "--cache file is a file, not a folder" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--model ViT-B-23", "open_clip has no model ViT-B-23"),
        ("--model ViT-B-32", "Name a tag or a file (pretrained). Tags: laion2b_s34b_b79k, "),
        ("--model ViT-B-32 --pretrained no_tag", "is neither a file nor a tag of ViT-B-32"),
        ("--pretrained no_tag", "Name a tag or a file (pretrained). Tags: builtin."),
    ],
)
def test_an_encoder_that_cannot_be_had_is_never_made_up(
    home: Path, arguments: str, message: str
) -> None:
    pytest.importorskip("open_clip")
    done = mtg_db("build", "--out", "other", *arguments.split(), cwd=home)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (home / "other" / "CURRENT").exists()


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


@pytest.mark.parametrize("kind", ["unique_artwork", "default_cards"])
@pytest.mark.parametrize("limit", [(), ("--limit", "1")])
def test_a_set_or_language_that_nothing_has_is_named_before_any_image(
    tmp_path: Path, kind: str, limit: tuple[str, ...]
) -> None:
    cards = [make_card(0, set="fin"), make_card(1, set="fic"), make_card(2, set="tst", lang="ja")]
    with ScryfallDouble(cards, make_images(3)) as double:
        command = ("download", "--kind", kind, "--api-url", double.url, *limit)
        done = mtg_db(*command, "--set", "FIN,fix", "--lang", "en,jp,ja", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("ERROR: Invalid arguments:\n")
        assert "  - no card here has the set fix: do you mean fin or fic?\n" in done.stderr or (
            "  - no card here has the set fix: do you mean fic or fin?\n" in done.stderr
        )
        assert "  - no card here has the language jp: do you mean ja?\n" in done.stderr
        assert ("the kind default_cards has every printing" in done.stderr) == (
            kind == "unique_artwork"
        )
        assert double.requests_to("/cards/") == []
        # The last one of the snapshot, whatever --limit.
        assert mtg_db(*command, "--set", "FIN,tst", "--dry-run", cwd=tmp_path).returncode == 0


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


def test_a_dry_run_fetches_what_it_counts_and_nothing_else(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    done = mtg_db("download", "--dry-run", "--api-url", double.url, cwd=tmp_path)
    assert "12 to download" in done.stderr
    [descriptor, file] = [request.path for request in double.requests]
    assert descriptor == "/bulk-data/unique_artwork"
    assert file.startswith("/file/")


def test_update_says_what_is_next_once(double: ScryfallDouble, tmp_path: Path) -> None:
    done = mtg_db("update", "--api-url", double.url, "--no-local-features", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    following = [line for line in done.stderr.splitlines() if "Next:" in line]
    assert following == ["Next: mtg-db query PHOTO"]
    again = mtg_db("download", "--api-url", double.url, cwd=tmp_path)
    assert again.stderr.splitlines()[-1] == "Next: mtg-db build"


def test_a_403_is_not_told_as_tried_again(double: ScryfallDouble, tmp_path: Path) -> None:
    command = ("download", "--workers", "1", "--api-url", double.url)
    double.inject("/cards/", faults.status(403, times=None))
    done = mtg_db(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "(HTTP 403): these requests are not retried in this run." in done.stderr
    assert "trying again" not in done.stderr
    assert len(double.requests_to("/cards/")) == 12
    double.inject("/bulk-data/", faults.status(403, times=None))
    done = mtg_db(*command, "--refresh", cwd=tmp_path)
    assert "retrying now does not help" in done.stderr
    assert "Check the connection" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="there is no limit of files")
def test_too_many_workers_for_the_limit_of_files_say_so(tmp_path: Path) -> None:
    images = make_images(12)
    cards = [make_card(n) for n in range(120)]
    everything = {f"{card_id(n)}/front": images[f"{card_id(n % 12)}/front"] for n in range(120)}
    with ScryfallDouble(cards, everything) as double:
        double.inject("/cards/", faults.slow(2.0, times=None))
        command = f"{sys.executable} -m mtg_image_db download --api-url {double.url} --workers 128"
        done = subprocess.run(
            ["bash", "-c", f"ulimit -n 64; exec {command}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    assert "ERROR: Storage: Too many files are open" in done.stderr
    assert "Use fewer workers" in done.stderr
    assert "owner" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("query",), ("scan",)])
def test_help_is_laid_out_in_lines(arguments: tuple[str, ...], tmp_path: Path) -> None:
    lines = mtg_db(*arguments, "--help", cwd=tmp_path).stdout.splitlines()
    assert len(lines) > 15
    assert max(map(len, lines)) < 100
    assert not any("\N{REPLACEMENT CHARACTER}" in line for line in lines)
