"""A database server that restarts, refuses or is not there; and passwords, which nobody sees."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from conftest import mtg_db
from pgserver import Postgres, needs_postgres

from mtg_image_db import (
    Database,
    DatabaseError,
    InvalidArguments,
    MissingInput,
    PostgresError,
    publish_database,
)
from mtg_image_db.postgres import connections
from mtg_image_db.postgres.address import Address, without_passwords

pytestmark = needs_postgres

PASSWORD = "correct horse+battery%"  # noqa: S105
SCALING = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"


@pytest.fixture
def folder(featured: Path) -> Database:
    return Database.open(featured / "index_out")


@pytest.fixture(scope="module")
def url(featured: Path, postgres: Postgres) -> str:
    """A database that nobody changes."""
    url = postgres.database()
    publish_database(Database.open(featured / "index_out"), url)
    return url


def test_no_answer_is_wrong_while_the_server_restarts(
    folder: Database, url: str, postgres: Postgres
) -> None:
    vectors = np.array(folder.embeddings)
    over, progressed = threading.Event(), threading.Condition()
    done = [0, 0]
    wrong: list[object] = []
    with Database.open(url) as server:
        expected = server.search(vectors, 3)
        descriptors = server.gallery.features([hit.row for hit in near(server, vectors)])

        def ask(number: int) -> None:
            while not over.is_set():
                try:
                    rows = [hit.row for hit in near(server, vectors)]
                    same = server.search(vectors, 3) == expected
                    again = server.gallery.features(rows)
                    assert again is not None
                    assert descriptors is not None
                    same = same and np.array_equal(again.points, descriptors.points)
                    if not same:
                        wrong.append("another answer")
                except Exception as error:  # noqa: BLE001  # the test fails with it
                    wrong.append(error)
                    over.set()
                with progressed:
                    done[number] += 1
                    progressed.notify_all()

        def have(least: list[int]) -> bool:
            enough = all(count >= one for count, one in zip(done, least, strict=True))
            return enough or over.is_set()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            postgres.restart()
            with progressed:
                progressed.wait_for(partial(have, [count + 2 for count in done]), timeout=120)
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert min(done) >= 6


def near(server: Database, vectors: np.ndarray) -> list:  # type: ignore[type-arg]
    return [hits[0] for hits in server.gallery.search_rows(vectors, 1)]


def test_a_server_that_stays_away_is_an_error_and_its_return_an_answer(
    folder: Database, url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE_S", 0)
    vectors = np.array(folder.embeddings)
    with Database.open(url) as server:
        before = server.search(vectors, 1)
        postgres.stop()
        try:
            for _ in range(2):
                with pytest.raises(PostgresError, match="cannot be reached") as caught:
                    server.search(vectors, 1)
                assert "run the same command again" in caught.value.suggestion
            with pytest.raises(PostgresError, match="cannot be reached"):
                Database.open(url)
        finally:
            postgres.start()
        assert server.search(vectors, 1) == before


def test_a_question_that_takes_too_long_is_given_up(
    folder: Database, url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr(connections, "STATEMENT_S", 1)
    with Database.open(url) as server, psycopg.connect(url) as other:
        other.execute("LOCK TABLE mtg_db.face IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(PostgresError, match="took too long"):
            server.search(np.array(folder.embeddings), 1)
        other.rollback()
        assert server.search(np.array(folder.embeddings), 1)


@pytest.fixture
def roles(postgres: Postgres) -> Iterator[tuple[str, str]]:
    """A writer and a reader of a new database, as the documentation makes them."""
    [made] = re.findall(r"```sql\n(.*?)```", SCALING.read_text("utf-8"), re.DOTALL)
    url = postgres.database()
    name = url.partition("@/")[2].partition("?")[0]
    statements = [one for one in made.split(";") if re.sub(r"--.*", "", one).strip()]
    postgres.execute(url, *statements)
    yield postgres.url(name, "cards_writer"), postgres.url(name, "cards_reader")
    for role in ("cards_writer", "cards_reader"):
        postgres.execute(url, f"DROP OWNED BY {role} CASCADE")
    postgres.execute(url, "DROP ROLE cards_writer, cards_reader")


def test_a_reader_reads_and_cannot_write(
    folder: Database, roles: tuple[str, str], postgres: Postgres
) -> None:
    import psycopg

    writer, reader = roles
    publish_database(folder, writer)
    with Database.open(reader) as server:
        assert list(server.faces()) == list(folder.faces())
        assert server.search(np.array(folder.embeddings), 1)
    for statement in (
        "DELETE FROM mtg_db.face",
        "UPDATE mtg_db.in_force SET generation = 0",
        "INSERT INTO mtg_db.features VALUES (0, 0, 0, '', '', '')",
        "DROP TABLE mtg_db.image_1",
        "CREATE TABLE mtg_db.mine (id integer)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.execute(reader, statement)
    with pytest.raises(PostgresError, match="does not allow this") as caught:
        publish_database(folder, reader)
    assert "docs/scaling.md" in caught.value.suggestion


def test_our_own_connections_cannot_write_even_as_the_owner(url: str) -> None:
    with pytest.raises(PostgresError, match="accepts no changes"):
        kept = connections.Connections(Address(url), {})
        kept.run(lambda connection: connection.execute("DELETE FROM mtg_db.face"))


@pytest.fixture
def secret(roles: tuple[str, str], folder: Database, postgres: Postgres) -> str:
    """The address of a reader who needs a password, without it."""
    writer, reader = roles
    publish_database(folder, writer)
    postgres.execute(postgres.url("postgres"), f"ALTER ROLE cards_reader PASSWORD '{PASSWORD}'")
    postgres.ask_for_passwords(reader)
    return reader


def with_password(url: str, password: str) -> str:
    return url.replace("@", f":{quote(password, safe='')}@", 1)


def test_a_password_in_the_address_opens_and_is_never_shown(secret: str, tmp_path: Path) -> None:
    url = with_password(secret, PASSWORD)
    info = mtg_db("info", "--db", url, cwd=tmp_path)
    assert info.returncode == 0, info.stderr
    with Database.open(url) as server:
        said = [info.stdout, info.stderr, repr(server), repr(Address(url)), str(Address(url))]
    wrong = [
        ("info", "--db", with_password(secret, "wrong horse+")),
        ("info", "--db", url.replace("/cards", "/nowhere")),
        ("info", "--db", url.replace("host=", "host=/nowhere")),
        ("info", "--db", url.replace("host=", "hots=")),
        ("info", "--db", url.replace("%25", "%zz")),
        ("info", "--dbb", url),
        ("info", "--debug", "--db", with_password(secret, "wrong horse+")),
        ("publish", "--db", url, "--to", url),
        ("export", "--format", "npy", "--db", url),
        ("verify", "--db", url.replace("battery", "bat@tery")),
        ("info", "--db", url.replace("postgresql:", "POSTGRESQL:")),
        ("info", "--db", url.replace("postgresql:", "postgresql+psycopg:")),
        ("query", "nothing.jpg", "--db", url.replace("postgresql:", "mysql:")),
        ("info", "--db", f"host=/nowhere user=me password='{PASSWORD}'"),
        ("publish", "--db", f"dbname=cards password={PASSWORD}", "--to", url),
        ("publish", "--to", f"dbname=cards password={PASSWORD}"),
        ("info", "--db", f"postgresql://me:{quote(PASSWORD, safe='')}/cards"),
        ("scan", "--db", os.fsdecode(url.encode() + b"\xff"), "nothing.jpg"),
    ]
    for command in wrong:
        done = mtg_db(*command, cwd=tmp_path)
        assert done.returncode != 0, command
        said += [done.stdout, done.stderr]
    text = "\n".join(said)
    for piece in ("horse", "battery", "tery", quote(PASSWORD, safe="")):
        assert piece not in text
    assert "postgresql:///cards" in text


def test_a_password_comes_from_the_usual_places(
    secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    with pytest.raises(PostgresError, match="does not accept the password") as caught:
        Database.open(secret)
    assert "~/.pgpass" in caught.value.suggestion
    passwords = tmp_path / "passwords"
    passwords.write_text(f"*:*:*:cards_reader:{PASSWORD}\n")
    passwords.chmod(0o600)
    with monkeypatch.context() as patch:
        patch.setenv("PGPASSFILE", str(passwords))
        assert len(Database.open(secret)) > 0
    services = tmp_path / "services"
    name, _, host = secret.partition("@/")[2].partition("?host=")
    services.write_text(
        f"[cards]\nhost={host}\ndbname={name}\nuser=cards_reader\npassword={PASSWORD}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    with Database.open("postgresql:///?service=cards") as server:
        assert len(server) > 0
        assert "'postgresql:///?service=cards'" in repr(server)


def test_wrong_places_are_named_with_what_to_do(
    postgres: Postgres, tmp_path: Path, folder: Database
) -> None:
    empty = postgres.database()
    told = mtg_db("info", "--db", empty, cwd=tmp_path)
    assert told.returncode == 3
    assert "There is no database in postgresql:///cards" in told.stderr
    assert "mtg-db publish --to postgresql:///cards" in told.stderr
    with pytest.raises(PostgresError, match="cannot be reached") as caught:
        Database.open("postgresql://127.0.0.1:1/cards")
    assert "postgresql://127.0.0.1:1/cards: connection failed" in caught.value.details
    assert "Look whether it runs" in caught.value.suggestion
    with pytest.raises(PostgresError, match="knows no such database"):
        Database.open(postgres.url("nowhere"))
    for wrong in ("postgresql://user:p@ss@host/cards", "postgresql://user:p/ss@host/cards"):
        with pytest.raises(InvalidArguments, match="write @ as %40"):
            Database.open(wrong)
    publish_database(folder, empty)
    postgres.execute(empty, "DELETE FROM mtg_db.in_force")
    with pytest.raises(MissingInput, match="There is no database"):
        Database.open(empty)


def test_a_publication_of_another_version_is_refused(postgres: Postgres, folder: Database) -> None:
    url = postgres.database()
    publish_database(folder, url)
    postgres.execute(url, "UPDATE mtg_db.generation SET format = 2")
    for ask in (Database.open, partial(publish_database, folder)):
        with pytest.raises(DatabaseError, match="another version"):
            ask(url)
    postgres.execute(url, "ALTER TABLE mtg_db.generation RENAME quality TO grade")
    with pytest.raises(PostgresError, match="of another version") as caught:
        Database.open(url)
    assert "Update the package" in caught.value.suggestion
    postgres.execute(url, "ALTER TABLE mtg_db.generation RENAME grade TO quality")
    postgres.execute(url, "UPDATE mtg_db.generation SET format = 1, quality = '[1]'")
    with pytest.raises(PostgresError, match="is damaged"):
        Database.open(url)


def test_a_server_without_pgvector_is_refused(postgres: Postgres, folder: Database) -> None:
    url = postgres.database()
    name = url.partition("@/")[2].partition("?")[0]
    postgres.execute(url, f"ALTER DATABASE {name} SET extension_control_path = '/nowhere'")
    with pytest.raises(PostgresError, match="has no pgvector") as caught:
        publish_database(folder, url)
    assert "CREATE EXTENSION vector" in caught.value.suggestion


def test_pgvector_in_a_schema_that_is_not_searched_is_named(
    postgres: Postgres, folder: Database
) -> None:
    url = postgres.database()
    postgres.execute(url, "CREATE SCHEMA aside", "CREATE EXTENSION vector SCHEMA aside")
    with pytest.raises(PostgresError, match="does not find pgvector") as caught:
        publish_database(folder, url)
    assert "SET search_path" in caught.value.suggestion
    name = url.partition("@/")[2].partition("?")[0]
    postgres.execute(url, f"ALTER DATABASE {name} SET search_path = public, aside")
    publish_database(folder, url)
    postgres.execute(url, f"ALTER DATABASE {name} RESET search_path")
    with Database.open(url) as server, pytest.raises(PostgresError, match="not find pgvector"):
        server.search(np.array(folder.embeddings), 1)


def test_a_server_that_takes_no_connection_or_no_change_is_not_called_unreachable(
    postgres: Postgres, folder: Database, url: str
) -> None:
    for database, trouble in (("password", "no such database"), ("closed", "no connection")):
        if database == "closed":
            postgres.execute(url, "CREATE DATABASE closed ALLOW_CONNECTIONS false")
        with pytest.raises(PostgresError, match=trouble):
            Database.open(postgres.url(database))
    changing = postgres.database()
    name = changing.partition("@/")[2].partition("?")[0]
    postgres.execute(changing, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(PostgresError, match="accepts no changes") as caught:
        publish_database(folder, changing)
    assert "primary" in caught.value.suggestion
    # A replica says this when a question holds back what it gets from its primary server.
    conflict = "DO $$ BEGIN RAISE 'conflict with recovery' USING ERRCODE = '40001'; END $$"
    kept = connections.Connections(Address(url), {})
    with pytest.raises(PostgresError, match="to follow its primary"):
        kept.run(lambda connection: connection.execute(conflict))


def test_a_database_in_another_encoding_is_refused(postgres: Postgres, folder: Database) -> None:
    postgres.execute(
        postgres.url("postgres"),
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    )
    with pytest.raises(PostgresError, match="cannot hold all names") as caught:
        publish_database(folder, postgres.url("latin"))
    assert "LATIN1" in caught.value.details


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(PostgresError, match="needs the package psycopg") as caught:
        Database.open(url)
    assert "[postgres]" in caught.value.suggestion


def test_messages_lose_the_passwords_of_addresses() -> None:
    for text, shown in (
        ("at postgresql://me:secret@db/cards: no", "at postgresql://db/cards: no"),
        ("postgres://me:secret@db/c?password=more", "postgresql://db/c"),
        ("postgresql://me:sec@ret@db/c", "postgresql://…"),
        ("postgresql:///c?service=s&sslpassword=x", "postgresql:///c?service=s"),
        ("POSTGRES+x://me:secret@db/c", "postgresql://…"),
        ("host=db sslpassword=secret user=me", "host=db sslpassword=… user=me"),
        ("host=db password = 'two words' user=me", "host=db password=… user=me"),
        ("no address", "no address"),
    ):
        assert without_passwords(text) == shown
