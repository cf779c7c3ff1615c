"""The printings of each artwork: an image proves an artwork, not a printing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from mtg_image_db.errors import DatabaseError
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.records import Records

_TEXTS = ("scryfall_id", "set", "collector_number")


class Printings:
    """The printings of each artwork, in a file sorted by illustration id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records = Records(path)

    def of(self, illustration_id: str) -> tuple[Printing, ...]:
        """All known printings with an artwork, oldest first."""
        if not illustration_id:
            return ()
        record = self._records.find("illustration_id", illustration_id)
        return tuple(map(Printing.from_record, self._listed(record))) if record else ()

    def possible(
        self, allowed: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """Yield artworks that may have a printing with an allowed value for each key.

        Each comes with the records of its printings: to make half a million `Printing` objects
        would take seconds.
        """
        for number in self._records.possible(allowed):
            record = self._records[number]
            yield str(record.get("illustration_id")), self._listed(record)

    def names(self) -> list[tuple[str, ...]]:
        """The name of each printing, and its printed name."""
        return self._records.columns("name", "printed_name")

    def values(self, key: str) -> set[str]:
        """All values of a key among the printings."""
        return self._records.values(key)

    def _listed(self, record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        found = record.get("printings")
        if not isinstance(found, list) or not all(
            isinstance(one, dict) and all(isinstance(one.get(name), str) for name in _TEXTS)
            for one in found
        ):
            raise DatabaseError.damaged(self._path, "a line lists no printings")
        return found


def rows_that_show(wanted: FaceFilter, records: Records, printings: Printings) -> list[int]:
    """The rows of wanted faces, and of faces whose artwork a wanted printing has.

    A printing counts only if it is not a wanted face itself: then another face stands for it.
    """
    faces = ((row, records[row]) for row in records.possible(wanted.codes))
    own = {row: str(face.get("face_id")) for row, face in faces if wanted.wants(face)}
    known = set(own.values())
    artworks = {
        artwork
        for artwork, some in printings.possible(wanted.codes)
        for printing in some
        if str(printing.get("face_id")) not in known and wanted.wants(printing)
    }
    others = (
        row
        for row in records.possible({"illustration_id": artworks})
        if str(records[row].get("illustration_id")) in artworks
    )
    return sorted({*own, *others})
