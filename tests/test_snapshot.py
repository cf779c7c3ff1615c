from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import make_card

from mtg_image_db.errors import MtgDbError, NetworkError, SnapshotError
from mtg_image_db.net.hosts import HostGate
from mtg_image_db.net.session import PoliteSession
from mtg_image_db.scryfall.rows import read_rows
from mtg_image_db.scryfall.snapshot import Snapshot, load_snapshot, refresh_snapshot
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.progress import Silent

CARDS = [make_card(n) for n in range(30)]


@contextmanager
def session_for(double: ScryfallDouble) -> Iterator[PoliteSession]:
    stop = threading.Event()
    session = PoliteSession(
        api_url=double.url,
        gate=HostGate(floor=0.05, stop=stop),
        stop=stop,
        timeout=(2, 2),
        max_retries=2,
        backoff_factor=0.001,
    )
    yield session
    session.close()


def refresh(double: ScryfallDouble, cache: Path, *, force: bool = True) -> Snapshot:
    with session_for(double) as session:
        return refresh_snapshot(
            session, cache, "default_cards", api_url=double.url, force=force, progress=Silent()
        )


@pytest.fixture
def double() -> Iterator[ScryfallDouble]:
    with ScryfallDouble(CARDS, {}) as double:
        yield double


def test_a_snapshot_is_stored_as_served_and_counted(double: ScryfallDouble, tmp_path: Path) -> None:
    snapshot = refresh(double, tmp_path)
    assert (snapshot.rows, snapshot.size) == (30, snapshot.path.stat().st_size)
    assert [card["id"] for card in read_rows(snapshot.path)] == [card["id"] for card in CARDS]
    assert load_snapshot(tmp_path, "default_cards") == snapshot


def test_a_fresh_snapshot_asks_nothing_of_the_server(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    first = refresh(double, tmp_path)
    asked = len(double.requests)
    assert refresh(double, tmp_path, force=False) == first
    assert len(double.requests) == asked


def test_a_stale_snapshot_is_confirmed_by_a_conditional_request(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    first = refresh(double, tmp_path)
    record = json.loads((tmp_path / "bulk" / "default_cards.json").read_text())
    record["checked_at"] -= 25 * 3600
    (tmp_path / "bulk" / "default_cards.json").write_text(json.dumps(record))
    again = refresh(double, tmp_path, force=False)
    assert double.requests[-1].status == 304
    assert again.file == first.file
    assert again.checked_at > record["checked_at"]


def test_a_clock_set_back_does_not_keep_a_snapshot_for_ever(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    refresh(double, tmp_path)
    record = json.loads((tmp_path / "bulk" / "default_cards.json").read_text())
    record["checked_at"] += 10 * 24 * 3600
    (tmp_path / "bulk" / "default_cards.json").write_text(json.dumps(record))
    asked = len(double.requests)
    refresh(double, tmp_path, force=False)
    assert len(double.requests) == asked + 1


def test_a_new_snapshot_takes_the_place_of_the_old_one(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    old = refresh(double, tmp_path)
    double.publish([*CARDS, make_card(99)])
    new = refresh(double, tmp_path)
    assert (new.rows, new.updated_at > old.updated_at) == (31, True)
    assert [path.name for path in (tmp_path / "bulk").glob("*.gz")] == [new.file]


def test_the_old_format_is_read_and_stored_in_the_new_one(tmp_path: Path) -> None:
    with ScryfallDouble(CARDS, {}, legacy=True) as double:
        snapshot = refresh(double, tmp_path)
    assert snapshot.file.endswith(".jsonl.gz")
    assert [card["id"] for card in read_rows(snapshot.path)] == [card["id"] for card in CARDS]


@pytest.mark.parametrize(
    "fault",
    [
        faults.truncated(0.5),
        faults.corrupt(),
        faults.html_page(),
        faults.empty(),
        faults.shortened(0.5),
        faults.server_error(503),
    ],
)
def test_a_damaged_file_is_fetched_again(
    double: ScryfallDouble, tmp_path: Path, fault: faults.Fault
) -> None:
    double.inject("/file/", fault)
    assert refresh(double, tmp_path).rows == 30


@pytest.mark.parametrize(
    "fault",
    [
        faults.truncated(0.5, times=None),
        faults.corrupt(times=None),
        faults.html_page(times=None),
        faults.shortened(0.5, times=None),
    ],
)
def test_a_file_that_stays_damaged_leaves_the_old_one_in_force(
    double: ScryfallDouble, tmp_path: Path, fault: faults.Fault
) -> None:
    old = refresh(double, tmp_path)
    double.publish([*CARDS, make_card(99)])
    double.inject("/file/", fault)
    with pytest.raises(NetworkError):
        refresh(double, tmp_path)
    assert load_snapshot(tmp_path, "default_cards") == old
    assert len(list(read_rows(old.path))) == 30
    assert list((tmp_path / "bulk").glob("*.part")) == []


def test_a_file_that_lost_most_of_its_rows_is_refused(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    old = refresh(double, tmp_path)
    double.publish(CARDS[:10])
    with pytest.raises(SnapshotError, match="implausibly small"):
        refresh(double, tmp_path)
    assert load_snapshot(tmp_path, "default_cards") == old


def test_a_file_that_expired_between_two_requests_is_asked_for_anew(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    double.inject("/file/", faults.not_found())
    assert refresh(double, tmp_path).rows == 30
    described = [request for request in double.requests if "/bulk-data/" in request.path]
    assert len(described) == 2


@pytest.mark.parametrize("fault", [faults.html_page(times=None), faults.garbage(times=None)])
def test_a_descriptor_that_is_none_is_an_error_that_says_so(
    double: ScryfallDouble, tmp_path: Path, fault: faults.Fault
) -> None:
    double.inject("/bulk-data/", fault)
    with pytest.raises(MtgDbError, match="descriptor"):
        refresh(double, tmp_path)


def test_a_record_of_another_server_is_not_trusted(double: ScryfallDouble, tmp_path: Path) -> None:
    refresh(double, tmp_path)
    with ScryfallDouble([make_card(n) for n in range(20)], {}) as other:
        assert refresh(other, tmp_path, force=False).rows == 20


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("file", "\0"), ("file", 5), ("kind", "all_cards"), ("rows", None)),
        *(("checked_at", "now"), ("etag", 5), ("updated_at", []), ("size", 10**30)),
    ],
)
def test_a_record_that_cannot_be_is_no_snapshot_and_fetched_again(
    double: ScryfallDouble, tmp_path: Path, key: str, value: object
) -> None:
    refresh(double, tmp_path)
    path = tmp_path / "bulk" / "default_cards.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    assert load_snapshot(tmp_path, "default_cards") is None
    assert refresh(double, tmp_path).rows == 30


@pytest.mark.parametrize("etag", ["\ud800", "a\r\nb: c"])
def test_an_etag_that_no_header_can_hold_is_not_sent(
    double: ScryfallDouble, tmp_path: Path, etag: str
) -> None:
    refresh(double, tmp_path)
    path = tmp_path / "bulk" / "default_cards.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "etag": etag}))
    assert refresh(double, tmp_path).rows == 30
    assert "if-none-match" not in double.requests[-1].headers


def test_a_snapshot_cut_short_on_disk_is_no_snapshot(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    path = refresh(double, tmp_path).path
    path.write_bytes(path.read_bytes()[:-1])
    assert load_snapshot(tmp_path, "default_cards") is None
    assert refresh(double, tmp_path, force=False).rows == 30


def test_a_file_that_the_disk_damaged_is_fetched_again_when_forced(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    path = refresh(double, tmp_path).path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert refresh(double, tmp_path).rows == 30
    assert len(list(read_rows(path))) == 30
    # Whole, it is only confirmed.
    refresh(double, tmp_path)
    assert double.requests[-1].status == 304


def test_a_broken_off_file_is_continued_not_begun_anew(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    double.inject("/file/", faults.truncated(0.5))
    assert refresh(double, tmp_path).rows == 30
    first, second = double.requests_to("/file/")
    assert "range" not in first.headers
    assert (second.status, second.headers["range"][:6]) == (206, "bytes=")
    assert not list((tmp_path / "bulk").glob("*.partial*"))


def test_a_killed_run_is_continued_by_the_next(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject("/file/", faults.truncated(0.5, times=None))
    with pytest.raises(NetworkError):
        refresh(double, tmp_path)
    double.clear_faults()
    asked = len(double.requests_to("/file/"))
    assert refresh(double, tmp_path).rows == 30
    [rest] = double.requests_to("/file/")[asked:]
    assert rest.status == 206


def test_the_rest_of_another_file_is_never_appended(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject("/file/", faults.truncated(0.5, times=None))
    with pytest.raises(NetworkError):
        refresh(double, tmp_path)
    double.clear_faults()
    [note] = (tmp_path / "bulk").glob("*.partial.json")
    note.write_text(json.dumps({"etag": '"of an older file"'}))
    assert refresh(double, tmp_path).rows == 30
    assert double.requests_to("/file/")[-1].status == 200


def test_a_damaged_beginning_is_thrown_away(double: ScryfallDouble, tmp_path: Path) -> None:
    double.inject("/file/", faults.truncated(0.5, times=None))
    with pytest.raises(NetworkError):
        refresh(double, tmp_path)
    double.clear_faults()
    [partial] = (tmp_path / "bulk").glob("*.partial")
    partial.write_bytes(b"x" * partial.stat().st_size)
    assert refresh(double, tmp_path).rows == 30
    assert [request.status for request in double.requests_to("/file/")[-2:]] == [206, 200]


def test_a_gzip_bomb_is_refused(
    double: ScryfallDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtg_image_db.scryfall.bulk_file.LARGEST_UNPACKED", 1000)
    with pytest.raises(SnapshotError, match="unpacks to more"):
        refresh(double, tmp_path)
    assert load_snapshot(tmp_path, "default_cards") is None
