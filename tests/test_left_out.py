"""What of a folder or a file is looked at, and that all else is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import jpeg, json_lines, make_picture, mtg_db
from PIL import Image
from test_watch import Enough, nothing

from mtg_image_db.pictures.hot_folder import HotFolder
from mtg_image_db.pictures.inputs import PICTURE_SUFFIXES, LeftOut, expand
from mtg_image_db.pictures.opening import _READ_FORMATS, open_photo

posix = pytest.mark.skipif(os.name == "nt", reason="a POSIX file system")


def test_all_endings_that_pillow_knows_of_the_formats_that_are_read_are_looked_at() -> None:
    Image.init()
    known = {suffix for suffix, form in Image.EXTENSION.items() if form in _READ_FORMATS}
    assert known >= {".jfif", ".jpe", ".mpo", ".tga", ".ppm"}
    assert known <= PICTURE_SUFFIXES
    assert {".heic", ".heif", ".hif", ".avif"} <= PICTURE_SUFFIXES


KINDS = {
    **dict.fromkeys((".jpg", ".JPEG", ".jfif", ".jpe"), "JPEG"),
    ".mpo": "MPO",
    ".png": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tga": "TGA",
    ".ppm": "PPM",
    ".pnm": "PPM",
}


def test_pictures_of_every_format_are_answered_in_a_folder(home: Path, tmp_path: Path) -> None:
    picture = make_picture(7)
    for number, (suffix, kind) in enumerate(KINDS.items()):
        # Each is another picture: of equal ones, `scan` looks at the first.
        size = (picture.width, picture.height + number)
        picture.resize(size).save(tmp_path / f"card{suffix}", kind)
    options = ("--db", home / "index_out")
    done = mtg_db("query", ".", "--json", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    answers = {answer["query"]: answer for answer in json_lines(done.stdout)}
    assert set(answers) == {f"card{suffix}" for suffix in KINDS}
    for answer in answers.values():
        assert answer["cards"][0]["matches"][0]["name"] == "Card 7", answer
    done = mtg_db("scan", ".", *options, cwd=tmp_path)
    assert f"{len(KINDS)} photos: " in done.stderr


def test_what_of_a_folder_is_not_looked_at_is_said_in_a_line(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for name in ("notes.txt", "a.mov", "b.MOV", "README", ".DS_Store", "Thumbs.db", ".a.jpg"):
        (folder / name).touch()
    (folder / "below" / "raw.cr2").touch()
    (folder / "card.jpg").write_bytes(jpeg(make_picture(7)))
    options = ("--json", "--db", home / "index_out")
    done = mtg_db("query", "photos", *options, cwd=tmp_path)
    assert done.stderr == (
        "Left out of photos: 4 files without a picture's ending (.mov, .txt, without an ending), 1 "
        "folder (read only if recursive).\n"
    )
    assert len(json_lines(done.stdout)) == 1
    done = mtg_db("scan", "photos", "--recursive", "--db", home / "index_out", cwd=tmp_path)
    assert done.stderr.startswith("Left out of photos: 5 files without a picture's ending (.mov, ")
    assert ".cr2" in done.stderr.splitlines()[0]
    assert "folder" not in done.stderr.splitlines()[0]
    (folder / "card.jpg").unlink()
    done = mtg_db("query", "photos", *options, cwd=tmp_path)
    assert done.returncode == 1
    assert "  - there are no pictures in the folder photos, only 4 files without" in done.stderr


@posix
def test_loops_links_pipes_and_locked_folders_are_said_and_the_rest_goes_on(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    (folder / "locked").mkdir(mode=0)
    (folder / "around").symlink_to(folder)
    (folder / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "below" / "card.jpg").write_bytes(jpeg(make_picture(7)))
    query = ("query", "photos", "--recursive", "--json", "--db", home / "index_out")
    done = mtg_db(*query, cwd=tmp_path, unprivileged=True)
    assert done.returncode == 0
    assert [answer["query"] for answer in json_lines(done.stdout)] == ["photos/below/card.jpg"]
    assert done.stderr == (
        "Left out of photos: 2 names without files (broken links, pipes), 1 folder that is read "
        "only when named, 1 folder that cannot be read (photos/locked).\n"
    )


@posix
def test_folders_that_fit_a_pattern_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a.jpg").touch()
    found = expand([f"{tmp_path}/a*"])
    assert found.names == [f"{tmp_path}/a.jpg"]
    assert found.left_out == (LeftOut(f"{tmp_path}/a*", unnamed=1),)


def test_many_endings_are_cut_short() -> None:
    rest = LeftOut("x", tuple(f".{n:03}" for n in range(1000)))
    assert str(rest) == (
        "1,000 files without a picture's ending (.000, .001, .002, .003, .004, .005 and 994 more)"
    )


def test_a_watched_folder_says_each_kind_that_it_leaves_out_once(tmp_path: Path) -> None:
    def make(*names: str) -> None:
        for name in names:
            (tmp_path / name).touch()

    (tmp_path / "below").mkdir()
    make("a.txt", ".hidden", "desktop.ini")
    events = iter(
        [
            nothing,
            lambda: make("b.txt", "c.mov", "d.part"),
            (tmp_path / "d.part").unlink,
            nothing,
            nothing,
        ]
    )

    def wait() -> None:
        event = next(events, None)
        if event is None:
            raise Enough
        event()

    said: list[str] = []
    folder = HotFolder(tmp_path, wait=wait, on_left_out=lambda rest: said.append(str(rest)))
    with pytest.raises(Enough):
        next(folder.arrivals())
    assert sorted(said, key=len) == [
        "1 file without a picture's ending (.mov)",
        "1 file without a picture's ending (.txt), 1 folder that is read only when named",
    ]


def several(folder: Path) -> dict[str, int]:
    """Files that hold several pictures, the first of which is card 7."""
    first, second, third = (make_picture(n) for n in (7, 8, 9))
    for name in ("scan.tif", "moving.gif", "moving.png", "moving.webp", "both.mpo"):
        first.save(folder / name, save_all=True, append_images=[second, third])
    return dict.fromkeys(("scan.tif", "moving.gif", "moving.png", "moving.webp", "both.mpo"), 3)


def test_of_a_file_with_several_pictures_it_is_said_that_one_was_looked_at(
    home: Path, tmp_path: Path
) -> None:
    files = several(tmp_path)
    (tmp_path / "labels.csv").write_text(
        "file,names\n" + "".join(f"{name},Card 7\n" for name in files)
    )
    expected = {
        f"{name}: it holds {count} pictures; only the first was looked at"
        for name, count in files.items()
    }
    for command in (("query", *files), ("scan", *files), ("eval", "labels.csv")):
        done = mtg_db(*command, "--db", home / "index_out", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert expected <= set(done.stderr.splitlines())


def test_previews_beside_a_photo_are_no_other_pictures(tmp_path: Path) -> None:
    photo = make_picture(7)
    path = tmp_path / "phone.jpg"
    photo.save(path, "MPO", save_all=True, append_images=[photo.resize((244, 340))])
    for source in (path, path.read_bytes(), jpeg(photo)):
        # A JPEG that is decoded smaller is still as large as it says.
        for at_least in (None, (100, 100)):
            assert open_photo(source, at_least=at_least)[2] == 1
    photo.save(path, "MPO", save_all=True, append_images=[photo])
    assert open_photo(path, at_least=(100, 100))[2] == 2


def test_a_sequence_of_a_phone_holds_several_pictures(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    sequence = pillow_heif.from_pillow(make_picture(7))
    sequence.add_from_pillow(make_picture(8))
    sequence.save(tmp_path / "live.heic")
    assert open_photo(tmp_path / "live.heic")[2] == 2
