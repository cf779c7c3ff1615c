"""How likely each of many names is, given the letters' probabilities along a title.

Connectionist temporal classification (Graves et al., ICML 2006), with one addition: of a name, runs
of letters may be hidden, where the network sees that something covers the title.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.title_reader import CODES, COVERED

NOTHING = len(CODES) + 1
"""The code after a name's end: no place shows it."""
_BLANK = 0
_HIDDEN = CODES[COVERED]
COVER = 0.005
"""Prior probability that letters are hidden at a given place. By hand: a name that goes on where
nothing covers it must not be taken for a shorter one."""
_SURELY_SEEN = 0.01
"""Probability of `COVERED` up to which no letters are taken for hidden. By hand."""
_SURELY_BLANK = 0.9995
"""Probability of the blank from which on nothing else is considered. By hand."""
_RESCALED = 4
"""At every fourth place, probabilities are divided by their sum, so that they do not get too small
for their type. At each place, that would take nearly as long as all else. A name that has less than
1e-38 after four places is not the one that is written there. By hand."""


def encoded(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The codes of the letters of texts, [n, most], filled up with `NOTHING`; and their lengths."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.full((len(texts), lengths.max(initial=0)), NOTHING, dtype=np.uint8)
    for row, text in enumerate(texts):
        codes[row, : len(text)] = [CODES[letter] for letter in text]
    return codes, lengths


def log_likelihoods(
    logs: NDArray[np.float32], names: NDArray[np.uint8], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The log-likelihood of each name, [n].

    Parameters
    ----------
    logs
        Log-probabilities by place, [T, classes].
    names
        From `encoded`, [n, most].
    lengths
        Letters of each name, [n]; at least one.
    """
    kept = _without_blanks(logs)
    chances = np.zeros((len(kept), NOTHING + 1), dtype=np.float32)
    chances[:, :-1] = np.exp(kept)
    covered = bool(chances[:, _HIDDEN].max(initial=0.0) > _SURELY_SEEN)
    count, most = names.shape
    # As doubled letters need a blank between them, one cannot follow the other at once.
    follows = np.ones((count, most), dtype=np.float32)
    follows[:, 1:] = names[:, 1:] != names[:, :-1]
    # The probability of all ways to have come this far, over that of all ways to be anywhere, whose
    # logarithm is `scale`. By how many letters have been seen or hidden: the last place shows a
    # blank, a letter, or what covers letters.
    blanks = np.zeros((count, most + 1), dtype=np.float32)
    letters = np.zeros_like(blanks)
    covers = np.zeros_like(blanks)
    blanks[:, 0] = 1.0
    scale = np.zeros(count)
    letters_of = names.astype(np.intp)  # once, and not at every place
    for place, chance in enumerate(chances, start=1):
        anything = blanks + letters
        written = letters[:, :-1] * follows
        written += letters[:, 1:]
        written += blanks[:, :-1]
        if covered:
            # At least one letter is hidden.
            written[:, 1:] += np.cumsum(covers, axis=1)[:, :-2]
            covers *= chance[_HIDDEN] + chance[_BLANK]
            covers += anything * (COVER * chance[_HIDDEN])
        np.multiply(written, chance.take(letters_of, mode="clip"), out=letters[:, 1:])
        np.multiply(anything, chance[_BLANK], out=blanks)
        if place % _RESCALED and place < len(chances):
            continue
        total = blanks.sum(axis=1) + letters.sum(axis=1)
        if covered:
            total += covers.sum(axis=1)
        total = np.maximum(total, np.finfo(np.float32).tiny)
        scale += np.log(total)
        blanks /= total[:, None]
        letters /= total[:, None]
        if covered:
            covers /= total[:, None]
    rows = np.arange(count)
    ended = blanks[rows, lengths] + letters[rows, lengths]
    hides = np.cumsum(covers, axis=1)[rows, lengths - 1]
    with np.errstate(divide="ignore"):
        return np.asarray(np.log((ended + hides).astype(np.float64)) + scale)


def _without_blanks(logs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The places, without repeated ones that are surely blank."""
    blank = logs[:, _BLANK] > np.log(_SURELY_BLANK)
    repeated = np.zeros_like(blank)
    repeated[1:] = blank[1:] & blank[:-1]
    return np.asarray(logs[~repeated], dtype=np.float32)
