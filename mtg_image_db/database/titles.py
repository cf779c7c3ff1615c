"""All titles that may stand on the cards of a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mtg_image_db.reading.title_names import TitleNames, titles_of

if TYPE_CHECKING:
    from mtg_image_db.database.parts import Parts


def title_names(parts: Parts) -> TitleNames:
    """The titles of all faces, and of the printings that have no face here.

    It reads all metadata: make it once.
    """
    return TitleNames(pair for record in _records(parts) for pair in titles_of(record))


def _records(parts: Parts) -> Iterator[Mapping[str, Any]]:
    for row in range(len(parts.records)):
        yield parts.records[row]
    for _, printings in parts.printings.possible({}):
        yield from printings
