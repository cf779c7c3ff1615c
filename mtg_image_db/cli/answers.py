"""Print answers for people and programs: as a table, JSON Lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from mtg_image_db.cli.console import (
    Style,
    answer,
    answer_bytes,
    one_line,
    say,
    table,
    wrapped,
)
from mtg_image_db.system.texts import cell

if TYPE_CHECKING:
    from mtg_image_db.database.answers import CardAnswer, Match
    from mtg_image_db.pictures.inputs import LeftOut
    from mtg_image_db.reading.answer import PrintingAnswer
    from mtg_image_db.scryfall.printing import Printing

COLUMNS = (
    *("query", "card", "verdict", "name", "set", "collector_number", "lang"),
    *("score", "points", "scryfall_id", "url", "quad", "error"),
    *("printing", "printing_set", "printing_number", "printing_probability", "finish", "read_lang"),
    "title",
)
_UNREAD = ("",) * 7
"""The cells about what was read where no card was looked at."""
_STYLES: dict[str, Style] = {"confident": "good", "likely": "unsure", "none": "bad"}


@dataclass(frozen=True)
class Asked:
    """A query picture, or a text; `error` says why the picture could not be read.

    A text has `matches` and no cards. `narrowed`: a filter left only some of the database's faces.
    `seconds` is how long the answer took.
    """

    name: str
    cards: tuple[CardAnswer, ...] = ()
    error: str = ""
    matches: tuple[Match, ...] | None = None
    narrowed: bool = False
    seconds: float = 0.0

    @property
    def title(self) -> str:
        """The name on one line."""
        return one_line(self.name)


def say_left_out(rest: LeftOut) -> None:
    """Say what was skipped in a folder."""
    say(f"Left out of {rest.where}: {rest}.")


def print_table(asked: Asked, k: int) -> None:
    """For people: a heading and a table for each card."""
    if asked.error:
        say(f"{asked.title}: {asked.error}")
    if asked.matches is not None:
        answer(*(_matches(asked.matches, k) if asked.matches else ["No match."]))
    for number, card in enumerate(asked.cards, start=1):
        which = f"card {number}: " if len(asked.cards) > 1 else ""
        answer(which + _heading(card, narrowed=asked.narrowed), style=_STYLES[card.verdict])
        if read := card.printing.summary:
            why = (wrapped(reason, 6 * " ") for reason in card.printing.reasons)
            answer(*wrapped(f"printing: {read}"), *chain.from_iterable(why))
        if card.matches:
            style: Style = "faint" if card.verdict == "none" else "plain"
            answer(*_matches(card.matches, k), style=style)


def print_json(asked: Asked, k: int) -> None:  # noqa: ARG001
    """For programs: one object per line."""
    from mtg_image_db.database.answers import JSON_VERSION, json_of

    about: dict[str, object]
    if asked.error:
        about = {"version": JSON_VERSION, "query": asked.name, "error": asked.error}
    elif asked.matches is not None:
        about = json_of(asked.name, asked.seconds, "matches", asked.matches)
    else:
        about = json_of(asked.name, asked.seconds, "cards", asked.cards)
    # A file name may contain bytes that are not text; ASCII output can hold them.
    answer(json.dumps(about).replace("\x7f", r"\u007f"))


def print_csv(asked: Asked, k: int) -> None:  # noqa: ARG001
    """For spreadsheets: one line per card; an unrecognised card has no name.

    For a text, one line per match.
    """
    name = _text(asked.name)
    if asked.error:
        _print_row([name, *[""] * (COLUMNS.index("error") - 1), _text(asked.error), *_UNREAD])
    for match in asked.matches or ():
        cells = _cells(match.face.printing, match.score, "")
        _print_row([name, "", "", *cells, "", "", *_UNREAD])
    for number, card in enumerate(asked.cards, start=1):
        cells = ["", "", "", "", "", card.points, "", ""]
        if card.named:
            cells = _cells(card.named, card.matches[0].score, card.points)
        title = _text(card.title.title) if card.title else ""
        quad = " ".join(f"{x:.0f},{y:.0f}" for x, y in card.quad)
        _print_row(
            [name, number, card.verdict, *cells, quad, "", *_read_cells(card.printing), title]
        )


def print_csv_header() -> None:
    """The names of the columns of `print_csv`."""
    _print_row(COLUMNS)


PRINTERS: dict[str, Callable[[Asked, int], None]] = {
    "table": print_table,
    "json": print_json,
    "csv": print_csv,
}


def _cells(one: Printing, score: float, points: object) -> list[object]:
    """The columns from the name to the URL."""
    named = map(_text, (one.name, one.set, one.collector_number, one.lang))
    known = map(_text, (one.scryfall_id, one.card_url))
    return [*named, f"{score:.4f}", points, *known]


def _read_cells(read: PrintingAnswer) -> list[object]:
    """The columns about the printing, with its most probable candidate."""
    best: list[object] = ["", "", ""]
    if read.candidates:
        one = read.candidates[0]
        code, number = _text(one.printing.set), _text(one.printing.collector_number)
        best = [code, number, f"{one.probability:.4f}"]
    return [read.verdict, *best, _text(read.finish.value), _text(read.lang.value)]


def _text(text: str) -> str:
    """What a stranger may have written, as a cell: first one line, which begins no other cell."""
    return cell(one_line(text))


def _print_row(row: Iterable[object]) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(row)
    answer_bytes(stream.getvalue().encode("utf-8", "replace"))


def _heading(card: CardAnswer, *, narrowed: bool) -> str:
    named = card.named
    if named is None:
        where = "among the cards that pass the filter" if narrowed else "in the database"
        return f"none: not {where}, or no card." + (" The nearest:" if card.matches else "")
    if card.by_title:
        return f"{card.verdict}: {named.name}, by its title"
    return f"{card.verdict}: {named.name}, {named.label}, score {card.matches[0].score:.3f}"


def _matches(matches: Sequence[Match], k: int) -> list[str]:
    # There are k distinct images, and each may belong to many faces.
    alike = Counter[int]()
    shown = []
    for match in matches:
        alike[match.image] += 1
        if alike[match.image] <= k:
            shown.append(match)
    lines = table(
        ("rank", "name", "set", "number", "score", "URL"),
        [
            (
                str(m.rank),
                m.face.name,
                m.face.set.upper(),
                m.face.collector_number,
                f"{m.score:.3f}",
                m.face.card_url,
            )
            for m in shown
        ],
        right=(0, 4),
        last_if_room=True,
    )
    hidden = len(matches) - len(shown)
    if hidden:
        lines.append(f"      and {hidden:,} more with images identical to these")
    return [*lines, *_shared_artwork(shown[0])]


def _shared_artwork(match: Match) -> list[str]:
    """The other printings of the best match's artwork, in one line, if there are any."""
    others = [p for p in match.printings if p.scryfall_id != match.face.scryfall_id]
    if not others:
        return []
    names = [printing.label for printing in others[:8]]
    more = f" and {len(others) - 8} more" if len(others) > 8 else ""
    return [f"      same artwork as rank 1: {', '.join(names)}{more}"]
