"""Invented sample cards: Scryfall-like card objects and their pictures.

Nothing here comes from a real game: names, rules, sets, artists and art are made up. So the whole
package can be tried without a network and without other people's artwork.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from PIL import Image

from mtg_image_db.demo import words
from mtg_image_db.demo.frames import Face, paint_card

_CYCLE = 64
"""After so many cards, the mixture of layouts and reprints repeats."""

_LAYOUTS = {
    **dict.fromkeys((5, 25, 47), "transform"),
    **dict.fromkeys((10, 38), "split"),
    **dict.fromkeys((16, 43), "adventure"),
    **dict.fromkeys((19, 54), "saga"),
    **dict.fromkeys((8, 23, 35, 58), "token"),
    30: "planar",
}
# Slot of a reprint: slot of the original, the frame of the reprint, and its set. Those in slots 27,
# 44 and 59 differ from their originals in set symbol and line, or in the line alone.
_REPRINTS = {
    27: (3, "modern", "reprint"),
    41: (12, "old", "old"),
    44: (3, "modern", "early"),
    52: (6, "borderless", "borderless"),
    59: (12, "modern", "modern"),
    61: (20, "modern", "reprint"),
}
# Slots of cards that exist as foils only, although their frame does not tell, and in both finishes.
_FOIL = (59,)
_BOTH = (9, 21, 28, 31, 36, 46, 53, 56)
_FIXED_STYLES = {**dict.fromkeys((3, 6, 12, 17, 45), "modern"), 20: "old"}
_DIGITAL = (17, 45)
_STYLES = ("modern",) * 9 + ("old",) * 4 + ("borderless",) * 3 + ("full_art",) * 2
_LARGE_ART = ("borderless", "full_art", "token", "saga")
_RARITIES = ("common",) * 4 + ("uncommon",) * 3 + ("rare",) * 2 + ("mythic",)
_SPELLS = "Instant Sorcery"
_CENTS = {"common": 15, "uncommon": 40, "rare": 250, "mythic": 1200}
"""About what a card of a rarity costs, in cents of a US dollar. Invented."""


@dataclass(frozen=True)
class SampleCard:
    """One invented card: its Scryfall card object, and the picture of its front and back if any.

    Of a card in both finishes `faces` show the nonfoil copy, and `foil_faces` the foil one.
    """

    card: dict[str, Any]
    faces: tuple[Image.Image, ...]
    foil_faces: tuple[Image.Image, ...] = ()


class _Design(NamedTuple):
    """A card as its author wrote it, before it is printed in a set."""

    layout: str
    style: str
    faces: tuple[Face, ...]
    key: str
    artist: str
    rarity: str


def _uuid(*parts: object) -> str:
    rng = random.Random("|".join(map(str, parts)))
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class _Author:
    """Writes one card, depending on its number and the names already taken."""

    def __init__(self, seed: int, index: int, taken: set[str]) -> None:
        self.rng = random.Random(f"{seed}|design|{index}")
        self.key, self.slot, self.taken = f"{seed}|{index}", index % _CYCLE, taken
        # Colours take turns; motifs are dealt like shuffled decks, so all of them occur.
        self.colour = "WUBRG"[(index * 2 + index // 5) % 5]
        deck, first = sorted(words.SUBJECTS), index % len(words.SUBJECTS)
        random.Random(f"{seed}|motifs|{index // len(deck)}").shuffle(deck)
        self.motifs = deck[first:] + deck[:first]

    def _name(self, nouns: str) -> str:
        name = ""
        while not name or name in self.taken:
            lists = (words.BEGINNINGS, words.ENDINGS, nouns)
            start, end, noun = (self.rng.choice(each.split()) for each in lists)
            name = f"{start}{end} {noun}"
        self.taken.add(name)
        return name

    def _text(self, lines: list[str], colours: str) -> str:
        text = "\n".join(lines).replace("<p>", f"{{{self.rng.choice(colours)}}}")
        return text.replace("<n>", self.rng.choice(("two", "three", "five")))

    def _face(self, kinds: str = "Artifact Creature Enchantment Instant Land Sorcery") -> Face:
        """Write a face about the next motif that suits one of these card types."""
        rng, fitting = self.rng, list[tuple[str, str]]()
        while not fitting:
            motif = self.motifs.pop(0)
            fitting = [subject for subject in words.SUBJECTS[motif] if subject[0] in kinds]
        kind, nouns = rng.choice(fitting)
        second = rng.choice("WUBRG")
        mana = self.colour + (second if rng.random() < 0.3 and second != self.colour else "")
        bare = kind == "Land" or (kind == "Artifact" and rng.random() < 0.6)
        colours, creature = "" if bare else mana, kind == "Creature"
        cost = f"{{{rng.randint(1, 5)}}}" + "".join(f"{{{colour}}}" for colour in colours)
        return Face(
            name=self._name(nouns),
            cost="" if kind == "Land" else cost,
            colours=colours,
            identity="M" if len(colours) > 1 else colours or kind[0],
            type_line=f"{kind} — {nouns.split()[0]}" if creature else kind,
            text=self._text(rng.sample(words.RULES, rng.choice((1, 2, 2))), mana),
            flavour=rng.choice((*words.FLAVOURS, "", "")),
            stats=f"{rng.randint(0, 6)}/{rng.randint(1, 7)}" if creature else "",
            motif=motif,
            art_seed=f"art|{rng.getrandbits(64)}",
        )

    def _single(self, layout: str) -> Face:
        """Write the face of a card with only one face."""
        if layout == "token":
            face = self._face("Creature")
            return replace(face, cost="", type_line=f"Token {face.type_line}", flavour="")
        if layout == "planar":
            face = replace(self._face("Land Enchantment"), cost="", colours="", identity="M")
            return replace(face, type_line=f"Plane — {face.name.split()[0]}")
        if layout == "saga":
            told = zip(("I", "II", "III"), self.rng.sample(words.RULES, 3), strict=True)
            text = self._text([f"{number} — {line}" for number, line in told], self.colour)
            face = self._face("Enchantment Sorcery")
            return replace(face, type_line="Enchantment — Saga", text=text, flavour="")
        return self._face("Land") if self.slot in words.FOREIGN else self._face()

    def _faces(self, layout: str) -> tuple[Face, ...]:
        if layout == "split":
            return self._face(_SPELLS), self._face(_SPELLS)
        if layout not in ("transform", "adventure"):
            return (self._single(layout),)
        front = replace(self._face("Creature"), flavour="")
        back = self._face("Creature" if layout == "transform" else _SPELLS)
        back = replace(back, colours=front.colours, identity=front.identity, flavour="")
        if layout == "transform":
            return front, replace(back, cost="")
        return front, replace(back, cost=front.cost, type_line=f"{back.type_line} — Adventure")

    def design(self) -> _Design:
        """Write the card."""
        layout = style = _LAYOUTS.get(self.slot, "normal")
        if layout == "normal":
            style = _FIXED_STYLES.get(self.slot) or self.rng.choice(_STYLES)
        # If a borderless reprint will show the art, it is large from the start.
        tall = style in _LARGE_ART or (self.slot, *["borderless"] * 2) in _REPRINTS.values()
        faces = tuple(replace(face, tall=tall) for face in self._faces(layout))
        artist, rarity = self.rng.choice(words.ARTISTS), self.rng.choice(_RARITIES)
        return _Design(layout, style, faces, self.key, artist, rarity)


def _image_uris(card_id: str, side: str) -> dict[str, str]:
    endings = dict.fromkeys(("small", "normal", "large", "art_crop", "border_crop"), "jpg")
    endings |= {"png": "png"} | dict.fromkeys(("thumb", "grid", "display", "art", "crop"), "webp")
    path = f"https://cards.scryfall.io/{{}}/{side}/{card_id[0]}/{card_id[1]}/{card_id}"
    return {size: f"{path.format(size)}.{end}?1715936400" for size, end in endings.items()}


def _face_keys(card_id: str, design: _Design) -> dict[str, Any]:
    """Return the keys that depend on whether the card has one picture or two, and its faces."""
    sides: list[dict[str, Any]] = []
    for face, position in zip(design.faces, ("front", "back"), strict=False):
        side: dict[str, Any] = {"object": "card_face", "name": face.name, "mana_cost": face.cost}
        side |= {"type_line": face.type_line, "oracle_text": face.text, "artist": design.artist}
        if face.stats:
            side["power"], side["toughness"] = face.stats.split("/")
        if design.layout == "transform" or not sides:
            side |= {"colors": sorted(face.colours), "illustration_id": _uuid(design.key, position)}
            side["image_uris"] = _image_uris(card_id, position)
        sides.append(side)
    if design.layout == "transform":
        return {"card_faces": sides}
    moved = ("colors", "illustration_id", "image_uris")
    keys = {key: sides[0].pop(key) for key in moved} | {"card_back_id": _uuid("card back")}
    return keys | ({"card_faces": sides} if len(sides) > 1 else {**sides[0], "object": "card"})


def _card_object(design: _Design, index: int, seed: int) -> dict[str, Any]:
    """Choose the set a design is printed in and return the card object."""
    slot, faces, style = index % _CYCLE, design.faces, design.style
    home = _REPRINTS[slot][2] if slot in _REPRINTS else style
    foil = style in ("borderless", "full_art") or slot in _FOIL
    both = style == "modern" and slot in _BOTH
    code, name, released = words.SETS.get(home, words.SETS["modern"])
    digital, card_id = slot in _DIGITAL, _uuid(seed, index, "card")
    games = (["arena"] if digital else ["paper", "arena"]) if released > "2018" else ["paper"]
    card = {
        "object": "card",
        "id": card_id,
        "oracle_id": _uuid(design.key, "oracle"),
        **_face_keys(card_id, design),
        "name": " // ".join(face.name for face in faces),
        "lang": "en",
        "released_at": released,
        "scryfall_uri": f"https://scryfall.com/card/{code}/{index + 1}",
        "layout": design.layout,
        "image_status": "highres_scan",
        "type_line": " // ".join(face.type_line for face in faces),
        "games": games,
        "finishes": ["nonfoil", "foil"] if both else ["foil" if foil else "nonfoil"],
        "reprint": slot in _REPRINTS,
        "set": code,
        "set_name": name,
        "collector_number": str(index + 1),
        "digital": digital,
        "rarity": design.rarity,
        "artist": design.artist,
        "border_color": "white" if style == "old" and index % 2 else "black",
        "frame": "1997" if style == "old" else "2015",
        "full_art": style == "full_art",
        "prices": _prices(card_id, design.rarity, both=both, foil=foil, digital=digital),
    }
    if style == "borderless":
        card |= {"border_color": "borderless", "promo_types": ["boosterfun"]}
    if slot in words.FOREIGN:
        told = ("lang", "printed_name", "printed_type_line", "printed_text")
        card |= dict(zip(told, words.FOREIGN[slot], strict=True))
    return card


def _prices(
    card_id: str, rarity: str, *, both: bool, foil: bool, digital: bool
) -> dict[str, str | None]:
    """Invent prices, with the keys that Scryfall has: null where a card has no price."""
    rng = random.Random(f"prices|{card_id}")
    usd = _CENTS[rarity] * rng.uniform(0.4, 2.5)

    def price(share: float, *, exists: bool) -> str | None:
        return f"{usd * share / 100:.2f}" if exists else None

    plain, shiny = not digital and not foil, not digital and (foil or both)
    return {
        "usd": price(1, exists=plain),
        "usd_foil": price(2.2, exists=shiny),
        "usd_etched": None,
        "eur": price(0.8, exists=plain),
        "eur_foil": price(1.9, exists=shiny),
        # Not every card has a price in every currency.
        "tix": price(0.3, exists=digital or rng.random() < 0.8),
    }


def _issue(design: _Design, index: int, seed: int) -> SampleCard:
    """Print a design: make its card object and paint it."""
    card, faces = _card_object(design, index, seed), design.faces
    if "printed_name" in card:
        name, line, text = (card[f"printed_{key}"] for key in ("name", "type_line", "text"))
        faces = (replace(faces[0], name=name, type_line=line, text=text, flavour=""),)
    finishes = card["finishes"]
    pictures = [_paint(faces, card, design.style, finish == "foil") for finish in finishes]
    return SampleCard(card, *pictures)


def _paint(
    faces: tuple[Face, ...], card: dict[str, Any], style: str, foil: bool
) -> tuple[Image.Image, ...]:
    """Paint the front of a copy, and its back if it has one."""
    if style != "transform":
        return (paint_card(faces, card, style, foil),)
    back = paint_card(faces[1:], card, style, foil, back=True)
    return paint_card(faces[:1], card, style, foil), back


def sample_cards(count: int = _CYCLE, *, seed: int = 2026) -> list[SampleCard]:
    """Invent and paint cards, the same ones for the same seed.

    Parameters
    ----------
    count
        How many cards; a larger number begins with the same ones.
    seed
        Cards of different seeds have different names, art and ids.

    Returns
    -------
    list of SampleCard
        Among each 64: six reprints, eight cards in both finishes, three two-sided cards, and some
        of the other layouts.
    """
    taken: set[str] = set()
    designs: dict[int, _Design] = {}
    cards = []
    for index in range(count):
        slot = index % _CYCLE
        if slot in _REPRINTS:
            original, style, _ = _REPRINTS[slot]
            design = designs[original]._replace(style=style)
        else:
            design = designs[slot] = _Author(seed, index, taken).design()
        cards.append(_issue(design, index, seed))
    return cards
