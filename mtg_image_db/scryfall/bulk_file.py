"""Fetch one bulk file, in as many pieces as it takes, and check it as a whole.

The bytes that have arrived stay in ``<name>.partial`` beside their ETag, so after a broken
connection or a killed process only the rest is fetched (RFC 9110 §13.1.5, If-Range).
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import requests

from mtg_image_db.errors import SnapshotError
from mtg_image_db.net.responses import DamagedBody, is_etag, length_of
from mtg_image_db.net.session import PoliteSession
from mtg_image_db.scryfall.rows import split_array
from mtg_image_db.system.files import (
    atomic_write,
    open_to_append,
    read_json_object,
    storage_errors,
    sync_file,
    sync_folder,
    write_json,
)
from mtg_image_db.system.progress import Progress

LARGEST_FILE = 4 << 30
"""Bytes of the largest bulk file that is fetched. By hand: far above Scryfall's largest."""
LARGEST_UNPACKED = 32 << 30
"""Bytes to which a bulk file may unpack. By hand: far above Scryfall's largest."""
_CHUNK = 1 << 18
"""Bytes read at a time. By hand."""


def fetch_rows(
    session: PoliteSession, url: str, path: Path, size: int | None, progress: Progress
) -> int:
    """Fetch a gzip JSON Lines file to `path`; continue where an earlier try stopped.

    Parameters
    ----------
    size
        In bytes, from the descriptor; None if it does not say.

    Returns
    -------
    The number of lines that are not blank.

    Raises
    ------
    NetworkError, SnapshotError, StorageError
        `path` stays unchanged.
    """
    partial = _Partial(path)

    def consume(response: requests.Response) -> int:
        total = partial.begin(response)
        if size is not None and total not in (None, size):
            raise DamagedBody("length differs from the descriptor's")
        if (total or 0) > LARGEST_FILE:
            raise _too_large()
        partial.append(response, progress)
        if total is not None and partial.size != total:
            raise DamagedBody("truncated body")
        rows = partial.count_rows()
        partial.publish()
        return rows

    return session.fetch(
        url, consume, headers=partial.headers, accept=frozenset({200, 206, 416}), large=True
    )


def fetch_array(session: PoliteSession, url: str, path: Path, progress: Progress) -> int:
    """Fetch a JSON array, gzipped or not, and store it at `path` as gzip JSON Lines.

    Returns
    -------
    The number of rows.
    """
    told = 0

    def consume(response: requests.Response) -> int:
        received = 0

        def pieces() -> Iterator[bytes]:
            nonlocal received, told
            while piece := response.raw.read(_CHUNK, decode_content=True):
                received += len(piece)
                if received > LARGEST_FILE:
                    raise _too_large()
                progress.advance(max(0, received - told))
                told = max(told, received)
                yield piece

        def limited(texts: Iterator[bytes]) -> Iterator[bytes]:
            unpacked = 0
            for text in texts:
                unpacked += len(text)
                if unpacked > LARGEST_UNPACKED:
                    raise _too_large()
                yield text

        rows = 0
        with atomic_write(path) as stream:
            with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=5, mtime=0) as packed:
                for line in split_array(limited(_unpacked(pieces()))):
                    packed.write(line + b"\n")
                    rows += 1
            if rows == 0:
                raise DamagedBody("the bulk file has no rows")
        return rows

    return session.fetch(url, consume, large=True)


class _Partial:
    """The part of a file that has arrived so far."""

    def __init__(self, path: Path) -> None:
        self._final = path
        self._path = path.with_name(f"{path.name}.partial")
        self._note = path.with_name(f"{path.name}.partial.json")
        self._told = 0

    @property
    def size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def headers(self) -> Mapping[str, str]:
        """Ask for the rest, on condition that the file is still the same."""
        etag = (read_json_object(self._note) or {}).get("etag")
        # A weak ETag (W/"…") does not promise the same bytes.
        if not self.size or not is_etag(etag) or not etag.startswith('"'):
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": etag}

    def begin(self, response: requests.Response) -> int | None:
        """Prepare for the body; return the length of the whole file if the server gives it."""
        if response.status_code == 206:
            told = re.fullmatch(
                r"bytes (\d{1,20})-\d{1,20}/(\d{1,20})",
                response.headers.get("Content-Range", "").strip(),
            )
            if told and int(told[1]) == self.size:
                return int(told[2])
            self.discard()
            raise DamagedBody("the server sent another part than was asked for")
        self.discard()
        if response.status_code == 416:
            raise DamagedBody("the server has no more of the file")
        write_json(self._note, {"etag": response.headers.get("ETag", "")})
        return length_of(response)

    def append(self, response: requests.Response, progress: Progress) -> None:
        self._tell(self.size, progress)
        with storage_errors(self._path), open_to_append(self._path) as stream:
            while piece := response.raw.read(_CHUNK, decode_content=False):
                stream.write(piece)
                self._tell(stream.tell(), progress)
                if stream.tell() > LARGEST_FILE:
                    raise _too_large()
            sync_file(stream)

    def _tell(self, size: int, progress: Progress) -> None:
        """Advance to `size`; a retry does not count the same bytes again."""
        progress.advance(max(0, size - self._told))
        self._told = max(self._told, size)

    def count_rows(self) -> int:
        """Unpack the whole file and count its lines; remove it if it is damaged."""
        try:
            return count_rows(self._path)
        except (DamagedBody, SnapshotError):
            self.discard()
            raise

    def publish(self) -> None:
        with storage_errors(self._final):
            self._path.replace(self._final)
            sync_folder(self._final.parent)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def count_rows(path: Path) -> int:
    """Unpack a whole file and count its rows; `DamagedBody` if that fails or there are none."""
    unpacked = rows = 0
    unfinished = False  # the text since the last line break holds more than blanks
    try:
        # Use the same reader as later: then it accepts what was accepted here.
        with gzip.open(path, "rb") as stream:
            while text := stream.read(4 << 20):
                unpacked += len(text)
                if unpacked > LARGEST_UNPACKED:
                    raise SnapshotError("The bulk file unpacks to more than 32 GB: refused")
                *lines, rest = text.split(b"\n")
                for line in lines:
                    rows += unfinished or bool(line.strip())
                    unfinished = False
                unfinished |= bool(rest.strip())
    except (OSError, EOFError, zlib.error):
        raise DamagedBody("bad gzip data") from None
    rows += unfinished
    if rows == 0:
        raise DamagedBody("the bulk file has no rows")
    return rows


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip if the first bytes are gzip's; mirrors send both forms."""
    unpack = None
    for number, piece in enumerate(pieces):
        if number == 0 and piece[:2] == b"\x1f\x8b":
            unpack = zlib.decompressobj(wbits=31)
        if unpack is None:
            yield piece
            continue
        rest = piece
        while rest:
            try:
                yield unpack.decompress(rest, 4 << 20)
            except zlib.error:
                raise DamagedBody("bad gzip data") from None
            rest = unpack.unconsumed_tail
    if unpack and not unpack.eof:
        raise DamagedBody("the gzip data end early")


def _too_large() -> SnapshotError:
    return SnapshotError("The bulk file is over the size limit", details=f"{LARGEST_FILE} bytes")
