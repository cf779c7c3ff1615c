from __future__ import annotations

import io
import sys
import threading

import pytest

from mtg_image_db.cli.bars import Bars
from mtg_image_db.cli.console import counted, size_text, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("within_a_stage", [True, False])
def test_a_pause_is_counted_down_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, within_a_stage: bool
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bars = Bars()
    if within_a_stage:
        bars.start("downloading", 10, "images")
    bars.pause("The server asks to slow down.", 2.2)
    for _ in range(500):
        if "paused, 1 s left" in terminal.getvalue():
            break
        threading.Event().wait(0.01)
    bars.finish()
    said = terminal.getvalue()
    assert "The server asks to slow down." in said
    assert said.index("paused, 2 s left") < said.index("paused, 1 s left")


def test_without_a_terminal_only_notes_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    bars = Bars()
    bars.start("downloading", 10, "images")
    bars.advance()
    bars.pause("The server asks to slow down.", 5)
    bars.finish()
    assert stream.getvalue() == "The server asks to slow down.\n"


def test_a_closed_output_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    Bars().note("nobody hears this")


def test_columns_line_up_whatever_the_script() -> None:
    lines = table(("name", "n"), [("\u7a32\u59bb", "1"), ("Forest", "22")], right=())
    assert lines == ["name    n", "\u7a32\u59bb    1", "Forest  22"]


def test_what_a_terminal_would_act_on_is_not_printed() -> None:
    assert table(("a",), [("\x1b[31mred",)]) == ["a", "\ufffd[31mred"]


def test_numbers_are_told_as_people_read_them() -> None:
    assert [counted(1, "image"), counted(2000, "image")] == ["1 image", "2,000 images"]
    assert [size_text(12), size_text(1234), size_text(6.1e9)] == ["12 bytes", "1.2 kB", "6.1 GB"]


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_a_line_a_minute_says_how_far_the_work_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, clock = io.StringIO(), Clock()
    monkeypatch.setattr(sys, "stderr", stream)
    bars = Bars(clock=clock)
    bars.start("reading", 100, "cards")
    clock.now = 10
    bars.start("downloading", 54_000, "images")
    for _ in range(200):
        clock.now += 1
        bars.advance(240)
    bars.finish()
    clock.now += 100
    bars.start("loading the encoder", None, "")
    clock.now += 60
    bars.start("default_cards snapshot", 500_000_000, "B")
    clock.now += 120
    bars.advance(240_000_000)
    clock.now += 30
    bars.advance(100)
    bars.start("scanning", 20, "photos")
    clock.now += 115
    bars.advance(10)
    bars.start("sampling", None, "photos")
    clock.now += 6000
    bars.advance(10)
    assert stream.getvalue().splitlines() == [
        "downloading: 12,000 of 54,000 images, 240 images/s, about 3 minutes left",
        "downloading: 26,400 of 54,000 images, 240 images/s, about 2 minutes left",
        "downloading: 40,800 of 54,000 images, 240 images/s, about 1 minute left",
        "loading the encoder …",
        "default_cards snapshot …",
        "default_cards snapshot: 240.0 MB of 500.0 MB, 2.0 MB/s, about 2 minutes left",
        "scanning: 10 of 20 photos, 11.5 s a photo, about 2 minutes left",
        "sampling: 10 photos, 600.0 s a photo",
    ]


@pytest.mark.parametrize(
    ("total", "unit", "expected"),
    [
        (10, "photos", "4/10 photos ["),
        (None, "photos", "x: 4 photos ["),
        (None, "", "x …"),
        (4_000_000, "B", "4.00/4.00MB ["),
    ],
)
def test_bars_read_as_people_say_it(
    monkeypatch: pytest.MonkeyPatch, total: int | None, unit: str, expected: str
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    bars = Bars()
    bars.start("x", total, unit)
    for _ in range(4):
        bars.advance()
    assert bars._bar is not None
    bars._bar.refresh()
    bars.finish()
    said = terminal.getvalue()
    assert expected in said
    for never in ("?", f"s/ {unit or 'x'}", "it/s"):
        assert never not in said
