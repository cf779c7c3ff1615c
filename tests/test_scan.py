from __future__ import annotations

import base64
import csv
import io
import os
import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from conftest import PixelEncoder, card_id, fill_cache, make_card, make_images, make_picture
from PIL import Image

from mtg_image_db import BuildOptions, Database, InvalidArguments, MissingInput, build_database
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.corrections import (
    ANSWER_COLUMNS,
    Correction,
    filled_lines,
    read_corrections,
)
from mtg_image_db.collection.review import render_answers, render_page, write_review
from mtg_image_db.collection.scan import Scan, Sighting, collect
from mtg_image_db.database.answers import CardAnswer, Match
from mtg_image_db.download.paths import image_path
from mtg_image_db.pages.sheet import SheetEntry, html_sheet
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import CardFace, faces_of
from mtg_image_db.scryfall_double.double import ScryfallDouble

BOTH = ["nonfoil", "foil"]


def a_face(number: int, **changes: Any) -> CardFace:
    """Cards of one name are one card."""
    return next(faces_of(make_card(number, oracle_id=card_id(99), **changes)))


def seen_as(
    face: CardFace, *shared: CardFace, verdict: Verdict = "confident", index: int = 1
) -> Sighting:
    """A sighting whose best match is `face`; `shared` are all printings of its artwork."""
    printings = tuple(one.printing for one in shared or (face,))
    return Sighting("a.jpg", index, verdict, (Match(1, 0.9, face, printings, image=1),))


def names(scan: Scan) -> list[tuple[str, str, int]]:
    return [
        (card.printing.set, card.printing.collector_number, card.quantity) for card in scan.cards
    ]


LEA, LEB, ICE = (a_face(n, set=code) for n, code in enumerate(("lea", "leb", "ice")))


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


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Cards 0 to 5 and 8 (on screens only) share an artwork; 6 is foil only; 7 foil and etched."""
    folder = tmp_path_factory.mktemp("collection")
    finishes = {6: ["foil"], 7: ["foil", "etched"]}
    cards = [
        make_card(
            n,
            set="aaa" if n < 4 else "bbb",
            collector_number=f"{n}★",
            finishes=finishes.get(n, BOTH),
            illustration_id=card_id(900 + (n if n in (6, 7) else 5)),
            oracle_id=card_id(800 + (n if n in (6, 7) else 5)),
            digital=n == 8,
        )
        for n in range(9)
    ]
    with ScryfallDouble(cards, make_images(9)) as double:
        fill_cache(double, folder / "cache")
    # One image an artwork, as from unique_artwork.
    for n in range(5):
        for path in (folder / "cache" / "images").rglob(f"{card_id(n)}*"):
            path.unlink()
    options = BuildOptions(cache=folder / "cache", out=folder / "out")
    build_database(options, encoder=PixelEncoder())
    database = Database.open(folder / "out")
    database.use_encoder(PixelEncoder())
    return database


def sightings(database: Database) -> list[Sighting]:
    """Five cards of a photo; the second and fourth are not certain."""
    verdicts: list[Verdict] = ["confident", "likely", "confident", "none", "confident"]
    found = []
    for index, (number, verdict) in enumerate(zip((5, 5, 6, 7, 7), verdicts, strict=True), start=1):
        [card] = database.query(make_picture(number))
        found.append(Sighting("p.jpg", index, verdict, card.matches, make_picture(number)))
    return found


def fill_in(
    path: Path, scan: Scan, answers: dict[str, dict[str, str]], delimiter: str = ","
) -> Path:
    """Fill in a review as a person with a spreadsheet does."""
    reader = csv.DictReader(io.StringIO(render_answers(scan).decode("utf-8-sig"), newline=""))
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, reader.fieldnames or (), delimiter=delimiter)
        writer.writeheader()
        writer.writerows({**row, **answers.get(row["id"], {})} for row in reader)
    return path


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_corrections_have_the_last_word(database: Database, tmp_path: Path, delimiter: str) -> None:
    first = collect(sightings(database))
    assert [one.status for one in first.seen] == ["review"] * 5
    answers = {
        "p.jpg#1": {"answer": "BBB 4★", "quantity": "3", "condition": "good", "lang": "ja"},
        "p.jpg#2": {"answer": card_id(2).upper(), "finish": "foil"},
        "p.jpg#3": {"answer": "bbb 6★"},
        "p.jpg#4": {"answer": "Skip"},
    }
    path = fill_in(tmp_path / "review.csv", first, answers, delimiter)
    said = read_corrections(path, database, ["p.jpg"], Assumptions())
    scan = collect(sightings(database), corrections=said)
    assert names(scan) == [("bbb", "4★", 3), ("aaa", "2★", 1), ("bbb", "6★", 1)]
    # Who names a printing that exists as foil only has named the finish.
    assert [card.finish for card in scan.cards] == ["nonfoil", "foil", "foil"]
    assert (scan.cards[0].condition, scan.cards[0].lang) == ("good", "ja")
    assert [one.sighting.id for one in scan.to_review] == ["p.jpg#5"]
    # The next review keeps the answers: the same file works again.
    path = fill_in(tmp_path / "again.csv", scan, {"p.jpg#5": {"finish": "etched"}})
    said = read_corrections(path, database, ["p.jpg"], Assumptions())
    assert names(collect(sightings(database), corrections=said)) == [*names(scan), ("bbb", "7★", 1)]


def test_a_confident_card_can_be_corrected(database: Database, tmp_path: Path) -> None:
    given, one = Assumptions("foil"), [sightings(database)[2]]
    scan = collect(one, given)
    assert names(scan) == [("bbb", "6★", 1)]
    path = fill_in(tmp_path / "review.csv", scan, {"p.jpg#3": {"answer": "aaa 1★"}})
    said = read_corrections(path, database, ["p.jpg"], given)
    assert names(collect(one, given, said)) == [("aaa", "1★", 1)]


def test_all_wrong_lines_are_told_at_once(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    lines = (
        "p.jpg#1,what,,,,",
        "p.jpg#2,zzz 1,,,,",
        "p.jpg#3,zzz 2,0,shiny,,klingon",
        "q.jpg#1,skip,,,,",
        "p.jpg#4,,,,,",
        "p.jpg#1,skip,,,,",
        "p.jpg#5,bbb 6★,,nonfoil,,",
        "p.jpg#6,bbb 7★,,,,",
        f"p.jpg#7,{card_id(77)},,,fine,",
        "p.jpg#8,bbb 8★,,,,",
    )
    path.write_text("\n".join(["id,answer,quantity,finish,condition,lang", *lines]))
    with pytest.raises(InvalidArguments) as raised:
        read_corrections(path, database, ["p.jpg"], Assumptions())
    told = [problem.removeprefix(f"{path}, ") for problem in raised.value.problems]
    expected = (
        "line 2: 'what' is not an answer: give a Scryfall id, set and number (LEA 161), or skip",
        "line 3: the database has no printing zzz 1: give set and number (LEA 161)",
        "line 4: finish must be one of nonfoil, foil, etched, not 'shiny'",
        "line 4: lang must be one of en, es,",
        "line 4: quantity must be a whole number of at least 1, not '0'",
        "line 4: the database has no printing zzz 2:",
        "line 5: 'q.jpg#1' is not a card of the given photos",
        "line 7: p.jpg#1 already has an answer on line 2",
        "line 8: the finish of bbb 6★ must be foil",
        "line 9: the finish of bbb 7★ must be foil or etched",
        "line 10: condition must be one of mint, near_mint, excellent,",
        f"line 10: the database has no printing {card_id(77)}:",
        "line 11: bbb 8★ exists on screens only, and cannot have been photographed",
    )
    assert len(told) == len(expected)
    for text, begins in zip(told, expected, strict=True):
        assert text.startswith(begins)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"id,answer\np.jpg#1,\x81\n", "not text"),
        (b"name,set\nA,lea\n", "no columns id and answer"),
        (b"", "no columns id and answer"),
        (b"x" * 200_000, "field larger"),
        (b'id,answer\np.jpg#1,"' + b"x" * 200_000, "field larger"),
    ],
)
def test_a_file_that_is_no_review_is_refused(
    database: Database, tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "review.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidArguments, match=problem):
        read_corrections(path, database, ["p.jpg"], Assumptions())
    with pytest.raises(MissingInput, match="No such file"):
        read_corrections(tmp_path / "none.csv", database, [], Assumptions())


def test_a_correction_of_a_card_that_was_not_seen_is_refused(
    database: Database, tmp_path: Path
) -> None:
    path = fill_in(
        tmp_path / "r.csv", collect(sightings(database)), {"p.jpg#5": {"answer": "skip"}}
    )
    said = read_corrections(path, database, ["p.jpg"], Assumptions())
    with pytest.raises(InvalidArguments, match=r"line 6: no card p.jpg#5 was found"):
        collect(sightings(database)[:4], corrections=said)


def at(sighting: Sighting, index: int, place: tuple[float, float]) -> Sighting:
    return replace(sighting, index=index, place=place)


def test_corrections_follow_their_cards_when_a_photo_s_cards_come_in_another_order(
    database: Database, tmp_path: Path
) -> None:
    one, _, two, unknown, _ = sightings(database)
    before = [at(one, 1, (0.2, 0.5)), at(two, 2, (0.5, 0.5)), at(unknown, 3, (0.8, 0.51))]
    answers = {"p.jpg#2": {"answer": "skip"}, "p.jpg#3": {"answer": "bbb 7★", "finish": "Foil"}}
    path = fill_in(tmp_path / "review.csv", collect(before), answers)
    said = read_corrections(path, database, ["p.jpg"], Assumptions())
    # The database has learned the third card, which comes first now; corners move a little.
    after = [at(unknown, 1, (0.81, 0.5)), at(one, 2, (0.2, 0.5)), at(two, 3, (0.49, 0.5))]
    scan = collect(after, corrections=said)
    assert names(scan) == [("bbb", "7★", 1)]
    assert [seen.status for seen in scan.seen] == ["collection", "review", "skipped"]
    with pytest.raises(InvalidArguments, match=r"line 3: no card p.jpg#2 was found"):
        collect(after[:2], corrections=said)


def test_no_correction_takes_the_place_of_another(database: Database) -> None:
    one = at(sightings(database)[0], 1, (0.2, 0.5))
    cells = dict.fromkeys(ANSWER_COLUMNS, "") | {"answer": "skip"}
    said = {
        "p.jpg#2": Correction(2, cells, place=(0.2, 0.5)),
        "p.jpg#1": Correction(3, cells),
    }
    with pytest.raises(InvalidArguments, match=r"line 3: no card p.jpg#1 was found"):
        collect([one], corrections=said)


def test_how_a_photo_s_path_is_written_does_not_matter(database: Database, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(f"id,answer\n{tmp_path}/x/../p.jpg#1,skip\n")
    photo = str(tmp_path / "p.jpg")
    said = read_corrections(tmp_path / "r.csv", database, [photo], Assumptions())
    assert list(said) == [f"{photo}#1"]


@pytest.mark.skipif(os.name == "nt", reason="not everybody may make links there")
def test_a_photo_is_the_same_by_any_of_its_names(database: Database, tmp_path: Path) -> None:
    photo = tmp_path / "p.jpg"
    photo.touch()
    (tmp_path / "link.jpg").symlink_to(photo)
    (tmp_path / "hard.jpg").hardlink_to(photo)
    for name in ("link.jpg", "hard.jpg"):
        (tmp_path / "r.csv").write_text(f"id,answer\n{tmp_path / name}#1,skip\n")
        said = read_corrections(tmp_path / "r.csv", database, [str(photo)], Assumptions())
        assert list(said) == [f"{photo}#1"]


ODD_NAMES = [
    "=1+1.jpg",
    "@a;=b.jpg",
    "\t-1.jpg",
    "'=c.jpg",
    "d\udce4.jpg",
    "e\n=f.jpg",
    " g.jpg",
    "h",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_review_comes_back_from_any_spreadsheet(
    database: Database, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    photos = [*ODD_NAMES, "https://example.com/=1.jpg"]
    match = (Match(1, 0.9, LEA, image=1),)
    scan = collect([Sighting(photo, 1, "likely", match) for photo in photos])
    rows = list(csv.reader(io.StringIO(render_answers(scan).decode("utf-8-sig"), newline="")))
    answer = rows[0].index("answer")
    for row in rows[1:]:
        row[answer] = "skip"
        assert not row[0].startswith(tuple("=+-@\t\r"))
        assert not row[1].startswith(tuple("=+-@\t\r"))
    for end in ("\n", "\r\n", "\r"):
        stream = io.StringIO(newline="")
        stream.write(f"sep={delimiter}{end}" if end == "\n" else "")
        csv.writer(
            stream, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL
        ).writerows(rows)
        # Spreadsheets take an apostrophe away from a cell that somebody has edited.
        for text in (stream.getvalue(), stream.getvalue().replace("\"'=1+1", '"=1+1')):
            (tmp_path / "r.csv").write_bytes(text.encode(encoding))
            said = read_corrections(tmp_path / "r.csv", database, photos, Assumptions())
            assert sorted(said) == sorted(f"{photo}#1" for photo in photos)
            assert all(one.skip for one in said.values())


def test_answers_are_kept_whatever_their_printing_is_called(tmp_path: Path) -> None:
    cells = dict.fromkeys(ANSWER_COLUMNS, "") | {"answer": "LEA x;=1"}
    scan = collect([seen_as(LEA)], corrections={"a.jpg#1": Correction(2, cells, LEA.printing)})
    (tmp_path / "r.csv").write_bytes(render_answers(scan))
    [(_, identity, kept, _)] = filled_lines(tmp_path / "r.csv")
    assert (identity, kept) == ("a.jpg#1", cells)


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


QTG = Assumptions(sets=frozenset({"qtg"}))


def test_the_page_stands_alone(tmp_path: Path) -> None:
    face = a_face(1, name="<b>&", card_url="https://scryfall.com/card/x")
    sighting = Sighting("<i>.jpg", 1, "likely", (Match(1, 0.9, face, image=1),), make_picture(1))
    scan = collect([sighting, seen_as(LEA)])
    text = render_page(scan).decode()
    assert "1 of 2 cards to review" in text
    assert "<b>&amp;" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "<h2>&lt;i&gt;.jpg#1</h2>" in text
    assert not re.search(r"<script|<link|url\(|src=\"http", text)
    [data] = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(data))) as crop:
        assert max(crop.size) == 336
    # What it may be is shown where the image cache has it, by its URL or whatever URL it has.
    for url in (face.image_url, ""):
        match = Match(1, 0.9, replace(face, image_url=url), image=1)
        known = collect([Sighting("i.jpg", 1, "likely", (match,), make_picture(1))])
        picture = tmp_path / image_path(face.face_id, face.image_url)
        picture.parent.mkdir(parents=True, exist_ok=True)
        make_picture(1).save(picture)
        assert render_page(known, tmp_path).count(b"data:image/jpeg") == 2
        assert render_page(known, tmp_path / "empty").count(b"data:image/jpeg") == 1
    write_review(scan, tmp_path / "deep" / "review")
    assert (tmp_path / "deep" / "review" / "review.html").read_bytes() == render_page(scan)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://scryfall.com/card/x",
        "//scryfall.com/card/x",
        "https://scryfall.com.example.com/",
        "https://evilscryfall.com/",
        "https://scryfall.com@example.com/",
        "https://user:word@scryfall.com/",
        "https://example.com/https://scryfall.com/",
        "https://scryfall.com:8443/",
        "https://scryfall.com\\@example.com/",
        "https://example.com/\nhttps://scryfall.com/",
        " https://scryfall.com/",
        "\x01javascript:alert(1)",
        "https://scryfall.com/\t",
        "",
    ],
)
def test_only_scryfall_s_pages_are_linked(url: str) -> None:
    face = a_face(1, name="Name", scryfall_uri=url)
    for given in (replace(face, card_url=url), face):
        card = CardAnswer(
            (Match(1, 0.9, given, image=1),), "likely", ((0, 0), (1, 0), (1, 1), (0, 1))
        )
        pages = (
            render_page(collect([Sighting("a.jpg", 1, "likely", card.matches)])),
            html_sheet([SheetEntry("a.jpg", card, b"")], "1 card"),
        )
        for page in pages:
            assert b"Name" in page
            # Blanks around the URL of a card object are no part of it.
            assert set(re.findall(rb'href="([^"]*)"', page)) <= {b"https://scryfall.com/"}
            assert given is face or b"href" not in page


def test_scryfall_s_pages_are_linked() -> None:
    for url in (
        "https://scryfall.com/card/x?y=1&z",
        "https://api.scryfall.com/",
        "https://SCRYFALL.io",
    ):
        card = CardAnswer(
            (Match(1, 0.9, replace(LEA, card_url=url), image=1),),
            "likely",
            ((0, 0), (1, 0), (1, 1), (0, 1)),
        )
        linked = f'<a href="{escape(url)}">Card 0</a>'.encode()
        assert linked in render_page(collect([Sighting("a.jpg", 1, "likely", card.matches)]))
        assert linked in html_sheet([SheetEntry("a.jpg", card, b"")], "1 card")


def test_the_answers_have_a_line_for_every_card_uncertain_ones_first() -> None:
    data = render_answers(collect([seen_as(LEA), seen_as(LEA, LEA, LEB, index=2)]))
    assert data.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert (first["id"], first["status"]) == ("a.jpg#2", "review")
    assert first["candidates"] == "LEA 0 Card 0; LEB 1 Card 1"
    assert (second["id"], second["status"]) == ("a.jpg#1", "collection")
    assert (second["guess_id"], second["guess_score"]) == (card_id(0), "0.900")
    assert not any(row[name] for row in (first, second) for name in ANSWER_COLUMNS)
