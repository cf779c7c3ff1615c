"""How the cards of a photo lie: which answers are about one card, and in which order one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from mtg_image_db.recognise.quads import apart, area_of, covered, side_lengths, turned

if TYPE_CHECKING:
    from mtg_image_db.recognise.examiner import Finding
    from mtg_image_db.recognise.quads import Quad

_SAME = 0.08
"""Corners that lie apart by less than this share of a card's side, on average, are of one card. By
hand: neighbours in a fan lie 8 mm of some 75 apart, which is 0.11."""
_MUCH_SMALLER = 0.6
"""Share of a named card's area under which a quad in it is a part of it. By hand: cards in one
photo are about as large."""
_WITHIN = 0.6
"""A quad lies within a card if at least this share of its area does. By hand."""
_TOUCHING = 0.25
"""Corners of the halves of a split card meet within this share of a half's side. By hand: a half is
outlined less exactly than a card."""
_SAME_ROW = 0.5
"""The middle of a card is in a row if it is less than this share of a card's height above or below
the row's. By hand."""


def distinct(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for each card, whichever side of it was taken for its top.

    Corners that geometry corrected may be those of a neighbour, whose picture reaches into the
    cut-out card. Then the card keeps its place, and has no name.
    """
    kept: list[Finding] = []

    def is_new(quad: Quad) -> bool:
        ways = quad, turned(quad)
        return all(apart(one, other.quad) > _SAME for other in kept for one in ways)

    for finding in sorted(findings, key=lambda one: (one.verdict == "none", _off(one))):
        if any(_is_part(finding, other) for other in findings):
            continue
        if is_new(finding.quad):
            kept.append(finding)
        elif is_new(finding.card.quad):
            kept.append(replace(finding, verdict="none", quad=finding.card.quad))
    return kept


def joined_halves(findings: Sequence[Finding]) -> list[Quad]:
    """The cards of which two quads may be the halves: split cards look like two cards.

    The halves lie side by side, and their tops are at the card's left. One of them at least has no
    name: rows of known cards are no halves.
    """
    return [
        np.stack([right[1], right[2], left[3], left[0]])
        for (left, one), (right, other) in permutations(
            [(finding.card.quad, finding.verdict) for finding in findings], 2
        )
        if "none" in (one, other)
        and np.hypot(*(left[[1, 2]] - right[[0, 3]]).T).max()
        < _TOUCHING * side_lengths(left).mean()
    ]


def with_outlines(findings: Sequence[Finding], outlined: Sequence[Finding]) -> list[Finding]:
    """Cards that were detected, and those that were outlined on a plain ground.

    An outline is more exact than what is detected within it, if that is one card without a name. If
    it is more, an outline without a name is that of a page.
    """
    kept = list(findings)
    for one in outlined:
        within = [other for other in kept if covered(other.quad, one.quad) > _WITHIN]
        named = one.verdict != "none"
        lost = [other for other in within if is_weaker(other, one)] if named else within
        if named or (len(lost) < 2 and all(other.verdict == "none" for other in lost)):
            kept = [other for other in kept if all(other is not gone for gone in [*lost, one])]
            kept.append(one)
    return distinct(kept)


def is_weaker(finding: Finding, other: Finding) -> bool:
    """Whether it says less than a named finding; without local features, scores decide."""

    def says(one: Finding) -> tuple[int, float]:
        return one.evidence.points, one.card.score

    return finding.verdict == "none" or says(finding) < says(other)


def _is_part(finding: Finding, other: Finding) -> bool:
    """Whether it lies within a named card and is much smaller: its art, or one of two halves."""
    smaller = area_of(finding.quad) < _MUCH_SMALLER * area_of(other.quad)
    named = other.verdict != "none"
    return (
        named
        and is_weaker(finding, other)
        and smaller
        and covered(finding.quad, other.quad) > _WITHIN
    )


def _off(finding: Finding) -> float:
    """How far its corners were corrected."""
    return apart(finding.quad, finding.card.quad)


def in_reading_order(quads: Sequence[Quad]) -> list[int]:
    """The places of quads, row by row as the cards lie, each row from the left.

    "Up" is where most of the cards have their tops, to a quarter of a turn.
    """
    if not quads:
        return []
    tops = np.array([quad[:2].mean(axis=0) - quad[2:].mean(axis=0) for quad in quads])
    turns = np.round(np.degrees(np.arctan2(tops[:, 0], -tops[:, 1])) / 90).astype(int) % 4
    angle = np.radians(90 * np.bincount(turns, minlength=4).argmax())
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middles = np.array([quad.mean(axis=0) for quad in quads]) @ turn.T
    height = float(np.median([side_lengths(quad)[[1, 3]].mean() for quad in quads]))
    rows: list[list[int]] = []
    for place in map(int, np.argsort(middles[:, 1], kind="stable")):
        row = rows[-1] if rows else None
        if row and middles[place, 1] - middles[row, 1].mean() < _SAME_ROW * height:
            row.append(place)
        else:
            rows.append([place])
    return [place for row in rows for place in sorted(row, key=lambda p: float(middles[p, 0]))]
