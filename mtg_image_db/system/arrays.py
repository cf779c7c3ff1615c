"""Write arrays to ``.npy`` files; a full disk raises an `OSError` that says so.

NumPy writes through C's stdio, which loses the reason of an error. Writing to a memory map when the
disk is full kills the process (SIGBUS).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BYTES = 1 << 22
"""Bytes written at a time. By hand."""


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array to a file."""
    with path.open("wb") as stream:
        write_array(stream, array)


def write_array(stream: IO[bytes], array: NDArray[Any]) -> None:
    """Write an array as `numpy.save` does."""
    import numpy as np

    _write_header(stream, array.dtype, array.shape)
    rows = max(1, _BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        stream.write(np.ascontiguousarray(array[start : start + rows]).tobytes())


@contextmanager
def new_array(path: Path, dtype: str, shape: tuple[int, ...]) -> Iterator[ArrayFile]:
    """Create a file that holds an array of zeros; fill its rows in any order."""
    import numpy as np

    with path.open("wb") as stream:
        _write_header(stream, np.dtype(dtype), shape)
        yield ArrayFile(stream, np.dtype(dtype), shape)


class ArrayFile:
    """The rows of an array in a file that is being written."""

    def __init__(self, stream: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._stream = stream
        self._dtype = dtype
        self._begin = stream.tell()
        self._row_bytes = dtype.itemsize
        for length in shape[1:]:
            self._row_bytes *= length
        stream.truncate(self._begin + shape[0] * self._row_bytes)

    def put(self, rows: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Write `values` [n, …] to the rows `rows` [n]; neighbouring rows go in one write."""
        import numpy as np

        if not len(rows):
            return
        order = np.argsort(rows, kind="stable")
        rows, values = rows[order], np.asarray(values[order], dtype=self._dtype)
        starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            self._stream.seek(self._begin + int(rows[start]) * self._row_bytes)
            self._stream.write(values[start:end].tobytes())


def _write_header(stream: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    import numpy as np

    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(stream, header)
