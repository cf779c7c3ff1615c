"""The gallery: the faces with which a card is compared, in the files of one generation.

`recognise` uses it through its own protocol `Gallery`, and knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtg_image_db.database.parts import EMBEDDINGS, INDEX, METADATA, QUALITY, Parts
from mtg_image_db.database.printings import rows_that_show
from mtg_image_db.database.publication import open_current
from mtg_image_db.database.stored import StoredGallery
from mtg_image_db.errors import DatabaseError
from mtg_image_db.index.exact import ExactIndex, first_rows
from mtg_image_db.reading.printed import DERIVED, printed
from mtg_image_db.recognise.gallery import Hit, best_first
from mtg_image_db.scryfall.faces import CardFace, FaceFilter
from mtg_image_db.scryfall.names import NAMES
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import wrong_integer
from mtg_image_db.system.files import read_json_object

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.encoders.local_features import FaceFeatures

_HIGHEST_SCORE = 1.001
"""Inner products of unit vectors stay below this; float32 rounding can lift them above 1."""


class FolderGallery(StoredGallery):
    """All faces of a generation, or some of them.

    Parameters
    ----------
    parts
        The open generation.
    rows
        Use only these rows, and compare with each of them; None for all, through the index.
    cache
        The image cache with the images of its faces, to tell printings apart; None for none.
    """

    def __init__(
        self, parts: Parts, rows: Sequence[int] | None = None, *, cache: Path | None = None
    ) -> None:
        import numpy as np

        self._parts = parts
        self.manifest, self.cache = parts.manifest, cache
        self.name, self.place = parts.folder.name, str(parts.folder)
        self.narrowed = rows is not None
        self._wanted: NDArray[np.bool_] | None = None
        self._exact: ExactIndex | None = None
        self._count = parts.manifest.faces
        if rows is not None:
            kept = np.array(rows, dtype=np.int64)
            self._wanted = np.zeros(parts.manifest.faces, dtype=bool)
            self._wanted[kept] = True
            self._exact = ExactIndex(parts.embeddings, first_rows(kept, parts.same))
            self._count = int(self._wanted.sum())

    @property
    def parts(self) -> Parts:
        """The files of the generation."""
        return self._parts

    def close(self) -> None:
        """See `StoredGallery`; mapped files are released with the last reference to them."""

    def in_force(self) -> str:
        """See `StoredGallery`."""
        return open_current(self.parts.folder.parent, lambda folder: folder.name)

    def quality(self) -> Mapping[str, Any]:
        """See `StoredGallery`."""
        path = self.parts.folder / QUALITY
        report = read_json_object(path) or {}
        if not path.exists():
            raise DatabaseError.replaced(path)
        return report

    def size(self) -> int:
        """See `StoredGallery`."""
        return sum(size for size, _ in self.manifest.outputs.values())

    def __len__(self) -> int:
        """How many faces it has."""
        return self._count

    def rows(self) -> Iterator[int]:
        """The rows of its faces, ascending."""
        for row in range(self.parts.manifest.faces):
            if self._wanted is None or self._wanted[row]:
                yield row

    def wrong_row(self, row: object) -> str | None:
        """See `StoredGallery`."""
        return wrong_integer("row", row, 0, self.manifest.faces - 1)

    def names(self) -> Iterator[tuple[int | None, tuple[str, str, str]]]:
        """See `StoredGallery`."""
        names = self.parts.records.columns(*NAMES)
        if len(names) != self.parts.manifest.faces:
            raise DatabaseError.damaged(self.parts.folder / METADATA, "a face has no name")
        for row, (name, side, printed_name) in enumerate(names):
            if self._wanted is None or self._wanted[row]:
                yield row, (name, side, printed_name)
        for name, printed_name in self.parts.printings.names():
            yield None, (name, "", printed_name)

    def where(self, wanted: FaceFilter) -> FolderGallery:
        """Keep only the wanted faces, possibly none; see `Database.where`."""
        rows = rows_that_show(wanted, self.parts.records, self.parts.printings)
        if self._wanted is not None:
            rows = [row for row in rows if self._wanted[row]]
        return self.among(rows)

    def among(self, rows: Sequence[int]) -> FolderGallery:
        """See `StoredGallery`."""
        return FolderGallery(self.parts, rows, cache=self.cache)

    def exact(self) -> FolderGallery:
        """The same faces, compared one by one instead of through the graph."""
        return (
            self if self._exact else FolderGallery(self.parts, range(self._count), cache=self.cache)
        )

    def face(self, row: int) -> CardFace:
        """The face of a row, with its metadata."""
        return self.parts.face(row)

    def printings_of(self, artwork: str) -> tuple[Printing, ...]:
        """All known printings with an artwork, oldest first."""
        return self.parts.printings_of(artwork)

    def face_records(
        self, allowed: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """See `StoredGallery`."""
        records = self.parts.records
        return ((row, records[row]) for row in records.possible(allowed))

    def printing_records(
        self, allowed: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `StoredGallery`."""
        for artwork, some in self.parts.printings.possible(allowed):
            for printing in some:
                yield artwork, printing

    def values(self, key: str) -> set[str]:
        """See `StoredGallery`."""
        return self.parts.records.values(key) | self.parts.printings.values(key)

    def rows_that_say(self, code: str, number: str) -> list[int]:
        """The rows of its printings that say this set and this number at their bottom."""
        sets = [f"{first}{code.lower()}" for first in ("", *DERIVED)]
        rows = [
            row for one in sets for row in self.parts.numbered.get((one, number.lstrip("0")), ())
        ]
        return [
            row
            for row in rows
            if (self._wanted is None or self._wanted[row])
            and code in (said := printed(self.face(row).printing)).codes
            and number in said.numbers
        ]

    def search_rows(
        self, vectors: NDArray[np.float32], k: int, *, min_score: float = -1.0
    ) -> list[list[Hit]]:
        """See `StoredGallery`."""
        if not self._count:
            return [[] for _ in vectors]
        scores, ids = (self._exact or self.parts.index).search(vectors, k)
        if self._exact:
            # The exact search omits only vectors with NaN, which get no score.
            self._check_scores(scores, EMBEDDINGS)
        else:
            self._check_scores(scores[ids >= 0], INDEX)
        return [
            best_first(
                Hit(float(score), row, int(first))
                for score, first in zip(some_scores, some_ids, strict=True)
                if first >= 0 and score >= min_score
                for row in self._rows_from(int(first))
            )
            for some_scores, some_ids in zip(scores, ids, strict=True)
        ]

    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """The cosine similarity of a unit vector [D] and a face."""
        score = vector @ self.parts.embeddings[row]
        self._check_scores(score, EMBEDDINGS)
        return float(score)

    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """The local features of some faces; None in a database built without them."""
        # It needs OpenCV, which only recognition needs.
        from mtg_image_db.encoders.local_features import unpack

        stored = self.parts.local_features
        return None if stored is None else unpack(stored[list(rows)])

    @property
    def can_vote(self) -> bool:
        """Whether it has an inverted index of local features."""
        return self.parts.inverted is not None

    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """The faces with the most votes from a photo's descriptors [n, 128]."""
        if self.parts.inverted is None:
            return []
        return self.parts.inverted.vote(descriptors, most, self._wanted)

    def _rows_from(self, row: int) -> Iterator[int]:
        """Yield the rows that share a vector, from the first on; only wanted ones."""
        faces = self.parts.manifest.faces
        while row >= 0:
            if row >= faces:
                raise DatabaseError.damaged(self.parts.folder / INDEX, f"it names row {row}")
            if self._wanted is None or self._wanted[row]:
                yield row
            following = int(self.parts.same[row])
            # Rows must ascend, so a damaged file cannot cause an endless loop.
            row = following if following > row else -1

    def _check_scores(self, scores: NDArray[np.float32], name: str) -> None:
        # Written so that NaN counts as wrong.
        if not (abs(scores) <= _HIGHEST_SCORE).all():
            raise DatabaseError.damaged(self.parts.folder / name, "a vector's length is not 1")
