"""The database: vectors, index, metadata and manifest, published and opened as one unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.encoders import Encoder, load_encoder
from mtg_image_db.errors import DatabaseError, StorageError
from mtg_image_db.files import read_json_object
from mtg_image_db.images import open_for, prepare, upright_rgb
from mtg_image_db.index.hnsw import Index
from mtg_image_db.manifest import MANIFEST, Manifest
from mtg_image_db.publication import open_current
from mtg_image_db.records import Records
from mtg_image_db.scryfall.faces import CardFace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

EMBEDDINGS = "mtg_embeddings.npy"
METADATA = "mtg_meta.jsonl"
INDEX = "mtg_cards.faiss"
SAME = "mtg_same.npy"
"""int64 [N]: the next row with the same vector, -1 after the last."""
QUALITY = "quality_report.json"
PRINTINGS = "mtg_printings.jsonl"
"""One line an artwork, sorted by illustration_id: all printings that share it."""


@dataclass(frozen=True)
class Match:
    """A face that a picture resembles.

    Parameters
    ----------
    rank
        From 1, best first. Faces with the same vector follow each other.
    score
        Cosine similarity, -1 to 1.
    face
        What is known about it.
    printings
        All printings known to share its artwork, itself included: an image proves an artwork,
        often not a printing. Each has scryfall_id, set, collector_number, lang and more.
    """

    rank: int
    score: float
    face: CardFace
    printings: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The match as JSON types."""
        record = self.face.record()
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            **record,
            "printings": list(self.printings),
        }


@dataclass(frozen=True)
class CardAnswer:
    """What one card in a picture was taken for, best match first."""

    matches: tuple[Match, ...]


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

    def __init__(self, folder: Path, ef_search: int | None = None) -> None:
        import numpy as np

        self.folder = folder
        self.manifest = Manifest.read(folder / MANIFEST)
        for name, (size, _) in self.manifest.outputs.items():
            try:
                found = (folder / name).stat().st_size
            except FileNotFoundError:
                raise DatabaseError.damaged(folder / name, "it is missing") from None
            if found != size:
                raise DatabaseError.damaged(
                    folder / name, f"{found} bytes, where the manifest says {size}"
                )
        self._records = Records(folder / METADATA)
        self._printings = Records(folder / PRINTINGS)
        try:
            self.embeddings: NDArray[np.float32] = np.load(folder / EMBEDDINGS, mmap_mode="r")
            self._same: NDArray[np.int64] = np.load(folder / SAME, mmap_mode="r")
        except ValueError as error:
            raise DatabaseError.damaged(folder, str(error)) from error
        self._index = Index(folder / INDEX, ef_search or self.manifest.ef_search)
        self._encoder: Encoder | None = None
        self._check()

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
            return open_current(Path(path), lambda folder: cls(folder, ef_search))
        except PermissionError as error:
            raise StorageError(
                "The database cannot be read: permission denied",
                details=str(error.filename),
                suggestion="Change its owner or its permissions.",
            ) from error

    def __len__(self) -> int:
        """How many faces it knows."""
        return self.manifest.faces

    def info(self) -> dict[str, Any]:
        """What the database holds, as JSON types: counts, encoder, parameters, age, quality."""
        raw = self.manifest.raw
        sets: Counter[str] = Counter()
        languages: Counter[str] = Counter()
        for face in self.faces():
            sets[face.set] += 1
            languages[face.lang] += 1
        built = datetime.fromisoformat(raw["timestamp"])
        report = read_json_object(self.folder / QUALITY) or {}
        levels = {level.get("ef_search"): level for level in report.get("levels", ())}
        chosen = levels.get(self.manifest.ef_search, {})
        if not {"recall_at_1", "milliseconds"} <= set(chosen):
            raise DatabaseError.damaged(
                self.folder / QUALITY, "it does not tell of the stored efSearch"
            )
        return {
            "faces": self.manifest.faces,
            "entries": self.manifest.entries,
            "built": raw["timestamp"],
            "age_days": (datetime.now(timezone.utc) - built).total_seconds() / 86400,
            "bytes": sum(size for size, _ in self.manifest.outputs.values()),
            "encoder": {
                **self.manifest.fingerprint.to_json(),
                "pretrained": self.manifest.choice.pretrained,
                "precision": raw["encoder"]["precision"],
            },
            "hnsw_m": raw["parameters"]["hnsw_m"],
            "hnsw_ef_construction": raw["parameters"]["hnsw_ef_construction"],
            "quality": chosen,
            "sets": dict(sets.most_common()),
            "languages": dict(languages.most_common()),
        }

    def line(self, row: int) -> bytes:
        """The line of metadata of a row, as it is stored."""
        return self._records.line(row)

    def face(self, row: int) -> CardFace:
        """The face that row `row` of the embeddings belongs to."""
        return CardFace.from_record(self._records[row])

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
        theirs, ours = encoder.fingerprint, self.manifest.fingerprint
        if theirs.digest != ours.digest:
            before, now = ours.to_json(), theirs.to_json()
            differing = [name for name in before if before[name] != now[name]]
            raise DatabaseError(
                "The encoder is not the one this database was built with",
                details=f"they differ in {', '.join(differing)}",
                suggestion="Name the weights it was built with, or build the database again.",
            )
        self._encoder = encoder

    @property
    def encoder(self) -> Encoder:
        """The encoder the manifest names, loaded at first use."""
        if self._encoder is None:
            self.use_encoder(load_encoder(self.manifest.choice))
        if self._encoder is None:
            raise AssertionError
        return self._encoder

    def query(
        self, image: str | Path | bytes | Image.Image, k: int = 5, *, min_score: float = -1.0
    ) -> tuple[CardAnswer, ...]:
        """Name the card in a picture.

        Parameters
        ----------
        image
            A path, the bytes of a file, or an open picture.
        k
            How many distinct vectors to answer with; all faces that share one are listed.
        min_score
            Leave out matches below this cosine similarity.

        Returns
        -------
        One answer for each card in the picture.

        Raises
        ------
        ImageError
            The picture cannot be read.
        EncoderError, DatabaseError
            The encoder cannot be loaded, or does not fit.
        """
        import numpy as np

        how = self.manifest.fingerprint.preprocessing
        if isinstance(image, str | Path):
            picture = open_for(Path(image), how)
        elif isinstance(image, bytes):
            picture = open_for(image, how)
        else:
            picture = upright_rgb(image)
        pixels = prepare(picture, how)
        vectors = self.encoder.encode(np.expand_dims(pixels, 0))
        [matches] = self.search(vectors, k, min_score=min_score)
        return (CardAnswer(matches),)

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
        return [
            tuple(self._match(rank, score, row) for rank, (score, row) in enumerate(hits, start=1))
            for hits in self.search_rows(vectors, k, min_score=min_score)
        ]

    def search_rows(
        self, vectors: NDArray[np.float32], k: int, *, min_score: float = -1.0
    ) -> list[list[tuple[float, int]]]:
        """Like `search`, giving (score, row) pairs."""
        if k < 1:
            raise ValueError("k must be at least 1")
        if len(self) == 0:
            return [[] for _ in vectors]
        scores, ids = self._index.search(vectors, k)
        return [
            [
                (float(score), row)
                for score, first in zip(some_scores, some_ids, strict=True)
                if first >= 0 and score >= min_score
                for row in self._rows_from(int(first))
            ]
            for some_scores, some_ids in zip(scores, ids, strict=True)
        ]

    def printings(self, illustration_id: str) -> tuple[dict[str, Any], ...]:
        """All printings known to share an artwork, oldest first."""
        if not illustration_id:
            return ()
        record = self._printings.find("illustration_id", illustration_id)
        found: Sequence[dict[str, Any]] = record["printings"] if record else ()
        return tuple(found)

    def _match(self, rank: int, score: float, row: int) -> Match:
        face = self.face(row)
        return Match(rank, score, face, self.printings(face.illustration_id))

    def _rows_from(self, row: int) -> Iterator[int]:
        """Rows that share a vector, from the first on."""
        while row >= 0:
            if row >= len(self):
                raise DatabaseError.damaged(self.folder / INDEX, f"it names row {row}")
            yield row
            following = int(self._same[row])
            # Ascending, so a damaged file cannot make a circle.
            row = following if following > row else -1

    def _check(self) -> None:
        """Cheap checks that the parts belong together."""
        faces, entries = self.manifest.faces, self.manifest.index_entries
        dimension = self.manifest.fingerprint.dimension
        counts = {
            EMBEDDINGS: self.embeddings.shape == (faces, dimension),
            SAME: self._same.shape == (faces,),
            METADATA: len(self._records) == faces,
            INDEX: len(self._index) == entries and self._index.dimension == dimension,
        }
        for name, fits in counts.items():
            if not fits:
                raise DatabaseError.damaged(
                    self.folder / name, "its count differs from the manifest's"
                )
