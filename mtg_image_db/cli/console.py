"""Output for people: errors, notes, progress bars and tables. Only answers go to stdout."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from mtg_image_db.errors import InvalidArguments, MtgDbError
from mtg_image_db.system.files import storage_errors

if TYPE_CHECKING:
    from tqdm import tqdm

Style = Literal["plain", "good", "unsure", "bad", "faint"]
_CODES: dict[Style, str] = {"good": "32", "unsure": "33", "bad": "31", "faint": "2"}


_A_MINUTE = 60.0
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


class Bars:
    """Progress on standard error: tqdm bars, or without a terminal one line per minute.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._bar: tqdm[Any] | None = None
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._paused_until = 0.0
        self._clock = clock
        self._told_at: float | None = None
        self._stage: _Stage | None = None

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """See `Progress`."""
        self.finish()
        if self._shown:
            self._bar = _draw(stage, total, unit)
            return
        now = self._clock()
        self._stage = _Stage(stage, total, unit, now)
        if self._told_at is None:
            self._told_at = now
        self._tell()

    def advance(self, count: int = 1) -> None:
        """See `Progress`."""
        if self._bar is not None:
            self._bar.update(count)
        elif self._stage is not None:
            self._stage.done += count
            self._tell()

    def finish(self) -> None:
        """See `Progress`."""
        self._paused_until = 0.0
        self._stage = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def pause(self, message: str, seconds: float) -> None:
        """See `Progress`; a bar counts the seconds down."""
        self.note(message)
        if not self._shown:
            return
        if self._bar is None:
            self.start("waiting", None, "")
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

    def _tell(self) -> None:
        """Print the state of the work, if the last line is a minute old."""
        now = self._clock()
        if self._stage and self._told_at is not None and now - self._told_at >= _A_MINUTE:
            self._told_at = now
            say(self._stage.line(now))


@dataclass
class _Stage:
    """The state of work that is reported in lines."""

    name: str
    total: int | None
    unit: str
    began: float
    done: int = 0

    def line(self, now: float) -> str:
        """``downloading: 12,300 of 54,000 images, 240 images/s, about 3 minutes left``."""
        if not self.done:
            return f"{self.name} …"
        amount = size_text if self.unit == "B" else "{:,}".format
        said = [amount(self.done) + (f" of {amount(self.total)}" if self.total else "")]
        if self.unit != "B":
            said[0] += f" {self.unit}"
        rate = self.done / (now - self.began) if now > self.began else 0.0
        if rate:
            said.append(_pace(rate, self.unit))
        if rate and self.total and self.total > self.done:
            said.append(_left((self.total - self.done) / rate))
        return f"{self.name}: {', '.join(said)}"


def _draw(stage: str, total: int | None, unit: str) -> tqdm[Any]:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        """A bar whose rate and remaining time are easy to read."""

        @property
        def format_dict(self) -> Any:
            known = super().format_dict
            passed, done = known["elapsed"], known["n"]
            rate = known["rate"] or (done / passed if passed else 0.0)
            left = f"<{self.format_interval((total - done) / rate)}" if rate and total else ""
            known["pace"] = left + (f", {_pace(rate, unit)}" if rate else "")
            return known

    scaled = unit == "B"
    done = "{n_fmt}" + ("/{total_fmt}" if total is not None else "")
    done += "B" if scaled else f" {unit}"
    if total is not None:
        form = "{desc}: {percentage:3.0f}%|{bar}| " + done + " [{elapsed}{pace}{postfix}]"
    else:
        form = "{desc}: " + done + " [{elapsed}{pace}{postfix}]" if unit else "{desc} …{postfix}"
    return Bar(
        desc=one_line(stage),
        total=total,
        unit=unit,
        unit_scale=scaled,
        unit_divisor=1000,
        smoothing=0.05,
        dynamic_ncols=True,
        leave=False,
        bar_format=form,
    )


def _pace(rate: float, unit: str) -> str:
    """``2.3 photos/s``, ``11.5 s a photo``."""
    if unit == "B":
        return f"{size_text(rate)}/s"
    if rate < 1:
        return f"{1 / rate:,.1f} s a {unit.removesuffix('s')}"
    return f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"


def _left(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 100:
        return f"about {counted(minutes, 'minute')} left"
    return f"about {counted(round(minutes / 60), 'hour')} left"


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
    return lines


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
    """Text that may have several lines (from another program), as one line."""
    return " ".join(line.strip() for line in text.splitlines())


def _is_harmless(character: str) -> bool:
    # Python calls other spaces than the plain one not printable, but macOS puts them into names.
    printable = character.isprintable() or unicodedata.category(character) == "Zs"
    return printable or character in _JOINERS_AND_MARKS
