"""Publish the database of a folder on a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtg_image_db.database.parts import INVERTED, INVERTED_ROWS, Parts
from mtg_image_db.errors import DatabaseError, InvalidArguments
from mtg_image_db.postgres.address import Address
from mtg_image_db.system.checks import check, wrong_integer
from mtg_image_db.system.files import sha256_file
from mtg_image_db.system.progress import Progress, listener

if TYPE_CHECKING:
    from mtg_image_db.database.database import Database
    from mtg_image_db.postgres.contents import Contents
    from mtg_image_db.postgres.publication import Published

MOST_KEPT = 1000
"""Most older generations that a server keeps. By hand."""


def publish_database(
    database: Database, to: str | Address, *, keep: int = 1, progress: Progress | None = None
) -> Published:
    """Publish the database of a folder on a server, where it replaces the one in force.

    Only what has changed is sent. At any instant before the end, the one before is in force, whole
    (docs/scaling.md).

    Parameters
    ----------
    to
        ``postgresql://…``.
    keep
        How many of the generations before stay on the server.

    Raises
    ------
    InvalidArguments
        `database` is a view or is on a server; or another argument is wrong.
    DatabaseError
        A file of it was changed; or another version of this program published there.
    PostgresError
        The server cannot be reached, refuses or lacks something.
    """
    from mtg_image_db.postgres.publication import publish

    check(wrong_integer("keep", keep, 0, MOST_KEPT))
    address = to if isinstance(to, Address) else Address(to)
    if database.gallery.narrowed:
        raise InvalidArguments(["a view cannot be published: give the whole database"])
    parts = database.gallery.parts
    progress = listener(progress)
    _check_digests(parts, progress)
    return publish(_contents(parts), address, keep, progress)


def _check_digests(parts: Parts, progress: Progress) -> None:
    """Raise a `DatabaseError` if a file was changed: new digests would certify the damage."""
    outputs = parts.manifest.outputs
    progress.start("digests", len(outputs), "files")
    for name, (_, digest) in outputs.items():
        path = parts.folder / name
        try:
            found = sha256_file(path)
        except FileNotFoundError as error:
            raise DatabaseError.replaced(path) from error
        if found != digest:
            raise DatabaseError.damaged(path, "its SHA-256 is not the manifest's")
        progress.advance()
    progress.finish()


def _contents(parts: Parts) -> Contents:
    import numpy as np

    from mtg_image_db.index.codes import SplitIndex
    from mtg_image_db.postgres.contents import Contents

    manifest, inverted = parts.manifest, None
    if parts.inverted is not None:
        rows = np.load(parts.folder / INVERTED_ROWS, mmap_mode="r")
        inverted = SplitIndex(parts.folder / INVERTED, rows)

    def printings() -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
        return parts.printings.possible({})

    return Contents(
        name=parts.folder.name,
        manifest=manifest.raw,
        hnsw=(manifest.hnsw_m, manifest.hnsw_ef_construction),
        line=parts.records.line,
        printings=printings,
        vectors=parts.embeddings,
        packed=parts.local_features,
        inverted=inverted,
    )
