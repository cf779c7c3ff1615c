"""The collection file: what it was told stays, and what it is told can be taken back."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import fill
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from PIL import Image
from seen import BOTH, DOUBT, ICE, LEA, LEB, a_face, seen_as

from mtg_image_db.collection.answer import Answer
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.seen import Sighting
from mtg_image_db.collection.store import CollectionFile
from mtg_image_db.collection.tables import COLLECTION
from mtg_image_db.errors import InvalidArguments, MissingInput, StorageError
from mtg_image_db.reading.answer import PrintingAnswer, PrintingCandidate, Reading
from mtg_image_db.scryfall.prices import Prices

READ = replace(
    DOUBT,
    photo="page.jpg",
    place=(0.25, 0.5),
    quad=((0.0, 0.0), (63.5, 0.0), (63.5, 88.0), (0.0, 88.0)),
    printing=PrintingAnswer(
        "group",
        (PrintingCandidate(LEB.printing, 0.75), PrintingCandidate(LEA.printing, 0.25)),
        Reading("foil", 0.9),
        Reading("de", 0.8),
        ("the number is blurred",),
        ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0)),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.sqlite"


def test_what_was_seen_comes_back_as_it_was(path: Path) -> None:
    with CollectionFile.open(path) as file:
        before = [file.take(one) for one in (DOUBT, READ, seen_as(ICE))]
        assert [entry.status for entry in before] == ["review", "review", "collection"]
        assert before[1].seen.sighting == replace(READ, matches=())
    with CollectionFile.open(path) as file:
        assert list(file.entries()) == before
        assert [entry.id for entry in file.entries(status="review")] == [1, 2]
        assert [card.printing for card in file.cards()] == [ICE.printing]


def test_a_repeated_token_takes_no_second_card(path: Path) -> None:
    one, other = "camera/1", "camera/2"
    with CollectionFile.open(path) as file:
        first = file.take(seen_as(LEA), token=one)
        assert file.take(seen_as(ICE), token=one) == first
        assert file.take(seen_as(LEA), token=other) != first
    with CollectionFile.open(path) as file:
        assert file.take(seen_as(LEA), token=one) == first
        file.remove(first.id)
        file.take(seen_as(LEA), token=one)
        assert [entry.id for entry in file.entries()] == [2]


def test_an_answer_decides_and_none_takes_it_back(path: Path) -> None:
    with CollectionFile.open(path) as file:
        card = file.take(DOUBT)
        said = Answer(LEB.printing, quantity=3, condition="played", lang="de")
        answered = file.answer(card.id, said)
        assert (answered.status, answered.seen.answer) == ("collection", said)
        [owned] = file.cards()
        assert (owned.printing, owned.quantity) == (LEB.printing, 3)
        assert (owned.condition, owned.lang) == ("played", "de")
        assert file.answer(card.id, Answer(skip=True)).status == "skipped"
        assert file.answer(card.id, None) == card


def test_a_pile_assumes_something_of_its_cards(path: Path) -> None:
    foil = a_face(3, set="lea", collector_number="0p", finishes=BOTH)
    with CollectionFile.open(path) as file:
        pile = file.add_pile("Foils", Assumptions("foil", "played"))
        card = file.take(seen_as(foil))
        moved = file.move(card.id, pile.id).seen.card
        assert moved is not None
        assert (moved.finish, moved.condition) == ("foil", "played")
        file.change_pile(pile.id, "Etched", Assumptions("etched"))
        [one] = file.entries(pile.id)
        assert one.seen.reason == "no printing of this artwork exists as etched"
        assert [(one.name, one.entries, one.review) for one in file.piles()] == [
            ("Collection", 0, 0),
            ("Etched", 1, 1),
        ]


def test_a_pile_adds_up_what_its_cards_cost(path: Path) -> None:
    priced = replace(LEB, prices=Prices(usd="1.25", date="2026-09-08"))
    with CollectionFile.open(path) as file:
        for face in (priced, ICE):
            file.take(seen_as(face))
        file.answer(1, Answer(quantity=4))
        [pile] = file.piles()
        assert (pile.cards, dict(pile.prices)) == (5, {"usd": "5.00", "eur": None, "tix": None})


def test_prices_of_today_replace_those_of_the_day_it_was_taken(path: Path) -> None:
    priced = replace(LEB, prices=Prices(usd="1.25", date="2026-09-08"))
    with CollectionFile.open(path) as file:
        file.take(seen_as(priced))
        file.use_prices({LEB.scryfall_id: Prices(usd="2.50", date="2026-10-01")})
        assert file.piles()[0].prices["usd"] == "2.50"
        [(candidate, _)] = file.entry(1).seen.candidates
        assert candidate.prices.date == "2026-10-01"


def test_what_makes_no_sense_is_refused(path: Path) -> None:
    with CollectionFile.open(path) as file:
        file.take(seen_as(LEA))
        file.add_pile("Box")
        for name in ("", "Box", " Box ", "x" * 101, "two\nlines", "\udcff"):
            with pytest.raises(InvalidArguments):
                file.add_pile(name)
            with pytest.raises(InvalidArguments):
                file.change_pile(COLLECTION, name)
        with pytest.raises(InvalidArguments, match="the pile Collection stays"):
            file.remove_pile(COLLECTION, with_cards=True)
        file.move(1, 2)
        with pytest.raises(InvalidArguments, match="the pile Box has cards"):
            file.remove_pile(2)
        for ask in (file.entry, file.picture, file.strip, file.remove):
            with pytest.raises(MissingInput, match="There is no card 7"):
                ask(7)
        with pytest.raises(MissingInput, match="There is no pile 7"):
            file.move(1, 7)
        with pytest.raises(MissingInput, match="There is no pile 7"):
            file.take(DOUBT, 7)
        with pytest.raises(InvalidArguments):
            file.entry("1")  # type: ignore[arg-type]
        with pytest.raises(InvalidArguments):
            Answer(quantity=0, finish="shiny", lang="xx")  # type: ignore[arg-type]
        assert [entry.pile for entry in file.entries()] == [2]


def test_pictures_are_small_jpegs(path: Path) -> None:
    with CollectionFile.open(path) as file:
        large, strip = Image.new("RGB", (480, 672)), Image.new("RGB", (320, 128))
        card = file.take(replace(DOUBT, crop=large, strip=strip))
        assert (card.has_picture, card.has_strip) == (True, True)
        for data in (file.picture(card.id), file.strip(card.id)):
            assert data.startswith(b"\xff\xd8\xff")
        bare = file.take(DOUBT)
        assert (file.picture(bare.id), bare.has_strip) == (b"", False)


def test_cards_are_found_by_the_beginning_of_their_token_and_their_time(path: Path) -> None:
    with CollectionFile.open(path) as file:
        before = datetime.now(timezone.utc) - timedelta(seconds=1)
        for token in ("one/1", "other/1", "one/2", "one%/3"):
            file.take(DOUBT, token=token)
        assert [entry.id for entry in file.taken_with("one/", before)] == [1, 3]
        assert file.taken_with("one/", before + timedelta(hours=1)) == ()


class Undoing(RuleBasedStateMachine):
    """Any steps, in any order; each undo leads back to what was there before the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp(), "mine.sqlite")
        self.file = CollectionFile.open(self.path)
        for name in ("Foils", "Box"):
            self.file.add_pile(name, Assumptions("foil" if name == "Foils" else ""))
        self.before: list[object] = []

    def state(self) -> object:
        return self.file.entries(), self.file.piles(), self.file.cards()

    def some(self, number: int) -> int:
        """The id of one of the cards."""
        entries = self.file.entries()
        return entries[number % len(entries)].id

    def some_pile(self, number: int) -> int:
        piles = self.file.piles()
        return piles[number % len(piles)].id

    @rule(face=st.sampled_from((LEA, LEB, ICE)), pile=st.integers(0, 9))
    def take(self, face: object, pile: int) -> None:
        self.before.append(self.state())
        self.file.take(seen_as(face, LEA, LEB), self.some_pile(pile))  # type: ignore[arg-type]

    @precondition(lambda self: self.file.entries())
    @rule(number=st.integers(0, 99), quantity=st.integers(0, 3), skip=st.booleans())
    def answer(self, number: int, quantity: int, skip: bool) -> None:
        self.before.append(self.state())
        said = Answer(LEB.printing, skip, quantity) if quantity else None
        self.file.answer(self.some(number), said)

    @precondition(lambda self: self.file.entries())
    @rule(number=st.integers(0, 99), pile=st.integers(0, 9))
    def move(self, number: int, pile: int) -> None:
        self.before.append(self.state())
        self.file.move(self.some(number), self.some_pile(pile))

    @precondition(lambda self: self.file.entries())
    @rule(number=st.integers(0, 99))
    def remove(self, number: int) -> None:
        self.before.append(self.state())
        self.file.remove(self.some(number))

    @precondition(lambda self: any(pile.id > 1 and pile.entries for pile in self.file.piles()))
    @rule()
    def remove_a_pile_with_its_cards(self) -> None:
        self.before.append(self.state())
        full = [pile.id for pile in self.file.piles() if pile.id > 1 and pile.entries]
        self.file.remove_pile(full[0], with_cards=True)

    @rule()
    def undo(self) -> None:
        undone = self.file.undo()
        if self.before:
            assert undone is not None
            assert self.state() == self.before.pop()
        else:
            assert undone is None

    @rule()
    def open_again(self) -> None:
        before = self.state()
        self.file.close()
        self.file = CollectionFile.open(self.path)
        assert self.state() == before

    def teardown(self) -> None:
        self.file.close()
        with CollectionFile.open(self.path) as file:
            for before in reversed(self.before):
                file.undo()
                assert (file.entries(), file.piles(), file.cards()) == before
            assert file.undo() is None
        shutil.rmtree(self.path.parent)


Undoing.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
test_undo_restores_what_was_before = Undoing.TestCase


def test_undo_says_what_it_took_back(path: Path) -> None:
    with CollectionFile.open(path) as file:
        card = file.take(DOUBT)
        answered = file.answer(card.id, Answer(LEB.printing))
        file.remove(card.id)
        for what, now in (("remove", answered), ("answer", card), ("take", card)):
            undone = file.undo()
            assert undone is not None
            assert (undone.what, undone.entries) == (what, (now,))
        assert file.entries() == ()


TAKES = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from seen import DOUBT
from mtg_image_db.collection.store import CollectionFile
begin = int(sys.argv[3])
with CollectionFile.open(sys.argv[2]) as file:
    for number in range(begin, begin + 100_000):
        entry = file.take(DOUBT, token=f"{number}")
        print(number, entry.id, flush=True)
"""


def test_a_card_that_was_told_as_taken_survives_a_kill_once(path: Path) -> None:
    told: dict[int, int] = {}
    for _ in range(4):
        # The last one may have been taken and not told: it is asked for again.
        begin = max(told, default=-1) + 1
        command = [sys.executable, "-c", TAKES, str(Path(__file__).parent), str(path), str(begin)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(random.randrange(1, 25)):
                number, entry = map(int, process.stdout.readline().split())
                told[number] = entry
            process.send_signal(signal.SIGKILL)
            for line in process.stdout:
                if line.endswith("\n"):
                    number, entry = map(int, line.split())
                    told[number] = entry
        with CollectionFile.open(path) as file:
            kept = [one.id for one in file.entries()]
        assert len(set(told.values())) == len(told)
        assert set(told.values()) <= set(kept)
        # One card more was taken at most: the killed one, which is told next.
        assert len(kept) - len(told) in (0, 1)


def test_threads_share_it(path: Path) -> None:
    with CollectionFile.open(path) as file:
        start = threading.Barrier(8)

        def work() -> None:
            start.wait()
            for number in range(12):
                entry = file.take(DOUBT, token=str(number))
                file.answer(entry.id, Answer(LEB.printing))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [entry.status for entry in file.entries()] == ["collection"] * 12
        assert file.cards()[0].quantity == 12


HOLDS = """
import sys
from mtg_image_db.collection.store import CollectionFile
with CollectionFile.open(sys.argv[1], "serve at http://127.0.0.1:8000"):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_it(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    (tmp_path / "link").symlink_to(path)
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        for name in (path, tmp_path / "link"):
            with pytest.raises(StorageError, match=r"mine\.sqlite is in use") as caught:
                CollectionFile.open(name)
            assert "mtg-db serve at http://127.0.0.1:8000" in caught.value.details
            assert str(process.pid) in caught.value.details
        process.stdin.close()
    CollectionFile.open(path).close()


def change(path: Path, statement: str) -> None:
    """Change a file as another program would."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    CollectionFile.open(path).close()
    change(path, "PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="made by a newer version"):
        CollectionFile.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["text", "other program", "folder"])
def test_what_is_no_collection_is_refused_and_left_alone(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("id,answer\n")
    elif kind == "folder":
        path.mkdir()
    else:
        change(path, "CREATE TABLE pile (id)")
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StorageError, match=r"mine\.sqlite is not a collection of mtg-db"):
        CollectionFile.open(path)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_an_empty_file_becomes_a_collection(path: Path) -> None:
    path.touch()
    with CollectionFile.open(path) as file:
        file.take(DOUBT)


def test_a_file_that_was_closed_says_so(path: Path) -> None:
    file = CollectionFile.open(path)
    file.close()
    file.close()
    with pytest.raises(StorageError, match="was closed"):
        file.entries()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of twenty cards."""
    path = tmp_path_factory.mktemp("whole") / "mine.sqlite"
    with CollectionFile.open(path) as file:
        for number in range(20):
            file.take(replace(READ, crop=Image.new("RGB", (240, 336))), token=str(number))
        file.answer(3, Answer(LEB.printing))
    return path


@settings(max_examples=60)
@given(at=st.floats(0, 1), size=st.integers(0, 600))
@example(at=0.015625, size=2)  # in the text of the schema
def test_damage_is_told_as_damage_or_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, whole: Path, at: float, size: int
) -> None:
    """Some bytes are others, or, if there are none, the file ends there."""
    data = whole.read_bytes()
    cut = int(at * len(data))
    after = data[cut + size :] if size else b""
    path = tmp_path_factory.mktemp("damaged") / "mine.sqlite"
    path.write_bytes(data[:cut] + random.Random(cut).randbytes(size) + after)
    with contextlib.suppress(StorageError), CollectionFile.open(path) as file:
        file.entries()
        file.take(DOUBT)
        file.undo()
        file.piles()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET sighting = x'00'",
        "UPDATE entry SET answer = '[]'",
        'UPDATE entry SET answer = \'{"printing": null, "quantity": 0}\'',
        "UPDATE entry SET taken = 'yesterday'",
        'UPDATE pile SET assumed = \'{"finish": "shiny"}\'',
    ],
)
def test_a_row_that_makes_no_sense_is_told_as_damage(
    path: Path, whole: Path, statement: str
) -> None:
    path.write_bytes(whole.read_bytes())
    change(path, statement)
    with CollectionFile.open(path) as file:
        with pytest.raises(StorageError, match="The collection file is damaged") as caught:
            file.entries()
        assert "put a copy of it in its place" in caught.value.suggestion


def test_a_full_disk_is_told_and_takes_nothing_half(small_disk: Path) -> None:
    pictured = replace(DOUBT, crop=Image.effect_noise((240, 336), 90).convert("RGB"))
    with CollectionFile.open(small_disk / "mine.sqlite") as file:
        file.take(DOUBT)
        fill(small_disk, leave=200_000)
        taken = 1
        with pytest.raises(StorageError, match="the disk is full"):
            while True:
                file.take(pictured)
                taken += 1
        assert [entry.id for entry in file.entries()] == list(range(1, taken + 1))
        with pytest.raises(StorageError):
            while True:
                file.answer(1, Answer(LEB.printing))
        before = file.entries()
        fill(small_disk, leave=1_000_000)
        # Its number is that of the card that was refused.
        assert file.take(replace(pictured, photo="other.jpg")).photo == "other.jpg"
    with CollectionFile.open(small_disk / "mine.sqlite") as file:
        assert file.entries()[:-1] == before


def test_a_name_that_is_no_text_is_kept_in_words(path: Path) -> None:
    with CollectionFile.open(path) as file:
        name = "caf\udce9.jpg"
        entry = file.take(Sighting(name, 1, "none", ()), token=name)
        assert entry.photo == r"caf\udce9.jpg"
        assert entry.to_json()["photo"] == r"caf\udce9.jpg"
