"""The tables of a collection file: opened by one process, changed in transactions."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from mtg_image_db.collection import records
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.errors import StorageError
from mtg_image_db.system import sqlite
from mtg_image_db.system.files import make_folder, storage_errors, sync_folder
from mtg_image_db.system.locks import exclusive_file

COLLECTION = 1
"""The id of the pile that is always there."""

_VERSION = 1
"""Version of the tables, stored as ``PRAGMA user_version``."""
_OURS = 0x4D544743
"""``PRAGMA application_id``: the letters MTGC."""
_MAGIC = b"SQLite format 3\0"
_WHAT = "the collection file"
_REMEDY = "Move it away, and put a copy of it in its place, if you have one."

_SCHEMA = """
CREATE TABLE pile (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT NOT NULL,
    assumed  TEXT NOT NULL,               -- JSON: see Assumptions
    removed  INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE photo (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256   TEXT NOT NULL,               -- of its bytes
    name     TEXT NOT NULL,
    width    INTEGER NOT NULL,            -- pixels, upright
    height   INTEGER NOT NULL,
    seen_by  TEXT NOT NULL                -- which database and version named its cards
);
CREATE INDEX photo_by_sha256 ON photo (sha256);
CREATE TABLE entry (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    pile     INTEGER NOT NULL REFERENCES pile,
    photo    INTEGER REFERENCES photo,    -- NULL: taken by a camera
    name     TEXT NOT NULL,               -- of the photo or camera when it was taken
    number   INTEGER NOT NULL,            -- in the photo, from 1, those added count by themselves
    added    INTEGER NOT NULL,            -- 1: nobody saw it in the photo, a person wrote it down
    taken    TEXT NOT NULL,               -- UTC, ISO 8601
    token    TEXT UNIQUE,                 -- of the request that took it
    sighting BLOB NOT NULL,               -- compressed JSON
    artwork  TEXT NOT NULL,               -- '' where the card has no name
    x        REAL,                        -- of its centre, in shares of the photo's longer side
    y        REAL,
    again    INTEGER REFERENCES photo,    -- an earlier photo that seems to show the same card
    answer   TEXT,                        -- JSON, NULL where nobody said anything
    told     TEXT,                        -- JSON: the cells of the last review.csv, if filled in
    removed  INTEGER NOT NULL DEFAULT 0,
    picture  BLOB,                        -- JPEG of the card
    strip    BLOB                         -- JPEG of what was read
);
CREATE INDEX entry_by_photo ON entry (photo);
CREATE INDEX entry_by_artwork ON entry (artwork);
CREATE TABLE review (
    sha256   TEXT NOT NULL                -- of the last review.csv that was written
);
CREATE TABLE journal (                    -- of each changed entry what was before
    step     INTEGER NOT NULL,
    what     TEXT NOT NULL,
    entry    INTEGER NOT NULL REFERENCES entry,
    pile     INTEGER NOT NULL,
    answer   TEXT,
    removed  INTEGER NOT NULL
);
CREATE INDEX journal_by_step ON journal (step);
"""


class Tables:
    """The open file. Threads share it: each `reading` and `changing` is for one of them alone.

    Parameters
    ----------
    path
        It is made if it does not exist; None for one that is gone when it is closed.
    task
        What this process does with it, for others who want it.

    Raises
    ------
    StorageError
        Another process holds it, it is damaged, made by a newer version or by another program, or
        it cannot be written.
    """

    def __init__(self, path: Path | None, task: str) -> None:
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self.path = Path() if path is None else path
        with ExitStack() as held:
            if path is not None:
                with storage_errors(path):
                    # The same file by another name is the same collection.
                    self.path = path.resolve()
                make_folder(self.path.parent)
                held.enter_context(exclusive_file(self.path, task))
            held.callback(self._disconnect)
            with self._told():
                self._connect(named=path is not None)
            self._held = held.pop_all()

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def copy_to(self, path: Path) -> None:
        """Copy the file to a new one, which appears whole or not at all."""
        make_folder(path.parent)
        part = path.with_name(f"{path.name}.{secrets.token_hex(6)}.part")
        with self.reading() as db, storage_errors(path):
            try:
                with closing(sqlite3.connect(part)) as copy:
                    db.backup(copy)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            sync_folder(path.parent)

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._held.close()

    def _connect(self, *, named: bool) -> None:
        new = named and not self.path.exists()
        if named and not new:
            _refuse_other_files(self.path)
        db = self._db = sqlite3.connect(
            self.path if named else "", isolation_level=None, check_same_thread=False
        )
        # First, before anything is read: without the shared memory that several processes would
        # need, it works on any disk.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA foreign_keys = ON")
        [[tables]] = db.execute("SELECT count(*) FROM sqlite_master")
        [[ours]], [[version]] = (
            db.execute(f"PRAGMA {name}").fetchall() for name in ("application_id", "user_version")
        )
        if tables and ours != _OURS:
            raise _foreign(self.path, "it belongs to another program")
        if version > _VERSION:
            raise StorageError(
                "The collection file was made by a newer version of mtg-db",
                details=f"{self.path}: version {version}, this one reads {_VERSION}",
                suggestion="Update mtg-image-db, and run the same command again.",
            )
        [[state]] = db.execute("PRAGMA quick_check(1)")
        if state != "ok":
            raise self.damaged(state)
        if named:
            db.execute("PRAGMA journal_mode = WAL")
        if not tables:
            with self.changing():
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                values = (COLLECTION, "Collection", records.assumptions_text(Assumptions()))
                db.execute("INSERT INTO pile (id, name, assumed) VALUES (?, ?, ?)", values)
                db.execute(f"PRAGMA application_id = {_OURS}")
                db.execute(f"PRAGMA user_version = {_VERSION}")
        if new:
            with storage_errors(self.path):
                sync_folder(self.path.parent)

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        place = "file for the collection"
        with sqlite.sqlite_errors(self.path, _WHAT, place, if_damaged=_REMEDY):
            yield

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        with self._lock, self._told():
            if self._db is None:
                raise StorageError(
                    "The collection file was closed",
                    suggestion="Open it again: CollectionFile.open.",
                )
            yield self._db

    @contextmanager
    def changing(self, lost: Callable[[], object] = bool) -> Iterator[sqlite3.Connection]:
        """The same, in a transaction that is whole or has not happened.

        Parameters
        ----------
        lost
            Called if it has not happened, before another thread may read.
        """
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                lost()
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def damaged(self, why: str) -> StorageError:
        """Make the error for a damaged file."""
        return sqlite.damaged(self.path, _WHAT, why, _REMEDY)


def _refuse_other_files(path: Path) -> None:
    """Raise if something that is no SQLite file, and not empty, has the name."""
    with storage_errors(path):
        if path.is_dir():
            raise _foreign(path, "it is a folder")
        with path.open("rb") as stream:
            head = stream.read(len(_MAGIC))
    if head not in (b"", _MAGIC):
        raise _foreign(path, "its first bytes are not those of such a file")


def _foreign(path: Path, why: str) -> StorageError:
    return StorageError(
        f"{path.name} is not a collection of mtg-db",
        details=f"{path}: {why}",
        suggestion="Move it away, or name another place: a file that does not exist is made.",
    )
