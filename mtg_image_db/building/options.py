"""Options and summary of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from mtg_image_db.encoders import PRECISIONS, EncoderChoice
from mtg_image_db.encoders.probe import Tuning
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall.kinds import KINDS
from mtg_image_db.scryfall.rows import RowCount
from mtg_image_db.system.checks import PathField, check, wrong_integer, wrong_kind, wrong_word

BATCH = (1, 4096)
"""Fewest and most pictures encoded at once."""

HNSW_M = (4, 128)
"""Fewest and most links of a node. At 0, FAISS aborts the process; at 1, it crashes it."""

MOST_EF_CONSTRUCTION = 2000
"""Most candidates examined per link; the least is the number of links of a node."""

LEAST_CHECKPOINT_FREQUENCY = 100
"""Fewest images per checkpoint shard; 0 writes none."""

if TYPE_CHECKING:
    from mtg_image_db.index.quality import Quality


@dataclass(frozen=True)
class BuildOptions:
    """What to build, and how.

    Parameters
    ----------
    cache, out
        The image cache, and the folder of the database: strings or paths.
    kind
        Only faces of this snapshot; None for all snapshots in the cache.
    limit
        At most this many faces, in the order of their ids; None for all.
    batch
        Pictures encoded at once; None to find the fastest.
    precision
        ``fp32``, ``bf16`` or ``fp16``; None to find the fastest, or to keep the precision of an
        earlier build's vectors.
    local_features
        Store local features of each image, so that geometry can decide on an answer.
    inverted_index
        Also index the local features, so that cards without an outline are found.
    onnx
        Export an encoder that torch runs to ONNX, so that queries do not need torch.
    checkpoint_frequency
        Images per checkpoint shard; 0 writes none.
    resume
        Use the results of an interrupted build.
    wait
        Wait for another process that holds `out`; otherwise raise an error.

    Raises
    ------
    InvalidArguments
        A value makes no sense; all such values are listed.
    """

    cache: PathField = PathField("image_cache")
    out: PathField = PathField("index_out")
    kind: str | None = None
    wanted: FaceFilter = field(default_factory=lambda: FaceFilter(include_digital=True))
    limit: int | None = None
    encoder: EncoderChoice = field(default_factory=EncoderChoice)
    batch: int | None = None
    precision: str | None = None
    hnsw_m: int = 32
    hnsw_ef_construction: int = 200
    local_features: bool = True
    inverted_index: bool = True
    onnx: bool = True
    checkpoint_frequency: int = 500
    resume: bool = True
    wait: bool = True

    def __post_init__(self) -> None:
        wrong_m = wrong_integer("hnsw_m", self.hnsw_m, *HNSW_M)
        least_ef = HNSW_M[0] if wrong_m else self.hnsw_m
        check(
            None if self.kind is None else wrong_word("kind", self.kind, KINDS),
            None if self.limit is None else wrong_integer("limit", self.limit, 0),
            None if self.batch is None else wrong_integer("batch", self.batch, *BATCH),
            None if self.precision is None else wrong_word("precision", self.precision, PRECISIONS),
            wrong_m,
            wrong_integer(
                "hnsw_ef_construction", self.hnsw_ef_construction, least_ef, MOST_EF_CONSTRUCTION
            ),
            wrong_checkpoint_frequency("checkpoint_frequency", self.checkpoint_frequency),
            wrong_kind("wanted", self.wanted, FaceFilter),
            wrong_kind("encoder", self.encoder, EncoderChoice),
            *(
                wrong_kind(name, getattr(self, name), bool)
                for name in ("local_features", "inverted_index", "onnx", "resume", "wait")
            ),
            self._wrong_folders(),
        )

    def _wrong_folders(self) -> str | None:
        one = self.out.resolve() == self.cache.resolve()
        return "out and cache must be two folders" if one else None


def wrong_checkpoint_frequency(name: str, value: int) -> str | None:
    """What is wrong with a number of images per checkpoint shard."""
    problem = wrong_integer(name, value, 0)
    if problem is None and 0 < value < LEAST_CHECKPOINT_FREQUENCY:
        problem = f"{name} must be 0 or at least {LEAST_CHECKPOINT_FREQUENCY}"
    return problem


@dataclass(frozen=True)
class BuildSummary:
    """The result of a build. ``known == faces + left_out``.

    Parameters
    ----------
    faces
        Faces in the database; `entries` of their vectors are distinct.
    tuning
        Precision and batch size of the encoder.
    quality
        The quality report of the index.
    encoded, reused
        Distinct images that were encoded now, and that came from a checkpoint or the previous
        database.
    replaced
        Whether there was a previous database.
    new, changed, refreshed, gone
        Compared with the previous database: new faces, faces with another image, faces with other
        metadata, and removed faces.
    extended
        Whether the previous database's index was extended; otherwise it was rebuilt.
    inverted
        Whether there is an inverted index of the local features.
    left_out
        Faces of the snapshots that are not in the database, by reason.
    invalid
        Those of them whose image was recorded as valid but is not any more: label and reason.
    rows
        Counts of reading the snapshots.
    """

    out: Path
    faces: int
    entries: int
    tuning: Tuning
    quality: Quality
    encoded: int = 0
    reused: int = 0
    replaced: bool = False
    new: int = 0
    changed: int = 0
    refreshed: int = 0
    gone: int = 0
    extended: bool = False
    inverted: bool = False
    left_out: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    invalid: tuple[tuple[str, str], ...] = ()
    rows: RowCount = field(default_factory=RowCount)

    @property
    def known(self) -> int:
        """How many faces the snapshots have."""
        return self.faces + sum(self.left_out.values())
