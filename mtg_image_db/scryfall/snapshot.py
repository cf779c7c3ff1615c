"""Bulk snapshots: fetched whole, checked, and kept for a day.

Since July 2026 Scryfall serves them as gzip JSON Lines under `jsonl_download_uri`, without
Content-Encoding (https://scryfall.com/docs/api/bulk-data). A server that only has the older
`download_uri` (one JSON array) works too: its file is stored in the new form.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import requests

from mtg_image_db.errors import MissingInput, NetworkError, SnapshotError
from mtg_image_db.net.responses import DamagedBody, is_etag, read_body
from mtg_image_db.net.session import PoliteSession
from mtg_image_db.scryfall.bulk_file import count_rows, fetch_array, fetch_rows
from mtg_image_db.scryfall.kinds import KINDS
from mtg_image_db.system.files import make_folder, part_of, read_json_object, write_json
from mtg_image_db.system.progress import Progress

FRESH_SECONDS = 24 * 3600
"""Scryfall asks that data be kept for at least a day (https://scryfall.com/docs/api)."""

_LEAST_SHARE = 0.5
"""Least share of the previous snapshot's rows: fewer mean a broken export. By hand."""

_FILE = re.compile(rf"(?P<kind>{'|'.join(KINDS)})-\d{{1,14}}\.jsonl\.gz(\.partial(\.json)?)?")
"""Names of snapshots and of partly fetched ones; all other files are left alone."""


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot on disk.

    `rows` is the number of non-blank lines, `size` the file's bytes, `checked_at` in Unix seconds.
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
    """The complete snapshot of one kind in a cache; None if there is none."""
    folder = bulk_folder(cache)
    record = read_json_object(folder / f"{kind}.json")
    if record is None:
        return None
    try:
        snapshot = Snapshot(**record, folder=folder)
        intact = snapshot.path.stat().st_size == snapshot.size and snapshot.path.parent == folder
    except (TypeError, ValueError, OSError):
        return None
    return snapshot if intact and _is_plausible(snapshot, kind) else None


def _is_plausible(snapshot: Snapshot, kind: str) -> bool:
    """Whether a stored record has values of the right types."""
    return (
        snapshot.kind == kind
        and isinstance(snapshot.updated_at, str)
        and isinstance(snapshot.etag, str)
        and isinstance(snapshot.rows, int)
        and isinstance(snapshot.checked_at, int | float)
    )


def snapshots(cache: Path) -> list[Snapshot]:
    """All snapshots of a cache, in the order of `KINDS`.

    Raises
    ------
    MissingInput
        The cache has no snapshot.
    SnapshotError
        A snapshot is damaged.
    """
    found = []
    for kind in KINDS:
        snapshot = load_snapshot(cache, kind)
        if snapshot is not None:
            found.append(snapshot)
        elif (bulk_folder(cache) / f"{kind}.json").exists():
            raise SnapshotError(
                f"The {kind} snapshot in {cache} is damaged",
                details="its file is missing, unreadable, or its size has changed",
                suggestion="Run `mtg-db download --refresh`.",
            )
    if not found:
        raise MissingInput(
            f"No bulk snapshot in {cache}",
            details="a cache is made by `mtg-db download`",
            suggestion="Run `mtg-db download` first, or name the folder of a cache.",
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
        Ask the server even if the cached snapshot is fresh; fetch it again if it is damaged.

    Raises
    ------
    NetworkError, SnapshotError, StorageError
        The old snapshot, if any, stays in use.
    """
    old = load_snapshot(cache, kind)
    if old is not None and old.api_url != api_url:
        old = None
    if old is not None and force and not _is_whole(old):
        # Its ETag and date no longer count; its number of rows still does.
        old = replace(old, updated_at="", etag="")
    # If the clock was set back, the age is negative: then ask.
    if old is not None and not force and 0 <= time.time() - old.checked_at < FRESH_SECONDS:
        return old
    folder = make_folder(bulk_folder(cache))
    try:
        return _update(session, folder, kind, api_url, old, progress)
    except NetworkError as error:
        if error.reason != "HTTP 404":
            raise
    # Scryfall keeps only recent files, so a name can expire between two requests: ask once more.
    return _update(session, folder, kind, api_url, old, progress)


def _update(
    session: PoliteSession,
    folder: Path,
    kind: str,
    api_url: str,
    old: Snapshot | None,
    progress: Progress,
) -> Snapshot:
    """Ask for the newest snapshot, and fetch it unless it is `old`."""
    answer, etag = _descriptor(session, api_url, kind, old)
    if old is not None and (answer is None or answer.updated_at == old.updated_at):
        return _remember(old, checked_at=time.time(), etag=etag or old.etag)
    if answer is None:
        raise SnapshotError(f"The server has no descriptor for {kind}", details=api_url)
    file = f"{kind}-{_stamp(answer.updated_at)}.jsonl.gz"

    progress.start(f"{kind} snapshot", answer.size, "B")
    try:
        if answer.legacy:
            rows = fetch_array(session, answer.url, folder / file, progress)
        else:
            rows = fetch_rows(session, answer.url, folder / file, answer.size, progress)
    finally:
        progress.finish()
    if old is not None and rows < _LEAST_SHARE * old.rows:
        (folder / file).unlink(missing_ok=True)
        raise SnapshotError(
            "The new bulk file is implausibly small",
            details=f"{rows} rows, where the one in the cache has {old.rows}",
            suggestion="The old one stays in use. Try again tomorrow; if the new size is right, "
            f"remove {folder} first.",
        )
    size = (folder / file).stat().st_size
    snapshot = Snapshot(
        kind, file, answer.updated_at, rows, size, time.time(), etag, api_url, folder
    )
    _remember(snapshot)
    for other in folder.iterdir():
        match = _FILE.fullmatch(other.name)
        if match and match["kind"] == kind and other.name != file:
            other.unlink(missing_ok=True)
    return snapshot


def half_written(cache: Path) -> list[Path]:
    """Half-written files that killed runs left beside the snapshots. Needs the lock."""
    folder = bulk_folder(cache)
    records = {f"{kind}.json" for kind in KINDS}
    there = folder.iterdir() if folder.is_dir() else ()
    return [
        path
        for path in there
        if (name := part_of(path.name)) and (name in records or _FILE.fullmatch(name))
    ]


def _is_whole(snapshot: Snapshot) -> bool:
    try:
        return count_rows(snapshot.path) == snapshot.rows
    except (DamagedBody, SnapshotError):
        return False


def _remember(snapshot: Snapshot, **changes: Any) -> Snapshot:
    record = {**asdict(snapshot), **changes}
    folder = record.pop("folder")
    write_json(folder / f"{snapshot.kind}.json", record)
    return Snapshot(**record, folder=folder)


def _stamp(updated_at: str) -> str:
    """``2026-09-08T09:01:57.053+00:00`` to ``20260908090157``: only digits go into a file name."""
    return re.sub(r"\D", "", updated_at)[:14] or "0"


def _descriptor(
    session: PoliteSession, api_url: str, kind: str, old: Snapshot | None
) -> tuple[_Descriptor | None, str]:
    """Ask for the descriptor; None if the server says that it has not changed."""
    url = f"{api_url.rstrip('/')}/bulk-data/{kind}"
    known = {"If-None-Match": old.etag} if old is not None and is_etag(old.etag) else {}

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

    return session.fetch(url, consume, headers=lambda: known, accept=frozenset({200, 304}))
