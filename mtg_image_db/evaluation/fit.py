"""Fit thresholds on one half of the photos, and try them on the other half."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mtg_image_db.evaluation.scores import PhotoResult, Share
from mtg_image_db.recognise.verdict import LIKELY_POINTS

_CHANCE = 0.05
"""Share of halves in which a wrong answer may lie beyond the margin: the usual 5 %."""


@dataclass(frozen=True)
class FittedThreshold:
    """A threshold fitted on one half of the photos, and its results on the other half.

    Parameters
    ----------
    points
        The smallest number of points that no wrong answer of the first half reaches, plus a margin.
    margin
        Chosen so that a half of the same size has a wrong answer beyond it in one of twenty cases,
        if wrong answers keep getting rarer at the same rate.
    wrong, kept
        On the other half: the share of wrong answers among those with so many points, and the share
        of right answers that have so many points.
    """

    points: int
    margin: int
    wrong: Share
    kept: Share


@dataclass(frozen=True)
class ThresholdFit:
    """Answers by points, whatever their verdict; not those that only a title names.

    Parameters
    ----------
    right, wrong
        An answer is right if it names a card in the photo.
    refused
        Answers not counted: they had enough points, but another artwork had nearly as many, or no
        outline was found. A threshold does not decide about them.
    levels
        The thresholds for each half, without and with the margin.
    """

    right: Counter[int]
    wrong: Counter[int]
    refused: int
    levels: tuple[FittedThreshold, ...]


def fit(outcomes: Sequence[PhotoResult]) -> ThresholdFit:
    """Fit thresholds for `CardAnswer.points`; a hash of the file name decides the half."""
    halves: tuple[list[tuple[int, bool]], list[tuple[int, bool]]] = ([], [])
    refused = 0
    for outcome in outcomes:
        half = hashlib.sha256(outcome.photo.file.encode()).digest()[0] % 2
        for answer, right in zip(outcome.answers, outcome.right, strict=True):
            if answer.by_title:
                continue
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
    return ThresholdFit(
        right_ones, Counter(p for p, right in every if not right), refused, tuple(levels)
    )


def _margin(wrong: Sequence[int]) -> int:
    """The margin beyond the highest wrong answer.

    Of as many new wrong answers, one is expected beyond the highest. This margin makes it a
    twentieth of one: ``-ln(1/20)`` times the mean excess of the answers above the median, if those
    fall off exponentially.
    """
    middle = sorted(wrong)[len(wrong) // 2] if wrong else 0
    excess = [points - middle for points in wrong if points > middle]
    return math.ceil(-math.log(_CHANCE) * sum(excess) / len(excess)) if excess else 0
