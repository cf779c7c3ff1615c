"""What a second scan knows of the first: what the photos held, and what people said of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import (
    PixelEncoder,
    build,
    fill_cache,
    make_card,
    make_images,
    make_picture,
)
from seen import ICE, LEA, LEB, a_face, seen_as

from mtg_image_db import Database
from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.corrections import read_corrections
from mtg_image_db.collection.entries import TakenPhoto
from mtg_image_db.collection.memory import Memory
from mtg_image_db.collection.review import refuse_to_lose_answers, write_review
from mtg_image_db.collection.scan import Scan, collect, scan_photos
from mtg_image_db.collection.seen import Sighting
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.errors import DatabaseError, InvalidArguments
from mtg_image_db.scryfall.faces import CardFace
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.files import sha256_file


class Desk:
    """A database, photos of its cards 3, 5 and 7, and a review folder."""

    def __init__(self, folder: Path) -> None:
        self.out, self.review = folder / "out", folder / "review"
        self.cache = folder / "cache"
        self.photos = [folder / f"{number}.png" for number in (3, 5, 7)]
        for number, photo in zip((3, 5, 7), self.photos, strict=True):
            make_picture(number).save(photo)
        self.build(12)

    def build(self, count: int) -> None:
        """Publish a database of so many cards."""
        with ScryfallDouble([make_card(n) for n in range(count)], make_images(count)) as double:
            fill_cache(double, self.cache)
        build(self.cache, self.out, PixelEncoder())

    @property
    def answers(self) -> Path:
        """The review to fill in."""
        return self.review / "review.csv"

    @property
    def file(self) -> CollectionFile:
        """The collection file, opened as the browser's server does."""
        return CollectionFile.open(self.review / "collection.sqlite")

    def scan(
        self,
        photos: Sequence[Path] = (),
        *,
        encoder: PixelEncoder | None = None,
        answers: Path | None = None,
        assumed: Assumptions | None = None,
    ) -> Scan:
        """Scan as the command does; without an encoder, nothing can be recognised."""
        database = Database.open(self.out)
        if encoder is not None:
            database.use_encoder(encoder)
        names = [str(photo) for photo in photos or self.photos]
        assumed = assumed or Assumptions()
        said = read_corrections(answers, database, names, assumed) if answers else None
        with self.file as file:
            refuse_to_lose_answers(self.review, answers, file)
            scan = scan_photos(database, names, assumed, said, file=file)
            write_review(scan, self.review, file=file)
        return scan

    def fill_in(self, **cells: str) -> None:
        """Fill in the review as a spreadsheet does: by the numbers of photos, `_3="skip"`."""
        with self.answers.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.DictReader(stream))
        for line in lines:
            number = Path(line["photo"]).stem
            line["answer"] = cells.get(f"_{number}", line["answer"])
        with self.answers.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, lines[0])
            writer.writeheader()
            writer.writerows(lines)

    def owned(self, scan: Scan) -> dict[str, str]:
        """What the cards of each photo became."""
        return {
            Path(one.sighting.photo).stem: one.card.printing.label if one.card else one.status
            for one in scan.seen
        }


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_second_round_recognises_nothing_again(desk: Desk) -> None:
    encoder = PixelEncoder()
    first = desk.scan(encoder=encoder)
    assert encoder.encoded > 0
    desk.fill_in(_3="tst 4", _5="skip", _7="TST 7")
    # The encoder that the database names is another one: nothing asks for it.
    second = desk.scan(answers=desk.answers)
    assert desk.owned(second) == {"3": "TST 4", "5": "skipped", "7": "TST 7"}
    assert [one.sighting for one in second.seen] == [one.sighting for one in first.seen]
    new = desk.out.parent / "4.png"
    make_picture(4).save(new)
    with pytest.raises(DatabaseError, match="The encoder is not the one"):
        desk.scan([*desk.photos, new])


def test_only_new_photos_are_recognised(desk: Desk) -> None:
    one, rest, every = PixelEncoder(), PixelEncoder(), PixelEncoder()
    desk.scan(desk.photos[:1], encoder=one)
    assert set(desk.owned(desk.scan(encoder=rest))) == {"3", "5", "7"}
    (desk.review / "collection.sqlite").unlink()
    desk.scan(encoder=every)
    assert 0 < rest.encoded == every.encoded - one.encoded


def test_another_database_names_the_cards_anew_and_keeps_what_was_said(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    desk.fill_in(_3="tst 4")
    desk.scan(answers=desk.answers)
    desk.build(14)
    encoder = PixelEncoder()
    scan = desk.scan(encoder=encoder)
    assert encoder.encoded > 0
    assert desk.owned(scan)["3"] == "TST 4"
    assert len(scan.seen) == 3


def test_an_answer_of_the_browser_counts_in_the_next_scan_and_stands_in_its_review(
    desk: Desk,
) -> None:
    desk.scan(encoder=PixelEncoder())
    with desk.file as file:
        file.answer(1, Answer(a_face(4, set="tst").printing, quantity=2))
        file.answer(2, Answer(skip=True))
    scan = desk.scan()
    assert desk.owned(scan)["3"] == "TST 4"
    with desk.answers.open(encoding="utf-8-sig", newline="") as stream:
        said = {line["id"]: (line["answer"], line["quantity"]) for line in csv.DictReader(stream)}
    assert sorted(said.values()) == [("", ""), ("TST 4", "2"), ("skip", "")]
    # Nobody has filled in that review: there is nothing to lose.
    assert desk.owned(desk.scan()) == desk.owned(scan)


def test_an_old_line_does_not_overrule_what_was_said_since(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    desk.fill_in(_3="tst 4", _5="tst 5")
    desk.scan(answers=desk.answers)
    with desk.file as file:
        file.answer(1, Answer(skip=True))
    desk.fill_in(_5="tst 6")
    scan = desk.scan(answers=desk.answers)
    assert [desk.owned(scan)[name] for name in ("3", "5")] == ["skipped", "TST 6"]


def test_an_emptied_line_takes_its_answer_back(desk: Desk) -> None:
    before = desk.owned(desk.scan(encoder=PixelEncoder()))
    desk.fill_in(_3="tst 4")
    desk.scan(answers=desk.answers)
    desk.fill_in(_3="")
    assert desk.owned(desk.scan(answers=desk.answers)) == before


def test_a_filled_in_review_is_not_overwritten(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    desk.fill_in(_3="tst 4")
    with pytest.raises(InvalidArguments, match="was filled in, and would be lost"):
        desk.scan()
    desk.scan(answers=desk.answers)
    # Now the collection file has the answers.
    assert desk.owned(desk.scan())["3"] == "TST 4"
    (desk.review / "collection.sqlite").unlink()
    with pytest.raises(InvalidArguments, match="was filled in, and would be lost"):
        desk.scan()


def test_a_card_that_was_removed_stays_away(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    with desk.file as file:
        file.remove(1)
    assert set(desk.owned(desk.scan())) == {"5", "7"}
    desk.fill_in(_5="skip")
    assert set(desk.owned(desk.scan(answers=desk.answers))) == {"5", "7"}


def test_a_photo_that_was_taken_in_the_browser_and_undone_is_a_new_one(desk: Desk) -> None:
    digest = sha256_file(desk.photos[0])
    with desk.file as file:
        seen = replace(seen_as(LEA), place=(0.5, 0.5))
        taken = file.take_photo(TakenPhoto("p.jpg", digest, 100, 100), [seen])
        assert file.photo_with(digest) == "p.jpg"
        undone = file.undo()
        assert undone is not None
        assert undone.entries == taken
        assert file.photo_with(digest) is None
    assert set(desk.owned(desk.scan(encoder=PixelEncoder()))) == {"3", "5", "7"}


def test_a_photo_is_known_by_its_bytes(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    desk.fill_in(_3="tst 4")
    renamed = desk.photos[0].rename(desk.out.parent / "new name.png")
    with pytest.raises(InvalidArguments, match="is not a card of the given photos"):
        desk.scan([renamed], answers=desk.answers)
    desk.answers.unlink()
    scan = desk.scan([renamed])
    assert [one.sighting.photo for one in scan.seen] == [str(renamed)]
    copy = desk.out.parent / "copy.png"
    copy.write_bytes(renamed.read_bytes())
    scan = desk.scan([renamed, copy])
    assert (len(scan.seen), scan.repeated) == (1, (str(copy),))


def test_photos_that_are_not_named_stay_in_the_file(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    desk.fill_in(_3="tst 4")
    desk.scan(answers=desk.answers)
    assert set(desk.owned(desk.scan([desk.photos[1]]))) == {"5"}
    # The review of these two has no line about the first one, and takes nothing back.
    desk.fill_in(_5="tst 5")
    owned = desk.owned(desk.scan(answers=desk.answers))
    assert (owned["3"], owned["5"]) == ("TST 4", "TST 5")


def test_what_is_assumed_is_said_anew_each_time(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    desk.fill_in(_3="tst 4")
    scan = desk.scan(answers=desk.answers, assumed=Assumptions(condition="played"))
    assert [card.condition for card in scan.cards if card.printing.label == "TST 4"] == ["played"]
    with desk.file as file:
        assert file.piles()[0].assumed.condition == "played"


def test_a_line_can_add_a_card_and_take_it_away_again(desk: Desk) -> None:
    desk.scan(encoder=PixelEncoder())
    original = desk.answers.read_text(encoding="utf-8-sig")
    missed = dict.fromkeys(original.splitlines()[0].split(","), "")
    missed |= {"photo": str(desk.photos[0]), "answer": "TST 9"}
    with desk.answers.open("a", encoding="utf-8", newline="") as stream:
        csv.DictWriter(stream, missed).writerow(missed)
    for _ in range(2):
        scan = desk.scan(answers=desk.answers)
        added = [one for one in scan.seen if one.sighting.added]
        assert [one.card.printing.label for one in added if one.card] == ["TST 9"]
        assert len(scan.seen) == 4
    kept = desk.answers.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    desk.answers.write_text("".join(line for line in kept if "#+1" not in line), encoding="utf-8")
    assert len(desk.scan(answers=desk.answers).seen) == 3


def page(*faces: CardFace, shift: complex = 0, turn: complex = 1) -> list[Sighting]:
    """A photo of a page with cards in rows of three, perhaps held another way."""
    found = []
    for index, face in enumerate(faces):
        middle = complex(0.2 + 0.3 * (index % 3), 0.2 + 0.3 * (index // 3)) - (0.5 + 0.5j)
        at = middle * turn + (0.5 + 0.5j) + shift
        one = seen_as(face, index=index + 1)
        found.append(replace(one, photo="page.jpg", place=(at.real, at.imag)))
    return found


CARDS = tuple(a_face(number, set="abc") for number in range(20, 29))
OTHERWISE = tuple(CARDS[index] for index in (2, 5, 0, 7, 1, 8, 3, 6, 4))
A = TakenPhoto("a.jpg", "a" * 64, 1000, 1000)
B = TakenPhoto("b.jpg", "b" * 64, 500, 500)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(page(*CARDS), id="the same"),
        pytest.param(page(*CARDS, shift=0.05 - 0.03j), id="moved"),
        pytest.param(page(*CARDS, turn=1j), id="turned"),
        pytest.param(page(*CARDS, turn=0.8 + 0.1j), id="askew, from further away"),
        pytest.param(page(*CARDS)[3:], id="one row less"),
        pytest.param([*page(*CARDS[:7]), *page(*CARDS[:7], LEA)[7:]], id="one card unlike"),
    ],
)
def test_the_same_page_photographed_twice_is_asked_about(
    tmp_path: Path, second: list[Sighting]
) -> None:
    with CollectionFile.open(tmp_path / "mine.sqlite") as file:
        file.take_photo(A, page(*CARDS))
        assert file.photo_like(B, second) == "a.jpg"
        taken = file.take_photo(B, second)
        asked = [one for one in taken if one.status == "review"]
        same = [one for one in second if one.matches[0].face in CARDS]
        assert len(asked) == len(same) >= 6
        assert asked[0].seen.reason == (
            "a.jpg seems to show the same card: answer skip, or name its printing to count both"
        )
        assert file.answer(asked[0].id, Answer(skip=True)).status == "skipped"
        counted = Answer(asked[1].seen.candidates[0][0])
        assert file.answer(asked[1].id, counted).status == "collection"
        # Who says that both count is not asked again.
        again = file.take_photo(replace(B, sha256="c" * 64), second, anyway=True)
        assert {one.status for one in again} == {"collection"}


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(page(*OTHERWISE), id="the same cards in another order"),
        pytest.param(page(CARDS[0], CARDS[1], LEA, LEB, ICE), id="two cards alike"),
        pytest.param(page(*[CARDS[0]] * 9), id="one card nine times"),
        pytest.param([replace(one, verdict="none") for one in page(*CARDS)], id="no names"),
        pytest.param([replace(one, place=None) for one in page(*CARDS)], id="no places"),
    ],
)
def test_another_page_with_the_same_cards_is_another_page(
    tmp_path: Path, second: list[Sighting]
) -> None:
    with CollectionFile.open(tmp_path / "mine.sqlite") as file:
        file.take_photo(A, page(*CARDS))
        assert file.photo_like(B, second) is None


def test_a_page_whose_cards_were_removed_may_be_photographed_again(tmp_path: Path) -> None:
    with CollectionFile.open(tmp_path / "mine.sqlite") as file:
        for entry in file.take_photo(A, page(*CARDS)):
            file.remove(entry.id)
        assert file.photo_with(A.sha256) is None
        assert file.photo_like(B, page(*CARDS)) is None


def test_scan_asks_about_a_page_that_two_of_its_photos_show() -> None:
    both = [replace(one, photo=name) for name in ("a.jpg", "b.jpg") for one in page(*CARDS)]
    scan = collect(both)
    assert [one.sighting.id for one in scan.to_review] == [f"b.jpg#{n}" for n in range(1, 10)]
    assert {one.reason.partition(" seems")[0] for one in scan.to_review} == {"a.jpg"}
    assert sum(card.quantity for card in scan.cards) == 9


def test_of_two_photos_of_a_page_only_the_second_is_asked_about_whoever_names_them(
    tmp_path: Path,
) -> None:
    with CollectionFile.open(tmp_path / "mine.sqlite") as file:
        for namer in ("a database", "a newer one"):
            memory = Memory(file, namer, Assumptions())
            photos = {memory.keep(photo, page(*CARDS)): photo.name for photo in (A, B)}
            asked = {
                (name, card.seen.status)
                for photo, name in photos.items()
                for card in memory.cards(photo, name, photos)
            }
            assert asked == {("a.jpg", "collection"), ("b.jpg", "review")}
            # Where the first photo is not looked at, the second one counts.
            [second] = [photo for photo, name in photos.items() if name == "b.jpg"]
            alone = memory.cards(second, "b.jpg", {second})
            assert {card.seen.status for card in alone} == {"collection"}
