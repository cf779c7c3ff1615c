"""Folders and files that one process holds at a time."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from mtg_image_db.errors import StorageError
from mtg_image_db.system.files import make_folder, storage_errors


@contextmanager
def exclusive(
    folder: Path, task: str, *, wait: bool = True, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold `folder` for this process alone.

    The lock belongs to the operating system (through `filelock`), so it is released when its
    process ends, however that happens. A note beside it says who holds it.

    Parameters
    ----------
    folder
        Created if needed.
    task
        What the holder does, shown to those who wait: "download".
    wait
        Wait until the lock is free; otherwise raise at once.
    on_wait
        Called once before waiting, with a description of the holder.

    Raises
    ------
    StorageError
        Held by another process and `wait` is false, or the folder cannot be written.
    """
    make_folder(folder)
    with _held(folder, folder / ".lock", task, wait, on_wait):
        yield


@contextmanager
def exclusive_file(path: Path, task: str) -> Iterator[None]:
    """Hold the file `path` for this process alone, or raise at once; see `exclusive`.

    The lock is a file beside it. `path` need not exist, but its folder must.
    """
    with _held(path, path.with_name(f"{path.name}.lock"), task):
        yield


@contextmanager
def _held(
    what: Path,
    path: Path,
    task: str,
    wait: bool = False,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold the lock at `path`, which protects `what`."""
    import socket

    from filelock import FileLock, Timeout

    note = path.with_name(f"{path.name}-holder")
    lock = FileLock(path)
    with storage_errors(path.parent):
        _refuse_other_than_a_file(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = _describe_holder(note)
            if not wait:
                raise StorageError(
                    f"{what} is in use",
                    details=holder,
                    suggestion="Run this again when that process has ended, or end it first.",
                ) from None
            if on_wait is not None:
                on_wait(holder)
            lock.acquire(poll_interval=0.1)
        try:
            started = datetime.now(timezone.utc).isoformat(timespec="seconds")
            text = (
                f"mtg-db {task}, process {os.getpid()} on {socket.gethostname()}, since {started}"
            )
            _write_note(note, text)
        except BaseException:
            lock.release()
            raise
    try:
        yield
    finally:
        # Remove the note while the lock is held: nobody else can be writing it.
        with contextlib.suppress(OSError):  # Windows: somebody reads it
            note.unlink(missing_ok=True)
        lock.release()


def _refuse_other_than_a_file(lock: Path) -> None:
    """Raise if the lock is a link: `filelock` before 3.20.1 empties the file it points to."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(lock.lstat().st_mode):
            raise StorageError(
                f"{lock} is not a regular file",
                details="this program needs a file of its own there, and follows no link",
                suggestion="Remove it if you do not need it, and run the same command again.",
            )


def _write_note(note: Path, text: str) -> None:
    """Write the note as a new file: a folder from somebody else may hold a link of that name."""
    try:
        note.unlink(missing_ok=True)
    except PermissionError:
        if os.name == "nt":  # somebody reads it
            return
        raise
    with note.open("xb") as stream:
        stream.write(text.encode("utf-8", "replace"))


def _describe_holder(note: Path) -> str:
    try:
        if stat.S_ISREG(note.lstat().st_mode):
            return note.read_text(encoding="utf-8").strip() or "another mtg-db process"
    except (OSError, UnicodeDecodeError):
        pass
    return "another mtg-db process"
