"""Comparing a card with the scans of its printings."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mtg_image_db.demo.distort import as_photographed
from mtg_image_db.demo.frames import Face, paint_card
from mtg_image_db.reading.likeness import compare, shows_text

Pixels = NDArray[np.uint8]

FACE = Face(
    name="Lantern Keeper",
    cost="{1}{G}",
    colours="G",
    identity="G",
    type_line="Creature — Moth",
    text="When this creature enters, draw a card.",
    flavour="It never sleeps, and never asks.",
    stats="2/2",
    motif="moth",
    art_seed="one",
)
WHERE = np.array([[[0, 0], [488, 0], [488, 680], [0, 680]]], np.float32)


@cache
def scan(
    set_code: str = "QPR",
    number: str = "7",
    border: str = "black",
    style: str = "",
    face: Face = FACE,
) -> Pixels:
    card = {
        "set": "QPR",
        "collector_number": number,
        "border_color": border,
        "rarity": "rare",
        "layout": "normal",
        "lang": "en",
        "artist": "Nobody",
        "released_at": "2025-06-13",
    }
    return np.asarray(paint_card([face], card, style, foil=False))


@cache
def symbols() -> tuple[Pixels, Pixels]:
    """Two printings that differ in their set symbol only: a disc, and a cross."""
    disc, cross = scan().copy(), scan().copy()
    cv2.circle(disc, (432, 405), 13, (10, 10, 10), -1)
    cv2.line(cross, (420, 393), (444, 417), (10, 10, 10), 6)
    cv2.line(cross, (420, 417), (444, 393), (10, 10, 10), 6)
    return disc, cross


def photo(of: Pixels, seed: int = 1) -> Pixels:
    """The card as cut out of a photo: 340 pixels high there, corners off by up to 1.2 %."""
    taken = as_photographed(Image.fromarray(of), seed)
    return np.asarray(taken.resize((244, 340), Image.Resampling.BOX))


@pytest.mark.parametrize("shown", range(3))
@pytest.mark.parametrize("seed", range(3))
def test_frames_and_borders_tell_printings_apart(shown: int, seed: int) -> None:
    scans = [scan(), scan(border="white"), scan(style="old")]
    likeness = compare(photo(scans[shown], seed), scans, 340)
    assert likeness.log_likelihoods[shown] == 0.0
    assert sorted(likeness.log_likelihoods)[1] < -5
    assert len(set(likeness.alike)) == 3
    assert likeness.regions


@pytest.mark.parametrize("shown", range(2))
@pytest.mark.parametrize("seed", range(3))
def test_a_set_symbol_tells_and_is_named(shown: int, seed: int) -> None:
    scans = symbols()
    likeness = compare(photo(scans[shown], seed), scans, 340)
    assert likeness.log_likelihoods[shown] == 0.0
    assert likeness.log_likelihoods[1 - shown] < -2
    assert likeness.regions == ("set symbol",)


def test_scans_that_differ_in_their_number_only_are_alike() -> None:
    scans = [scan(number="7"), scan(number="2851")]
    likeness = compare(photo(scans[0]), scans, 340)
    assert likeness.alike == (0, 0)
    assert likeness.log_likelihoods == (0.0, 0.0)
    assert likeness.regions == ()


def test_what_stands_in_the_lines_of_the_number_is_not_compared() -> None:
    other = scan().copy()
    other[645:663, 38:125] = 255
    likeness = compare(photo(scan()), [scan(), other], 340)
    assert likeness.alike == (0, 0)


def test_alike_scans_are_grouped_beside_others() -> None:
    scans = [scan(border="white"), scan(number="7"), scan(number="2851")]
    likeness = compare(photo(scans[2]), scans, 340)
    assert likeness.alike == (0, 1, 1)
    assert likeness.log_likelihoods[1:] == (0.0, 0.0)
    assert likeness.log_likelihoods[0] < -5


def test_what_a_small_photo_cannot_show_tells_nothing() -> None:
    scans = symbols()
    tiny = cv2.resize(photo(scans[0]), (21, 30), interpolation=cv2.INTER_AREA)
    card = np.asarray(cv2.resize(tiny, (488, 680)), dtype=np.uint8)
    likeness = compare(card, scans, 30)
    assert likeness.alike == (0, 0)


def test_what_is_under_glare_tells_nothing() -> None:
    scans = symbols()
    card = photo(scans[0]).copy()
    high, wide = card.shape[:2]
    x, y, around = round(432 / 488 * wide), round(405 / 680 * high), round(0.06 * high)
    card[y - around : y + around, x - around : x + around] = 255
    likeness = compare(card, scans, 340)
    assert likeness.log_likelihoods == (0.0, 0.0)


def test_light_and_colour_of_the_photo_change_nothing() -> None:
    scans = symbols()
    card = photo(scans[1])
    light = np.linspace(0.3, 1.0, card.shape[1])[None, :, None] * np.array([1.0, 0.8, 0.6])
    card = np.asarray(card * light, dtype=np.uint8)
    likeness = compare(card, scans, 340)
    assert likeness.log_likelihoods[1] == 0.0
    assert likeness.log_likelihoods[0] < -2


def test_corners_that_were_off_are_put_right() -> None:
    true = WHERE + np.array([[5, -4], [-4, 5], [4, 6], [-5, -4]], np.float32)
    matrix = cv2.getPerspectiveTransform(WHERE, true)
    card = cv2.warpPerspective(scan(), matrix, (488, 680), borderMode=cv2.BORDER_REPLICATE)
    likeness = compare(np.asarray(card, dtype=np.uint8), [scan(border="white"), scan()], 680)
    assert likeness.homography is not None
    corners = cv2.perspectiveTransform(WHERE, likeness.homography)
    assert np.abs(corners - true).max() < 1.5


def test_a_card_without_any_detail_is_like_all_scans() -> None:
    likeness = compare(np.full((680, 488, 3), 90, np.uint8), [scan(), scan(style="old")], 500)
    assert likeness.log_likelihoods == (0.0, 0.0)
    assert likeness.alike == (0, 0)
    assert likeness.homography is None


def test_scans_that_do_not_show_the_card_are_alike() -> None:
    turned = np.ascontiguousarray(photo(scan())[::-1, ::-1])
    likeness = compare(turned, [scan(), scan(border="white")], 340)
    assert likeness.log_likelihoods == (0.0, 0.0)
    assert likeness.alike == (0, 0)
    assert likeness.homography is None


def test_scans_of_another_size_compare() -> None:
    small = [np.asarray(cv2.resize(s, (240, 336)), np.uint8) for s in (scan(), scan(style="old"))]
    likeness = compare(photo(scan(style="old")), small, 340)
    assert likeness.log_likelihoods[1] == 0.0
    assert likeness.log_likelihoods[0] < -5


def test_without_scans_nothing_is_said() -> None:
    likeness = compare(scan(), [], 500)
    assert (likeness.log_likelihoods, likeness.alike, likeness.regions) == ((), (), ())


WORDS = (
    "When this creature enters, draw a card. Then put a lantern next to each moth that you see, "
    "and turn all of them off when the morning comes."
)
KEEPER = replace(FACE, text=WORDS)


def covered(of: Pixels, seed: int = 1, share: float = 0.6) -> Pixels:
    """The card as cut out of a photo, with something over its upper part."""
    card = of.copy()
    card[: round(share * len(card))] = (90, 120, 140)
    return photo(card, seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.0, 0.4, 0.6])
def test_a_text_is_the_same_whatever_lies_over_the_picture(seed: int, share: float) -> None:
    scanned = scan(face=KEEPER)
    assert shows_text(covered(scanned, seed, share), scanned, 340)


@pytest.mark.parametrize("seed", range(4))
def test_a_card_with_new_art_has_the_same_text(seed: int) -> None:
    reprint = scan(face=replace(KEEPER, motif="owl", art_seed="two"), number="212")
    assert shows_text(photo(reprint, seed), scan(face=KEEPER), 340)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "other",
    [
        replace(KEEPER, text=WORDS.replace("draw a card", "gain 3 life")),
        replace(KEEPER, text=WORDS.replace("turn all of them off", "leave the whole lot on")),
        FACE,
    ],
)
def test_a_text_with_another_line_is_another_one(other: Face, seed: int) -> None:
    assert not shows_text(covered(scan(face=KEEPER), seed), scan(face=other), 340)


def test_a_text_too_small_to_be_read_tells_nothing() -> None:
    scanned = scan(face=KEEPER)
    assert not shows_text(photo(scanned), scanned, 200)


@pytest.mark.parametrize("words", ["", "Flying"])
def test_hardly_a_word_is_no_text(words: str) -> None:
    scanned = scan(face=replace(FACE, text=words, flavour="", stats=""))
    assert not shows_text(photo(scanned), scanned, 340)
