"""FAISS indexes in files. Python opens the files: FAISS cannot open names that are not UTF-8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.errors import DatabaseError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WRITE_BYTES = 1 << 20
"""Bytes that FAISS passes on at a time."""


def save_index(index: Any, path: Path) -> None:
    """Write an index to a file through Python, since FAISS does not report a disk's error."""
    import faiss

    with path.open("wb") as stream:
        faiss.write_index(index, faiss.PyCallbackIOWriter(stream.write, _WRITE_BYTES))


def mapped(path: Path) -> NDArray[np.uint8]:
    """Map the bytes of a file; they stay readable when a newer database replaces it."""
    import numpy as np

    try:
        return np.memmap(path, dtype=np.uint8, mode="r")
    except ValueError as error:  # NumPy raises this for an empty file
        raise DatabaseError.damaged(path, "it is empty") from error


def index_over(data: NDArray[np.uint8], path: Path, flags: int = 0) -> Any:
    """Open an index for searches. Its large arrays are views of `data`: keep a reference to it.

    Parameters
    ----------
    data
        The checked bytes (see `layout`); FAISS opens no file itself.
    path
        The file's path, for messages.
    """
    import faiss

    try:
        return faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(data), len(data)), flags)
    except (RuntimeError, MemoryError) as error:
        raise DatabaseError.damaged(path, _last_line(error)) from error


def load_index(path: Path) -> Any:
    """Read an index whose layout was checked, for changes."""
    import faiss

    with path.open("rb") as stream:
        return faiss.read_index(faiss.PyCallbackIOReader(stream.read))


def _last_line(error: Exception) -> str:
    """The error message of FAISS, without the place in its source code."""
    return (str(error).splitlines() or [""])[-1][:200]
