"""The index of a build: the previous index is extended if that is as good, else it is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.building.generation import DistinctVectors
from mtg_image_db.building.options import BuildOptions
from mtg_image_db.building.reuse import MOST_ADDED, MOST_GONE, Predecessor
from mtg_image_db.database import parts
from mtg_image_db.index.hnsw import (
    GONE,
    Index,
    VectorFile,
    add_rows,
    ids_of,
    new_index,
    set_ids,
)
from mtg_image_db.index.quality import LEAST_EF_SEARCH, Quality, measure, with_noise
from mtg_image_db.index.storage import load_index, save_index
from mtg_image_db.system.files import write_json
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_QUERIES = 1000
"""Queries with which recall is measured. By hand."""


@dataclass(frozen=True)
class WrittenIndex:
    """The index of a new generation.

    Parameters
    ----------
    entries
        How many entries it has, including those of removed faces.
    extended
        Whether it is the previous database's index, extended; otherwise it was rebuilt.
    """

    entries: int
    quality: Quality
    extended: bool


def write_index(
    folder: Path,
    options: BuildOptions,
    distinct: DistinctVectors,
    before: Predecessor | None,
    image_queries: tuple[NDArray[np.float32], NDArray[np.int64]],
    progress: Progress,
) -> WrittenIndex:
    """Write the index and its quality report.

    Parameters
    ----------
    image_queries
        Vectors [Q, D] of perturbed images, and the rows [Q] of their originals.
    """
    path = folder / parts.INDEX
    vectors = VectorFile(folder / parts.EMBEDDINGS)
    queries = _queries(vectors, distinct.firsts, image_queries[0])

    def measured() -> Quality:
        progress.start("measuring the index", None, "")
        found = Index(path, LEAST_EF_SEARCH)
        report = measure(
            found, vectors, distinct.firsts, queries, from_images=len(image_queries[0])
        )
        progress.finish()
        return report

    result = None
    if before is not None:
        new_ids = _new_ids(before, distinct)
        if _is_worth_extending(before, options, distinct, new_ids):
            entries = _extend(before, distinct, new_ids, vectors, path, progress)
            result = WrittenIndex(entries, measured(), extended=True)
    if result is None or not result.quality.enough:
        entries = _build_anew(options, distinct, vectors, path, progress)
        result = WrittenIndex(entries, measured(), extended=False)
    write_json(folder / parts.QUALITY, result.quality.to_json())
    return result


def _extend(
    before: Predecessor,
    distinct: DistinctVectors,
    new_ids: NDArray[np.int64],
    vectors: VectorFile,
    path: Path,
    progress: Progress,
) -> int:
    """Extend the previous index and write it; return how many entries it has."""
    index, rows = _reopened(before, distinct, new_ids)
    add_rows(index, vectors, rows, progress)
    save_index(index, path)
    return int(index.ntotal)


def _build_anew(
    options: BuildOptions,
    distinct: DistinctVectors,
    vectors: VectorFile,
    path: Path,
    progress: Progress,
) -> int:
    """Write a new index; return how many entries it has."""
    index = new_index(
        vectors.dimension, m=options.hnsw_m, ef_construction=options.hnsw_ef_construction
    )
    add_rows(index, vectors, distinct.firsts, progress)
    save_index(index, path)
    return int(index.ntotal)


def _is_worth_extending(
    before: Predecessor,
    options: BuildOptions,
    distinct: DistinctVectors,
    new_ids: NDArray[np.int64],
) -> bool:
    """Whether the previous index has the same parameters and most of the same vectors."""
    import numpy as np

    was = before.database.manifest
    wanted = options.hnsw_m, options.hnsw_ef_construction
    if (was.hnsw_m, was.hnsw_ef_construction) != wanted:
        return False
    kept = len(np.unique(new_ids[new_ids != GONE]))
    entries = was.index_entries
    added = len(distinct.firsts) - kept
    return entries - kept <= MOST_GONE * entries and added <= MOST_ADDED * entries


def _new_ids(before: Predecessor, distinct: DistinctVectors) -> NDArray[np.int64]:
    """For each old row, the new first row with the same vector, or `GONE`."""
    import numpy as np

    old = before.database.embeddings
    return np.fromiter((distinct.first(vector) for vector in old), np.int64, count=len(old))


def _reopened(
    before: Predecessor, distinct: DistinctVectors, new_ids: NDArray[np.int64]
) -> tuple[Any, NDArray[np.int64]]:
    """The old index with new ids, and the rows that it lacks."""
    import numpy as np

    index = load_index(before.database.folder / parts.INDEX)
    ids = ids_of(index)
    new = np.full(len(ids), GONE, dtype=np.int64)
    alive = ids != GONE
    new[alive] = new_ids[ids[alive]]
    set_ids(index, new)
    return index, np.setdiff1d(distinct.firsts, new)


def _queries(
    vectors: VectorFile, rows: NDArray[np.int64], from_images: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The vectors of perturbed images, plus noisy vectors up to a thousand."""
    import numpy as np

    rng = np.random.default_rng(0)
    count = min(len(rows), _QUERIES - len(from_images))
    some = np.sort(rng.choice(rows, max(count, 0), replace=False))
    return np.concatenate([from_images, with_noise(vectors[some])])
