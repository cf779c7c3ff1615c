"""Bulk files, in today's format and in the one from before: what is refused, and what is left."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import make_card
from wire import Wire, plainly, reply, session_for

from mtg_image_db.errors import MtgDbError, NetworkError, SnapshotError
from mtg_image_db.scryfall import bulk_file
from mtg_image_db.scryfall.bulk_file import fetch_array, fetch_rows
from mtg_image_db.scryfall.rows import LONGEST_ROW, read_rows
from mtg_image_db.system.progress import Silent

CARDS = [make_card(n) for n in range(30)]
LINES = b"\n".join(json.dumps(card).encode() for card in CARDS)
ARRAY = json.dumps(CARDS, indent=1).encode()


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire(lambda client: None)
    yield wire
    wire.close()


def rows(wire: Wire, path: Path, *, size: int | None = None, retries: int = 0) -> int:
    session = session_for(wire.url, retries=retries)
    try:
        return fetch_rows(session, f"{wire.url}/x", path, size, Silent())
    finally:
        session.close()


def array(wire: Wire, path: Path, *, retries: int = 0) -> int:
    session = session_for(wire.url, retries=retries)
    try:
        return fetch_array(session, f"{wire.url}/x", path, Silent())
    finally:
        session.close()


def refused(wire: Wire, folder: Path, fetch: Any, **how: Any) -> MtgDbError:
    """The error of a file that is refused; what was there stays, and no part of the new one."""
    path = folder / "x.gz"
    path.write_bytes(b"as it was")
    with pytest.raises(MtgDbError) as caught:
        fetch(wire, path, **how)
    assert path.read_bytes() == b"as it was"
    assert not list(folder.glob("*.part"))
    return caught.value


@pytest.mark.parametrize("packed", ["as a file", "in transfer", "not at all"])
def test_an_array_is_read_packed_or_not(wire: Wire, tmp_path: Path, packed: str) -> None:
    body = ARRAY if packed == "not at all" else gzip.compress(ARRAY)
    headers = ["Content-Encoding: gzip"] if packed == "in transfer" else []
    wire.answer = reply("200 OK", body, *headers)
    assert array(wire, tmp_path / "x.gz") == 30
    assert list(read_rows(tmp_path / "x.gz")) == CARDS


@pytest.mark.parametrize("packed", [False, True])
def test_an_array_over_the_limit_is_refused(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    body = gzip.compress(ARRAY) if packed else ARRAY
    wire.answer = reply("200 OK", body)
    monkeypatch.setattr(bulk_file, "LARGEST_FILE", len(body))
    assert array(wire, tmp_path / "y.gz") == 30
    monkeypatch.setattr(bulk_file, "LARGEST_FILE", len(body) - 1)
    assert "over the size limit" in refused(wire, tmp_path, array).message


def test_an_array_that_unpacks_to_too_much_is_refused(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.answer = reply("200 OK", gzip.compress(ARRAY))
    monkeypatch.setattr(bulk_file, "LARGEST_UNPACKED", len(ARRAY) - 1)
    assert "over the size limit" in refused(wire, tmp_path, array).message


def test_an_array_without_elements_is_refused(wire: Wire, tmp_path: Path) -> None:
    wire.answer = reply("200 OK", b"[ ]")
    assert "the bulk file has no rows" in str(refused(wire, tmp_path, array).details)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda packed: packed[:40] + bytes(60) + packed[100:], "bad gzip data"),
        (lambda packed: packed[:-9], "the gzip data end early"),
    ],
)
def test_an_array_whose_gzip_data_are_damaged_is_asked_for_again(
    wire: Wire, tmp_path: Path, damage: Any, told: str
) -> None:
    wire.requests.clear()
    wire.answer = reply("200 OK", damage(gzip.compress(ARRAY)))
    error = refused(wire, tmp_path, array, retries=2)
    assert isinstance(error, NetworkError)
    assert told in str(error.details)
    assert len(wire.requests) == 3


def test_an_element_that_is_too_long_is_refused(wire: Wire, tmp_path: Path) -> None:
    wire.answer = reply("200 OK", b'[{"a":"' + b"x" * (LONGEST_ROW + (1 << 19)))
    error = refused(wire, tmp_path, array)
    assert isinstance(error, SnapshotError)
    assert error.details == "an element is damaged or too long"


def test_lines_of_another_length_than_announced_are_refused(wire: Wire, tmp_path: Path) -> None:
    body = gzip.compress(LINES)
    wire.answer = reply("200 OK", body)
    assert rows(wire, tmp_path / "y.gz", size=len(body)) == 30
    error = refused(wire, tmp_path, rows, size=len(body) + 1)
    assert "length differs from the descriptor's" in str(error.details)


@pytest.mark.parametrize("told", [True, False])
def test_lines_over_the_limit_are_refused(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    body = gzip.compress(LINES)
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    wire.answer = reply("200 OK", body) if told else plainly(head + body)
    monkeypatch.setattr(bulk_file, "LARGEST_FILE", len(body))
    assert rows(wire, tmp_path / "y.gz") == 30
    monkeypatch.setattr(bulk_file, "LARGEST_FILE", len(body) - 1)
    assert "over the size limit" in refused(wire, tmp_path, rows).message


@pytest.mark.parametrize("lines", [b"", b"\n \n\n"])
def test_a_file_of_blank_lines_is_refused(wire: Wire, tmp_path: Path, lines: bytes) -> None:
    wire.answer = reply("200 OK", gzip.compress(lines))
    assert "the bulk file has no rows" in str(refused(wire, tmp_path, rows).details)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reply("206 Partial Content", b"x", "Content-Range: bytes 7-7/8"), "another part"),
        (reply("206 Partial Content", b"x"), "another part"),
        (reply("416 Range Not Satisfiable"), "has no more of the file"),
    ],
)
def test_a_rest_that_does_not_fit_is_thrown_away(
    wire: Wire, tmp_path: Path, answer: Any, told: str
) -> None:
    (tmp_path / "x.gz.partial").write_bytes(b"beginning")
    (tmp_path / "x.gz.partial.json").write_text('{"etag": "\\"a\\""}')
    wire.requests.clear()
    wire.answer = answer
    assert told in str(refused(wire, tmp_path, rows).details)
    assert b"Range: bytes=9-" in wire.requests[0]
    assert [path.name for path in tmp_path.iterdir()] == ["x.gz"]
