"""Connections to a database server: kept, limited in time, and made again when it restarts."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from mtg_image_db.postgres.address import Address
from mtg_image_db.postgres.troubles import is_lost, translated

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_T = TypeVar("_T")

CONNECT_S = 10
"""How long one host may take to accept a connection. By hand."""
STATEMENT_S = 30
"""How long one question may take: a thousand times what it should. By hand."""
PATIENCE_S = 20
"""How long a server that has gone away is waited for: a restart takes a few seconds, and a failover
some ten. By hand."""
_PAUSE_S = 0.2
"""Pause between two attempts to connect. By hand."""


class Connections:
    """The connections of one program; each is used by one thread at a time.

    Parameters
    ----------
    settings
        Set in each new connection, besides the limits of time.

    Raises
    ------
    PostgresError
        The server cannot be reached, or refuses.
    """

    def __init__(self, address: Address, settings: Mapping[str, str]) -> None:
        self.address = address
        self._settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": f"{STATEMENT_S}s",
            **settings,
        }
        self._idle: list[Connection] = []
        # Nobody has to close a database.
        weakref.finalize(self, _close_all, self._idle)
        self._lock = Lock()
        self._closed = False
        with translated(address):
            self._idle.append(self._connect())

    def run(self, work: Callable[[Connection], _T]) -> _T:
        """Do some reading; once more, with a new connection, if this one is lost.

        Raises
        ------
        PostgresError
            The server does not come back, refuses, or takes too long.
        MissingInput
            There is no database of ours.
        """
        import psycopg

        with translated(self.address):
            try:
                return self._once(work, self._take)
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
            # The others are lost as well: the server has restarted, or another has taken its place.
            self._drop_idle()
            return self._once(work, self._wait)

    def set(self, name: str, value: str) -> None:
        """Use a setting in all connections that are not in use, and in those to come."""
        self._settings[name] = value
        with self._lock, translated(self.address):
            for connection in self._idle:
                _set(connection, {name: value})

    def close(self) -> None:
        """Close them; those in use close when their work ends."""
        self._closed = True
        self._drop_idle()

    def _once(self, work: Callable[[Connection], _T], take: Callable[[], Connection]) -> _T:
        connection = take()
        try:
            return work(connection)
        finally:
            if connection.closed or self._closed or _is_busy(connection):
                connection.close()
            else:
                with self._lock:
                    self._idle.append(connection)

    def _take(self) -> Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _wait(self) -> Connection:
        """A new connection, as soon as the server accepts one."""
        import psycopg

        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._connect()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
            time.sleep(_PAUSE_S)

    def _connect(self) -> Connection:
        connection = connect(self.address)
        try:
            _set(connection, self._settings)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop_idle(self) -> None:
        with self._lock:
            _close_all(self._idle)


def connect(address: Address) -> Connection:
    """Connect; outside of transactions, each statement is one. Raises psycopg's own errors."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(address.url)
    ours: dict[str, Any] = {
        "application_name": "mtg-db",
        "connect_timeout": CONNECT_S,
        # A network that has gone away is noticed after half a minute, and not after two hours.
        "keepalives_idle": STATEMENT_S // 3,
        "keepalives_interval": STATEMENT_S // 3,
        "keepalives_count": 2,
        "tcp_user_timeout": STATEMENT_S * 1000,
    }
    # COPY sends our bytes as they are, whatever PGCLIENTENCODING says.
    return psycopg.connect(autocommit=True, **{**ours, **given, "client_encoding": "UTF8"})


def _close_all(connections: list[Connection]) -> None:
    while connections:
        connections.pop().close()


def _set(connection: Connection, settings: Mapping[str, str]) -> None:
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    connection.execute(f"SELECT {calls}", [text for pair in settings.items() for text in pair])


def _is_busy(connection: Connection) -> bool:
    """Whether something was left unfinished on a connection, for which nobody waits."""
    from psycopg.pq import TransactionStatus

    return connection.info.transaction_status != TransactionStatus.IDLE
