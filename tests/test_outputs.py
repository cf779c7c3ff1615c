"""Outputs that a user names: files, links, pipes, devices, and what nothing can be written to."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import fill, mtg_db

from mtg_image_db.cli.parser import parse_arguments
from mtg_image_db.errors import InvalidArguments, StorageError
from mtg_image_db.system.outputs import write_output

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="links, pipes and devices as POSIX has them"
)


def write(path: Path, data: bytes = b"new") -> None:
    with write_output(path) as stream:
        stream.write(data)


def problems(*arguments: str | Path) -> tuple[str, ...]:
    with pytest.raises(InvalidArguments) as caught:
        parse_arguments([str(argument) for argument in arguments])
    return caught.value.problems


def device(folder: Path, number: int, name: str) -> Path:
    """A device of one's own: what replaces the system's by a file would harm everybody."""
    path = folder / name
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, number))
        path.open("wb").close()
    except OSError:
        pytest.skip("no device can be made here")
    return path


@pytest.mark.parametrize(
    "link", ["target.csv", "second.csv", "folder/../target.csv", "{}/target.csv"]
)
def test_a_link_is_followed_and_stays(tmp_path: Path, link: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "target.csv").write_text("old")
    (tmp_path / "second.csv").symlink_to("target.csv")
    (tmp_path / "mine.csv").symlink_to(link.format(tmp_path))
    write(tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").readlink() == Path(link.format(tmp_path))
    assert (tmp_path / "target.csv").read_text() == "new"
    assert not (tmp_path / "target.csv").is_symlink()
    assert not list(tmp_path.glob("*.part"))


def test_a_link_to_a_file_that_is_not_there_yet_makes_that_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.csv").symlink_to("folder/target.csv")
    write(tmp_path / "mine.csv")
    assert (tmp_path / "folder" / "target.csv").read_text() == "new"


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(60)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    null, full = device(tmp_path, 3, "null"), device(tmp_path, 7, "full")
    write(null)
    with pytest.raises(StorageError, match="the disk is full"):
        write(full, b"x" * 100_000)
    assert all(stat.S_ISCHR(path.lstat().st_mode) for path in (null, full))


def test_an_open_file_goes_on_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    with (tmp_path / "log").open("ab") as log:
        write(Path(f"/dev/fd/{log.fileno()}"), b"new\n")
        (tmp_path / "link").symlink_to(f"/dev/fd/{log.fileno()}")
        write(tmp_path / "link", b"last\n")
    assert (tmp_path / "log").read_text() == "before\nnew\nlast\n"


def test_what_nothing_can_be_written_to_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "lost").symlink_to("nowhere/mine.csv")
    (tmp_path / "circle").symlink_to("circle")
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server, Path(os.devnull).open("rb") as read_only:
        server.bind("socket")
        for name, why in {
            "folder": "it is a folder",
            "lost": f"there is no folder {tmp_path}/nowhere",
            "circle": "cannot be used: Too many levels of symbolic links",
            "socket": "it is a socket",
            "none/mine.csv": "there is no folder none",
            f"/dev/fd/{read_only.fileno()}": "it is not open for writing",
            "/dev/fd/9999": "it is not open for writing",
        }.items():
            for command in (("scan", "x.jpg", "-o"), ("eval", "x.csv", "--json")):
                [problem] = problems(*command, name)
                assert why in problem
            with pytest.raises((StorageError, OSError)):
                write(Path(name))


def test_folders_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "lost").symlink_to("nowhere")
    for place in (tmp_path / "file" / "folder", tmp_path / "lost", tmp_path / "lost" / "deeper"):
        for command in (
            ("scan", "x.jpg", "--review"),
            ("eval", "x.csv", "--report"),
            ("export", "--format", "npy", "--to"),
            ("demo", "--folder"),
        ):
            [problem] = problems(*command, place)
            assert "is no folder" in problem or "is a link to nothing" in problem
    [problem] = problems(
        "scan", "x.jpg", "-o", tmp_path / "lost.csv", "--review", tmp_path / "file"
    )
    assert "is a file, not a folder" in problem
    (tmp_path / "mine-review").write_text("mine")
    [problem] = problems("scan", "x.jpg", "-o", tmp_path / "mine.csv")
    assert "mine-review is no folder" in problem


def test_a_write_protected_file_and_a_closed_folder_are_refused(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    (tmp_path / "mine.csv").write_text("mine")
    (tmp_path / "mine.csv").chmod(0o444)
    tmp_path.chmod(0o777)
    for out, why in {
        tmp_path / "mine.csv": "it is write-protected",
        folder / "new.csv": f"the folder {folder} may not be written",
    }.items():
        done = mtg_db("scan", "card7.jpg", "-o", out, cwd=home, unprivileged=True)
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr
    assert (tmp_path / "mine.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("scan x.jpg -o mine.xlsx", "mine.csv"),
        ("scan x.jpg -o mine.json --to moxfield", "mine.csv"),
        ("scan x.jpg -o mine.tsv", "mine.csv"),
        ("scan x.jpg -o mine.csv --to mtga", "mine.txt"),
        ("scan x.jpg -o mine.pdf --to cockatrice", "mine.cod"),
        ("eval x.csv --json mine.xlsx", "mine.json"),
        ("verify-cache --report mine.csv", "mine.json"),
        ("download --report mine.html", "mine.json"),
    ],
)
def test_a_name_that_promises_another_format_is_refused(command: str, name: str) -> None:
    [problem] = problems(*command.split())
    assert f"name it {name}" in problem


@pytest.mark.parametrize("name", ["mine.csv", "mine.CSV", "mine.txt", "mine", "mine.2026"])
def test_any_other_name_is_fine(name: str) -> None:
    assert parse_arguments(["scan", "x.jpg", "-o", name]).out == Path(name)


def test_a_scan_writes_into_a_process_and_the_review_goes_to_the_usual_folder(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "index_out").symlink_to(home / "index_out")
    read, written = os.pipe()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mtg_image_db",
            "scan",
            home / "card7.jpg",
            "-o",
            f"/dev/fd/{written}",
        ],
        cwd=tmp_path,
        pass_fds=[written],
        capture_output=True,
        check=False,
        timeout=120,
    )
    os.close(written)
    with os.fdopen(read, "rb") as stream:
        assert stream.read().startswith(b"quantity,name,"), done.stderr
    assert done.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index_out", "scan-review"]


def test_on_a_full_disk_every_old_file_stays(home: Path, tmp_path: Path, small_disk: Path) -> None:
    (home / "labels.csv").write_text("file,names\ncard7.jpg,Card 7\nnoise.png,Card 3\n")
    review = small_disk / "review"
    review.mkdir()
    old = "id,photo,answer\n"
    names = (
        *("mine.csv", "sheet.png", "sheet.html", "found.png", "report.json", "figures.json"),
        *("review/review.csv", "review/review.html"),
        *("review/embeddings.npy", "review/embeddings.i8bin"),
    )
    mtg_db("eval", "labels.csv", "--report", small_disk / "report", cwd=home)
    report = {path: path.read_bytes() for path in (small_disk / "report").iterdir()}
    assert len(report) > 1
    for name in names:
        (small_disk / name).write_text(old)
    fill(small_disk)
    elsewhere = ("--review", tmp_path / "elsewhere")
    for command in (
        ("scan", "card7.jpg", "-o", small_disk / "mine.csv", *elsewhere),
        ("scan", "card7.jpg", "-o", tmp_path / "mine.csv", "--review", review),
        ("query", "card7.jpg", "--contact-sheet", small_disk / "sheet.png"),
        ("query", "card7.jpg", "--contact-sheet", small_disk / "sheet.html"),
        ("query", "card7.jpg", "--find-report", small_disk / "found.png"),
        ("verify-cache", "--report", small_disk / "report.json"),
        ("eval", "labels.csv", "--json", small_disk / "figures.json"),
        ("eval", "labels.csv", "--report", small_disk / "report"),
        ("export", "--format", "npy", "--to", review),
        ("export", "--format", "browser", "--to", review),
    ):
        done = mtg_db(*command, cwd=home)
        assert done.returncode == 1, (command, done.stderr)
        assert "ERROR: Storage: Cannot write: the disk is full" in done.stderr, command
    assert {(small_disk / name).read_text() for name in names} == {old}
    assert {path: path.read_bytes() for path in (small_disk / "report").iterdir()} == report
    assert not list(small_disk.rglob("*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "command", ["info", "info --json", "completion bash", "--help", "scan card7.jpg"]
)
def test_a_full_disk_behind_standard_output_is_told(home: Path, command: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mtg_image_db", *command.split()],
            cwd=home,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
            env=environment,
        )
    assert done.returncode == 1
    assert done.stderr.count("ERROR: Storage: Cannot write: the disk is full") == 1
    assert "Exception" not in done.stderr


def test_every_output_is_named_when_it_is_written(home: Path, tmp_path: Path) -> None:
    sheet, found, report = tmp_path / "s.html", tmp_path / "f.png", tmp_path / "r.json"
    done = mtg_db("query", "card7.jpg", "--contact-sheet", sheet, "--find-report", found, cwd=home)
    assert f"Contact sheet of 1 card: {sheet}\n" in done.stderr
    assert f"Found cards, drawn on the picture: {found}\n" in done.stderr
    done = mtg_db("verify-cache", "--report", report, cwd=home)
    assert f"Report: {report}\n" in done.stderr
    assert json.loads(report.read_text())["total_files"] == 12
    (tmp_path / "labels.csv").write_text(f"file,names\n{home / 'card7.jpg'},Card 7\n")
    figures = tmp_path / "figures.json"
    done = mtg_db("eval", tmp_path / "labels.csv", "--json", figures, cwd=home)
    assert re.search(f"^All figures and answers: {figures}$", done.stderr, re.MULTILINE)
