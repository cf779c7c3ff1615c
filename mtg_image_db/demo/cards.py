"""Invented sample cards: Scryfall-like card objects with the pictures that belong to them.

Nothing here comes from a real game: names, rules, sets, artists and art are made up, so that
the whole package can be tried without a network and without anybody's artwork.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from itertools import count as count_up
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from PIL import Image

from mtg_image_db.demo.painting import Face, Printing, paint_card

CYCLE = 64
"""After so many cards the mixture of layouts and reprints starts again."""


@dataclass(frozen=True)
class SampleCard:
    """One invented card: its Scryfall card object and the picture of each side that has one.

    Parameters
    ----------
    card
        Laid out like a card object of Scryfall's bulk data.
    faces
        RGB pictures, 488 x 680: the front, then the back of a two-sided card.
    """

    card: dict[str, Any]
    faces: tuple[Image.Image, ...]


class _Set(NamedTuple):
    code: str
    name: str
    kind: str
    released: str


class _Subject(NamedTuple):
    """A kind of card that one art motif can stand for."""

    kind: str
    subtype: str
    nouns: tuple[str, ...]


class _Issue(NamedTuple):
    """Where and how a design is printed."""

    edition: _Set
    style: str
    border: str
    number: str
    language: str


@dataclass(frozen=True)
class _Design:
    """A card as its author wrote it, before it is printed in some set."""

    layout: str
    faces: tuple[Face, ...]
    oracle_id: str
    illustrations: tuple[str, ...]
    artist: str
    rarity: str


_SETS = (
    _Set("qtg", "Demo: Tides of Glass", "expansion", "2024-05-17"),
    _Set("qlw", "Demo: Lanternwild", "expansion", "2022-09-09"),
    _Set("qbh", "Demo: Brasshollow", "draft_innovation", "2023-02-03"),
    _Set("qnc", "Demo: Nine Comets", "core", "2021-07-23"),
    _Set("qfa", "Demo: First Almanac", "core", "1997-04-11"),
    _Set("qsm", "Demo: Saltmarch", "expansion", "1999-10-04"),
    _Set("qpr", "Demo: Promenade Promos", "promo", "2024-08-02"),
    _Set("qtt", "Demo: Tides of Glass Tokens", "token", "2024-05-17"),
    _Set("qvo", "Demo: Voyages", "planechase", "2012-06-01"),
)
_MODERN, _OLD = _SETS[:4], _SETS[4:6]
_PROMO, _TOKENS, _VOYAGES = _SETS[6:]

_LAYOUTS = {
    **dict.fromkeys((5, 25, 47), "transform"),
    **dict.fromkeys((10, 38), "split"),
    **dict.fromkeys((16, 43), "adventure"),
    **dict.fromkeys((19, 54), "saga"),
    **dict.fromkeys((8, 23, 35, 58), "token"),
    30: "planar",
}
# Slot of a reprint: slot of the original, and the frame it is printed in this time.
_REPRINTS = {27: (3, "modern"), 41: (12, "old"), 52: (6, "borderless"), 61: (20, "modern")}
_FIXED_STYLES = {**dict.fromkeys((3, 6, 12, 17, 45), "modern"), 20: "old"}
_LANGUAGES = {14: "ja", 37: "ja", 22: "de", 49: "de"}
_DIGITAL = (17, 45)
_STYLES = ("modern",) * 9 + ("old",) * 4 + ("borderless",) * 3 + ("full_art",) * 2


def _words(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


_BEGINNINGS = _words(
    "Amber Ash Birch Brindle Candle Cinder Clover Copper Dapple Dew Dusk Ember Fen Fern Flint "
    "Frost Gloam Hazel Heather Ink Ivy Juniper Lantern Larch Maple Marrow Moss Nettle Opal Pale "
    "Pearl Quill Rowan Rust Saffron Salt Sedge Thimble Tin Umber Velvet Willow"
)
_ENDINGS = _words(
    "bell bloom brook call crest drift fall fold glass gleam hush light loom mere rest rill song "
    "spark spun thorn veil wake watch wick"
)
_PLACES = _words(
    "Orrin Vale|Low Marrowby|the Ninth Lamp|Quillhaven|the Tin Coast|Old Severy|Umberfold"
    "|the Long Noon|Pellam Reach|Dunmarrow|the Paper Sea|Hollin Tor|the Far Orchard|Candlemere"
    "|Sable Ferry|Wick End",
    "|",
)
_PROPER_STARTS = _words(
    "Aru Bel Cor Dov Eli Fenn Ghis Hal Isk Jor Kel Lum Mir Nov Osk Pell Quen Ros Sib Tav"
)
_PROPER_ENDS = _words("a ane bri da eth iko in issa la mund na or quin ra ric sha vey wen")
_ARTISTS = _words(
    "Ada Quillfeather|Bram Oystercloud|Celia Thornbury-Vane|Dorian Lampwright|Esme Hollowell"
    "|Farid Moonraker|Greta Saltmarsh|Hugo Pennyfold|Ilse Brackenridge|Jonas Wickerby",
    "|",
)

# Motif of the art, card type, subtype if it has one, and nouns for the name.
_SUBJECT_LIST = """
mountains Land - Crags Heights Saddle
mountains Sorcery - Ascent Rockfall
sea Land - Harbour Sound Shoals
sea Instant - Crossing Ebb
tree Enchantment - Bough Arbour Rootwork
tree Land - Grove Orchard
towers Land - Citadel Spires Keep
towers Sorcery - Census Curfew
beast Creature Grumble Grumbler Mawkin Lummox Brute
serpent Creature Serpent Serpent Wyrmling Coil Eel
moth Creature Moth Moth Duskwing Flutterer
owl Creature Owl Owl Nightwatch Hooter
figure Creature Pilgrim Pilgrim Lampbearer Hermit Oracle
jelly Creature Jellyfish Drifter Jellyfish Lullaby
galaxy Sorcery - Conjunction Spiral Starfall
galaxy Enchantment - Firmament
mandala Enchantment - Rosette Pattern Covenant
crystals Artifact - Cluster Geode Prism
crystals Instant - Resonance
flowers Enchantment - Meadow Bouquet Springtide
flowers Sorcery - Bloom
islands Land - Skyholm Aeries Archipelago
dunes Land - Dunes Waste Obelisk
dunes Sorcery - Mirage
aurora Instant - Aurora Winterlight
aurora Land - Taiga Snowfield
volcano Sorcery - Eruption Outpour
volcano Land - Caldera Cinderfield
mushrooms Creature Toadstool Toadstool Sporeling
mushrooms Enchantment - Undergrowth
gears Artifact - Clockwork Escapement Gearhouse
orrery Artifact - Orrery Astrolabe
orrery Enchantment - Orbit
sword Artifact Heirloom Blade Oathkeeper Edge
flask Artifact Potion Tincture Draught Elixir
airship Artifact Airship Skyliner Dirigible Cloudhopper
burst Instant - Flare Surge Spark
burst Sorcery - Tempest
"""
_SUBJECTS: dict[str, list[_Subject]] = {}
for _motif, _kind, _subtype, *_nouns in map(str.split, _SUBJECT_LIST.strip().splitlines()):
    _SUBJECTS.setdefault(_motif, []).append(
        _Subject(_kind, _subtype.removeprefix("-"), tuple(_nouns))
    )
_CREATURES = ("beast", "figure", "jelly", "moth", "mushrooms", "owl", "serpent")
_SPELLS = ("aurora", "burst", "flowers", "galaxy", "volcano")
_TALES = _Subject("Enchantment", "Chronicle", ("Ballad", "Chronicle", "Annals"))

# <p> stands for a mana symbol of the card's colour, <n> for a small number.
_RULES: dict[str, tuple[str, ...]] = {
    "Creature": (
        "Tidebound (It may move twice while the tide is out.)",
        "Hushed (Nobody hears it arrive.)",
        "When it arrives, place <n> embers on the hearth.",
        "{1}<p>: Until dusk it grows by one pace and one stone.",
        "{T}: Ask a neighbour for one of their lanterns.",
        "Whenever a bell rings, it may wander off and come back with a pebble.",
        "As long as <n> or more lamps are lit, it cannot be startled.",
    ),
    "Land": (
        "It arrives asleep unless you whistle.",
        "{T}: Draw <p> from the ground.",
        "{2}, {T}: Turn over a stone and keep what is under it.",
        "Once each season, <p> may be stored here for later.",
    ),
    "Artifact": (
        "{T}: Wind the spring. At <n> turns it sings.",
        "{1}, {T}: Look at <n> pages of the almanac, then close it gently.",
        "Whoever carries it walks one pace further each day.",
        "{3}: Polish it. Everyone present smiles.",
    ),
    "Enchantment": (
        "At first light, plant a seed. With <n> seeds, the garden answers.",
        "Whenever it rains, you may dry one card by the fire.",
        "<p>: Hum the tune. Creatures that know it join in.",
        "Paths on your side of the table lead home.",
    ),
    "Spell": (
        "Move up to <n> clouds to another corner of the table.",
        "Choose a road. Travellers on it take <n> steps back.",
        "Unwrite one sentence. Its author draws a breath.",
        "Light <n> lamps, then blow out one of them.",
        "If you paid <p><p>, do it again, more softly.",
    ),
}
_FLAVOUR = (
    "“Count the waves, then count again.”",
    "No map of the Paper Sea agrees with any other.",
    "“It was smaller when we bought it.”",
    "The bell rang twice. Nobody had touched it.",
    "Even the quiet has a favourite colour.",
    "“Bring a lamp, a rope and a good excuse.”",
    "The orchard remembers every ladder.",
    "What the fog borrows, the morning returns.",
    "“Left at the comet, then straight on.”",
    "It keeps the hours nobody else wanted.",
)
_CHAPTERS = (
    "Light <n> lamps along the shore.",
    "Each traveller tells you where they slept.",
    "Trade a pebble for a page of the almanac.",
    "Wake one sleeping land. It owes you <p>.",
    "Every bell rings at once; keep the echo.",
    "Return the borrowed boat with <n> fish in it.",
)
_GERMAN_NOUNS = {
    "Creature": ("Nachtwächter", "Irrläufer", "Schwärmer"),
    "Land": ("Küste", "Höhen", "Gärten"),
    "Artifact": ("Räderwerk", "Kompass", "Erbstück"),
    "Enchantment": ("Blütezeit", "Gelübde", "Muster"),
    "Spell": ("Böe", "Abendröte", "Überfahrt"),
}
_GERMAN_STARTS = ("Bernstein", "Salzglas", "Nebel", "Moos", "Fünflampen", "Zinn", "Dämmer")
_GERMAN_KINDS = {
    "Creature": "Kreatur",
    "Land": "Land",
    "Artifact": "Artefakt",
    "Enchantment": "Verzauberung",
    "Spell": "Zauber",
}
_GERMAN_RULES = (
    "Zünde zwei Lampen an, dann lösche eine davon.",
    "Bei Regen darfst du eine Karte am Feuer trocknen.",
    "{1}, {T}: Frage höflich nach dem Weg.",
    "Wer hier rastet, hört die Glocken früher.",
)
_KANA_FIRST = ("ミナト", "ホシ", "ツキ", "ヒカリ", "アメ", "ハナ", "ソラ", "モリ")
_KANA_LAST = ("ハネ", "フネ", "ウタ", "ハコ", "カミ", "ネコ", "イト", "ノハラ")
_KANA_KINDS = {
    "Creature": "イキモノ",
    "Land": "ノハラ",
    "Artifact": "ハコ",
    "Enchantment": "ウタ",
    "Spell": "ヒカリ",
}
_KANA_OF = "\N{KATAKANA LETTER NO}"


def _uuid(*parts: object) -> str:
    rng = random.Random("|".join(map(str, parts)))
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _family(type_line: str) -> str:
    """Say which of the rule and word lists a type line belongs to."""
    return next((kind for kind in _RULES if kind in type_line), "Spell")


def _pips(colours: str) -> str:
    return "".join(f"{{{colour}}}" for colour in colours)


def _identity(colours: str, kind: str) -> str:
    """Name the frame that a card of some colours wears."""
    if len(colours) > 1:
        return "M"
    return colours or ("L" if kind == "Land" else "A")


class _Author:
    """Writes one card; which words and colours it gets depends on its number alone."""

    def __init__(self, seed: int, index: int, taken: set[str]) -> None:
        self.rng = random.Random(f"{seed}|design|{index}")
        self.index = index
        self.taken = taken
        # Motifs are dealt like shuffled decks: neighbours differ, and all of them come up.
        motifs = sorted(_SUBJECTS)
        random.Random(f"{seed}|motifs|{index // len(motifs)}").shuffle(motifs)
        self.motif = motifs[index % len(motifs)]

    def faces(self, layout: str) -> tuple[Face, ...]:
        """Write the faces of a card of some layout."""
        writers = {
            "transform": self._transform,
            "split": self._split,
            "adventure": self._adventure,
            "token": self._token,
            "saga": self._saga,
            "planar": self._planar,
        }
        return writers.get(layout, self._normal)()

    def _name(self, noun: str, *, legendary: bool) -> str:
        """Invent a name that was not used before, a longer one if the short ones run out."""
        rng, tries = self.rng, 0
        while True:
            start = (rng.choice(_BEGINNINGS) + rng.choice(_ENDINGS)).capitalize()
            proper = rng.choice(_PROPER_STARTS) + rng.choice(_PROPER_ENDS)
            name = f"{start} {noun}"
            if legendary:
                name = f"{proper}, {name}"
            elif tries > 8:
                name = f"{proper}'s {name}"
            elif rng.random() < 0.15:
                name = f"{noun} of {rng.choice(_PLACES)}"
            if name not in self.taken:
                self.taken.add(name)
                return name
            tries += 1

    def _fill(self, text: str, colours: str) -> str:
        while "<n>" in text:
            text = text.replace("<n>", self.rng.choice(("two", "three", "five", "seven")), 1)
        while "<p>" in text:
            text = text.replace("<p>", _pips(self.rng.choice(colours or "C")), 1)
        return text

    def _mana(self, shift: int) -> str:
        """Pick one colour, now and then two: in turn, so that all of them appear early."""
        step = self.index + shift
        first = "WUBRG"[(step * 2 + step // 5) % 5]
        second = self.rng.choice("WUBRG") if self.rng.random() < 0.3 else first
        return "".join(sorted({first, second}, key="WUBRG".index))

    def _face(self, motif: str, kinds: str = "", subject: _Subject | None = None) -> Face:
        """Write a face about a motif: of some card types, or on a subject that is given."""
        rng = self.rng
        fitting = [s for s in _SUBJECTS[motif] if not kinds or s.kind in kinds]
        kind, subtype, nouns = subject or rng.choice(fitting)
        family = _family(kind)
        legendary = family == "Creature" and rng.random() < 0.15
        mana = self._mana(_SPELLS.index(motif) if kinds and motif in _SPELLS else 0)
        colours = "" if kind == "Land" or (kind == "Artifact" and rng.random() < 0.7) else mana
        generic = rng.randint(0 if colours else 1, 5)
        emblem = mana[0] if kind == "Land" and rng.random() < 0.4 else ""
        rules = [] if emblem else rng.sample(_RULES[family], rng.choice((1, 2, 2)))
        types = f"{'Legendary ' if legendary else ''}{kind}{f' — {subtype}' if subtype else ''}"
        return Face(
            name=self._name(rng.choice(nouns), legendary=legendary),
            cost="" if kind == "Land" else (f"{{{generic}}}" if generic else "") + _pips(colours),
            colours=colours,
            identity=_identity(colours, kind),
            type_line=types,
            text=self._fill("\n".join(rules), mana),
            flavour="" if emblem else rng.choice((*_FLAVOUR, "", "")),
            stats=f"{rng.randint(0, 6)}/{rng.randint(1, 7)}" if family == "Creature" else "",
            emblem=emblem,
            motif=motif,
            art_seed=f"art|{rng.getrandbits(64)}",
        )

    def _normal(self) -> tuple[Face, ...]:
        return (self._face(self.motif),)

    def _transform(self) -> tuple[Face, ...]:
        motifs = self.rng.sample(_CREATURES, 2)
        front, back = (self._face(motif, "Creature") for motif in motifs)
        return front, replace(back, cost="", colours=front.colours, identity=front.identity)

    def _split(self) -> tuple[Face, ...]:
        motifs = self.rng.sample(_SPELLS, 2)
        return tuple(replace(self._face(m, "Instant Sorcery"), flavour="") for m in motifs)

    def _adventure(self) -> tuple[Face, ...]:
        main = self._face(self.rng.choice(_CREATURES), "Creature")
        errand = self._face(self.rng.choice(_SPELLS), "Instant Sorcery")
        return replace(main, flavour=""), replace(
            errand,
            cost="{2}" + _pips(main.colours),
            colours=main.colours,
            identity=main.identity,
            type_line=f"{errand.type_line} — Errand",
            text=self._fill(self.rng.choice(_RULES["Spell"][:4]), main.colours),
            flavour="",
        )

    def _token(self) -> tuple[Face, ...]:
        face = self._face(self.rng.choice(_CREATURES), "Creature")
        types = face.type_line.replace("Legendary ", "")
        text = face.text.split("\n")[0]
        return (replace(face, cost="", type_line=f"Token {types}", text=text, flavour=""),)

    def _saga(self) -> tuple[Face, ...]:
        face = self._face(self.motif, subject=_TALES)
        intro = "(A lamp is lit as this tale begins and after each dawn. It ends after III.)"
        parts = self.rng.sample(_CHAPTERS, 3)
        told = [f"{n} — {part}" for n, part in zip(("I", "II", "III"), parts, strict=True)]
        text = self._fill("\n".join([intro, *told]), face.colours)
        return (replace(face, text=text, flavour="", tall=True),)

    def _planar(self) -> tuple[Face, ...]:
        realm = _Subject("Realm", self.rng.choice(_PLACES), ("Archipelago", "Skyholm"))
        face = self._face("islands", subject=realm)
        text = self._fill("\n".join(self.rng.sample(_RULES["Enchantment"], 2)), "WUBRG")
        plain = replace(face, cost="", colours="", flavour="", identity="M")
        return (replace(plain, text=text),)


def _design(seed: int, index: int, taken: set[str]) -> _Design:
    slot = index % CYCLE
    layout = _LAYOUTS.get(slot, "normal")
    author = _Author(seed, index, taken)
    faces = author.faces(layout)
    if (slot, "borderless") in _REPRINTS.values():
        # Printed without borders later on, so the art must be large enough for that.
        faces = (replace(faces[0], tall=True),)
    rarities = ("common",) * 4 + ("uncommon",) * 3 + ("rare",) * 2 + ("mythic",)
    return _Design(
        layout=layout,
        faces=faces,
        oracle_id=_uuid(seed, index, "oracle"),
        illustrations=tuple(_uuid(seed, index, "art", i) for i in range(len(faces))),
        artist=author.rng.choice(_ARTISTS),
        rarity="common" if layout in ("token", "planar") else author.rng.choice(rarities),
    )


def _printed(face: Face, language: str, rng: random.Random) -> Face:
    """Return the face as it is printed in another language."""
    family = _family(face.type_line)
    if language == "de":
        name = f"{rng.choice(_GERMAN_STARTS)}-{rng.choice(_GERMAN_NOUNS[family])}"
        kind, text = _GERMAN_KINDS[family], "\n".join(rng.sample(_GERMAN_RULES, 2))
    else:
        starts, ends = rng.sample(_KANA_FIRST, 5), rng.sample(_KANA_LAST, 5)
        words = [f"{a}{_KANA_OF}{b}" for a, b in zip(starts, ends, strict=True)]
        name, kind = words[0], _KANA_KINDS[family]
        text = f"{words[1]} {words[2]}\n{{1}} {words[3]} {words[4]}"
    return replace(face, name=name, type_line=kind, text=text, flavour="", emblem="")


def _issue(rng: random.Random, index: int, design: _Design) -> _Issue:
    """Choose the set, the frame and the border a design is printed in."""
    slot = index % CYCLE
    style, border = design.layout, "black"
    if style == "normal":
        fixed = _REPRINTS[slot][1] if slot in _REPRINTS else _FIXED_STYLES.get(slot)
        style = fixed or rng.choice(_STYLES)
    # A reprint in the frame of its original has to come from another set.
    edition = _MODERN[index % 2 + 2 * (slot in _REPRINTS)]
    if style == "old":
        edition, border = rng.choice(_OLD), rng.choice(("black", "white"))
    elif style == "borderless":
        edition, border = _PROMO, "borderless"
    elif style == "token":
        edition = _TOKENS
    elif style == "planar":
        edition = _VOYAGES
    suffix = "★" if style == "borderless" else "a" if index % 21 == 4 else ""
    return _Issue(edition, style, border, f"{index + 1}{suffix}", _LANGUAGES.get(slot, "en"))


def _image_uris(card_id: str, side: str, epoch: int) -> dict[str, str]:
    jpegs = ("small", "normal", "large", "art_crop", "border_crop")
    endings = {**dict.fromkeys(jpegs, "jpg"), "png": "png"}
    endings |= dict.fromkeys(("thumb", "grid", "display", "art", "crop"), "webp")
    path = f"{side}/{card_id[0]}/{card_id[1]}/{card_id}"
    return {
        key: f"https://cards.scryfall.io/{key}/{path}.{ending}?{epoch}"
        for key, ending in endings.items()
    }


def _value(cost: str) -> float:
    symbols = re.findall(r"\{(\w+)\}", cost)
    return float(sum(int(symbol) if symbol.isdigit() else 1 for symbol in symbols))


def _rules_of(face: Face) -> dict[str, Any]:
    """Return the keys that describe a face's rules."""
    text = f"({{T}}: Draw {_pips(face.emblem)} from the ground.)" if face.emblem else face.text
    told: dict[str, Any] = {"mana_cost": face.cost, "type_line": face.type_line}
    told["oracle_text"] = text
    if face.stats:
        told["power"], told["toughness"] = face.stats.split("/")
    if face.flavour:
        told["flavor_text"] = face.flavour
    return told


def _picture_keys(card_id: str, design: _Design, epoch: int) -> dict[str, Any]:
    """Return the keys that depend on whether the card has one picture or two, and its faces."""
    faces = [
        {"object": "card_face", "name": face.name, **_rules_of(face), "artist": design.artist}
        for face in design.faces
    ]
    if design.layout == "transform":
        for i, side in enumerate(("front", "back")):
            faces[i]["colors"] = sorted(design.faces[i].colours)
            faces[i]["illustration_id"] = design.illustrations[i]
            faces[i]["image_uris"] = _image_uris(card_id, side, epoch)
        return {"card_faces": faces}
    keys: dict[str, Any] = {
        "image_uris": _image_uris(card_id, "front", epoch),
        "mana_cost": " // ".join(face.cost for face in design.faces),
        "colors": sorted(set("".join(face.colours for face in design.faces))),
        "illustration_id": design.illustrations[0],
        "card_back_id": _uuid("card back"),
    }
    if len(faces) > 1:
        faces[0]["illustration_id"] = design.illustrations[0]
        keys |= {key: faces[0][key] for key in ("power", "toughness") if key in faces[0]}
        keys["card_faces"] = faces
        return keys
    return _rules_of(design.faces[0]) | keys


def _set_keys(issue: _Issue, *, digital: bool) -> dict[str, Any]:
    """Return the keys that depend on the set, the frame and the finish alone."""
    edition, style, border, number, language = issue
    set_id = _uuid(edition.code, "set")
    foil, promo = style in ("borderless", "full_art"), edition is _PROMO
    games = ["arena"] if digital else ["paper", "arena"]
    keys: dict[str, Any] = {
        "lang": language,
        "released_at": edition.released,
        "games": games if edition.released > "2018" else ["paper"],
        "foil": foil,
        "nonfoil": not foil,
        "finishes": ["foil"] if foil else ["nonfoil"],
        "oversized": style == "planar",
        "promo": promo,
        "set_id": set_id,
        "set": edition.code,
        "set_name": edition.name,
        "set_type": edition.kind,
        "set_uri": f"https://api.scryfall.com/sets/{set_id}",
        "collector_number": number,
        "digital": digital,
        "border_color": border,
        "frame": "1997" if style == "old" else "2015",
        "full_art": style == "full_art",
        "booster": not promo,
    }
    return keys | ({"promo_types": ["boosterfun"]} if promo else {})


def _card_object(seed: int, index: int, design: _Design, issue: _Issue) -> dict[str, Any]:
    slot, faces, edition = index % CYCLE, design.faces, issue.edition
    card_id = _uuid(seed, index, "card")
    # Scryfall's pictures are not as old as the oldest cards.
    scanned = max(date.fromisoformat(edition.released), date(2018, 3, 1))
    updated = datetime.combine(scanned, time(9), timezone.utc) + timedelta(seconds=7919 * index)
    slug = re.sub(r"[^a-z]+", "-", faces[0].name.lower())
    symbols = "".join(face.cost + face.text + _pips(face.colours + face.emblem) for face in faces)
    counted = faces if design.layout == "split" else faces[:1]
    card = {
        "object": "card",
        "id": card_id,
        "oracle_id": design.oracle_id,
        "multiverse_ids": [],
        "name": " // ".join(face.name for face in faces),
        "uri": f"https://api.scryfall.com/cards/{card_id}",
        "scryfall_uri": f"https://scryfall.com/card/{edition.code}/{quote(issue.number)}/{slug}",
        "layout": design.layout,
        "highres_image": True,
        "image_status": "highres_scan",
        "image_updated_at": updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cmc": sum(_value(face.cost) for face in counted),
        "color_identity": sorted(set(re.findall(r"\{([WUBRG])\}", symbols))),
        "keywords": [],
        "reserved": False,
        "reprint": slot in _REPRINTS,
        "variation": False,
        "rarity": design.rarity,
        "artist": design.artist,
        "artist_ids": [_uuid(design.artist)],
        "textless": False,
        "story_spotlight": False,
        "prices": {},
        **_set_keys(issue, digital=slot in _DIGITAL),
        **_picture_keys(card_id, design, int(updated.timestamp())),
        "type_line": " // ".join(face.type_line for face in faces),
    }
    if faces[0].type_line.startswith("Legendary"):
        card["frame_effects"] = ["legendary"]
    return card


def _issue_card(seed: int, index: int, design: _Design) -> SampleCard:
    """Print a design: choose its set and frame, describe it and paint it."""
    rng = random.Random(f"{seed}|issue|{index}")
    issue = _issue(rng, index, design)
    card = _card_object(seed, index, design, issue)
    tall = issue.style in ("borderless", "full_art")
    faces = tuple(replace(face, tall=face.tall or tall) for face in design.faces)
    if issue.language != "en":
        faces = (_printed(faces[0], issue.language, rng),)
        card["printed_name"] = faces[0].name
        card["printed_type_line"] = faces[0].type_line
        card["printed_text"] = faces[0].text
    collector = (
        f"{issue.number.zfill(4)} {design.rarity[0].upper()}  "
        f"{issue.edition.code.upper()} · {issue.language.upper()}"
    )
    front = Printing(
        style=issue.style,
        border=issue.border,
        symbol=_SETS.index(issue.edition),
        rarity=design.rarity,
        collector=collector,
        artist=design.artist,
    )
    if design.layout != "transform":
        return SampleCard(card, (paint_card(faces, front),))
    back = replace(front, back=True)
    return SampleCard(card, (paint_card(faces[:1], front), paint_card(faces[1:], back)))


def iter_sample_cards(*, seed: int = 2026) -> Iterator[SampleCard]:
    """Invent cards without end, each painted when it is asked for.

    Parameters
    ----------
    seed
        Cards of different seeds have different names, art and ids.

    Yields
    ------
    SampleCard
        The next card; the first ones are the same however many are taken.
    """
    taken: set[str] = set()
    designs: dict[int, _Design] = {}
    for index in count_up():
        slot = index % CYCLE
        if slot in _REPRINTS:
            design = designs[_REPRINTS[slot][0]]
        else:
            design = designs[slot] = _design(seed, index, taken)
        yield _issue_card(seed, index, design)


def sample_cards(count: int = CYCLE, *, seed: int = 2026) -> list[SampleCard]:
    """Invent and paint cards, the same ones for the same seed.

    Parameters
    ----------
    count
        How many cards. A picture takes 1 MB; take `iter_sample_cards` for thousands of cards.
    seed
        Cards of different seeds have different names, art and ids.

    Returns
    -------
    list of SampleCard
        Among each 64: four reprints, three two-sided cards, and some of the other layouts.
    """
    return list(islice(iter_sample_cards(seed=seed), count))
