"""Progress for people: bars, or without a terminal one line per minute."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtg_image_db.cli.console import one_line, say, size_text
from mtg_image_db.system.texts import about

if TYPE_CHECKING:
    from tqdm import tqdm

_A_MINUTE = 60.0
"""Seconds between two lines about the progress, where no bar can be drawn. By hand."""


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
            said.append(f"{about((self.total - self.done) / rate)} left")
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
