"""What a person sees: errors, notes, progress bars and tables. Answers alone go to stdout."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import threading
import time
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from mtg_image_db.errors import InvalidArguments, MtgDbError
from mtg_image_db.system.files import storage_errors

if TYPE_CHECKING:
    from tqdm import tqdm

Style = Literal["plain", "good", "unsure", "bad", "faint"]
_CODES: dict[Style, str] = {"good": "32", "unsure": "33", "bad": "31", "faint": "2"}


def say(text: str = "") -> None:
    """Tell a person something, on standard error."""
    _write(text, sys.stderr)


def answer(text: str, style: Style = "plain") -> None:
    """Give an answer, on standard output; its style shows where colours do."""
    _write(text, sys.stdout, style)


def answer_bytes(data: bytes) -> None:
    """Give an answer in a format that is UTF-8 and has its own line ends, on standard output."""
    if sys.stdout is not None:
        with storage_errors(Path("the output")):
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def print_error(error: MtgDbError) -> None:
    """Say what happened, what was seen, and what to do."""
    if isinstance(error, InvalidArguments):
        say("ERROR: Invalid arguments:")
        for problem in error.problems:
            say(f"  - {problem}")
        return
    say(f"ERROR: {error.category}: {error.message}")
    if error.details:
        say(f"  Details: {error.details}")
    if error.suggestion:
        say(f"  Suggestion: {error.suggestion}")


class Bars:
    """Progress as tqdm bars on standard error; without a terminal, notes only."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._paused_until = 0.0

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """See `Progress`."""
        if not self._shown:
            return
        self.finish()
        from tqdm import tqdm

        scaled = unit == "B"
        self._bar = tqdm(
            desc=stage,
            total=total,
            unit=unit if scaled else f" {unit}",
            unit_scale=scaled,
            unit_divisor=1000,
            smoothing=0.05,
            dynamic_ncols=True,
            leave=False,
        )

    def advance(self, count: int = 1) -> None:
        """See `Progress`."""
        if self._bar is not None:
            self._bar.update(count)

    def finish(self) -> None:
        """See `Progress`."""
        self._paused_until = 0.0
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def pause(self, message: str, seconds: float) -> None:
        """See `Progress`; a bar counts the seconds down."""
        self.note(message)
        if self._bar is None:
            self.start("waiting", None, "")
        if self._bar is not None:
            self._paused_until = time.monotonic() + seconds
            threading.Thread(target=self._count_down, daemon=True).start()

    def _count_down(self) -> None:
        while (left := self._paused_until - time.monotonic()) > 0:
            if (bar := self._bar) is not None:
                bar.set_postfix_str(f"paused, {left:.0f} s left")
            time.sleep(min(1.0, left))
        if (bar := self._bar) is not None:
            bar.set_postfix_str("")

    def note(self, message: str) -> None:
        """See `Progress`."""
        if self._bar is not None:
            self._bar.clear()
        say(message)


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[int] = (),
    *,
    last_if_room: bool = False,
) -> str:
    """Lay out rows in columns; the last column is not padded.

    The widest of the other columns is cut where the terminal is too narrow.

    Parameters
    ----------
    right
        Columns aligned to the right.
    last_if_room
        Leave the last column out rather than cut another (half a URL is of no use).
    """
    cells = [[_printable(cell) for cell in row] for row in [header, *rows]]
    aligned_right = frozenset(right)
    widths = [max(_width(row[i]) for row in cells) for i in range(len(header))]
    room = (
        shutil.get_terminal_size((100, 24)).columns
        if sys.stdout and sys.stdout.isatty()
        else 10_000
    )
    excess = sum(widths) + 2 * (len(widths) - 1) - room
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
    return "\n".join(lines)


def command(text: str, **folders: Path) -> str:
    """A command to run next, with the folders that are not those it takes by itself."""
    usual = {"cache": "image_cache", "db": "index_out", "out": "index_out"}
    options = (
        f"--{name} {shlex.quote(str(path))}"
        for name, path in folders.items()
        if str(path) != usual[name]
    )
    return " ".join(["mtg-db", text, *options])


def one_line(name: str) -> str:
    """A name of a file, which may hold line breaks, on one line."""
    return "\N{REPLACEMENT CHARACTER}".join(name.splitlines())


def counted(number: int, noun: str) -> str:
    """``1 image``, ``2,000 images``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size_text(count: float) -> str:
    """A number of bytes, as people read it."""
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
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _write(text: str, stream: TextIO | None, style: Style = "plain") -> None:
    if stream is None:  # closed by whoever started us
        return
    text = _printable(text, stream.encoding)
    if style != "plain" and _shows_colours(stream):
        text = f"\x1b[{_CODES[style]}m{text}\x1b[0m"
    with storage_errors(Path("the output")):
        stream.write(text + "\n")
        stream.flush()


def _shows_colours(stream: TextIO) -> bool:
    """Whether to colour, by https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    # The old console of Windows prints the codes.
    able = os.name != "nt" or "WT_SESSION" in os.environ
    return able and stream.isatty() and os.environ.get("TERM") != "dumb"


def _printable(text: str, encoding: str | None = None) -> str:
    """Replace what a terminal would act on, or cannot show."""
    # Spaces other than the plain one count as not printable, and macOS puts them into names.
    safe = "".join(
        c if c in "\n\t" or c.isprintable() or unicodedata.category(c) == "Zs" else "�"
        for c in text
    )
    encoding = encoding or "utf-8"
    return safe.encode(encoding, "replace").decode(encoding)
