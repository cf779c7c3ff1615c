"""Files that appear whole or not at all, and folders that one process holds at a time."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, NoReturn

from mtg_image_db.errors import StorageError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space and run the same command again."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space and run the command again."),
    errno.EFBIG: ("a file grew over a size limit", "Raise the limit (ulimit -f) and run again."),
    errno.EROFS: ("the file system is read-only", "Choose a folder that can be written."),
    errno.EACCES: ("permission denied", "Choose a folder that you may write, or change its owner."),
    errno.EPERM: ("permission denied", "Choose a folder that you may write, or change its owner."),
    errno.ENOTDIR: ("part of the path is a file", "Choose a folder."),
    errno.EISDIR: ("a folder stands where a file belongs", "Move that folder away."),
    errno.EEXIST: ("a file stands where a folder belongs", "Move that file away."),
    errno.ENAMETOOLONG: ("the path is too long", "Choose a shorter path."),
    errno.EIO: ("the disk reports an input/output error", "Check the disk."),
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the disk's own kind into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REASONS:
            raise
        reason, remedy = _REASONS[error.errno]
        where = error.filename or str(path)
        raise StorageError(
            f"Cannot write: {reason}", details=f"at {where}", suggestion=remedy
        ) from error


def make_folder(path: Path) -> Path:
    """Create `path` and its parents; a `StorageError` says why where that fails."""
    try:
        with storage_errors(path):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"Cannot create the folder {path}",
            details=error.strerror or str(error),
            suggestion="Choose another folder.",
        ) from error
    return path


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_write(path: Path, *, durable_name: bool = True) -> Iterator[IO[bytes]]:
    """Open `path` for writing so that it becomes visible complete, or not at all.

    The bytes go to a uniquely named ``.part`` in the same folder, are fsynced, and take the
    final name by `os.replace`. On any exception the ``.part`` is removed.

    Parameters
    ----------
    path
        The final name.
    durable_name
        Also fsync the folder. Whoever writes many files may do that once for all of them.

    Raises
    ------
    StorageError
        The disk is full, read-only, or refuses.
    """
    import secrets

    part = path.with_name(f"{path.name}.{secrets.token_hex(6)}.part")
    with storage_errors(path):
        try:
            with part.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if durable_name:
            sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_write(path) as stream:
        text = json.dumps(value, indent=2, ensure_ascii=False)
        # Names of files may hold bytes that are no text: as JSON escapes them, so does Python.
        stream.write(text.encode("utf-8", "backslashreplace") + b"\n")


def read_json_object(path: Path) -> dict[str, Any] | None:
    """Read one JSON object; None where the file is absent, damaged or something else."""
    try:
        value = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def parse_json(text: bytes) -> Any:
    """Like `json.loads`; raises ValueError also for what nests too deep, and for NaN."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def exclusive(
    folder: Path, task: str, *, wait: bool = True, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold `folder` for this process alone.

    The lock is the operating system's (through `filelock`), so it ends with its owner, however
    that ends. A note beside it says who holds it.

    Parameters
    ----------
    folder
        Created if needed.
    task
        What the holder does, as it is told to whoever waits: "download".
    wait
        Wait for the holder; otherwise raise at once.
    on_wait
        Told once, with the holder's description, before waiting.

    Raises
    ------
    StorageError
        Held by another process and `wait` is false, or the folder cannot be written.
    """
    import socket

    from filelock import FileLock, Timeout

    make_folder(folder)
    note = folder / ".lock-holder"
    lock = FileLock(folder / ".lock")
    with storage_errors(folder):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = _describe_holder(note)
            if not wait:
                raise StorageError(
                    f"{folder} is in use", details=holder, suggestion="Run it again later."
                ) from None
            if on_wait is not None:
                on_wait(holder)
            lock.acquire(poll_interval=0.1)
        try:
            started = datetime.now(timezone.utc).isoformat(timespec="seconds")
            text = (
                f"mtg-db {task}, process {os.getpid()} on {socket.gethostname()}, since {started}"
            )
            note.write_text(text, encoding="utf-8")
        except BaseException:
            lock.release()
            raise
    try:
        yield
    finally:
        # Removed while still held: nobody else can be writing it.
        with contextlib.suppress(OSError):  # Windows: somebody reads it
            note.unlink(missing_ok=True)
        lock.release()


def _describe_holder(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8").strip() or "another mtg-db process"
    except (OSError, UnicodeDecodeError):
        return "another mtg-db process"
