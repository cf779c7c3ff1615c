"""Generations: a folder of files that is published as one unit.

``<out>/CURRENT`` names the generation in force. It is replaced atomically after the new
generation is complete and durable, so at every instant a reader finds all of the old files or all
of the new ones.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

from mtg_image_db.errors import DatabaseError, MissingInput
from mtg_image_db.system.files import atomic_write, storage_errors, sync_folder

_T = TypeVar("_T")
_GENERATION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(\.part)?")


@contextmanager
def new_generation(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; publish it when the block ends without an exception.

    The caller holds `out` exclusively. Older generations are removed afterwards; a reader that
    has one open keeps what it has mapped.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{secrets.token_hex(4)}"
    part = out / f"{name}.part"
    with storage_errors(out):
        part.mkdir()
        try:
            yield part
            for file in part.iterdir():
                _sync_file(file)
            sync_folder(part)
            part.replace(out / name)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        sync_folder(out)
        with atomic_write(out / "CURRENT") as stream:
            stream.write(f"{name}\n".encode())
    sweep(out)


def sweep(out: Path) -> None:
    """Remove generations that are not in force, and what killed builds left. Needs the lock."""
    try:
        with storage_errors(out):
            current = _current_name(out)
    except DatabaseError:  # which one was in force, a person may still know
        return
    for folder in out.iterdir():
        if _GENERATION.fullmatch(folder.name) and folder.name != current:
            # On Windows a reader keeps its files from being removed: the next sweep gets them.
            shutil.rmtree(folder, ignore_errors=True)
    for file in out.glob("CURRENT.*.part"):
        file.unlink(missing_ok=True)


def open_current(out: Path, open_generation: Callable[[Path], _T]) -> _T:
    """Open the generation in force; again, where another is published just then.

    Raises
    ------
    MissingInput
        Nothing was published in `out`.
    DatabaseError
        ``CURRENT`` names no generation.
    """
    while True:
        name = _current_name(out)
        if name is None:
            raise MissingInput(
                f"There is no database in {out}",
                details="a database is made by `mtg-db build`",
                suggestion="Run `mtg-db download` and `mtg-db build`, or name the right folder "
                "with --db.",
            )
        try:
            return open_generation(out / name)
        except (FileNotFoundError, DatabaseError):
            if _current_name(out) == name:
                raise


def _current_name(out: Path) -> str | None:
    """The generation in force; None where nothing was published."""
    path = out / "CURRENT"
    try:
        name = path.read_bytes()[:100].decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise DatabaseError.damaged(path, "it is a folder") from error
    # A name, not a path: nothing outside the folder is ever opened.
    if not _GENERATION.fullmatch(name):
        raise DatabaseError.damaged(path, f"{name!r} is no name of a generation")
    return name


def _sync_file(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
