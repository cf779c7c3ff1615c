"""Export vectors as one NumPy array, and metadata as JSON Lines."""

from __future__ import annotations

from pathlib import Path

from mtg_image_db.database.database import Database
from mtg_image_db.system.arrays import write_array
from mtg_image_db.system.files import atomic_write
from mtg_image_db.system.progress import Progress


def export(database: Database, folder: Path, progress: Progress) -> list[Path]:
    """Write ``embeddings.npy`` (float32 [N, D]) and ``meta.jsonl`` (line i describes row i)."""
    vectors, records = folder / "embeddings.npy", folder / "meta.jsonl"
    with atomic_write(vectors) as stream:
        rows = list(database.gallery.rows())
        everything = len(rows) == len(database.embeddings)
        write_array(stream, database.embeddings if everything else database.embeddings[rows])
    with atomic_write(records) as stream:
        for row in rows:
            stream.write(database.gallery.parts.records.line(row))
            progress.advance()
    return [vectors, records]
