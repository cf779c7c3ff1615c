"""Building and searching the index: parameters, order, threads, storage, memory.

    python benchmarks/index.py table [--count 20000] [--dimension 512] [--builds WORDS]
    python benchmarks/index.py memory [--count 540000] [--dimension 512]

Vectors are made as cards' are distributed: one common direction (all are cards), clusters (frames),
and a share of near twins (printings of one artwork). Recall is against exact search, for vectors
with noise to a cosine of 0.9.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.building.generation import write_distinct
from mtg_image_db.building.graph import write_index
from mtg_image_db.building.options import BuildOptions
from mtg_image_db.database import parts
from mtg_image_db.index.hnsw import Index, add_rows, new_index
from mtg_image_db.index.quality import measure, with_noise
from mtg_image_db.index.storage import save_index
from mtg_image_db.system.progress import Silent

EF_SEARCHES = (16, 32, 64, 128, 256, 512)
"""Candidates to try. A build begins with more, so that shortlists are complete."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("table", "memory"))
    parser.add_argument("--count", type=int)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--ef-construction", type=int, default=200)
    parser.add_argument("--builds", default="", metavar="WORDS", help="only builds named so")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "table":
            table(Path(folder), arguments.count or 20_000, arguments.dimension, arguments.builds)
        else:
            count = arguments.count or 540_000
            memory(Path(folder), count, arguments.dimension, arguments.ef_construction)


def table(folder: Path, count: int, dimension: int, wanted: str) -> None:
    """Build the same vectors in several ways."""
    vectors = make_vectors(count, dimension)
    threads = faiss.omp_get_max_threads()
    print(f"{count:,} x {dimension}, {threads} threads unless said otherwise")
    print("| build | seconds | MB | efSearch for 0.999 | recall@1 | recall@10 | ms a search |")
    print("|---|---|---|---|---|---|---|")
    for name, build in ways(vectors).items():
        if wanted in name:
            began = time.perf_counter()
            index = build()
            faiss.omp_set_num_threads(threads)
            report(name, index, began, vectors, folder)


def ways(vectors: NDArray[np.float32]) -> dict[str, Callable[[], Any]]:
    """Ways to build an index, by name; the first is what a build does."""
    rows = np.arange(len(vectors))

    def ours(m: int, ef_construction: int) -> Any:
        index = new_index(vectors.shape[1], m=m, ef_construction=ef_construction)
        add_rows(index, vectors, rows, Silent())
        return index

    def at_once(order: NDArray[np.int64], *, prune: bool = False) -> Any:
        index = new_index(vectors.shape[1], m=32, ef_construction=200)
        faiss.downcast_index(index.index).keep_max_size_level0 = not prune
        index.add_with_ids(vectors[order], order)
        return index

    def one_thread() -> Any:
        faiss.omp_set_num_threads(1)
        return ours(32, 200)

    def float16() -> Any:
        graph = faiss.IndexHNSWSQ(
            vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, 32, faiss.METRIC_INNER_PRODUCT
        )
        graph.hnsw.efConstruction = 200
        graph.keep_max_size_level0 = True
        graph.train(vectors[:1000])
        index = faiss.IndexIDMap(graph)
        index.add_with_ids(vectors, rows)
        return index

    usual = "M 32, efConstruction 200"
    parameters = ((32, 200), (16, 200), (64, 200), (32, 100), (32, 400))
    return {f"M {m}, efConstruction {ef}": partial(ours, m, ef) for m, ef in parameters} | {
        f"{usual}, 1 thread": one_thread,
        f"{usual}, sorted by similarity": lambda: at_once(np.argsort(vectors @ vectors[0])),
        f"{usual}, in one batch": lambda: at_once(rows),
        f"{usual}, FAISS's own pruning": lambda: at_once(rows, prune=True),
        f"{usual}, float16": float16,
    }


def report(name: str, index: Any, began: float, vectors: NDArray[np.float32], folder: Path) -> None:
    """Print one row."""
    seconds = time.perf_counter() - began
    path = folder / "index"
    save_index(index, path)
    rng = np.random.default_rng(5)
    queries = with_noise(vectors[rng.choice(len(vectors), 1000, replace=False)])
    rows = np.arange(len(vectors))
    quality = measure(
        Index(path, EF_SEARCHES[0]), vectors, rows, queries, from_images=0, ef_searches=EF_SEARCHES
    )
    chosen = quality.chosen
    print(
        f"| {name} | {seconds:.1f} | {path.stat().st_size / 1e6:.0f} "
        f"| {chosen.ef_search}{'' if quality.enough else ' (not reached)'} "
        f"| {chosen.recall_at_1:.4f} | {chosen.recall_at_10:.4f} | {chosen.milliseconds:.2f} |",
        flush=True,
    )


def memory(folder: Path, count: int, dimension: int, ef_construction: int) -> None:
    """Write vectors, index and quality report as a build does; print the peak memory."""
    vectors = np.lib.format.open_memmap(
        folder / parts.EMBEDDINGS, mode="w+", dtype=np.float32, shape=(count, dimension)
    )
    for start in range(0, count, 2_000):
        vectors[start : start + 2_000] = make_vectors(
            min(2_000, count - start), dimension, seed=start
        )
    vectors.flush()
    del vectors
    began = time.perf_counter()
    options = BuildOptions(out=folder, hnsw_ef_construction=ef_construction)
    no_images = (np.empty((0, dimension), np.float32), np.empty(0, np.int64))
    index = write_index(folder, options, write_distinct(folder), None, no_images, Silent())
    seconds = time.perf_counter() - began
    size = (folder / parts.INDEX).stat().st_size
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(next(x for x in status.splitlines() if x.startswith("VmHWM")).split()[1]) * 1024
    print(
        f"{count:,} x {dimension}, efConstruction {ef_construction}: index {size / 1e9:.2f} GB, "
        f"peak {peak / 1e9:.2f} GB ({(peak - size) / 1e9:+.2f} GB), {seconds:.0f} s, "
        f"{index.quality.chosen}"
    )


def make_vectors(count: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """Unit vectors in crowds, with near twins; harder to search than cards' (docs/scaling.md)."""
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(99).standard_normal((1, dimension))
    frames = np.random.default_rng(98).standard_normal((40, dimension))
    own = rng.standard_normal((count, dimension))
    twins = rng.random(count) < 0.3
    own[1:][twins[1:]] = own[:-1][twins[1:]] + 0.05 * rng.standard_normal(
        (int(twins[1:].sum()), dimension)
    )
    vectors = own + common + 0.7 * frames[rng.integers(0, 40, count)]
    vectors = vectors[rng.permutation(count)]
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


if __name__ == "__main__":
    main()
