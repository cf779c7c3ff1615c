"""A database on a server answers like the folder that it was published from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import mtg_db
from pgserver import Postgres, needs_postgres
from served import Server, Shop, frame, make_shop

from mtg_image_db import (
    Database,
    DatabaseError,
    FaceFilter,
    InvalidArguments,
    publish_database,
)
from mtg_image_db.collection.lookup import find_printings
from mtg_image_db.database.info import info_of
from mtg_image_db.database.verify import verify_database
from mtg_image_db.demo.camera import camera_frame
from mtg_image_db.demo.distort import as_photographed
from mtg_image_db.encoders.local_features import describe
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.postgres.address import Address
from mtg_image_db.serving.current import Current

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"), 64)


@pytest.fixture(scope="module")
def url(shop: Shop, postgres: Postgres) -> str:
    url = postgres.database()
    publish_database(Database.open(shop.folder / "index_out"), url)
    return url


@pytest.fixture(scope="module")
def folder(shop: Shop) -> Database:
    return Database.open(shop.folder / "index_out", cache=shop.folder / "image_cache")


@pytest.fixture(scope="module")
def server(shop: Shop, url: str) -> Iterator[Database]:
    with Database.open(url, cache=shop.folder / "image_cache") as database:
        yield database


def nearly(value: Any) -> Any:
    """The same JSON types, equal to others whose numbers differ in the fourth digit."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-3)
    if isinstance(value, dict):
        # How long an answer took is no part of it.
        return {key: nearly(one) for key, one in value.items() if key != "seconds"}
    return [nearly(one) for one in value] if isinstance(value, list) else value


def assert_same(folder: Database, server: Database, picture: Any) -> None:
    expected, answer = (one.recognise(picture).to_json("photo") for one in (folder, server))
    del answer["seconds"]
    assert answer == nearly(expected)


def test_every_photo_of_the_demo_has_the_same_answer(
    shop: Shop, folder: Database, server: Database
) -> None:
    for number, picture in enumerate(shop.pictures.values()):
        assert_same(folder, server, as_photographed(picture, seed=number))


def test_cards_side_by_side_and_an_empty_table_have_the_same_answer(
    shop: Shop, folder: Database, server: Database
) -> None:
    some = list(shop.pictures.values())
    assert_same(folder, server, camera_frame(some[:4], 1))
    assert_same(folder, server, camera_frame([], 2))


def test_a_photo_s_features_vote_for_the_same_faces(
    shop: Shop, folder: Database, server: Database
) -> None:
    assert folder.gallery.can_vote
    assert server.gallery.can_vote
    for wanted in (None, FaceFilter(include_digital=True, langs={"en"})):
        both = [one.where(wanted) if wanted else one for one in (folder, server)]
        for picture in list(shop.pictures.values())[:10]:
            small = np.asarray(picture.convert("RGB").resize((CARD_WIDTH, CARD_HEIGHT)))
            descriptors = describe(small).descriptors
            theirs, ours = (
                [one.face(row).face_id for row in one.gallery.vote(descriptors, 20)] for one in both
            )
            assert ours == theirs


FILTERS = {
    "set": FaceFilter(include_digital=True, sets={"qpr"}),
    "set of a printing without a face of its own": FaceFilter(include_digital=True, sets={"qtg"}),
    "paper": FaceFilter(),
    "language": FaceFilter(include_digital=True, langs={"it", "de"}),
    "rarity and layout": FaceFilter(include_digital=True, rarities={"rare"}, layouts={"normal"}),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("few", [True, False], ids=["few left", "many left"])
def test_a_filter_leaves_the_same_faces_with_the_same_scores(
    folder: Database, server: Database, name: str, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:
        monkeypatch.setattr("mtg_image_db.database.server_gallery._FEW", 0)
    theirs, ours = (one.where(FILTERS[name]) for one in (folder, server))
    assert [face.face_id for face in ours.faces()] == [face.face_id for face in theirs.faces()]
    assert len(ours) == len(theirs)
    found = zip(ours.search(folder.embeddings, 5), theirs.search(folder.embeddings, 5), strict=True)
    for mine, other in found:
        assert [match.to_json() for match in mine] == [
            {**match.to_json(), "score": pytest.approx(match.score, abs=1e-5)} for match in other
        ]


@pytest.mark.parametrize("name", [None, *FILTERS])
def test_the_titles_of_its_cards_are_those_of_the_folder(
    folder: Database, server: Database, name: str | None
) -> None:
    theirs, ours = (one.where(FILTERS[name]) if name else one for one in (folder, server))
    told = [[names for _, names in one.gallery.names()] for one in (theirs, ours)]
    assert told[1] == told[0]
    assert len(told[1]) > len(ours)
    assert ours.titles.names.titles == theirs.titles.names.titles
    assert ours.titles.names.names == theirs.titles.names.names
    by_face = [
        {card: [one.face(row).face_id for row in rows] for card, rows in one.titles.rows.items()}
        for one in (theirs, ours)
    ]
    assert by_face[1] == by_face[0]


@pytest.mark.parametrize("name", [None, "paper"])
def test_some_of_its_faces_are_compared_alone(
    folder: Database, server: Database, name: str | None
) -> None:
    found = []
    for one in (folder, server):
        gallery = (one.where(FILTERS[name]) if name else one).gallery
        some = gallery.among(list(gallery.rows())[5:20])
        assert (len(some), some.narrowed) == (15, True)
        english = some.where(FaceFilter(include_digital=True, langs={"en"}))
        assert 0 < len(english) < 15
        for view in (some, some.exact(), english):
            hits = view.search_rows(np.asarray(folder.embeddings[:3]), 50)
            rows = {hit.row for some in hits for hit in some}
            assert rows == set(view.rows())
            found.append([[one.face(hit.row).face_id for hit in some] for some in hits])
    assert found[3:] == found[:3]


def test_a_view_of_a_view_is_narrower_still(folder: Database, server: Database) -> None:
    first, second = FILTERS["set"], FILTERS["paper"]
    theirs, ours = (one.where(first).where(second) for one in (folder, server))
    assert len(ours) == len(theirs)
    assert list(ours.faces()) == list(theirs.faces())


def test_a_filter_that_nothing_passes_is_refused_in_the_same_words(
    folder: Database, server: Database
) -> None:
    for wanted, error in (
        (FaceFilter(sets={"qprr"}), InvalidArguments),
        (FaceFilter(sets={"qpr"}, langs={"it"}, rarities={"mythic"}), DatabaseError),
    ):
        said = []
        for one in (folder, server):
            with pytest.raises(error) as caught:
                one.where(wanted)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_every_question_but_those_for_files_has_the_same_answer(
    folder: Database, server: Database
) -> None:
    assert list(server.faces()) == list(folder.faces())
    assert len(server) == len(folder)
    names = {face.name for face in list(folder.faces())[:20]}
    assert find_printings(server, names) == find_printings(folder, names)
    [row] = [row for row in server.gallery.rows() if server.face(row).name == "Saffronbrook Moth"]
    theirs = next(face for face in folder.faces() if face.name == "Saffronbrook Moth")
    assert server.face(row) == theirs
    assert server.gallery.printings(theirs) == folder.gallery.printings(theirs)
    with pytest.raises(InvalidArguments, match="name its folder"):
        _ = server.embeddings
    with pytest.raises(InvalidArguments, match="row"):
        server.face(10**9)


def test_exact_search_finds_what_the_graph_finds(folder: Database, server: Database) -> None:
    vectors = np.asarray(folder.embeddings)
    by_graph = server.gallery.search_rows(vectors, 3)
    one_by_one = server.gallery.exact().search_rows(vectors, 3)
    assert [[hit.row for hit in hits] for hits in one_by_one] == [
        [hit.row for hit in hits] for hits in by_graph
    ]


def test_info_and_verify_know_a_server(server: Database, folder: Database) -> None:
    ours, theirs = info_of(server), info_of(folder)
    same = ("faces", "entries", "built", "encoder", "sets", "languages")
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert ours["quality"]["recall_at_1"] == 1
    assert verify_database(server) == []


def test_verify_finds_what_was_changed_on_the_server(shop: Shop, postgres: Postgres) -> None:
    url = postgres.database()
    publish_database(Database.open(shop.folder / "index_out"), url)
    postgres.execute(
        url,
        "UPDATE mtg_db.face SET lang = 'fr' WHERE id = 3",
        "UPDATE mtg_db.features SET codes = '' WHERE id = 4",
        "DELETE FROM mtg_db.printing WHERE id = 5",
    )
    with Database.open(url) as database:
        said = "\n".join(verify_database(database))
    assert "mtg_db.face: 1 rows" in said
    assert "mtg_db.features: 1 rows" in said
    assert "mtg_db.printing: its rows are not those that were published" in said
    told = mtg_db("verify", "--db", url, cwd=shop.folder)
    assert told.returncode == 1
    assert "mtg-db publish --to postgresql:///cards" in told.stderr


def test_query_scan_and_info_take_an_address(shop: Shop, url: str) -> None:
    picture = next(iter(shop.pictures.values()))
    picture.save(shop.folder / "photo.png")
    answers = []
    for place in ("index_out", url):
        asked = mtg_db("query", "photo.png", "--json", "--db", place, cwd=shop.folder)
        scanned = mtg_db("scan", "photo.png", "--db", place, cwd=shop.folder)
        assert asked.returncode == scanned.returncode == 0, asked.stderr + scanned.stderr
        answers.append((json.loads(asked.stdout), scanned.stdout))
    (theirs, their_list), (ours, our_list) = answers
    del ours["seconds"]
    assert ours == nearly(theirs)
    assert our_list == their_list
    info = mtg_db("info", "--db", url, "--json", cwd=shop.folder)
    assert json.loads(info.stdout)["faces"] > 60


def test_serve_follows_what_is_published(
    shop: Shop, postgres: Postgres, tmp_path: Path, featured: Path
) -> None:
    url = postgres.database()
    publish_database(Database.open(featured / "index_out"), url)
    with Server(shop.folder, tmp_path / "mine.sqlite", "--db", url) as server:
        before = server.get("/api/health")["faces"]
        publish_database(Database.open(shop.folder / "index_out"), url)
        assert server.get("/api/health")["faces"] > before
        picture = list(shop.pictures.values())[-1]
        [card] = server.post("/api/query", frame(picture))["cards"]
        assert card["matches"][0]["name"] == list(shop.names.values())[-1]
        found = server.get("/api/cards/search?q=saffronbrook")["cards"]
        assert found[0]["name"] == "Saffronbrook Moth"
        postgres.execute(url, "UPDATE mtg_db.face SET lang = 'fr'")
        publish_database(Database.open(shop.folder / "index_out"), url, keep=0)
        another = frame(next(iter(shop.pictures.values())))
        assert server.post("/api/query", another)["cards"][0]["matches"]


def test_serve_follows_as_soon_as_it_can(shop: Shop, postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database()
    publish_database(Database.open(shop.folder / "index_out"), url)
    postgres.execute(
        url,
        "CREATE ROLE late LOGIN",
        "GRANT USAGE ON SCHEMA mtg_db TO late",
        "GRANT SELECT ON ALL TABLES IN SCHEMA mtg_db TO late",
    )
    said: list[str] = []
    reader = postgres.url(url.partition("@/")[2].partition("?")[0], "late")
    current = Current(Address(reader), "cpu", tmp_path, said.append)
    postgres.execute(
        url,
        "UPDATE mtg_db.generation SET name = 'another'",
        "REVOKE SELECT ON mtg_db.generation FROM late",
        "GRANT SELECT (id, name) ON mtg_db.generation TO late",
    )
    before = current.database.gallery.name
    assert current.database.gallery.name == before != "another"
    postgres.execute(url, "GRANT SELECT ON mtg_db.generation TO late")
    assert current.database.gallery.name == "another"
    assert [line.partition(":")[0] for line in said] == [
        "A newer database is there, but cannot be used yet",
        "A newer database is used now",
    ]
