"""What pictures are asked about: files, folders, patterns, standard input, URLs."""

from __future__ import annotations

import codecs
import glob
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from mtg_image_db.errors import ImageError, InvalidArguments

PICTURE_SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
)
STANDARD_INPUT = "-"


def expand(names: Sequence[str], *, recursive: bool = False) -> list[str]:
    """List the pictures that are meant, in the order of `names`.

    A folder stands for the pictures in it, a pattern like ``*.jpg`` for the files that fit (where
    no shell has expanded it), both in natural order. ``-`` and URLs stand for themselves.

    Parameters
    ----------
    recursive
        A folder also stands for the pictures in the folders below.

    Raises
    ------
    InvalidArguments
        A folder without pictures, a pattern that fits nothing; all of them are told.
    """
    found: list[str] = []
    problems: list[str] = []
    for name in names:
        kind = _kind(name)
        if name == STANDARD_INPUT or is_url(name):
            some = [name]
        elif stat.S_ISDIR(kind):
            try:
                some = _pictures_in(name, recursive=recursive)
            except OSError as error:
                problems.append(f"the folder {name} cannot be read: {error.strerror}")
                continue
            if not some:
                below = "" if recursive else " (--recursive looks into folders below)"
                problems.append(f"there are no pictures in the folder {name}{below}")
        elif not kind and glob.has_magic(name):
            fitting = glob.glob(name)  # noqa: PTH207 (a pattern may begin anywhere)
            some = sorted((one for one in fitting if stat.S_ISREG(_kind(one))), key=_natural)
            if not some:
                problems.append(f"no file fits {name}")
        else:
            some = [name]
        found += some
    if found.count(STANDARD_INPUT) > 1:
        problems.append("- may be given once: standard input can be read once")
    if problems:
        raise InvalidArguments(problems)
    return found


def listed(stream: IO[bytes]) -> Iterator[str]:
    """Yield the paths and URLs that a stream lists, one a line, as soon as each line is there.

    Nothing is read ahead: whoever writes may wait for an answer before the next line.
    """
    for number, line in enumerate(iter(stream.readline, b"")):
        if not number:
            line = line.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901
        name = os.fsdecode(line.removesuffix(b"\n").removesuffix(b"\r"))
        if name:
            # Here it can only be a file of that name.
            yield "./-" if name == STANDARD_INPUT else name


def source_of(name: str, *, allow_private: bool = False) -> Path | bytes:
    """What a name stands for: a file, or what standard input or a URL gave.

    Parameters
    ----------
    allow_private
        Fetch also from addresses that are not public.

    Raises
    ------
    ImageError
        It cannot be read or fetched.
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
    """Whether a file of that name in a folder is one of its pictures."""
    return not name.startswith(".") and Path(name).suffix.lower() in PICTURE_SUFFIXES


def _kind(name: str) -> int:
    """The mode of a file; 0 where it cannot be looked at."""
    try:
        return Path(name).stat().st_mode
    except (OSError, ValueError):
        return 0


def _pictures_in(folder: str, *, recursive: bool) -> list[str]:
    def refuse(error: OSError) -> None:
        raise error

    found: list[str] = []
    for path, below, names in os.walk(folder, onerror=refuse):
        # Hidden ones are other programs' (macOS leaves a ._photo.jpg beside each photo).
        below[:] = [b for b in below if recursive and not b.startswith(".")]
        paths = (str(Path(path) / name) for name in names if is_picture_name(name))
        found += (one for one in paths if stat.S_ISREG(_kind(one)))
    return sorted(found, key=_natural)


def _natural(name: str) -> list[tuple[str, int]]:
    """Sort key that puts ``scan2`` before ``scan10``."""
    parts: Iterable[str] = re.split(r"(\d+)", name)
    return [("", int(part)) if part.isdecimal() else (part.casefold(), 0) for part in parts]
