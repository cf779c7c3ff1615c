from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import card_id, make_card

from mtg_image_db.collection.cards import CONDITIONS, LANGUAGES, Assumptions, CollectionCard, add_up
from mtg_image_db.collection.formats import FORMATS, render
from mtg_image_db.collection.worth import Total, total_of, worth
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.scryfall.faces import faces_of


def a_card(
    number: int,
    name: str,
    place: str,
    *,
    layout: str = "normal",
    prices: dict[str, str] | None = None,
    **said: Any,
) -> CollectionCard:
    """`place`: set, set's name and collector number."""
    told = dict(zip(("set", "set_name", "collector_number"), place.split("|"), strict=True))
    card = make_card(number, name=name, rarity="rare", layout=layout, prices=prices, **told)
    [face] = faces_of(card, prices_of="2026-09-08")
    return CollectionCard(face.printing, **said)


CARDS = (
    a_card(
        1,
        'Kongming, "Sleeping Dragon"',
        "ptk|Three Kingdoms|9",
        prices={"usd": "2000.10", "usd_foil": "1", "tix": "0.02"},
        quantity=3,
        condition="mint",
    ),
    a_card(2, "Lim-Dûl's Vault", "all|Alliances|107", condition="excellent"),
    a_card(
        3,
        "Valki, God of Lies // Tibalt, Cosmic Impostor",
        "khm|Kaldheim|114",
        layout="modal_dfc",
        prices={"usd": "1.00", "usd_foil": "3.45", "eur_foil": "2.90"},
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


def test_words_that_nothing_has_are_told() -> None:
    with pytest.raises(InvalidArguments, match="form must be one of moxfield"):
        render(CARDS, "pdf")
    with pytest.raises(InvalidArguments) as caught:
        Assumptions("shiny", "fine", "tlh")  # type: ignore[arg-type]
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_exactly_what_its_site_imports(form: str) -> None:
    [golden] = GOLDEN.glob(f"{form}.*")
    assert render(CARDS, form) == golden.read_bytes()


def test_totals_count_each_copy_in_its_finish_and_what_has_no_price() -> None:
    usd, eur = total_of(CARDS, "usd"), total_of(CARDS, "eur")
    assert (usd.amount, usd.unpriced, usd.date) == (Decimal("6003.75"), 6, "2026-09-08")
    assert (eur.amount, eur.unpriced) == (Decimal("2.90"), 9)
    told = "6,003.75 USD (6 without a price), 2.90 EUR (9 without a price), "
    assert worth(CARDS) == told + "0.06 tix (7 without a price); prices of 2026-09-08"


def test_cards_without_any_price_are_worth_no_word() -> None:
    assert worth(CARDS[3:]) == worth(()) == ""
    assert total_of(CARDS[3:], "usd") == Total(Decimal(0), 5, "")


def test_a_total_is_as_old_as_its_oldest_price() -> None:
    old = replace(CARDS[0].printing.prices, date="2026-08-01")
    other = replace(CARDS[0], printing=replace(CARDS[0].printing, prices=old))
    assert total_of([CARDS[0], other], "usd").date == "2026-08-01"


@pytest.mark.parametrize(
    ("place", "edition"),
    [
        # Tokens: their set's name, also where Scryfall's is another or a shorter one.
        ("tm14|Magic 2014 Tokens|1", "Extras: Magic 2014 Core Set"),
        ("tm15|Magic 2015 Tokens|1", "Extras: Magic 2015 Core Set"),
        ("tmm2|Modern Masters 2015 Tokens|1", "Extras: Modern Masters 2015 Edition"),
        ("tmm3|Modern Masters 2017 Tokens|1", "Extras: Modern Masters 2017 Edition"),
        (
            "tltr|Tales of Middle-earth Tokens|1",
            "Extras: The Lord of the Rings: Tales of Middle-earth",
        ),
        (
            "tltc|Tales of Middle-earth Commander Tokens|1",
            "Extras: The Lord of the Rings: Tales of Middle-earth Commander",
        ),
        (
            "tclb|Battle for Baldur's Gate Tokens|1",
            "Extras: Commander Legends: Battle for Baldur's Gate",
        ),
        ("tvoc|Crimson Vow Commander Tokens|1", "Extras: Innistrad: Crimson Vow Commander"),
        ("tmic|Midnight Hunt Commander Tokens|1", "Extras: Innistrad: Midnight Hunt Commander"),
        ("tnec|Neon Dynasty Commander Tokens|1", "Extras: Kamigawa: Neon Dynasty Commander"),
        ("tncc|New Capenna Commander Tokens|1", "Extras: Streets of New Capenna Commander"),
        (
            "tafc|Forgotten Realms Commander Tokens|1",
            "Extras: Adventures in the Forgotten Realms Commander",
        ),
        ("t40k|Warhammer 40,000 Commander Tokens|1", "Extras: Warhammer 40,000"),
        ("t30a|30th Anniversary Tokens|1", "Extras: 30th Anniversary Edition"),
        ("tfin|Final Fantasy Tokens|1", "Extras: Final Fantasy"),
        ("tsos|Secrets of Strixhaven Tokens|1", "Extras: Secrets of Strixhaven"),
        ("thob|The Hobbit Tokens|1", "Extras: The Hobbit"),
        # Their sets themselves, and others.
        ("m14|Magic 2014|1", "Magic 2014 Core Set"),
        ("voc|Crimson Vow Commander|1", "Innistrad: Crimson Vow Commander"),
        ("40k|Warhammer 40,000 Commander|1", "Warhammer 40,000"),
        ("gk1|GRN Guild Kit|1", "Guilds of Ravnica Guild Kit"),
        ("tsb|Time Spiral Timeshifted|1", 'Time Spiral "Timeshifted"'),
        ("fin|Final Fantasy|1", "Final Fantasy"),
        # Not tokens' sets by their codes: what Deckbox calls them is not known.
        ("wfin|FIN Asia WPN Promo Tokens|1", "FIN Asia WPN Promo Tokens"),
        ("pneo|Kamigawa: Neon Dynasty Promos|7s", "Kamigawa: Neon Dynasty Promos"),
    ],
)
def test_deckbox_has_names_of_its_own_for_sets(place: str, edition: str) -> None:
    _, row = csv.reader(io.StringIO(render([a_card(1, "A", place)], "deckbox").decode()))
    assert row[3] == edition


@pytest.mark.parametrize(
    ("place", "edition"),
    [
        ("pneo|Kamigawa: Neon Dynasty Promos|7p", "Promo Pack: Kamigawa: Neon Dynasty"),
        (
            "pclb|Battle for Baldur's Gate Promos|7p",
            "Promo Pack: Commander Legends: Battle for Baldur's Gate",
        ),
        ("pm20|Core Set 2020 Promos|7p", "Promos: Core Set 2020"),
        ("peld|Throne of Eldraine Promos|7p", "Promos: Throne of Eldraine"),
        ("sld|Secret Lair Drop|7p", "Secret Lair Drop Series"),
        ("neo|Kamigawa: Neon Dynasty|7", "Kamigawa: Neon Dynasty"),
    ],
)
def test_deckbox_knows_the_cards_of_promo_packs_by_their_packs(place: str, edition: str) -> None:
    card = a_card(1, "A", place)
    card = replace(card, printing=replace(card.printing, promo_types=("promopack",)))
    _, row = csv.reader(io.StringIO(render([card], "deckbox").decode()))
    assert row[3] == edition


def test_deckbox_calls_emblems_otherwise() -> None:
    card = a_card(1, "Kaya, Geist Hunter Emblem", "tvow|Innistrad: Crimson Vow Tokens|1")
    emblem = replace(card, printing=replace(card.printing, layout="emblem"))
    _, row = csv.reader(io.StringIO(render([emblem], "deckbox").decode()))
    assert row[2:4] == ["Emblem: Kaya, Geist Hunter", "Extras: Innistrad: Crimson Vow"]


@pytest.mark.parametrize("form", CSV_FORMATS)
def test_no_spreadsheet_computes_what_a_card_is_called(form: str) -> None:
    """A database may be a stranger's, and spreadsheets of other countries expect semicolons."""
    for name in ("=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "a;=1", " \uff1d1"):
        card = a_card(1, name, "x|X|1")
        named = replace(card.printing, set_name=name, collector_number=name, rarity=name)
        card = replace(card, printing=named)
        text = render([card], form).decode().splitlines()[-1]
        for separator in ",;\t":
            for cells in csv.reader([text], delimiter=separator):
                begun = [cell.lstrip(' "') for cell in cells]
                assert not [cell for cell in begun if cell.startswith(tuple("=+-@\t\uff1d"))]


@pytest.mark.parametrize("form", CSV_FORMATS)
def test_sites_find_real_names_as_they_are(form: str) -> None:
    for name in ("+2 Mace", "_____", "Half-Orc, Half-", '"Ach! Hans, Run!"', "Fire // Ice"):
        lines = list(csv.reader(io.StringIO(render([a_card(1, name, "a|A|1")], form).decode())))
        assert name in lines[-1]


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
