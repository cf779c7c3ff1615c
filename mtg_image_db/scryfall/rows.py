"""Stream card objects out of snapshots of any size."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtg_image_db.errors import SnapshotError
from mtg_image_db.scryfall.faces import is_card_id
from mtg_image_db.system.progress import Progress, listener

LONGEST_ROW = 4 << 20
"""Longer lines, in bytes, are not read; the longest real card object has some 40,000."""


@dataclass
class RowCount:
    """Counts of one pass over a snapshot."""

    good: int = 0
    blank: int = 0
    broken: int = 0
    first_broken: list[str] = field(default_factory=list)

    def __iadd__(self, other: RowCount) -> RowCount:
        self.good += other.good
        self.blank += other.blank
        self.broken += other.broken
        self.first_broken += other.first_broken
        return self

    def report_broken(self, line: int, reason: str) -> None:
        """Count a broken line; the first five are kept for the summary."""
        self.broken += 1
        if len(self.first_broken) < 5:
            self.first_broken.append(f"line {line}: {reason}")


def read_rows(
    path: Path, count: RowCount | None = None, progress: Progress | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the card objects of a gzip JSON Lines snapshot, one line in memory at a time.

    Broken lines (no JSON, no object, no id) are counted and skipped, blank ones skipped. Progress
    advances by one for each line that is not blank, the way a snapshot counts its rows.

    Raises
    ------
    SnapshotError
        The file cannot be read as gzip.
    """
    count = RowCount() if count is None else count
    progress = listener(progress)
    try:
        with gzip.open(path, "rb") as stream:
            number = 0
            while line := stream.readline(LONGEST_ROW):
                number += 1
                if not line.strip():
                    count.blank += 1
                    continue
                progress.advance()
                card = _parse(line)
                if isinstance(card, dict) and is_card_id(card.get("id")):
                    count.good += 1
                    yield card
                else:
                    reason = "no card object" if card is not None else "no valid JSON"
                    count.report_broken(number, reason)
    except (OSError, EOFError, zlib.error) as error:
        raise SnapshotError(
            "A bulk snapshot cannot be read",
            details=f"{path}: {error}",
            suggestion="Run `mtg-db download --refresh` to fetch it again.",
        ) from error


def _parse(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def split_array(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the elements of a JSON array of objects as lines, from pieces of its text.

    This was the bulk format until July 2026; mirrors still serve it.

    Raises
    ------
    SnapshotError
        The text is not a JSON array of objects, or ends early.
    """
    decoder = json.JSONDecoder()
    to_text = codecs.getincrementaldecoder("utf-8")()
    text, position, opened, closed = "", 0, False, False
    for chunk in chunks:
        try:
            text = text[position:] + to_text.decode(chunk)
        except UnicodeDecodeError as error:
            raise _not_an_array("it is not UTF-8") from error
        position = 0
        while True:
            while position < len(text) and text[position] in " \t\r\n,\ufeff":
                position += 1
            if position == len(text):
                break
            if closed:
                raise _not_an_array("something follows its end")
            if not opened or text[position] == "]":
                if not opened and text[position] != "[":
                    raise _not_an_array("it does not begin with [")
                opened, closed = True, opened
                position += 1
                continue
            try:
                value, end = decoder.raw_decode(text, position)
            except (ValueError, RecursionError) as error:
                if len(text) - position > LONGEST_ROW:
                    raise _not_an_array("an element is damaged or too long") from error
                break  # incomplete: wait for the next piece
            position = end
            yield json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    if not closed:
        raise _not_an_array("it ends before its last ]")


def _not_an_array(why: str) -> SnapshotError:
    return SnapshotError(
        "The server's bulk file is not a JSON array of cards",
        details=why,
        suggestion="Try again; if you named another server than Scryfall's, check its address.",
    )
