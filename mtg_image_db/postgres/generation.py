"""A generation on a server, as it is asked."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtg_image_db.errors import DatabaseError, MissingInput, PostgresError
from mtg_image_db.index.codes import JoinedIndex
from mtg_image_db.index.layout import Unexpected
from mtg_image_db.postgres import checks, schema
from mtg_image_db.postgres.connections import Connections
from mtg_image_db.postgres.filters import COLUMNS, shown_by, there
from mtg_image_db.postgres.search import MOST_EF_SEARCH, SETTINGS, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.postgres.address import Address
    from mtg_image_db.postgres.connections import Connection
    from mtg_image_db.scryfall.faces import FaceFilter

_PAGE = 2000
"""Faces that are read at a time: some 2 MB, with their codes 9 MB. By hand."""
_SEARCHES = 200
"""Images that one statement searches for. By hand."""
_IN_FORCE = (
    "SELECT g.id, g.format, g.name, g.images, g.totals, g.manifest, g.quality, "
    "g.inverted IS NOT NULL FROM mtg_db.in_force AS i JOIN mtg_db.generation AS g "
    "ON g.id = i.generation"
)


class Generation:
    """The generation that was in force when it was opened.

    Raises
    ------
    MissingInput
        Nothing was published there.
    PostgresError
        The server cannot be reached, or refuses.
    DatabaseError
        Another version of this program published it.

    Attributes
    ----------
    name
        The name of the folder's generation that was published.
    manifest, quality
        As JSON types; they are not checked.
    has_votes
        Whether there is an inverted index.
    """

    def __init__(self, address: Address, ef_search: int | None) -> None:
        self.address = address
        self._connections = Connections(address, SETTINGS)
        rows = self._connections.run(lambda connection: connection.execute(_IN_FORCE).fetchall())
        if not rows:
            raise MissingInput(
                f"There is no database in {address}",
                details="nothing was published there",
                suggestion=f"Publish one: mtg-db publish --to {address}",
            )
        [(self.number, version, self.name, self._images, totals, manifest, quality, votes)] = rows
        schema.require_format(version, address)
        self.has_votes: bool = votes
        try:
            self._totals: checks.Totals = {
                kind: (count, digest) for kind, (count, digest) in json.loads(totals).items()
            }
            self.manifest: dict[str, Any] = dict(json.loads(manifest))
            self.quality: dict[str, Any] = dict(json.loads(quality))
            candidates = ef_search or int(self.quality["ef_search"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PostgresError(
                "The database on the server is damaged",
                details=f"{address}: generation {self.number}: {type(error).__name__}: {error}",
                suggestion="Publish it again.",
            ) from error
        self._connections.set("hnsw.ef_search", str(min(candidates, MOST_EF_SEARCH)))

    def close(self) -> None:
        """Close its connections."""
        self._connections.close()

    def newest(self) -> str:
        """The name of the generation in force now; a longer one if it was published anew."""
        query = (
            "SELECT g.id, g.name FROM mtg_db.in_force AS i JOIN mtg_db.generation AS g "
            "ON g.id = i.generation"
        )
        rows = self._connections.run(lambda connection: connection.execute(query).fetchall())
        number, name = rows[0] if rows else (self.number, self.name)
        anew = name == self.name and number != self.number
        return f"{name}, published again" if anew else str(name)

    def size(self) -> int:
        """What the tables of all generations take on the server, with their indexes, in bytes."""
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
            "WHERE relnamespace = 'mtg_db'::regnamespace AND relkind = 'r'"
        )
        return int(self._fetch(query)[0][0])

    def near(
        self, vectors: NDArray[np.float32], k: int, least: float, scope: Scope
    ) -> list[list[tuple[int, float]]]:
        """The ids and cosines of the images most similar to each vector [Q, D], best first."""
        found: list[list[tuple[int, float]]] = [[] for _ in vectors]
        query, parameters = scope.query(vectors, k, least)
        for number, image, score in self._fetch(query, parameters):
            found[number].append((image, score))
        return found

    def everywhere(self, *, exact: bool) -> Scope:
        """To search all images."""
        return Scope(self._images, self.number, exact=exact)

    def among(self, images: Sequence[int]) -> Scope:
        """To compare with each of some images."""
        return Scope(
            self._images, self.number, "i.id = ANY(%(some)s)", {"some": images}, exact=True
        )

    def passing(self, filters: Sequence[FaceFilter]) -> Scope:
        """To search the images of faces that pass all filters."""
        condition, parameters = shown_by(filters, self.number)
        # The limit keeps this a question for each image that the graph comes upon; without it, the
        # server would first look up the images of all faces that pass.
        one = (
            "(SELECT true FROM mtg_db.face AS f WHERE f.image = i.id AND "
            f"{there('f', self.number)} AND {condition} LIMIT 1)"
        )
        return Scope(self._images, self.number, one, parameters)

    def faces_of(self, images: Collection[int]) -> list[tuple[int, int, str]]:
        """Image, id and record of the faces with these images, in the order of their face ids."""
        return self._fetch(
            "SELECT f.image, f.id, f.record FROM mtg_db.face AS f WHERE f.image = ANY(%(images)s) "
            f"AND {there('f', self.number)} ORDER BY f.face_id",
            {"images": list(images)},
        )

    def record(self, face: int) -> str | None:
        """The record of a face, by its id; None if there is no such face."""
        query = (
            f"SELECT record FROM mtg_db.face AS f WHERE id = %(f)s AND {there('f', self.number)}"
        )
        return next((str(record) for (record,) in self._fetch(query, {"f": face})), None)

    def passing_faces(self, filters: Sequence[FaceFilter]) -> list[tuple[int, int]]:
        """Id and image of the faces that pass all filters, in the order of their face ids."""
        condition, parameters = shown_by(filters, self.number)
        return self._fetch(
            f"SELECT f.id, f.image FROM mtg_db.face AS f WHERE {there('f', self.number)} "
            f"AND {condition} ORDER BY f.face_id",
            parameters,
        )

    def images_of(self, faces: Sequence[int]) -> list[tuple[int, int]]:
        """Id and image of some faces, in the order of their face ids."""
        return self._fetch(
            "SELECT f.id, f.image FROM mtg_db.face AS f WHERE f.id = ANY(%(faces)s) "
            f"AND {there('f', self.number)} ORDER BY f.face_id",
            {"faces": list(faces)},
        )

    def numbered(self, codes: Sequence[str], number: str) -> list[tuple[int, str]]:
        """Id and record of the faces of some sets with a number, without leading zeros."""
        return self._fetch(
            'SELECT f.id, f.record FROM mtg_db.face AS f WHERE f."set" = ANY(%(codes)s) '
            f"AND f.number = %(number)s AND {there('f', self.number)} ORDER BY f.face_id",
            {"codes": list(codes), "number": number},
        )

    def printings(self, artworks: Collection[str]) -> list[tuple[str, str]]:
        """Artwork and record of all printings of some artworks, oldest first."""
        return self._fetch(
            "SELECT p.artwork, p.record FROM mtg_db.printing AS p "
            f"WHERE p.artwork = ANY(%(artworks)s) AND {there('p', self.number)} ORDER BY p.place",
            {"artworks": list(artworks)},
        )

    def all_faces(self) -> Iterator[tuple[int, str]]:
        """Yield id and record of all faces, in the order of their face ids."""
        for page in self._by_page("f.id, f.face_id, f.record"):
            for face, _, record in page:
                yield face, record

    def face_names(self) -> Iterator[tuple[int, tuple[str, str, str]]]:
        """Yield id and `NAMES` of all faces, in the order of their face ids."""
        for page in self._by_page("f.id, f.face_id, f.name, f.face_name, f.printed_name"):
            for face, _, *names in page:
                yield face, (names[0], names[1], names[2])

    def all_printings(self) -> Iterator[tuple[str, str]]:
        """Yield artwork and record of all printings, in the order of artworks."""
        for artwork, _, record in self._all_printings("p.record"):
            yield artwork, record

    def printing_names(self) -> Iterator[tuple[str, str]]:
        """Yield name and printed name of all printings, in the order of artworks."""
        for _, _, name, printed_name in self._all_printings("p.name, p.printed_name"):
            yield name, printed_name

    def values(self, key: str) -> set[str]:
        """All values of one of `COLUMNS` among the faces and printings."""
        assert key in COLUMNS  # noqa: S101  # it is put into SQL
        found = self._fetch(
            f'SELECT f."{key}" FROM mtg_db.face AS f WHERE {there("f", self.number)} UNION '
            f'SELECT p."{key}" FROM mtg_db.printing AS p WHERE {there("p", self.number)}'
        )
        return {str(value) for (value,) in found}

    def vector(self, face: int) -> str | None:
        """The vector of a face, as pgvector writes it; None if there is no such face."""
        query = (
            "SELECT i.vector::text FROM mtg_db.face AS f JOIN "
            f"{schema.image_table(self._images)} AS i ON i.id = f.image WHERE f.id = %(f)s"
        )
        return next((str(text) for (text,) in self._fetch(query, {"f": face})), None)

    def features(self, faces: Sequence[int]) -> dict[int, bytes]:
        """The packed local features of some faces, by their ids."""
        query = (
            "SELECT f.id, t.packed FROM mtg_db.face AS f JOIN mtg_db.features AS t "
            "ON t.id = f.features WHERE f.id = ANY(%(faces)s)"
        )
        return dict(self._fetch(query, {"faces": list(faces)}, binary=True))

    def votes(self) -> tuple[JoinedIndex, list[int]]:
        """The inverted index, whose rows are faces in the order of their face ids; and their ids.

        Raises
        ------
        PostgresError
            What the server has of it is damaged.
        """
        query = f"SELECT inverted FROM mtg_db.generation WHERE id = {self.number:d}"
        [(learned,)] = self._fetch(query, binary=True)
        ids: list[int] = []

        def pages() -> Iterator[list[bytes]]:
            seen: set[int] = set()
            columns = "f.id, f.face_id, f.features, t.codes"
            join = "LEFT JOIN mtg_db.features AS t ON t.id = f.features"
            for page in self._by_page(columns, join):
                codes = []
                for face, _, features, some in page:
                    ids.append(face)
                    # Features that faces share are in the index once, as those of the first.
                    codes.append(b"" if features is None or features in seen else some)
                    seen.add(features)
                yield codes

        try:
            return JoinedIndex(learned, pages()), ids
        except Unexpected as error:
            raise PostgresError(
                "The inverted index on the database server is damaged",
                details=f"{self.address}: {error}",
                suggestion="Publish the database again.",
            ) from error

    def problems(self) -> list[str]:
        """What is wrong with its rows: a line for each kind; empty if nothing is.

        Raises
        ------
        DatabaseError
            It was swept meanwhile.
        """
        from psycopg import errors

        def check(connection: Connection) -> tuple[checks.Totals, dict[str, int]]:
            # A check reads everything.
            connection.execute("SELECT set_config('statement_timeout', '0', false)")
            try:
                found = checks.totals(connection, self.number, self._images)
                return found, checks.altered(connection, self.number, self._images, since=0)
            except errors.UndefinedTable:
                return {}, {}
            finally:
                connection.close()

        found, bad = self._connections.run(check)
        self._fetch("SELECT true")  # what was swept meanwhile is no damage
        problems = []
        for kind in checks.KINDS:
            table = checks.table_of(kind, self._images)
            if found.get(kind) != self._totals[kind]:
                problems.append(f"{table}: its rows are not those that were published")
            if bad.get(kind):
                problems.append(f"{table}: {bad[kind]:,} rows are not what their digests say")
        return problems

    def lost(self) -> Iterator[tuple[int, list[str]]]:
        """Search for each image with its own vector, some at a time.

        Yields
        ------
        How many were searched for, and the face ids of those that were not found.
        """
        table, last = schema.image_table(self._images), -1
        query = f"""
            SELECT i.id, (SELECT min(f.face_id) FROM mtg_db.face AS f WHERE f.image = i.id
                AND {there("f", self.number)}), i.id = ANY(ARRAY(
                    SELECT n.id FROM {table} AS n WHERE {there("n", self.number)}
                    ORDER BY n.vector <#> i.vector LIMIT 3
                ))
            FROM {table} AS i WHERE i.id > %(last)s AND {there("i", self.number)}
            ORDER BY i.id LIMIT {_SEARCHES}
        """
        while rows := self._fetch(query, {"last": last}):
            yield len(rows), [str(face_id) for _, face_id, found in rows if not found]
            last = rows[-1][0]

    def _all_printings(self, columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield artwork, place and other columns of all printings, read some at a time."""
        last = ("", -1)
        while True:
            rows = self._fetch(
                f"SELECT p.artwork, p.place, {columns} FROM mtg_db.printing AS p WHERE "
                f"(p.artwork, p.place) > (%(artwork)s, %(place)s) AND {there('p', self.number)} "
                f"ORDER BY p.artwork, p.place LIMIT {_PAGE}",
                {"artwork": last[0], "place": last[1]},
            )
            yield from rows
            if len(rows) < _PAGE:
                return
            last = rows[-1][:2]

    def _by_page(self, columns: str, join: str = "") -> Iterator[list[tuple[Any, ...]]]:
        """Yield columns of all faces, some faces at a time; the second is the face id."""
        last = ""
        while True:
            rows = self._fetch(
                f"SELECT {columns} FROM mtg_db.face AS f {join} WHERE f.face_id > %(last)s "
                f"AND {there('f', self.number)} ORDER BY f.face_id LIMIT {_PAGE}",
                {"last": last},
                binary=True,
            )
            yield rows
            if len(rows) < _PAGE:
                return
            last = rows[-1][1]

    def _fetch(
        self, query: str, parameters: Mapping[str, Any] | None = None, *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        """Ask something of this generation.

        Raises
        ------
        DatabaseError
            It was swept meanwhile.
        """
        from psycopg import errors

        there = f"EXISTS (SELECT FROM mtg_db.generation WHERE id = {self.number:d})"

        def ask(connection: Connection) -> tuple[list[tuple[Any, ...]], bool]:
            # A generation goes only together with its rows, and a statement sees one moment.
            whole = f"SELECT found.*, {there} FROM ({query}) AS found"
            try:
                rows = connection.execute(whole, parameters, binary=binary).fetchall()
                alive = [rows[0][-1:]] if rows else connection.execute(f"SELECT {there}").fetchall()
            except errors.UndefinedTable:
                return [], False
            return [row[:-1] for row in rows], alive == [(True,)]

        rows, still = self._connections.run(ask)
        if not still:
            raise DatabaseError(
                "The database was replaced by a newer one while it was read",
                details=f"{self.address}: generation {self.number} is gone",
                suggestion="Run the same command again.",
            )
        return rows
