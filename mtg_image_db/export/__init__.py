"""Export vectors and metadata for other programs."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.system.checks import check, path_of, wrong_word
from mtg_image_db.system.files import make_folder
from mtg_image_db.system.progress import Progress, listener

if TYPE_CHECKING:
    from mtg_image_db.database.database import Database

FORMS = ("npy", "parquet", "browser")

DTYPES = ("int8", "float32")


def export_database(
    database: Database,
    folder: str | PathLike[str],
    form: str,
    *,
    dtype: str = "int8",
    progress: Progress | None = None,
) -> list[Path]:
    """Write a database's vectors and metadata to a folder; of a view, those of the view.

    Parameters
    ----------
    form
        ``npy``, ``parquet`` or ``browser``.
    dtype
        ``int8`` or ``float32``: of the vectors, for browsers.

    Returns
    -------
    The written files.

    Raises
    ------
    InvalidArguments
        The form or type does not exist.
    StorageError
        The folder cannot be written.
    ExportError
        A package that the form needs is not installed.
    """
    from mtg_image_db.export import browser, npy, parquet

    check(wrong_word("form", form, FORMS), wrong_word("dtype", dtype, DTYPES))
    progress = listener(progress)
    if form == "parquet":
        parquet.require_pyarrow()
    folder = make_folder(path_of("folder", folder))
    progress.start("exporting", len(database), "faces")
    try:
        if form == "browser":
            return browser.export(database, folder, dtype, progress)
        write = npy.export if form == "npy" else parquet.export
        return write(database, folder, progress)
    finally:
        progress.finish()
