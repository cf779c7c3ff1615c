"""Vectors and metadata for other programs."""

from __future__ import annotations

from pathlib import Path

from mtg_image_db.database.database import Database
from mtg_image_db.export import browser, npy, parquet
from mtg_image_db.system.files import make_folder
from mtg_image_db.system.progress import Progress, Silent


def export_database(
    database: Database,
    folder: Path,
    form: str,
    *,
    dtype: str = "int8",
    progress: Progress | None = None,
) -> list[Path]:
    """Write a database's vectors and metadata to a folder.

    Parameters
    ----------
    form
        ``npy``, ``parquet`` or ``browser``.
    dtype
        ``int8`` or ``float32``: of the vectors, for browsers.

    Returns
    -------
    The files.

    Raises
    ------
    StorageError
        The folder cannot be written.
    ExportError
        A package that the form needs is not installed.
    """
    progress = Silent() if progress is None else progress
    if form == "parquet":
        parquet.require_pyarrow()
    make_folder(folder)
    progress.start("exporting", len(database), "faces")
    try:
        if form == "browser":
            return browser.export(database, folder, dtype, progress)
        write = npy.export if form == "npy" else parquet.export
        return write(database, folder, progress)
    finally:
        progress.finish()
