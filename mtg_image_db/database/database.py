"""The database: opened as one unit, queried with pictures, vectors and texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from mtg_image_db.database import asking
from mtg_image_db.database.answers import CardAnswer, Match, Recognition
from mtg_image_db.database.gallery import FolderGallery
from mtg_image_db.database.loading import Encoders
from mtg_image_db.database.manifest import MOST_EF_SEARCH, Manifest
from mtg_image_db.database.parts import Parts, open_parts
from mtg_image_db.database.publication import open_current
from mtg_image_db.database.server_gallery import ServerGallery
from mtg_image_db.database.stored import StoredGallery
from mtg_image_db.encoders import DEVICES, Encoder, wrong_encoder, wrong_vectors
from mtg_image_db.errors import DatabaseError, ImageError, InvalidArguments, StorageError
from mtg_image_db.postgres.address import Address, is_address
from mtg_image_db.scryfall.faces import CardFace, FaceFilter
from mtg_image_db.system.checks import (
    check,
    path_of,
    wrong_integer,
    wrong_kind,
    wrong_word,
)
from mtg_image_db.system.cores import usable_cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.database.titles import Titles
    from mtg_image_db.encoders.text import TextEncoder
    from mtg_image_db.recognise.photo import Picture


class Database:
    """An open database. It stays usable when a newer one is published in its place.

    Threads may share one. ``with`` closes it at the end.

    Examples
    --------
    >>> from mtg_image_db import Database
    >>> database = Database.open("index_out")  # doctest: +SKIP
    >>> [card] = database.query("photo.jpg")  # doctest: +SKIP
    >>> card.matches[0].face.name  # doctest: +SKIP
    'Lightning Bolt'
    """

    def __init__(self, gallery: StoredGallery, encoders: Encoders) -> None:
        self._gallery: StoredGallery | None = gallery
        self._encoders = encoders
        self._titles: Titles | None = None
        # Threads that share a database must not each read all names.
        self._reading = Lock()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | Address = "index_out",
        *,
        ef_search: int | None = None,
        device: str = "auto",
        weights: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> Database:
        """Open the database published in a folder or on a server.

        Parameters
        ----------
        path
            The folder, or the address of a server: ``postgresql://…`` (docs/scaling.md).
        ef_search
            Candidates that the index examines, instead of the number from its quality report.
        device
            Where its encoder runs (see `EncoderChoice`).
        weights
            The weights it was built with, if this machine does not know them: a file, or a tag
            that open_clip fetches.
        cache
            The image cache it was built from. With it, a card is also compared with the images of
            its printings; without it, its printing is only read.

        Raises
        ------
        MissingInput
            There is no database.
        DatabaseError
            A part is missing or damaged, or another version made it.
        PostgresError
            The server cannot be reached, or refuses.
        InvalidArguments
            `ef_search` is no number of candidates.
        """
        if ef_search is not None:
            check(wrong_integer("ef_search", ef_search, 1, MOST_EF_SEARCH))
        check(wrong_word("device", device, DEVICES))
        named = None if weights is None else os.fspath(path_of("weights", weights))
        images = None if cache is None else path_of("cache", cache)
        gallery: StoredGallery
        if isinstance(path, str) and is_address(path):
            path = Address(path)
        if isinstance(path, Address):
            gallery = ServerGallery.open(path, ef_search, images)
        else:
            gallery = FolderGallery(_parts(path_of("path", path), ef_search), cache=images)
        return cls(gallery, Encoders(gallery.manifest, device, named))

    def close(self) -> None:
        """Release its files or connections; using it afterwards is an error."""
        if self._gallery is not None:
            self._gallery.close()
        self._gallery = None

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._gallery is None:
            return "<Database, closed>"
        narrowed = f" of {self.manifest.faces:,}" if self._gallery.narrowed else ""
        built = f"built {self.manifest.built:%Y-%m-%d}"
        return f"<Database {self.gallery.place!r}: {len(self):,}{narrowed} faces, {built}>"

    def __len__(self) -> int:
        """How many faces it has; for a view, how many the view has."""
        return len(self.gallery)

    @property
    def gallery(self) -> StoredGallery:
        """The faces, in the form that recognition uses."""
        if self._gallery is None:
            raise DatabaseError(
                "The database was closed", suggestion="Open it again: Database.open."
            )
        return self._gallery

    @property
    def manifest(self) -> Manifest:
        """The manifest: what built it, and how."""
        return self.gallery.manifest

    @property
    def folder(self) -> Path:
        """The folder of its files: that of one generation. A database on a server has none."""
        return self.gallery.parts.folder

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """The vectors of all rows, float32 [N, D], of length 1, memory-mapped; not of a server."""
        return self.gallery.parts.embeddings

    def face(self, row: int) -> CardFace:
        """The face of a row of the embeddings, from 0; on a server, of one of `gallery.rows`."""
        check(self.gallery.wrong_row(row))
        return self.gallery.face(row)

    def faces(self) -> Iterator[CardFace]:
        """Its faces, in the order of their face ids, which is that of their rows."""
        return self.gallery.faces()

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded at first use."""
        return self._encoders.pictures

    def use_encoder(self, encoder: Encoder) -> None:
        """Encode pictures with `encoder`.

        Raises
        ------
        DatabaseError
            Its fingerprint differs from the database's, so the vectors cannot be compared.
        InvalidArguments
            It is not an `Encoder`.
        """
        check(wrong_encoder(encoder))
        self._encoders.use(encoder)

    @property
    def titles(self) -> Titles:
        """The titles of its cards, read at first use: of 54,000 faces, in a second or two."""
        from mtg_image_db.database.titles import Titles

        with self._reading:
            if self._titles is None:
                self._titles = Titles.of(self.gallery)
            return self._titles

    @property
    def text_encoder(self) -> TextEncoder:
        """The encoder's text tower, loaded at first use.

        Raises
        ------
        EncoderError
            The encoder has no text tower (the package's own has none), or it cannot be loaded.
        """
        return self._encoders.texts

    def query(
        self, image: Picture, k: int = 5, *, find: bool = True, min_score: float = -1.0
    ) -> tuple[CardAnswer, ...]:
        """Name the cards in a picture: returns the `cards` of `recognise`; see there."""
        return self.recognise(image, k, find=find, min_score=min_score).cards

    def query_many(
        self,
        images: Iterable[Picture],
        k: int = 5,
        *,
        find: bool = True,
        min_score: float = -1.0,
    ) -> Iterator[Recognition | ImageError]:
        """Name the cards in many pictures, one picture per core at the same time.

        Yields
        ------
        The result of `recognise` for each, in the order of the pictures. For an unreadable picture
        it yields an `ImageError`, and continues.

        Raises
        ------
        InvalidArguments
            `images` is one picture, or nothing to go through; or `k` or `min_score` is wrong.
        """
        check(asking.wrong_pictures(images), *asking.wrong_question(k, min_score, find))
        ask = partial(self.recognise, k=k, find=find, min_score=min_score)
        asked = asking.ask_each(ask, images, 2 * usable_cores())
        return (answer for _, answer in asked)

    def recognise(
        self,
        image: Picture,
        k: int = 5,
        *,
        find: bool = True,
        live: bool = False,
        min_score: float = -1.0,
    ) -> Recognition:
        """Name the cards in a picture, and keep the picture so that cards can be cut out of it.

        Parameters
        ----------
        image
            A path, the bytes of a file, an open file, a PIL image, or pixels: uint8 [height, width]
            or [height, width, 3 or 4], RGB.
        k
            How many distinct images to return for each card; all faces with one of these images are
            listed.
        find
            Look for cards in it; otherwise the whole picture is one upright card, or one on its
            side if it is wider than high.
        live
            The picture is one of a camera's, and the next one comes soon: take no second look at
            unknown cards.
        min_score
            Drop matches below this cosine similarity. If the answer for a card is dropped, its
            verdict is ``none``. Of cards that only their titles name, nothing is dropped: what one
            sees of them resembles no face.

        Raises
        ------
        ImageError
            The picture cannot be read.
        InvalidArguments
            `k` or `min_score` is wrong.
        EncoderError, DatabaseError
            The encoder cannot be loaded, or does not fit the database.
        """
        check(*asking.wrong_question(k, min_score, find), wrong_kind("live", live, bool))
        return asking.recognise(
            image,
            self.gallery,
            self.encoder,
            lambda: self.titles,
            k,
            find=find,
            live=live,
            min_score=min_score,
        )

    def where(self, wanted: FaceFilter) -> Database:
        """Make a view whose `query` and `search` use only the wanted faces.

        They compare with each of these faces, so the search is exact. Everything else stays the
        same. A view of a view is narrower still. A face also stands for those printings of its
        artwork that are not in the database: with one image per artwork, all printings but one.

        Raises
        ------
        InvalidArguments
            No face or printing has one of the wanted sets, languages, rarities or layouts.
        DatabaseError
            The database has none of the wanted faces.
        """
        check(*self.unknown(wanted))
        gallery = self.gallery.where(wanted)
        if not len(gallery):
            raise DatabaseError(
                "The database has none of the wanted faces",
                details=f"none of {len(self):,} faces in {self.gallery.place} passes the filter",
                suggestion="Give fewer conditions: no face fits all of them.",
            )
        return Database(gallery, self._encoders)

    def unknown(self, wanted: FaceFilter) -> list[str]:
        """A sentence for each wanted set, language, rarity and layout that no card here has."""
        check(wrong_kind("wanted", wanted, FaceFilter))
        return wanted.unknown({key: self.gallery.values(key) for key in wanted.codes})

    def search(
        self, vectors: NDArray[np.float32], k: int = 5, *, min_score: float = -1.0
    ) -> list[tuple[Match, ...]]:
        """Find the most similar faces for each vector.

        Parameters
        ----------
        vectors
            float32 [Q, D], L2-normalised, from an encoder with the database's fingerprint.
        k, min_score
            See `recognise`.

        Raises
        ------
        InvalidArguments
            The vectors have a wrong shape or length, or `k` is less than 1.
        """
        import numpy as np

        check(*asking.wrong_question(k, min_score))
        try:
            vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidArguments([f"vectors must be numbers: {error}"]) from error
        check(wrong_vectors(vectors, self.manifest.fingerprint.dimension))
        found = self.gallery.search_rows(vectors, k, min_score=min_score)
        return list(map(self.gallery.matches, found))

    def search_text(self, text: str, k: int = 5, *, min_score: float = -1.0) -> tuple[Match, ...]:
        """Find the faces that a text describes best, with the encoder's text tower.

        Texts have lower scores than pictures (0.2 to 0.4 is usual for a CLIP).

        Parameters
        ----------
        k, min_score
            See `recognise`.

        Raises
        ------
        EncoderError
            The encoder has no text tower (the package's own has none), or cannot be loaded.
        InvalidArguments
            `text` is not a text; or `k` or `min_score` is wrong.
        """
        check(wrong_kind("text", text, str), *asking.wrong_question(k, min_score))
        # The graph is made for vectors of pictures; those of texts lie elsewhere.
        gallery = self.gallery.exact()
        [hits] = gallery.search_rows(self.text_encoder.encode([text]), k, min_score=min_score)
        return self.gallery.matches(hits)


def _parts(folder: Path, ef_search: int | None) -> Parts:
    """Open the files of the generation in force in a folder."""
    try:
        return open_current(folder, lambda folder: open_parts(folder, ef_search))
    except PermissionError as error:
        raise StorageError(
            "The database cannot be read: permission denied",
            details=str(error.filename),
            suggestion="Change its owner or permissions.",
        ) from error
