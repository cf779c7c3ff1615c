"""Output for people: errors, notes and tables. Only answers go to standard output."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TextIO

from mtg_image_db.errors import InvalidArguments, MtgDbError
from mtg_image_db.system.files import storage_errors

Style = Literal["plain", "good", "unsure", "bad", "faint"]
_CODES: dict[Style, str] = {"good": "32", "unsure": "33", "bad": "31", "faint": "2"}


_JOINERS_AND_MARKS = "\u200c\u200d\u200e\u200f\u061c"
"""Invisible characters that emoji and Persian, Arabic and Hebrew names need. They are harmless,
unlike those that reverse whole lines (U+202A to 202E, U+2066 to 2069)."""


def say(line: str = "") -> None:
    """Print a line for a person, on standard error."""
    _write((line,), sys.stderr)


def answer(*lines: str, style: Style = "plain") -> None:
    """Print an answer, on standard output; its style shows if colours do."""
    _write(lines, sys.stdout, style)


def answer_bytes(data: bytes) -> None:
    """Write an answer to standard output in a format that is UTF-8 with its own line ends."""
    if sys.stdout is not None:
        lines = re.split(r"(\r?\n)", data.decode())
        lines[::2] = map(one_line, lines[::2])
        with storage_errors(Path("the output")):
            sys.stdout.flush()
            sys.stdout.buffer.write("".join(lines).encode())
            sys.stdout.buffer.flush()


def print_error(error: MtgDbError) -> None:
    """Print what happened, the details, and what to do."""
    if isinstance(error, InvalidArguments):
        say("ERROR: Invalid arguments:")
        for problem in error.problems:
            say(f"  - {_joined(problem)}")
        return
    say(f"ERROR: {error.category}: {_joined(error.message)}")
    if error.details:
        say(f"  Details: {_joined(error.details)}")
    if error.suggestion:
        say(f"  Suggestion: {_joined(error.suggestion)}")


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[int] = (),
    *,
    last_if_room: bool = False,
) -> list[str]:
    """Lay out rows in columns, one line each; the last column is not padded.

    If the terminal is too narrow, the widest of the other columns is cut.

    Parameters
    ----------
    right
        Columns aligned to the right.
    last_if_room
        Drop the last column rather than cut another one (half a URL is useless).
    """
    cells = [[one_line(cell) for cell in row] for row in [header, *rows]]
    aligned_right = frozenset(right)
    widths = [max(_width(row[i]) for row in cells) for i in range(len(header))]
    excess = sum(widths) + 2 * (len(widths) - 1) - _room()
    if excess > 0 and last_if_room:
        excess -= widths.pop() + 2
        cells = [row[:-1] for row in cells]
    if excess > 0 and len(widths) > 1:
        widest = max(range(len(widths) - 1), key=widths.__getitem__)
        widths[widest] = max(12, widths[widest] - excess)
    lines = []
    for row in cells:
        parts = [
            _fit(cell, width, right=i in aligned_right)
            for i, (cell, width) in enumerate(zip(row[:-1], widths, strict=False))
        ]
        lines.append("  ".join([*parts, row[-1]]).rstrip())
    return lines


def wrapped(text: str, indent: str = "") -> list[str]:
    """A sentence in lines that fit the terminal; all but the first are indented by six more."""
    hanging = indent + 6 * " "
    return textwrap.wrap(one_line(text), _room(), initial_indent=indent, subsequent_indent=hanging)


def _room() -> int:
    """The columns of the terminal; where there is none, lines may be long."""
    if sys.stdout and sys.stdout.isatty():
        return shutil.get_terminal_size((100, 24)).columns
    return 10_000


def command(text: str, **folders: Path) -> str:
    """A command to run next, with those folders that differ from its defaults."""
    usual = {"cache": "image_cache", "db": "index_out", "out": "index_out"}
    options = (
        f"--{name} {shlex.quote(str(path))}"
        for name, path in folders.items()
        if str(path) != usual[name]
    )
    return " ".join(["mtg-db", text, *options])


def one_line(text: str) -> str:
    """A name, or any other text from strangers, as one line without hidden effects.

    Control characters, line breaks and characters that reverse text become U+FFFD.
    """
    return "".join(c if _is_harmless(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def counted(number: int, noun: str) -> str:
    """``1 image``, ``2,000 images``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size_text(count: float) -> str:
    """A number of bytes in a readable unit."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _fit(text: str, width: int, *, right: bool) -> str:
    while _width(text) > width:
        text = text[:-2] + "…"
    padding = " " * (width - _width(text))
    return padding + text if right else text + padding


def _width(text: str) -> int:
    """Columns a terminal uses (East Asian characters use two, combining ones none)."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    unseen = sum(unicodedata.combining(c) > 0 or c in _JOINERS_AND_MARKS for c in text)
    return len(text) + wide - unseen


def _write(lines: Sequence[str], stream: TextIO | None, style: Style = "plain") -> None:
    if stream is None:  # closed by the program that started us
        return
    # Tabs are harmless; cells of tables have none.
    plain = ("\t".join(map(one_line, line.split("\t"))) for line in lines)
    # Characters that the encoding lacks become question marks.
    encoding = stream.encoding or "utf-8"
    text = "\n".join(plain).encode(encoding, "replace").decode(encoding)
    if style != "plain" and _shows_colours(stream):
        text = f"\x1b[{_CODES[style]}m{text}\x1b[0m"
    with storage_errors(Path("the output")):
        stream.write(text + "\n")
        stream.flush()


def _shows_colours(stream: TextIO) -> bool:
    """Whether to use colours, by https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    # The old console of Windows prints the codes as text.
    able = os.name != "nt" or "WT_SESSION" in os.environ
    return able and stream.isatty() and os.environ.get("TERM") != "dumb"


def _joined(text: str) -> str:
    """Text that may have several lines (from another program), as one line without passwords."""
    from mtg_image_db.postgres.address import without_passwords

    return without_passwords(" ".join(line.strip() for line in text.splitlines()))


def _is_harmless(character: str) -> bool:
    # Python calls other spaces than the plain one not printable, but macOS puts them into names.
    printable = character.isprintable() or unicodedata.category(character) == "Zs"
    return printable or character in _JOINERS_AND_MARKS
