"""What may be asked about: every kind of input, good and bad."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from conftest import jpeg, json_lines, make_picture, mtg_db

from mtg_image_db import ImageError, InvalidArguments
from mtg_image_db.pictures.inputs import expand, listed, source_of
from mtg_image_db.scryfall_double.loopback import LoopbackServer
from mtg_image_db.scryfall_double.replies import Reply

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX file system")


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
        return [Path(name).as_posix() for name in expand(given, recursive=recursive).names]

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
    assert expand([str(photos / "a[1].jpg")]).names == [str(photos / "a[1].jpg")]


@posix
def test_links_that_run_in_circles_are_no_pictures(photos: Path) -> None:
    (photos / "loop.jpg").symlink_to("loop.jpg")
    (photos / "around").symlink_to(photos)
    assert len(expand(["photos"], recursive=True).names) == 4


def test_inputs_that_stand_for_nothing_are_all_told(photos: Path) -> None:
    (photos / "empty").mkdir()
    with pytest.raises(InvalidArguments) as caught:
        expand(["photos/empty", "*.gif", "-", "-"])
    assert len(caught.value.problems) == 3


def test_a_folder_and_a_list_cannot_both_be_asked(inside: Path) -> None:
    assert mtg_db("query", "card7.jpg", "--paths-from", "x", cwd=inside).returncode == 1
    done = mtg_db("query", "card7.jpg", "--text", "x", cwd=inside)
    assert "only one of these" in done.stderr
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


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert list(listed(io.BytesIO(b"\xef\xbb\xbfa.jpg\r\n\xef\xbb\xbfb.jpg"))) == [
        "a.jpg",
        "\ufeffb.jpg",
    ]


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
