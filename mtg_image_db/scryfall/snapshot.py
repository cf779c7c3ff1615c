"""Bulk snapshots: fetched whole, checked, and kept for a day.

Scryfall serves them since July 2026 as gzip JSON Lines under `jsonl_download_uri`, without
Content-Encoding (https://scryfall.com/docs/api/bulk-data). A server that still gives the older
`download_uri` (one JSON array) works too: its answer is stored in the new form.
"""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from mtg_image_db.errors import MissingInput, NetworkError, SnapshotError
from mtg_image_db.files import atomic_write, make_folder, read_json_object, write_json
from mtg_image_db.progress import Progress
from mtg_image_db.scryfall.kinds import KINDS
from mtg_image_db.scryfall.rows import split_array
from mtg_image_db.session import DamagedBody, PoliteSession, read_body

FRESH_SECONDS = 24 * 3600
"""Scryfall asks that data be kept for at least a day (https://scryfall.com/docs/api)."""

LARGEST_SNAPSHOT = 4 << 30
_LARGEST_UNPACKED = 32 << 30
_LEAST_SHARE = 0.5  # of the previous snapshot's rows: fewer is a broken export
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot on disk.

    `rows` counts non-blank lines, `size` bytes of the file, `checked_at` is in Unix seconds.
    """

    kind: str
    file: str
    updated_at: str
    rows: int
    size: int
    checked_at: float
    etag: str
    api_url: str
    folder: Path

    @property
    def path(self) -> Path:
        """The gzip JSON Lines file."""
        return self.folder / self.file


@dataclass(frozen=True)
class _Descriptor:
    updated_at: str
    url: str
    size: int | None
    legacy: bool


def bulk_folder(cache: Path) -> Path:
    """Where a cache keeps its snapshots."""
    return cache / "bulk"


def load_snapshot(cache: Path, kind: str) -> Snapshot | None:
    """The snapshot of one kind in a cache; None where there is none that is whole."""
    folder = bulk_folder(cache)
    record = read_json_object(folder / f"{kind}.json")
    if record is None:
        return None
    try:
        snapshot = Snapshot(**record, folder=folder)
        intact = snapshot.path.stat().st_size == snapshot.size and snapshot.path.parent == folder
    except (TypeError, OSError):
        return None
    return snapshot if intact else None


def snapshots(cache: Path) -> list[Snapshot]:
    """All snapshots of a cache, in the order of `KINDS`.

    Raises
    ------
    MissingInput
        There is none.
    """
    found = [s for kind in KINDS if (s := load_snapshot(cache, kind)) is not None]
    if not found:
        raise MissingInput(
            f"No bulk snapshot in {cache}",
            details="a cache is made by `mtg-db download`",
            suggestion="Run `mtg-db download` first, or name the right folder with --cache.",
        )
    return found


def refresh_snapshot(
    session: PoliteSession,
    cache: Path,
    kind: str,
    *,
    api_url: str,
    force: bool = False,
    progress: Progress,
) -> Snapshot:
    """Return a snapshot no older than a day, from the cache or from the server.

    A new file replaces the old one only after its length, its compression and its row count
    have been checked.

    Parameters
    ----------
    kind
        One of `KINDS`.
    api_url
        The server's base URL.
    force
        Ask the server even if the cached one is fresh.

    Raises
    ------
    NetworkError, SnapshotError, StorageError
        The old snapshot, if any, stays in force.
    """
    old = load_snapshot(cache, kind)
    if old is not None and old.api_url != api_url:
        old = None
    # A clock that was set back makes the age negative: then ask.
    if old is not None and not force and 0 <= time.time() - old.checked_at < FRESH_SECONDS:
        return old
    folder = make_folder(bulk_folder(cache))
    try:
        return _update(session, folder, kind, api_url, old, progress)
    except NetworkError as error:
        if error.reason != "HTTP 404":
            raise
    # Only recent files are kept, so a name can expire between two requests: ask once more.
    return _update(session, folder, kind, api_url, old, progress)


def _update(
    session: PoliteSession,
    folder: Path,
    kind: str,
    api_url: str,
    old: Snapshot | None,
    progress: Progress,
) -> Snapshot:
    """Ask what the newest snapshot is, and fetch it unless it is `old`."""
    answer, etag = _descriptor(session, api_url, kind, old)
    if old is not None and (answer is None or answer.updated_at == old.updated_at):
        return _remember(old, checked_at=time.time(), etag=etag or old.etag)
    if answer is None:
        raise SnapshotError(f"The server has no descriptor for {kind}", details=api_url)
    file = f"{kind}-{_stamp(answer.updated_at)}.jsonl.gz"

    def store(response: requests.Response) -> tuple[int, int]:
        return _store(response, folder / file, answer, old, progress)

    progress.start(f"{kind} snapshot", answer.size, "B")
    try:
        rows, size = session.fetch(answer.url, store)
    finally:
        progress.finish()
    snapshot = Snapshot(
        kind, file, answer.updated_at, rows, size, time.time(), etag, api_url, folder
    )
    _remember(snapshot)
    for other in folder.glob(f"{kind}-*.jsonl.gz"):
        if other.name != file:
            other.unlink(missing_ok=True)
    return snapshot


def _remember(snapshot: Snapshot, **changes: Any) -> Snapshot:
    record = {**asdict(snapshot), **changes}
    folder = record.pop("folder")
    write_json(folder / f"{snapshot.kind}.json", record)
    return Snapshot(**record, folder=folder)


def _stamp(updated_at: str) -> str:
    """``2026-09-08T09:01:57.053+00:00`` to ``20260908090157``; only digits reach a file name."""
    return re.sub(r"\D", "", updated_at)[:14] or "0"


def _descriptor(
    session: PoliteSession, api_url: str, kind: str, old: Snapshot | None
) -> tuple[_Descriptor | None, str]:
    """Ask for the descriptor; None where the server says that it has not changed."""
    url = f"{api_url.rstrip('/')}/bulk-data/{kind}"
    headers = {"If-None-Match": old.etag} if old is not None and old.etag else {}

    def consume(response: requests.Response) -> tuple[_Descriptor | None, str]:
        if response.status_code == 304:
            return None, ""
        body = read_body(response, 1 << 20)
        try:
            answer = json.loads(body)
            updated_at = answer["updated_at"]
            new, legacy = answer.get("jsonl_download_uri"), answer.get("download_uri")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DamagedBody("the bulk descriptor is not what Scryfall documents") from None
        url, size = new or legacy, answer.get("compressed_size") if new else None
        if not isinstance(url, str) or not isinstance(updated_at, str):
            raise DamagedBody("the bulk descriptor names no file")
        size = size if isinstance(size, int) and size > 0 else None
        return _Descriptor(updated_at, url, size, not new), response.headers.get("ETag", "")

    return session.fetch(url, consume, headers=headers, accept=frozenset({200, 304}))


def _store(
    response: requests.Response,
    path: Path,
    descriptor: _Descriptor,
    old: Snapshot | None,
    progress: Progress,
) -> tuple[int, int]:
    """Write the body under `path` once it is whole; return its rows and its size in bytes."""
    announced = response.headers.get("Content-Length", "")
    length = int(announced) if announced.isdecimal() else None
    if descriptor.size is not None and length not in (None, descriptor.size):
        raise DamagedBody("length differs from the descriptor's")
    if (length or 0) > LARGEST_SNAPSHOT:
        raise SnapshotError("The bulk file is over the size limit", details=f"{length} bytes")
    received = 0

    def pieces() -> Iterator[bytes]:
        nonlocal received
        while piece := response.raw.read(_CHUNK, decode_content=descriptor.legacy):
            received += len(piece)
            if received > LARGEST_SNAPSHOT * (8 if descriptor.legacy else 1):
                raise SnapshotError("The bulk file is over the size limit")
            progress.advance(len(piece))
            yield piece

    with atomic_write(path) as stream:
        if descriptor.legacy:
            rows = 0
            with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=5, mtime=0) as packed:
                for line in split_array(_unpacked(pieces())):
                    packed.write(line + b"\n")
                    rows += 1
        else:
            counter = _RowCounter()
            for piece in pieces():
                stream.write(piece)
                counter.feed(piece)
            # `length` is unknown where the answer is chunked; gzip's own end mark must do then.
            if length is not None and received != length:
                raise DamagedBody("truncated body")
            rows = counter.finish()
        if rows == 0:
            raise DamagedBody("the bulk file has no rows")
        if old is not None and rows < _LEAST_SHARE * old.rows:
            raise SnapshotError(
                "The new bulk file is implausibly small",
                details=f"{rows} rows, where the one in the cache has {old.rows}",
                suggestion="The old one stays in force. Try again tomorrow; if this is right, "
                f"remove {path.parent} first.",
            )
        return rows, stream.tell()


class _RowCounter:
    """Unpacks a gzip stream piece by piece, counting lines that are not blank."""

    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(wbits=31)
        self._unpacked = 0
        self._rows = 0
        self._tail_has_text = False

    def feed(self, piece: bytes) -> None:
        while piece and not self._unpack.eof:
            try:
                text = self._unpack.decompress(piece, 4 << 20)
            except zlib.error:
                raise DamagedBody("bad gzip data") from None
            piece = self._unpack.unconsumed_tail
            self._unpacked += len(text)
            if self._unpacked > _LARGEST_UNPACKED:
                raise SnapshotError("The bulk file unpacks to more than 32 GB: refused")
            lines = text.split(b"\n")
            for line in lines[:-1]:
                self._rows += self._tail_has_text or bool(line.strip())
                self._tail_has_text = False
            self._tail_has_text |= bool(lines[-1].strip())

    def finish(self) -> int:
        if not self._unpack.eof:
            raise DamagedBody("the gzip data end early")
        return self._rows + self._tail_has_text


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip where the first bytes say so; mirrors send either."""
    unpack = None
    for number, piece in enumerate(pieces):
        if number == 0 and piece[:2] == b"\x1f\x8b":
            unpack = zlib.decompressobj(wbits=31)
        try:
            yield unpack.decompress(piece) if unpack else piece
        except zlib.error:
            raise DamagedBody("bad gzip data") from None
    if unpack and not unpack.eof:
        raise DamagedBody("the gzip data end early")
