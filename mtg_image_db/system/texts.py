"""Texts and tables that people write by hand or in a spreadsheet, and cells that are safe there.

Spreadsheets save in many ways: UTF-8 with or without a byte order mark, UTF-16, the code page of
Windows; commas, semicolons or tabs; three kinds of line ends. This module reads all of them.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import IO, cast

from mtg_image_db.errors import InvalidArguments

Row = tuple[int, dict[str, str]]
"""The number of a line, and its cells by column, unchanged."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def read_table(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Read a CSV file: the names of its columns, and its rows.

    A first line like ``sep=;`` names the separator. Otherwise it is the comma, semicolon or tab,
    whichever is most frequent in the header line.

    Raises
    ------
    InvalidArguments
        The file is not text, or not a table.
    OSError
        The file cannot be read.
    """
    try:
        text = _decoded(path.read_bytes())
    except UnicodeDecodeError as error:
        problem = f"{path} is not text in a known encoding: save it from the spreadsheet as UTF-8"
        raise InvalidArguments([problem]) from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if columns:
                padded = chain(cells, repeat(""))
                rows.append((reader.line_num, dict(zip(columns, padded, strict=False))))
            elif not cells[0].startswith("sep="):
                columns = tuple(cell.strip() for cell in cells)
    except csv.Error as error:
        raise InvalidArguments([f"{path}, line {reader.line_num}: {error}"]) from error
    return columns, rows


def read_lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield each line of a list of files as soon as it arrives: its writer may be waiting.

    Bytes that are neither UTF-8 nor UTF-16 are taken as raw file names.
    """
    # Returns what is there, without waiting for more.
    read = cast("io.BufferedReader", stream).read1
    chunk = b""
    while (missing := _unseen(chunk)) and (more := read(missing)):
        chunk += more
    mark, encoding = _encoding_of(chunk)
    chunk = chunk[len(mark) :] or read(1 << 16)
    wide = encoding.startswith("utf-16")
    # Latin-1 keeps all bytes until a line is complete.
    decode = codecs.getincrementaldecoder(encoding if wide else "latin-1")("replace").decode
    begun, after_return = "", False
    while chunk:
        text = decode(chunk)
        whole = text.removeprefix("\n") if after_return else text
        after_return = text.endswith("\r") if text else after_return
        first, *others = _LINE_END.split(whole)
        begun += first
        for line in others:
            yield _name(begun, wide=wide)
            begun = line
        chunk = read(1 << 16)
    if begun:
        yield _name(begun, wide=wide)


def _name(line: str, *, wide: bool) -> str:
    return line if wide else os.fsdecode(line.encode("latin-1"))


def _unseen(start: bytes) -> int:
    """How many more bytes are needed to determine the encoding."""
    return (3 if start.startswith(codecs.BOM_UTF8[:2]) else 2) - len(start)


def _encoding_of(start: bytes) -> tuple[bytes, str]:
    """The byte order mark at the start of a text, and its encoding; UTF-8 if it is unknown."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return mark, encoding
    # No text has NUL as its first or second character, so a NUL byte there means UTF-16.
    if len(start) > 1 and (start[0] == 0) != (start[1] == 0):
        return b"", "utf-16-be" if start[0] == 0 else "utf-16-le"
    return b"", "utf-8"


def _decoded(data: bytes) -> str:
    mark, encoding = _encoding_of(data[:3])
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        if mark or encoding != "utf-8":
            raise
    # Western spreadsheets save CSV in this code page. With another one, names will not be found.
    return data.decode("cp1252")


def _separator(text: str) -> str:
    for line in filter(str.strip, _LINE_END.split(text)):
        if named := re.fullmatch(r'"?sep=(.)"?', line):
            return named[1]
        if not line.startswith(("sep=", '"sep=')):
            return max(",;\t", key=line.count)
    return ","


_BEGINS_A_CELL = r"(?:\A|(?<=[;\t\r\n]))(?:[^\S\t\r\n]|['\"\0\ufeff\u200b])*"
_ACTS = r"(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
_HARMLESS = re.compile(r"-?\d+(\.\d+)?|[+-]\d+( [^\W\d_]+)+")
"""Numbers; and names like +2 Mace, which no spreadsheet computes and sites expect unchanged."""


def cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; `uncelled` reverses it.

    An apostrophe goes before anything that would begin a formula, also after a semicolon, tab or
    line break: programs that expect semicolons split the cells of a file with commas.

    Examples
    --------
    >>> cell("=1+1.jpg"), cell("a;@b"), cell("Fire // Ice"), cell("+2 Mace"), cell("-0.1")
    ("'=1+1.jpg", "a;'@b", 'Fire // Ice', '+2 Mace', '-0.1')
    """
    if _HARMLESS.fullmatch(text):
        return text
    return re.sub(f"({_BEGINS_A_CELL}){_ACTS}", r"\1'", text)


def uncelled(written: str) -> str:
    """The text of a `cell`, even if a spreadsheet has removed the apostrophe.

    Examples
    --------
    >>> uncelled("'=1+1.jpg"), uncelled("=1+1.jpg"), uncelled("'tis")
    ('=1+1.jpg', '=1+1.jpg', "'tis")
    """
    return re.sub(f"({_BEGINS_A_CELL})'{_ACTS}", r"\1", written)


def without_controls(text: str) -> str:
    """Replace line breaks and control characters by spaces."""
    return _CONTROLS.sub(" ", text)


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def about(seconds: float) -> str:
    """A length of time for people: ``less than a minute``, ``about 17 minutes``."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 100:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {round(minutes / 60)} hours"
