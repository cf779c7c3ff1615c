"""Texts and tables that people write by hand or with a spreadsheet, and cells that do them no harm.

A spreadsheet saves as it likes: UTF-8 with a byte order mark or without, UTF-16, the code page of
Windows; commas, semicolons or tabs; line ends of three kinds. All of that is read here.
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
"""The number of a line, and its cells by column, as they stand there."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def read_table(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Read a CSV file: the names of its columns, and its rows.

    The separator is the one that a first line ``sep=;`` names, or else the one of comma, semicolon
    and tab that the line of the columns' names has most of.

    Raises
    ------
    InvalidArguments
        It is no text, or no table.
    OSError
        It cannot be read.
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
    """Yield the lines of a list of files, each as soon as it is there: its writer may wait.

    What is neither UTF-8 nor UTF-16 are the bytes of names, as the file system has them.
    """
    # Returns what is there, without waiting for more.
    read = cast("io.BufferedReader", stream).read1
    chunk = b""
    while (missing := _unseen(chunk)) and (more := read(missing)):
        chunk += more
    mark, encoding = _encoding_of(chunk)
    chunk = chunk[len(mark) :] or read(1 << 16)
    wide = encoding.startswith("utf-16")
    # Latin-1 carries any bytes until a line of them is whole.
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
    """How many bytes more it takes to tell an encoding."""
    return (3 if start.startswith(codecs.BOM_UTF8[:2]) else 2) - len(start)


def _encoding_of(start: bytes) -> tuple[bytes, str]:
    """The byte order mark that a text begins with, and its encoding; UTF-8 where nothing tells."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return mark, encoding
    # No text begins with a NUL, nor has one as its second character.
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
    # What western spreadsheets call CSV. Another code page shows in names that nothing has.
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
"""Numbers; and names like +2 Mace, which no spreadsheet can compute and sites look up as they are.
"""


def cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; `text_of` takes it back.

    An apostrophe goes before what would begin a formula, also where another separator would begin a
    cell: programs that expect semicolons split the cells of a file with commas.

    Examples
    --------
    >>> cell("=1+1.jpg"), cell("a;@b"), cell("Fire // Ice"), cell("+2 Mace"), cell("-0.1")
    ("'=1+1.jpg", "a;'@b", 'Fire // Ice', '+2 Mace', '-0.1')
    """
    if _HARMLESS.fullmatch(text):
        return text
    return re.sub(f"({_BEGINS_A_CELL}){_ACTS}", r"\1'", text)


def text_of(written: str) -> str:
    """What a `cell` says, also where a spreadsheet has taken the apostrophe away.

    Examples
    --------
    >>> text_of("'=1+1.jpg"), text_of("=1+1.jpg"), text_of("'tis")
    ('=1+1.jpg', '=1+1.jpg', "'tis")
    """
    return re.sub(f"({_BEGINS_A_CELL})'{_ACTS}", r"\1", written)
