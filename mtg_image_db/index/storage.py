"""FAISS indexes in files. Python opens the files: FAISS cannot, where a name is not UTF-8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.errors import DatabaseError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WRITE_BYTES = 1 << 20
"""Bytes that FAISS hands over at once."""


def save_index(index: Any, path: Path) -> None:
    """Write an index to a file: with Python's own, since FAISS does not say what a disk lacks."""
    import faiss

    with path.open("wb") as stream:
        faiss.write_index(index, faiss.PyCallbackIOWriter(stream.write, _WRITE_BYTES))


def mapped(path: Path) -> NDArray[np.uint8]:
    """Map the bytes of a file; they stay readable when a newer database takes its place."""
    import numpy as np

    try:
        return np.memmap(path, dtype=np.uint8, mode="r")
    except ValueError as error:  # NumPy's word for an empty file
        raise DatabaseError.damaged(path, "it is empty") from error


def index_over(data: NDArray[np.uint8], path: Path, flags: int = 0) -> Any:
    """Open an index to search it: its large arrays are views of `data`, which must be kept.

    Parameters
    ----------
    data
        What was checked (`layout`): FAISS opens no file.
    path
        Of the file, for messages.
    """
    import faiss

    try:
        return faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(data), len(data)), flags)
    except (RuntimeError, MemoryError) as error:
        raise DatabaseError.damaged(path, _last_line(error)) from error


def load_index(path: Path) -> Any:
    """Read an index whose layout was checked, to be changed."""
    import faiss

    with path.open("rb") as stream:
        return faiss.read_index(faiss.PyCallbackIOReader(stream.read))


def _last_line(error: Exception) -> str:
    """What FAISS says is wrong, without the place in its source."""
    return (str(error).splitlines() or [""])[-1][:200]
