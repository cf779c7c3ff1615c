"""Measure how often an index finds what exact search finds, and at which efSearch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.index.exact import ExactIndex
from mtg_image_db.index.hnsw import VectorFile

LEAST_EF_SEARCH = 200
"""Candidates examined in a search, at least. A card is compared with the twenty most similar faces:
with 20 candidates, 72 of 252 cards in photos missed some of them (54,000 faces); with 200, none
(docs/decisions.md)."""
EF_SEARCHES = (LEAST_EF_SEARCH, 400, 800)
"""Candidates to try, in this order. By hand."""
ENOUGH = 0.999
"""Recall@1 that the stored efSearch must reach: at most one search in a thousand may miss. This is
a goal, not a measurement."""

NOISE_COSINE = 0.9
"""Cosine of a vector with itself after noise was added. Such vectors stand in for photos if there
are too few images. By hand."""
_TIMED_QUERIES = 100
"""Queries that are run one by one, to measure the time. If they already miss too often, the others
are not run. By hand."""
_EQUAL_SCORES = 1e-6
"""Difference of two cosines that float32 rounding alone can cause. By hand."""


class Searched(Protocol):
    """An index that can be measured: `hnsw.Index`, or one on a server."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    def search(
        self, vectors: NDArray[np.float32], k: int, *, ef_search: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `hnsw.Index.search`."""


@dataclass(frozen=True)
class SearchLevel:
    """The result of one efSearch: recall@1, recall@10, and milliseconds per query.

    Parameters
    ----------
    queries
        How many queries were run: all, unless the first hundred already missed too often.
    """

    ef_search: int
    queries: int
    recall_at_1: float
    recall_at_10: float
    milliseconds: float


@dataclass(frozen=True)
class Quality:
    """The quality report of an index.

    Parameters
    ----------
    queries
        How many perturbed vectors were searched for; `from_images` of them are vectors of perturbed
        images, the others got noise, to a cosine of 0.9.
    ef_search
        The smallest efSearch with a recall@1 of 0.999, or the largest tried.
    index_bytes
        Size of the index's file.
    """

    queries: int
    from_images: int
    ef_search: int
    index_bytes: int
    levels: tuple[SearchLevel, ...]

    @property
    def chosen(self) -> SearchLevel:
        """The result of the stored efSearch."""
        return next(level for level in self.levels if level.ef_search == self.ef_search)

    @property
    def enough(self) -> bool:
        """Whether the chosen efSearch reaches the required recall."""
        return self.chosen.recall_at_1 >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        """The report as JSON types."""
        return {**asdict(self), "recall_aimed_at": ENOUGH}


def with_noise(vectors: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Add random noise to unit vectors [n, D], so that each keeps a cosine of 0.9 with itself."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(vectors.shape).astype(np.float32)
    noise -= (noise * vectors).sum(axis=1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    turned = NOISE_COSINE * vectors + float(np.sqrt(1 - NOISE_COSINE**2)) * noise
    return np.ascontiguousarray(turned, dtype=np.float32)


def measure(
    index: Searched,
    vectors: NDArray[np.float32] | VectorFile,
    rows: NDArray[np.int64],
    queries: NDArray[np.float32],
    *,
    from_images: int,
    ef_searches: Sequence[int] = EF_SEARCHES,
) -> Quality:
    """Compare the index with exact search; raise efSearch until the recall is enough.

    Parameters
    ----------
    vectors
        float32 [N, D]; read once, in blocks.
    rows
        int64 [U]: the rows in the index.
    queries
        float32 [Q, D], unit vectors.
    from_images
        How many of the queries come from images.
    ef_searches
        Candidates to try, in this order.
    """
    best_scores, best = ExactIndex(vectors, rows).search(queries, 10)
    levels: list[SearchLevel] = []
    for ef_search in ef_searches:
        last = ef_search == ef_searches[-1]
        levels.append(_level(index, queries, best, best_scores[:, 0], ef_search, last=last))
        if levels[-1].recall_at_1 >= ENOUGH:
            break
    return Quality(len(queries), from_images, levels[-1].ef_search, index.size, tuple(levels))


def _level(
    index: Searched,
    queries: NDArray[np.float32],
    best: NDArray[np.int64],
    best_scores: NDArray[np.float32],
    ef_search: int,
    *,
    last: bool,
) -> SearchLevel:
    k = best.shape[1]

    def found(answers: list[tuple[NDArray[np.float32], NDArray[np.int64]]]) -> NDArray[np.bool_]:
        scores, rows = (np.concatenate(part)[:, 0] for part in zip(*answers, strict=True))
        # If two near twins differ only by a rounding error, both count as the best.
        same: NDArray[np.bool_] = rows == best[: len(rows), 0]
        return same | (scores >= best_scores[: len(rows)] - _EQUAL_SCORES)

    index.search(queries[:1], k, ef_search=ef_search)  # the first search loads mapped pages
    began = time.perf_counter()
    answers = [index.search(q[None], k, ef_search=ef_search) for q in queries[:_TIMED_QUERIES]]
    milliseconds = 1000 * (time.perf_counter() - began) / len(answers)
    may_miss = round((1 - ENOUGH) * len(queries), 6)
    if last or np.count_nonzero(~found(answers)) <= may_miss:
        rest = queries[len(answers) :]
        answers.append(index.search(rest, k, ef_search=ef_search))
    at_1 = found(answers)
    rows = np.concatenate([ids for _, ids in answers])
    at_10 = [len(np.intersect1d(f, b)) / k for f, b in zip(rows, best[: len(rows)], strict=True)]
    return SearchLevel(
        ef_search, len(rows), float(at_1.mean()), float(np.mean(at_10)), round(milliseconds, 3)
    )
