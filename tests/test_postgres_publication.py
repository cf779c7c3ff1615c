"""Publishing on a server: only what has changed, and the old or the new, never half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    PixelEncoder,
    build,
    fill_cache,
    make_card,
    mtg_db,
)
from pgserver import Postgres, needs_postgres
from shelf import Shelf, assert_same, pictures

from mtg_image_db import Database, DatabaseError, InvalidArguments, PostgresError, publish_database
from mtg_image_db.database.verify import verify_database
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall_double.double import ScryfallDouble

pytestmark = needs_postgres


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf.new(tmp_path) as shelf:
        yield shelf


def test_only_what_has_changed_is_sent(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    first = publish_database(shelf.build(), url)
    assert first.sent == {"image": 20, "features": 20, "face": 20, "printing": 20}
    assert_same(url, shelf.open())
    shelf.next_day()
    second = publish_database(shelf.build(), url)
    assert second.sent == {"image": 3, "features": 3, "face": 4, "printing": 4}
    assert second.closed == {"image": 1, "features": 1, "face": 2, "printing": 2}
    assert_same(url, shelf.open())


def test_a_database_that_is_in_force_is_not_published_again(
    shelf: Shelf, postgres: Postgres
) -> None:
    url = postgres.database()
    database = shelf.build()
    assert publish_database(database, url).new
    again = publish_database(database, url)
    assert (again.new, again.generation) == (False, 1)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE mtg_db.face SET lang = 'fr' WHERE id = 3",
        "UPDATE mtg_db.features SET packed = '' WHERE id = 4",
        "DELETE FROM mtg_db.printing WHERE id = 5",
        "UPDATE mtg_db.image_1 SET vector = (SELECT vector FROM mtg_db.image_1 WHERE id = 7)",
        "UPDATE mtg_db.generation SET quality = '[1]'",
        "UPDATE mtg_db.generation SET manifest = '{}'",
        "UPDATE mtg_db.generation SET inverted = ''",
    ],
)
def test_publishing_again_repairs_what_is_damaged(
    shelf: Shelf, postgres: Postgres, damage: str
) -> None:
    url = postgres.database()
    database = shelf.build()
    publish_database(database, url)
    postgres.execute(url, damage)
    again = publish_database(database, url, keep=0)
    assert (again.new, again.generation) == (True, 2)
    assert again.sent == {"image": 20, "features": 20, "face": 20, "printing": 20}
    assert_same(url, database)
    assert not publish_database(database, url).new


def test_a_card_that_comes_back_is_there_again(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    everything = dict(shelf.cards)
    publish_database(shelf.build(), url)
    for number in (3, 4, 5):
        del shelf.cards[number]
    publish_database(shelf.build(), url)
    assert_same(url, shelf.open())
    shelf.cards = everything
    publish_database(shelf.build(), url)
    assert_same(url, shelf.open())


def test_an_open_database_stays_as_it_was_until_it_is_swept(
    shelf: Shelf, postgres: Postgres
) -> None:
    url = postgres.database()
    publish_database(shelf.build(), url)
    vectors = np.array(shelf.open().embeddings)
    with Database.open(url) as reader:
        faces, found = list(reader.faces()), reader.search(vectors, 3)
        shelf.next_day()
        publish_database(shelf.build(), url, keep=1)
        assert list(reader.faces()) == faces
        assert reader.search(vectors, 3) == found
        assert reader.gallery.in_force() == shelf.open().folder.name
        shelf.next_day()
        assert publish_database(shelf.build(), url, keep=1).swept == 1
        for ask in (lambda: list(reader.faces()), lambda: reader.search(vectors, 3)):
            with pytest.raises(DatabaseError, match="replaced by a newer one"):
                ask()
    assert_same(url, shelf.open())
    [(left,)] = postgres.execute(url, "SELECT count(*) FROM mtg_db.face WHERE until <= 2")
    assert left == 0


def test_keep_says_how_many_stay(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    kept = []
    for keep in (2, 2, 2, 2, 0):
        publish_database(shelf.build(), url, keep=keep)
        ids = postgres.execute(url, "SELECT id FROM mtg_db.generation ORDER BY id")
        kept.append([number for (number,) in ids])
        shelf.next_day()
    assert kept == [[1], [1, 2], [1, 2, 3], [2, 3, 4], [5]]


def test_one_can_go_back_to_a_generation_and_publish_on(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    before = shelf.build()
    faces = list(before.faces())
    publish_database(before, url)
    shelf.next_day()
    publish_database(shelf.build(), url)
    postgres.execute(url, "UPDATE mtg_db.in_force SET generation = 1")
    with Database.open(url) as back:
        assert list(back.faces()) == faces
        assert verify_database(back) == []
    assert publish_database(shelf.open(), url).new
    assert_same(url, shelf.open())


def test_another_encoder_gets_a_table_of_its_own(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    publish_database(shelf.build(), url)
    small = PixelEncoder(side=6)
    with Database.open(url) as reader:
        publish_database(shelf.build(small), url)
        assert verify_database(reader) == []
    assert_same(url, shelf.open(small))
    shelf.next_day()
    publish_database(shelf.build(small), url)
    tables = "SELECT relname FROM pg_class WHERE relname ~ '^image_[0-9]+$' ORDER BY relname"
    assert postgres.execute(url, tables) == [("image_2",)]


def test_verify_tells_what_was_swept_from_what_is_damaged(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    publish_database(shelf.build(), url)
    with Database.open(url) as reader:
        publish_database(shelf.build(PixelEncoder(side=6)), url, keep=0)
        with pytest.raises(DatabaseError, match="replaced by a newer one"):
            verify_database(reader)


def test_another_shape_of_the_graph_makes_a_new_one(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    publish_database(shelf.build(), url)
    assert publish_database(shelf.build(hnsw_m=8), url).sent["image"] == 20
    assert_same(url, shelf.open())
    index = "SELECT indexdef FROM pg_indexes WHERE indexname = 'image_2_vector_idx'"
    [(definition,)] = postgres.execute(url, index)
    assert "m='8'" in definition


def test_more_new_cards_than_old_ones_get_a_new_graph(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    publish_database(shelf.build(), url)
    shelf.cards.update({number: make_card(number) for number in range(20, 50)})
    publish_database(shelf.build(), url)
    assert_same(url, shelf.open())


def test_cards_with_one_picture_share_a_vector(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    images = pictures(20)
    for number in (5, 6):
        images[f"{make_card(number)['id']}/front"] = images[f"{make_card(4)['id']}/front"]
    with ScryfallDouble(list(shelf.cards.values()), images) as double:
        fill_cache(double, shelf.cache)
    build(shelf.cache, shelf.out, local_features=True)
    assert publish_database(shelf.open(), url).sent["image"] == 18
    assert_same(url, shelf.open())
    with Database.open(url) as server:
        [matches] = server.search(shelf.open().embeddings[6:7], 1)
    assert [match.face.name for match in matches] == ["Card 4", "Card 5", "Card 6"]
    assert {match.image for match in matches} == {1}


def test_names_that_are_half_a_character_and_other_scripts_arrive(
    shelf: Shelf, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a program may ask a server for; our bytes are always UTF-8.
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    url = postgres.database()
    names = ("Half \ud83d", "稲妻", 'quoted "\\', "tab\tand\x1fseparator", "null \0")
    for number, name in enumerate(names):
        shelf.cards[number] = make_card(number, name=name, printed_name=name)
    publish_database(shelf.build(), url)
    assert_same(url, shelf.open())


def test_a_damaged_folder_is_not_published(shelf: Shelf, postgres: Postgres) -> None:
    database = shelf.build()
    path = database.folder / "mtg_embeddings.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DatabaseError, match="damaged: mtg_embeddings"):
        publish_database(shelf.open(), postgres.database())


def test_what_is_no_whole_folder_is_not_published(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    database = shelf.build()
    with pytest.raises(InvalidArguments, match="a view cannot be published"):
        publish_database(database.where(FaceFilter(sets={"tst"})), url)
    publish_database(database, url)
    with Database.open(url) as server, pytest.raises(InvalidArguments, match="name its folder"):
        publish_database(server, url)
    with pytest.raises(InvalidArguments, match="keep must be"):
        publish_database(database, url, keep=-1)


def test_a_server_that_stores_something_else_stays_as_it_was(
    shelf: Shelf, postgres: Postgres
) -> None:
    url = postgres.database()
    publish_database(shelf.build(), url)
    faces = list(shelf.open().faces())
    postgres.execute(
        url,
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.record := replace(NEW.record, 'common', 'rare'); RETURN NEW; END $$",
        "CREATE TRIGGER spoil BEFORE INSERT ON mtg_db.face FOR EACH ROW EXECUTE FUNCTION spoil()",
    )
    shelf.next_day()
    with pytest.raises(PostgresError, match="something else than what was sent"):
        publish_database(shelf.build(), url)
    with Database.open(url) as server:
        assert list(server.faces()) == faces


def test_the_command_says_what_it_did(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    shelf.build()
    command = ("publish", "--db", shelf.out, "--to", url)
    done = mtg_db(*command, cwd=shelf.out)
    assert done.returncode == 0, done.stderr
    assert "20 faces in force in postgresql:///cards" in done.stderr
    assert "20 vectors sent, 0 of the generation before gone" in done.stderr
    again = mtg_db(*command, cwd=shelf.out)
    assert "has this database already: generation 1." in again.stderr
    wrong = mtg_db("publish", "--to", "db.example", cwd=shelf.out)
    assert "--to must be an address like postgresql://HOST/DATABASE" in wrong.stderr


def test_the_server_s_limit_of_idle_time_does_not_end_a_publication(
    shelf: Shelf, postgres: Postgres
) -> None:
    url = postgres.database()
    name = url.partition("@/")[2].partition("?")[0]
    limit = "idle_in_transaction_session_timeout"
    postgres.execute(url, f"ALTER DATABASE {name} SET {limit} = '1ms'")
    publish_database(shelf.build(), url)
    assert_same(url, shelf.open())
