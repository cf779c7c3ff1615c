"""Records in a JSON Lines file; each is read by its number, without parsing the others."""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.errors import DatabaseError
from mtg_image_db.system.arrays import save_array
from mtg_image_db.system.files import parse_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_records(path: Path, lines: Iterable[bytes]) -> int:
    """Write lines to ``<path>``, and the position of each to ``<path>.offsets.npy``.

    Returns
    -------
    How many lines were written.
    """
    import numpy as np

    offsets = [0]
    with path.open("wb") as stream:
        for line in lines:
            stream.write(line + b"\n")
            offsets.append(offsets[-1] + len(line) + 1)
    save_array(offsets_path(path), np.asarray(offsets, dtype=np.int64))
    return len(offsets) - 1


def offsets_path(path: Path) -> Path:
    """The file of offsets that belongs to a file of records."""
    return path.with_name(f"{path.name}.offsets.npy")


def open_array(path: Path, dtype: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """Map the array of a ``.npy`` file.

    Parameters
    ----------
    shape
        The shape it must have; None for one dimension of any length.

    Raises
    ------
    DatabaseError
        The file does not hold such an array.
    """
    import numpy as np

    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (FileNotFoundError, PermissionError):
        raise
    # NumPy reads headers with Python's own parser, which can raise nearly any exception.
    except Exception as error:
        raise DatabaseError.damaged(path, f"{type(error).__name__}: {error}") from error
    fits = array.ndim == 1 if shape is None else array.shape == shape
    if not fits or array.dtype != np.dtype(dtype):
        raise DatabaseError.damaged(path, f"it holds {array.dtype} {array.shape}")
    return array


class Records:
    """A file of records, memory-mapped.

    Raises
    ------
    DatabaseError
        The offsets do not fit the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: NDArray[np.int64] = open_array(offsets_path(path), "int64")
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            # An empty file cannot be mapped.
            self._data: mmap.mmap | bytes = (
                mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            )
        ends = self._offsets[[0, -1]].tolist() if len(self._offsets) else None
        if ends != [0, size] or not (self._offsets[1:] > self._offsets[:-1]).all():
            raise DatabaseError.damaged(path, "its offsets do not fit")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def line(self, number: int) -> bytes:
        """The text of one record."""
        start, end = int(self._offsets[number]), int(self._offsets[number + 1])
        if not 0 <= start < end <= len(self._data):
            raise DatabaseError.damaged(self._path, f"line {number + 1} has no place")
        return bytes(self._data[start:end])

    def __getitem__(self, number: int) -> dict[str, Any]:
        try:
            record = parse_json(self.line(number))
        except ValueError as error:
            raise DatabaseError.damaged(
                self._path, f"line {number + 1} is not valid JSON"
            ) from error
        if not isinstance(record, dict):
            raise DatabaseError.damaged(self._path, f"line {number + 1} is not a record")
        return record

    def possible(self, allowed: Mapping[str, Collection[str]]) -> list[int]:
        """The numbers of the records that may have an allowed value for each key.

        May include false positives, never misses a match. It searches the text, which is much
        faster than parsing it: quotes inside a JSON string are escaped, so what looks like a key is
        a key. Values with escapes are not decoded; each of them counts as a possible match.
        """
        import numpy as np

        numbers: set[int] | None = None
        for key, values in allowed.items():
            pattern = _values_of(key)
            wanted = {value.encode("utf-8", "backslashreplace") for value in values}
            places = [
                match.start()
                for match in pattern.finditer(self._data)
                if match[1] in wanted or b"\\" in match[1]
            ]
            found = set((np.searchsorted(self._offsets, places, side="right") - 1).tolist())
            numbers = found if numbers is None else numbers & found
        return list(range(len(self))) if numbers is None else sorted(numbers)

    def values(self, key: str) -> set[str]:
        """All values of a key, except those with escapes."""
        found = {match[1] for match in _values_of(key).finditer(self._data)}
        return {value.decode("utf-8", "replace") for value in found if b"\\" not in value}

    def columns(self, *keys: str) -> list[tuple[str, ...]]:
        """The texts of some keys in each object that has them, in order; also within lists.

        It searches the text, as `possible` does.

        Raises
        ------
        DatabaseError
            Some object has only some of the keys.
        """
        found = [self._texts(key) for key in keys]
        if len({len(some) for some in found}) > 1:
            raise DatabaseError.damaged(self._path, f"a record lacks one of {', '.join(keys)}")
        return list(zip(*found, strict=True))

    def _texts(self, key: str) -> list[str]:
        try:
            return [
                parse_json(b'"%s"' % value) if b"\\" in value else value.decode()
                for value in _values_of(key).findall(self._data)
            ]
        except ValueError as error:
            raise DatabaseError.damaged(self._path, f"a {key} is not valid JSON") from error

    def find(self, key: str, value: str) -> dict[str, Any] | None:
        """The record whose `key` is `value`, in a file sorted by that key."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            record = self[middle]
            if record.get(key) == value:
                return record
            if str(record.get(key)) < value:
                low = middle + 1
            else:
                high = middle
        return None


def _values_of(key: str) -> re.Pattern[bytes]:
    """The pattern that finds a key in a record's text; the value is its first group."""
    return re.compile(b'"%s"[ \\t]*:[ \\t]*"((?:[^"\\\\]|\\\\.)*)"' % key.encode())
