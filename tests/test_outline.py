"""Cards that lie apart on a plain ground are found by their outlines."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mtg_image_db.recognise.outline import outlines_on_ground
from mtg_image_db.recognise.quads import overlap

Quad = NDArray[np.float32]
WOOD, CARD = (92, 70, 48), (140, 150, 200)


def laid(middle: tuple[float, float], degrees: float, height: float = 400) -> Quad:
    """The corners of a card whose middle lies there, turned clockwise."""
    angle = math.radians(degrees)
    corners = np.array([[-31.5, -44], [31.5, -44], [31.5, 44], [-31.5, 44]]) * (height / 88)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray(corners @ turn + middle, dtype=np.float32)


def table(*cards: Quad, grain: float = 6) -> NDArray[np.uint8]:
    """A photo of cards on a table, of which the colours differ by the grain."""
    photo = np.full((720, 1280, 3), WOOD, np.float32)
    for card in cards:
        cv2.fillConvexPoly(photo, np.rint(card).astype(np.int32), CARD)
    noise = cv2.resize(np.random.default_rng(0).normal(0, grain, (180, 320, 1)), (1280, 720))
    return np.asarray(np.clip(photo + noise[..., None], 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("degrees", [0, 7, 44, 80, 90, 133, 180, 265])
def test_a_card_is_outlined_from_the_left_end_of_a_short_side(degrees: float) -> None:
    card = laid((640, 360), degrees)
    [found] = outlines_on_ground(table(card))
    assert overlap(found, card) > 0.95
    off = [np.abs(np.roll(card, turn, axis=0) - found).max() for turn in (0, 2)]
    assert min(off) < 12


def test_all_cards_that_lie_apart_are_outlined() -> None:
    cards = [laid((250, 360), 3), laid((640, 340), 91), laid((1040, 370), -8)]
    found = outlines_on_ground(table(*cards))
    assert len(found) == 3
    for card in cards:
        assert max(overlap(card, one) for one in found) > 0.95


def test_a_card_seen_from_the_side_is_outlined() -> None:
    card = np.array([[430, 120], [790, 100], [870, 600], [380, 620]], np.float32)
    [found] = outlines_on_ground(table(card))
    assert overlap(found, card) > 0.95


@pytest.mark.parametrize(
    "photo",
    [
        table(),
        table(laid((640, 360), 5), grain=60),  # a ground that is not alike
        table(laid((640, 360), 0), laid((640, 360), 60)),  # cards on each other
        table(laid((640, 360), 0, 1500)),  # a card that fills the photo
        table(laid((640, 360), 0, 60)),  # too small
        table(np.array([[200, 300], [1100, 300], [1100, 420], [200, 420]], np.float32)),  # a ruler
        np.zeros((3, 2, 3), np.uint8),
    ],
)
def test_what_is_no_card_alone_is_not_outlined(photo: NDArray[np.uint8]) -> None:
    assert outlines_on_ground(photo) == []
