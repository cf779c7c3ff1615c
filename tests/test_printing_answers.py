"""What was read on a card: in answers, in a collection, in the review and on sheets."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import card_id, make_card, make_picture
from PIL import Image

from mtg_image_db import (
    CardAnswer,
    CardFace,
    Match,
    PrintingAnswer,
    PrintingCandidate,
    Reading,
    Recognition,
)
from mtg_image_db.cli.answers import Asked, print_csv, print_csv_header, print_json, print_table
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.corrections import Correction
from mtg_image_db.collection.lines import ANSWER_COLUMNS
from mtg_image_db.collection.review import render_answers, render_page
from mtg_image_db.collection.scan import Scan, collect
from mtg_image_db.collection.seen import sightings_of
from mtg_image_db.pages.sheet import contact_sheet, html_sheet, sheet_entries
from mtg_image_db.recognise.photo import Photo
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.faces import faces_of

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "json.md").read_text(encoding="utf-8")
QUAD = ((0.0, 0.0), (488.0, 0.0), (488.0, 680.0), (0.0, 680.0))
STRIP = ((20.0, 630.0), (144.0, 630.0), (144.0, 680.0), (20.0, 680.0))


def a_face(number: int, **changes: Any) -> CardFace:
    """Cards of one name are one card, in nonfoil and foil."""
    both = {"oracle_id": card_id(99), "finishes": ["nonfoil", "foil"]}
    return next(faces_of(make_card(number, **(both | changes))))


FIC, FIN, SURGE = (a_face(230, set="fic"), a_face(7, set="fin"), a_face(529, set="fin"))
TOKEN = a_face(2, set="tfin", oracle_id=card_id(98), name="Clue", layout="token")
JAPANESE = a_face(5, set="war", lang="ja")


def exactly(face: CardFace, probability: float = 0.998, **read: Any) -> PrintingAnswer:
    rest = PrintingCandidate(FIN.printing, 1 - probability)
    return PrintingAnswer(
        "exact", (PrintingCandidate(face.printing, probability), rest), strip=STRIP, **read
    )


def one_of(*faces: CardFace, **read: Any) -> PrintingAnswer:
    """A group, the most probable first."""
    share = 1 / len(faces)
    candidates = tuple(
        PrintingCandidate(face.printing, share - number / 100) for number, face in enumerate(faces)
    )
    return PrintingAnswer("group", candidates, strip=STRIP, **read)


def read(finish: str = "", lang: str = "") -> PrintingAnswer:
    """An unknown printing, of which finish or language was read."""
    shown, spoken = (Reading(value, 0.99) if value else Reading() for value in (finish, lang))
    return PrintingAnswer(finish=shown, lang=spoken)


def card(
    printing: PrintingAnswer,
    best: CardFace = FIN,
    *shared: CardFace,
    verdict: Verdict = "confident",
) -> CardAnswer:
    """A card whose best match is `best`; `shared` are all printings of its artwork."""
    printings = tuple(one.printing for one in shared or (best,))
    return CardAnswer((Match(1, 0.9, best, printings, image=1),), verdict, QUAD, 9, printing)


def scanned(seen: CardAnswer, assumed: Assumptions | None = None, **filled_in: Any) -> Scan:
    """A scan of a photo of one card, which may have a correction."""
    found = Recognition(Photo.open(make_picture(7)), (seen,), {})
    said = {}
    if filled_in:
        printing = filled_in.pop("printing", None)
        cells = dict.fromkeys(ANSWER_COLUMNS, "") | filled_in
        said = {"a.jpg#1": Correction(2, cells, printing)}
    return collect(sightings_of("a.jpg", found), assumed, said)


def entered(scan: Scan) -> list[tuple[str, str, str]]:
    """Printing, finish and language of the cards in the collection."""
    assert len(scan.cards) + len(scan.to_review) == 1
    return [(one.printing.label, one.finish, one.lang) for one in scan.cards]


def reason(scan: Scan) -> str:
    assert scan.cards == ()
    [one] = scan.to_review
    return one.reason


FOIL: dict[str, Any] = {"finish": Reading("foil", 0.99)}
GERMAN: dict[str, Any] = {"lang": Reading("de", 0.97)}
SHARED = (FIN, FIC, SURGE)


def test_an_exact_printing_enters_the_collection_with_what_was_read() -> None:
    scan = scanned(card(exactly(FIC, **FOIL, **GERMAN), FIN, *SHARED))
    assert entered(scan) == [("FIC 230", "foil", "de")]
    assert entered(scanned(card(exactly(FIC), FIN, *SHARED))) == [("FIC 230", "nonfoil", "en")]


def test_an_exact_printing_makes_a_likely_card_certain_but_not_one_that_is_none() -> None:
    assert entered(scanned(card(exactly(FIC), verdict="likely"))) == [("FIC 230", "nonfoil", "en")]
    assert reason(scanned(card(exactly(FIC), verdict="none"))) == "no card resembles it enough"


def test_an_exact_printing_decides_between_cards_with_one_artwork() -> None:
    for one in (TOKEN, FIN):
        [(label, _, _)] = entered(scanned(card(exactly(one), FIN, FIN, TOKEN)))
        assert label == one.label
    said = "2 different cards share this artwork, and it does not tell which this is"
    for other in (one_of(FIN, TOKEN), one_of(TOKEN), read("foil")):
        assert reason(scanned(card(other, FIN, FIN, TOKEN))) == said


def test_what_is_said_of_all_cards_holds_where_nothing_was_read() -> None:
    said = Assumptions("foil", lang="fr")
    assert entered(scanned(card(exactly(FIC)), said)) == [("FIC 230", "foil", "fr")]
    assert entered(scanned(card(read("nonfoil")))) == [("FIN 7", "nonfoil", "en")]
    assert entered(scanned(card(read("foil", "de")))) == [("FIN 7", "foil", "de")]


@pytest.mark.parametrize("printing", [exactly(FIN, **FOIL, **GERMAN), read("foil", "de")])
def test_a_contradiction_between_card_and_user_goes_to_the_review(printing: PrintingAnswer) -> None:
    answer = card(printing)
    assert reason(scanned(answer, Assumptions("nonfoil"))) == (
        "it was read as foil, but you said nonfoil: fill in the column finish"
    )
    assert reason(scanned(answer, Assumptions(lang="fr"))) == (
        "it was read as German, but you said French: fill in the column lang"
    )
    both = reason(scanned(answer, Assumptions("nonfoil", lang="fr")))
    assert both.count("it was read as") == 2
    # What agrees is no contradiction, and nobody says nonfoil by saying nothing.
    for said in (Assumptions("foil", lang="de"), Assumptions()):
        assert entered(scanned(answer, said)) == [("FIN 7", "foil", "de")]


def test_the_person_who_fills_in_the_review_has_the_last_word() -> None:
    answer = card(exactly(FIN, **FOIL, **GERMAN), FIN, *SHARED)
    said = Assumptions("nonfoil", lang="fr")
    filled = scanned(answer, said, finish="nonfoil", lang="it")
    assert entered(filled) == [("FIN 7", "nonfoil", "it")]
    # To name the printing is not to say its finish, unless it has only one.
    named = scanned(answer, Assumptions("nonfoil"), answer="fic 230", printing=FIC.printing)
    assert reason(named).startswith("it was read as foil")
    only = replace(FIC.printing, finishes=("nonfoil",))
    named = scanned(answer, Assumptions("nonfoil"), answer="fic 230", printing=only)
    assert entered(named) == [("FIC 230", "nonfoil", "de")]
    assert entered(scanned(answer, answer="fic 230", printing=FIC.printing)) == [
        ("FIC 230", "foil", "de")
    ]


def test_a_set_that_was_named_contradicts_a_printing_that_was_read() -> None:
    answer = card(exactly(FIC), FIN, *SHARED)
    said = Assumptions(sets=frozenset({"fin"}))
    assert reason(scanned(answer, said)) == (
        "FIC 230 was read, but the sets you named have FIN 7 with this artwork"
    )
    group = card(one_of(FIC, a_face(231, set="fic", finishes=["foil"])), FIN, *SHARED)
    assert reason(scanned(group, said)).startswith("another printing was read, but the sets")
    # A set without this artwork says nothing about it.
    said = Assumptions(sets=frozenset({"lea"}))
    assert entered(scanned(answer, said)) == [("FIC 230", "nonfoil", "en")]


def test_a_finish_in_which_the_printing_does_not_exist_goes_to_the_review() -> None:
    plain = a_face(230, set="fic", finishes=["nonfoil"])
    for scan in (
        scanned(card(exactly(plain, **FOIL))),
        scanned(card(exactly(plain)), Assumptions("foil")),
    ):
        assert reason(scan) == "FIC 230 does not exist as foil"


def test_an_exact_printing_of_one_finish_has_that_finish() -> None:
    shiny = a_face(230, set="fic", finishes=["foil"])
    assert entered(scanned(card(exactly(shiny)))) == [("FIC 230", "foil", "en")]


def test_the_star_of_a_foil_is_also_that_of_an_etched_card() -> None:
    etched = a_face(230, set="fic", finishes=["etched"])
    assert entered(scanned(card(exactly(etched, **FOIL)))) == [("FIC 230", "etched", "en")]
    both = card(exactly(a_face(230, set="fic", finishes=["foil", "etched"]), **FOIL))
    asked = "FIC 230 exists as foil and etched: fill in the column finish"
    assert reason(scanned(both)) == asked
    assert entered(scanned(both, Assumptions("etched"))) == [("FIC 230", "etched", "en")]
    assert entered(scanned(both, finish="foil")) == [("FIC 230", "foil", "en")]


def test_a_language_that_the_printing_does_not_have_goes_to_the_review() -> None:
    assert entered(scanned(card(exactly(JAPANESE)))) == [("WAR 5", "nonfoil", "ja")]
    wrong = card(exactly(JAPANESE, **GERMAN))
    assert reason(scanned(wrong)) == "WAR 5 was read, which does not exist in German"


def test_of_several_records_of_a_printing_the_one_in_the_language_read_is_taken() -> None:
    german = a_face(231, set="fic", collector_number="230", lang="de")
    scan = scanned(card(exactly(FIC, **GERMAN), german, FIC))
    assert scan.cards[0].printing.scryfall_id == german.scryfall_id


def test_a_group_goes_to_the_review_with_its_candidates_the_most_probable_first() -> None:
    scan = scanned(card(one_of(SURGE, FIC), FIN, *SHARED))
    assert reason(scan) == "what was read fits 2 printings"
    [one] = scan.to_review
    assert [printing.label for printing, _ in one.candidates] == ["FIN 529", "FIC 230"]


def test_a_group_is_settled_if_what_the_user_said_leaves_one() -> None:
    surge = a_face(529, set="fin", finishes=["foil"])
    answer = card(one_of(FIN, surge, FIC), FIN, FIN, surge, FIC)
    assert entered(scanned(answer, Assumptions(sets=frozenset({"fic"})))) == [
        ("FIC 230", "nonfoil", "en")
    ]
    # Nobody said that it is no foil.
    plain = card(one_of(FIN, surge), FIN, FIN, surge)
    assert reason(scanned(plain)) == "what was read fits 2 printings"
    assert entered(scanned(plain, Assumptions("nonfoil"))) == [("FIN 7", "nonfoil", "en")]


def test_a_group_of_one_printing_is_no_exact_printing() -> None:
    answer = card(one_of(FIC), FIN, *SHARED)
    assert reason(scanned(answer)) == "it is probably FIC 230, but not certainly"
    said = Assumptions(sets=frozenset({"fic"}))
    assert entered(scanned(answer, said)) == [("FIC 230", "nonfoil", "en")]
    # Where the artwork has only this printing, there is nothing to decide.
    assert entered(scanned(card(one_of(FIC), FIC))) == [("FIC 230", "nonfoil", "en")]


def test_a_group_that_does_not_fit_the_artwork_goes_to_the_review() -> None:
    scan = scanned(card(one_of(a_face(1, set="lea"), a_face(2, set="leb")), FIN, FIN))
    assert reason(scan) == "what was read fits no printing of this artwork"


def test_a_printing_on_screens_only_never_enters_even_if_it_was_read() -> None:
    screen = a_face(230, set="vma", digital=True)
    assert reason(scanned(card(exactly(screen)))) == "VMA 230 exists on screens only"


WHY = ("number 0230 and set <FIC> were read",)
TELLING = one_of(FIC, SURGE, reasons=WHY, **FOIL)


def test_the_review_shows_what_was_read_and_where() -> None:
    scan = scanned(card(TELLING, FIN, *SHARED))
    page = render_page(scan).decode()
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    crop, strip = (Image.open(io.BytesIO(base64.b64decode(data))) for data in pictures)
    assert crop.height > crop.width
    assert strip.size == (320, 128)
    assert "Read on the card: one of FIC 230, FIN 529, foil" in page
    assert "<li>number 0230 and set &lt;FIC&gt; were read" in page
    assert re.search(r"probability 0\.500<.*probability 0\.490<", page, re.DOTALL)
    text = render_answers(scan).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["candidates"] == "FIC 230 Card 230 (0.500); FIN 529 Card 529 (0.490)"
    assert row["read"] == "one of FIC 230, FIN 529, foil; number 0230 and set <FIC> were read"
    assert (row["guess_set"], row["guess_number"]) == ("fic", "230")


def test_where_nothing_was_read_the_review_says_nothing_of_it() -> None:
    scan = scanned(card(PrintingAnswer(), FIN, *SHARED))
    page = render_page(scan).decode()
    assert "Read on the card" not in page
    assert "probability" not in page
    assert page.count("data:image/jpeg") == 1


def test_sheets_show_what_was_read_and_where() -> None:
    found = Recognition(Photo.open(make_picture(7)), (card(exactly(FIC, reasons=WHY)),), {})
    [entry] = sheet_entries("a.jpg", found, Path("nowhere"))
    with Image.open(io.BytesIO(entry.strip)) as strip:
        assert strip.size == (320, 128)
    page = html_sheet([entry], "1 card").decode()
    assert page.count("data:image/jpeg") == 2
    assert "FIC 230, exact (0.998)<br>number 0230 and set &lt;FIC&gt; were read" in page
    assert "FIC 230, score 0.900" in page
    drawn = contact_sheet([entry], "1 card")
    plain = contact_sheet([replace(entry, card=card(PrintingAnswer()), strip=b"")], "1 card")
    assert drawn.height > plain.height


def test_the_table_says_the_printing_under_the_heading(capsys: pytest.CaptureFixture[str]) -> None:
    def lines(printing: PrintingAnswer) -> list[str]:
        print_table(Asked("a.jpg", (card(printing),)), 5)
        return capsys.readouterr().out.splitlines()

    said = lines(exactly(FIC, reasons=WHY, **FOIL, **GERMAN))
    assert said[:3] == [
        "confident: Card 230, FIC 230, score 0.900",
        "printing: FIC 230, exact (0.998), foil, German",
        "      number 0230 and set <FIC> were read",
    ]
    assert lines(one_of(FIC, SURGE))[1] == "printing: one of FIC 230, FIN 529"
    many = one_of(*(a_face(n, set="sld") for n in range(10)))
    assert lines(many)[1].endswith("SLD 7 and 2 more")
    why = PrintingAnswer(reasons=("the line is too small",))
    assert lines(why)[1:3] == ["printing: unknown", "      the line is too small"]
    assert lines(PrintingAnswer())[1].startswith("rank")


def test_csv_names_the_printing_that_was_read(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    print_csv_header()
    answers = (
        card(exactly(FIC, **FOIL, **GERMAN)),
        card(one_of(SURGE, FIC)),
        card(PrintingAnswer(), verdict="none"),
    )
    print_csv(Asked("a.jpg", answers), 5)
    print_csv(Asked("b.jpg", error="not an image"), 5)
    print_csv(Asked("words", matches=answers[0].matches), 5)
    text = capfdbinary.readouterr().out.decode()
    assert text.splitlines()[0].endswith(
        "quad,error,printing,printing_set,printing_number,printing_probability,finish,read_lang,title"
    )
    exact, group, none, broken, words = csv.DictReader(io.StringIO(text))
    assert (exact["set"], exact["collector_number"]) == ("fic", "230")
    assert (exact["scryfall_id"], exact["score"]) == (FIC.scryfall_id, "0.9000")
    new = ("printing", "printing_set", "printing_number", "printing_probability")
    assert [exact[name] for name in new] == ["exact", "fic", "230", "0.9980"]
    assert (exact["finish"], exact["read_lang"], exact["lang"]) == ("foil", "de", "en")
    # Of a group, the best match stays what the card was taken for.
    assert (group["set"], group["collector_number"]) == ("fin", "7")
    assert [group[name] for name in new] == ["group", "fin", "529", "0.5000"]
    assert (group["finish"], group["read_lang"]) == ("unknown", "unknown")
    assert (none["name"], none["printing"]) == ("", "unknown")
    assert broken["error"] == "not an image"
    assert not any(row[name] for row in (broken, words) for name in (*new, "finish", "read_lang"))


def test_the_json_of_a_printing_is_that_of_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    shown = json.loads(example[1])
    candidates = tuple(
        PrintingCandidate(
            replace(
                FIC.printing,
                scryfall_id=one["scryfall_id"],
                set=one["set"],
                collector_number=one["collector_number"],
            ),
            one["probability"],
        )
        for one in shown["candidates"]
    )
    answer = PrintingAnswer(
        shown["verdict"],
        candidates,
        Reading(**shown["finish"]),
        Reading(**shown["lang"]),
        tuple(shown["reasons"]),
    )
    print_json(Asked("a.jpg", (card(answer),)), 5)
    [told] = json.loads(capsys.readouterr().out)["cards"]
    assert told["printing"] == shown


def test_a_line_that_contradicts_all_known_printings_goes_to_the_review() -> None:
    why = "DSK 0311 was read, which is none of the known printings of this picture"
    scan = scanned(card(PrintingAnswer(reasons=(why,)), FIC, FIC))
    assert entered(scan) == []
    assert reason(scan) == why


def test_the_strip_is_cut_out_as_it_lies_on_the_card() -> None:
    picture = Image.new("RGB", (488, 680), "black")
    picture.paste("white", (20, 630, 60, 680))  # the left third of the strip
    seen = card(exactly(FIC))
    strip = Recognition(Photo.open(picture), (seen,), {}).strip(seen)
    assert strip is not None
    assert strip.size == (320, 128)
    assert strip.getpixel((20, 20)) == strip.getpixel((20, 110)) == (255, 255, 255)
    assert strip.getpixel((300, 20)) == strip.getpixel((300, 110)) == (0, 0, 0)
