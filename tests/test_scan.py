"""What of the cards in photos enters a collection, and what goes to the review."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import PixelEncoder, card_id, fill_cache, make_card, make_images, make_picture
from seen import ICE, LEA, LEB, QTG, a_face, names, seen_as

from mtg_image_db import BuildOptions, Database, build_database
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.corrections import Correction
from mtg_image_db.collection.lines import ANSWER_COLUMNS
from mtg_image_db.collection.scan import collect
from mtg_image_db.collection.seen import Sighting
from mtg_image_db.database.answers import Match
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import faces_of
from mtg_image_db.scryfall_double.double import ScryfallDouble


def test_a_confident_card_of_one_printing_enters_the_collection() -> None:
    [card] = collect([seen_as(LEA)], Assumptions("nonfoil", "played", "de")).cards
    assert (card.printing.scryfall_id, card.quantity) == (card_id(0), 1)
    assert (card.finish, card.condition, card.lang) == ("nonfoil", "played", "de")


@pytest.mark.parametrize("verdict", ["likely", "none"])
def test_what_is_not_confident_goes_to_the_review(verdict: Verdict) -> None:
    scan = collect([seen_as(LEA, LEA, LEB, verdict=verdict), Sighting("b.jpg", 1, verdict, ())])
    assert scan.cards == ()
    one, unknown = scan.to_review
    assert [(face.set, score) for face, score in one.candidates] == [("lea", 0.9), ("leb", 0.9)]
    assert (unknown.reason, unknown.candidates) == ("no card resembles it enough", ())


@pytest.mark.parametrize(
    ("sets", "settled"),
    [((), ""), (("leb",), "leb"), (("leb", "xxx"), "leb"), (("lea", "leb"), ""), (("xxx",), "")],
)
def test_of_several_printings_the_set_decides(sets: tuple[str, ...], settled: str) -> None:
    scan = collect([seen_as(LEA, LEA, LEB, ICE)], Assumptions(sets=frozenset(sets)))
    assert [card.printing.set for card in scan.cards] == ([settled] if settled else [])
    if not settled:
        left = 2 if len(sets) == 2 else 3
        assert scan.to_review[0].reason == f"{left} printings share this artwork"
        assert len(scan.to_review[0].candidates) == left


def test_the_finish_must_exist_and_may_decide() -> None:
    foil = a_face(3, set="lea", collector_number="0p", finishes=["foil"])
    assert names(collect([seen_as(LEA, LEA, foil)])) == [("lea", "0", 1)]
    assert names(collect([seen_as(LEA, LEA, foil)], Assumptions("foil"))) == [("lea", "0p", 1)]
    [one] = collect([seen_as(LEA, LEA, foil)], Assumptions("etched")).to_review
    assert one.reason == "no printing of this artwork exists as etched"
    assert len(one.candidates) == 2


def test_the_language_must_be_possible() -> None:
    japanese = a_face(3, set="war", lang="ja")
    assert names(collect([seen_as(LEA, LEA, japanese)], Assumptions(lang="de"))) == [
        ("lea", "0", 1)
    ]
    [card] = collect([seen_as(japanese)]).cards
    assert card.lang == "ja"
    [one] = collect([seen_as(japanese)], Assumptions(lang="en")).to_review
    assert one.reason == "no printing of this artwork exists in the language en"


def test_an_image_in_the_language_asked_for_stands_for_its_printing() -> None:
    german = a_face(3, set="lea", collector_number="0", lang="de")
    for lang, identity in (("", 3), ("de", 3), ("ja", 0)):
        [card] = collect([seen_as(german, LEA)], Assumptions(lang=lang)).cards
        assert (card.printing.scryfall_id, card.lang) == (card_id(identity), lang or "de")


def test_what_exists_on_screens_only_does_not_share_an_artwork() -> None:
    screen = a_face(4, set="prm", digital=True)
    [twin] = faces_of(make_card(5, set="ylea", name="A-Card", digital=True))
    assert names(collect([seen_as(LEA, LEA, screen, twin)])) == [("lea", "0", 1)]


[TOKEN] = faces_of(make_card(10, set="tlea", name="Clue", layout="token"))


[ART] = faces_of(make_card(11, set="alea", name="Clue // Clue", layout="art_series"))


FOIL = a_face(12, set="leb", finishes=["foil"])


@pytest.mark.parametrize(
    "sighting",
    [
        # Which image the database has does not tell which card lies there.
        seen_as(LEA, LEA, TOKEN),
        seen_as(TOKEN, LEA, TOKEN),
        seen_as(LEA, LEA, LEB, ART),
        seen_as(ART, LEA, ART),
        # Of two cards one exists as nonfoil.
        seen_as(FOIL, FOIL, TOKEN),
        seen_as(TOKEN, FOIL, TOKEN),
        # One does not say which card it is.
        seen_as(LEA, LEA, replace(LEB, oracle_id="")),
    ],
)
def test_another_card_with_the_same_artwork_is_for_a_person(sighting: Sighting) -> None:
    shown = {printing.set for printing in sighting.matches[0].printings}
    for given in (Assumptions(), Assumptions("foil"), Assumptions(lang="de"), QTG):
        scan = collect([sighting], given)
        assert scan.cards == ()
        [one] = scan.to_review
        said = "2 different cards share this artwork, and it does not tell which this is"
        assert one.reason == said
        assert {face.set for face, _ in one.candidates} == shown


@pytest.mark.parametrize(
    ("sets", "settled"),
    [
        ({"lea"}, "lea"),
        ({"tlea"}, "tlea"),
        ({"tlea", "xxx"}, "tlea"),
        ({"lea", "tlea"}, ""),
        ({"lea", "leb"}, ""),
    ],
)
def test_of_several_cards_the_set_decides(sets: set[str], settled: str) -> None:
    given = Assumptions(sets=frozenset(sets))
    for face in (LEA, TOKEN):
        scan = collect([seen_as(face, LEA, LEB, TOKEN)], given)
        assert [card.printing.set for card in scan.cards] == ([settled] if settled else [])


def test_the_set_does_not_decide_against_the_picture() -> None:
    printings = (LEA.printing, TOKEN.printing)
    for best, other in ((LEA, TOKEN), (TOKEN, LEA)):
        matches = (
            Match(1, 0.9, best, printings, image=1),
            Match(2, 0.8, other, printings, image=2),
        )
        sighting = Sighting("a.jpg", 1, "confident", matches)
        assert names(collect([sighting], Assumptions(sets=frozenset({best.set})))) == [
            (best.set, best.collector_number, 1)
        ]
        scan = collect([sighting], Assumptions(sets=frozenset({other.set})))
        assert scan.cards == ()
        [one] = scan.to_review
        looks = f"{best.set.upper()} {best.collector_number}"
        assert one.reason == f"it looks more like {looks}, which is in none of the sets given"
        assert {face.set for face, _ in one.candidates} == {"lea", "tlea"}


def test_faces_of_one_printing_are_one_card_whichever_says_so() -> None:
    """Reversible cards say on their faces which card they are."""
    side = {"oracle_id": card_id(99), "image_uris": make_card(3)["image_uris"]}
    sides = [{**side, "name": "Card", "illustration_id": card_id(n)} for n in (7, 8)]
    card = make_card(3, set="sld", oracle_id=None, image_uris=None, card_faces=sides)
    front, back = faces_of({key: value for key, value in card.items() if value is not None})
    assert names(collect([seen_as(front), seen_as(back, index=2)])) == [("sld", "3", 2)]
    [one] = collect([seen_as(front, front, LEA)]).to_review
    assert one.reason == "2 printings share this artwork"


def test_what_exists_on_screens_only_never_enters_a_collection() -> None:
    screen = a_face(4, set="vma", digital=True)
    other = a_face(5, set="prm", digital=True)
    [twin] = faces_of(make_card(6, set="ylea", name="A-Card", digital=True))
    foil = a_face(7, set="leb", finishes=["foil"])
    for sighting, reason in (
        (seen_as(screen), "it looks like VMA 4, which exists on screens only"),
        (seen_as(screen, screen, other), "it looks like VMA 4, which exists on screens only"),
        # It is like a card on paper, but another one.
        (seen_as(twin, twin, LEA), "it looks like YLEA 6, which exists on screens only"),
        (seen_as(screen, screen, foil), "no printing of this artwork exists as nonfoil"),
    ):
        for sets in ((), ("vma",), ("prm",), ("ylea",), ("xxx",)):
            scan = collect([sighting], Assumptions(sets=frozenset(sets)))
            assert scan.cards == ()
            assert [one.reason for one in scan.to_review] == [reason]
    # Also not by an answer that was never read from a file.
    cells = dict.fromkeys(ANSWER_COLUMNS, "")
    scan = collect([seen_as(LEA)], corrections={"a.jpg#1": Correction(2, cells, screen.printing)})
    assert scan.cards == ()
    assert [one.reason for one in scan.to_review] == ["VMA 4 exists on screens only"]


def test_the_same_image_on_two_cards_tells_nothing() -> None:
    matches = tuple(
        Match(rank, 0.9, face, (face.printing,), image=1) for rank, face in ((1, LEA), (2, ICE))
    )
    scan = collect([Sighting("a.jpg", 1, "confident", matches)])
    assert [one.set for one, _ in scan.to_review[0].candidates] == ["lea", "ice"]


def test_front_and_back_are_the_same_card() -> None:
    sides = [{"name": n, "image_uris": make_card(3)["image_uris"]} for n in ("Front", "Back")]
    card = make_card(3, name="Front // Back", image_uris=None, card_faces=sides, layout="transform")
    scan = collect([seen_as(face, index=i) for i, face in enumerate(faces_of(card))])
    assert names(scan) == [("tst", "3", 2)]
    assert scan.cards[0].two_sided


@pytest.mark.parametrize("both", [True, False])
def test_a_photo_of_a_token_is_not_counted_as_the_card_with_its_artwork(
    tmp_path: Path, both: bool
) -> None:
    """Whether the database has both images, or one an artwork."""
    shared = {"illustration_id": card_id(900)}
    cards = [
        make_card(0, **shared),
        make_card(1, set="ttst", name="Clue", layout="token", **shared),
        make_card(2),
    ]
    with ScryfallDouble(cards, make_images(3)) as double:
        fill_cache(double, tmp_path / "cache")
    if not both:
        for path in (tmp_path / "cache" / "images").rglob(f"{card_id(1)}*"):
            path.unlink()
    build_database(
        BuildOptions(cache=tmp_path / "cache", out=tmp_path / "out"), encoder=PixelEncoder()
    )
    database = Database.open(tmp_path / "out")
    database.use_encoder(PixelEncoder())
    [card] = database.query(make_picture(1 if both else 0))
    scan = collect([Sighting("t.jpg", 1, "confident", card.matches)])
    assert scan.cards == ()
    assert {face.set for face, _ in scan.to_review[0].candidates} == {"tst", "ttst"}
    tokens = Assumptions(sets=frozenset({"ttst"}))
    scan = collect([Sighting("t.jpg", 1, "confident", card.matches)], tokens)
    assert names(scan) == [("ttst", "1", 1)]


def test_a_printing_that_looks_different_does_not_stand_in_for_one_that_was_left_out() -> None:
    borderless = a_face(3, set="qpr", border_color="borderless", finishes=["foil"])
    framed = a_face(4, set="qtg")
    # Its own image, which nobody saw or which resembles the photo less.
    for others in ((), (Match(2, 0.7, framed, (framed.printing,), image=2),)):
        sighting = seen_as(borderless, borderless, framed)
        scan = collect([replace(sighting, matches=sighting.matches + others)])
        assert scan.cards == ()
        [one] = scan.to_review
        assert one.reason == "it looks like QPR 3, which does not exist as nonfoil"
        assert [printing.set for printing, _ in one.candidates] == ["qpr", "qtg"]
        assert [score for _, score in one.candidates] == [0.9, 0.7 if others else 0.9]
    # Whoever names the set has decided.
    assert names(collect([seen_as(borderless, borderless, framed)], QTG)) == [("qtg", "4", 1)]
