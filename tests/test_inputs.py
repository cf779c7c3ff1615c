"""What may be asked about: every kind of input, good and bad."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import fill_cache, jpeg, json_lines, make_card, make_images, make_picture, mtg_db
from PIL import Image

from mtg_image_db import BuildOptions, ImageError, InvalidArguments, build_database
from mtg_image_db.cli import main
from mtg_image_db.demo.double import ScryfallDouble
from mtg_image_db.demo.loopback import LoopbackServer
from mtg_image_db.demo.replies import Reply
from mtg_image_db.inputs import expand, source_of

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX file system")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    with ScryfallDouble([make_card(n) for n in range(12)], make_images(12)) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    (folder / "card7.jpg").write_bytes(jpeg(make_picture(7), 80))
    return folder


@pytest.fixture
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as people have them; the working folder is the one around it."""
    folder = tmp_path / "photos"
    (folder / "below" / "deep").mkdir(parents=True)
    names = (
        "scan10.JPG",
        "scan2.jpg",
        "notes.txt",
        ".hidden.jpg",
        "below/a.png",
        "below/deep/b.webp",
    )
    for name in names:
        (folder / name).touch()
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_folder_stands_for_its_pictures_in_natural_order(photos: Path) -> None:
    def names(*given: str, recursive: bool = False) -> list[str]:
        return [Path(name).as_posix() for name in expand(given, recursive=recursive)]

    assert names("photos") == ["photos/scan2.jpg", "photos/scan10.JPG"]
    assert names("photos", recursive=True) == [
        *("photos/below/a.png", "photos/below/deep/b.webp"),
        *("photos/scan2.jpg", "photos/scan10.JPG"),
    ]
    assert names("photos/scan*") == ["photos/scan2.jpg", "photos/scan10.JPG"]
    assert names("-", "photos/scan2.jpg", "nowhere.jpg")[0::2] == ["-", "nowhere.jpg"]


@posix
def test_a_name_that_looks_like_a_pattern_is_a_name_first(photos: Path) -> None:
    (photos / "a[1].jpg").touch()
    assert expand([str(photos / "a[1].jpg")]) == [str(photos / "a[1].jpg")]


@posix
def test_links_that_run_in_circles_are_no_pictures(photos: Path) -> None:
    (photos / "loop.jpg").symlink_to("loop.jpg")
    (photos / "around").symlink_to(photos)
    assert len(expand(["photos"], recursive=True)) == 4


def test_inputs_that_stand_for_nothing_are_all_told(photos: Path) -> None:
    (photos / "empty").mkdir()
    with pytest.raises(InvalidArguments) as caught:
        expand(["photos/empty", "*.gif", "-", "-"])
    assert len(caught.value.problems) == 3


def test_a_folder_and_a_list_cannot_both_be_asked(inside: Path) -> None:
    assert mtg_db("query", "card7.jpg", "--paths-from", "x", cwd=inside).returncode == 1
    done = mtg_db("query", "--paths-from", "nowhere.txt", cwd=inside)
    assert done.returncode == 3
    assert "There is no list of pictures in nowhere.txt" in done.stderr


def test_each_line_of_a_list_is_answered_before_the_next(home: Path) -> None:
    command = [sys.executable, "-m", "mtg_image_db", "query", "--paths-from", "-", "--json"]
    with subprocess.Popen(command, cwd=home, stdin=-1, stdout=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"card7.jpg\r\n", b"\nbad\xff\x00.jpg\n", b"-\n", b"card7.jpg\n"):
            process.stdin.write(line)
            process.stdin.flush()
            [answer] = json_lines(process.stdout.readline().decode())
            expected = os.fsdecode(line).strip()
            assert answer["query"] == ("./-" if expected == "-" else expected)
            assert ("cards" in answer) == (b"card7" in line)
        process.stdin.write(b"card7.jpg")
        process.stdin.close()
        assert len(json_lines(process.stdout.read().decode())) == 1
    assert process.returncode == 0


def test_an_empty_list_is_no_error(home: Path) -> None:
    done = mtg_db("query", "--paths-from", "-", cwd=home, stdin=b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


PICTURE = jpeg(make_picture(7), 80)


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and the paths it was asked for."""
    asked: list[str] = []
    replies = {
        "/card7.jpg": Reply(200, PICTURE),
        "/moved": Reply(302, headers={"Location": "/card7.jpg"}),
        "/circle": Reply(302, headers={"Location": "/circle"}),
        "/file": Reply(302, headers={"Location": "file:///etc/passwd"}),
        "/large": Reply(200, bytes((32 << 20) + 1)),
        "/short": Reply(200, PICTURE, sent=100, then="close"),
    }

    def respond(path: str, headers: Mapping[str, str]) -> Reply:
        asked.append(path)
        return replies.get(path, Reply(404))

    server = LoopbackServer(0, respond)
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.close_all()


def test_a_url_is_a_picture(home: Path, site: tuple[str, list[str]]) -> None:
    url, _ = site
    names = [f"{url}/card7.jpg", f"{url}/moved", f"{url}/nowhere"]
    done = mtg_db("query", *names, "--json", "--allow-private", cwd=home)
    good, moved, gone = json_lines(done.stdout)
    assert good["cards"] == moved["cards"] != []
    assert gone["error"] == "cannot be fetched: HTTP 404"


def test_an_address_that_is_not_public_is_not_asked(site: tuple[str, list[str]]) -> None:
    url, asked = site
    for name in (
        url,
        url.replace("127.0.0.1", "localhost"),
        url.replace("127.0.0.1", "2130706433"),
    ):
        with pytest.raises(ImageError, match="not a public address"):
            source_of(f"{name}/card7.jpg")
    assert asked == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/circle", "too many redirects"),
        ("/file", "bad URL"),
        ("/large", "body over the size limit"),
        ("/short", "truncated body"),
        (":x/", "bad URL"),
    ],
)
def test_what_cannot_be_fetched_says_why(
    site: tuple[str, list[str]], path: str, reason: str
) -> None:
    with pytest.raises(ImageError, match=f"cannot be fetched: {reason}"):
        source_of(site[0] + path, allow_private=True)


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
    "cut.jpg": (PICTURE[: len(PICTURE) // 2], "truncated image"),
    "empty.jpg": (b"", "empty file"),
    "page.jpg": (b"<!DOCTYPE html><html>", "a web page instead of an image"),
    "huge.png": (png_of(20_000, 10_000), "image over 60 megapixels"),
    "large.png": (png_of(9_000, 8_000), "image over 60 megapixels"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_a_clear_line_and_the_rest_goes_on(
    inside: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name][0])
    assert main(["query", str(path), "card7.jpg"]) == 0
    shown = capsys.readouterr()
    assert shown.err == f"{path}: {BAD[name][1]}\n1 of 2 pictures could not be read.\n"
    assert "Card 7" in shown.out
    assert main(["query", str(path), "card7.jpg", "--strict"]) == 4
    assert main(["query", str(path)]) == 2


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
        "moving.gif": saved(card, "GIF", save_all=True, append_images=[make_picture(8)]),
        "turned.jpg": saved(card.rotate(90, expand=True), "JPEG", quality=90, exif=exif),
        "one.png": saved(Image.new("RGB", (1, 1)), "PNG"),
        "line.png": saved(Image.new("RGB", (4000, 1)), "PNG"),
    }


def test_odd_pictures_are_pictures(
    inside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in odd_pictures().items():
        (tmp_path / name).write_bytes(data)
    assert main(["query", str(tmp_path), "--json", "-k", "1000"]) == 0
    answers = {Path(a["query"]).name: a for a in json_lines(capsys.readouterr().out)}
    assert len(answers) == 7
    assert all(len(answer["cards"][0]["matches"]) == 12 for answer in answers.values())
    for name in ("cmyk.jpg", "palette.png", "moving.gif", "turned.jpg"):
        assert answers[name]["cards"][0]["matches"][0]["name"] == "Card 7", name


@posix
def test_what_is_no_file_of_ones_own_is_a_clear_line(home: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "locked.jpg").write_bytes(PICTURE)
    (tmp_path / "locked.jpg").chmod(0)
    odd = os.fsdecode(b"new\nline \x1b\xff.jpg")
    (tmp_path / odd).write_bytes(b"no picture")
    names = ["fifo.jpg", "loop.jpg", "locked.jpg", odd, "x" * 300, "file.jpg/x.jpg"]
    (tmp_path / "file.jpg").touch()
    done = mtg_db("query", *names, "--db", home / "index_out", cwd=tmp_path)
    assert done.returncode == (2 if os.geteuid() else 0)
    lines = done.stderr.splitlines()
    assert lines[0] == "fifo.jpg: it is no regular file"
    assert lines[1] == "loop.jpg: it cannot be read: Too many levels of symbolic links"
    if os.geteuid():
        assert lines.pop(2) == "locked.jpg: permission denied"
    assert lines[-4] == "new\ufffdline \ufffd\ufffd.jpg: not an image"
    assert lines[-3].endswith("x: it cannot be read: File name too long")
    assert lines[-2] == "file.jpg/x.jpg: there is no such file"
