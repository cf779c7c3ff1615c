"""What a database server, and psycopg, say when something is wrong: in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtg_image_db.errors import MissingInput, MtgDbError, PostgresError, install
from mtg_image_db.postgres.address import Address

if TYPE_CHECKING:
    import psycopg

_GONE = ("57P01", "57P02", "57P03", "57P05", "40001")
"""What a server says that stops, starts or follows another one (PostgreSQL, appendix A)."""
_MEANINGS = {
    "42501": (
        "The database server does not allow this",
        (
            "Connect as a role that may do it: docs/scaling.md says which rights a reader and a "
            "publisher need."
        ),
    ),
    "25006": (
        "The database server accepts no changes",
        (
            "Publish to the primary server, not to a replica (?target_session_attrs=read-write "
            "finds it among several hosts), and look whether it has been made read-only."
        ),
    ),
    "40001": (
        "The database server broke off the question to follow its primary server",
        (
            "Run the same command again. If it happens often, raise max_standby_streaming_delay "
            "on the replica."
        ),
    ),
    "42704 42883": (
        "The database server does not find pgvector",
        (
            "Put the schema that has it on the search path, as an administrator: ALTER DATABASE … "
            "SET search_path = public, SCHEMA (SELECT extnamespace::regnamespace FROM "
            "pg_extension WHERE extname = 'vector')"
        ),
    ),
    "42703": (
        "The tables on the database server are those of another version of mtg-db",
        "Update the package, or publish into another database.",
    ),
    "57014": (
        "The database server took too long to answer",
        "Look whether it is overloaded, and try again.",
    ),
    "53100 53200": (
        "The database server has no room left",
        (
            "Give it more room; if the details name shared memory, start its container with a "
            "larger --shm-size. What was in force there still is."
        ),
    ),
}
"""What codes of PostgreSQL mean (its appendix A), and what to do."""
_REFUSED = (
    "The database server refused a question",
    "If the details do not help, publish the database again.",
)


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Say in our words what psycopg raises in a block about the server at an address."""
    try:
        import psycopg
    except ImportError as error:
        raise PostgresError(
            "A database on a server needs the package psycopg",
            details=str(error),
            suggestion=f"Install it: {install('postgres')}",
        ) from error
    try:
        yield
    except psycopg.Error as error:
        # The error itself may quote the address, so it is not kept as a cause.
        raise _in_our_words(error, address) from None


def is_lost(error: psycopg.Error) -> bool:
    """Whether an error says that the connection, or the server behind it, has gone away."""
    import psycopg

    # Without a code, it was not the server that spoke, but libpq about the connection.
    lost = error.sqlstate is None or error.sqlstate.startswith("08") or error.sqlstate in _GONE
    return lost and isinstance(error, psycopg.OperationalError)


def _in_our_words(error: psycopg.Error, address: Address) -> MtgDbError:
    import psycopg

    said = " ".join(str(error).split()) or type(error).__name__
    code = error.sqlstate
    if code is None and isinstance(error, psycopg.ProgrammingError):
        # It quotes the part of the address that it does not understand, maybe a password.
        return PostgresError(
            "The address of the database server cannot be read",
            details=str(address),
            suggestion="Write it like postgresql://HOST:PORT/DATABASE, special characters as %XX.",
        )
    if code in ("42P01", "3F000"):
        return MissingInput(
            f"There is no database in {address}",
            details=f"PostgreSQL: {said}",
            suggestion=f"Publish one: mtg-db publish --to {address}",
        )
    other = _unreachable(said) if is_lost(error) else _REFUSED
    meanings = (meaning for codes, meaning in _MEANINGS.items() if str(code) in codes.split())
    message, suggestion = next(meanings, other)
    return PostgresError(message, details=f"{address}: {said}", suggestion=suggestion)


def _unreachable(said: str) -> tuple[str, str]:
    # While it refuses a connection, libpq passes on no code, only words.
    refusal = said.partition("failed: FATAL:")[2]
    if "does not exist" in refusal:
        return (
            "The database server knows no such database or user",
            "Correct the address, or create the database (createdb) or the role.",
        )
    if "password" in refusal or "no password supplied" in said:
        return (
            "The database server does not accept the password",
            (
                "Write the right one into ~/.pgpass (HOST:PORT:DATABASE:USER:PASSWORD, readable by "
                "you alone), or name another file with PGPASSFILE."
            ),
        )
    if refusal:
        return (
            "The database server accepts no connection",
            (
                "The details say why. If it is starting or has too many connections, run the same "
                "command again later; otherwise ask who looks after it."
            ),
        )
    return (
        "The database server cannot be reached",
        (
            "Look whether it runs, and whether host, port and firewall are right; then run the "
            "same command again."
        ),
    )
