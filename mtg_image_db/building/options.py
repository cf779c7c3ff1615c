"""What a build is asked for, and what came of it."""

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
"""Fewest and most links of a node. FAISS aborts the process at 0 and crashes it at 1."""

MOST_EF_CONSTRUCTION = 2000
"""Most candidates looked at for each link; the fewest are as many as a node has links."""

LEAST_CHECKPOINT_FREQUENCY = 100
"""Fewest images a checkpoint shard, unless none is written (0)."""

if TYPE_CHECKING:
    from mtg_image_db.index.quality import Quality


@dataclass(frozen=True)
class BuildOptions:
    """What to build a database of, and how.

    Parameters
    ----------
    cache, out
        The image cache, and the folder of the database: texts or paths.
    kind
        Only faces of this snapshot; None for all snapshots in the cache.
    limit
        At most this many faces, in the order of their ids; None for all.
    batch
        Pictures encoded at once; None to try what is fastest.
    precision
        ``fp32``, ``bf16`` or ``fp16``; None to try what is fastest, and to keep what the vectors of
        an earlier build were made with.
    local_features
        Keep local features of each image, so that geometry can decide on an answer.
    inverted_index
        Index the local features as well, so that cards without an outline are found.
    onnx
        Export an encoder that torch runs to ONNX, so that queries do without torch.
    checkpoint_frequency
        Images a checkpoint shard; 0 writes none.
    resume
        Use what an interrupted build left.
    wait
        Wait for another process that holds `out`; otherwise that is an error.

    Raises
    ------
    InvalidArguments
        A value makes no sense; all that make none are listed.
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
            "out and cache must be two folders" if self.out == self.cache else None,
        )


def wrong_checkpoint_frequency(name: str, value: int) -> str | None:
    """What is wrong with how many images a checkpoint shard shall have."""
    problem = wrong_integer(name, value, 0)
    if problem is None and 0 < value < LEAST_CHECKPOINT_FREQUENCY:
        problem = f"{name} must be 0 or at least {LEAST_CHECKPOINT_FREQUENCY}"
    return problem


@dataclass(frozen=True)
class BuildSummary:
    """What came of a build. ``known == faces + left_out``.

    Parameters
    ----------
    faces
        In the database; `entries` of their vectors are distinct.
    tuning
        How the encoder was run.
    quality
        What a search of the index finds.
    encoded, reused
        Distinct images encoded now, and taken from a checkpoint or from the database before.
    replaced
        There was a database before.
    new, changed, refreshed, gone
        Compared with the database before: faces it did not have, faces with another image, faces
        with other metadata, and faces that are no longer there.
    extended
        The index of the database before was extended, not built anew.
    inverted
        There is an inverted index of the local features.
    left_out
        Faces of the snapshots that are not in the database, by reason.
    invalid
        Of those, each whose image was recorded as valid and is not any more: label and reason.
    rows
        What reading the snapshots met.
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
