from __future__ import annotations

import base64
import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import PixelEncoder, card_id, fill_cache, make_card, make_images, make_picture
from PIL import Image

from mtg_image_db import BuildOptions, Database, InvalidArguments, MissingInput, build_database
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.corrections import ANSWER_COLUMNS, Correction, read_corrections
from mtg_image_db.collection.review import render_answers, render_page, write_review
from mtg_image_db.collection.scan import Scan, Sighting, collect
from mtg_image_db.database.answers import Match
from mtg_image_db.download.ledger import image_path
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


def test_other_cards_and_screens_do_not_share_an_artwork() -> None:
    [art] = faces_of(make_card(3, set="alea"))
    screen = a_face(4, set="prm", digital=True)
    assert names(collect([seen_as(LEA, LEA, art, screen)])) == [("lea", "0", 1)]


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


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Cards 0 to 5 share an artwork; 6 is foil only; 7 is foil and etched."""
    folder = tmp_path_factory.mktemp("collection")
    finishes = {6: ["foil"], 7: ["foil", "etched"]}
    cards = [
        make_card(
            n,
            set="aaa" if n < 4 else "bbb",
            collector_number=f"{n}★",
            finishes=finishes.get(n, BOTH),
            illustration_id=card_id(900 + max(n, 5)),
            oracle_id=card_id(800 + max(n, 5)),
        )
        for n in range(8)
    ]
    with ScryfallDouble(cards, make_images(8)) as double:
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
    )
    path.write_text("\n".join(["id,answer,quantity,finish,condition,lang", *lines]))
    with pytest.raises(InvalidArguments) as raised:
        read_corrections(path, database, ["p.jpg"], Assumptions())
    told = [problem.removeprefix(f"{path}, ") for problem in raised.value.problems]
    expected = (
        "line 2: 'what' is no answer: give a Scryfall id, set and number (LEA 161), or skip",
        "line 3: the database knows no printing zzz 1: give set and number (LEA 161)",
        "line 4: finish must be one of nonfoil, foil, etched, not 'shiny'",
        "line 4: lang must be one of en, es,",
        "line 4: quantity must be a whole number of at least 1, not '0'",
        "line 4: the database knows no printing zzz 2:",
        "line 5: 'q.jpg#1' is no card of the photos given",
        "line 7: p.jpg#1 has an answer on line 2 already",
        "line 8: the finish of bbb 6★ must be foil",
        "line 9: the finish of bbb 7★ must be foil or etched",
        "line 10: condition must be one of mint, near_mint, excellent,",
        f"line 10: the database knows no printing {card_id(77)}:",
    )
    assert len(told) == len(expected)
    assert all(map(str.startswith, told, expected))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"id,answer\np.jpg#1,\xe9\n", "not UTF-8"),
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


def test_the_answers_have_a_line_for_every_card_uncertain_ones_first() -> None:
    data = render_answers(collect([seen_as(LEA), seen_as(LEA, LEA, LEB, index=2)]))
    assert data.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert (first["id"], first["status"]) == ("a.jpg#2", "review")
    assert first["candidates"] == "LEA 0 Card 0; LEB 1 Card 1"
    assert (second["id"], second["status"]) == ("a.jpg#1", "collection")
    assert (second["guess_id"], second["guess_score"]) == (card_id(0), "0.900")
    assert not any(row[name] for row in (first, second) for name in ANSWER_COLUMNS)
