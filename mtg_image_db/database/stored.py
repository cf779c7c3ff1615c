"""What `Database` asks of a gallery, wherever its faces are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mtg_image_db.database.answers import Match
from mtg_image_db.download.paths import image_paths
from mtg_image_db.errors import ImageError, InvalidArguments
from mtg_image_db.pictures.opening import open_picture
from mtg_image_db.recognise.gallery import Hit, Identity
from mtg_image_db.scryfall.faces import CardFace, FaceFilter
from mtg_image_db.scryfall.printing import Printing
from mtg_image_db.scryfall.windows import art_window

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.database.manifest import Manifest
    from mtg_image_db.database.parts import Parts
    from mtg_image_db.encoders.local_features import FaceFeatures
    from mtg_image_db.pictures.opening import Pixels

_LEAST_IMAGE = (488, 680)
"""Width and height at which images are decoded at least: those of Scryfall's `normal` images, which
is twice the size at which cards are compared."""


class StoredGallery(ABC):
    """All faces of a generation, or some of them: a `recognise.gallery.Gallery`, and more.

    Attributes
    ----------
    manifest
        What built the generation, and how.
    cache
        The image cache with the images of its faces, to tell printings apart, and to name cards
        of which the picture is covered; None for none.
    name, place
        The name of the generation; where it is, for people.
    narrowed
        Whether it has only a part of the faces.
    """

    manifest: Manifest
    cache: Path | None
    name: str
    place: str
    narrowed: bool

    @property
    def parts(self) -> Parts:
        """The files of the generation.

        Raises
        ------
        InvalidArguments
            The database is on a server.
        """
        raise InvalidArguments(
            [f"this needs the files of a database: name its folder, not {self.place}"]
        )

    def matches(self, hits: Sequence[Hit]) -> tuple[Match, ...]:
        """The faces of hits, in the same order, with their printings."""
        images: dict[int, int] = {}
        matches = []
        for rank, hit in enumerate(hits, start=1):
            face = self.face(hit.row)
            image = images.setdefault(hit.image, len(images) + 1)
            matches.append(Match(rank, hit.score, face, self.printings(face), image=image))
        return tuple(matches)

    def identity(self, row: int) -> Identity:
        """What a face is; its artwork is its illustration id, or else the id of the face."""
        face = self.face(row)
        artwork = face.illustration_id or face.face_id
        return Identity(artwork, face.oracle_id, art_window(face), face.layout == "split")

    def image(self, face_id: str) -> Pixels | None:
        """The image of a face; None if the cache lacks it, or it cannot be read."""
        import numpy as np

        for path in image_paths(self.cache, face_id)[:1] if self.cache else ():
            try:
                return np.asarray(open_picture(path, at_least=_LEAST_IMAGE))
            except ImageError:  # `verify-cache` is there to complain
                return None
        return None

    def shows_text(self, row: int, card: Pixels, height: float) -> bool:
        """Whether a card shows nearly the text of a face; no, if its image is not at hand."""
        # Needs OpenCV, which `info` and the like do without.
        from mtg_image_db.reading.likeness import shows_text

        scan = self.image(self.face(row).face_id)
        return scan is not None and shows_text(card, scan, height)

    def printings(self, face: CardFace) -> tuple[Printing, ...]:
        """All known printings with the artwork of a face, oldest first."""
        return self.printings_of(face.illustration_id)

    def faces(self) -> Iterator[CardFace]:
        """Its faces, in the order of their face ids."""
        return map(self.face, self.rows())

    @abstractmethod
    def close(self) -> None:
        """Release what it has open."""

    @abstractmethod
    def in_force(self) -> str:
        """The name of the generation that is in force now where this one was opened."""

    @abstractmethod
    def quality(self) -> Mapping[str, Any]:
        """The quality report of its index, as JSON types; it is not checked."""

    @abstractmethod
    def size(self) -> int:
        """What it takes, in bytes."""

    @abstractmethod
    def __len__(self) -> int:
        """How many faces it has."""

    @abstractmethod
    def rows(self) -> Iterator[int]:
        """The rows of its faces, in the order of their face ids."""

    @abstractmethod
    def wrong_row(self, row: object) -> str | None:
        """What is wrong with the number of a row."""

    @abstractmethod
    def names(self) -> Iterator[tuple[int | None, tuple[str, str, str]]]:
        """Yield the `NAMES` of its faces, with their rows, and of all printings, without a row."""

    @abstractmethod
    def face(self, row: int) -> CardFace:
        """The face of a row, with its metadata."""

    @abstractmethod
    def printings_of(self, artwork: str) -> tuple[Printing, ...]:
        """All known printings with an artwork, oldest first."""

    @abstractmethod
    def face_records(
        self, allowed: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield row and record of all faces that may have an allowed value for each key."""

    @abstractmethod
    def printing_records(
        self, allowed: Mapping[str, Collection[str]]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield artwork and record of all printings that may have an allowed value for each key."""

    @abstractmethod
    def values(self, key: str) -> set[str]:
        """All sets, languages, rarities or layouts among all faces and printings."""

    @abstractmethod
    def rows_that_say(self, code: str, number: str) -> list[int]:
        """The rows of its printings that say this set and this number at their bottom."""

    @abstractmethod
    def where(self, wanted: FaceFilter) -> StoredGallery:
        """Keep only the wanted faces, possibly none; see `Database.where`."""

    @abstractmethod
    def among(self, rows: Sequence[int]) -> StoredGallery:
        """Keep only these of its rows, and compare with each of them."""

    @abstractmethod
    def exact(self) -> StoredGallery:
        """The same faces, compared one by one instead of through the graph."""

    @abstractmethod
    def search_rows(
        self, vectors: NDArray[np.float32], k: int, *, min_score: float = -1.0
    ) -> list[list[Hit]]:
        """Find the most similar faces for each vector.

        Parameters
        ----------
        vectors
            float32 [Q, D], L2-normalised.
        k
            How many distinct vectors to return; all faces with one of these vectors are listed.
        min_score
            Drop less similar faces.
        """

    @abstractmethod
    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """The cosine similarity of a unit vector [D] and a face."""

    @abstractmethod
    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """The local features of some faces; None in a database built without them."""

    @property
    @abstractmethod
    def can_vote(self) -> bool:
        """Whether it has an inverted index of local features."""

    @abstractmethod
    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """The faces with the most votes from a photo's descriptors [n, 128]."""
