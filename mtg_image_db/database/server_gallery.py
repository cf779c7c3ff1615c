"""The gallery of a database on a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from mtg_image_db.database.answers import Match
from mtg_image_db.database.manifest import MANIFEST, Manifest
from mtg_image_db.database.parts import FEATURES
from mtg_image_db.database.stored import StoredGallery
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.postgres.generation import Generation
from mtg_image_db.reading.printed import DERIVED, printed
from mtg_image_db.recognise.gallery import Hit, best_first
from mtg_image_db.scryfall.faces import CardFace, FaceFilter
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.system.checks import wrong_kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.encoders.local_features import FaceFeatures
    from mtg_image_db.index.codes import JoinedIndex
    from mtg_image_db.postgres.address import Address
    from mtg_image_db.system.progress import Progress

_FEW = 10_000
"""Up to so many images are compared one by one instead of through the graph. By hand."""
_MOST_KEPT = 10_000
"""Faces that are kept in memory, once they were asked for, and artworks with their printings: some
30 MB each. By hand."""


class _Open:
    """What all views of an open generation share."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._faces: dict[int, CardFace] = {}
        self._printings: dict[str, tuple[Printing, ...]] = {}
        self._votes: tuple[JoinedIndex, list[int], dict[int, int]] | None = None
        self._voting = Lock()

    def face(self, row: int) -> CardFace:
        """The face of a row."""
        face = self._faces.get(row)
        if face is None:
            record = self.generation.record(row)
            if record is None:
                raise InvalidArguments([f"row {row} is not in {self.generation.address}"])
            face = self.keep(row, record)
        return face

    def keep(self, row: int, record: str) -> CardFace:
        """Keep the face of a record that was read anyway."""
        face = self._faces.get(row)
        if face is None:
            face = CardFace.from_record(json.loads(record))
            if len(self._faces) >= _MOST_KEPT:
                self._faces = {}
            self._faces[row] = face
        return face

    def read_printings(self, artworks: set[str]) -> dict[str, tuple[Printing, ...]]:
        """All printings of each artwork, oldest first; they are kept in memory like faces."""
        known = self._printings
        wanted = {artwork: known[artwork] for artwork in artworks if artwork in known}
        if missing := artworks - wanted.keys():
            found: dict[str, list[Printing]] = {artwork: [] for artwork in missing}
            for artwork, record in self.generation.printings(missing):
                found[artwork].append(Printing.from_record(json.loads(record)))
            wanted |= {artwork: tuple(some) for artwork, some in found.items()}
            if len(known) >= _MOST_KEPT:
                self._printings = {}
            self._printings.update({artwork: wanted[artwork] for artwork in missing})
        return wanted

    def votes(self) -> tuple[JoinedIndex, list[int], dict[int, int]]:
        """The inverted index, the row of each of its faces, and the reverse."""
        with self._voting:
            if self._votes is None:
                index, rows = self.generation.votes()
                self._votes = index, rows, {row: place for place, row in enumerate(rows)}
            return self._votes


class ServerGallery(StoredGallery):
    """All faces of a generation on a server, or some of them. Rows are the ids of faces there.

    Parameters
    ----------
    filters
        Use only faces that pass all of them.
    among
        Use only these rows, each with the id of its image, and compare with each of them.
    exact
        Compare with each face, instead of through the graph.
    """

    def __init__(
        self,
        opened: _Open,
        manifest: Manifest,
        filters: Sequence[FaceFilter] = (),
        *,
        among: Mapping[int, int] | None = None,
        cache: Path | None = None,
        exact: bool = False,
    ) -> None:
        self._open, self._generation = opened, opened.generation
        self._filters, self._among = tuple(filters), among
        self.manifest, self.cache = manifest, cache
        self.name, self.place = opened.generation.name, str(opened.generation.address)
        self._scope = self._generation.everywhere(exact=exact)
        self._rows = among
        if filters:
            passing = self._generation.passing_faces(filters)
            self._rows = {row: image for row, image in passing if among is None or row in among}
        self.narrowed = self._rows is not None
        if self._rows is not None:
            images = sorted(set(self._rows.values()))
            few = exact or among is not None or len(images) <= _FEW
            self._scope = (
                self._generation.among(images) if few else self._generation.passing(filters)
            )

    @classmethod
    def open(cls, address: Address, ef_search: int | None, cache: Path | None) -> ServerGallery:
        """Open the generation in force; see `Database.open`."""
        generation = Generation(address, ef_search)
        try:
            manifest = Manifest.of(generation.manifest, Path(MANIFEST))
        except BaseException:
            generation.close()
            raise
        return cls(_Open(generation), manifest, cache=cache)

    def close(self) -> None:
        """Close the connections."""
        self._generation.close()

    def in_force(self) -> str:
        """See `StoredGallery`."""
        return self._generation.newest()

    def quality(self) -> Mapping[str, Any]:
        """See `StoredGallery`; it was measured on the server."""
        return self._generation.quality

    def size(self) -> int:
        """What all generations on the server take, in bytes."""
        return self._generation.size()

    def problems(self, progress: Progress) -> list[str]:
        """See `verify_database`: the server computes the digests, and searches for each vector."""
        progress.start("digests", None, "")
        problems = self._generation.problems()
        progress.start("vectors", self.manifest.entries, "vectors")
        for count, lost in self._generation.lost():
            problems += [f"{face_id} is not found by its own vector" for face_id in lost]
            progress.advance(count)
        progress.finish()
        return problems

    def __len__(self) -> int:
        """How many faces it has."""
        return self.manifest.faces if self._rows is None else len(self._rows)

    def rows(self) -> Iterator[int]:
        """See `StoredGallery`."""
        if self._rows is not None:
            yield from self._rows
            return
        for row, _ in self._generation.all_faces():
            yield row

    def faces(self) -> Iterator[CardFace]:
        """See `StoredGallery`; they are read some thousand at a time."""
        for row, record in self._generation.all_faces():
            if self._rows is None or row in self._rows:
                yield CardFace.from_record(json.loads(record))

    def wrong_row(self, row: object) -> str | None:
        """See `StoredGallery`; the numbers on a server have gaps, which `face` refuses."""
        whole = wrong_kind("row", row, int)
        if whole is None and isinstance(row, int) and not 0 <= row < sys.maxsize:
            return "row must be the number of a face"
        return whole

    def names(self) -> Iterator[tuple[int | None, tuple[str, str, str]]]:
        """See `StoredGallery`; they have columns of their own, so no record is sent."""
        for row, names in self._generation.face_names():
            if self._rows is None or row in self._rows:
                yield row, names
        for name, printed_name in self._generation.printing_names():
            yield None, (name, "", printed_name)

    def face(self, row: int) -> CardFace:
        """See `StoredGallery`."""
        return self._open.face(row)

    def matches(self, hits: Sequence[Hit]) -> tuple[Match, ...]:
        """See `StoredGallery`; all their printings are read at once."""
        self._open.read_printings({self.face(hit.row).illustration_id for hit in hits} - {""})
        return super().matches(hits)

    def printings_of(self, artwork: str) -> tuple[Printing, ...]:
        """See `StoredGallery`."""
        return self._open.read_printings({artwork})[artwork] if artwork else ()

    def face_records(
        self, allowed: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """See `StoredGallery`."""
        del allowed  # every one may
        for row, record in self._generation.all_faces():
            yield row, json.loads(record)

    def printing_records(
        self, allowed: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """See `StoredGallery`."""
        del allowed  # every one may
        for artwork, record in self._generation.all_printings():
            yield artwork, json.loads(record)

    def values(self, key: str) -> set[str]:
        """See `StoredGallery`."""
        return self._generation.values(key)

    def rows_that_say(self, code: str, number: str) -> list[int]:
        """See `StoredGallery`."""
        sets = [f"{first}{code.lower()}" for first in ("", *DERIVED)]
        found = {}
        for row, record in self._generation.numbered(sets, number.lstrip("0")):
            if self._rows is None or row in self._rows:
                said = printed(self._open.keep(row, record).printing)
                if code in said.codes and number in said.numbers:
                    found[row] = sets.index(self.face(row).set)
        return sorted(found, key=found.__getitem__)

    def where(self, wanted: FaceFilter) -> ServerGallery:
        """See `StoredGallery`."""
        return self._narrowed([*self._filters, wanted], self._among)

    def among(self, rows: Sequence[int]) -> ServerGallery:
        """See `StoredGallery`."""
        if self._rows is None:
            return self._narrowed((), dict(self._generation.images_of(rows)))
        return self._narrowed((), {row: self._rows[row] for row in rows})

    def exact(self) -> ServerGallery:
        """See `StoredGallery`."""
        if self._scope.exact:
            return self
        return self._narrowed(self._filters, self._among, exact=True)

    def search_rows(
        self, vectors: NDArray[np.float32], k: int, *, min_score: float = -1.0
    ) -> list[list[Hit]]:
        """See `StoredGallery`."""
        if not len(self):
            return [[] for _ in vectors]
        # The server knows no number larger than this.
        k = min(k, self.manifest.faces)
        near = self._generation.near(vectors, k, min_score, self._scope)
        rows: dict[int, list[int]] = {}
        for image, row, record in self._generation.faces_of(
            {image for some in near for image, _ in some}
        ):
            rows.setdefault(image, []).append(row)
            self._open.keep(row, record)
        return [
            best_first(
                Hit(score, row, rows[image][0])
                for image, score in some
                for row in rows.get(image, ())
                if self._rows is None or row in self._rows
            )
            for some in near
        ]

    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """See `StoredGallery`."""
        import numpy as np

        stored = self._generation.vector(row)
        if stored is None:
            raise InvalidArguments([f"row {row} is not in {self.place}"])
        return float(vector @ np.array(json.loads(stored), dtype=np.float32))

    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """See `StoredGallery`."""
        # It needs OpenCV, which only recognition needs.
        import numpy as np

        from mtg_image_db.encoders.local_features import POINT_BYTES, POINTS, unpack

        if FEATURES not in self.manifest.outputs:
            return None
        stored = self._generation.features(rows)
        packed = np.frombuffer(b"".join(stored[row] for row in rows), np.uint8)
        return unpack(packed.reshape(len(rows), POINTS, POINT_BYTES))

    @property
    def can_vote(self) -> bool:
        """See `StoredGallery`."""
        return self._generation.has_votes

    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """See `StoredGallery`; the first vote fetches the index."""
        import numpy as np

        if not self.can_vote:
            return []
        index, rows, places = self._open.votes()
        wanted = None
        if self._rows is not None:
            wanted = np.zeros(len(rows), dtype=bool)
            wanted[[places[row] for row in self._rows]] = True
        return [rows[place] for place in index.vote(descriptors, most, wanted)]

    def _narrowed(
        self,
        filters: Sequence[FaceFilter],
        among: Mapping[int, int] | None,
        *,
        exact: bool = False,
    ) -> ServerGallery:
        """Another view of the same generation."""
        return ServerGallery(
            self._open, self.manifest, filters, among=among, cache=self.cache, exact=exact
        )
