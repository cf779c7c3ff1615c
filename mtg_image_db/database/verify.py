"""Verify a database: all checks that opening skips because they take time."""

from __future__ import annotations

from mtg_image_db.database.database import Database
from mtg_image_db.database.parts import EMBEDDINGS, INDEX, LENGTH_TOLERANCE, METADATA
from mtg_image_db.database.server_gallery import ServerGallery
from mtg_image_db.errors import DatabaseError, InvalidArguments
from mtg_image_db.scryfall.faces import is_card_id
from mtg_image_db.system.files import parse_json, sha256_file
from mtg_image_db.system.progress import Progress, listener

_ROWS = 1024
"""Vectors checked, and searched for, at a time: 1 MB. By hand."""


def verify_database(database: Database, progress: Progress | None = None) -> list[str]:
    """Check every digest, vector and record, and that a search finds each face.

    Returns
    -------
    The problems, one line each; empty if there are none.

    Raises
    ------
    InvalidArguments
        It is a view of a database.
    DatabaseError
        A newer database has replaced it meanwhile.
    """
    if database.gallery.narrowed:
        raise InvalidArguments(["a view cannot be verified: give the whole database"])
    progress = listener(progress)
    gallery = database.gallery
    if isinstance(gallery, ServerGallery):
        return gallery.problems(progress)
    return [
        *_digests(database, progress),
        *_records(database, progress),
        *_vectors(database, progress),
        *_votes(database),
    ]


def _votes(database: Database) -> list[str]:
    inverted = database.gallery.parts.inverted
    try:
        if inverted is not None:
            inverted.check()
    except DatabaseError as error:
        return [error.details]
    return []


def _digests(database: Database, progress: Progress) -> list[str]:
    outputs = database.manifest.outputs
    progress.start("digests", len(outputs), "files")
    problems = []
    for name, (_, digest) in outputs.items():
        try:
            found = sha256_file(database.folder / name)
        except FileNotFoundError as error:
            raise DatabaseError.replaced(database.folder / name) from error
        if found != digest:
            problems.append(f"{name}: its SHA-256 is not the manifest's")
        progress.advance()
    progress.finish()
    return problems


def _records(database: Database, progress: Progress) -> list[str]:
    progress.start("metadata", len(database), "faces")
    problems: list[str] = []
    seen: set[str] = set()
    for row in range(len(database)):
        progress.advance()
        try:
            record = parse_json(database.gallery.parts.records.line(row))
            face_id, known = str(record["face_id"]), is_card_id(record["scryfall_id"])
        except (ValueError, KeyError, TypeError, DatabaseError):
            problems.append(f"{METADATA}: line {row + 1} is not a record")
            continue
        if not known or face_id in seen:
            problems.append(f"{METADATA}: line {row + 1}: {face_id} is not an id, or a duplicate")
        seen.add(face_id)
    progress.finish()
    return problems


def _vectors(database: Database, progress: Progress) -> list[str]:
    """Check that each vector has length 1, and that a search for it finds its row."""
    import numpy as np

    progress.start("vectors", len(database), "faces")
    problems: list[str] = []
    for start in range(0, len(database), _ROWS):
        vectors = np.asarray(database.embeddings[start : start + _ROWS])
        lengths = np.linalg.norm(vectors, axis=1)
        # Written so that NaN counts as wrong.
        wrong = ~(np.abs(lengths - 1) <= LENGTH_TOLERANCE)
        for row in np.flatnonzero(wrong):
            problems.append(  # noqa: PERF401
                f"{EMBEDDINGS}: row {start + row} is not a unit vector"
            )
        good = np.flatnonzero(~wrong)
        if len(good):
            try:
                hits = database.gallery.search_rows(np.ascontiguousarray(vectors[good]), 3)
            except DatabaseError as error:
                problems.append(error.details)
                progress.advance(len(database) - start)
                break
            for row, found in zip(good, hits, strict=True):
                if start + int(row) not in [hit.row for hit in found]:
                    face = database.face(start + int(row))
                    problems.append(
                        f"{INDEX}: {face.name} ({face.face_id}) is not found by its own vector"
                    )
        progress.advance(len(vectors))
    progress.finish()
    return problems
