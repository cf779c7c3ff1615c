"""Files that appear complete or not at all, and what a disk says when it refuses."""

from __future__ import annotations

import errno
import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

from mtg_image_db.errors import StorageError, StorageWarning, causes

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PART = re.compile(r"(.+)\.[0-9a-f]{12}\.part", re.DOTALL)
_UNABLE = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES}
"""File systems and sandboxes without fsync report these; the data themselves are complete."""
_TOO_MANY = (errno.EMFILE, errno.ENFILE)
_MORE_FILES = (
    "Use fewer workers, or let this shell open more files (ulimit -n 1024), and run again."
)
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
    errno.ELOOP: ("a link stands where a file belongs", "Remove that link, and run again."),
    errno.ENAMETOOLONG: ("the path is too long", "Choose a shorter path."),
    errno.EIO: ("the disk reports an input/output error", "Check the disk."),
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` about the disk into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        if (full := too_many_open(error)) is not None:
            raise full from error
        if error.errno not in _REASONS:
            raise
        reason, remedy = _REASONS[error.errno]
        where = error.filename or str(path)
        raise StorageError(
            f"Cannot write: {reason}", details=f"at {where}", suggestion=remedy
        ) from error


def too_many_open(error: BaseException, *, unclear: bool = False) -> StorageError | None:
    """The error to raise if something failed because too many files are open; otherwise None.

    Connections count as files.

    Parameters
    ----------
    unclear
        The failure does not state its cause (a name lookup, SQLite): test whether a file can be
        opened now.
    """
    found = any(getattr(one, "errno", None) in _TOO_MANY for one in causes(error))
    if unclear and not found:
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as refused:
            found = refused.errno in _TOO_MANY
    if not found:
        return None
    return StorageError(
        "Too many files are open (connections count as files)",
        details="the limit that this shell sets was reached",
        suggestion=_MORE_FILES,
    )


def make_folder(path: Path) -> Path:
    """Create `path` and its parents; a `StorageError` says why that failed."""
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
    """Make the file names in a folder durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError as error:  # it may be written, but not listed
        _warn_unsynced(error.errno)
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def sync_file(stream: IO[bytes]) -> None:
    """Make the written bytes of a file durable."""
    stream.flush()
    _sync(stream.fileno())


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        _warn_unsynced(error.errno)


@cache
def _warn_unsynced(number: int | None) -> None:
    """Warn once that the disk does not confirm writes."""
    reason = os.strerror(number) if number else "no reason given"
    warnings.warn(
        f"The disk does not confirm what is written ({reason}). The work goes on; after a power "
        "cut, the last files may be missing: then run the same command again.",
        StorageWarning,
        stacklevel=1,
    )


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
        Also fsync the folder. A caller that writes many files can do that once at the end.

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
                sync_file(stream)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if durable_name:
            sync_folder(path.parent)


def part_of(name: str) -> str:
    """The final name of a file that `atomic_write` left half-written; empty for any other file."""
    match = _PART.fullmatch(name)
    return match[1] if match else ""


def open_to_append(path: Path) -> IO[bytes]:
    """Open a file to write at its end, creating it if needed. A link is refused (ELOOP)."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_FOLLOW
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def json_text(value: Any) -> bytes:
    """`value` as indented JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # File names may hold bytes that are not text. Python's escape for them is valid JSON.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_write(path) as stream:
        stream.write(json_text(value))


def read_json_object(path: Path) -> dict[str, Any] | None:
    """Read one JSON object; None if the file is absent, damaged or holds something else."""
    try:
        value = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def parse_json(text: bytes) -> Any:
    """Like `json.loads`, but also raises ValueError for NaN and for text that nests too deep."""
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
def name_in_utf8(path: Path) -> Iterator[str]:
    """Give a file a name that native libraries can open: they accept only UTF-8.

    On Linux a folder's name may be other bytes; then the path goes through the folder's descriptor.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            yield f"/proc/self/fd/{folder}/{path.name}"
        finally:
            os.close(folder)
    else:
        yield str(path)
