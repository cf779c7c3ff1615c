"""The titles that may stand on cards, and which of them a text resembles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.title_likelihood import NOTHING, encoded
from mtg_image_db.reading.title_reader import CODES, COVERED
from mtg_image_db.scryfall.names import NAMES, plain
from mtg_image_db.scryfall.values import text_of

_LETTERS = len(CODES)
_SPACE = CODES[" "]
_LONGEST = 40
"""Letters of a name that are compared: 60 mm hold no more. By hand."""


class TitleNames:
    """All titles of a database, each with the name of its card.

    Parameters
    ----------
    pairs
        Titles, as they are printed, and the names of their cards; `titles_of` makes them of a
        record. A title in letters that the reader does not know is left out.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        owners: dict[str, str] = {}
        for title, name in pairs:
            text = plain(title)[:_LONGEST].strip()
            if not text or not text.isascii():
                continue
            known = owners.setdefault(text, name)
            # "Bind" is a card, and one half of another: the whole name wins.
            if known != name and plain(known) != text:
                owners[text] = name if plain(name) == text else min(known, name)
        self.titles = tuple(owners)
        self.names = tuple(owners.values())
        self.codes, self.lengths = encoded(self.titles)
        self._index()

    def __len__(self) -> int:
        """How many titles."""
        return len(self.titles)

    def like(self, text: str, most: int) -> NDArray[np.int64]:
        """The rows of titles that share most pairs and triples of letters with a text.

        Parameters
        ----------
        text
            What was read; parts of it may be `COVERED`.
        most
            So many rows at most.
        """
        grams: list[NDArray[np.int64]] = []
        for part in (" " + text + " ").split(COVERED):
            codes = np.array([[CODES[letter] for letter in part]], dtype=np.int64)
            grams += [gram[gram >= 0] for gram in _grams(codes)]
        wanted = np.unique(np.concatenate(grams)) if grams else np.zeros(0, np.int64)
        spans = [slice(self._starts[gram], self._starts[gram + 1]) for gram in wanted.tolist()]
        if not spans or not self.titles:
            return np.zeros(0, dtype=np.int64)
        owners = np.concatenate([self._owners[span] for span in spans])
        sizes = [span.stop - span.start for span in spans]
        weights = np.repeat(self._rarity[wanted], sizes)
        shared = np.bincount(owners, weights, minlength=len(self.titles))
        # Half of them by what they share at all, as of a title that is partly covered; half by
        # what they do not share as well.
        half = min(most // 2, len(shared))
        found = [
            np.argpartition(-score, half - 1)[:half] for score in (shared, shared / self._whole)
        ]
        rows = np.unique(np.concatenate(found))
        return np.asarray(rows[shared[rows] > 0], dtype=np.int64)

    def _index(self) -> None:
        """Which titles have each pair and each triple of letters."""
        count, width = self.codes.shape
        padded = np.zeros((count, width + 2), dtype=np.int64)
        padded[:, 1:-1] = np.where(self.codes == NOTHING, 0, self.codes)
        padded[:, 0] = _SPACE
        padded[np.arange(count), self.lengths + 1] = _SPACE
        parts = _grams(padded)
        grams = np.concatenate([part.ravel() for part in parts])
        owners = np.concatenate([np.repeat(np.arange(count), part.shape[1]) for part in parts])
        grams, owners = grams[grams >= 0], owners[grams >= 0]
        # Each gram of a title once.
        keys = np.sort(grams * max(count, 1) + owners)
        keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
        grams = keys // max(count, 1)
        self._owners = (keys % max(count, 1)).astype(np.int32)
        sizes = np.bincount(grams, minlength=_GRAMS)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._rarity = np.log((count + 1) / (sizes + 1.0)) + 0.1
        whole = np.bincount(self._owners, self._rarity[grams], minlength=count)
        self._whole = np.sqrt(whole + 1.0)


_BASE = _LETTERS + 1
_GRAMS = _BASE**2 + _BASE**3


def _grams(codes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Numbers of the pairs and triples of letters of each row; -1 where it has ended."""
    found = []
    for size, first in ((2, 0), (3, _BASE**2)):
        width = codes.shape[1] - size + 1
        if width < 1:
            continue
        parts = [codes[:, i : i + width] for i in range(size)]
        number = np.zeros_like(parts[0])
        whole = np.ones(number.shape, dtype=bool)
        for part in parts:
            number = number * _BASE + part
            whole &= part > 0
        found.append(np.where(whole, number + first, -1))
    return found


def titles_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The titles on a card, by its record in a database, each with the card's name.

    Both halves of ``A // B`` have a title of their own. Printed names in other languages are titles
    as well.
    """
    card = card_of(text_of(record, "name"))
    for title in halves_of(text_of(record, key) for key in NAMES):
        yield title, card


def halves_of(names: Iterable[str]) -> dict[str, None]:
    """The titles that a card with these names has, each once."""
    return dict.fromkeys(half for name in names if name for half in name.split(" // ") if half)


def card_of(name: str) -> str:
    """The name of a card, by that of its record: an art card is called ``A // A``."""
    return " // ".join(halves_of([name])) if " // " in name else name
