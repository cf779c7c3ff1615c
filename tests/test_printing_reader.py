"""Reading cards of photos whose corners are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mtg_image_db import Database
from mtg_image_db.database.answers import Match
from mtg_image_db.database.printing_reader import PrintingReader, candidates_of
from mtg_image_db.demo.cards import SampleCard, sample_cards
from mtg_image_db.recognise.photo import Photo
from mtg_image_db.scryfall.faces import faces_of

WIDTH, HEIGHT, MARGIN = 630, 880, 100
"""Pixels of the card and of the table around it."""


@pytest.fixture(scope="module")
def twins() -> list[SampleCard]:
    """Two printings that differ in the collector line alone: a plain one, and a foil."""
    cards = sample_cards()
    return [cards[12], cards[59]]


@pytest.mark.parametrize("inside", [0.0, 1.5])
@pytest.mark.parametrize("shown", [0, 1])
def test_the_lines_are_read_though_the_corners_lie_on_its_frame(
    twins: list[SampleCard], out: Path, shown: int, inside: float
) -> None:
    photo = Image.new("RGB", (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN), (90, 60, 40))
    photo.paste(twins[shown].faces[0].resize((WIDTH, HEIGHT)), (MARGIN, MARGIN))
    left, right, bottom = (
        MARGIN + 10 * inside,
        MARGIN + WIDTH - 10 * inside,
        MARGIN + HEIGHT - 10 * inside,
    )
    quad = (left, left), (right, left), (right, bottom), (left, bottom)
    faces = [face for twin in twins for face in faces_of(twin.card)]
    match = Match(1, 0.9, faces[0], tuple(face.printing for face in faces), image=1)
    with Database.open(out) as database:
        reader = PrintingReader(Photo.open(photo), database.gallery, [])
        answer = reader.named(quad, candidates_of([match]), certain=True)
    assert answer.verdict == "exact"
    assert answer.candidates[0].printing.label == faces[shown].label
    assert answer.finish.value == ["nonfoil", "foil"][shown]
