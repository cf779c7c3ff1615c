"""The library as a program or a notebook uses it, without the command line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from conftest import PixelEncoder, build, make_picture
from numpy.typing import NDArray
from PIL import Image

import mtg_image_db
from mtg_image_db import (
    BuildOptions,
    Database,
    DatabaseError,
    DownloadOptions,
    EncoderError,
    FaceFilter,
    ImageError,
    InvalidArguments,
    MtgDbError,
    NothingUsable,
    Recognition,
    build_database,
    download_images,
)
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.corrections import read_corrections
from mtg_image_db.collection.review import write_review
from mtg_image_db.collection.scan import Scan, scan_photos
from mtg_image_db.download.verify import verify_cache
from mtg_image_db.encoders import EncoderChoice, Fingerprint, load_encoder
from mtg_image_db.evaluation.labels import LabelledPhoto
from mtg_image_db.evaluation.scores import evaluate
from mtg_image_db.pages.sheet import sheet_entries, write_sheet


@pytest.fixture
def database(home: Path) -> Database:
    return Database.open(home / "index_out")


def names(database: Database, image: Any) -> list[str]:
    return [card.matches[0].face.name for card in database.query(image, k=1)]


class Elsewhere:
    """A path, but no `Path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


WAYS: dict[str, Callable[[Path], Any]] = {
    "text": str,
    "path": Path,
    "path-like": Elsewhere,
    "bytes": lambda path: path.read_bytes(),
    "open file": lambda path: io.BytesIO(path.read_bytes()),
    "Pillow": Image.open,
    "grey": lambda path: Image.open(path).convert("LA"),
    "array": lambda path: np.asarray(Image.open(path)),
    "array that is no block": lambda path: np.asarray(Image.open(path))[:, ::-1][:, ::-1],
    "array with alpha": lambda path: np.asarray(Image.open(path).convert("RGBA")),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_may_be_given_in_any_way(home: Path, database: Database, way: str) -> None:
    image = WAYS[way](home / "card7.jpg")
    assert names(database, image) == ["Card 7"]


NO_PICTURES: dict[str, Any] = {
    "no pixels": Image.new("RGB", (0, 5)),
    "floats": np.zeros((5, 5, 3)),
    "a flat array": np.zeros(5, np.uint8),
    "five channels": np.zeros((5, 5, 5), np.uint8),
    "an empty array": np.zeros((0, 5, 3), np.uint8),
    "nothing": None,
    "a number": 7,
    "text of a file": io.StringIO("card"),
    "no file": "there-is-none.jpg",
    "a zero byte": "a\0b.jpg",
    "no bytes": b"",
}


@pytest.mark.parametrize("what", NO_PICTURES)
def test_what_is_no_picture_is_an_error_of_ours(database: Database, what: str) -> None:
    with pytest.raises(ImageError):
        database.query(NO_PICTURES[what])


MISTAKES: dict[str, Callable[[Database], object]] = {
    "k": lambda database: database.query("x.jpg", k=0),
    "k of texts": lambda database: database.search_text("a dragon", k=-1),
    "k that is true": lambda database: database.query("x.jpg", k=True),
    "find": lambda database: database.query("x.jpg", find="no"),  # type: ignore[arg-type]
    "text": lambda database: database.search_text(None),  # type: ignore[arg-type]
    "no encoder": lambda database: database.use_encoder("ViT-B-32"),  # type: ignore[arg-type]
    "row": lambda database: database.face(-1),
    "row beyond": lambda database: database.face(12),
    "candidates": lambda database: Database.open(database.folder.parent, ef_search=0),
    "dimension": lambda database: database.search(np.ones((1, 3), np.float32)),
    "one vector": lambda database: database.search(database.embeddings[0]),
    "length": lambda database: database.search(2 * database.embeddings[:1]),
    "not a number": lambda database: database.search(np.nan * database.embeddings[:1]),
    "words": lambda database: database.search(np.array([["a"]])),
    "least score": lambda database: database.query("x.jpg", min_score="a"),  # type: ignore[arg-type]
    "filter": lambda database: database.where("fin"),  # type: ignore[arg-type]
    "filter to look up": lambda database: database.unknown("fin"),  # type: ignore[arg-type]
    "array for a device": lambda _: Database.open("x", device=np.zeros(2)),  # type: ignore[arg-type]
    "progress of a download": lambda _: download_images(DownloadOptions(), "x"),  # type: ignore[arg-type]
    "progress of a build": lambda _: build_database(BuildOptions(), "x"),  # type: ignore[arg-type]
    "encoder given to a build": lambda _: build_database(BuildOptions(), encoder="x"),  # type: ignore[arg-type]
    "sheet without entries": lambda _: write_sheet([], "none", "sheet.png"),
    "place of a sheet": lambda _: write_sheet([], "none", None),  # type: ignore[arg-type]
    "place of a review": lambda _: write_review(Scan((), ()), None),  # type: ignore[arg-type]
    "one for many": lambda database: database.query_many("card.jpg"),
    "an open file for many": lambda database: database.query_many(io.BytesIO(b"")),
    "pixels for many": lambda database: database.query_many(np.zeros((5, 5, 3), np.uint8)),
    "nothing for many": lambda database: database.query_many(None),  # type: ignore[arg-type]
    "k of many": lambda database: database.query_many([], k=0),
    "a photo to scan": lambda database: scan_photos(database, "card.jpg"),
    "photos to scan": lambda database: scan_photos(database, [7]),  # type: ignore[list-item]
    "place": lambda _: Database.open(None),  # type: ignore[arg-type]
    "device": lambda _: Database.open("x", device="gpu"),
    "weights": lambda _: EncoderChoice(pretrained=None),  # type: ignore[arg-type]
    "filter of a build": lambda _: BuildOptions(wanted={"fin"}),  # type: ignore[arg-type]
    "encoder of a build": lambda _: BuildOptions(encoder="ViT-B-32"),  # type: ignore[arg-type]
    "filter of a download": lambda _: DownloadOptions(wanted="fin"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_wrong_argument_is_told(database: Database, what: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        MISTAKES[what](database)
    assert len(str(caught.value)) > 15
    assert isinstance(caught.value, MtgDbError)


def test_numbers_of_numpy_are_numbers(database: Database) -> None:
    k, score = np.int64(2), np.float32(0.1)
    [card] = database.query(make_picture(7), k, min_score=score)
    assert card.matches[0].face.name == "Card 7"


def test_every_row_is_found_by_its_own_vector(database: Database) -> None:
    for row, matches in enumerate(database.search(database.embeddings, k=1)):
        assert matches[0].face == database.face(row)
    assert len(database.search(np.asarray(database.embeddings, np.float64), k=1)) == 12


def test_many_pictures_are_answered_in_their_order(home: Path, database: Database) -> None:
    pictures: list[Any] = [
        home / "card8.jpg",
        home / "broken.jpg",
        make_picture(3),
        home / "card7.jpg",
    ]
    answers = list(database.query_many(pictures, k=1))
    assert isinstance(answers[1], ImageError)
    assert answers[1].message == "not an image"
    found = [one for one in answers if isinstance(one, Recognition)]
    assert [one.cards[0].matches[0].face.name for one in found] == ["Card 8", "Card 3", "Card 7"]


@pytest.mark.parametrize("quad", [0, "card", [(0, 0)], [(0, 0), (1, 0), (1, np.nan), (0, 1)]])
def test_what_is_no_card_cannot_be_cut_out(home: Path, database: Database, quad: Any) -> None:
    found = database.recognise(home / "card7.jpg")
    with pytest.raises(InvalidArguments, match="card must be a CardAnswer"):
        found.crop(quad)
    with pytest.raises(InvalidArguments, match="quad must be"):
        found.photo.cut(quad)
    for size in ((0, 336), (240, True), (240, 10**6)):
        with pytest.raises(InvalidArguments):
            found.photo.cut(found.cards[0].quad, *size)


def test_photos_become_a_scan(home: Path, database: Database) -> None:
    scan = scan_photos(database, [home / "card7.jpg", str(home / "broken.jpg")])
    assert [seen.sighting.photo for seen in scan.seen] == [str(home / "card7.jpg")]
    assert scan.unreadable == (str(home / "broken.jpg"),)
    with pytest.raises(NothingUsable, match="No photo could be read") as caught:
        scan_photos(database, [home / "broken.jpg"])
    assert "broken.jpg: not an image" in caught.value.details


def test_sheets_and_reviews_take_texts_as_paths(
    home: Path, database: Database, tmp_path: Path
) -> None:
    found = database.recognise(home / "card7.jpg")
    entries = sheet_entries(home / "card7.jpg", found, str(home / "image_cache"))
    assert entries[0].match.startswith(b"\xff\xd8")
    for name in ("sheet.html", "sheet.png"):
        write_sheet(entries, "one card", str(tmp_path / name))
    scan = scan_photos(database, [home / "card7.jpg"])
    write_review(scan, str(tmp_path / "review"), str(home / "image_cache"))
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert there == {"sheet.html", "sheet.png", "review/review.html", "review/review.csv"}
    answers = str(tmp_path / "review" / "review.csv")
    assert read_corrections(answers, database, ["card7.jpg"], Assumptions()) == {}
    assert verify_cache(str(home / "image_cache")).invalid == []


def test_photos_are_evaluated_without_a_listener(home: Path, database: Database) -> None:
    photo = LabelledPhoto("card7.jpg", home / "card7.jpg", "", "", ())
    [outcome] = evaluate(database, [photo])
    assert outcome.answers[0].face is not None


def test_an_answer_as_json_is_that_of_the_command_line(home: Path, database: Database) -> None:
    [card] = database.query(home / "card7.jpg", k=2)
    told = card.to_json()
    assert set(told) == {"verdict", "detected", "quad", "points", "title", "printing", "matches"}
    assert told["matches"][0]["name"] == "Card 7"
    assert told["matches"][0]["printings"][0]["scryfall_id"] == card.matches[0].face.scryfall_id


def test_a_view_counts_what_it_knows(cache: Path, tmp_path: Path) -> None:
    build(cache, tmp_path / "out")
    database = Database.open(tmp_path / "out")
    database.use_encoder(PixelEncoder())
    assert len(database) == 300
    assert "300 faces" in repr(database)
    view = database.where(FaceFilter(langs=frozenset({"en"})))
    assert len(view) == len(list(view.faces())) == 300
    with pytest.raises(InvalidArguments, match="no card here has the rarity mythic"):
        database.where(FaceFilter(rarities=frozenset({"common", "mythic"})))
    with pytest.raises(InvalidArguments, match="no card here has the set TS: do you mean tst"):
        database.where(FaceFilter(sets=["TS"]))


def test_a_closed_database_says_so(home: Path) -> None:
    with Database.open(home / "index_out") as database:
        assert names(database, home / "card7.jpg") == ["Card 7"]
    for ask in (lambda: database.query(home / "card7.jpg"), lambda: len(database)):
        with pytest.raises(DatabaseError, match="was closed"):
            ask()
    assert repr(database) == "<Database, closed>"


def test_threads_that_share_a_database_load_one_encoder(home: Path) -> None:
    database = Database.open(home / "index_out")
    together = Barrier(8)

    def ask(number: int) -> tuple[int, str]:
        together.wait(30)
        encoder = database.encoder
        return id(encoder), names(database, make_picture(number))[0]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert len({identity for identity, _ in answers}) == 1
    assert [name for _, name in answers] == [f"Card {n}" for n in range(8)]
    view = database.where(FaceFilter(sets=frozenset({"tst"})))
    assert view.encoder is database.encoder, "a view loads none of its own"


class Other:
    """An encoder with another fingerprint."""

    def __init__(self) -> None:
        how = load_encoder(EncoderChoice()).fingerprint.preprocessing
        self.fingerprint = Fingerprint("other", "0", 192, how)
        self.precisions: tuple[str, ...] = ("fp32",)
        self.thresholds = None

    def use_precision(self, precision: str) -> None: ...

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError


def test_another_encoder_is_refused(database: Database) -> None:
    with pytest.raises(DatabaseError, match="not the one this database was built with"):
        database.use_encoder(Other())


class Careless(PixelEncoder):
    """An encoder with the right fingerprint that returns what it should not."""

    def __init__(self, returned: Callable[[NDArray[np.float32]], Any]) -> None:
        super().__init__()
        self._returned = returned

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = self._returned(super().encode(pixels))
        return vectors


CARELESS: dict[str, tuple[Callable[[NDArray[np.float32]], Any], str]] = {
    "too narrow": (lambda vectors: vectors[:, 1:], r"\[n, 192\], not \[\d+, 191\]"),
    "not numbers": (lambda vectors: vectors * np.nan, "length 1"),
    "not of length 1": (lambda vectors: vectors * 2, "length 1"),
    "too few": (lambda vectors: vectors[1:], "vectors for"),
    "none": (lambda vectors: vectors[0], "not \\[192\\]"),
}


@pytest.mark.parametrize("how", CARELESS)
def test_vectors_that_cannot_be_used_are_told(cache: Path, tmp_path: Path, how: str) -> None:
    returned, why = CARELESS[how]
    build(cache, tmp_path / "out")
    database = Database.open(tmp_path / "out")
    database.use_encoder(Careless(returned))
    with pytest.raises(EncoderError, match="vectors that cannot be used") as caught:
        database.query(make_picture(7))
    assert re.search(why, caught.value.details)
    with pytest.raises(EncoderError, match="vectors that cannot be used"):
        build_database(BuildOptions(cache=cache, out=tmp_path / "new"), encoder=Careless(returned))


def test_the_public_names_are_shown() -> None:
    assert set(mtg_image_db.__all__) <= set(dir(mtg_image_db))


def test_the_bytes_of_a_scan_are_its_own_vector(home: Path, database: Database) -> None:
    # As the build saw it: decoded alike, so that the score is exact.
    scan = next((home / "image_cache" / "images").glob("*/*.jpg"))
    for image in (scan, scan.read_bytes(), io.BytesIO(scan.read_bytes())):
        [card] = database.query(image, k=1)
        assert card.matches[0].score == pytest.approx(1.0, abs=1e-6)
