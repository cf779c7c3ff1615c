"""Where input pictures come from: files, folders, patterns, standard input, URLs."""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mtg_image_db.errors import ImageError, InvalidArguments
from mtg_image_db.system.texts import read_lines

PICTURE_SUFFIXES = frozenset(
    (
        *(".apng", ".avif", ".avifs", ".bmp", ".gif", ".heic", ".heics", ".heif", ".heifs", ".hif"),
        *(".icb", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm", ".pfm", ".pgm", ".png", ".pnm"),
        *(".ppm", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp"),
    )
)
"""File endings of all formats that `opening` reads; a test compares them with Pillow's list.
Importing Pillow's decoders just for that list would take longer than an answer about a JPEG."""
_SYSTEMS_OWN = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"))
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class LeftOut:
    """What is skipped in a folder, or among the files that match a pattern.

    Hidden files and folders are not counted: they belong to other programs.

    Parameters
    ----------
    where
        The folder or the pattern.
    files
        The ending of each file whose name is not that of a picture.
    odd
        How many have a picture's name but are not files: broken links, pipes.
    folders
        How many subfolders `recursive` would include.
    unnamed
        How many folders are read only if the user names them: behind links, in a pattern.
    locked
        Folders that cannot be read.
    """

    where: str
    files: tuple[str, ...] = ()
    odd: int = 0
    folders: int = 0
    unnamed: int = 0
    locked: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line of text; empty if nothing was skipped."""
        often = Counter(self.files)
        endings = sorted(often, key=lambda ending: (-often[ending], ending))
        more = f" and {len(endings) - 6:,} more" if len(endings) > 6 else ""
        named = f" ({', '.join(endings[:6])}{more})"
        counts = (
            (
                len(self.files),
                "file without a picture's ending",
                "files without a picture's ending",
                named,
            ),
            (self.odd, "name without a file", "names without files", " (broken links, pipes)"),
            (
                self.folders,
                *("folder", "folders"),
                " (read only if recursive)",
            ),
            (
                self.unnamed,
                *("folder that is read only when", "folders that are read only when"),
                " named",
            ),
            (
                len(self.locked),
                *("folder that cannot be read", "folders that cannot be read"),
                f" ({', '.join(self.locked[:3])}{', …' if len(self.locked) > 3 else ''})",
            ),
        )
        return ", ".join(
            f"{count:,} {one if count == 1 else several}{which}"
            for count, one, several, which in counts
            if count
        )


@dataclass(frozen=True)
class Expanded:
    """The pictures that names stand for, and what was skipped in their folders."""

    names: list[str]
    left_out: tuple[LeftOut, ...]


def expand(names: Sequence[str], *, recursive: bool = False) -> Expanded:
    """List the pictures that `names` stand for, in that order.

    A folder stands for its pictures, and a pattern like ``*.jpg`` (if no shell has expanded it) for
    the matching files; both in natural order. ``-`` and URLs stand for themselves.

    Parameters
    ----------
    recursive
        Include the pictures in subfolders.

    Raises
    ------
    InvalidArguments
        A folder has no pictures, or a pattern matches nothing; all problems are listed.
    """
    found: list[str] = []
    left_out: list[LeftOut] = []
    problems: list[str] = []
    for name in names:
        kind = _kind(name)
        if name == STANDARD_INPUT or is_url(name):
            some = [name]
        elif stat.S_ISDIR(kind):
            try:
                some, rest = _pictures_in(name, recursive=recursive)
            except OSError as error:
                problems.append(f"the folder {name} cannot be read: {error.strerror}")
                continue
            left_out.append(rest)
            if not some:
                there = f", only {rest}" if str(rest) else ""
                problems.append(f"there are no pictures in the folder {name}{there}")
        elif not kind and glob.has_magic(name):
            fitting = glob.glob(name)  # noqa: PTH207 (a pattern may begin anywhere)
            some = sorted((one for one in fitting if stat.S_ISREG(_kind(one))), key=_natural)
            folders = sum(stat.S_ISDIR(_kind(one)) for one in fitting)
            odd = len(fitting) - len(some) - folders
            left_out.append(LeftOut(name, odd=odd, unnamed=folders))
            if not some:
                problems.append(f"no file fits {name}")
        else:
            some = [name]
        found += some
    if found.count(STANDARD_INPUT) > 1:
        problems.append("- may be given once: standard input can be read once")
    if problems:
        raise InvalidArguments(problems)
    return Expanded(found, tuple(rest for rest in left_out if str(rest)))


def once(names: Sequence[str]) -> list[str]:
    """Remove duplicates: the same file by another path or a link, and the same URL."""
    first: dict[Hashable, str] = {}
    for name in names:
        first.setdefault(identity(name), name)
    return list(first.values())


def identity(name: str) -> Hashable:
    """The same value for all names of one picture: its file, or the place where it would be."""
    if is_url(name):
        scheme, _, rest = name.partition("#")[0].partition("://")
        host = re.split(r"[/?]", rest, maxsplit=1)[0]
        return f"{scheme.lower()}://{host.lower()}{rest[len(host) :]}"
    with suppress(OSError, ValueError, AttributeError):  # no such file, or a closed input
        status = os.fstat(sys.stdin.fileno()) if name == STANDARD_INPUT else Path(name).stat()
        if status.st_ino:
            return status.st_dev, status.st_ino
    with suppress(ValueError):  # a NUL in the name
        return name if name == STANDARD_INPUT else os.path.realpath(name)
    return name


def listed(stream: IO[bytes]) -> Iterator[str]:
    """Yield the paths and URLs that a stream lists, one per line, as soon as each line arrives.

    It reads no further ahead: the writer may wait for an answer before it writes the next line.
    """
    for name in filter(None, read_lines(stream)):
        # In a list, "-" can only be a file of that name.
        yield "./-" if name == STANDARD_INPUT else name


def source_of(name: str, *, allow_private: bool = False) -> Path | bytes:
    """The picture of a name: a file's path, or the bytes from standard input or a URL.

    Parameters
    ----------
    allow_private
        Also fetch from addresses that are not public.

    Raises
    ------
    ImageError
        The picture cannot be read or fetched.
    """
    if name == STANDARD_INPUT:
        if sys.stdin is None:
            raise ImageError("standard input is closed")
        return sys.stdin.buffer.read()
    if is_url(name):
        from mtg_image_db.pictures.web import fetch_picture

        return fetch_picture(name, allow_private=allow_private)
    return Path(name)


def is_url(name: str) -> bool:
    """Whether a name is an http or https URL."""
    return name[:8].lower().startswith(("http://", "https://"))


def is_picture_name(name: str) -> bool:
    """Whether a file of that name counts as a picture of its folder."""
    return not is_hidden(name) and Path(name).suffix.lower() in PICTURE_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a file or folder belongs to some program, not to the user, and is not mentioned.

    macOS leaves a ``._photo.jpg`` beside each photo, Windows a ``Thumbs.db`` in each folder.
    """
    return name.startswith(".") or name.lower() in _SYSTEMS_OWN


def ending_of(name: str) -> str:
    """What `LeftOut` calls a file."""
    return Path(name).suffix.lower() or "without an ending"


def _kind(name: str) -> int:
    """The mode of a file; 0 if it cannot be read."""
    try:
        return Path(name).stat().st_mode
    except (OSError, ValueError):
        return 0


def _pictures_in(folder: str, *, recursive: bool) -> tuple[list[str], LeftOut]:
    found: list[str] = []
    endings: list[str] = []
    locked: list[str] = []
    odd = folders = unnamed = 0

    def refuse(error: OSError) -> None:
        if error.filename == folder:
            raise error
        locked.append(str(error.filename))

    for path, below, names in os.walk(folder, onerror=refuse):
        there = [b for b in below if not is_hidden(b)]
        below[:] = [b for b in there if not (Path(path) / b).is_symlink()]
        unnamed += len(there) - len(below)
        if not recursive:
            folders += len(below)
            below.clear()
        for name in names:
            place = str(Path(path) / name)
            if is_hidden(name):
                continue
            if not is_picture_name(name):
                endings.append(ending_of(name))
            elif stat.S_ISREG(_kind(place)):
                found.append(place)
            else:
                odd += 1
    rest = LeftOut(folder, tuple(endings), odd, folders, unnamed, tuple(locked))
    return sorted(found, key=_natural), rest


def _natural(name: str) -> list[tuple[str, int]]:
    """Sort key that puts ``scan2`` before ``scan10``."""
    parts: Iterable[str] = re.split(r"(\d+)", name)
    return [("", int(part)) if part.isdecimal() else (part.casefold(), 0) for part in parts]
