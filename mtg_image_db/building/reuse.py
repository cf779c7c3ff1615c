"""Reuse vectors, graph and precision of the database that is in force."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.building.checkpoint import Checkpoint
from mtg_image_db.building.plan import Plan, PlannedFace
from mtg_image_db.database.database import Database
from mtg_image_db.database.publication import generations
from mtg_image_db.encoders import PRECISIONS, Fingerprint
from mtg_image_db.encoders.local_features import MADE_BY as FEATURES_MADE_BY
from mtg_image_db.errors import MissingInput, MtgDbError
from mtg_image_db.system.arrays import ArrayFile
from mtg_image_db.system.files import sha256_file
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_GONE = 0.1
"""Largest share of removed entries in an index; beyond it, the index is rebuilt."""

MOST_ADDED = 0.5
"""Largest share of entries that an update adds; beyond it, the index is rebuilt."""

_COPY_ROWS = 8192
"""Rows copied at a time: 8 MB of vectors, 100 MB of local features. By hand."""

_PRICES = re.compile(rb',"prices":\{[^}]*\}')


class Predecessor:
    """The database that a build replaces.

    Its vectors are reused if image and encoder are unchanged, whatever else has changed.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lines: dict[str, bytes] = {}
        self.keys: dict[str, int] = {}
        self.parts = database.gallery.parts
        for row in range(len(database)):
            line = self.parts.records.line(row)
            record = json.loads(line)
            self.lines[record["face_id"]] = hash_of(line)
            self.keys.setdefault(record.get("image_sha256", ""), row)

    @classmethod
    def open(cls, out: Path, progress: Progress) -> Predecessor | None:
        """Open the database published in `out`; None if there is none, or it is damaged (noted)."""
        try:
            database = Database.open(out)
            for name, (_, digest) in database.manifest.outputs.items():
                # If a damaged vector were copied, the new digest would certify it.
                if sha256_file(database.folder / name) != digest:
                    progress.note(f"The database in {out} is not reused: {name} was changed.")
                    return None
            if (inverted := database.gallery.parts.inverted) is not None:
                inverted.check()
            return cls(database)
        except MissingInput as error:
            if generations(out):
                progress.note(
                    f"{error.message}: the databases there are not reused, and are removed when "
                    f"the new one is complete. {error.suggestion}"
                )
            return None
        except (MtgDbError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            progress.note(f"The database in {out} is not reused: {error}")
            return None

    def fits(self, fingerprint: Fingerprint) -> bool:
        """Whether its vectors come from this encoder."""
        return self.database.manifest.fingerprint.digest == fingerprint.digest

    @property
    def precision(self) -> str | None:
        """The precision with which its vectors were made."""
        value = self.database.manifest.precision
        return value if value in PRECISIONS else None

    @property
    def has_features(self) -> bool:
        """Whether it has local features that can be compared with this version's."""
        made = self.database.manifest.raw["parameters"].get("local_features")
        return self.parts.local_features is not None and made == FEATURES_MADE_BY

    def copy(self, rows_of: dict[str, list[int]], source: NDArray[Any], target: ArrayFile) -> None:
        """Copy each known image's row in one of its arrays to the new rows of that image."""
        import numpy as np

        pairs = [(old, new) for key, old in self.keys.items() for new in rows_of.get(key, ())]
        table = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        for start in range(0, len(table), _COPY_ROWS):
            old, new = table[start : start + _COPY_ROWS].T
            target.put(new, source[old])

    def changes(self, plan: Plan, faces: Sequence[PlannedFace]) -> Changes:
        """Count new, changed and removed faces."""
        new = changed = refreshed = 0
        for face in faces:
            before = self.lines.get(face.face_id)
            if before is None:
                new += 1
            elif before != hash_of(plan.line(face)):
                if face.key in self.keys:
                    refreshed += 1
                else:
                    changed += 1
        return Changes(new, changed, refreshed, gone=len(self.lines) - (len(faces) - new))


@dataclass(frozen=True)
class Changes:
    """How many faces differ from the previous database; see `BuildSummary`."""

    new: int = 0
    changed: int = 0
    refreshed: int = 0
    gone: int = 0


@dataclass(frozen=True)
class Work:
    """What a build reuses, and what it has to compute.

    Parameters
    ----------
    vectors_from, features_from
        The previous database, if it has vectors of the same encoder, and local features that can be
        compared with this version's.
    unencoded, undescribed
        One face for each distinct image that lacks a vector, and that lacks wanted local features.
    reused
        Distinct images that have a vector.
    """

    vectors_from: Predecessor | None
    features_from: Predecessor | None
    unencoded: tuple[PlannedFace, ...]
    undescribed: tuple[PlannedFace, ...]
    reused: int


def divide_work(
    plan: Plan,
    before: Predecessor | None,
    fingerprint: Fingerprint,
    vectors: Checkpoint,
    features: Checkpoint | None,
) -> Work:
    """Decide for each distinct image what is reused and what is computed.

    Parameters
    ----------
    features
        None if local features are not wanted.
    """
    vectors_from = before if before is not None and before.fits(fingerprint) else None
    features_from = before if before is not None and before.has_features else None
    by_key = {face.key: face for face in plan.faces}

    def lacking(there: Checkpoint, source: Predecessor | None) -> tuple[PlannedFace, ...]:
        return tuple(
            face
            for key, face in by_key.items()
            if key not in there and (source is None or key not in source.keys)
        )

    unencoded = lacking(vectors, vectors_from)
    undescribed = () if features is None else lacking(features, features_from)
    return Work(vectors_from, features_from, unencoded, undescribed, len(by_key) - len(unencoded))


def hash_of(line: bytes) -> bytes:
    """A short digest of a line of metadata, but for its prices: these change every day."""
    return blake2b(_PRICES.sub(b"", line.rstrip(b"\n")), digest_size=16).digest()
