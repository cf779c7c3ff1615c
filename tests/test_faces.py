from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED, card_id, make_card, needs_shared
from hypothesis import given
from hypothesis import strategies as st

from mtg_image_db.download.paths import image_path
from mtg_image_db.scryfall.faces import CardFace, FaceFilter, faces_of, is_card_id, to_line

BACK = {"normal": "https://cards.scryfall.io/normal/back/0/0/x.jpg?1"}
FRONT = {"normal": "https://cards.scryfall.io/normal/front/0/0/x.jpg?1"}


def two_sided(**changes: Any) -> dict[str, Any]:
    sides = [
        {"name": "Day", "image_uris": FRONT, "illustration_id": "day", "oracle_id": "front"},
        {"name": "Night", "image_uris": BACK, "illustration_id": "night", "oracle_id": "back"},
    ]
    return make_card(
        1, name="Day // Night", image_uris=None, illustration_id=None, card_faces=sides, **changes
    )


def test_a_card_with_its_own_picture_is_one_face_named_by_its_id() -> None:
    [face] = faces_of(make_card(7))
    assert (face.face_id, face.name, face.imageless) == (card_id(7), "Card 7", "")
    assert face.image_url.startswith("https://cards.scryfall.io/normal/front/")
    assert face.card_url == "https://scryfall.com/card/tst/7/card-7"
    assert face.scryfall_uri.endswith("?utm_source=api")


def test_both_sides_have_the_prices_of_their_card_and_the_day_of_its_snapshot() -> None:
    prices = {"usd": "0.25", "usd_foil": "1.5", "usd_etched": None, "eur": "0.20", "tix": None}
    day, night = faces_of(two_sided(prices=prices), prices_of="2026-09-08")
    assert day.prices == night.printing.prices
    assert day.prices.of("foil", "usd") == Decimal("1.50")
    assert (day.prices.of("nonfoil", "eur"), day.prices.of("foil", "eur")) == (Decimal("0.2"), None)
    assert day.prices.of("nonfoil", "tix") is None
    told = {"usd": "0.25", "usd_foil": "1.5", "eur": "0.20", "date": "2026-09-08"}
    assert day.record()["prices"] == day.printing.record()["prices"] == told
    assert CardFace.from_record(day.record()).prices == day.prices


@pytest.mark.parametrize(
    "prices", [None, {}, [], "1.00", {"usd": 1.5}, {"usd": "NaN"}, {"usd": "-1"}, {"usd": "1e9"}]
)
def test_what_is_no_price_is_left_out(prices: object) -> None:
    [face] = faces_of(make_card(1, prices=prices), prices_of="2026-09-08")
    assert face.record()["prices"] == {}
    assert face.prices.of("nonfoil", "usd") is None


def test_tickets_are_the_same_for_each_finish() -> None:
    [face] = faces_of(make_card(1, prices={"tix": "0.03"}))
    assert face.prices.of("foil", "tix") == face.prices.of("nonfoil", "tix") == Decimal("0.03")


def test_a_card_whose_sides_have_pictures_is_a_face_each() -> None:
    day, night = faces_of(two_sided())
    assert [day.face_id, night.face_id] == [f"{card_id(1)}:face:0", f"{card_id(1)}:face:1"]
    assert (day.name, day.face_name, night.face_name) == ("Day // Night", "Day", "Night")
    assert (day.illustration_id, night.illustration_id) == ("day", "night")


def test_a_reversible_card_takes_the_oracle_id_of_its_sides() -> None:
    faces = list(faces_of(two_sided(oracle_id=None, layout="reversible_card")))
    assert [face.oracle_id for face in faces] == ["front", "back"]


def test_a_split_card_is_one_face_though_it_has_two_halves() -> None:
    halves = [{"name": "Alive", "illustration_id": "a"}, {"name": "Well"}]
    [face] = faces_of(make_card(1, name="Alive // Well", card_faces=halves))
    assert (face.face_id, face.name) == (card_id(1), "Alive // Well")


def test_a_layout_nobody_has_seen_is_read_like_any_other() -> None:
    assert len(list(faces_of(make_card(1, layout="hologram")))) == 1
    assert len(list(faces_of(two_sided(layout="hologram")))) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_uris": None}, "no image"),
        ({"image_uris": {}}, "no image"),
        ({"image_status": "missing"}, "image missing"),
        ({"image_status": "placeholder"}, "image placeholder"),
        (
            {"image_uris": {"normal": "https://errors.scryfall.com/soon.jpg"}},
            "image placeholder",
        ),
        ({"image_uris": {"small": "https://cards.scryfall.io/x"}}, "no image of size normal"),
    ],
)
def test_a_face_without_a_usable_picture_says_why(changes: dict[str, Any], reason: str) -> None:
    [face] = faces_of(make_card(1, **changes))
    assert (face.imageless, face.image_url) == (reason, "")


def test_one_side_without_a_picture_does_not_take_the_other_with_it() -> None:
    card = two_sided()
    del card["card_faces"][1]["image_uris"]
    assert [face.imageless for face in faces_of(card)] == ["", "no image"]


def test_null_means_absent() -> None:
    card = make_card(1)
    card |= {"card_faces": None, "printed_name": None, "promo_types": None, "artist": None}
    [face] = faces_of(card)
    assert (face.printed_name, face.promo_types, face.artist) == ("", (), "")


def test_the_filter_says_why_a_face_is_not_wanted() -> None:
    [face] = faces_of(make_card(1, digital=True))
    assert FaceFilter().exclusion(face) == "digital only"
    assert FaceFilter(include_digital=True).exclusion(face) is None
    assert FaceFilter(sets=frozenset({"fin"})).exclusion(face) == "other set"
    assert FaceFilter(langs=frozenset({"ja"})).exclusion(face) == "other language"
    wanted = FaceFilter(frozenset({"tst"}), frozenset({"en"}), include_digital=True)
    assert wanted.exclusion(face) is None


def test_a_record_read_back_is_the_same_face() -> None:
    for face in faces_of(two_sided(promo_types=["a"])):
        assert CardFace.from_record(json.loads(to_line(face.record()))) == face


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*make_card(1), "card_faces"]), json_values))
def test_whatever_a_card_object_holds_it_becomes_faces_that_can_be_written(
    changes: dict[str, Any],
) -> None:
    for face in faces_of({**make_card(1), **changes, "id": card_id(1)}):
        line = to_line(face.record())
        assert b"\n" not in line
        assert json.loads(line)["face_id"].startswith(card_id(1))


@given(st.text(), st.text())
def test_no_image_path_leaves_its_folder(url: str, suffix: str) -> None:
    path = image_path(f"{card_id(1)}:face:0", f"https://x/{url}.{suffix}")
    assert path.count("/") == 2
    assert path.startswith(f"images/00/{card_id(1)}-face-0.")
    assert ".." not in path


@pytest.mark.parametrize("text", ["", "../x", card_id(0xABC).upper(), card_id(1) + "\n", 7, None])
def test_only_a_lower_case_uuid_is_a_card_id(text: object) -> None:
    assert not is_card_id(text)


FACES_BY_LAYOUT = {
    "transform": 2,
    "modal_dfc": 2,
    "double_faced_token": 2,
    "art_series": 2,
    "reversible_card": 2,
}


def _real_cards() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for folder in ("layouts", "traps"):
        for path in sorted((SHARED / "scryfall" / folder).glob("*.json")):
            value = json.loads(Path(path).read_text(encoding="utf-8"))
            cards = value if isinstance(value, list) else value.get("data", [value])
            found += [(path.stem, card) for card in cards]
    return found


@needs_shared
def test_real_objects_of_every_layout_become_the_faces_scryfall_shows() -> None:
    cards = _real_cards()
    assert len(cards) >= 60
    for name, card in cards:
        faces = list(faces_of(card))
        assert len(faces) == FACES_BY_LAYOUT.get(card["layout"], 1), name
        for face in faces:
            assert is_card_id(face.scryfall_id), name
            assert face.oracle_id, name
            assert face.illustration_id, name
            assert face.face_name, name
            placeholder = card["image_status"] == "placeholder"
            assert face.imageless == ("image placeholder" if placeholder else ""), name


@needs_shared
def test_four_real_printings_of_one_card_share_its_artworks() -> None:
    cards = [card for name, card in _real_cards() if name.startswith("same_card_4_printings")]
    fronts = {next(faces_of(card)).illustration_id for card in cards}
    assert len(cards) == 4
    assert len(fronts) == 2
