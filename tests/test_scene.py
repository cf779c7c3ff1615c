"""Where a face lies in a picture, by its local features alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mtg_image_db.demo.cards import SampleCard, sample_cards
from mtg_image_db.encoders.local_features import FaceFeatures, describe, pack, unpack
from mtg_image_db.recognise.gallery import Identity
from mtg_image_db.recognise.quads import frame_of, overlap, rectify
from mtg_image_db.recognise.scene import LEAST_MATCHES, Scene

CARDS: list[SampleCard] = [card for card in sample_cards(12) if len(card.faces) == 1]
IDENTITY = Identity("artwork", "card", (0.085, 0.115, 0.915, 0.545))


def scan(number: int) -> NDArray[np.uint8]:
    """A card, 240 x 336 pixels."""
    return np.asarray(CARDS[number].faces[0].convert("RGB").resize((240, 336)))


def face(number: int) -> FaceFeatures:
    """What a database stores of a card."""
    return unpack(pack(describe(scan(number)))[None])


def laid(number: int, quad: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A photo of a card on a grey table, 900 x 700 pixels."""
    photo = np.full((700, 900, 3), 128, np.uint8)
    matrix = cv2.getPerspectiveTransform(frame_of(240, 336), quad)
    mask = cv2.warpPerspective(np.full((336, 240), 255, np.uint8), matrix, (900, 700))
    photo[mask > 0] = cv2.warpPerspective(scan(number), matrix, (900, 700))[mask > 0]
    return photo


CARD = np.array([[300, 140], [560, 160], [540, 530], [270, 510]], np.float32)


@pytest.mark.parametrize("number", range(4))
def test_a_card_lies_beyond_the_corners_that_were_cut_out(number: int) -> None:
    photo = laid(number, CARD)
    # Its left is covered, and what is left of it was taken for the whole card.
    cv2.rectangle(photo, (200, 100), (400, 600), (90, 140, 90), -1)
    seen = np.array([[400, 145], [562, 158], [550, 385], [400, 370]], np.float32)
    scene = Scene.of_card(describe(rectify(photo, seen, 240, 336)), seen)
    placed = scene.place(face(number), IDENTITY)
    assert placed is not None
    assert placed.pictured >= LEAST_MATCHES
    assert overlap(placed.quad, CARD) > 0.9


@pytest.mark.parametrize("number", range(4))
def test_a_card_lies_anywhere_in_a_photo(number: int) -> None:
    placed = Scene.of_photo(laid(number, CARD)).place(face(number), IDENTITY)
    assert placed is not None
    assert placed.pictured >= LEAST_MATCHES
    assert overlap(placed.quad, CARD) > 0.9


@pytest.mark.parametrize("number", range(4))
def test_another_card_lies_nowhere(number: int) -> None:
    scene = Scene.of_photo(laid(number, CARD))
    placed = scene.place(face(number + 4), IDENTITY)
    assert placed is None or placed.pictured < LEAST_MATCHES


@pytest.mark.parametrize("number", range(4))
def test_a_card_whose_picture_is_covered_lies_there_by_its_frame_and_text(number: int) -> None:
    photo = laid(number, CARD)
    cv2.rectangle(photo, (200, 100), (600, 355), (90, 140, 90), -1)
    placed = Scene.of_card(describe(rectify(photo, CARD, 240, 336)), CARD).place(
        face(number), IDENTITY
    )
    assert placed is not None
    assert placed.pictured < LEAST_MATCHES <= placed.matches
    assert overlap(placed.quad, CARD) > 0.9


def test_a_card_on_a_large_photo_is_where_it_is_on_the_photo() -> None:
    photo = cv2.resize(laid(1, CARD), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    placed = Scene.of_photo(np.asarray(photo, np.uint8)).place(face(1), IDENTITY)
    assert placed is not None
    assert overlap(placed.quad, 3 * CARD) > 0.9


def test_a_mirrored_card_is_none() -> None:
    mirrored = np.ascontiguousarray(laid(2, CARD)[:, ::-1])
    assert Scene.of_photo(mirrored).place(face(2), IDENTITY) is None


def test_a_plain_picture_shows_nothing() -> None:
    plain = np.full((336, 240, 3), 77, np.uint8)
    scene = Scene.of_card(describe(plain), CARD)
    assert scene.voters.shape == (0, 128)
    assert scene.place(face(0), IDENTITY) is None


def test_the_strongest_features_of_a_card_vote() -> None:
    features = describe(scan(3))
    assert len(features) > 100
    scene = Scene.of_card(features, CARD)
    assert np.array_equal(scene.voters, features.descriptors[:100])
