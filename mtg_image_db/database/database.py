"""The database: vectors, index, metadata and manifest, published and opened as one unit."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.database.answers import CardAnswer, Match
from mtg_image_db.database.parts import EMBEDDINGS, INDEX, Parts, open_parts
from mtg_image_db.database.printings import rows_that_show
from mtg_image_db.database.publication import open_current
from mtg_image_db.encoders import Encoder, load_encoder
from mtg_image_db.encoders.local_features import FaceFeatures, unpack
from mtg_image_db.encoders.preprocessing import open_for
from mtg_image_db.errors import DatabaseError, ImageError, StorageError
from mtg_image_db.index.exact import ExactIndex, first_rows
from mtg_image_db.pictures.opening import is_card_shaped, open_photo, upright_rgb
from mtg_image_db.scryfall.faces import CardFace, FaceFilter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from mtg_image_db.encoders.text import TextEncoder
    from mtg_image_db.recognise.examiner import Hit
    from mtg_image_db.recognise.recogniser import Recogniser

_HIGHEST_SCORE = 1.001


class Database:
    """An open database. It stays usable while a newer one is published in its place.

    Examples
    --------
    >>> from mtg_image_db import Database
    >>> database = Database.open("index_out")  # doctest: +SKIP
    >>> [card] = database.query("photo.jpg")  # doctest: +SKIP
    >>> card.matches[0].face.name  # doctest: +SKIP
    'Lightning Bolt'
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.folder = parts.folder
        self.manifest = parts.manifest
        self._records = parts.records
        self.printings = parts.printings
        self.embeddings = parts.embeddings
        self.local_features = parts.local_features
        self._wanted: NDArray[np.bool_] | None = None
        self._exact: ExactIndex | None = None
        self._encoder: Encoder | None = None
        self._text_encoder: TextEncoder | None = None
        self._recogniser: Recogniser | None = None

    @classmethod
    def open(cls, path: str | Path = "index_out", *, ef_search: int | None = None) -> Database:
        """Open the database published in a folder.

        Parameters
        ----------
        ef_search
            Candidates the index looks at, instead of the number its quality report chose.

        Raises
        ------
        MissingInput
            There is none.
        DatabaseError
            A part is missing or damaged, or another version made it.
        """
        try:
            return open_current(Path(path), lambda folder: cls(open_parts(folder, ef_search)))
        except PermissionError as error:
            raise StorageError(
                "The database cannot be read: permission denied",
                details=str(error.filename),
                suggestion="Change its owner or its permissions.",
            ) from error

    def __len__(self) -> int:
        """How many faces it knows."""
        return self.manifest.faces

    def line(self, row: int) -> bytes:
        """The line of metadata of a row, as it is stored."""
        return self._records.line(row)

    def record(self, row: int) -> dict[str, Any]:
        """The metadata of a row."""
        return self._records[row]

    def face(self, row: int) -> CardFace:
        """The face that row `row` of the embeddings belongs to."""
        return CardFace.from_record(self.record(row))

    def faces(self) -> Iterator[CardFace]:
        """All faces, in the order of the rows."""
        return (self.face(row) for row in range(len(self)))

    def use_encoder(self, encoder: Encoder) -> None:
        """Encode queries with `encoder`.

        Raises
        ------
        DatabaseError
            Its fingerprint is not the database's: its vectors would compare with nothing.
        """
        self.manifest.check_encoder(encoder.fingerprint)
        self._encoder = encoder
        self._recogniser = None

    def use_text_encoder(self, encoder: TextEncoder) -> None:
        """Encode texts with `encoder`; see `use_encoder`."""
        self.manifest.check_encoder(encoder.fingerprint)
        self._text_encoder = encoder

    @property
    def encoder(self) -> Encoder:
        """The encoder the manifest names, loaded at first use."""
        if self._encoder is None:
            self.use_encoder(load_encoder(self.manifest.choice, self.manifest.fingerprint))
        if self._encoder is None:
            raise AssertionError
        return self._encoder

    @property
    def recogniser(self) -> Recogniser:
        """What names the cards in photos by this database."""
        # Only recognition needs OpenCV: `info`, `verify` and `export` do without.
        from mtg_image_db.recognise.recogniser import Recogniser

        if self._recogniser is None:
            self._recogniser = Recogniser(self.encoder, self)
        return self._recogniser

    def query(
        self,
        image: str | Path | bytes | Image.Image,
        k: int = 5,
        *,
        find: bool = True,
        min_score: float = -1.0,
    ) -> tuple[CardAnswer, ...]:
        """Name the cards in a picture.

        Parameters
        ----------
        image
            A path, the bytes of a file, or an open picture.
        k
            How many distinct vectors to answer with for each card; all faces that share one are
            listed.
        find
            Look for cards in it; otherwise the whole picture is taken as one upright card.
        min_score
            Leave out matches below this cosine similarity; a card that was taken for one of them
            gets the verdict ``none``.

        Returns
        -------
        One answer for each card in the picture; at least one, whose verdict may be ``none``.

        Raises
        ------
        ImageError
            The picture cannot be read.
        EncoderError, DatabaseError
            The encoder cannot be loaded, or does not fit.
        """
        from mtg_image_db.recognise.recogniser import ENOUGH_PIXELS

        if isinstance(image, str):
            image = Path(image)
        if isinstance(image, Path | bytes):
            picture, scale = open_photo(image, at_least=ENOUGH_PIXELS)
            how = self.encoder.fingerprint.preprocessing
            as_built = open_for(image, how) if is_card_shaped(picture) else None
        else:
            try:
                picture, scale, as_built = upright_rgb(image), 1.0, None
            except (OSError, ValueError) as error:  # opened lazily, and damaged
                raise ImageError("damaged image") from error
        answers = []
        for seen in self.recogniser.recognise(picture, k, find=find, as_built=as_built):
            # Geometry may have named a face that others outscore.
            lost = seen.verdict != "none" and seen.hits[0][0] < min_score
            answers.append(
                CardAnswer(
                    matches=self._matches(hit for hit in seen.hits if hit[0] >= min_score),
                    verdict="none" if lost else seen.verdict,
                    quad=tuple((float(x) * scale, float(y) * scale) for x, y in seen.quad),
                    points=0 if lost else seen.points,
                )
            )
        return tuple(answers)

    def where(self, wanted: FaceFilter) -> Database:
        """Make a view whose `query` and `search` know the wanted faces only.

        They compare with each of these faces, which is exact. Everything else stays as it is; of a
        view, it makes a narrower one. A face also stands for the printings of its artwork that are
        no faces of the database: all but one, where there is one image an artwork.

        Raises
        ------
        DatabaseError
            It holds none of them.
        """
        rows = rows_that_show(wanted, self._records, self.printings)
        if self._wanted is not None:
            rows = [row for row in rows if self._wanted[row]]
        if not rows:
            raise DatabaseError(
                "The database holds none of the wanted faces",
                details=f"none of {len(self):,} faces in {self.folder} fits the filter",
                suggestion="See its sets and languages with `mtg-db info`; rarities and layouts "
                "are Scryfall's words, like mythic and transform.",
            )
        return self._view(rows)

    def search(
        self, vectors: NDArray[np.float32], k: int = 5, *, min_score: float = -1.0
    ) -> list[tuple[Match, ...]]:
        """Find the faces most similar to each of some vectors.

        Parameters
        ----------
        vectors
            float32 [Q, D], L2-normalised, by an encoder of the database's fingerprint.
        k, min_score
            See `query`.
        """
        return [self._matches(hits) for hits in self.search_rows(vectors, k, min_score=min_score)]

    def search_text(self, text: str, k: int = 5, *, min_score: float = -1.0) -> tuple[Match, ...]:
        """Find the faces that a text describes best, by the text tower of the encoder.

        Scores of texts are lower than those of pictures (0.2 to 0.4 is usual for a CLIP).

        Parameters
        ----------
        k, min_score
            See `query`.

        Raises
        ------
        EncoderError
            The encoder has no text tower (the package's own has none), or cannot be loaded.
        """
        from mtg_image_db.encoders.text import TextEncoder

        encoder = self._text_encoder or TextEncoder.load(self.manifest.choice)
        self.use_text_encoder(encoder)
        # The graph leads to the neighbours of pictures, and vectors of texts lie elsewhere.
        view = self if self._exact else self._view(range(len(self)))
        return view.search(encoder.encode([text]), k, min_score=min_score)[0]

    def search_rows(
        self, vectors: NDArray[np.float32], k: int, *, min_score: float = -1.0
    ) -> list[list[tuple[float, int]]]:
        """Like `search`, giving (score, row) pairs."""
        if k < 1:
            raise ValueError("k must be at least 1")
        if len(self) == 0:
            return [[] for _ in vectors]
        scores, ids = (self._exact or self._parts.index).search(vectors, k)
        if self._exact:
            # It leaves nothing out but what is not a number, which gets no score.
            self._check_scores(scores, EMBEDDINGS)
        else:
            self._check_scores(scores[ids >= 0], INDEX)
        return [
            [
                (float(score), row)
                for score, first in zip(some_scores, some_ids, strict=True)
                if first >= 0 and score >= min_score
                for row in self._rows_from(int(first))
            ]
            for some_scores, some_ids in zip(scores, ids, strict=True)
        ]

    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """The cosine similarity of a unit vector [D] and a face."""
        score = vector @ self.embeddings[row]
        self._check_scores(score, EMBEDDINGS)
        return float(score)

    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """The local features of some faces; None in a database built without."""
        return None if self.local_features is None else unpack(self.local_features[list(rows)])

    @property
    def narrowed(self) -> bool:
        """Whether it is a view that knows some of the faces only."""
        return self._wanted is not None

    @property
    def can_vote(self) -> bool:
        """Whether it has an inverted index of local features."""
        return self._parts.inverted is not None

    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """The faces that most descriptors [n, 128] of a photo speak for."""
        if self._parts.inverted is None:
            return []
        return self._parts.inverted.vote(descriptors, most, self._wanted)

    def artwork(self, row: int) -> str:
        """What names the artwork of a face: its illustration id, or else the face itself."""
        face = self.face(row)
        return face.illustration_id or face.face_id

    def _view(self, rows: Sequence[int]) -> Database:
        """A copy that knows some rows only, and compares with each of them."""
        view = copy.copy(self)
        view._narrow(rows)  # noqa: SLF001
        return view

    def _narrow(self, rows: Sequence[int]) -> None:
        import numpy as np

        kept = np.array(rows, dtype=np.int64)
        self._wanted = np.zeros(len(self), dtype=bool)
        self._wanted[kept] = True
        self._exact = ExactIndex(self.embeddings, first_rows(kept, self._parts.same))
        self._recogniser = None

    def _matches(self, hits: Iterable[Hit]) -> tuple[Match, ...]:
        faces = [(score, self.face(row)) for score, row in hits]
        return tuple(
            Match(rank, score, face, self.printings.of(face.illustration_id))
            for rank, (score, face) in enumerate(faces, start=1)
        )

    def _rows_from(self, row: int) -> Iterator[int]:
        """Rows that share a vector, from the first on; wanted ones only."""
        while row >= 0:
            if row >= len(self):
                raise DatabaseError.damaged(self.folder / INDEX, f"it names row {row}")
            if self._wanted is None or self._wanted[row]:
                yield row
            following = int(self._parts.same[row])
            # Ascending, so a damaged file cannot make a circle.
            row = following if following > row else -1

    def _check_scores(self, scores: NDArray[np.float32], name: str) -> None:
        # Written so that NaN is wrong as well.
        if not (abs(scores) <= _HIGHEST_SCORE).all():
            raise DatabaseError.damaged(self.folder / name, "a vector has not length 1")
