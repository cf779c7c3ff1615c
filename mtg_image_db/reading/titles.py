"""Name cards of which only the title shows: by the letters, and the names that the database has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.title_likelihood import COVER, NOTHING, encoded, log_likelihoods
from mtg_image_db.reading.title_reader import COVERED, best_text, title_net
from mtg_image_db.reading.title_strip import cut_title, title_corners
from mtg_image_db.system.cores import in_order, usable_cores

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.reading.title_names import TitleNames

TitleVerdict: TypeAlias = Literal["confident", "likely", "none"]

_LOWER = (0.0, -3.0, 3.0)
"""So much lower than it should be the title is looked for, in millimetres: corners of covered cards
are off by up to 6 % of a card's height, and a strip has room for 3 mm."""
_CANDIDATES = 160
"""Most names whose likelihood is asked for: it takes 4 ms. By hand."""
_BOUNDS: dict[TitleVerdict, tuple[float, float]] = {"confident": (6.0, 5.0), "likely": (5.0, 8.0)}
"""Least margin and most gap of each verdict, in nats (see `TitleReading`). Chosen on 310 titles of
photos and 800 of held-out scans, each read with its name among 30,000 and without
(docs/decisions.md)."""


_LEAST_LETTERS = 6
"""So many letters must have been read, or exactly those of a shorter title: in a small database,
the first letter may tell all names apart, and "g ohar", of Izzet Charm, was taken for Char. By
hand."""
_SURELY_READ = -1.0
"""A text of six letters and more that is at least so likely, in nats, stands where it was looked
for, though no name resembles it. Of 166 such texts in 177 photos that were not `confident`, 124
had at least this likelihood. Nine could be named a little higher or lower; the surest of these had
-2.3 (docs/decisions.md)."""
_MOST_MARGIN = 100.0
"""Margin of a name that no other resembles, in nats."""


@dataclass(frozen=True, eq=False)
class TitleReading:
    """What a card's title says.

    Parameters
    ----------
    name
        The card's name, as the database has it; empty if no name resembles what was read.
    title
        The title that was read, plainly: that of a half, or a printed name in another language.
    verdict
        How sure that is.
    log_likelihood
        Of this name, in nats.
    margin
        By how much the second-best card is less likely, in nats; 100 at most.
    gap
        By how much the name is less likely than `text`. It is large where the database lacks the
        name.
    log_text
        The log-likelihood of `text`.
    text
        The letters as they are read, whatever they spell; `…` where something covers them.
    quad
        Where the title stands, in pixels of the photo, clockwise from its top left, [4, 2].
    """

    name: str
    title: str
    verdict: TitleVerdict
    log_likelihood: float
    margin: float
    gap: float
    log_text: float
    text: str
    quad: NDArray[np.float32]


def read_titles(
    photo: Pixels, quads: Sequence[NDArray[np.float32]], names: TitleNames
) -> list[TitleReading]:
    """Read the titles of cards.

    Parameters
    ----------
    photo
        RGB [h, w, 3], or grey [h, w].
    quads
        The corners of each card in pixels of `photo`, float32 [4, 2], clockwise from the card's own
        top left. They may lie outside, and may be off by 6 % of the card's height.
    names
        What may be written there.

    Returns
    -------
    One reading for each card, in the same order.

    Raises
    ------
    EncoderError
        The network's file is missing or damaged.
    """
    places = [title_corners(quad, _LOWER[0]) for quad in quads]
    both = zip(_letters(photo, places), places, strict=True)
    readings = [read_title(logs, place, names) for logs, place in both]
    # A title that is not read where it should be may stand a little higher or lower.
    unread = [row for row, one in enumerate(readings) if not _is_read(one)]
    beside = [title_corners(quads[row], lower) for row in unread for lower in _LOWER[1:]]
    again = list(zip(_letters(photo, beside), beside, strict=True))
    for at, row in enumerate(unread):
        first = readings[row]
        shifted = [
            read_title(logs, place, names)
            for logs, place in again[at * 2 : at * 2 + 2]
            # Where fewer letters are read, the title is cut, and its rest may be another name.
            if len(best_text(logs)) >= len(first.text)
        ]
        best = max([first, *shifted], key=_sureness)
        # There it may be another card's as well.
        if best is not first and not any(
            one.name == best.name and other != row and _near(best.quad, one.quad)
            for other, one in enumerate(readings)
        ):
            readings[row] = best
    return readings


def _is_read(one: TitleReading) -> bool:
    """Whether a title was read where it should be, even if the database lacks it."""
    surely = len(one.text) >= _LEAST_LETTERS and one.log_text >= _SURELY_READ
    return one.verdict == "confident" or surely


def _sureness(one: TitleReading) -> tuple[int, float]:
    return ("none", "likely", "confident").index(one.verdict), one.margin - one.gap


def _near(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two strips show the same title: each is higher than two lines of letters."""
    apart = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    return bool(apart < np.linalg.norm(one[3] - one[0]))


def _letters(photo: Pixels, places: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The letters' log-probabilities along each title."""
    if not places:
        return []
    # Here, so that threads do not load it side by side.
    net = title_net()

    def read(part: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return net.read([cut_title(photo, place) for place in part])

    size = math.ceil(len(places) / usable_cores())
    parts = [places[start : start + size] for start in range(0, len(places), size)]
    return [logs for _, some in in_order(read, parts, len(parts)) for logs in some]


def read_title(
    logs: NDArray[np.float32], quad: NDArray[np.float32], names: TitleNames
) -> TitleReading:
    """Which name letters spell, by their log-probabilities along a title [T, classes]."""
    text = best_text(logs)
    rows = names.like(text, _CANDIDATES)
    # The text itself is compared as one more.
    own, length = encoded([text])
    most = max(int(names.lengths[rows].max(initial=0)), len(text))
    codes = np.full((len(rows) + 1, most), NOTHING, dtype=np.uint8)
    codes[:-1, : names.codes.shape[1]] = names.codes[rows, :most]
    codes[-1, : len(text)] = own
    *each, free = log_likelihoods(logs, codes, np.append(names.lengths[rows], length))
    scores = np.array(each)
    log_text = float(free) + text.count(COVERED) * math.log(COVER)
    if not np.isfinite(scores).any():
        return TitleReading("", "", "none", -np.inf, 0.0, np.inf, log_text, text, quad)
    order = np.argsort(-scores)
    best = rows[order[0]]
    score = float(scores[order[0]])
    others = [scores[at] for at in order if names.names[rows[at]] != names.names[best]]
    margin = min(_MOST_MARGIN, score - float(max(others, default=-np.inf)))
    gap = log_text - score
    title = names.titles[best]
    letters = len(text.replace(COVERED, ""))
    enough = letters >= _LEAST_LETTERS if len(title) >= _LEAST_LETTERS else text == title
    return TitleReading(
        name=names.names[best],
        title=title,
        verdict=_verdict(margin, gap) if enough else "none",
        log_likelihood=score,
        margin=margin,
        gap=gap,
        log_text=log_text,
        text=text,
        quad=quad,
    )


def _verdict(margin: float, gap: float) -> TitleVerdict:
    for verdict, (least, most) in _BOUNDS.items():
        if margin >= least and gap <= most:
            return verdict
    return "none"
