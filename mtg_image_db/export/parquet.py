"""Export one Parquet table, which vector databases and analytics engines load directly."""

from __future__ import annotations

from pathlib import Path

from mtg_image_db.database.database import Database
from mtg_image_db.errors import ExportError, install
from mtg_image_db.system.files import atomic_write
from mtg_image_db.system.progress import Progress

_ROWS = 4096
"""Rows of a row group of Parquet. By hand."""


def require_pyarrow() -> None:
    """Raise an `ExportError` if the package is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ExportError(
            "Parquet needs the package pyarrow",
            details=str(error),
            suggestion=f"Install it: {install('parquet')}",
        ) from error


def export(database: Database, folder: Path, progress: Progress) -> list[Path]:
    """Write ``cards.parquet``: id, vector (a fixed-size list of float32), and the metadata."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    keys = (
        *("face_id", "scryfall_id", "oracle_id", "illustration_id", "name", "face_name"),
        *("printed_name", "set", "set_name", "collector_number", "rarity", "lang", "layout"),
        *("frame", "border_color", "released_at", "artist", "image_url", "card_url"),
    )
    lists = ("finishes", "promo_types", "colors")
    dimension = database.embeddings.shape[1]
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("vector", pa.list_(pa.float32(), dimension)),
            *((key, text) for key in keys),
            *((key, pa.list_(text)) for key in lists),
            ("full_art", pa.bool_()),
            ("digital", pa.bool_()),
        ]
    )
    path = folder / "cards.parquet"
    every = np.fromiter(database.gallery.rows(), np.int64)
    with atomic_write(path) as stream, pq.ParquetWriter(stream, schema) as writer:
        for start in range(0, len(every), _ROWS):
            rows = every[start : start + _ROWS]
            vectors = database.embeddings[rows].ravel()
            some = [database.face(row).record() for row in rows.tolist()]
            columns = {
                "id": rows.tolist(),
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors), dimension),
                **{key: [record[key] for record in some] for key in (*keys, *lists)},
                **{key: [record[key] for record in some] for key in ("full_art", "digital")},
            }
            writer.write_table(pa.table(columns, schema=schema))
            progress.advance(len(rows))
    return [path]
