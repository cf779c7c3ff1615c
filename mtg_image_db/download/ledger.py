"""The ledger: one SQLite file with the outcome of each face's image.

With it, a second run decodes nothing again, and a build can trust the cache.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mtg_image_db.download.paths import image_path, is_image_path
from mtg_image_db.errors import MissingInput, StorageError
from mtg_image_db.system.files import storage_errors
from mtg_image_db.system.sqlite import damaged, sqlite_errors

_VERSION = 1
"""Version of the table, stored as ``PRAGMA user_version``; 0 in ledgers older than versions."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS image (
    face_id  TEXT PRIMARY KEY,
    url      TEXT NOT NULL,
    path     TEXT NOT NULL,      -- relative to the cache; '' where there is no file
    bytes    INTEGER NOT NULL,
    sha256   TEXT NOT NULL,
    outcome  TEXT NOT NULL,      -- 'valid' or 'failed'
    reason   TEXT NOT NULL,      -- of a failure, in few words
    error    TEXT NOT NULL,      -- of a failure, in full
    at       TEXT NOT NULL       -- UTC, ISO 8601
) WITHOUT ROWID;
"""
_FILES = ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite-journal")
PLAN = "download-plan.sqlite"
"""The file of a download's plan; it exists only while a download runs."""
_WHAT = "the ledger of the image cache"
_REMEDY = "Move it away and run `mtg-db download`: valid images are recognised, not fetched again."
_SELECT = "SELECT face_id, url, path, bytes, sha256, reason, error FROM image"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one face's image. A failure may keep the path of an older valid file."""

    face_id: str
    url: str
    path: str = ""
    bytes: int = 0
    sha256: str = ""
    reason: str = ""
    error: str = ""

    @property
    def valid(self) -> bool:
        """Whether the image is in the cache."""
        return not self.reason

    @property
    def outcome(self) -> str:
        """The outcome in one word."""
        return "valid" if self.valid else "failed"


@dataclass(frozen=True, slots=True)
class Planned:
    """One face of a run's plan, with the outcome of an earlier run if there was one."""

    face_id: str
    url: str
    label: str
    last: Outcome | None

    @property
    def path(self) -> str:
        """Where its image belongs in the cache."""
        return image_path(self.face_id, self.url)


class Ledger:
    """The table of outcomes of one cache. Used from one thread.

    Raises
    ------
    MissingInput
        There is no ledger and `create` is false.
    StorageError
        The file is damaged, is a link, of a newer version, or cannot be written.
    """

    def __init__(self, cache: Path, *, create: bool = False) -> None:
        self.path = cache / _FILES[0]
        self._planning = False
        if not create and not self.path.is_file():
            if (cache / "images").is_dir():
                raise MissingInput(
                    f"The image cache in {cache} has lost its ledger",
                    details=f"{self.path} is not there",
                    suggestion="Run `mtg-db download`: valid images are recognised, not fetched "
                    "again.",
                )
            raise MissingInput(
                f"There is no image cache in {cache}",
                details="a cache is made by `mtg-db download`",
                suggestion="Run `mtg-db download` first, or name the folder of a cache.",
            )
        self._refuse_links()
        with self._storage_errors():
            address = self.path.absolute().as_uri() + ("" if create else self._as_it_stands())
            self._db = sqlite3.connect(address, timeout=60.0, isolation_level=None, uri=True)
            self._db.execute("PRAGMA synchronous = FULL")
            # The folder for temporary files may be full or missing.
            self._db.execute("PRAGMA temp_store = MEMORY")
        version = self._rows("PRAGMA user_version")[0][0]
        if version not in (0, _VERSION):
            self._db.close()
            raise self._of_another_version(version)
        with self._storage_errors():
            if create:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.executescript(_SCHEMA)
        # A crash cannot damage the file, but other programs can: try to read it.
        self._rows(f"{_SELECT} LIMIT 1")
        if create and version != _VERSION:
            with self._storage_errors():
                self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()
        if self._planning:
            (self.path.parent / PLAN).unlink(missing_ok=True)

    def _refuse_links(self) -> None:
        """Raise if SQLite would write to a file outside the cache."""
        for name in _FILES:
            if (path := self.path.with_name(name)).is_symlink():
                raise StorageError(
                    f"{path} is a link",
                    details="the ledger would be written to another file",
                    suggestion="Replace the link by that file, or remove the link and run "
                    "`mtg-db download`: valid images are recognised, not fetched again.",
                )

    def _as_it_stands(self) -> str:
        """The option that lets SQLite read in a read-only folder, without files of its own."""
        log = self.path.with_name(f"{self.path.name}-wal")
        unfinished = log.is_file() and log.stat().st_size > 0
        return "" if unfinished or os.access(self.path.parent, os.W_OK) else "?immutable=1"

    def _storage_errors(self) -> AbstractContextManager[None]:
        return sqlite_errors(self.path, _WHAT, "folder for the cache", if_damaged=_REMEDY)

    def _damaged(self, why: str) -> StorageError:
        return damaged(self.path, _WHAT, why, _REMEDY)

    def _of_another_version(self, version: int) -> StorageError:
        return StorageError(
            "The ledger of the image cache was made by a newer version of mtg-db",
            details=f"{self.path}: version {version}, this one reads {_VERSION}",
            suggestion="Update mtg-image-db, and run the same command again.",
        )

    def _outcome(self, row: tuple[Any, ...]) -> Outcome:
        """The outcome in a row, checked: SQLite enforces neither types nor valid paths."""
        face_id, url, path, size, *texts = row
        texts_only = all(isinstance(text, str) for text in (face_id, url, path, *texts))
        if not texts_only or not isinstance(size, int) or not (path == "" or is_image_path(path)):
            raise self._damaged(f"a row is damaged: {row!r:.300}")
        return Outcome(*row)

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with self._storage_errors():
            return self._db.execute(query, values).fetchall()

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run a statement for each row, in one transaction."""
        with self._storage_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(statement, rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def record(self, outcomes: Iterable[Outcome], at: str) -> None:
        """Write outcomes in one transaction. A failure leaves an earlier valid file in use."""
        rows = [
            (o.face_id, o.url, o.path, o.bytes, o.sha256, o.outcome, o.reason, o.error[:500], at)
            for o in outcomes
        ]
        if rows:
            self._write(
                "INSERT INTO image VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (face_id) DO UPDATE "
                "SET url=iif(excluded.path='' AND path<>'', url, excluded.url), "
                "outcome=excluded.outcome, reason=excluded.reason, "
                "error=excluded.error, at=excluded.at, "
                "path=iif(excluded.path='', path, excluded.path), "
                "bytes=iif(excluded.path='', bytes, excluded.bytes), "
                "sha256=iif(excluded.path='', sha256, excluded.sha256)",
                rows,
            )

    def find(self, face_ids: Iterable[str]) -> dict[str, Outcome]:
        """The last outcomes of some faces, at most a thousand, by face id."""
        ids = list(face_ids)
        rows = self._rows(f"{_SELECT} WHERE face_id IN ({','.join('?' * len(ids))})", *ids)
        return {outcome.face_id: outcome for outcome in map(self._outcome, rows)}

    def outcomes(self) -> Iterator[Outcome]:
        """Yield all outcomes, ordered by face id; the table may change meanwhile."""
        query = f"{_SELECT} WHERE face_id > ? ORDER BY face_id LIMIT 2000"
        after = ""
        while page := self._rows(query, after):
            yield from map(self._outcome, page)
            after = self._further(after, page)

    def forget(self, face_ids: Iterable[str]) -> None:
        """Remove the rows of some faces."""
        self._write("DELETE FROM image WHERE face_id = ?", ((face_id,) for face_id in face_ids))

    # The plan of a run is a database of its own in the cache: 540,000 faces take no memory, and SQL
    # can join them with the outcomes. Only one process plans: it holds the lock of the cache.

    def plan(self, wanted: Iterable[tuple[str, str, str]]) -> int:
        """Set the plan to rows of (face id, URL, label); return how many ids were duplicates."""
        given = 0

        def counted() -> Iterator[tuple[str, str, str]]:
            nonlocal given
            for row in wanted:
                given += 1
                yield row

        path = self.path.with_name(PLAN)
        with storage_errors(path):
            # Always a new file: there may be a killed run's plan, or a link.
            path.unlink(missing_ok=True)
            path.open("xb").close()
        self._planning = True
        with self._storage_errors():
            self._db.execute("ATTACH ? AS plan", (path.absolute().as_uri(),))
            # The plan need not survive the run.
            self._db.execute("PRAGMA plan.journal_mode = MEMORY")
            self._db.execute("PRAGMA plan.synchronous = OFF")
            self._db.execute("CREATE TABLE plan.face (face_id TEXT PRIMARY KEY, url, label)")
        self._write("INSERT OR IGNORE INTO plan.face VALUES (?, ?, ?)", counted())
        return given - self.plan_size()

    def plan_size(self) -> int:
        """How many faces the plan has."""
        return int(self._rows("SELECT count(*) FROM plan.face")[0][0])

    def planned(self) -> Iterator[Planned]:
        """Yield the plan ordered by face id. It may change meanwhile: it is read in pages."""
        query = (
            "SELECT p.face_id, p.url, p.label, i.url, i.path, i.bytes, i.sha256, i.reason, i.error "
            "FROM plan.face p LEFT JOIN image i USING (face_id) "
            "WHERE p.face_id > ? ORDER BY p.face_id LIMIT 2000"
        )
        after = ""
        while page := self._rows(query, after):
            for face_id, url, label, *last in page:
                outcome = None if last[0] is None else self._outcome((face_id, *last))
                yield Planned(face_id, url, label, outcome)
            after = self._further(after, page)

    def _further(self, after: str, page: list[tuple[Any, ...]]) -> str:
        """Where the next page begins. A damaged index could lead back and never end."""
        last = page[-1][0]
        if not isinstance(last, str) or last <= after:
            raise self._damaged("its rows are not in order")
        return last

    def drop_from_plan(self, face_ids: Iterable[str]) -> None:
        """Remove faces from the plan: there is nothing to do for them."""
        self._write("DELETE FROM plan.face WHERE face_id = ?", ((i,) for i in face_ids))
