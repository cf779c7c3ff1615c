"""Rows in PostgreSQL's binary format for COPY (https://www.postgresql.org/docs/current/sql-copy.html).

It is written here because psycopg cannot write pgvector's type in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)
_BLOCK = 1 << 18
"""Bytes that are sent at a time. By hand."""

Cell = bytes | None


def bigint(number: int) -> bytes:
    """A cell of type bigint."""
    return struct.pack(">q", number)


def integer(number: int) -> bytes:
    """A cell of type integer."""
    return struct.pack(">i", number)


def boolean(value: bool) -> bytes:
    """A cell of type boolean."""
    return b"\1" if value else b"\0"


def vector(values: NDArray[np.float32]) -> bytes:
    """A cell of pgvector's type vector; PostgreSQL's `vector_send` returns the same bytes."""
    return struct.pack(">hh", len(values), 0) + values.astype(">f4").tobytes()


def blocks(rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """Yield the bytes of a COPY."""
    block = bytearray(HEAD)
    for row in rows:
        block += struct.pack(">h", len(row))
        for cell in row:
            block += struct.pack(">i", -1) if cell is None else struct.pack(">i", len(cell)) + cell
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block) + END
