"""The generations that a server keeps: which is the newest, and sweeping old ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtg_image_db.postgres import schema
from mtg_image_db.postgres.checks import altered, totals
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    from mtg_image_db.postgres.address import Address
    from mtg_image_db.postgres.connections import Connection

_LOCK = 0x6D74_675F_6462
"""The number of the lock that a publisher takes: "mtg_db" in ASCII."""


@dataclass(frozen=True)
class Newest:
    """The newest generation on the server; of number 0 if there is none."""

    number: int = 0
    name: str = ""
    images: int = 0
    made_by: object = None
    in_force: int = 0


def maker_of(manifest: Mapping[str, Any]) -> list[object]:
    """What vectors and their graph depend on: the encoder, M and efConstruction."""
    parameters = manifest["parameters"]
    graph = [parameters["hnsw_m"], parameters["hnsw_ef_construction"]]
    return [manifest["encoder"]["fingerprint"], *graph]


def _made_by(manifest: str) -> list[object] | None:
    try:
        return maker_of(json.loads(manifest))
    except (ValueError, TypeError, KeyError):  # damaged
        return None


def lock(connection: Connection, progress: Progress) -> None:
    """Let nobody else publish until the transaction ends."""
    [(free,)] = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchall()
    if not free:
        progress.note("Another program publishes to this server: waiting until it has ended.")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def newest(connection: Connection, address: Address) -> Newest:
    """The newest generation.

    Raises
    ------
    DatabaseError
        Another version of this program published it.
    """
    query = (
        "SELECT id, format, name, images, manifest, "
        "coalesce((SELECT generation FROM mtg_db.in_force), 0) "
        "FROM mtg_db.generation ORDER BY id DESC LIMIT 1"
    )
    for number, version, name, images, manifest, in_force in connection.execute(query).fetchall():
        schema.require_format(version, address)
        return Newest(number, name, images, _made_by(manifest), in_force)
    return Newest()


def is_whole(connection: Connection, there: Newest, inverted: bytes | None) -> bool:
    """Whether the newest generation, and what is said of it, is as it was published.

    Parameters
    ----------
    inverted
        The inverted index as the folder has it, without its entries.
    """
    query = "SELECT totals, quality, inverted FROM mtg_db.generation WHERE id = %s"
    found = connection.execute(query, [there.number], binary=True).fetchall()
    [(said, quality, learned)] = found
    try:
        stored = {kind: tuple(total) for kind, total in json.loads(said).items()}
        int(json.loads(quality)["ef_search"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return (
        there.made_by is not None
        and learned == inverted
        and stored == totals(connection, there.number, there.images)
        and not any(altered(connection, there.number, there.images, since=0).values())
    )


def sweep(connection: Connection, keep: int) -> int:
    """Remove generations before the last `keep` and the one in force, and what only they have."""
    query = (
        "DELETE FROM mtg_db.generation WHERE id < (SELECT least(min(id), (SELECT generation FROM "
        "mtg_db.in_force)) FROM (SELECT id FROM mtg_db.generation ORDER BY id DESC LIMIT %s) AS "
        "newest) RETURNING id"
    )
    swept = len(connection.execute(query, [keep + 1]).fetchall())
    if swept:
        query = "SELECT min(id), array_agg(DISTINCT images) FROM mtg_db.generation"
        [(oldest, images)] = connection.execute(query).fetchall()
        for kind in ("face", "printing", "features"):
            connection.execute(f"DELETE FROM mtg_db.{kind} WHERE until <= %s", [oldest])
        query = (
            "SELECT substr(relname, 7)::integer FROM pg_class WHERE relkind = 'r' AND relname ~ "
            "'^image_[0-9]+$' AND relnamespace = 'mtg_db'::regnamespace"
        )
        for (number,) in connection.execute(query).fetchall():
            if number in images:
                table = schema.image_table(number)
                connection.execute(f"DELETE FROM {table} WHERE until <= %s", [oldest])
            else:
                connection.execute(f"DROP TABLE {schema.image_table(number)}")
    return swept
