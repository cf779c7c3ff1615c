"""Cards in photos: found, named, refused, and where their corners are."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import fill_cache
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mtg_image_db import Database, DatabaseError
from mtg_image_db.building.options import BuildOptions
from mtg_image_db.building.run import build_database
from mtg_image_db.database.answers import CardAnswer
from mtg_image_db.database.parts import INVERTED, INVERTED_ROWS
from mtg_image_db.demo.cards import SampleCard, sample_cards
from mtg_image_db.encoders.local_features import POINT_BYTES, POINTS, describe, pack, unpack
from mtg_image_db.recognise.detector import card_detector, plausible
from mtg_image_db.recognise.evidence import weigh
from mtg_image_db.recognise.gallery import Identity
from mtg_image_db.recognise.quads import frame_of, overlap, rectify
from mtg_image_db.scryfall_double.double import ScryfallDouble

CARDS = [card for card in sample_cards(30) if len(card.faces) == 1 and not card.card.get("digital")]
KNOWN = CARDS[:-6]
_ARTWORKS = {card.card["illustration_id"] for card in KNOWN}
UNKNOWN = [card for card in CARDS if card.card["illustration_id"] not in _ARTWORKS]
Box = NDArray[np.float32]


def jpegs(cards: Sequence[SampleCard]) -> dict[str, bytes]:
    images = {}
    for sample in cards:
        stream = io.BytesIO()
        sample.faces[0].save(stream, "JPEG", quality=90)
        images[f"{sample.card['id']}/front"] = stream.getvalue()
    return images


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recognise")
    with ScryfallDouble([sample.card for sample in KNOWN], jpegs(KNOWN)) as double:
        return fill_cache(double, folder / "cache")


@pytest.fixture(scope="module")
def database(cache: Path) -> Database:
    build_database(BuildOptions(cache=cache, out=cache.parent / "out"))
    return Database.open(cache.parent / "out")


def table(width: int = 1200, height: int = 900) -> NDArray[np.uint8]:
    """A table of wood: streaks, no flat colour."""
    rng = np.random.default_rng(1)
    streaks = cv2.GaussianBlur(rng.normal(0, 60, (height, 1)).repeat(width, 1), (0, 0), 3)
    wood = np.array([150, 120, 90]) + streaks[..., None] + rng.normal(0, 4, (height, width, 1))
    return np.clip(wood, 0, 255).astype(np.uint8)


def place(photo: NDArray[np.uint8], card: SampleCard, corners: Box) -> NDArray[np.uint8]:
    """Lay a card on a photo with its corners, from its top left clockwise, at these places."""
    picture = np.asarray(card.faces[0].convert("RGB"))
    height, width = picture.shape[:2]
    matrix = cv2.getPerspectiveTransform(frame_of(width, height), corners)
    size = (photo.shape[1], photo.shape[0])
    laid = cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, size)
    return np.asarray(np.where(mask[..., None] > 127, laid, photo), dtype=np.uint8)


def box(x: float, y: float, height: float, degrees: float = 0, tilt: float = 0) -> Box:
    """Corners of a card around a point, turned, and further away at its top by a share."""
    width = height * 63 / 88
    corners = np.array([[-1 + tilt, -1], [1 - tilt, -1], [1, 1], [-1, 1]]) / 2 * [width, height]
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(corners @ turn.T + [x, y], dtype=np.float32)


def ask(database: Database, photo: NDArray[np.uint8]) -> tuple[CardAnswer, ...]:
    return database.query(Image.fromarray(photo))


def name_of(answer: CardAnswer) -> str:
    return answer.matches[0].face.name


def quad_of(answer: CardAnswer) -> Box:
    return np.array(answer.quad, dtype=np.float32)


@pytest.mark.parametrize("degrees", [0, 25, 90, 180, 205, 300])
def test_a_card_on_a_table_is_named_whichever_way_it_lies(
    database: Database, degrees: float
) -> None:
    corners = box(600, 450, 500, degrees, tilt=0.08)
    [answer] = ask(database, place(table(), KNOWN[3], corners))
    assert (name_of(answer), answer.verdict) == (KNOWN[3].card["name"], "confident")
    # From the card's own top left: in this order, not only as an area.
    assert np.abs(quad_of(answer) - corners).max() < 12


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 205])
def test_a_split_card_is_one_card_though_it_looks_like_two(
    database: Database, degrees: float, *, live: bool
) -> None:
    [split] = [card for card in KNOWN if card.card["layout"] == "split"]
    photo = Image.fromarray(place(table(), split, box(600, 450, 500, degrees)))
    [answer] = database.recognise(photo, live=live).cards
    assert (name_of(answer), answer.verdict) == (split.card["name"], "confident")


def test_what_was_recognised_can_be_cut_out(database: Database) -> None:
    corners = box(1700, 900, 700, 4)
    stream = io.BytesIO()
    Image.fromarray(place(table(2400, 1800), KNOWN[3], corners)).save(stream, "JPEG", quality=95)
    found = database.recognise(stream.getvalue())
    [card] = found.cards
    assert name_of(card) == KNOWN[3].card["name"]
    assert np.abs(quad_of(card) - corners).max() < 12
    crop, scan = (
        np.asarray(image.convert("L").resize((24, 34)), np.float32).ravel()
        for image in (found.crop(card), KNOWN[3].faces[0])
    )
    assert np.corrcoef(crop, scan)[0, 1] > 0.95
    assert found.seconds["all"] >= found.seconds["decode"] > 0


def test_each_of_several_cards_is_named_in_its_place(database: Database) -> None:
    places = [(160 + 290 * (n % 4), 230 + 430 * (n // 4)) for n in range(8)]
    photo = table()
    laid = {}
    for n, (x, y) in enumerate(places):
        corners = box(x, y, 320, 7 * n - 20)
        photo = place(photo, KNOWN[n + 4], corners)
        laid[KNOWN[n + 4].card["name"]] = corners
    answers = ask(database, photo)
    assert {name_of(answer) for answer in answers if answer.verdict == "confident"} == set(laid)
    for answer in answers:
        assert overlap(quad_of(answer), laid[name_of(answer)]) > 0.9


def test_a_card_that_is_not_in_the_database_is_refused_and_its_place_told(
    database: Database,
) -> None:
    assert len(UNKNOWN) >= 3
    for card in UNKNOWN:
        corners = box(600, 450, 500, 12)
        [answer] = ask(database, place(table(), card, corners))
        assert answer.verdict == "none"
        assert overlap(quad_of(answer), corners) > 0.7


def test_a_card_on_a_sheet_of_a_card_s_shape_is_not_taken_for_a_part_of_it(
    database: Database,
) -> None:
    photo = table()
    cv2.fillConvexPoly(photo, box(600, 450, 800).astype(np.int32), (235, 232, 225))
    answers = ask(database, place(photo, KNOWN[5], box(620, 470, 380, 6)))
    named = [name_of(answer) for answer in answers if answer.verdict == "confident"]
    assert named == [KNOWN[5].card["name"]]


def test_a_card_on_a_table_of_its_border_s_colour_is_named(database: Database) -> None:
    picture = np.asarray(KNOWN[6].faces[0].convert("RGB"))
    photo = np.full((900, 1200, 3), picture[len(picture) // 2, 2], dtype=np.uint8)
    corners = box(600, 450, 500, 10)
    [answer] = ask(database, place(photo, KNOWN[6], corners))
    assert (name_of(answer), answer.verdict) == (KNOWN[6].card["name"], "confident")
    assert np.abs(quad_of(answer) - corners).max() < 12


def test_a_photo_without_a_card_is_refused(database: Database) -> None:
    assert [answer.verdict for answer in ask(database, table())] == ["none"]


def test_a_card_that_is_seen_weakly_beside_another_is_named(database: Database) -> None:
    # It has no frame.
    weak, sure = KNOWN[2], KNOWN[8]
    photo = place(place(table(), weak, box(350, 450, 300, 3)), sure, box(850, 450, 300))
    detected = card_detector().detect(photo)
    assert len(plausible(detected)) < len(detected)
    answers = {name_of(answer): answer.verdict for answer in ask(database, photo)}
    assert answers == {weak.card["name"]: "confident", sure.card["name"]: "confident"}


def test_a_half_covered_card_is_found_by_its_features(database: Database) -> None:
    under, over, beside = KNOWN[7], KNOWN[8], KNOWN[9]
    photo = place(table(), under, box(400, 450, 480))
    photo = place(photo, over, box(570, 450, 480, 4))
    photo = place(photo, beside, box(970, 450, 480))
    answers = {name_of(answer): answer.verdict for answer in ask(database, photo)}
    assert answers[over.card["name"]] == answers[beside.card["name"]] == "confident"
    assert answers[under.card["name"]] in ("confident", "likely")


@pytest.mark.parametrize(("number", "height"), [(7, 450), (10, 450), (0, 600), (6, 600)])
def test_a_card_whose_left_lies_under_a_paper_is_named(
    database: Database, number: int, height: int
) -> None:
    corners = box(600, 450, height)
    photo = place(table(), KNOWN[number], corners)
    left, top = corners[0].astype(int)
    photo[top - 60 : top + height + 60, left - 150 : left + round(0.286 * height)] = 230
    [answer] = [one for one in ask(database, photo) if one.verdict != "none"]
    assert name_of(answer) == KNOWN[number].card["name"]
    assert overlap(quad_of(answer), corners) > 0.9


def in_a_sleeve(number: int, height: float, degrees: float, tilt: float = 0) -> NDArray[np.uint8]:
    """A small card in a dark sleeve that is larger: its outline is the sleeve's."""
    photo = table()
    sleeve = box(620, 450, height * 1.24, degrees, tilt)
    cv2.fillConvexPoly(photo, sleeve.astype(np.int32), (20, 20, 25))
    return place(photo, KNOWN[number], box(600, 450, height, degrees, tilt))


@pytest.mark.parametrize(
    ("number", "height", "degrees", "tilt"),
    [(13, 110, 199, 0), (13, 90, 234, 0.1)],
)
def test_a_card_cut_out_beside_its_corners_is_cut_out_a_second_time(
    database: Database, number: int, height: float, degrees: float, tilt: float
) -> None:
    [answer] = ask(database, in_a_sleeve(number, height, degrees, tilt))
    assert answer.verdict != "none"
    assert name_of(answer) == KNOWN[number].card["name"]
    corners = box(600, 450, height, degrees, tilt)
    assert overlap(quad_of(answer), corners) > 0.9


def test_a_scan_is_the_card_without_looking_for_one(database: Database) -> None:
    for sample in KNOWN[:6]:
        [answer] = database.query(jpegs([sample])[f"{sample.card['id']}/front"])
        assert (name_of(answer), answer.verdict) == (sample.card["name"], "confident")
        assert answer.matches[0].score > 0.99


def test_a_scan_on_its_side_is_turned_upright(database: Database) -> None:
    for turns in (90, 180, 270):
        picture = KNOWN[2].faces[0].rotate(turns, expand=True)
        [answer] = database.query(picture)
        assert (name_of(answer), answer.verdict) == (KNOWN[2].card["name"], "confident")
        upright = rectify(np.asarray(picture.convert("RGB")), quad_of(answer), 244, 340)
        scan = np.asarray(KNOWN[2].faces[0].convert("RGB").resize((244, 340)))
        assert np.abs(upright.astype(int) - scan).mean() < 20


def test_without_finding_the_whole_picture_is_the_card(database: Database) -> None:
    photo = Image.fromarray(place(table(), KNOWN[3], box(600, 450, 300)))
    [answer] = database.query(photo, find=False)
    assert quad_of(answer).min() == 0
    assert quad_of(answer).max() == 1200


@pytest.mark.parametrize("turns", [0, 90, 270])
def test_without_finding_a_wide_picture_is_a_card_on_its_side(
    database: Database, turns: int
) -> None:
    # Too narrow for the shape of a card, so nothing but this option says that it is one.
    scan = KNOWN[2].faces[0].convert("RGB").resize((300, 560))
    [answer] = database.query(scan.rotate(turns, expand=True), find=False)
    assert (name_of(answer), answer.verdict) == (KNOWN[2].card["name"], "confident")


def test_corners_are_pixels_of_the_file_even_where_less_was_decoded(
    database: Database, tmp_path: Path
) -> None:
    corners = box(2000, 1500, 1800, 8)
    photo = place(table(4000, 3000), KNOWN[5], corners)
    Image.fromarray(photo).save(tmp_path / "large.jpg", quality=85)
    [answer] = database.query(tmp_path / "large.jpg")
    assert name_of(answer) == KNOWN[5].card["name"]
    assert np.abs(quad_of(answer) - corners).max() < 40


def test_without_local_features_the_score_decides(cache: Path, tmp_path: Path) -> None:
    options = BuildOptions(cache=cache, out=tmp_path / "out", local_features=False)
    build_database(options)
    plain = Database.open(tmp_path / "out")
    assert plain.gallery.parts.local_features is None
    [answer, *_] = ask(plain, place(table(), KNOWN[3], box(600, 450, 500)))
    assert name_of(answer) == KNOWN[3].card["name"]
    assert answer.points == 0
    # What scores mean is known of the package's encoder.
    [scan] = plain.query(KNOWN[3].faces[0])
    assert (name_of(scan), scan.verdict) == (KNOWN[3].card["name"], "confident")
    assert [answer.verdict for answer in ask(plain, table())] == ["none"]
    # Asked for later, the features are added and no vector is computed again.
    summary = build_database(replace(options, local_features=True))
    assert summary.encoded == 0
    [answer] = ask(Database.open(tmp_path / "out"), place(table(), KNOWN[3], box(600, 450, 500)))
    assert answer.verdict == "confident"


def test_an_update_extends_the_inverted_index_to_the_same_answers(
    cache: Path, database: Database, tmp_path: Path
) -> None:
    some = BuildOptions(cache=cache, out=tmp_path / "out", limit=len(database) - 3)
    build_database(some)
    before = (tmp_path / "out" / (tmp_path / "out" / "CURRENT").read_text().strip()) / INVERTED
    size = before.stat().st_size
    reader = Database.open(tmp_path / "out")
    build_database(replace(some, limit=None))
    extended = Database.open(tmp_path / "out")
    assert (extended.folder / INVERTED).stat().st_size > size
    owners = np.load(extended.folder / INVERTED_ROWS)
    assert set(owners.tolist()) == set(range(len(database)))
    assert extended.gallery.parts.local_features is not None
    for row in range(len(extended)):
        face = unpack(extended.gallery.parts.local_features[[row]])
        assert extended.gallery.vote(face.descriptors[0][:60], 1) == [row]
    # A reader of the old database goes on answering, though its folder is gone.
    assert reader.gallery.parts.local_features is not None
    face = unpack(reader.gallery.parts.local_features[[2]])
    assert reader.gallery.vote(face.descriptors[0][:60], 1) == [2]


@pytest.mark.parametrize("name", [INVERTED, INVERTED_ROWS])
def test_a_damaged_inverted_index_is_refused_by_name(
    database: Database, tmp_path: Path, name: str
) -> None:
    shutil.copytree(database.folder.parent, tmp_path / "out")
    path = tmp_path / "out" / database.folder.name / name
    whole = path.read_bytes()
    # The head of the index; the numbers of rows.
    path.write_bytes(
        bytes(64) + whole[64:] if name == INVERTED else whole[:128] + whole[128:][::-1]
    )
    with pytest.raises(DatabaseError, match=r"damaged: mtg_inverted\.faiss"):
        damaged = Database.open(tmp_path / "out").gallery
        assert damaged.parts.local_features is not None
        damaged.vote(unpack(damaged.parts.local_features[[2]]).descriptors[0][:60], 1)


def test_features_keep_their_place_and_likeness_in_storage() -> None:
    features = describe(np.asarray(KNOWN[0].faces[0].convert("RGB").resize((240, 336))))
    packed = pack(features)
    assert packed.shape == (POINTS, POINT_BYTES)
    stored = unpack(packed[None])
    there = packed[:, 2] > 0
    similar = features.descriptors @ stored.descriptors[0][there].T
    assert similar.max(axis=0).min() > 0.97
    nearest = features.points[similar.argmax(axis=0)]
    assert np.abs(nearest[:, :2] - stored.points[0][there, :2]).max() < 1.5


def identities(texts: str) -> list[Identity]:
    """Faces, each with one letter for its artwork and one for its card, if it has one."""
    return [Identity(text[0], text[1:], (0.08, 0.11, 0.92, 0.55)) for text in texts.split()]


def test_points_that_match_two_artworks_are_no_evidence() -> None:
    one, other = (np.asarray(c.faces[0].convert("RGB").resize((240, 336))) for c in KNOWN[:2])
    faces = unpack(np.stack([pack(describe(one)), pack(describe(one)), pack(describe(other))]))
    alone = weigh(describe(one), faces, identities("ax ax by"))
    assert alone[0].points > 20
    assert alone[2].points < 5
    disputed = weigh(describe(one), faces, identities("ax cz by"))
    assert disputed[0].points < 5


def test_one_picture_under_two_artworks_of_a_card_does_not_compete_with_itself() -> None:
    """Scryfall gives Y'shtola, Night's Blessed (FIC 7 and 226) two illustration ids."""
    one, other = (np.asarray(c.faces[0].convert("RGB").resize((240, 336))) for c in KNOWN[:2])
    again = np.asarray(cv2.GaussianBlur(one, (0, 0), 0.7), dtype=np.uint8)
    faces = unpack(np.stack([pack(describe(picture)) for picture in (one, again, other)]))
    twins = weigh(describe(one), faces, identities("ax cx bx"))
    assert twins[0].points > 20
    assert [evidence.artwork for evidence in twins] == ["a", "a", "b"]
    # Nobody knows whether two cards without an oracle id are one.
    strangers = weigh(describe(one), faces, identities("a c b"))
    assert strangers[0].points < twins[0].points / 2


def test_a_card_with_two_illustration_ids_for_its_picture_is_named(tmp_path: Path) -> None:
    twins = []
    for digit in "ab":
        card = KNOWN[3].card
        card = json.loads(json.dumps(card).replace(card["id"], card["id"][:-1] + digit))
        card |= {"illustration_id": card["illustration_id"][:-1] + digit, "set": f"qt{digit}"}
        twins.append(replace(KNOWN[3], card=card))
    # Their images are nearly the same, but not their files.
    faces = tuple(face.filter(ImageFilter.GaussianBlur(0.5)) for face in twins[1].faces)
    twins[1] = replace(twins[1], faces=faces)
    with ScryfallDouble([twin.card for twin in twins], jpegs(twins)) as double:
        cache = fill_cache(double, tmp_path / "cache")
    build_database(BuildOptions(cache=cache, out=tmp_path / "out"))
    with Database.open(tmp_path / "out") as database:
        [answer] = ask(database, place(table(), KNOWN[3], box(600, 450, 500, 15)))
    assert answer.verdict == "confident"
    # Either printing has this picture, so both are possible.
    named = {one.printing.scryfall_id for one in answer.printing.candidates}
    assert named == {twin.card["id"] for twin in twins}


def test_a_card_without_any_structure_has_no_features_and_no_evidence() -> None:
    nothing = describe(np.full((336, 240, 3), 128, np.uint8))
    assert len(nothing) == 0
    faces = unpack(np.stack([pack(nothing)]))
    assert [e.points for e in weigh(nothing, faces, identities("ax"))] == [0]
