"""The words of the sample cards; Pillow's own font can draw all of them."""

from __future__ import annotations

BEGINNINGS = (
    "Amber Ash Birch Candle Cinder Clover Copper Dapple Dusk Ember Fern Flint Frost Gloam Hazel "
    "Ink Ivy Juniper Lantern Larch Moss Nettle Opal Pearl Quill Rowan Saffron Tin Velvet Willow"
)
ENDINGS = "bell bloom brook call crest drift fall glass gleam hush light loom song veil wake wick"
ARTISTS = ("Ada Quillfeather", "Bram Oystercloud", "Farid Moonraker", "Greta Saltmarsh")
# The set for each style of frame: code, name and day of release.
SETS = {
    "modern": ("qtg", "Demo: Tides of Glass", "2024-05-17"),
    "reprint": ("qnc", "Demo: Nine Comets", "2025-07-23"),
    "old": ("qsm", "Demo: Saltmarch", "1999-10-04"),
    "borderless": ("qpr", "Demo: Promenade Promos", "2024-08-02"),
    "token": ("qtt", "Demo: Tides of Glass Tokens", "2024-05-17"),
    "planar": ("qvo", "Demo: Voyages", "2016-06-03"),
    "early": ("qhh", "Demo: Hearth and Harbour", "2017-09-29"),
}
SET_SIZE = 180
"""How many cards each set has, by what is printed on cards until 2023."""
PRINTED_LANGUAGES = {"es": "SP", "ja": "JP", "ko": "KR", "zhs": "CS", "zht": "CT"}
"""How languages are printed on cards, if not as Scryfall's code in capitals."""
# Motif of the art: card type, and nouns for the name; the first is a creature's subtype.
SUBJECTS = {
    "tree": (("Land", "Grove Orchard Arbour"), ("Enchantment", "Bough Rootwork")),
    "towers": (("Land", "Citadel Spires Keep"), ("Artifact", "Lighthouse Belfry")),
    "volcano": (("Land", "Caldera Cinderfield"), ("Sorcery", "Eruption Outpour")),
    "aurora": (("Land", "Taiga Snowfield"), ("Instant", "Aurora Winterlight")),
    "owl": (("Creature", "Owl Nightwatch Hooter"),),
    "moth": (("Creature", "Moth Duskwing Flutterer"),),
    "jelly": (("Creature", "Jellyfish Drifter Lullaby"),),
    "mushrooms": (("Creature", "Toadstool Sporeling Mossling"),),
    "crystals": (("Artifact", "Cluster Geode Prism"), ("Instant", "Resonance Glimmer")),
    "mandala": (("Enchantment", "Rosette Pattern"), ("Sorcery", "Covenant Unfolding")),
}
# <p> stands for a mana symbol of the card's colour, <n> for a small number.
RULES = (
    "When it arrives, place <n> embers on the hearth.",
    "{1}<p>: Until dusk it grows by one pace and one stone.",
    "{T}: Ask a neighbour for one of their lanterns.",
    "{T}: Draw <p> from the ground.",
    "{2}, {T}: Look at <n> pages of the almanac, then close it gently.",
    "Whenever it rains, you may dry one card by the fire.",
    "<p>: Hum the tune. Creatures that know it join in.",
    "Move up to <n> clouds to another corner of the table.",
    "Light <n> lamps, then blow out one of them.",
)
FLAVOURS = (
    "“Count the waves, then count again.”",
    "No map of the Paper Sea agrees with any other.",
    "“It was smaller when we bought it.”",
    "Even the quiet has a favourite colour.",
    "What the fog borrows, the morning returns.",
)
# Slot of a card in another language: the language, then its name, type and text.
FOREIGN = {
    14: ("it", "Terra dei Lampioni", "Terra", "Quando piove, racconta una storia.\n{T}: Canta."),
    22: ("de", "Bernsteinufer", "Land", "{T}: Frage freundlich nach dem Weg."),
    37: ("it", "Altopiano Segreto", "Terra", "Accendi tre lanterne, poi spegni una di loro."),
    49: ("es", "Bosque de Niebla", "Tierra", "Quien descansa aquí oye primero las campanas."),
}
