"""Search the vectors of a generation on a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.postgres.schema import image_table

if TYPE_CHECKING:
    from mtg_image_db.postgres.connections import Connection

SETTINGS = {
    # With a filter, go on until enough have passed, in order of their distance, and not only up to
    # pgvector's 20,000 vectors; 64 MB hold the state of a search in a million.
    "hnsw.iterative_scan": "strict_order",
    "hnsw.max_scan_tuples": str((1 << 31) - 1),
    "hnsw.scan_mem_multiplier": "16",
    # To compile a question takes longer than to answer it.
    "jit": "off",
}
"""Settings of a connection that searches."""
MOST_EF_SEARCH = 1000
"""Most candidates that pgvector examines (hnsw.h: HNSW_MAX_EF_SEARCH)."""


@dataclass(frozen=True)
class Scope:
    """Where to search.

    Parameters
    ----------
    images
        The number of the table of vectors.
    condition, parameters
        A condition in SQL on an image `i`, and its parameters; empty for all.
    exact
        Compare with each image instead of using the graph.
    """

    images: int
    generation: int
    condition: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False

    def query(
        self, vectors: NDArray[np.float32], k: int, least: float = -2
    ) -> tuple[str, dict[str, Any]]:
        """The statement that finds the `k` most similar images of each vector [Q, D].

        Its rows are: the number of the vector, from 0; the id of the image; the cosine. Best first.
        """
        # An index serves only the operator itself, so this expression makes the server compare all.
        order = "-(i.vector <#> q.vector) DESC" if self.exact else "i.vector <#> q.vector"
        wanted = f"AND {self.condition}" if self.condition else ""
        # The numbers are written out: with parameters, a prepared plan would not know how few rows
        # are wanted, and sort all of them.
        query = f"""
            SELECT q.n - 1, near.id, near.score
            FROM unnest(%(vectors)s::text[]::vector[]) WITH ORDINALITY AS q (vector, n)
            CROSS JOIN LATERAL (
                SELECT i.id, -(i.vector <#> q.vector) AS score
                FROM {image_table(self.images)} AS i
                WHERE i.since <= {self.generation:d} AND {self.generation:d} < i.until {wanted}
                ORDER BY {order} LIMIT {k:d}
            ) AS near
            WHERE near.score >= %(least)s
            ORDER BY q.n, near.score DESC, near.id
        """
        texts = [f"[{','.join(map(str, vector))}]" for vector in vectors.tolist()]
        return query, {"vectors": texts, "least": least, **self.parameters}


class Graph:
    """The HNSW index of a table of vectors, to be measured in the transaction that made it.

    Parameters
    ----------
    rows
        The row of each image, by its id.
    """

    def __init__(self, connection: Connection, scope: Scope, rows: Mapping[int, int]) -> None:
        self._connection, self._scope, self._rows = connection, scope, rows

    @property
    def size(self) -> int:
        """Its size in bytes."""
        name = f"mtg_db.image_{self._scope.images:d}_vector_idx"
        found = self._connection.execute("SELECT pg_relation_size(%s::regclass)", [name])
        return int(found.fetchall()[0][0])

    def search(
        self, vectors: NDArray[np.float32], k: int, *, ef_search: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `index.hnsw.Index.search`."""
        settings: Sequence[tuple[str, str]] = [*SETTINGS.items()]
        if ef_search:
            settings = [*settings, ("hnsw.ef_search", str(min(ef_search, MOST_EF_SEARCH)))]
        for name, value in settings:
            self._connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        scores = np.full((len(vectors), k), -1, np.float32)
        rows = np.full((len(vectors), k), -1, np.int64)
        places = [0] * len(vectors)
        query, parameters = self._scope.query(vectors, k)
        for number, image, score in self._connection.execute(query, parameters).fetchall():
            scores[number, places[number]] = score
            rows[number, places[number]] = self._rows[image]
            places[number] += 1
        return scores, rows
