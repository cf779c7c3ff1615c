"""`mtg-db eval` on drawn photos, and how answers are judged and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import fill_cache, mtg_db
from PIL import Image, ImageFilter

from mtg_image_db import (
    BuildOptions,
    CardAnswer,
    CardFace,
    InvalidArguments,
    Match,
    PrintingAnswer,
    PrintingCandidate,
    Reading,
    build_database,
)
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.evaluation.fit import fit
from mtg_image_db.evaluation.labels import LabelledCard, LabelledPhoto, plain_name, read_labels
from mtg_image_db.evaluation.report import write_report
from mtg_image_db.evaluation.scores import (
    PhotoResult,
    Share,
    figures,
    judge,
    read_figures,
    to_json,
)
from mtg_image_db.pages.page import jpeg
from mtg_image_db.reading.answer import TitleAnswer
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.scryfall_double.double import ScryfallDouble


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of some drawn cards, photos of two it has and of one it has not, and labels."""
    folder = tmp_path_factory.mktemp("eval")
    cards = [sample for sample in sample_cards(16) if len(sample.faces) == 1]
    *kept, absent = cards
    images = {f"{sample.card['id']}/front": jpeg(sample.faces[0], 90) for sample in kept}
    with ScryfallDouble([sample.card for sample in kept], images) as double:
        fill_cache(double, folder / "image_cache")
    build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
    names = [sample.card["name"] for sample in (kept[0], kept[1], absent)]
    (folder / "photos").mkdir()
    _table([kept[0].faces[0], kept[1].faces[0]]).save(folder / "photos" / "two.jpg", quality=92)
    _table([absent.faces[0]]).save(folder / "photos" / "absent.jpg", quality=92)
    (folder / "photos" / "broken.jpg").write_bytes(b"nothing")
    rows = [
        f'photos/two.jpg,several,en|en,"{names[0].upper()}|{names[1]}"',
        f'photos/absent.jpg,single,,"{names[2]}"',
        f'photos/broken.jpg,single,en,"{names[0]}"',
    ]
    text = "\n".join(["file,kind,lang,names", *rows])
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return folder


def _table(cards: Sequence[Image.Image]) -> Image.Image:
    """Cards side by side on a grainy table."""
    rng = np.random.default_rng(5)
    grain = rng.normal((105, 120, 140), 6, (900, 1200, 3)).clip(0, 255).astype(np.uint8)
    photo = Image.fromarray(grain).filter(ImageFilter.GaussianBlur(2))
    for place, card in enumerate(cards):
        small = card.convert("RGBA").resize((392, 546), Image.Resampling.LANCZOS)
        turned = small.rotate(4 - 7 * place, Image.Resampling.BICUBIC, expand=True)
        photo.paste(turned, (90 + 570 * place, 150), turned)
    return photo


def test_photos_are_measured_and_what_went_wrong_is_shown(home: Path) -> None:
    report = ("--report", "report", "--json", "figures.json", "--fit")
    done = mtg_db("eval", "labels.csv", *report, cwd=home)
    assert done.returncode == 0, done.stderr
    assert "photos/broken.jpg: not an image" in done.stderr
    assert "1 of 3 photos could not be read." in done.stderr
    assert re.search(
        r"^several: 1 photo .*\ncards found +2/2, .*\ncards named +2/2, 100.0 % \(",
        done.stdout,
        re.MULTILINE,
    )
    assert re.search(r"^absent cards refused +1/1, ", done.stdout, re.MULTILINE)
    assert re.search(
        r"^read on the cards, cards 500 to 700 pixels high ", done.stdout, re.MULTILINE
    )
    assert re.search(r"^lang (right|wrong|not said) +\d/2, ", done.stdout, re.MULTILINE)
    assert re.search(r"^geometry +\d+\.\d +\d+\.\d$", done.stdout, re.MULTILINE)
    assert re.search(r"^\d+ \(margin \d+\) ", done.stdout, re.MULTILINE)
    told = json.loads((home / "figures.json").read_text(encoding="utf-8"))
    assert told["figures"]["all"]["present_artworks_confident"]["hits"] == 2
    assert [photo["error"] for photo in told["photos"]] == ["", "", "not an image"]
    assert sorted(told["photos"][0]["places"]) == [[0, 1], [1, 1]]
    assert "0 of 3 photos" in (home / "report" / "index.html").read_text(encoding="utf-8")


def test_the_page_shows_photo_crop_answer_and_truth(home: Path) -> None:
    text = (home / "labels.csv").read_text(encoding="utf-8")
    first = re.sub(r'"[^|"]*\|', '"Somebody <Else>|', text)
    (home / "wrong.csv").write_text(first, encoding="utf-8")
    done = mtg_db("eval", "wrong.csv", "--report", "wrong", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "1 photo with errors" in done.stderr
    page = (home / "wrong" / "index.html").read_text(encoding="utf-8")
    assert "Somebody &lt;Else&gt;: not in the database" in page
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(pictures) >= 3
    for name in pictures:
        Image.open(home / "wrong" / name).verify()


def test_when_no_photo_can_be_read_it_says_where_it_looked(home: Path) -> None:
    (home / "none.csv").write_text("file,names\nnowhere.jpg,A\n", encoding="utf-8")
    done = mtg_db("eval", "none.csv", cwd=home)
    assert done.returncode == 2
    assert "nowhere.jpg: there is no such file" in done.stderr
    assert "Put the photos beside the labels" in done.stderr
    missing = mtg_db("eval", "no-labels.csv", cwd=home)
    assert missing.returncode == 3
    assert "The labels cannot be read: No such file" in missing.stderr


def test_labels_say_what_is_present_and_a_truth_file_overrides(tmp_path: Path) -> None:
    labels, truth = tmp_path / "labels.csv", tmp_path / "truth.csv"
    labels.write_text(
        '\ufefffile,names,present\na.jpg,"Fire // Ice|Ôther",\nb.jpg,Fire,0\nc.jpg,,\n'
    )
    truth.write_text("file,name,artwork\na.jpg,OTHER,same\nb.jpg,fire,unsure\n")
    photos = read_labels(labels, None, {"fire"})
    assert [[card.present for card in photo.cards] for photo in photos] == [
        [True, False],
        [False],
        [],
    ]
    photos = read_labels(labels, truth, {"fire"})
    assert [[card.present for card in photo.cards] for photo in photos] == [
        [True, True],
        [None],
        [],
    ]
    labels.write_text("file,names,present\na.jpg,A|B,1\nb.jpg,A,yes\n")
    truth.write_text("file,name,artwork\na.jpg,A,maybe\n")
    with pytest.raises(InvalidArguments) as caught:
        read_labels(labels, truth, ())
    assert [re.sub(r".*, (line \d).*", r"\1", p) for p in caught.value.problems] == [
        "line 2",
        "line 2",
        "line 3",
    ]
    with pytest.raises(InvalidArguments, match="there is no column names"):
        read_labels(truth, None, ())


def test_names_are_compared_by_their_front_without_capitals_and_accents() -> None:
    assert plain_name(" Lim-Dûl's Vault") == plain_name("LIM-DUL'S VAULT // Back")


def _answer(verdict: Verdict, names: str, points: int = 0) -> CardAnswer:
    faces = (CardFace.from_record({"name": name}) for name in names)
    matches = tuple(Match(rank, 0.5, face, image=rank) for rank, face in enumerate(faces, start=1))
    return CardAnswer(matches, verdict, ((0, 0), (1, 0), (1, 1), (0, 1)), points)


def _outcome(present: dict[str, bool | None], *answers: CardAnswer, file: str = "p") -> PhotoResult:
    cards = tuple(LabelledCard(name, bool(there), there) for name, there in present.items())
    return judge(LabelledPhoto(file, Path(file), "", "", cards), answers, {})


def test_an_answer_counts_for_one_card_and_each_card_once() -> None:
    cards = (LabelledCard("A", known=True, present=True),) * 2
    twice = LabelledPhoto("p", Path("p"), "", "", cards)
    one = judge(twice, (_answer("none", "A"), _answer("likely", "A"), _answer("likely", "A")), {})
    assert one.places == ((1, 1), (2, 1))
    one = judge(twice, (_answer("confident", "A"),), {})
    assert (one.places, one.missed) == (((0, 1), None), [1])


def test_every_share_is_counted_as_the_documentation_says() -> None:
    counted = figures(
        [
            _outcome(
                {"A": True, "B": True, "C": True, "D": False, "E": False, "F": None},
                _answer("confident", "A"),
                _answer("likely", "XB"),
                _answer("none", "C"),
            ),
            _outcome({"A": True, "D": False}, _answer("none", "X"), _answer("none", "VWXYZA")),
        ]
    )
    assert {name: (share.hits, share.of) for name, share in counted.items()} == {
        "cards_found": (5, 8),
        "cards_named": (1, 8),
        "outlines_of_no_card": (0, 5),
        "known_names_first": (2, 4),
        "known_names_among_five": (3, 4),
        "present_artworks_first": (2, 4),
        "present_artworks_among_five": (3, 4),
        "present_artworks_named": (1, 4),
        "present_artworks_confident": (1, 4),
        "confident_answers_wrong": (0, 1),
        "likely_answers_wrong": (1, 1),
        "absent_cards_refused": (2, 3),
        "photos_with_nothing_named": (1, 2),
    }
    title = TitleAnswer("confident", "b", "b", ((0, 0), (1, 0), (1, 1), (0, 1)))
    by_title = [replace(_answer("confident", name), title=title) for name in "BC"]
    outcome = _outcome({"A": True, "B": False, "D": False}, *by_title)
    counted = figures([outcome])
    # The name is right, though the artwork is absent. The other name is wrong.
    assert (counted["cards_named"].hits, counted["confident_answers_wrong"].hits) == (1, 1)
    assert counted["absent_cards_refused"] == Share(1, 2)
    assert fit([outcome]).right == fit([outcome]).wrong == {}
    extra = [_answer("none", "X") for _ in range(3)]
    empty = replace(_answer("none", "X"), detected=False)
    counted = figures([_outcome({"A": True, "B": False}, *extra), _outcome({"A": True}, empty)])
    assert (counted["cards_found"].hits, counted["outlines_of_no_card"]) == (2, Share(1, 3))
    assert str(Share(8, 10)) == "8/10, 80.0 % (49.0 to 94.3)"
    assert str(Share(0, 0)) == "0/0, - (0.0 to 100.0)"


ID = "12345678-1234-1234-1234-123456789abc"
LABELS = f"""\
file,names,printing,finish,lang
a.jpg,A|B|C,FIC/230||{ID.upper()},foil|nonfoil|,en||JA
b.jpg,A,,,
"""


def test_labels_give_printing_finish_and_language_of_each_card(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(LABELS)
    first, second = read_labels(tmp_path / "labels.csv", None, ())
    assert [(card.printing, card.finish, card.lang) for card in first.cards] == [
        ("fic/230", "foil", "en"),
        ("", "nonfoil", ""),
        (ID, "", "ja"),
    ]
    assert [(card.printing, card.finish, card.lang) for card in second.cards] == [("", "", "")]


def test_labels_that_make_no_sense_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = ("A|B,fic/230,,", "A,FIC 230,,", "A,,shiny,", "A|B,,,en|klingon", "A,/7,etched,")
    lines = [f"{number}.jpg,{row}" for number, row in enumerate(rows)]
    path.write_text("\n".join(["file,names,printing,finish,lang", *lines]))
    with pytest.raises(InvalidArguments) as caught:
        read_labels(path, None, ())
    told = [problem.removeprefix(f"{path}, ") for problem in caught.value.problems]
    expected = (
        "line 4: finish must be foil or nonfoil, not 'shiny'",
        "line 5: lang must be one of en, es, fr,",
        "line 6: finish must be foil or nonfoil, not 'etched'",
    )
    assert len(told) == len(expected)
    for text, begins in zip(told, expected, strict=True):
        assert text.startswith(begins)


def test_printings_that_cannot_be_read_are_unknown_and_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = ("A|B,fic/230", "A,Revised Edition #123", "A,/7", "A|B,FIC/7|UMA", "A,fic/230")
    lines = [f"{number}.jpg,{row}" for number, row in enumerate(rows)]
    path.write_text("\n".join(["file,names,printing", *lines]))
    photos = read_labels(path, None, ())
    assert [[card.printing for card in photo.cards] for photo in photos] == [
        ["", ""],
        [""],
        [""],
        ["fic/7", ""],
        ["fic/230"],
    ]
    form = "printing must be a set and a number like fic/230, or a Scryfall id, not"
    told = [one for photo in photos for one in photo.unread]
    assert told[0].startswith("line 2: printing has 1 values for 2 names: give one for each name")
    assert told[1:] == [
        f"line 3: {form} 'revised edition #123'",
        f"line 4: {form} '/7'",
        f"line 5: {form} 'uma'",
    ]


def _printing(label: str) -> Printing:
    code, number = label.split("/")
    return Printing.from_record({"set": code, "collector_number": number, "scryfall_id": label})


def _read(printings: str, finish: str = "", lang: str = "") -> PrintingAnswer:
    """One printing is exact, several are a group, none is unknown."""
    some = tuple(PrintingCandidate(_printing(one), 0.5) for one in printings.split())
    verdict = {0: "unknown", 1: "exact"}.get(len(some), "group")
    said = [Reading(value, 0.9) if value else Reading() for value in (finish, lang)]
    return PrintingAnswer(verdict, some, *said)  # type: ignore[arg-type]


def _seen(name: str, printing: PrintingAnswer, height: float = 350) -> CardAnswer:
    quad = ((0.0, 0.0), (250.0, 0.0), (250.0, height), (0.0, height))
    return replace(_answer("confident", name), printing=printing, quad=quad)


def _label(name: str, printing: str = "", finish: str = "", lang: str = "") -> LabelledCard:
    return LabelledCard(name, True, True, printing, finish, lang)


def _judged(labels: Sequence[LabelledCard], *answers: CardAnswer) -> PhotoResult:
    return judge(LabelledPhoto("p", Path("p"), "", "", tuple(labels)), answers, {})


def _counted(outcome: PhotoResult, height: str = "all") -> dict[str, tuple[int, int]]:
    shares = read_figures([outcome])[height]
    return {name: (share.hits, share.of) for name, share in shares.items() if share.of}


def test_what_was_read_is_counted_as_the_documentation_says() -> None:
    labels = [_label(name, "fic/230", "foil", "de") for name in "ABCDEF"]
    outcome = _judged(
        labels,
        _seen("A", _read("fic/230", "foil", "de")),
        _seen("B", _read("fin/7", "nonfoil", "en")),
        _seen("C", _read("fin/7 fic/230", "foil")),
        _seen("D", _read("fin/7 fin/8")),
        _seen("E", _read("")),
    )
    assert _counted(outcome) == {
        "printing_exact_right": (1, 6),
        "printing_exact_wrong": (1, 6),
        "printing_in_group": (1, 6),
        "printing_not_in_group": (1, 6),
        "printing_unknown": (2, 6),
        "finish_right": (2, 6),
        "finish_wrong": (1, 6),
        "finish_not_said": (3, 6),
        "lang_right": (1, 6),
        "lang_wrong": (1, 6),
        "lang_not_said": (4, 6),
        "exact_answers_wrong": (1, 2),
    }
    # The card without an answer has no height.
    assert _counted(outcome, "300 to 400")["printing_unknown"] == (1, 5)


def test_what_the_labels_do_not_give_is_not_counted() -> None:
    outcome = _judged([_label("A"), _label("B", lang="en")], _seen("A", _read("fin/7", "foil")))
    assert _counted(outcome) == {
        name: (int(name == "lang_not_said"), 1)
        for name in ("lang_right", "lang_wrong", "lang_not_said")
    }
    assert not outcome.misread


def test_an_exact_answer_for_no_card_is_wrong_too() -> None:
    outcome = _judged(
        [_label("A", "fic/230")], _seen("A", _read("fic/230")), _seen("X", _read("fin/7"))
    )
    assert _counted(outcome)["exact_answers_wrong"] == (1, 2)


@pytest.mark.parametrize(
    ("height", "group"),
    [
        (299, "under 300"),
        (300, "300 to 400"),
        (499, "400 to 500"),
        (699, "500 to 700"),
        (700, "over 700"),
    ],
)
def test_figures_are_given_by_the_height_of_cards(height: float, group: str) -> None:
    outcome = _judged([_label("A", "fic/230")], _seen("A", _read("fic/230"), height))
    for name in ("under 300", "300 to 400", "400 to 500", "500 to 700", "over 700"):
        assert bool(_counted(outcome, name)) == (name == group)


def test_a_scryfall_id_names_a_printing_as_set_and_number_do() -> None:
    read = PrintingAnswer(
        "exact", (PrintingCandidate(replace(_printing("a/1"), scryfall_id=ID), 1),)
    )
    assert _counted(_judged([_label("A", ID)], _seen("A", read)))["printing_exact_right"] == (1, 1)


def test_of_two_cards_with_one_name_an_answer_chooses_the_one_it_agrees_with() -> None:
    labels = [_label("A", "fic/230", "foil"), _label("A", "fin/7", "nonfoil")]
    unread = _seen("A", _read(""))
    for printing, finish in (("fic/230", "foil"), ("fin/7", "nonfoil")):
        read = _seen("A", _read(printing, finish))
        counted = _counted(_judged(labels, unread, read))
        assert counted["printing_exact_right"] == (1, 2)
        assert counted["printing_exact_wrong"] == (0, 2)


def test_what_was_misread_is_in_the_record_and_on_the_page(tmp_path: Path) -> None:
    Image.new("RGB", (400, 500), "#445566").save(tmp_path / "p.png")
    label = _label("A", "fic/230", "foil")
    corners = ((10.0, 300.0), (60.0, 300.0), (60.0, 340.0), (10.0, 340.0))
    read = replace(_read("fin/7", "foil"), reasons=("number <7> was read",), strip=corners)
    photo = LabelledPhoto("p.png", tmp_path / "p.png", "", "", (label,))
    outcome = judge(photo, (_seen("A", read),), {})
    record = json.loads(json.dumps(to_json([outcome])))
    assert record["read"]["all"]["printing_exact_wrong"]["hits"] == 1
    assert len(record["read"]["300 to 400"]["finish_right"]["interval"]) == 2
    assert record["photos"][0]["answers"][0][3]["verdict"] == "exact"
    assert record["photos"][0]["cards"][0]["printing"] == "fic/230"
    assert write_report([outcome], tmp_path / "report") == 1
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "printing fic/230: exact wrong; finish foil: right" in page
    assert "read: FIN 7, exact (0.500), foil<br>number &lt;7&gt; was read" in page
    assert "<th>all<th>300 to 400\n" in page
    assert "<tr><th>printing exact wrong<td>1/1, 100.0 %" in page
    with Image.open(tmp_path / "report" / "0-0-read.jpg") as strip:
        assert strip.size == (320, 128)


def test_thresholds_are_chosen_on_one_half_and_tried_on_the_other() -> None:
    def half(file: str, *points: int) -> PhotoResult:
        return _outcome({"A": True}, *(_answer("none", "AX"[p < 8], p) for p in points), file=file)

    # The hashes of these names put them into different halves.
    fitted = fit([half("a", 1, 2, 3, 4, 8, 9), half("e", 5, 6, 7, 9), half("e", 30)])
    assert fitted.refused == 1
    assert fitted.wrong == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}
    assert [(level.points, level.margin) for level in fitted.levels[::2]] == [(5, 0), (8, 0)]
    assert [str(level.wrong)[:3] for level in fitted.levels[::2]] == ["3/4", "0/2"]
