"""The last word of a person: corrections in a review that came back."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import PixelEncoder, card_id, fill_cache, make_card, make_images, make_picture
from seen import BOTH, LEA, names, seen_as

from mtg_image_db import BuildOptions, Database, InvalidArguments, MissingInput, build_database
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.corrections import Correction, read_corrections
from mtg_image_db.collection.lines import ANSWER_COLUMNS, review_lines
from mtg_image_db.collection.review import render_answers
from mtg_image_db.collection.scan import Scan, collect
from mtg_image_db.collection.seen import Sighting
from mtg_image_db.database.answers import Match
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall_double.double import ScryfallDouble


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Cards 0 to 5 and 8 (on screens only) share an artwork; 6 is foil only; 7 foil and etched."""
    folder = tmp_path_factory.mktemp("collection")
    finishes = {6: ["foil"], 7: ["foil", "etched"]}
    names = {6: "Day // Night", 7: "Night"}
    cards = [
        make_card(
            n,
            name=names.get(n, "Lim-Dûl's Æther"),
            printed_name="Äther von Lim-Dûl" if n == 3 else None,
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
        "line 2: the database has no printing and no card 'what': write set and number (LEA 161),",
        "line 3: the database has no printing and no card 'zzz 1': write set and number",
        "line 4: finish must be one of nonfoil, foil, etched, not 'shiny'",
        "line 4: lang must be one of en, es,",
        "line 4: quantity must be a whole number of at least 1, not '0'",
        "line 4: the database has no printing and no card 'zzz 2':",
        "line 5: 'q.jpg#1' is not a card of the given photos",
        "line 7: p.jpg#1 already has an answer on line 2",
        "line 8: the finish of bbb 6★ must be foil",
        "line 9: the finish of bbb 7★ must be foil or etched",
        "line 10: condition must be one of mint, near_mint, excellent,",
        f"line 10: the database has no printing and no card '{card_id(77)}':",
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
            assert all(one.answer.skip for one in said.values())


def test_answers_are_kept_whatever_their_printing_is_called(tmp_path: Path) -> None:
    cells = dict.fromkeys(ANSWER_COLUMNS, "") | {"answer": "LEA x;=1"}
    odd = replace(LEA.printing, collector_number="x;=1")
    scan = collect([seen_as(LEA)], corrections={"a.jpg#1": Correction(2, cells, odd)})
    (tmp_path / "r.csv").write_bytes(render_answers(scan))
    [line] = review_lines(tmp_path / "r.csv")
    assert (line.id, line.cells) == ("a.jpg#1", cells)


HEADER = "id,photo,verdict,answer,quantity,finish,condition,lang,candidates,place"


def review_of(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return path


def read(database: Database, path: Path, assumed: Assumptions | None = None) -> dict[str, str]:
    """What each card was said to be."""
    said = read_corrections(path, database, ["p.jpg"], assumed or Assumptions())
    return {card: one.printing.label for card, one in said.items() if one.printing}


def refusals(database: Database, path: Path) -> list[str]:
    with pytest.raises(InvalidArguments) as raised:
        read_corrections(path, database, ["p.jpg"], Assumptions())
    return [text.removeprefix(f"{path}, ") for text in raised.value.problems]


@pytest.mark.parametrize(
    "name",
    [
        "Lim-Dûl's Æther",
        "LIM DULS AETHER",
        "limdul\u2019s aether",
        "äther von lim-dûl",
        "Ather von lim dul",
    ],
)
def test_a_card_can_be_answered_by_any_of_its_names(
    database: Database, tmp_path: Path, name: str
) -> None:
    line = f"p.jpg#1,p.jpg,likely,{name},,,,,BBB 4★ Lim-Dûl's Æther (0.998); BBB 6★ Day // Night,"
    assert read(database, review_of(tmp_path / "r.csv", line)) == {"p.jpg#1": "BBB 4★"}


def test_what_the_column_candidates_shows_is_an_answer(database: Database, tmp_path: Path) -> None:
    listed = (
        "AAA 2★ Lim-Dûl's Æther (0.998)",
        "AAA 3★ Lim-Dûl's Æther",
        "bbb 6★ Day // Night (1.000)",
    )
    lines = (f'p.jpg#{n},p.jpg,likely,"{item}",,,,,,' for n, item in enumerate(listed, start=1))
    path = review_of(tmp_path / "r.csv", *lines)
    assert list(read(database, path).values()) == ["AAA 2★", "AAA 3★", "BBB 6★"]


def test_several_candidates_or_another_name_than_the_printing_s_are_no_answer(
    database: Database, tmp_path: Path
) -> None:
    path = review_of(
        tmp_path / "r.csv",
        "p.jpg#1,p.jpg,likely,AAA 1★ Lim-Dûl's Æther; AAA 2★ Lim-Dûl's Æther,,,,,,",
        "p.jpg#2,p.jpg,likely,AAA 1★ Day // Night,,,,,,",
    )
    several, other = refusals(database, path)
    assert several.startswith("line 2: ")
    assert several.endswith("is more than one answer: write only one of them")
    assert other.startswith("line 3: the database has no printing and no card 'AAA 1★ Day")


def test_a_name_of_several_printings_is_refused_with_those_that_fit(
    database: Database, tmp_path: Path
) -> None:
    some = "BBB 4★ Lim-Dûl's Æther; AAA 2★ Lim-Dûl's Æther; BBB 6★ Day // Night"
    path = review_of(
        tmp_path / "r.csv",
        "p.jpg#1,p.jpg,likely,Lim-Dul's Aether,,,,,,",
        f"p.jpg#2,p.jpg,likely,Lim-Dul's Aether,,,,,{some},",
    )
    all_of_them = "AAA 0★, AAA 1★, AAA 2★, AAA 3★, BBB 4★, BBB 5★"
    assert refusals(database, path) == [
        f"line 2: Lim-Dul's Aether may be 6 printings: write one of {all_of_them}",
        "line 3: Lim-Dul's Aether may be 2 printings: write one of BBB 4★, AAA 2★",
    ]
    # What the user says of all cards decides as well.
    assumed = Assumptions(sets=frozenset({"bbb"}))
    path = review_of(tmp_path / "r.csv", f"p.jpg#2,p.jpg,likely,Lim-Dul's Aether,,,,,{some},")
    assert read(database, path, assumed) == {"p.jpg#2": "BBB 4★"}


def test_a_whole_name_counts_more_than_that_of_a_side(database: Database, tmp_path: Path) -> None:
    lines = "p.jpg#1,p.jpg,likely,day,,,,,,", "p.jpg#2,p.jpg,likely,night,,foil,,,,"
    path = review_of(tmp_path / "r.csv", *lines)
    assert read(database, path) == {"p.jpg#1": "BBB 6★", "p.jpg#2": "BBB 7★"}


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        *(("M", "mint"), ("nm", "near_mint"), ("Near Mint", "near_mint"), ("EX", "excellent")),
        *(("LP", "good"), ("Lightly Played", "good"), ("MP", "played"), ("HP", "heavily_played")),
        *(("DMG", "damaged"), ("Poor", "damaged"), ("near_mint", "near_mint")),
    ],
)
def test_conditions_may_be_written_as_shops_do(
    database: Database, tmp_path: Path, written: str, condition: str
) -> None:
    path = review_of(tmp_path / "r.csv", f"p.jpg#1,p.jpg,likely,,,,{written},,,")
    [said] = read_corrections(path, database, ["p.jpg"], Assumptions()).values()
    assert said.answer.condition == condition


def test_a_card_that_was_missed_is_added_by_a_line(database: Database, tmp_path: Path) -> None:
    path = review_of(
        tmp_path / "r.csv",
        "p.jpg#1,p.jpg,likely,,,,,,,",
        ",p.jpg,,AAA 2★,3,foil,LP,,,",
        ",p.jpg,,Day // Night,,,,,,",
        "p.jpg#+1,p.jpg,none,AAA 1★,,,,,,",
        "p.jpg#+4,p.jpg,none,skip,,,,,,",
    )
    said = read_corrections(path, database, ["p.jpg"], Assumptions())
    told = {card: one.printing and one.printing.label for card, one in said.items()}
    assert told == {"p.jpg#+5": "AAA 2★", "p.jpg#+6": "BBB 6★", "p.jpg#+1": "AAA 1★"}
    added = said["p.jpg#+5"].answer
    assert (added.quantity, added.finish, added.condition) == (3, "foil", "good")


NOT_THERE = (
    "line 4: p.jpg#9 is none of the 2 cards of p.jpg here: to add a card that was missed, leave id "
    "empty and write the photo into the column photo"
)


def test_lines_about_cards_that_are_not_there_are_told_before_a_scan(
    database: Database, tmp_path: Path
) -> None:
    path = review_of(
        tmp_path / "r.csv",
        "p.jpg#1,p.jpg,likely,,,,,,,",
        "p.jpg#2,p.jpg,confident,,,,,,,",
        "p.jpg#9,,,skip,,,,,,",
        ",q.jpg,,AAA 2★,,,,,,",
        ",,,AAA 2★,,,,,,",
        ",p.jpg,,,2,,,,,",
        "p.jpg#x,p.jpg,,skip,,,,,,",
    )
    assert refusals(database, path) == [
        NOT_THERE,
        "line 5: 'q.jpg' is not one of the given photos",
        "line 6: it has neither an id nor a photo: write the photo that shows the card into photo",
        "line 7: it adds a card: write into answer which one",
        "line 8: 'p.jpg#x' is not a card of the given photos",
    ]
