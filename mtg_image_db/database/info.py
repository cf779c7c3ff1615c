"""A summary of a database."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import Any

from mtg_image_db.database.database import Database
from mtg_image_db.database.parts import QUALITY
from mtg_image_db.errors import DatabaseError


def info_of(database: Database) -> dict[str, Any]:
    """Counts, encoder, parameters, age and quality of a database, as JSON types.

    Raises
    ------
    DatabaseError
        A part of it is damaged, or a newer database has replaced it.
    """
    manifest = database.manifest
    sets: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    for face in database.faces():
        sets[face.set] += 1
        languages[face.lang] += 1
    report = database.gallery.quality()
    try:
        levels = {level["ef_search"]: level for level in report["levels"]}
        level = levels[manifest.ef_search]
        quality = {name: float(level[name]) for name in ("recall_at_1", "milliseconds")}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        path = manifest.path.with_name(QUALITY)
        raise DatabaseError.damaged(path, "it lacks the result of the stored efSearch") from error
    return {
        "faces": manifest.faces,
        "entries": manifest.entries,
        "built": manifest.built.isoformat(),
        "age_days": (datetime.now(timezone.utc) - manifest.built).total_seconds() / 86400,
        "bytes": database.gallery.size(),
        "encoder": {
            **manifest.fingerprint.to_json(),
            "pretrained": manifest.choice.pretrained,
            "precision": manifest.precision,
        },
        "hnsw_m": manifest.hnsw_m,
        "hnsw_ef_construction": manifest.hnsw_ef_construction,
        "quality": {**quality, "ef_search": manifest.ef_search},
        "sets": dict(sets.most_common()),
        "languages": dict(languages.most_common()),
    }
