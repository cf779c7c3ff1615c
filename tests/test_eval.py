"""`mtg-db eval` on drawn photos, and how answers are judged and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import fill_cache, mtg_db
from PIL import Image, ImageFilter

from mtg_image_db import BuildOptions, CardAnswer, CardFace, InvalidArguments, Match, build_database
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.evaluation.fit import fit
from mtg_image_db.evaluation.labels import LabelledCard, LabelledPhoto, plain_name, read_labels
from mtg_image_db.evaluation.scores import PhotoResult, Share, figures, judge
from mtg_image_db.pages.page import jpeg
from mtg_image_db.recognise.verdict import Verdict
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
        f'photos/two.jpg,several,"{names[0].upper()}|{names[1]}"',
        f'photos/absent.jpg,single,"{names[2]}"',
        f'photos/broken.jpg,single,"{names[0]}"',
    ]
    (folder / "labels.csv").write_text("\n".join(["file,kind,names", *rows]), encoding="utf-8")
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
        r"^several: 1 photo .*\ncards found +2/2, 100.0 % \(", done.stdout, re.MULTILINE
    )
    assert re.search(r"^absent cards refused +1/1, ", done.stdout, re.MULTILINE)
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
        "cards_found": (1, 8),
        "known_names_first": (2, 4),
        "known_names_among_five": (3, 4),
        "present_artworks_first": (2, 4),
        "present_artworks_among_five": (3, 4),
        "present_artworks_found": (1, 4),
        "present_artworks_confident": (1, 4),
        "confident_answers_wrong": (0, 1),
        "likely_answers_wrong": (1, 1),
        "absent_cards_refused": (2, 3),
        "photos_with_nothing_found": (1, 2),
    }
    assert str(Share(8, 10)) == "8/10, 80.0 % (49.0 to 94.3)"
    assert str(Share(0, 0)) == "0/0, - (0.0 to 100.0)"


def test_thresholds_are_chosen_on_one_half_and_tried_on_the_other() -> None:
    def half(file: str, *points: int) -> PhotoResult:
        return _outcome({"A": True}, *(_answer("none", "AX"[p < 9], p) for p in points), file=file)

    # The hashes of these names put them into different halves.
    fitted = fit([half("a", 1, 2, 3, 4, 9, 10), half("e", 5, 7, 8, 10), half("e", 30)])
    assert fitted.refused == 1
    assert fitted.wrong == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 7: 1, 8: 1}
    assert [(level.points, level.margin) for level in fitted.levels[::2]] == [(5, 0), (9, 0)]
    assert [str(level.wrong)[:3] for level in fitted.levels[::2]] == ["3/4", "0/2"]
