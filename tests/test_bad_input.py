"""Bad input: whatever is asked about, a clear line, the right exit code, and the rest goes on."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    card_id,
    download_options,
    jpeg,
    json_lines,
    make_card,
    make_picture,
    mtg_db,
)
from PIL import Image

from mtg_image_db import Database, download_images
from mtg_image_db.scryfall_double.double import ScryfallDouble

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX file system")
GOOD = jpeg(make_picture(7), 80)


def png_of(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def saved(picture: Image.Image, kind: str, **settings: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return stream.getvalue()


BAD = {
    "text.jpg": (b"not a picture", "not an image"),
    "cut.jpg": (GOOD[: len(GOOD) // 2], "truncated image"),
    "empty.jpg": (b"", "empty file"),
    "page.jpg": (b"<!DOCTYPE html><html>", "a web page instead of an image"),
    "huge.png": (png_of(20_000, 10_000), "image over 60 megapixels"),
    "large.png": (png_of(10_000, 9_000), "image over 60 megapixels"),
}


def odd_pictures() -> dict[str, bytes]:
    card = make_picture(7)
    deep = np.asarray(card.convert("L")).astype(np.uint16) * 200
    clear = card.convert("P", palette=Image.Palette.ADAPTIVE)
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "cmyk.jpg": saved(card.convert("CMYK"), "JPEG", quality=90),
        "deep.png": saved(Image.fromarray(deep), "PNG"),
        "palette.png": saved(clear, "PNG", transparency=0),
        "moving.webp": saved(card, "WEBP", save_all=True, append_images=[make_picture(8)]),
        "moving.gif": saved(card, "GIF", save_all=True, append_images=[make_picture(8)]),
        "turned.jpg": saved(card.rotate(90, expand=True), "JPEG", quality=90, exif=exif),
        "one.png": saved(Image.new("RGB", (1, 1)), "PNG"),
        "line.png": saved(Image.new("RGB", (4000, 1)), "PNG"),
    }


@posix
@pytest.mark.parametrize("command", ["query", "scan"])
def test_each_bad_picture_is_a_clear_line_and_the_rest_goes_on(
    home: Path, tmp_path: Path, command: str
) -> None:
    said = dict(BAD)
    for name, (data, _) in BAD.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "locked.jpg").write_bytes(GOOD)
    (tmp_path / "locked.jpg").chmod(0)
    (tmp_path / "file.jpg").touch()
    odd = os.fsdecode(b"new\nline \x1b\xff.jpg")
    (tmp_path / odd).write_bytes(b"no picture")
    (tmp_path / "good.jpg").write_bytes(GOOD)
    reasons = {name: reason for name, (_, reason) in said.items()} | {
        "fifo.jpg": "it is not a regular file",
        "loop.jpg": "it cannot be read: Too many levels of symbolic links",
        "locked.jpg": "permission denied",
        "nowhere.jpg": "there is no such file",
        "file.jpg/x.jpg": "there is no such file",
        "x" * 300: "it cannot be read: File name too long",
        odd: "not an image",
    }
    options = ("--db", home / "index_out", "--strict")
    done = mtg_db(command, *reasons, "good.jpg", *options, cwd=tmp_path, unprivileged=True)
    assert done.returncode == 4
    lines = done.stderr.splitlines()
    odd_line = "new\ufffdline \ufffd\ufffd.jpg"
    assert lines[: len(reasons)] == [
        f"{name.replace(odd, odd_line)}: {reason}" for name, reason in reasons.items()
    ]
    assert "Card 7" in done.stdout
    done = mtg_db(command, *reasons, *options, cwd=tmp_path, unprivileged=True)
    assert done.returncode == 2


@posix
@pytest.mark.parametrize("command", ["query", "scan"])
def test_a_folder_that_gives_nothing_is_a_clear_line(
    home: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "locked").mkdir(mode=0)
    done = mtg_db(
        *(command, "empty", "locked", "--db", home / "index_out"), cwd=tmp_path, unprivileged=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    _, empty, locked = done.stderr.splitlines()
    assert empty.startswith("  - there are no pictures in the folder empty")
    assert locked == "  - the folder locked cannot be read: Permission denied"


@pytest.mark.parametrize("command", ["query", "scan"])
def test_odd_pictures_are_pictures(home: Path, tmp_path: Path, command: str) -> None:
    for name, data in odd_pictures().items():
        (tmp_path / name).write_bytes(data)
    how = ("--json", "-k", "1000") if command == "query" else ()
    done = mtg_db(command, ".", *how, "--db", home / "index_out", cwd=tmp_path)
    assert done.returncode == 0
    if command == "scan":
        assert "8 photos: " in done.stderr
        return
    answers = {Path(answer["query"]).name: answer for answer in json_lines(done.stdout)}
    assert set(answers) == set(odd_pictures())
    assert all(len(answer["cards"][0]["matches"]) == 12 for answer in answers.values())
    for name in ("cmyk.jpg", "palette.png", "moving.webp", "moving.gif", "turned.jpg"):
        assert answers[name]["cards"][0]["matches"][0]["name"] == "Card 7", name


@posix
def test_a_build_takes_odd_pictures_and_says_which_are_bad(tmp_path: Path) -> None:
    served = [data for name, data in odd_pictures().items() if not name.endswith(".gif")]
    served += [jpeg(make_picture(n)) for n in range(6)] + [BAD["huge.png"][0]]
    images = {f"{card_id(n)}/front": data for n, data in enumerate(served)}
    cache = tmp_path / "image_cache"
    with ScryfallDouble([make_card(n) for n in range(len(served))], images) as double:
        summary = download_images(download_options(double, cache, max_retries=0))
    assert summary.failed_by_reason == {"image over 60 megapixels": 1}
    paths = sorted((cache / "images").rglob("*.jpg"))
    for path, kind in zip(paths[7:], ("empty", "folder", "fifo", "loop", "locked"), strict=False):
        size = path.stat().st_size
        path.unlink()
        if kind == "empty":
            path.touch()
        elif kind == "folder":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "loop":
            path.symlink_to(path.name)
        else:
            path.write_bytes(bytes(size))
            path.chmod(0)
    done = mtg_db("build", "--strict", cwd=tmp_path, unprivileged=True)
    assert done.returncode == 4, done.stderr
    assert "14 faces: 8 in the database, 6 left out." in done.stderr
    for reason in (
        *("3  image file changed", "1  image file missing", "1  permission denied"),
        "1  image over 60 megapixels",
    ):
        assert f"  left out       {reason}" in done.stderr, done.stderr


@pytest.mark.parametrize("command", [["query", "card7.jpg"], ["scan", "card7.jpg"], ["info"]])
def test_no_database_an_empty_one_and_another_version_are_told_apart(
    home: Path, tmp_path: Path, command: list[str]
) -> None:
    done = mtg_db(*command, "--db", tmp_path, cwd=home)
    assert done.returncode == 3
    assert f"There is no database in {tmp_path}" in done.stderr
    out = tmp_path / "out"
    shutil.copytree(home / "index_out", out)
    manifest = out / Database.open(out).folder.name / "build_manifest.json"
    manifest.write_text(manifest.read_text().replace('"1.0.0"', '"9.0.0"'))
    done = mtg_db(*command, "--db", out, cwd=home)
    assert (done.returncode, done.stdout) == (1, "")
    error, details, suggestion = done.stderr.splitlines()
    assert error == "ERROR: Database: The database was made by another version of mtg-db"
    assert details == f"  Details: {manifest}: version 9.0.0, this one reads 1.0.0"
    assert "build the database again" in suggestion


def test_a_database_of_another_version_is_built_anew(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(home / "index_out", out)
    manifest = out / Database.open(out).folder.name / "build_manifest.json"
    manifest.write_text(manifest.read_text().replace('"1.0.0"', '"9.0.0"'))
    done = mtg_db("build", "--out", out, cwd=home)
    assert done.returncode == 0
    assert "is not reused: The database was made by another version" in done.stderr
    assert len(Database.open(out)) == 12


@posix
def test_a_build_reads_a_cache_that_it_may_not_write(home: Path, tmp_path: Path) -> None:
    cache = tmp_path / "image_cache"
    shutil.copytree(home / "image_cache", cache)
    for path in [*cache.rglob("*"), cache]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = mtg_db("build", cwd=tmp_path, unprivileged=True)
    assert done.returncode == 0, done.stderr
    assert "12 faces: 12 in the database" in done.stderr
    cache.chmod(0o755)
    (cache / "ledger.sqlite-wal").write_bytes(bytes(100))
    cache.chmod(0o555)
    done = mtg_db("build", cwd=tmp_path, unprivileged=True)
    assert done.returncode == 1
    assert "ERROR: Storage: The ledger of the image cache cannot be opened" in done.stderr


def test_a_large_picture_is_refused_and_no_warnings_filter_is_touched(
    home: Path, tmp_path: Path
) -> None:
    import subprocess
    import sys

    (tmp_path / "large.png").write_bytes(BAD["large.png"][0])
    code = "import warnings, PIL.Image\nbefore = list(warnings.filters)\n"
    code += "from mtg_image_db.pictures.opening import open_picture; from pathlib import Path\n"
    code += "try: open_picture(Path('large.png'))\nexcept Exception as error: print(error)\n"
    code += "assert before == warnings.filters"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "image over 60 megapixels\n"
    # The program around the library decides about Pillow's own warning; our command line, that
    # nobody needs it.
    done = mtg_db("query", "large.png", "--db", home / "index_out", cwd=tmp_path)
    assert done.stderr.startswith("large.png: image over 60 megapixels\n")
