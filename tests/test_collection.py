from __future__ import annotations

import csv
import io
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
    a_card(1, 'Kongming, "Sleeping Dragon"', "ptk|Portal Three Kingdoms|9", quantity=3),
    a_card(2, "Lim-Dûl's Vault", "all|Alliances|107", condition="excellent"),
    a_card(
        3,
        "Valki, God of Lies // Tibalt, Cosmic Impostor",
        "khm|Kaldheim|114",
        layout="modal_dfc",
        finish="foil",
    ),
    a_card(4, "Fire // Ice", "apc|Apocalypse|128", layout="split", condition="played"),
    a_card(5, "Thorn Elemental", "7ed|Seventh Edition|273★", finish="foil", lang="ja"),
    a_card(6, "Demonic Tutor", "sld|Secret Lair Drop|12p", finish="etched", lang="zhs"),
    a_card(7, "Clue", "tmh2|Modern Horizons 2 Tokens|14", layout="token", condition="damaged"),
    a_card(8, "Elesh Norn", "sld|Secret Lair Drop|88", lang="ph", condition="mint"),
    a_card(9, "R&D's <Secret> Lair", "dom|Dominaria|5", condition="good"),
)
I = [card_id(number) for number in range(10)]  # noqa: E741
O = [card_id(number + 0x10000000) for number in range(10)]  # noqa: E741

GOLDEN = {
    "moxfield": """\
Count,Name,Edition,Condition,Language,Foil,Collector Number,Alter,Playtest Card,Purchase Price
3,"Kongming, ""Sleeping Dragon""\",ptk,Near Mint,English,,9,FALSE,FALSE,
1,Lim-Dûl's Vault,all,Lightly Played,English,,107,FALSE,FALSE,
1,"Valki, God of Lies // Tibalt, Cosmic Impostor",khm,Near Mint,English,foil,114,FALSE,FALSE,
1,Fire // Ice,apc,Played,English,,128,FALSE,FALSE,
1,Thorn Elemental,7ed,Near Mint,Japanese,foil,273★,FALSE,FALSE,
1,Demonic Tutor,sld,Near Mint,Chinese,etched,12p,FALSE,FALSE,
1,Clue,tmh2,Damaged,English,,14,FALSE,FALSE,
1,Elesh Norn,sld,Mint,,,88,FALSE,FALSE,
1,R&D's <Secret> Lair,dom,Lightly Played,English,,5,FALSE,FALSE,
""".replace("\n", "\r\n"),
    "archidekt": f"""\
Quantity,Name,Finish,Condition,Date Added,Language,Purchase Price,Tags,Edition Name,Edition Code,\
Multiverse Id,Scryfall ID,Collector Number
3,"Kongming, ""Sleeping Dragon""\",Normal,NM,,EN,,,Portal Three Kingdoms,ptk,,{I[1]},9
1,Lim-Dûl's Vault,Normal,LP,,EN,,,Alliances,all,,{I[2]},107
1,"Valki, God of Lies // Tibalt, Cosmic Impostor",Foil,NM,,EN,,,Kaldheim,khm,,{I[3]},114
1,Fire // Ice,Normal,MP,,EN,,,Apocalypse,apc,,{I[4]},128
1,Thorn Elemental,Foil,NM,,JP,,,Seventh Edition,7ed,,{I[5]},273★
1,Demonic Tutor,Etched,NM,,CS,,,Secret Lair Drop,sld,,{I[6]},12p
1,Clue,Normal,D,,EN,,,Modern Horizons 2 Tokens,tmh2,,{I[7]},14
1,Elesh Norn,Normal,NM,,,,,Secret Lair Drop,sld,,{I[8]},88
1,R&D's <Secret> Lair,Normal,LP,,EN,,,Dominaria,dom,,{I[9]},5
""",
    "manabox": f"""\
Name,Set code,Set name,Collector number,Foil,Rarity,Quantity,ManaBox ID,Scryfall ID,Purchase price,\
Misprint,Altered,Condition,Language,Purchase price currency
"Kongming, ""Sleeping Dragon""\",PTK,Portal Three Kingdoms,9,normal,rare,3,,{I[1]},,false,false,\
near_mint,en,
Lim-Dûl's Vault,ALL,Alliances,107,normal,rare,1,,{I[2]},,false,false,excellent,en,
"Valki, God of Lies // Tibalt, Cosmic Impostor",KHM,Kaldheim,114,foil,rare,1,,{I[3]},,false,false,\
near_mint,en,
Fire // Ice,APC,Apocalypse,128,normal,rare,1,,{I[4]},,false,false,light_played,en,
Thorn Elemental,7ED,Seventh Edition,273★,foil,rare,1,,{I[5]},,false,false,near_mint,ja,
Demonic Tutor,SLD,Secret Lair Drop,12p,etched,rare,1,,{I[6]},,false,false,near_mint,zh_CN,
Clue,TMH2,Modern Horizons 2 Tokens,14,normal,rare,1,,{I[7]},,false,false,poor,en,
Elesh Norn,SLD,Secret Lair Drop,88,normal,rare,1,,{I[8]},,false,false,mint,,
R&D's <Secret> Lair,DOM,Dominaria,5,normal,rare,1,,{I[9]},,false,false,good,en,
""",
    "deckbox": """\
Count,Tradelist Count,Name,Edition,Card Number,Condition,Language,Foil,Signed,Artist Proof,\
Altered Art,Misprint,Promo,Textless,My Price
3,0,"Kongming, ""Sleeping Dragon""\",Portal Three Kingdoms,9,Near Mint,English,,,,,,,,
1,0,Lim-Dûl's Vault,Alliances,107,Good (Lightly Played),English,,,,,,,,
1,0,"Valki, God of Lies // Tibalt, Cosmic Impostor",Kaldheim,114,Near Mint,English,foil,,,,,,,
1,0,Fire // Ice,Apocalypse,128,Played,English,,,,,,,,
1,0,Thorn Elemental,Seventh Edition,273★,Near Mint,Japanese,foil,,,,,,,
1,0,Demonic Tutor,Secret Lair Drop Series,12p,Near Mint,Chinese,foil,,,,,,,
1,0,Clue,Extras: Modern Horizons 2,14,Damaged,English,,,,,,,,
1,0,Elesh Norn,Secret Lair Drop Series,88,Mint,,,,,,,,,
1,0,R&D's <Secret> Lair,Dominaria,5,Good (Lightly Played),English,,,,,,,,
""",
    "dragonshield": """\
"sep=,"
Folder Name,Quantity,Trade Quantity,Card Name,Set Code,Set Name,Card Number,Condition,Printing,\
Language,Price Bought,Date Bought,LOW,MID,MARKET
mtg-db,3,0,"Kongming, ""Sleeping Dragon""\",PTK,Portal Three Kingdoms,9,NearMint,Normal,English,,,,,
mtg-db,1,0,Lim-Dûl's Vault,ALL,Alliances,107,Excellent,Normal,English,,,,,
mtg-db,1,0,"Valki, God of Lies",KHM,Kaldheim,114,NearMint,Foil,English,,,,,
mtg-db,1,0,Fire // Ice,APC,Apocalypse,128,LightPlayed,Normal,English,,,,,
mtg-db,1,0,Thorn Elemental,7ED,Seventh Edition,273★,NearMint,Foil,Japanese,,,,,
mtg-db,1,0,Demonic Tutor,SLD,Secret Lair Drop,12p,NearMint,Foil,Simplified Chinese,,,,,
mtg-db,1,0,Clue Token,TMH2,Modern Horizons 2 Tokens,14,Poor,Normal,English,,,,,
mtg-db,1,0,Elesh Norn,SLD,Secret Lair Drop,88,Mint,Normal,English,,,,,
mtg-db,1,0,R&D's <Secret> Lair,DOM,Dominaria,5,Good,Normal,English,,,,,
""".replace("\n", "\r\n"),
    "mtga": """\
Deck
3 Kongming, "Sleeping Dragon" (PTK) 9
1 Lim-Dûl's Vault (ALL) 107
1 Valki, God of Lies (KHM) 114
1 Fire // Ice (APC) 128
1 Thorn Elemental (7ED) 273★
1 Demonic Tutor (SLD) 12p
1 Clue (TMH2) 14
1 Elesh Norn (SLD) 88
1 R&D's <Secret> Lair (DAR) 5
""",
    "csv": f"""\
quantity,name,face_name,set,set_name,collector_number,rarity,finish,condition,lang,layout,\
scryfall_id,oracle_id
3,"Kongming, ""Sleeping Dragon""\","Kongming, ""Sleeping Dragon""\",ptk,Portal Three Kingdoms,9,\
rare,nonfoil,near_mint,en,normal,{I[1]},{O[1]}
1,Lim-Dûl's Vault,Lim-Dûl's Vault,all,Alliances,107,rare,nonfoil,excellent,en,normal,{I[2]},\
{O[2]}
1,"Valki, God of Lies // Tibalt, Cosmic Impostor","Valki, God of Lies",khm,Kaldheim,114,rare,foil,\
near_mint,en,modal_dfc,{I[3]},{O[3]}
1,Fire // Ice,Fire,apc,Apocalypse,128,rare,nonfoil,played,en,split,{I[4]},{O[4]}
1,Thorn Elemental,Thorn Elemental,7ed,Seventh Edition,273★,rare,foil,near_mint,ja,normal,{I[5]},\
{O[5]}
1,Demonic Tutor,Demonic Tutor,sld,Secret Lair Drop,12p,rare,etched,near_mint,zhs,normal,{I[6]},\
{O[6]}
1,Clue,Clue,tmh2,Modern Horizons 2 Tokens,14,rare,nonfoil,damaged,en,token,{I[7]},{O[7]}
1,Elesh Norn,Elesh Norn,sld,Secret Lair Drop,88,rare,nonfoil,mint,ph,normal,{I[8]},{O[8]}
1,R&D's <Secret> Lair,R&D's <Secret> Lair,dom,Dominaria,5,rare,nonfoil,good,en,normal,{I[9]},\
{O[9]}
""",
}


@pytest.mark.parametrize("form", GOLDEN)
def test_a_file_is_exactly_what_its_site_imports(form: str) -> None:
    assert render(CARDS, form).decode("utf-8") == GOLDEN[form]


def test_cockatrice_decks_are_well_formed_xml() -> None:
    data = render(CARDS, "cockatrice")
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<cockatrice_deck version="1">')
    deck = ET.fromstring(data)  # noqa: S314
    assert [child.tag for child in deck] == ["deckname", "comments", "zone"]
    cards = [card.attrib for card in deck.iterfind("zone[@name='main']/card")]
    assert list(cards[0].items()) == [
        ("number", "3"),
        ("name", 'Kongming, "Sleeping Dragon"'),
        *(("setShortName", "PTK"), ("collectorNumber", "9"), ("uuid", I[1])),
    ]
    names = [card["name"] for card in cards]
    assert names[1:4] == ["Lim-Dûl's Vault", "Valki, God of Lies", "Fire // Ice"]
    assert names[-1] == "R&D's <Secret> Lair"


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("mtga", "cockatrice")])
def test_a_csv_file_is_read_back_as_it_was_written(form: str) -> None:
    text = render(CARDS, form).decode("utf-8")
    lines = list(csv.reader(io.StringIO(text, newline="")))
    header, *rows = lines[1:] if form == "dragonshield" else lines
    assert {len(row) for row in rows} == {len(header)}
    [name] = {"Name", "Card Name", "name"} & set(header)
    [number] = {"Collector Number", "Collector number", "Card Number", "collector_number"} & set(
        header
    )
    places = [(row[header.index(name)], row[header.index(number)]) for row in rows]
    assert places[0] == ('Kongming, "Sleeping Dragon"', "9")
    assert [number for _, number in places] == [card.printing.collector_number for card in CARDS]


def test_no_format_says_that_a_card_is_better_than_it_is() -> None:
    for form in set(FORMATS) - {"mtga", "cockatrice"}:
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
