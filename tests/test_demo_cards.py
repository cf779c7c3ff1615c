"""The invented sample cards of the demo."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageChops

from mtg_image_db.demo.cards import SampleCard, sample_cards

MM = 680 / 88
"""Pixels a millimetre."""


def differing(one: Image.Image, other: Image.Image) -> list[float]:
    """Left, top, right and bottom, in millimetres, of all that differs in two pictures."""
    box = ImageChops.difference(one, other).getbbox()
    assert box
    return [edge / MM for edge in box]


@pytest.fixture(scope="module")
def cards() -> list[SampleCard]:
    return sample_cards()


def test_fewer_cards_are_the_first_ones_drawn_the_same(cards: list[SampleCard]) -> None:
    assert len(cards) == 64
    fewer = sample_cards(6)
    assert len(fewer) == 6
    for again, card in zip(fewer, cards, strict=False):
        assert again.card == card.card
        assert [face.tobytes() for face in again.faces] == [face.tobytes() for face in card.faces]


def test_another_seed_gives_other_cards(cards: list[SampleCard]) -> None:
    [other] = sample_cards(1, seed=7)
    assert other.card["id"] not in {sample.card["id"] for sample in cards}
    assert other.card["name"] not in {sample.card["name"] for sample in cards}


def test_only_reprints_share_a_name_and_they_share_the_art_too(cards: list[SampleCard]) -> None:
    objects = [sample.card for sample in cards]
    firsts = {card["name"]: card for card in objects if not card["reprint"]}
    reprints = [card for card in objects if card["reprint"]]
    assert len(reprints) == 6
    assert len(firsts) == len(objects) - len(reprints)
    for card in reprints:
        first = firsts[card["name"]]
        assert card["oracle_id"] == first["oracle_id"]
        assert card["illustration_id"] == first["illustration_id"]
        assert card["id"] != first["id"]
        assert card["collector_number"] != first["collector_number"]


def test_every_layout_and_frame_of_the_mixture_is_there(cards: list[SampleCard]) -> None:
    layouts = [sample.card["layout"] for sample in cards]
    assert layouts.count("transform") == 3
    assert layouts.count("split") == layouts.count("adventure") == layouts.count("saga") == 2
    assert layouts.count("planar") == 1
    assert layouts.count("token") >= 3
    assert {sample.card["lang"] for sample in cards} == {"en", "it", "de", "es"}
    assert {sample.card["frame"] for sample in cards} == {"1997", "2015"}
    assert {sample.card["border_color"] for sample in cards} == {"black", "white", "borderless"}
    assert any(sample.card["full_art"] for sample in cards)
    assert [sample.card["games"] for sample in cards if sample.card["digital"]] == [["arena"]] * 2


def test_two_sided_cards_have_two_pictures_and_no_image_uris_of_their_own(
    cards: list[SampleCard],
) -> None:
    for sample in cards:
        if sample.card["layout"] == "transform":
            assert len(sample.faces) == 2
            assert "image_uris" not in sample.card
            assert "card_back_id" not in sample.card
            sides = [face["image_uris"]["normal"] for face in sample.card["card_faces"]]
            assert "/normal/front/" in sides[0]
            assert "/normal/back/" in sides[1]
        else:
            assert len(sample.faces) == 1
            assert len(sample.card["image_uris"]) == 11
            assert all("image_uris" not in face for face in sample.card.get("card_faces", []))


def test_keys_that_do_not_apply_are_absent(cards: list[SampleCard]) -> None:
    for sample in cards:
        assert None not in sample.card.values()
        assert ("printed_name" in sample.card) == (sample.card["lang"] != "en")


def test_all_pictures_are_card_sized_and_differ_from_each_other(cards: list[SampleCard]) -> None:
    faces = [face for sample in cards for face in sample.faces]
    assert {face.mode for face in faces} == {"RGB"}
    assert {face.size for face in faces} == {(488, 680)}
    small = [np.asarray(face.resize((61, 85)), dtype=np.float32) for face in faces]
    gaps = sorted(float(np.abs(a - b).mean()) for a, b in combinations(small, 2))
    # Three reprints in the frame of their originals, two of them of one card, make four pairs that
    # only the set symbol and the collector line, or the line alone, tell apart.
    assert gaps[0] > 0.02
    assert gaps[3] < 1
    assert gaps[4] > 4


def test_the_twin_of_a_card_differs_from_it_in_the_collector_line_alone(
    cards: list[SampleCard],
) -> None:
    caldera, twin = cards[12], cards[59]
    assert caldera.card["finishes"] == ["nonfoil"]
    assert twin.card["finishes"] == ["foil"]
    for key in ("name", "set", "frame", "border_color", "rarity", "illustration_id"):
        assert caldera.card[key] == twin.card[key]
    left, top, right, bottom = differing(caldera.faces[0], twin.faces[0])
    assert 4 < left < right < 31
    assert 82.3 < top < bottom < 85.3


def test_a_foil_copy_differs_from_a_nonfoil_one_in_a_star_alone(cards: list[SampleCard]) -> None:
    both = [sample for sample in cards if sample.foil_faces]
    assert len(both) == 8
    for sample in both:
        assert sample.card["finishes"] == ["nonfoil", "foil"]
        # A star is wider than a bullet, so the rest of the second line stands further right.
        left, top, right, bottom = differing(sample.faces[0], sample.foil_faces[0])
        assert 7 < left < right < 31
        assert 83.6 < top < bottom < 85.3
        place = (left * MM, 83.6 * MM, (left + 1.1) * MM, 85.6 * MM)
        signs = [
            np.asarray(faces[0].convert("L").crop(place)) > 150
            for faces in (sample.faces, sample.foil_faces)
        ]
        bullet, star = (np.count_nonzero(sign.any(axis=1)) / MM for sign in signs)
        assert bullet < 0.6
        assert star > 0.8


@pytest.mark.parametrize("slot", [0, 2, 4, 8, 10, 19, 30, 44])
def test_the_collector_line_stands_where_real_cards_have_it(
    cards: list[SampleCard], slot: int
) -> None:
    across = cards[slot].card["layout"] in ("split", "planar")
    picture = cards[slot].faces[0].convert("L")
    if across:
        picture = picture.transpose(Image.Transpose.ROTATE_270)
    foot = picture.height - 6 * MM
    corner = np.asarray(picture)[round(foot) :, round(3 * MM) : round(11 * MM)] > 150
    rows = np.flatnonzero(np.diff(np.pad(corner.any(axis=1), 1).astype(int))) / MM
    # Two lines, whose letters are 1.05 mm high, from 4 mm on; measured from the bottom edge.
    assert rows == pytest.approx([0.4, 1.45, 2.0, 3.05], abs=0.2)
    assert np.flatnonzero(corner.any(axis=0))[0] / MM + 3 == pytest.approx(4, abs=0.25)
