"""Vectors small enough to be searched in a web page."""

from __future__ import annotations

import json
from pathlib import Path

from mtg_image_db.database.database import Database
from mtg_image_db.scryfall.faces import to_line
from mtg_image_db.system.files import atomic_write
from mtg_image_db.system.progress import Progress

_ROWS = 8192
"""Vectors converted at a time: some 8 MB. By hand."""
_SCALE = 127
"""What 1.0 becomes in an int8: its largest value."""


def export(database: Database, folder: Path, dtype: str, progress: Progress) -> list[Path]:
    """Write the vectors row by row, and a ``meta.json`` that says how to read them.

    ``embeddings.i8bin`` holds clip(round(x * 127)), one byte each; ``embeddings.f32bin`` holds
    little-endian floats. The inner product of two int8 vectors, divided by 127 squared, is about
    their cosine similarity.
    """
    import numpy as np

    small = dtype == "int8"
    vectors = folder / ("embeddings.i8bin" if small else "embeddings.f32bin")
    rows = np.fromiter(database.gallery.rows(), np.int64)
    with atomic_write(vectors) as stream:
        for start in range(0, len(rows), _ROWS):
            some = database.embeddings[rows[start : start + _ROWS]]
            if small:
                values = np.clip(np.round(some * _SCALE), -_SCALE, _SCALE).astype(np.int8)
                stream.write(values.tobytes())
            else:
                stream.write(some.astype("<f4").tobytes())
    quantization = {
        "dtype": dtype,
        "scale_factor": _SCALE if small else 1,
        "original_dtype": "float32",
        "note": "x is about value / scale_factor" if small else "not quantized",
    }
    head = {
        "version": 1,
        "encoder": database.manifest.fingerprint.to_json(),
        "quantization": quantization,
        "shape": [len(rows), database.embeddings.shape[1]],
    }
    meta = folder / "meta.json"
    with atomic_write(meta) as stream:
        stream.write(json.dumps(head).encode()[:-1] + b', "records": [')
        for number, row in enumerate(rows.tolist()):
            line = to_line(database.gallery.parts.records[row])
            stream.write((b",\n" if number else b"\n") + line)
            progress.advance()
        stream.write(b"\n]}\n")
    return [vectors, meta]
