"""Outputs that a user names: files are replaced as a whole, pipes and devices are written to.

A symbolic link is followed, and the file it points to is replaced. Folders, sockets and disks are
refused; the command line checks this before the work begins.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mtg_image_db.errors import StorageError
from mtg_image_db.system.files import atomic_write, json_text, storage_errors

_MOST_LINKS = 40
"""Links to links that are followed: as many as Linux follows."""
_OPEN_FILES = () if os.name == "nt" else ("/dev/fd", "/proc/self/fd")
_REFUSED = {stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a disk"}


@contextmanager
def write_output(path: Path) -> Iterator[IO[bytes]]:
    """Open what a user named, for writing.

    Raises
    ------
    StorageError
        Nothing can be written there, or the disk is full. An old file stays as it is.
    """
    with storage_errors(path):
        if why := refusal(path):
            raise StorageError(
                f"Cannot write to {path}: {why}", suggestion="Name another file, and run it again."
            )
        target, descriptor = _target(path)
        plain = is_plain(path)
    if plain:
        with atomic_write(target) as stream:
            yield stream
        return
    with storage_errors(path):
        # Opening by name would truncate the file; a shell may have redirected with >> to append.
        handle = os.open(target, os.O_WRONLY) if descriptor is None else os.dup(descriptor)
        with os.fdopen(handle, "wb") as stream:
            yield stream


def write_json_output(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to what a user named."""
    with write_output(path) as stream:
        stream.write(json_text(value))


def refusal(path: Path) -> str:
    """Why nothing can be written to `path`; empty if it can.

    Raises
    ------
    OSError
        The path itself is impossible, such as one that is too long.
    """
    target, descriptor = _target(path)
    if descriptor is not None:
        return "" if _is_writable(descriptor) else "it is not open for writing"
    kind = _kind(target)
    if kind in _REFUSED:
        return f"it is {_REFUSED[kind]}"
    if kind not in (None, stat.S_IFREG):
        return "" if os.access(target, os.W_OK) else "it may not be written"
    shown = path.parent if target.parent == Path(os.path.realpath(path.parent)) else target.parent
    if not target.parent.is_dir():
        return f"there is no folder {shown}"
    if kind is not None and not os.access(target, os.W_OK):
        return "it is write-protected"
    # A new file replaces the old one, so the folder must be writable as well.
    return "" if os.access(target.parent, os.W_OK) else f"the folder {shown} may not be written"


def is_plain(path: Path) -> bool:
    """Whether the output is a file, not a pipe or a device."""
    target, descriptor = _target(path)
    return descriptor is None and _kind(target) in (None, stat.S_IFREG)


def folder_refusal(path: Path) -> str:
    """Why no files can be written to a folder, which need not exist; empty if they can."""
    there = path.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        return f"{there} is no folder" if there.exists() else f"{there} is a link to nothing"
    return "" if os.access(there, os.W_OK) else f"the folder {there} may not be written"


def _target(path: Path) -> tuple[Path, int | None]:
    """Where the links end, and the number of this process's open file if it is one."""
    open_files = {os.path.realpath(name) for name in _OPEN_FILES}
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        path = Path(folder, path.name)
        if folder in open_files and path.name.isdecimal():
            return path, int(path.name)
        if not path.is_symlink():
            return path, None
        path = Path(folder, path.readlink())
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _kind(path: Path) -> int | None:
    """The kind of file there, from `stat.S_IFMT`; None if there is none."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_writable(descriptor: int) -> bool:
    """Whether this process has a writable open file of that number."""
    import fcntl

    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except OSError:
        return False
