"""Check what a server has of a generation: counts, and digests that the server computes itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mtg_image_db.postgres.schema import image_table

if TYPE_CHECKING:
    from mtg_image_db.postgres.connections import Connection

Totals = dict[str, tuple[int, str]]
"""Of each kind of rows: how many, and the digest of their digests."""

KINDS = ("face", "printing", "features", "image")
_SEPARATOR = b"\x1f"
"""Stands between the columns of a digest: no text of ours has it, since JSON escapes it."""
_FILTERED = 't."set", t.lang, t.rarity, t.layout, t.digital::text'


def _joined(columns: str) -> str:
    return f"convert_to(concat_ws(E'\\x1f', {columns}), 'UTF8')"


_CONTENT = {
    "face": _joined(
        f"t.face_id, {_FILTERED}, t.artwork, t.number, t.name, t.face_name, t.printed_name, "
        "t.record"
    )
    + " || i.digest || coalesce(f.digest, '')",
    "printing": _joined(
        f"t.artwork, t.place::text, t.face_id, {_FILTERED}, t.name, t.printed_name, t.record"
    ),
    "features": "t.packed || t.codes",
    "image": "vector_send(t.vector)",
}
"""What a digest is computed of, by the kind of the row `t`. A face has an image `i` and perhaps
features `f`."""


def digest_of(columns: Sequence[str], *digests: bytes) -> bytes:
    """The digest of a face or printing: of its columns, and of its image and features."""
    return hashlib.sha256(_SEPARATOR.join(map(str.encode, columns)) + b"".join(digests)).digest()


def total_of(digests: Iterable[bytes]) -> tuple[int, str]:
    """Count and digest of the digests of all rows of a kind."""
    ordered = sorted(digests)
    return len(ordered), hashlib.sha256(b"".join(ordered)).hexdigest()


def totals(connection: Connection, generation: int, images: int) -> Totals:
    """What the server has of a generation."""
    found: Totals = {}
    for kind in KINDS:
        query = (
            "SELECT count(*), encode(sha256(coalesce(string_agg(digest, ''::bytea ORDER BY "
            f"digest), ''::bytea)), 'hex') FROM {table_of(kind, images)} "
            "WHERE since <= %(g)s AND %(g)s < until"
        )
        [(count, digest)] = connection.execute(query, {"g": generation}).fetchall()
        found[kind] = int(count), str(digest)
    return found


def altered(connection: Connection, generation: int, images: int, since: int) -> dict[str, int]:
    """How many rows of a generation, first in `since` or later, are not what their digests say.

    A face whose image or features are not there counts as well.
    """
    counts = {}
    for kind in KINDS:
        more = ""
        if kind == "face":
            here = "since <= %(g)s AND %(g)s < {0}.until".replace("since", "{0}.since")
            more = (
                f"LEFT JOIN {image_table(images)} AS i ON i.id = t.image AND {here.format('i')} "
                f"LEFT JOIN mtg_db.features AS f ON f.id = t.features AND {here.format('f')}"
            )
        query = (
            f"SELECT count(*) FROM {table_of(kind, images)} AS t {more} "
            "WHERE t.since <= %(g)s AND %(g)s < t.until AND t.since >= %(since)s "
            f"AND sha256({_CONTENT[kind]}) IS DISTINCT FROM t.digest"
        )
        [(count,)] = connection.execute(query, {"g": generation, "since": since}).fetchall()
        counts[kind] = int(count)
    return counts


def table_of(kind: str, images: int) -> str:
    """The table of a kind of rows."""
    return image_table(images) if kind == "image" else f"mtg_db.{kind}"
