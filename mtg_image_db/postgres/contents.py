"""What is published: the rows of a database, each with its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtg_image_db.postgres import copying
from mtg_image_db.postgres.checks import digest_of
from mtg_image_db.postgres.copying import Cell
from mtg_image_db.scryfall.faces import to_line
from mtg_image_db.scryfall.names import NAMES
from mtg_image_db.scryfall.values import bool_of, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtg_image_db.index.codes import SplitIndex

_ROWS = 4096
"""Vectors read at a time: 4 MB at 256 dimensions. By hand."""


@dataclass(frozen=True)
class Contents:
    """A generation of a folder.

    Parameters
    ----------
    name
        Its name.
    manifest
        Its manifest, as JSON types.
    hnsw
        M and efConstruction of its graph.
    line
        Returns the line of metadata of a row.
    printings
        Begins to yield the artworks with the records of their printings.
    vectors
        float32 [N, D].
    packed
        uint8 [N, 180, 68]: local features; None if there are none.
    inverted
        The inverted index, taken apart; None if there is none.
    """

    name: str
    manifest: Mapping[str, Any]
    hnsw: tuple[int, int]
    line: Callable[[int], bytes]
    printings: Callable[[], Iterator[tuple[str, Sequence[Mapping[str, Any]]]]]
    vectors: NDArray[np.float32]
    packed: NDArray[np.uint8] | None
    inverted: SplitIndex | None

    def images(self) -> list[bytes]:
        """The digest of each row's vector."""
        found = []
        for start in range(0, len(self.vectors), _ROWS):
            some = np.asarray(self.vectors[start : start + _ROWS])
            found += [hashlib.sha256(copying.vector(one)).digest() for one in some]
        return found

    def features(self) -> tuple[list[bytes], dict[bytes, int]]:
        """The digest of each row's features, and for each digest the row that has the codes.

        Rows of one image have the same features, and the inverted index has them once.
        """
        digests: list[bytes] = []
        owners: dict[bytes, tuple[bytes, int]] = {}
        for row in range(0 if self.packed is None else len(self.packed)):
            packed = self._packed(row)
            plain = hashlib.sha256(packed).digest()
            if plain not in owners:
                owners[plain] = hashlib.sha256(packed + self._codes(row)).digest(), row
            digests.append(owners[plain][0])
        return digests, dict(owners.values())

    def image_cells(self, row: int) -> list[Cell]:
        """The columns of an image."""
        return [copying.vector(np.asarray(self.vectors[row]))]

    def features_cells(self, row: int) -> list[Cell]:
        """The columns of local features."""
        return [self._packed(row), self._codes(row)]

    def face_columns(self, row: int) -> list[str]:
        """The columns of a face as text, but for its image and features."""
        line = self.line(row).rstrip(b"\n").decode("utf-8")
        record = json.loads(line)
        digits = re.search(r"\d+", text_of(record, "collector_number"))
        number = digits.group().lstrip("0") if digits else "-"
        artwork, names = _plain(record, "illustration_id"), [_plain(record, key) for key in NAMES]
        return [_plain(record, "face_id"), *_filtered(record), artwork, number, *names, line]

    def printing_columns(self) -> Iterator[list[str]]:
        """The columns of each printing as text."""
        for artwork, records in self.printings():
            for place, record in enumerate(records):
                line = to_line(record).decode("utf-8")
                face_id = _plain(record, "face_id")
                names = [_plain(record, key) for key in ("name", "printed_name")]
                yield [artwork, str(place), face_id, *_filtered(record), *names, line]

    def _packed(self, row: int) -> bytes:
        return b"" if self.packed is None else np.asarray(self.packed[row]).tobytes()

    def _codes(self, row: int) -> bytes:
        return b"" if self.inverted is None else self.inverted.of(row)


def face_digest(columns: Sequence[str], image: bytes, features: bytes | None) -> bytes:
    """The digest of a face: of its columns, its image and its features."""
    return digest_of(columns, image, features or b"")


def face_cells(columns: Sequence[str], image: int, features: int | None) -> list[Cell]:
    """The cells of a face."""
    face_id, *rest = columns
    links = [copying.bigint(image), None if features is None else copying.bigint(features)]
    return [face_id.encode(), *links, *_cells(rest)]


def printing_cells(columns: Sequence[str]) -> list[Cell]:
    """The cells of a printing."""
    artwork, place, face_id, *rest = columns
    return [artwork.encode(), copying.integer(int(place)), face_id.encode(), *_cells(rest)]


def _filtered(record: Mapping[str, Any]) -> list[str]:
    """The columns for filters, as text; the fifth is a boolean."""
    codes = [_plain(record, key) for key in ("set", "lang", "rarity", "layout")]
    return [*codes, "true" if bool_of(record, "digital") else "false"]


def _cells(columns: Sequence[str]) -> list[Cell]:
    """The cells of the columns from the set on."""
    return [
        copying.boolean(text == "true") if place == 4 else text.encode()
        for place, text in enumerate(columns)
    ]


def _plain(record: Mapping[str, Any], key: str) -> str:
    """A text for a column. A card's text may have half a character, which UTF-8 cannot."""
    return text_of(record, key).encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
