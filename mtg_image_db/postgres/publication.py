"""Publish a database on a server: in one transaction, and only what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mtg_image_db.errors import PostgresError
from mtg_image_db.index.quality import EF_SEARCHES, ENOUGH, measure, with_noise
from mtg_image_db.postgres import contents, copying, schema
from mtg_image_db.postgres.checks import (
    KINDS,
    Totals,
    altered,
    digest_of,
    table_of,
    total_of,
    totals,
)
from mtg_image_db.postgres.connections import connect
from mtg_image_db.postgres.contents import Contents
from mtg_image_db.postgres.copying import Cell
from mtg_image_db.postgres.kept import Newest, is_whole, lock, maker_of, newest, sweep
from mtg_image_db.postgres.search import MOST_EF_SEARCH, Graph, Scope
from mtg_image_db.postgres.troubles import translated
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    from psycopg.errors import Diagnostic

    from mtg_image_db.index.quality import Quality
    from mtg_image_db.postgres.address import Address
    from mtg_image_db.postgres.connections import Connection

_T = TypeVar("_T")

_MOST_ADDED = 0.5
"""Largest share of new vectors that are added to a graph; with more, a new one is built, which is
faster. By hand."""
_ROWS_AT_ONCE = 20_000
"""Rows that one statement closes. By hand."""
_LEAST_RECALL = 0.9
"""Least recall@1 of a graph that may come into force: below, something is wrong. Above, a large
database of vectors that lie close together may still miss some, as in a folder. By hand."""
_NO_LIMITS = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', "
    "'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')"
)
"""Building an index takes as long as it takes, and between two statements the server hears nothing
while we compute digests. PostgreSQL before 17 has no limit on transactions."""
_SAMPLE = 500
"""Vectors that the graph is searched for, as they are and with noise. By hand."""


@dataclass(frozen=True)
class Published:
    """What a publication did.

    Parameters
    ----------
    generation
        The number of the generation in force.
    new
        Whether there was something to publish.
    sent, closed
        Of each kind of rows, how many were sent, and how many the generation before had alone.
    swept
        How many older generations were removed.
    """

    generation: int
    new: bool
    faces: int
    sent: Mapping[str, int]
    closed: Mapping[str, int]
    swept: int


def publish(what: Contents, address: Address, keep: int, progress: Progress) -> Published:
    """Make a generation the one in force on a server.

    Parameters
    ----------
    keep
        How many of the generations before stay.

    Raises
    ------
    PostgresError
        The server cannot be reached, refuses or lacks something, or has stored something else. What
        was in force there still is.
    DatabaseError
        Another version of this program published there.
    """
    with translated(address):
        from psycopg import IsolationLevel

        connection = connect(address)
        connection.add_notice_handler(lambda said: _note(said, progress))
        with connection:
            connection.isolation_level = IsolationLevel.READ_COMMITTED
            connection.execute(_NO_LIMITS)
            with connection.transaction():
                lock(connection, progress)
                schema.require_pgvector(connection, address)
                schema.make_tables(connection)
                before = newest(connection, address)
                again = before.name == what.name and before.in_force == before.number
                if again and _is_there(connection, what, before, progress):
                    done = Published(before.number, False, len(what.vectors), {}, {}, 0)
                else:
                    one = _Publication(connection, what, before, address, progress, anew=again)
                    done = one.run()
            with connection.transaction():
                lock(connection, progress)
                swept = sweep(connection, keep)
    return Published(done.generation, done.new, done.faces, done.sent, done.closed, swept)


def _is_there(connection: Connection, what: Contents, before: Newest, progress: Progress) -> bool:
    """Whether the server has this very generation, whole."""
    progress.start("checking", None, "")
    inverted = None if what.inverted is None else what.inverted.learned
    whole = is_whole(connection, before, inverted)
    progress.finish()
    if not whole:
        progress.note("The server has this database, but damaged: all of it is sent again.")
    return whole


class _Publication:
    """One publication, within its transaction.

    Parameters
    ----------
    anew
        Use no row that is there: some of them are damaged.
    """

    def __init__(
        self,
        connection: Connection,
        what: Contents,
        before: Newest,
        address: Address,
        progress: Progress,
        *,
        anew: bool,
    ) -> None:
        self._connection, self._what, self._before = connection, what, before
        self._address, self._progress, self._anew = address, progress, anew
        self._number = before.number + 1
        self._totals: Totals = {}
        self._sent: dict[str, int] = {}
        self._closed: dict[str, int] = {}

    def run(self) -> Published:
        """Send, index, check, and put in force."""
        what = self._what
        images = what.images()
        table, is_new = self._table_of_images(set(images))
        image_rows = _firsts(images)
        image_ids = self._exchange("image", table, image_rows, what.image_cells)
        features, feature_rows = what.features()
        feature_ids = self._exchange("features", table, feature_rows, what.features_cells)

        def columns_of(row: int) -> tuple[Sequence[str], bytes | None]:
            return what.face_columns(row), features[row] if features else None

        def face(row: int) -> Sequence[Cell]:
            columns, its = columns_of(row)
            return contents.face_cells(
                columns, image_ids[images[row]], feature_ids[its] if its else None
            )

        faces = {
            contents.face_digest(columns, images[row], its): row
            for row in range(len(images))
            for columns, its in [columns_of(row)]
        }
        # With a new table of vectors, every image has a new id.
        self._exchange("face", table, faces, face, all_anew=is_new)
        printings = {digest_of(one): one for one in what.printing_columns()}
        self._exchange("printing", table, printings, contents.printing_cells)
        self._index(table, is_new)
        quality = self._check(
            table, {image_ids[one]: row for one, row in image_rows.items()}, is_new=is_new
        )
        self._put_in_force(table, quality)
        return Published(self._number, True, len(images), self._sent, self._closed, 0)

    def _table_of_images(self, wanted: set[bytes]) -> tuple[int, bool]:
        """The table for the vectors, and whether it is a new one."""
        before = self._before
        if before.number and not self._anew and before.made_by == maker_of(self._what.manifest):
            there = self._digests("image", before.images)
            if len(wanted - there.keys()) <= _MOST_ADDED * len(wanted):
                return before.images, False
        dimension = self._what.vectors.shape[1]
        if dimension > schema.MOST_DIMENSIONS:
            raise PostgresError(
                "pgvector cannot index vectors of this encoder",
                details=f"{dimension} dimensions, at most {schema.MOST_DIMENSIONS}",
                suggestion="Build the database with an encoder of fewer dimensions.",
            )
        schema.make_images(self._connection, self._number, dimension)
        return self._number, True

    def _digests(self, kind: str, images: int) -> dict[bytes, int]:
        """The digest and the id of each row that the newest generation has."""
        query = f"SELECT digest, id FROM {table_of(kind, images)} WHERE until = %s"
        found = self._connection.execute(query, [schema.STILL], binary=True)
        return dict(found.fetchall())

    def _exchange(
        self,
        kind: str,
        images: int,
        wanted: Mapping[bytes, _T],
        cells: Callable[[_T], Sequence[Cell]],
        *,
        all_anew: bool = False,
    ) -> dict[bytes, int]:
        """Close the rows that are not wanted, and send those that are missing.

        Parameters
        ----------
        wanted
            What each row is made of, by its digest.
        cells
            Makes its columns after the digest.

        Returns
        -------
        The id of each wanted row.
        """
        there = self._digests(kind, images)
        anew = all_anew or self._anew
        kept = {} if anew else {one: there[one] for one in wanted if one in there}
        closed = [number for one, number in there.items() if one not in kept]
        table = table_of(kind, images)
        for start in range(0, len(closed), _ROWS_AT_ONCE):
            self._connection.execute(
                f"UPDATE {table} SET until = %s WHERE id = ANY(%s)",
                [self._number, closed[start : start + _ROWS_AT_ONCE]],
            )
        query = f"SELECT coalesce(max(id), 0) FROM {table}"
        [(last,)] = self._connection.execute(query).fetchall()
        missing = [one for one in wanted if one not in kept]
        ids = dict(zip(missing, range(last + 1, last + 1 + len(missing)), strict=True))
        since, until = copying.integer(self._number), copying.integer(schema.STILL)

        def rows() -> Iterator[Sequence[Cell]]:
            for one, number in ids.items():
                yield [copying.bigint(number), since, until, one, *cells(wanted[one])]
                self._progress.advance()

        if missing:
            self._progress.start(f"sending {kind.removesuffix('s')} rows", len(missing), "rows")
            self._copy(table, rows())
            self._progress.finish()
        self._sent[kind], self._closed[kind] = len(missing), len(closed)
        self._totals[kind] = total_of(wanted)
        return {**kept, **ids}

    def _copy(self, table: str, rows: Iterable[Sequence[Cell]]) -> None:
        statement = f"COPY {table} FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in copying.blocks(rows):
                copy.write(block)

    def _index(self, images: int, is_new: bool) -> None:
        self._progress.start("indexing on the server", None, "")
        schema.make_indexes(self._connection)
        if is_new:
            schema.index_images(self._connection, images, *self._what.hnsw)
        for kind in KINDS:
            self._connection.execute(f"ANALYZE {table_of(kind, images)}")
        self._progress.finish()

    def _check(self, images: int, rows: Mapping[int, int], *, is_new: bool) -> Quality:
        """Compare what the server has with what was sent, and search for some vectors."""
        self._progress.start("checking", None, "")
        found = totals(self._connection, self._number, images)
        wrong = [kind for kind in KINDS if found[kind] != self._totals[kind]]
        bad = altered(self._connection, self._number, images, since=self._number)
        wrong += [kind for kind, count in bad.items() if count]
        if wrong:
            raise PostgresError(
                "The database server has stored something else than what was sent",
                details=f"{self._address}: its rows of {', '.join(sorted(set(wrong)))} differ",
                suggestion="Publish again; if that does not help, the server is damaged.",
            )
        vectors = self._what.vectors
        distinct = np.sort(np.fromiter(rows.values(), np.int64, count=len(rows)))
        some = np.random.default_rng(0).permutation(distinct)[:_SAMPLE]
        own = np.ascontiguousarray(vectors[np.sort(some)], dtype=np.float32)
        queries = np.concatenate([own, with_noise(own)])
        graph = Graph(self._connection, Scope(images, self._number), rows)
        quality = measure(
            graph,
            vectors,
            distinct,
            queries,
            from_images=0,
            ef_searches=(*EF_SEARCHES, MOST_EF_SEARCH),
        )
        self._progress.finish()
        if quality.chosen.recall_at_1 < _LEAST_RECALL:
            raise PostgresError(
                "The graph on the database server does not find what is in it",
                details=f"{self._address}: {quality.chosen.recall_at_1:.2%} of the nearest vectors",
                suggestion="Build the database with a larger --hnsw-ef-construction, and publish "
                "it again: it gets a new graph then.",
            )
        if not quality.enough:
            self._progress.note(
                f"The graph on the server finds only {quality.chosen.recall_at_1:.2%} of the "
                f"nearest vectors ({ENOUGH:.1%} are aimed at). "
                + (
                    "A database that was built with a larger --hnsw-ef-construction gets a better "
                    "one."
                    if is_new
                    else "A new one may be better: REINDEX INDEX CONCURRENTLY "
                    f"mtg_db.image_{images}_vector_idx"
                )
            )
        return quality

    def _put_in_force(self, images: int, quality: Quality) -> None:
        what = self._what
        manifest = {
            **what.manifest,
            "parameters": {**what.manifest["parameters"], "hnsw_ef_search": quality.ef_search},
        }
        self._connection.execute(
            "INSERT INTO mtg_db.generation "
            "(id, format, name, images, totals, manifest, quality, inverted) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                self._number,
                schema.FORMAT,
                what.name,
                images,
                json.dumps(self._totals),
                json.dumps(manifest),
                json.dumps(quality.to_json()),
                None if what.inverted is None else what.inverted.learned,
            ],
        )
        self._connection.execute(
            "INSERT INTO mtg_db.in_force (generation) VALUES (%s) "
            "ON CONFLICT (one) DO UPDATE SET generation = excluded.generation",
            [self._number],
        )


def _firsts(digests: Sequence[bytes]) -> dict[bytes, int]:
    """The first row with each digest."""
    rows: dict[bytes, int] = {}
    for row, one in enumerate(digests):
        rows.setdefault(one, row)
    return rows


def _note(said: Diagnostic, progress: Progress) -> None:
    """Pass on what pgvector says about a graph that is larger than its memory."""
    text = said.message_primary or ""
    if "maintenance_work_mem" in text:
        progress.note(
            f"The database server: {text}. Building the graph takes much longer so; give the role "
            "that publishes more: ALTER ROLE … SET maintenance_work_mem = '2GB'"
        )
