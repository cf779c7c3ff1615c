"""Read a title's letters: their probabilities, place by place.

The network (training/title_net.py) gives for each of 120 places along a title the probability of
each character, of none, and of `COVERED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.network import normalised, open_network

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels

COVERED = "…"
"""Stands for letters that something hides."""
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 " + COVERED
"""What the reader tells apart: plain names (`scryfall.names.plain`), and what is hidden."""
CODES = {letter: code for code, letter in enumerate(ALPHABET, start=1)}
"""The classes of the characters; 0 is the blank."""
_WEIGHTS = Path(__file__).with_name("titles.onnx")


class TitleNet:
    """The network, run by ONNX Runtime on the CPU. Threads may share one.

    Raises
    ------
    EncoderError
        Its file is missing or damaged.
    """

    def __init__(self, weights: Path = _WEIGHTS) -> None:
        self._session = open_network(weights, "titles")

    def read(self, strips: Sequence[Pixels]) -> NDArray[np.float32]:
        """Log-probabilities by place, [n, 120, 1 + 38], of grey strips [40, 240]."""
        [logs] = self._session.run(None, {"strips": normalised(strips)})
        return np.asarray(logs, dtype=np.float32)


@lru_cache(maxsize=1)
def title_net() -> TitleNet:
    """The network, loaded once."""
    return TitleNet()


def best_text(logs: NDArray[np.float32]) -> str:
    """The most probable text, read place by place, of log-probabilities [T, classes]."""
    codes = logs.argmax(axis=1)
    kept = codes[np.insert(codes[1:] != codes[:-1], 0, True)]
    return "".join(ALPHABET[code - 1] for code in kept if code)
