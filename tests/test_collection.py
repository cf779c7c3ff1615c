from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import card_id, make_card

from mtg_image_db.collection.cards import CONDITIONS, LANGUAGES, CollectionCard, add_up
from mtg_image_db.collection.formats import FORMATS, render
from mtg_image_db.scryfall.faces import faces_of


def a_card(
    number: int, name: str, place: str, *, layout: str = "normal", **said: Any
) -> CollectionCard:
    """`place`: set, set's name and collector number."""
    told = dict(zip(("set", "set_name", "collector_number"), place.split("|"), strict=True))
    [face] = faces_of(make_card(number, name=name, rarity="rare", layout=layout, **told))
    return CollectionCard(face, **said)


CARDS = (
    a_card(1, 'Kongming, "Sleeping Dragon"', "ptk|Three Kingdoms|9", quantity=3, condition="mint"),
    a_card(2, "Lim-Dûl's Vault", "all|Alliances|107", condition="excellent"),
    a_card(
        3,
        "Valki, God of Lies // Tibalt, Cosmic Impostor",
        "khm|Kaldheim|114",
        layout="modal_dfc",
        finish="foil",
    ),
    a_card(4, "Fire // Ice", "apc|Apocalypse|128", layout="split", condition="played"),
    a_card(5, "Thorn Elemental", "7ed|Seventh Edition|273★", lang="ja", condition="heavily_played"),
    a_card(6, "Demonic Tutor", "sld|Secret Lair Drop|12p", finish="etched", lang="zhs"),
    a_card(7, "Clue", "tmh2|Modern Horizons 2 Tokens|14", layout="token", condition="damaged"),
    a_card(8, "R&D's <Secret> Lair", "dom|Dominaria|5", condition="good", lang="ph"),
)
CSV_FORMATS = [form for form in FORMATS if form not in ("mtga", "cockatrice")]
GOLDEN = Path(__file__).parent / "golden"
"""What `CARDS` are in each format, byte for byte."""


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_exactly_what_its_site_imports(form: str) -> None:
    [golden] = GOLDEN.glob(f"{form}.*")
    assert render(CARDS, form) == golden.read_bytes()


def test_cockatrice_decks_are_well_formed_xml() -> None:
    deck = ET.fromstring(render(CARDS, "cockatrice"))  # noqa: S314
    assert [child.tag for child in deck] == ["deckname", "comments", "zone"]
    cards = [card.attrib for card in deck.iterfind("zone[@name='main']/card")]
    assert list(cards[0].items()) == [
        ("number", "3"),
        ("name", 'Kongming, "Sleeping Dragon"'),
        *(("setShortName", "PTK"), ("collectorNumber", "9"), ("uuid", card_id(1))),
    ]
    names = [card["name"] for card in cards]
    assert names[1:4] == ["Lim-Dûl's Vault", "Valki, God of Lies", "Fire // Ice"]
    assert names[-1] == "R&D's <Secret> Lair"


@pytest.mark.parametrize("form", CSV_FORMATS)
def test_a_csv_file_is_read_back_as_it_was_written(form: str) -> None:
    lines = list(csv.reader(io.StringIO(render(CARDS, form).decode("utf-8"), newline="")))
    header, *rows = lines[1:] if form == "dragonshield" else lines
    assert {len(row) for row in rows} == {len(header)}
    columns = {
        name.lower().replace(" ", "_"): list(column)
        for name, *column in zip(header, *rows, strict=True)
    }
    number = columns.get("collector_number") or columns["card_number"]
    assert number == [card.printing.collector_number for card in CARDS]
    name = columns.get("name") or columns["card_name"]
    assert name[:2] == ['Kongming, "Sleeping Dragon"', "Lim-Dûl's Vault"]


def test_no_format_says_that_a_card_is_better_than_it_is() -> None:
    for form in CSV_FORMATS:
        cards = [a_card(1, "A", "a|A|1", condition=grade) for grade in CONDITIONS]
        words = [line.split(",") for line in render(cards, form).decode().splitlines()[-7:]]
        [column] = {i for i in range(len(words[0])) if len({word[i] for word in words}) > 1}
        grades = [word[column] for word in words]
        # In steps, worse with each new word; only the neighbours of "near mint" are ever the same.
        assert grades == sorted(grades, key=grades.index)
        assert grades[1] != grades[2] != grades[4] != grades[5] != grades[6]


@pytest.mark.parametrize("form", FORMATS)
def test_every_language_finish_and_name_can_be_written(form: str) -> None:
    cards = [
        a_card(1, name, "a|A|1", layout=layout, lang=lang, finish="etched")
        for lang in (*LANGUAGES, "xx", "")
        for name, layout in (("{x} // {x}", "reversible_card"), ("A // B", "flip"), ("\ud800", ""))
    ]
    assert render(cards, form).decode("utf-8")
    assert render([], form).decode("utf-8")


def test_lists_without_finishes_add_up_what_differs_in_nothing_else() -> None:
    two = [a_card(1, "A", "a|A|1"), a_card(1, "A", "a|A|1", finish="foil", quantity=2)]
    assert render(two, "mtga") == b"Deck\n3 A (A) 1\n"
    assert b'number="3"' in render(two, "cockatrice")


def test_equal_cards_are_added_up_where_they_were_first_seen() -> None:
    front, other = a_card(1, "A // B", "a|A|1", quantity=2), a_card(2, "C", "a|A|2")
    back = a_card(1, "A // B", "a|A|1", layout="transform")
    foil = a_card(1, "A // B", "a|A|1", finish="foil")
    summed = add_up([front, other, foil, back, other])
    assert [(card.printing.name, card.finish, card.quantity) for card in summed] == [
        ("A // B", "nonfoil", 3),
        ("C", "nonfoil", 2),
        ("A // B", "foil", 1),
    ]
