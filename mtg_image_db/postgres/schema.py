"""The tables of a database on a server; docs/scaling.md explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtg_image_db.errors import DatabaseError, PostgresError

if TYPE_CHECKING:
    from mtg_image_db.postgres.address import Address
    from mtg_image_db.postgres.connections import Connection

FORMAT = 1
"""Version of the tables. A reader refuses a generation of another one."""
STILL = (1 << 31) - 1
"""`until` of a row that the newest generation has: the largest integer."""
LEAST_PGVECTOR = (0, 8)
"""The first version that goes on searching when a filter has left too few (iterative scans)."""
MOST_DIMENSIONS = 2000
"""Longest vectors that pgvector indexes (hnsw.c: HNSW_MAX_DIM)."""

_ROWS = "id bigint NOT NULL, since integer NOT NULL, until integer NOT NULL, digest bytea NOT NULL"
_FILTERED = (
    '"set" text COLLATE "C" NOT NULL, lang text COLLATE "C" NOT NULL, rarity text COLLATE "C" NOT '
    'NULL, layout text COLLATE "C" NOT NULL, digital boolean NOT NULL'
)
_TABLES = f"""
CREATE TABLE IF NOT EXISTS mtg_db.generation (
    id integer PRIMARY KEY, format integer NOT NULL, name text NOT NULL,
    published timestamptz NOT NULL DEFAULT now(), images integer NOT NULL, totals text NOT NULL,
    manifest text NOT NULL, quality text NOT NULL, inverted bytea
);
CREATE TABLE IF NOT EXISTS mtg_db.in_force (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    generation integer NOT NULL REFERENCES mtg_db.generation
);
CREATE TABLE IF NOT EXISTS mtg_db.face (
    {_ROWS}, face_id text COLLATE "C" NOT NULL, image bigint NOT NULL, features bigint,
    {_FILTERED}, artwork text COLLATE "C" NOT NULL, number text COLLATE "C" NOT NULL,
    name text NOT NULL, face_name text NOT NULL, printed_name text NOT NULL, record text NOT NULL
);
CREATE TABLE IF NOT EXISTS mtg_db.printing (
    {_ROWS}, artwork text COLLATE "C" NOT NULL, place integer NOT NULL,
    face_id text COLLATE "C" NOT NULL, {_FILTERED}, name text NOT NULL,
    printed_name text NOT NULL, record text NOT NULL
);
CREATE TABLE IF NOT EXISTS mtg_db.features ({_ROWS}, packed bytea NOT NULL, codes bytea NOT NULL);
"""
# Rows that are closed get a free place on their page, and need no new entry in the indexes.
_STORAGE = """
ALTER TABLE mtg_db.features ALTER packed SET STORAGE EXTERNAL, ALTER codes SET STORAGE EXTERNAL;
"""
_INDEXES = """
CREATE UNIQUE INDEX IF NOT EXISTS face_id_idx ON mtg_db.face (id);
CREATE INDEX IF NOT EXISTS face_face_id_idx ON mtg_db.face (face_id);
CREATE INDEX IF NOT EXISTS face_image_idx ON mtg_db.face (image);
CREATE INDEX IF NOT EXISTS face_artwork_idx ON mtg_db.face (artwork);
CREATE INDEX IF NOT EXISTS face_number_idx ON mtg_db.face ("set", number);
CREATE UNIQUE INDEX IF NOT EXISTS printing_id_idx ON mtg_db.printing (id);
CREATE INDEX IF NOT EXISTS printing_artwork_idx ON mtg_db.printing (artwork, place);
CREATE UNIQUE INDEX IF NOT EXISTS features_id_idx ON mtg_db.features (id);
"""


def require_pgvector(connection: Connection, address: Address) -> None:
    """Make sure that the database has pgvector, and stores texts in UTF-8.

    Raises
    ------
    PostgresError
        The server lacks it, or has an old version; or the database has another encoding.
    """
    from psycopg import errors

    suggestion = (
        "Install pgvector 0.8 or later on the server (https://github.com/pgvector/pgvector), and "
        "let an administrator run in this database: CREATE EXTENSION vector"
    )
    version = _version(connection)
    if version is None:
        try:
            connection.execute("CREATE EXTENSION vector")
        except (
            errors.FeatureNotSupported,
            errors.UndefinedFile,
            errors.InsufficientPrivilege,
        ) as error:
            raise PostgresError(
                "The database server has no pgvector",
                details=f"{address}: {error.diag.message_primary}",
                suggestion=suggestion,
            ) from None
        version = _version(connection) or ""
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_PGVECTOR:
        raise PostgresError(
            "The pgvector of the database server is too old",
            details=f"{address}: it is {version}, and 0.8 is needed",
            suggestion="Update it, and run: ALTER EXTENSION vector UPDATE",
        )
    encoding = str(connection.execute("SHOW server_encoding").fetchall()[0][0])
    if encoding != "UTF8":
        raise PostgresError(
            "The database on the server cannot hold all names of cards",
            details=f"{address}: its encoding is {encoding}",
            suggestion="Create another one: createdb --encoding=UTF8 --template=template0 NAME",
        )


def require_format(version: int, address: Address) -> None:
    """Make sure that this version of the program knows the tables of a generation.

    Raises
    ------
    DatabaseError
        Another one published it.
    """
    if version != FORMAT:
        raise DatabaseError(
            "The database was published by another version of mtg-db",
            details=f"{address}: format {version}, this one knows {FORMAT}",
            suggestion="Update the package, or publish into another database.",
        )


def make_tables(connection: Connection) -> None:
    """Make the tables that are missing, without indexes."""
    # Only who owns tables may alter them, so nothing is done about those that are there.
    there = connection.execute("SELECT to_regclass('mtg_db.features')").fetchall()[0][0]
    if there is None:
        # Who has got the schema from an administrator may not create another one.
        if connection.execute("SELECT to_regnamespace('mtg_db')").fetchall() == [(None,)]:
            connection.execute("CREATE SCHEMA mtg_db")
        connection.execute(_TABLES)
        connection.execute(_STORAGE)


def make_indexes(connection: Connection) -> None:
    """Make the indexes that are missing; none of them is for vectors."""
    connection.execute(_INDEXES)


def image_table(number: int) -> str:
    """The name of a table of vectors."""
    return f"mtg_db.image_{number:d}"


def make_images(connection: Connection, number: int, dimension: int) -> None:
    """Make a table of vectors, without indexes."""
    # PLAIN keeps vectors on the page of their row, up to 8 kB. A tenth of each page stays free for
    # rows that are closed: they need no new entry in the indexes then.
    connection.execute(
        f"CREATE TABLE {image_table(number)} ({_ROWS}, vector vector({dimension:d}) NOT NULL) "
        f"WITH (fillfactor = 90)"
    )
    connection.execute(f"ALTER TABLE {image_table(number)} ALTER vector SET STORAGE PLAIN")


def index_images(connection: Connection, number: int, m: int, ef_construction: int) -> None:
    """Build the indexes of a table of vectors."""
    table = image_table(number)
    connection.execute(f"CREATE UNIQUE INDEX image_{number:d}_id_idx ON {table} (id)")
    # The bounds are pgvector's own.
    m = min(max(m, 2), 100)
    ef_construction = min(max(ef_construction, 2 * m, 4), 1000)
    connection.execute(
        f"CREATE INDEX image_{number:d}_vector_idx ON {table} USING hnsw "
        f"(vector vector_ip_ops) WITH (m = {m:d}, ef_construction = {ef_construction:d})"
    )


def _version(connection: Connection) -> str | None:
    row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    return next((str(one) for (one,) in row.fetchall()), None)
