"""How the cards of a photo lie: one answer for each, in reading order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtg_image_db.recognise.arrangement import distinct, in_reading_order, with_outlines
from mtg_image_db.recognise.evidence import Evidence
from mtg_image_db.recognise.examiner import Card, Finding
from mtg_image_db.recognise.gallery import Hit
from mtg_image_db.recognise.quads import covered, overlap, turned
from mtg_image_db.recognise.verdict import Verdict

Quad = NDArray[np.float32]
CARD = np.array([[0, 0], [63, 0], [63, 88], [0, 88]], dtype=np.float32)


def at(x: float, y: float, turn: float = 0) -> Quad:
    """A card whose top left corner lies there, turned clockwise about it by so many degrees."""
    angle = np.radians(turn)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(CARD @ matrix + [x, y], dtype=np.float32)


def finding(quad: Quad, seen: Quad | None = None, verdict: Verdict = "confident") -> Finding:
    """A finding at a quad; it was cut out at another if `seen` is given."""
    card = Card(quad if seen is None else seen, None, None, ())  # type: ignore[arg-type]
    return Finding(quad, 0, verdict, Evidence(0, 0.0, 0, None), card)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_is_read_row_by_row_whichever_way_the_photo_was_taken(turn: int) -> None:
    page = [
        at(70 * column + 2 * row, 95 * row + 3 * column) for row in range(3) for column in (0, 1, 2)
    ]
    angle = np.radians(turn)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = [np.asarray(quad @ matrix + 400, dtype=np.float32) for quad in page]
    rng = np.random.default_rng(turn)
    for _ in range(10):
        mixed = rng.permutation(len(seen))
        order = in_reading_order([seen[place] for place in mixed])
        assert [int(mixed[place]) for place in order] == list(range(9))


def test_one_card_upside_down_does_not_turn_the_page() -> None:
    row = [at(0, 0), at(133, 88, 180), at(140, 0)]
    for mixed in permutations(range(3)):
        order = in_reading_order([row[place] for place in mixed])
        assert [mixed[place] for place in order] == [0, 1, 2]


@given(st.lists(st.tuples(*[st.integers(-2000, 2000)] * 2, st.integers(0, 359)), max_size=12))
def test_each_card_is_read_once(cards: list[tuple[int, int, int]]) -> None:
    order = in_reading_order([at(*card) for card in cards])
    assert sorted(order) == list(range(len(cards)))


def test_two_findings_at_one_place_are_one_card() -> None:
    first, again = finding(at(0, 0), at(1, 1)), finding(at(1, 0), at(3, 3))
    assert distinct([again, first]) == [first]


def test_a_named_card_stands_before_an_unknown_one_at_its_place() -> None:
    named, unknown = finding(at(0, 0)), finding(at(2, 2), verdict="none")
    assert distinct([unknown, named]) == [named]


def test_a_card_whose_neighbour_was_seen_in_its_place_stays_as_an_unknown_card() -> None:
    over, under = at(0, 12), at(0, 0)
    both = distinct([finding(over), finding(over, seen=under)])
    assert [(one.verdict, one.quad[0, 1]) for one in both] == [("confident", 12), ("none", 0)]


@pytest.mark.parametrize("verdict", ["none", "confident"])
def test_a_card_that_was_taken_both_ways_up_is_one_card(verdict: Verdict) -> None:
    first, again = finding(at(0, 0), verdict=verdict), finding(turned(at(1, 1)), verdict="none")
    assert distinct([first, again]) == [first]


def test_neighbours_in_a_fan_stay_apart() -> None:
    fan = [finding(at(0, 8 * number), verdict="none") for number in range(5)]
    assert len(distinct(fan)) == 5


def test_quads_have_as_much_in_common_in_a_mirror() -> None:
    one, other = at(0, 0), at(20, 10)
    for some in (one, one[::-1]):
        for more in (other, other[[1, 0, 3, 2]]):
            assert overlap(some, more) == pytest.approx(overlap(one, other))
            assert covered(some, more) == pytest.approx(43 * 78 / (63 * 88))


def test_an_outline_replaces_the_unknown_card_within() -> None:
    inner, outer = finding(at(5, 5), verdict="none"), finding(at(0, 0), verdict="none")
    assert with_outlines([inner], [outer]) == [outer]


def test_an_outline_of_several_cards_is_that_of_a_page() -> None:
    page = 3 * at(0, 0)
    cards = [finding(at(63 * x, 88 * y), verdict="none") for y in range(3) for x in range(3)]
    assert len(with_outlines(cards, [finding(page, verdict="none")])) == 9


def test_a_named_outline_is_one_card_whatever_was_seen_within() -> None:
    named = finding(at(0, 0))
    askew = 0.8 * at(20, 5, 15), 0.8 * at(5, 20, -10)
    strange = [finding(quad.astype(np.float32), verdict="none") for quad in askew]
    assert with_outlines(strange, [named]) == [named]
    assert with_outlines([named, *strange], [named]) == [named]


def test_an_outline_changes_nothing_beside_it() -> None:
    beside = finding(at(100, 0), verdict="none")
    found = with_outlines([beside], [finding(at(0, 0))])
    assert len(found) == 2
    assert any(one is beside for one in found)


def test_without_local_features_the_higher_score_is_the_stronger_finding() -> None:
    def scored(quad: Quad, score: float) -> Finding:
        one = finding(quad)
        return replace(one, card=replace(one.card, hits=(Hit(score, 0, 0),)))

    outer, inner = scored(at(0, 0), 0.97), scored((0.8 * at(10, 10)).astype(np.float32), 0.93)
    assert with_outlines([inner], [outer]) == [outer]
