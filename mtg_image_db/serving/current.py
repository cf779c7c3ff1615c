"""The database that is in force: the same one until a newer one is published in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from mtg_image_db.database.database import Database
from mtg_image_db.errors import MtgDbError, PostgresError
from mtg_image_db.postgres.address import Address


class Current:
    """A database that follows what builds publish.

    A newer generation is opened between two requests. Answers that are being worked out end with
    the old one, whose files stay open until then.

    Parameters
    ----------
    path, device, cache
        See `Database.open`.
    note
        Is told when a newer database was opened, or cannot be.
    """

    def __init__(
        self, path: Path | Address, device: str, cache: Path, note: Callable[[str], None]
    ) -> None:
        self._path, self._device, self._cache, self._note = path, device, cache, note
        self._database = self._open()
        self._broken = self._late = ""
        self._opening = Lock()
        _ = self._database.encoder  # if it cannot be loaded, nothing is served

    @property
    def database(self) -> Database:
        """The database in force now."""
        # A few microseconds: a small file is read. On a server, one round trip.
        try:
            newest = self._database.gallery.in_force()
        except (MtgDbError, OSError):
            return self._database
        if newest not in (self._database.gallery.name, self._broken):
            with self._opening:
                if newest not in (self._database.gallery.name, self._broken):
                    self._follow(newest)
        return self._database

    def _open(self) -> Database:
        return Database.open(self._path, device=self._device, cache=self._cache)

    def _follow(self, newest: str) -> None:
        before = self._database
        try:
            database = self._open()
            if database.manifest.fingerprint == before.manifest.fingerprint:
                database.use_encoder(before.encoder)
            _ = database.encoder
        except PostgresError as error:
            # It may restart, or have no connection left; so the next request tries again.
            if newest != self._late:
                self._note(f"A newer database is there, but cannot be used yet: {error}")
            self._late = newest
            return
        except (MtgDbError, OSError) as error:
            self._broken = newest
            self._note(f"A newer database is there, but cannot be used: {error}")
            return
        self._database = database
        self._note(f"A newer database is used now: {len(database):,} faces.")
