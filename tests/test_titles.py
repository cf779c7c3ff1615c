"""Cards are named by their titles: letters, names, what is hidden, and what is not known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mtg_image_db.database.database import Database
from mtg_image_db.database.titles import Titles
from mtg_image_db.demo.cards import SampleCard, sample_cards
from mtg_image_db.errors import EncoderError
from mtg_image_db.reading import titles
from mtg_image_db.reading.title_likelihood import log_likelihoods
from mtg_image_db.reading.title_names import TitleNames, titles_of
from mtg_image_db.reading.title_reader import CODES, COVERED, TitleNet, best_text
from mtg_image_db.reading.title_strip import HEIGHT, WIDTH, cut_title, title_corners
from mtg_image_db.reading.titles import TitleReading, read_title, read_titles
from mtg_image_db.scryfall.names import names_of

ANYWHERE = np.zeros((4, 2), np.float32)
KNOWN = (
    *("Goblin Raider", "Goblin Rider", "Forest", "Forest Bear", "Llanowar Elves", "Elvish Mystic"),
    *("Fire // Ice", "Lim-Dûl's Vault", "Æther Vial", "Storm Crow", "Air Elemental"),
)


def names(*known: str) -> TitleNames:
    return TitleNames(
        pair for name in known or KNOWN for pair in titles_of({"name": name, "face_name": ""})
    )


def logs(text: str, sure: float = 0.999, places: int = 120) -> NDArray[np.float32]:
    """Log-probabilities as of a title that says a text, with a blank after each letter."""
    shares = np.full((places, 1 + len(CODES)), (1 - sure) / len(CODES))
    for place in range(places):
        letter = text[place // 2 : place // 2 + 1] if place % 2 else ""
        shares[place, CODES[letter] if letter else 0] = sure
    return np.asarray(np.log(shares), dtype=np.float32)


def read(text: str, *known: str, sure: float = 0.999) -> TitleReading:
    return read_title(logs(text, sure), ANYWHERE, names(*known))


def test_the_likelihood_of_a_name_is_that_of_all_ways_to_write_it() -> None:
    rng = np.random.default_rng(1)
    some = [0, CODES["a"], CODES["b"]]
    shares = np.zeros((6, 1 + len(CODES)))
    shares[:, some] = rng.dirichlet(np.ones(3), size=6)
    ways: dict[str, float] = {}
    for path in itertools.product(range(3), repeat=6):
        text = "".join(" ab"[code] for code, _ in itertools.groupby(path)).replace(" ", "")
        chance = math.prod(shares[place, some[code]] for place, code in enumerate(path))
        ways[text] = ways.get(text, 0.0) + chance
    every = names("a", "ab", "abba", "bab")
    with np.errstate(divide="ignore"):
        found = log_likelihoods(np.log(shares), every.codes, every.lengths)
    assert found == pytest.approx([math.log(ways[text]) for text in every.titles])


def test_a_name_that_is_read_is_certain() -> None:
    one = read("goblin raider")
    assert (one.name, one.verdict, one.text) == ("Goblin Raider", "confident", "goblin raider")
    assert one.margin > 5


def test_a_letter_that_is_misread_does_not_hide_a_name() -> None:
    assert read("llanowar elvos").name == "Llanowar Elves"


def test_one_letter_between_two_names_is_not_certain_if_it_is_not_seen() -> None:
    shares = logs("goblin rider")
    # Where the second name has another letter, nobody can say what stands there.
    shares[17:19] = -math.log(1 + len(CODES))
    assert read_title(shares, ANYWHERE, names()).verdict != "confident"


def test_a_name_that_the_database_lacks_is_refused() -> None:
    known = [name for name in KNOWN if name != "Goblin Raider"]
    assert read("goblin raider", *known).verdict == "none"
    assert read("dark ritual").verdict == "none"


def test_a_title_without_letters_is_nothing() -> None:
    one = read("")
    assert (one.name, one.verdict) == ("", "none")


def test_a_database_without_names_reads_nothing() -> None:
    assert read_title(logs("forest"), ANYWHERE, TitleNames([])).verdict == "none"


@pytest.mark.parametrize("text", [f"llanowar e{COVERED}", f"{COVERED}anowar elves"])
def test_part_of_a_title_is_enough_if_only_one_name_has_it(text: str) -> None:
    one = read(text)
    assert (one.name, one.verdict) == ("Llanowar Elves", "confident")


@pytest.mark.parametrize("text", [f"goblin r{COVERED}", f"f{COVERED}", COVERED])
def test_part_of_a_title_that_two_names_have_says_nothing(text: str) -> None:
    assert read(text).verdict == "none"


def test_one_letter_is_not_enough_though_no_other_name_has_it() -> None:
    one = read(f"b{COVERED}", "Birchcall Pattern", "Storm Crow")
    assert (one.name, one.verdict) == ("Birchcall Pattern", "none")


def test_a_short_name_may_be_certain() -> None:
    assert read("fog", "Fog", *KNOWN).verdict == "confident"


def test_a_short_name_is_nothing_if_other_letters_are_read() -> None:
    one = read("chax", "Char", *KNOWN, sure=0.6)
    assert (one.name, one.verdict) == ("Char", "none")


def test_a_name_with_which_a_longer_one_begins_is_told_from_it() -> None:
    assert read("forest").name == "Forest"
    assert read("forest").verdict == "confident"
    assert read("forest bear").name == "Forest Bear"
    assert read(f"forest{COVERED}").name == "Forest Bear"


def test_both_halves_of_a_card_are_titles_of_it() -> None:
    for half in ("fire", "ice"):
        assert (read(half).name, read(half).title) == ("Fire // Ice", half)


def test_marks_and_punctuation_do_not_matter() -> None:
    assert read("lim duls vault").name == "Lim-Dûl's Vault"
    assert read("aether vial").name == "Æther Vial"


def test_the_titles_of_a_record_are_those_of_its_sides_and_the_printed_one() -> None:
    record = {"name": "Day // Night", "face_name": "Night", "printed_name": "Tag // Nacht"}
    found = dict(titles_of(record))
    assert found == dict.fromkeys(("Day", "Night", "Tag", "Nacht"), "Day // Night")


def test_an_art_card_has_the_name_of_its_card() -> None:
    assert set(titles_of({"name": "Storm Crow // Storm Crow"})) == {("Storm Crow", "Storm Crow")}


def test_a_whole_name_goes_before_half_of_another_card() -> None:
    for order in (("Bind // Liberate", "Bind"), ("Bind", "Bind // Liberate")):
        assert read("bind", *order).name == "Bind"


def test_a_printed_name_in_another_language_names_the_card() -> None:
    record = {"name": "Storm Crow", "printed_name": "Sturmkrähe"}
    every = TitleNames([*titles_of(record), *titles_of({"name": "Storm Elk"})])
    assert read_title(logs("sturmkrahe"), ANYWHERE, every).name == "Storm Crow"


def test_letters_that_nobody_taught_the_reader_are_left_out() -> None:
    assert TitleNames([("ストームクロウ", "Storm Crow")]).titles == ()


def test_names_that_share_letters_with_a_text_are_found_among_many() -> None:
    rng = np.random.default_rng(2)
    letters = "abcdefghijklmnopqrstuvwxyz"
    many = ["".join(rng.choice(list(letters), 9)) for _ in range(3000)]
    every = names(*KNOWN, *many)
    for text in ("elvsh mistic", f"elvi{COVERED}", f"{COVERED}mystic"):
        assert "elvish mystic" in [every.titles[row] for row in every.like(text, 40)]
    assert len(every.like("goblin", 40)) <= 40


def test_a_large_card_is_cut_out_at_the_size_that_the_network_wants() -> None:
    photo = np.zeros((2000, 1500, 3), np.uint8)
    quad = np.array([(100, 100), (1360, 100), (1360, 1860), (100, 1860)], np.float32)
    assert cut_title(photo, title_corners(quad)).shape == (HEIGHT, WIDTH)


def test_a_damaged_network_is_reported(tmp_path: Path) -> None:
    (tmp_path / "titles.onnx").write_bytes(b"no network")
    with pytest.raises(EncoderError, match="titles"):
        TitleNet(tmp_path / "titles.onnx")


@pytest.fixture(scope="module")
def cards() -> list[SampleCard]:
    """Sample cards in English whose title has the size that it has on cards since 2003."""
    some = [
        one
        for one in sample_cards(40, seed=7)
        if one.card["layout"] == "normal"
        and one.card["frame"] == "2015"
        and one.card["lang"] == "en"
    ]
    return some[:10]


@pytest.fixture(scope="module")
def table(cards: list[SampleCard]) -> tuple[NDArray[np.uint8], list[NDArray[np.float32]]]:
    """A photo of a column: of each card, one sees the title, and the last one whole."""
    photo = Image.new("RGB", (560, 60 * len(cards) + 700), (90, 70, 50))
    quads = []
    for row, one in enumerate(cards):
        left, top = 30 + 3 * (row % 3), 20 + 60 * row
        photo.paste(one.faces[0], (left, top))
        corners = [(left, top), (left + 488, top), (left + 488, top + 680), (left, top + 680)]
        quads.append(np.array(corners, np.float32))
    return np.asarray(photo), quads


def test_the_cards_of_a_column_are_named(
    cards: list[SampleCard], table: tuple[NDArray[np.uint8], list[NDArray[np.float32]]]
) -> None:
    known = [one.card["name"] for one in cards]
    readings = read_titles(*table, names(*known, *KNOWN))
    wrong = [one for one, name in zip(readings, known, strict=True) if one.name != name]
    assert not wrong
    assert sum(one.verdict == "confident" for one in readings) >= len(cards) / 2


def test_the_cards_of_a_column_that_the_database_lacks_are_refused(
    table: tuple[NDArray[np.uint8], list[NDArray[np.float32]]],
) -> None:
    assert {one.verdict for one in read_titles(*table, names())} == {"none"}


def test_a_title_is_found_where_corners_are_off(
    cards: list[SampleCard], table: tuple[NDArray[np.uint8], list[NDArray[np.float32]]]
) -> None:
    photo, quads = table
    off = [quad + np.array([8, 12 * (-1) ** row], np.float32) for row, quad in enumerate(quads)]
    readings = read_titles(photo, off, names(*[one.card["name"] for one in cards]))
    right = [one.name == card.card["name"] for one, card in zip(readings, cards, strict=True)]
    assert sum(right) >= len(cards) - 1


def test_a_title_that_is_read_surely_is_not_looked_for_elsewhere(
    table: tuple[NDArray[np.uint8], list[NDArray[np.float32]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, asked = TitleNet(), 0

    class Counting:
        def read(self, strips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            nonlocal asked
            asked += len(strips)
            return net.read(strips)

    photo, quads = table
    strips = [cut_title(photo, title_corners(quad)) for quad in quads]
    first = [read_title(logs, quads[0], names()) for logs in net.read(strips)]
    sure = sum(len(one.text) > 5 and one.log_text >= -1 for one in first)
    assert 0 < sure < len(quads)
    monkeypatch.setattr(titles, "title_net", Counting)
    assert {one.verdict for one in read_titles(photo, quads, names())} == {"none"}
    assert asked == len(quads) + 2 * (len(quads) - sure)


def test_a_reading_says_where_the_title_stands(
    table: tuple[NDArray[np.uint8], list[NDArray[np.float32]]],
) -> None:
    photo, quads = table
    [one] = read_titles(photo, quads[:1], names())
    left, top = one.quad.min(axis=0)
    right, bottom = one.quad.max(axis=0)
    assert quads[0][0, 0] <= left < right <= quads[0][1, 0]
    assert quads[0][0, 1] - 20 <= top < bottom <= quads[0][0, 1] + 130


def test_a_title_that_a_thing_hides_in_part_is_named_by_the_rest(cards: list[SampleCard]) -> None:
    longest = max(cards, key=lambda one: len(one.card["name"]))
    picture = longest.faces[0].convert("RGB")
    ImageDraw.Draw(picture).rectangle((330, -5, 495, 300), fill=(150, 110, 90))
    quad = np.array([(0, 0), (488, 0), (488, 680), (0, 680)], np.float32)
    known = names(*[one.card["name"] for one in cards], *KNOWN)
    [one] = read_titles(np.asarray(picture), [quad], known)
    assert one.name == longest.card["name"]


def test_no_cards_have_no_titles() -> None:
    assert read_titles(np.zeros((50, 50, 3), np.uint8), [], names()) == []


def test_the_best_text_joins_repeated_letters_and_keeps_doubled_ones() -> None:
    assert best_text(logs("hill")) == "hill"


def test_the_titles_of_a_database_are_those_of_its_cards(built: Path) -> None:
    gallery = Database.open(built).gallery
    known = {part for row in gallery.rows() for part in names_of(gallery.parts.records[row])}
    assert set(Titles.of(gallery).names.titles) == known
