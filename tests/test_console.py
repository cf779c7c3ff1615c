from __future__ import annotations

import io
import sys
import threading

import pytest

from mtg_image_db.cli.console import Bars, counted, size_text, table


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
