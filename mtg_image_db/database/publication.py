"""Generations: folders of files, each published as one unit.

``<out>/CURRENT`` names the generation in force. It is replaced atomically, after the new generation
is complete and durable. So at any moment a reader finds either all old files or all new ones.
"""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

from mtg_image_db.errors import DatabaseError, MissingInput, MtgDbError
from mtg_image_db.system.files import atomic_write, part_of, storage_errors, sync_file, sync_folder

_T = TypeVar("_T")
_CURRENT = "CURRENT"
_GENERATION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(?P<part>\.part)?")


@contextmanager
def new_generation(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; publish it if the block ends without an exception.

    The caller holds the lock of `out`. Older generations are removed only afterwards; a reader that
    has one open keeps its mapped files.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{secrets.token_hex(4)}"
    part = out / f"{name}.part"
    with storage_errors(out):
        part.mkdir()
        try:
            yield part
            for file in part.iterdir():
                with file.open("rb+") as stream:
                    sync_file(stream)
            sync_folder(part)
            part.replace(out / name)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        try:
            sync_folder(out)
            with atomic_write(out / _CURRENT) as stream:
                stream.write(f"{name}\n".encode())
        except BaseException:
            if not _is_in_force(out, name):
                shutil.rmtree(out / name, ignore_errors=True)
            raise
    for other in generations(out):
        if other != name:
            # On Windows, files that a reader has open cannot be removed: the next build does it.
            shutil.rmtree(out / other, ignore_errors=True)


def sweep(out: Path) -> None:
    """Remove half-written files of killed builds. Needs the lock.

    Complete generations stay, even if none is in force: a person may know which one was.
    """
    with storage_errors(out):
        for path in out.iterdir():
            match = _GENERATION.fullmatch(path.name)
            if match and match["part"]:
                shutil.rmtree(path, ignore_errors=True)
            elif part_of(path.name) == _CURRENT:
                path.unlink(missing_ok=True)


def open_current(out: Path, open_generation: Callable[[Path], _T]) -> _T:
    """Open the generation in force; try again if another one is published at that moment.

    Raises
    ------
    MissingInput
        No generation is in force in `out`; the error says how to restore one, if there are any.
    DatabaseError
        ``CURRENT`` does not name a generation.
    """

    def opens(name: str) -> bool:
        try:
            open_generation(out / name)
        except (OSError, MtgDbError):
            return False
        return True

    while True:
        try:
            name = _current_name(out)
        except DatabaseError as error:
            if whole := [name for name in generations(out) if opens(name)]:
                error.suggestion = f"{_how_to_restore(out, whole)} Or: {error.suggestion}"
            raise
        if name is None:
            raise _nothing_in_force(out, "is not there", opens)
        try:
            return open_generation(out / name)
        except (FileNotFoundError, DatabaseError):
            if _current_name(out) != name:
                continue
            if (out / name).is_dir():
                raise
        raise _nothing_in_force(out, f"names {name}, which is not there", opens)


def generations(out: Path) -> list[str]:
    """The generations in a folder, in force or not, newest first."""
    there = out.iterdir() if out.is_dir() else ()
    found = ((folder.name, _GENERATION.fullmatch(folder.name)) for folder in there)
    return sorted((name for name, match in found if match and not match["part"]), reverse=True)


def _nothing_in_force(out: Path, why: str, opens: Callable[[str], bool]) -> MissingInput:
    if whole := [name for name in generations(out) if opens(name)]:
        return MissingInput(
            f"No database is in force in {out}",
            details=f"{out / _CURRENT} {why}; the folder has complete databases: "
            f"{', '.join(whole)}",
            suggestion=_how_to_restore(out, whole),
        )
    return MissingInput(
        f"There is no database in {out}",
        details="a database is made by `mtg-db build`",
        suggestion="Run `mtg-db download` and `mtg-db build`, or name the folder of a database.",
    )


def _is_in_force(out: Path, name: str) -> bool:
    try:
        return _current_name(out) == name
    except DatabaseError:
        return False


def _how_to_restore(out: Path, whole: list[str]) -> str:
    newest = "the newest" if len(whole) > 1 else "it"
    return f"Restore {newest}: echo {whole[0]} > {shlex.quote(str(out / _CURRENT))}"


def _current_name(out: Path) -> str | None:
    """The generation in force; None if nothing was published."""
    path = out / _CURRENT
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DatabaseError.damaged(path, "it is not a regular file")
    try:
        name = path.read_bytes()[:100].decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise DatabaseError.damaged(path, "it is a folder") from error
    # Accept a name, not a path: nothing outside the folder is ever opened.
    match = _GENERATION.fullmatch(name)
    if not match or match["part"]:
        raise DatabaseError.damaged(path, f"{name!r} is not the name of a generation")
    return name
