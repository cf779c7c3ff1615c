"""Which thresholds would photos choose? Fitted on one half of them, tried on the other."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mtg_image_db.evaluation.scores import PhotoResult, Share
from mtg_image_db.recognise.verdict import LIKELY_POINTS

_CHANCE = 0.05


@dataclass(frozen=True)
class FittedThreshold:
    """A threshold that one half of the photos chooses, and what it gives on the other half.

    Parameters
    ----------
    points
        The smallest number that no wrong answer of the first half has, and a margin.
    margin
        A half as large, whose wrong answers grow rarer at the same rate beyond what was seen, has
        one beyond it in one of twenty cases.
    wrong, kept
        Of the other half's answers with so many points, the wrong ones; of its right answers,
        those with so many points.
    """

    points: int
    margin: int
    wrong: Share
    kept: Share


@dataclass(frozen=True)
class Fit:
    """Answers by points, whatever their verdict.

    Parameters
    ----------
    right, wrong
        Right is the name of a card in the photo.
    refused
        Answers left out: they had points enough, but another artwork had nearly as many, or no
        outline was found. No threshold decides about them.
    levels
        For each half, without and with the margin.
    """

    right: Counter[int]
    wrong: Counter[int]
    refused: int
    levels: tuple[FittedThreshold, ...]


def fit(outcomes: Sequence[PhotoResult]) -> Fit:
    """Fit thresholds for `CardAnswer.points`; a hash of the file name says which half it is in."""
    halves: tuple[list[tuple[int, bool]], list[tuple[int, bool]]] = ([], [])
    refused = 0
    for outcome in outcomes:
        half = hashlib.sha256(outcome.photo.file.encode()).digest()[0] % 2
        for answer, right in zip(outcome.answers, outcome.right, strict=True):
            if answer.verdict == "none" and answer.points >= LIKELY_POINTS:
                refused += 1
            else:
                halves[half].append((answer.points, right))
    levels = []
    for chosen_on, tried_on in (halves, halves[::-1]):
        wrong = [points for points, right in chosen_on if not right]
        for margin in (0, _margin(wrong)):
            least = max(wrong, default=0) + 1 + margin
            over = [right for points, right in tried_on if points >= least]
            kept = Share(sum(over), sum(right for _, right in tried_on))
            levels.append(FittedThreshold(least, margin, Share(over.count(False), len(over)), kept))
    every = halves[0] + halves[1]
    right_ones = Counter(points for points, right in every if right)
    return Fit(right_ones, Counter(p for p, right in every if not right), refused, tuple(levels))


def _margin(wrong: Sequence[int]) -> int:
    """Of as many new wrong answers one is expected beyond the highest.

    Where those above the median fall off exponentially, it is a twentieth of one beyond
    ``-ln(1/20)`` times their mean excess more.
    """
    middle = sorted(wrong)[len(wrong) // 2] if wrong else 0
    excess = [points - middle for points in wrong if points > middle]
    return math.ceil(-math.log(_CHANCE) * sum(excess) / len(excess)) if excess else 0
