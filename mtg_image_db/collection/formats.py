"""Write collections as files: the columns, words and codes of each format.

docs/collections.md says what each site accepts, and how far that was checked.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from xml.etree import ElementTree as ET

from mtg_image_db.collection.cards import CONDITIONS, FINISHES, LANGUAGES, CollectionCard
from mtg_image_db.scryfall.prices import CURRENCIES
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import check, wrong_word
from mtg_image_db.system.texts import cell, without_controls


def render(cards: Iterable[CollectionCard], form: str) -> bytes:
    """Write cards as a file of one of `FORMATS`: UTF-8 without a byte order mark.

    Raises
    ------
    InvalidArguments
        The format does not exist.
    """
    check(wrong_word("form", form, FORMATS))
    # A lone surrogate (a broken escape in a card's data) cannot be written as UTF-8.
    return _WRITERS[form](tuple(map(_in_one_line, cards))).encode("utf-8", "replace")


def _in_one_line(card: CollectionCard) -> CollectionCard:
    """Remove line breaks and control characters; in a deck, such a name would become two lines."""
    texts: dict[str, Any] = {
        name: without_controls(value)
        for name, value in asdict(card.printing).items()
        if isinstance(value, str)
    }
    return replace(card, printing=replace(card.printing, **texts))


@dataclass(frozen=True)
class _Table:
    """A CSV format.

    Parameters
    ----------
    header, row
        The columns' names and contents: templates over the values of `_values`.
    grades, languages, finishes
        The site's words for `CONDITIONS`, for the first of `LANGUAGES`, for `FINISHES`.
    other
        The word for languages that the site does not have.
    """

    header: str
    row: str
    grades: str = "|".join(CONDITIONS)
    languages: str = ""
    finishes: str = "|".join(FINISHES)
    other: str = ""
    end: str = "\n"

    def __call__(self, cards: Sequence[CollectionCard]) -> str:
        grades = dict(zip(CONDITIONS, self.grades.split("|"), strict=True))
        languages = dict(zip(LANGUAGES, self.languages.split("|"), strict=False))
        finishes = dict(zip(FINISHES, self.finishes.split("|"), strict=True))
        stream = io.StringIO(newline="")
        stream.write(self.header + self.end)
        writer = csv.writer(stream, lineterminator=self.end)
        for card in cards:
            values = {
                **_values(card),
                "grade": grades[card.condition],
                "language": languages.get(card.lang, self.other),
                "finish": finishes[card.finish],
            }
            writer.writerow([cell(one.format_map(values)) for one in self.row.split(",")])
        return stream.getvalue()


def _values(card: CollectionCard) -> Mapping[str, object]:
    """All values of a card, including the sites' forms of its names."""
    one = card.printing
    short = card.face_name if card.two_sided else one.name
    return {
        **one.record(),
        **{name: "" if (price := card.price(name)) is None else price for name in CURRENCIES},
        "price_date": one.prices.date,
        "quantity": card.quantity,
        "face_name": card.face_name,
        "lang": card.lang,
        "SET": one.set.upper(),
        "dragon_shield_name": f"{short} Token" if "token" in one.layout else short,
        "deckbox_name": _deckbox_name(card),
        "deckbox_set": _deckbox_set(one),
    }


def _deckbox_name(card: CollectionCard) -> str:
    name, layout = card.printing.name, card.printing.layout
    if layout == "emblem" and name.endswith(" Emblem"):
        return f"Emblem: {name.removesuffix(' Emblem')}"
    return card.face_name if layout == "reversible_card" else name


def _deckbox_set(printing: Printing) -> str:
    code, name = printing.set, printing.set_name
    if code in _DECKBOX_SETS:
        return _DECKBOX_SETS[code]
    # Scryfall's codes for these are the set's code with a letter before it: tm14, pneo.
    if code.startswith("t") and name.endswith(" Tokens"):
        return "Extras: " + _DECKBOX_SETS.get(code[1:], name.removesuffix(" Tokens"))
    if code.startswith("p") and "promopack" in printing.promo_types:
        # The first two sets with promo packs have another kind of name than the later ones.
        kind = "Promos: " if code in ("pm20", "peld") else "Promo Pack: "
        return kind + _DECKBOX_SETS.get(code[1:], name.removesuffix(" Promos"))
    return name


# Sets for which Deckbox has another name than Scryfall, or Scryfall a shorter one for the tokens.
_DECKBOX_SETS = {
    "30a": "30th Anniversary Edition",
    "40k": "Warhammer 40,000",
    "afc": "Adventures in the Forgotten Realms Commander",
    "altr": "The Lord of the Rings: Tales of Middle-earth Art Series",
    "atla": "Avatar: The Last Airbender Art Series",
    "atle": "Avatar: The Last Airbender Eternal Art Series",
    "ced": "Collector's Edition",
    "clb": "Commander Legends: Battle for Baldur's Gate",
    "cmb1": "Mystery Booster Playtest Cards",
    "cmd": "Commander",
    "cp2": "Fate Reforged Clash Pack Promos",
    "cp3": "Magic Origins Clash Pack Promos",
    "fbb": "Foreign Black Bordered",
    "fltr": "The Lord of the Rings: Tales of Middle-earth Front Cards",
    "g18": "M19 Gift Pack Promos",
    "gk1": "Guilds of Ravnica Guild Kit",
    "gk2": "Ravnica Allegiance Guild Kit",
    "gs1": "Global Series: Jiang Yanggu and Mu Yanling",
    "h17": "HASCON Promos",
    "ltc": "The Lord of the Rings: Tales of Middle-earth Commander",
    "ltr": "The Lord of the Rings: Tales of Middle-earth",
    "m14": "Magic 2014 Core Set",
    "m15": "Magic 2015 Core Set",
    "med": "Guilds of Ravnica Mythic Edition",
    "mic": "Innistrad: Midnight Hunt Commander",
    "mm2": "Modern Masters 2015 Edition",
    "mm3": "Modern Masters 2017 Edition",
    "ncc": "Streets of New Capenna Commander",
    "nec": "Kamigawa: Neon Dynasty Commander",
    "oafc": "Forgotten Realms Display Commanders",
    "oclb": "Oversized: Battle for Baldur's Gate",
    "omic": "Midnight Hunt Display Commanders",
    "ovoc": "Crimson Vow Display Commanders",
    "p30a": "30th Anniversary Promos",
    "pf25": "Magic Fest 2025",
    "pf26": "Magic Fest 2026",
    "pjsc": "Japan Standard Cup 2025",
    "pl21": "2021 Lunar New Year",
    "pl22": "2022 Lunar New Year",
    "pl23": "2023 Lunar New Year",
    "plg20": "Love your LGS",
    "plg21": "Love your LGS",
    "plg22": "Love your LGS",
    "plg24": "Love your LGS",
    "plg25": "Love your LGS",
    "pltc": "The Lord of the Rings: Tales of Middle-earth Deluxe Commander Kit",
    "pmei": "Media Inserts",
    "prw2": "Ravnica Allegiance Weekend",
    "prwk": "Guilds of Ravnica Weekend",
    "puma": "Ultimate Masters: Box Toppers",
    "slc": "Secret Lair 30th Anniversary Countdown Kit",
    "sld": "Secret Lair Drop Series",
    "slp": "Secret Lair Showdown",
    "tsb": 'Time Spiral "Timeshifted"',
    "voc": "Innistrad: Crimson Vow Commander",
    "wmom": "March of the Machine Japanese Promo Tokens",
    "wone": "Phyrexia: All Will Be One Japanese Promo Tokens",
}


def _mtga(cards: Sequence[CollectionCard]) -> str:
    lines: Counter[str] = Counter()
    for card in cards:
        one = card.printing
        # Arena wants both names of a card with two halves; otherwise only the first.
        name = one.name if one.layout in ("split", "") else card.face_name
        code = {"dom": "DAR", "con": "CONF"}.get(one.set, one.set.upper())
        lines[f"{name} ({code}) {one.collector_number}"] += card.quantity
    return "".join(["Deck\n", *(f"{count} {line}\n" for line, count in lines.items())])


def _cockatrice(cards: Sequence[CollectionCard]) -> str:
    entries: Counter[tuple[str, str, str, str]] = Counter()
    for card in cards:
        one = card.printing
        name = card.face_name if card.two_sided or one.layout == "flip" else one.name
        entries[name, one.set.upper(), one.collector_number, one.scryfall_id] += card.quantity
    deck = ET.Element("cockatrice_deck", version="1")
    ET.SubElement(deck, "deckname")
    ET.SubElement(deck, "comments")
    zone = ET.SubElement(deck, "zone", name="main")
    for (name, code, number, uuid), count in entries.items():
        of_set = {"setShortName": code, "collectorNumber": number, "uuid": uuid}
        ET.SubElement(zone, "card", {"number": str(count), "name": name, **of_set})
    ET.indent(deck)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(deck, encoding="unicode")}\n'


_GRADES = "Mint|Near Mint|LP|LP|Played|Heavily Played|Damaged"
_NAMES = "English|Spanish|French|German|Italian|Portuguese|Japanese|Korean|Russian"

_WRITERS: Mapping[str, Callable[[Sequence[CollectionCard]], str]] = {
    "moxfield": _Table(
        "Count,Name,Edition,Condition,Language,Foil,Collector Number,Alter,Playtest Card,"
        "Purchase Price",
        "{quantity},{name},{set},{grade},{language},{finish},{collector_number},FALSE,FALSE,",
        grades=_GRADES.replace("LP", "Lightly Played"),
        languages=f"{_NAMES}|Chinese|Traditional Chinese|Hebrew|Latin|Ancient Greek|Arabic|"
        "Sanskrit|Phyrexian",
        finishes="|foil|etched",
        end="\r\n",
    ),
    "archidekt": _Table(
        "Quantity,Name,Finish,Condition,Date Added,Language,Purchase Price,Tags,Edition Name,"
        "Edition Code,Multiverse Id,Scryfall ID,Collector Number",
        "{quantity},{name},{finish},{grade},,{language},,,{set_name},"
        "{set},,{scryfall_id},{collector_number}",
        grades="NM|NM|LP|LP|MP|HP|D",
        languages="EN|ES|FR|DE|IT|PT|JP|KR|RU|CS|CT",
        finishes="Normal|Foil|Etched",
    ),
    "manabox": _Table(
        "Name,Set code,Set name,Collector number,Foil,Rarity,Quantity,ManaBox ID,Scryfall ID,"
        "Purchase price,Misprint,Altered,Condition,Language,Purchase price currency",
        "{name},{SET},{set_name},{collector_number},{finish},{rarity},{quantity},,{scryfall_id},"
        ",false,false,{grade},{language},",
        grades="mint|near_mint|excellent|good|light_played|played|poor",
        languages="en|es|fr|de|it|pt|ja|ko|ru|zh_CN|zh_TW",
        finishes="normal|foil|etched",
    ),
    "deckbox": _Table(
        "Count,Tradelist Count,Name,Edition,Card Number,Condition,Language,Foil,Signed,"
        "Artist Proof,Altered Art,Misprint,Promo,Textless,My Price",
        "{quantity},0,{deckbox_name},{deckbox_set},{collector_number},{grade},{language},{finish},,"
        ",,,,,",
        grades=_GRADES.replace("LP", "Good (Lightly Played)").replace("Damaged", "Poor"),
        languages=f"{_NAMES}|Chinese|Traditional Chinese",
        finishes="|foil|foil",
    ),
    "dragonshield": _Table(
        '"sep=,"\r\nFolder Name,Quantity,Trade Quantity,Card Name,Set Code,Set Name,Card Number,'
        "Condition,Printing,Language,Price Bought,Date Bought,LOW,MID,MARKET",
        "mtg-db,{quantity},0,{dragon_shield_name},{SET},{set_name},{collector_number},"
        "{grade},{finish},{language},,,,,",
        grades="Mint|NearMint|Excellent|Good|LightPlayed|Played|Poor",
        languages=f"{_NAMES}|Simplified Chinese|Traditional Chinese",
        finishes="Normal|Foil|Foil",
        # It treats unknown languages as English; it refuses files with unexpected columns.
        other="English",
        end="\r\n",
    ),
    "mtga": _mtga,
    "cockatrice": _cockatrice,
    "csv": _Table(
        "quantity,name,face_name,set,set_name,collector_number,rarity,finish,condition,lang,layout,"
        "scryfall_id,oracle_id,usd,eur,tix,price_date",
        "{quantity},{name},{face_name},{set},{set_name},{collector_number},{rarity},{finish},"
        "{grade},{lang},{layout},{scryfall_id},{oracle_id},"
        "{usd},{eur},{tix},{price_date}",
    ),
}

FORMATS: tuple[str, ...] = tuple(_WRITERS)
