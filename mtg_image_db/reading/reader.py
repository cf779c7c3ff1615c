"""Read collector lines: the likelihood of each text that a printing allows.

The network (training/reader_net.py) gives for each of some 40 places along a strip the probability
of each character, or of none; for the upper and for the lower line. The likelihood of a text is the
sum over all ways to write it along these places: connectionist temporal classification (Graves et
al., ICML 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.network import normalised, open_network

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ•★/"
"""What the reader tells apart; `/` stands between year and number in old frames."""

_WEIGHTS = Path(__file__).with_name("collector_lines.onnx")
_CODES = {letter: code for code, letter in enumerate(ALPHABET, start=1)}


@dataclass(frozen=True, eq=False)
class Lines:
    """What a strip says.

    Parameters
    ----------
    upper, lower
        Log-probabilities of the blank and of each character at each place, float32 [T, 1 + 39].
    strip
        Its grey pixels, [64, W].
    """

    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    strip: Pixels

    @property
    def text(self) -> tuple[str, str]:
        """The most probable text of each line, read place by place."""
        return _best_text(self.upper), _best_text(self.lower)

    def log_upper(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The log-probability of each text as the upper line, [n]."""
        return log_probability(self.upper, texts)

    def log_lower(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The log-probability of each text as the lower line, [n]."""
        return log_probability(self.lower, texts)


class LineReader:
    """The network, run by ONNX Runtime on the CPU. Threads may share one.

    Raises
    ------
    EncoderError
        Its file is missing or damaged.
    """

    def __init__(self) -> None:
        self._session = open_network(_WEIGHTS, "collector lines")

    def read(self, strips: Sequence[Pixels]) -> list[Lines]:
        """Read grey strips [64, W] of one width."""
        if not strips:
            return []
        [out] = self._session.run(None, {"strips": normalised(strips)})
        return [Lines(one[0], one[1], strip) for one, strip in zip(out, strips, strict=True)]


@lru_cache(maxsize=1)
def line_reader() -> LineReader:
    """The reader, loaded once."""
    return LineReader()


def log_probability(logs: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float64]:
    """The log-probability of each text under CTC, all at once.

    Parameters
    ----------
    logs
        Log-probabilities by place, [T, classes]; class 0 is the blank.
    texts
        Made of `ALPHABET`; an empty text means that nothing is written there.
    """
    if not texts:
        return np.zeros(0)
    most = max(len(text) for text in texts)
    # Blank, first letter, blank, second letter, ... blank: [n, S].
    states = np.zeros((len(texts), 2 * most + 1), dtype=np.int64)
    for row, text in enumerate(texts):
        states[row, 1 : 2 * len(text) : 2] = [_CODES[letter] for letter in text]
    ends = np.array([2 * len(text) for text in texts])
    # From two states before one may come if that is another letter: blanks may be left out.
    skips = np.zeros(states.shape, dtype=bool)
    skips[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    places = logs.astype(np.float64)
    never = -np.inf
    reached = np.full(states.shape, never)
    reached[:, 0] = places[0, 0]
    if most:
        reached[:, 1] = places[0][states[:, 1]]
    padding = np.full((len(texts), 2), never)
    for place in places[1:]:
        before = np.concatenate([padding, reached], axis=1)
        one, two = before[:, 1:-1], np.where(skips, before[:, :-2], never)
        reached = np.logaddexp(np.logaddexp(reached, one), two) + place[states]
    rows = np.arange(len(texts))
    last = reached[rows, ends]
    return np.asarray(np.logaddexp(last, np.where(ends > 0, reached[rows, ends - 1], never)))


def _best_text(logs: NDArray[np.float32]) -> str:
    codes = logs.argmax(axis=1)
    kept = codes[np.insert(codes[1:] != codes[:-1], 0, True)]
    return "".join(ALPHABET[code - 1] for code in kept if code)
