"""Names that are no UTF-8, as old archives leave them: every command takes them."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import jpeg, json_lines, make_card, make_images, make_picture

from mtg_image_db.scryfall_double.double import ScryfallDouble

pytestmark = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="names are always text on this system"
)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cache, a database and photos, all with names that are no UTF-8."""
    folder = tmp_path_factory.mktemp("names") / os.fsdecode(b"d\xe4tenbank")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes names of text only")
    with ScryfallDouble([make_card(n) for n in range(12)], make_images(12)) as double:
        done = run(
            folder, "update", "--cache", CACHE, "--out", OUT, "--api-url", double.url, "--kind",
            "default_cards",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / PHOTO).write_bytes(jpeg(make_picture(7), 60))
    return folder


CACHE, OUT, PHOTO = (os.fsdecode(name) for name in (b"b\xfclder", b"k\xe4rten", b"f\xf6to.jpg"))


def run(
    folder: Path, *arguments: str | Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mtg_image_db", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **(environment or {})},
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=300,
    )


COMMANDS = (
    "build --cache {cache} --out {out}",
    "query {photo} --db {out}",
    "query {photo} --db {out} --json",
    "query {photo} --db {out} --format csv",
    "query {photo} --db {out} --cache {cache} --contact-sheet {name}.png",
    "query {photo} --db {out} --cache {cache} --contact-sheet {name}.html",
    "query {photo} --db {out} --find-report {name}.png",
    "query --paths-from {list} --db {out}",
    "info --db {out}",
    "verify --db {out}",
    "export --db {out} --format npy --to {name}",
    "export --db {out} --format parquet --to {name}",
    "export --db {out} --format browser --to {name}",
    "scan {photo} --db {out} --cache {cache} -o {name}.csv --review {name}-review",
    "eval {labels} --db {out} --json {name}.json --report {name}-report",
    "verify-cache --cache {cache}",
    "clean --cache {cache}",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_names_that_are_no_utf8(odd: Path, command: str) -> None:
    (odd / os.fsdecode(b"l\xedst.txt")).write_bytes(os.fsencode(PHOTO) + b"\n")
    labels = odd / os.fsdecode(b"l\xe4bels.csv")
    labels.write_bytes(b"file,names\nfoto.jpg,Card 7\n")
    shutil.copy(odd / PHOTO, odd / "foto.jpg")
    names = {
        "cache": CACHE,
        "out": OUT,
        "photo": PHOTO,
        "list": os.fsdecode(b"l\xedst.txt"),
        "labels": labels.name,
        "name": os.fsdecode(b"erg\xe4bnis"),
    }
    done = run(odd, *(word.format(**names) for word in command.split()))
    assert done.returncode == 0, done.stderr
    assert "Something went wrong" not in done.stderr
    assert "Traceback" not in done.stderr
    if "--json" in command and command.startswith("query"):
        [answer] = json_lines(done.stdout)
        assert answer["cards"][0]["matches"][0]["name"] == "Card 7"
    if command.startswith("scan"):
        with (odd / f"{names['name']}.csv").open(encoding="utf-8") as stream:
            assert len(list(csv.reader(stream))) == 2


def test_a_folder_whose_name_is_no_utf8_is_watched(odd: Path) -> None:
    watched = odd / os.fsdecode(b"f\xf6tos")
    watched.mkdir()
    shutil.copy(odd / PHOTO, watched)
    command = ("query", "--watch", watched.name, "--db", OUT, "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "mtg_image_db", *command],
        cwd=odd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    answer = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert b"Card 7" in answer


def test_weights_and_what_is_exported_of_them_may_have_such_names(odd: Path, clip: Path) -> None:
    weights = os.fsdecode(b"g\xe8wichte.pt")
    shutil.copy(clip, odd / weights)
    exports = odd / os.fsdecode(b"c\xe4che")
    environment = {"MTG_DB_ENCODER_CACHE": str(exports)}
    model = ("--model", "ViT-S-32-alt", "--pretrained", weights, "--device", "cpu")
    build = ("build", "--cache", CACHE, "--out", "clip", *model)
    done = run(odd, *build, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "could not be exported" not in done.stderr
    assert len(list((exports / "onnx").glob("*.onnx"))) == 1
    for query in (("query", PHOTO), ("query", "--text", "a card"), ("query", PHOTO, *model[2:])):
        done = run(odd, *query, "--db", "clip", environment=environment)
        assert done.returncode == 0, done.stderr
