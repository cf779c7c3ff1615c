"""Cards whose art is covered, named by their collector lines or texts, and what is seen of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from conftest import card_id, fill_cache, jpeg, make_card
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mtg_image_db import BuildOptions, Database, build_database
from mtg_image_db.demo.cards import SampleCard, sample_cards
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall_double.double import ScryfallDouble

WIDTH, HEIGHT, MARGIN = 630, 880, 150
"""Pixels of a card, 10 a millimetre, and of the table around it."""
GREY, LIGHT = (120, 120, 120), (230, 230, 230)
SAMPLES = 7
"""So many of the demo's cards are drawn."""


@cache
def samples() -> list[Image.Image]:
    """The demo's cards, upright."""
    return [card.faces[0].convert("RGB") for card in sample_cards(SAMPLES)]


def picture(texts: int, number: int) -> Image.Image:
    """A card of Aetherdrift that says what sample card `texts` says, and has a collector number."""
    card = samples()[texts].resize((WIDTH, HEIGHT))
    draw, small = ImageDraw.Draw(card), ImageFont.load_default(15)
    draw.rectangle((0, 790, 630, 880), fill=(15, 15, 15))

    def put(text: str, places: tuple[int, ...], middle: float) -> None:
        for letter, place in zip(text, places, strict=True):
            draw.text((10 + place, 808 + middle), letter, LIGHT, font=small, anchor="mm")

    put("R", (33,), 20.6)
    put(f"{number:04}", (54, 65, 76, 87), 20.6)
    put("DFT", (34, 46, 57), 36.8)
    draw.ellipse((80, 842.5, 84.5, 847), fill=LIGHT)
    put("EN", (86, 98), 36.8)
    draw.ellipse((123, 841, 137, 849), fill=LIGHT)
    put("ARTIST", (138, 149, 160, 171, 182, 193), 36.8)
    return card.filter(ImageFilter.GaussianBlur(1))


def photographed(card: Image.Image, turn: int) -> Image.Image:
    """A photo of a card whose art is covered."""
    ImageDraw.Draw(card).rectangle((20, 103, 610, 495), fill=GREY)
    photo = Image.new("RGB", (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN), (200, 180, 150))
    photo.paste(card.rotate(turn), (MARGIN, MARGIN))
    return photo


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("covered")
    cards = [make_card(3, set="dft"), make_card(6, set="dft", rarity="rare")]
    images = {f"{card_id(n)}/front": jpeg(picture(n, n).resize((488, 680))) for n in (3, 6)}
    with ScryfallDouble(cards, images) as double:
        cache = fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=cache, out=folder / "index_out"))
    with Database.open(folder / "index_out", cache=cache) as opened:
        yield opened


@pytest.mark.parametrize("turn", [0, 180])
def test_a_card_whose_art_is_covered_is_named_by_its_line(database: Database, turn: int) -> None:
    [card] = database.recognise(photographed(picture(3, 3), turn)).cards
    assert card.face
    assert (card.face.name, card.verdict, card.points) == ("Card 3", "likely", 0)
    assert card.printing.verdict == "exact"


def test_a_line_names_no_card_that_says_something_else(database: Database) -> None:
    [card] = database.recognise(photographed(picture(5, 3), 0)).cards
    assert card.verdict == "none"


def test_without_the_image_no_card_is_named_by_its_line(database: Database) -> None:
    with Database.open(database.folder.parent) as bare:
        [card] = bare.recognise(photographed(picture(3, 3), 0)).cards
    assert card.verdict == "none"


def test_a_narrowed_database_names_only_its_own_cards(database: Database) -> None:
    others = database.where(FaceFilter(rarities=["rare"]))
    [card] = others.recognise(photographed(picture(3, 3), 0)).cards
    assert card.verdict == "none"


@cache
def plain_cards() -> list[SampleCard]:
    """Sample cards whose text stands where it does on most cards."""
    cards = [one for one in sample_cards(64) if one.card["layout"] == "normal"]
    return [one for one in cards if len(one.faces) == 1][:30]


NAMED, OTHER = "Inkloom Moth", "Cinderglass Spires"
TWIN, REFUSED = "Nettleglass Mossling", "Mossglass Mossling"
"""Cards with much of their text in common."""


def painted(name: str) -> Image.Image:
    """A sample card, 488 x 680 pixels."""
    drawn = next(one for one in plain_cards() if one.card["name"] == name)
    return drawn.faces[0].convert("RGB").resize((488, 680))


def half_seen(name: str, title: str = "") -> Image.Image:
    """A photo of a card of which one sees its text box and what lies below.

    With a title, one sees that one as well.
    """
    card = painted(name)
    ImageDraw.Draw(card).rectangle((0, 0, 488, 387), fill=GREY)
    if title:
        card.paste(painted(title).crop((0, 0, 488, 76)))
    photo = Image.new("RGB", (800, 1000), (200, 180, 150))
    photo.paste(card, (156, 160))
    return photo


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("drawn")
    cards = [one for one in plain_cards() if one.card["name"] != REFUSED]
    images = {f"{one.card['id']}/front": jpeg(one.faces[0].convert("RGB")) for one in cards}
    with ScryfallDouble([one.card for one in cards], images) as double:
        cache = fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=cache, out=folder / "index_out"))
    with Database.open(folder / "index_out", cache=cache) as opened:
        yield opened


@pytest.mark.parametrize("name", [NAMED, TWIN])
def test_a_card_whose_upper_half_is_covered_is_named_by_its_text(
    drawn: Database, name: str
) -> None:
    [card] = drawn.recognise(half_seen(name)).cards
    assert card.face
    assert (card.face.name, card.verdict, card.points) == (name, "likely", 0)


def test_a_text_with_the_same_frame_and_other_words_is_not_the_card(drawn: Database) -> None:
    [card] = drawn.recognise(half_seen(REFUSED)).cards
    assert card.verdict == "none"


def test_without_the_image_no_card_is_named_by_its_text(drawn: Database) -> None:
    with Database.open(drawn.folder.parent) as bare:
        [card] = bare.recognise(half_seen(NAMED)).cards
    assert card.verdict == "none"


def test_of_a_card_named_by_its_text_every_printing_is_possible(drawn: Database) -> None:
    photo = half_seen(TWIN)
    ImageDraw.Draw(photo).rectangle((150, 796, 650, 850), fill=GREY)  # its collector line
    [card] = drawn.recognise(photo).cards
    printings = {face.label for face in drawn.faces() if face.name == TWIN}
    assert len(printings) == 2
    assert {one.printing.label for one in card.printing.candidates} == printings


@pytest.mark.parametrize("title", [NAMED, OTHER])
@pytest.mark.parametrize("min_score", [-1.0, 0.99])
def test_a_title_says_more_than_a_text(drawn: Database, title: str, min_score: float) -> None:
    [card] = drawn.recognise(half_seen(NAMED, title), min_score=min_score).cards
    assert card.face
    assert (card.face.name, card.verdict, card.by_title) == (title, "confident", True)
