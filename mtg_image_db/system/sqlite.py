"""What SQLite says when a disk or a file refuses, in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtg_image_db.errors import StorageError
from mtg_image_db.system.files import too_many_open

_MEANINGS = {
    "database or disk is full": (
        "Cannot write: the disk is full",
        "Free some space and run the same command again.",
    ),
    "attempt to write a readonly database": (
        "Cannot write: {what} is read-only",
        "Make the file and its folder writable, or name another {place}.",
    ),
    "unable to open database file": (
        "{first} cannot be opened",
        "Check that you may read and write the file and its folder.",
    ),
    "disk I/O error": (
        "The disk reports an error at {what}",
        "Check whether it is full, or over a quota or size limit (ulimit -f); else test the disk.",
    ),
    "is locked": (
        "Another program holds {what}",
        "End that program, or wait for it, and run the same command again.",
    ),
}
"""SQLite's messages for problems other than damage: what each means, and what to do. The texts are
fixed; codes need Python 3.11."""


@contextmanager
def sqlite_errors(path: Path, what: str, place: str, *, if_damaged: str) -> Iterator[None]:
    """Turn an error of SQLite into a `StorageError` that says what to do.

    Parameters
    ----------
    what
        The file, in words for messages: "the ledger of the image cache".
    place
        What the user could name another one of: "folder for the cache".
    if_damaged
        What to do if the file is damaged.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        # SQLite's own message holds bytes of a damaged file.
        raise damaged(path, what, str(error), if_damaged) from error
    except sqlite3.Error as error:
        said = str(error)
        if full := too_many_open(error, unclear=True):
            raise full from error
        for text, (message, remedy) in _MEANINGS.items():
            if text in said:
                first = what[0].upper() + what[1:]
                raise StorageError(
                    message.format(what=what, first=first),
                    details=f"{path}: {said}",
                    suggestion=remedy.format(place=place),
                ) from error
        raise damaged(path, what, said, if_damaged) from error


def damaged(path: Path, what: str, why: str, remedy: str) -> StorageError:
    """Make the error for a damaged file."""
    return StorageError(
        f"{what[0].upper()}{what[1:]} is damaged", details=f"{path}: {why}", suggestion=remedy
    )
