"""Publications that are killed: what was in force stays in force, whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pgserver import Postgres, needs_postgres
from shelf import Shelf, assert_same

from mtg_image_db import Database, publish_database
from mtg_image_db.database.verify import verify_database

pytestmark = needs_postgres


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf.new(tmp_path) as shelf:
        yield shelf


PUBLISH = """
import sys, time
from mtg_image_db import Database, publish_database
from mtg_image_db.postgres import publication

out, url, instant = sys.argv[1:]

def here():
    print("here", flush=True)
    sys.stdin.readline()

class Halting:
    stage = ""
    def start(self, stage, total, unit):
        self.stage = stage
        if instant == f"before {stage}":
            here()
    def advance(self, count=1):
        if instant == f"in {self.stage}":
            here()
    def finish(self):
        if instant == f"after {self.stage}":
            here()
    def note(self, message):
        print(message, flush=True)
    def pause(self, message, seconds):
        pass

def halting(function, name):
    def halt(*arguments):
        if instant == f"before {name}":
            here()
        done = function(*arguments)
        if instant == f"after {name}":
            here()
        return done
    return halt

publication._Publication._put_in_force = halting(publication._Publication._put_in_force, "commit")
publication.sweep = halting(publication.sweep, "sweep")
publish_database(Database.open(out), url, progress=Halting())
"""
INSTANTS = (
    "before digests",
    "before sending image rows",
    "in sending image rows",
    "in sending feature rows",
    "in sending face rows",
    "after sending printing rows",
    "before indexing on the server",
    "before checking",
    "after checking",
    "after commit",  # it is written, but not committed
)


def publishing(out: Path, url: str, instant: str) -> subprocess.Popen[str]:
    """Publish in a process that halts at an instant."""
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(out), url, instant],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said == "here\n", (instant, said, process.communicate())
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_killed_at_any_instant_the_one_before_is_in_force_whole(
    shelf: Shelf, postgres: Postgres
) -> None:
    url = postgres.database()
    # Killed while there is none.
    database = shelf.build()
    kill(publishing(shelf.out, url, "in sending face rows"))
    publish_database(database, url)
    faces, name = list(database.faces()), database.folder.name
    shelf.next_day()
    database = shelf.build()
    with Database.open(url) as reader:
        for instant in INSTANTS:
            kill(publishing(shelf.out, url, instant))
            for one in (reader, Database.open(url)):
                assert one.gallery.in_force() == name, instant
                assert list(one.faces()) == faces, instant
                assert verify_database(one) == [], instant
        # The new one is in force; only the sweeping is left.
        kill(publishing(shelf.out, url, "before sweep"))
        assert reader.gallery.in_force() == database.folder.name
    assert_same(url, database)
    publish_database(database, url, keep=0)
    assert postgres.execute(url, "SELECT count(*) FROM mtg_db.generation") == [(1,)]


def test_a_server_that_dies_during_a_publication_still_has_the_one_before(
    shelf: Shelf, postgres: Postgres
) -> None:
    url = postgres.database()
    publish_database(shelf.build(), url)
    faces = list(shelf.open().faces())
    shelf.next_day()
    database = shelf.build()
    for instant in ("in sending face rows", "after checking", "after commit"):
        process = publishing(shelf.out, url, instant)
        postgres.restart()
        _, said = process.communicate("\n" * 100)
        assert process.returncode == 1
        assert "PostgresError: The database server cannot be reached" in said
        with Database.open(url) as server:
            assert list(server.faces()) == faces
            assert verify_database(server) == []
    publish_database(database, url)
    assert_same(url, database)


def test_who_publishes_waits_until_another_has_ended(shelf: Shelf, postgres: Postgres) -> None:
    url = postgres.database()
    shelf.build()
    first = publishing(shelf.out, url, "in sending face rows")
    second = subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(shelf.out), url, "never"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert second.stdout is not None
    assert "Another program publishes to this server" in second.stdout.readline()
    first.communicate("\n" * 100)
    second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert_same(url, shelf.open())
