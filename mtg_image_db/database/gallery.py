"""The gallery: the faces that a card is compared with, over the files of one generation.

`recognise` knows it by the protocol `Gallery` of its own, and knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mtg_image_db.database.parts import EMBEDDINGS, INDEX, Parts
from mtg_image_db.database.printings import rows_that_show
from mtg_image_db.errors import DatabaseError
from mtg_image_db.index.exact import ExactIndex, first_rows
from mtg_image_db.recognise.gallery import Hit
from mtg_image_db.scryfall.faces import CardFace, FaceFilter
from mtg_image_db.scryfall.printing import Printing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.encoders.local_features import FaceFeatures

_HIGHEST_SCORE = 1.001
"""Inner products of unit vectors in float32 exceed 1 by less than this."""


class FolderGallery:
    """All faces of a generation, or some of them.

    Parameters
    ----------
    parts
        The generation, open.
    rows
        Only these rows, which are then compared one by one; None for all, by the index.
    """

    def __init__(self, parts: Parts, rows: Sequence[int] | None = None) -> None:
        import numpy as np

        self.parts = parts
        self._wanted: NDArray[np.bool_] | None = None
        self._exact: ExactIndex | None = None
        self._count = parts.manifest.faces
        if rows is not None:
            kept = np.array(rows, dtype=np.int64)
            self._wanted = np.zeros(parts.manifest.faces, dtype=bool)
            self._wanted[kept] = True
            self._exact = ExactIndex(parts.embeddings, first_rows(kept, parts.same))
            self._count = int(self._wanted.sum())

    def __len__(self) -> int:
        """How many faces it knows."""
        return self._count

    def rows(self) -> Iterator[int]:
        """The rows of the faces that it knows, ascending."""
        for row in range(self.parts.manifest.faces):
            if self._wanted is None or self._wanted[row]:
                yield row

    @property
    def narrowed(self) -> bool:
        """Whether it knows some of the faces only."""
        return self._wanted is not None

    def where(self, wanted: FaceFilter) -> FolderGallery:
        """Keep the wanted faces only, which may be none; see `Database.where`."""
        rows = rows_that_show(wanted, self.parts.records, self.parts.printings)
        if self._wanted is not None:
            rows = [row for row in rows if self._wanted[row]]
        return FolderGallery(self.parts, rows)

    def exact(self) -> FolderGallery:
        """The same faces, compared one by one instead of by the graph."""
        return self if self._exact else FolderGallery(self.parts, range(self._count))

    def face(self, row: int) -> CardFace:
        """What is known about the face of a row."""
        return CardFace.from_record(self.parts.records[row])

    def printings(self, face: CardFace) -> tuple[Printing, ...]:
        """All printings known to share a face's artwork, oldest first."""
        return self.parts.printings.of(face.illustration_id)

    def artwork(self, row: int) -> str:
        """What names the artwork of a face: its illustration id, or else the face itself."""
        face = self.face(row)
        return face.illustration_id or face.face_id

    def search_rows(
        self, vectors: NDArray[np.float32], k: int, *, min_score: float = -1.0
    ) -> list[list[Hit]]:
        """Find the faces most similar to each of some vectors.

        Parameters
        ----------
        vectors
            float32 [Q, D], L2-normalised.
        k
            How many distinct vectors; all faces that share one are listed.
        min_score
            Leave out what is less similar.
        """
        if not self._count:
            return [[] for _ in vectors]
        scores, ids = (self._exact or self.parts.index).search(vectors, k)
        if self._exact:
            # It leaves nothing out but what is not a number, which gets no score.
            self._check_scores(scores, EMBEDDINGS)
        else:
            self._check_scores(scores[ids >= 0], INDEX)
        return [
            [
                Hit(float(score), row, int(first))
                for score, first in zip(some_scores, some_ids, strict=True)
                if first >= 0 and score >= min_score
                for row in self._rows_from(int(first))
            ]
            for some_scores, some_ids in zip(scores, ids, strict=True)
        ]

    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """The cosine similarity of a unit vector [D] and a face."""
        score = vector @ self.parts.embeddings[row]
        self._check_scores(score, EMBEDDINGS)
        return float(score)

    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """The local features of some faces; None in a database built without."""
        # It needs OpenCV, which nothing but recognition does.
        from mtg_image_db.encoders.local_features import unpack

        stored = self.parts.local_features
        return None if stored is None else unpack(stored[list(rows)])

    @property
    def can_vote(self) -> bool:
        """Whether it has an inverted index of local features."""
        return self.parts.inverted is not None

    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """The faces that most descriptors [n, 128] of a photo speak for."""
        if self.parts.inverted is None:
            return []
        return self.parts.inverted.vote(descriptors, most, self._wanted)

    def check_votes(self) -> None:
        """Check what `vote` reads, feature by feature; raises DatabaseError if it is damaged."""
        if self.parts.inverted is not None:
            self.parts.inverted.check()

    def _rows_from(self, row: int) -> Iterator[int]:
        """Rows that share a vector, from the first on; wanted ones only."""
        faces = self.parts.manifest.faces
        while row >= 0:
            if row >= faces:
                raise DatabaseError.damaged(self.parts.folder / INDEX, f"it names row {row}")
            if self._wanted is None or self._wanted[row]:
                yield row
            following = int(self.parts.same[row])
            # Ascending, so a damaged file cannot make a circle.
            row = following if following > row else -1

    def _check_scores(self, scores: NDArray[np.float32], name: str) -> None:
        # Written so that NaN is wrong as well.
        if not (abs(scores) <= _HIGHEST_SCORE).all():
            raise DatabaseError.damaged(self.parts.folder / name, "a vector has not length 1")
