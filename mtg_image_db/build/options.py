"""What a build is asked for, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mtg_image_db.encoders import EncoderChoice
from mtg_image_db.scryfall.faces import FaceFilter
from mtg_image_db.scryfall.rows import RowCount


@dataclass(frozen=True)
class BuildOptions:
    """What to build a database of, and how.

    Parameters
    ----------
    kind
        Only faces of this snapshot; None for all snapshots in the cache.
    limit
        At most this many faces, in the order of their ids; None for all.
    batch
        Pictures encoded at once; None for a size that suits the device.
    checkpoint_frequency
        Vectors a checkpoint shard; 0 writes none.
    resume
        Use what an interrupted build left.
    wait
        Wait for another process that holds `out`; otherwise that is an error.
    """

    cache: Path = Path("image_cache")
    out: Path = Path("index_out")
    kind: str | None = None
    wanted: FaceFilter = field(default_factory=lambda: FaceFilter(include_digital=True))
    limit: int | None = None
    encoder: EncoderChoice = field(default_factory=EncoderChoice)
    batch: int | None = None
    hnsw_m: int = 32
    hnsw_ef_construction: int = 200
    checkpoint_frequency: int = 500
    resume: bool = True
    wait: bool = True


@dataclass
class BuildSummary:
    """What came of a build. ``known == faces + left_out``.

    Parameters
    ----------
    faces
        In the database; `entries` of their vectors are distinct.
    encoded, reused
        Distinct images encoded now, and taken from a checkpoint.
    left_out
        Faces of the snapshots that are not in the database, by reason.
    invalid
        Of those, each whose image was recorded as valid and is not any more: label and reason.
    """

    out: Path
    faces: int = 0
    entries: int = 0
    encoded: int = 0
    reused: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    invalid: list[tuple[str, str]] = field(default_factory=list)
    rows: RowCount = field(default_factory=RowCount)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """How many faces the snapshots have."""
        return self.faces + sum(self.left_out.values())
