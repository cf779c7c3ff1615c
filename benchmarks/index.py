"""Building and searching the index: parameters, order, threads, storage, memory.

    python benchmarks/index.py table [--count 20000] [--dimension 512]
    python benchmarks/index.py memory [--count 540000] [--dimension 512]

Vectors are made as cards' are distributed: one common direction (all are cards), clusters (frames),
and a share of near twins (printings of one artwork). Recall is against exact search, for vectors
with noise to a cosine of 0.9.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from mtg_image_db import database as db
from mtg_image_db.build.generation import write_distinct
from mtg_image_db.build.graph import write_index
from mtg_image_db.build.options import BuildOptions, BuildSummary
from mtg_image_db.index.hnsw import Index, add_rows, new_index, save_index
from mtg_image_db.index.quality import measure, with_noise
from mtg_image_db.progress import Silent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("table", "memory"))
    parser.add_argument("--count", type=int)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--ef-construction", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "table":
            table(Path(folder), arguments.count or 20_000, arguments.dimension)
        else:
            count = arguments.count or 540_000
            memory(Path(folder), count, arguments.dimension, arguments.ef_construction)


def table(folder: Path, count: int, dimension: int) -> None:
    """Build the same vectors in several ways."""
    vectors = make_vectors(count, dimension)
    print(f"{count:,} x {dimension}, {faiss.omp_get_max_threads()} threads")
    print("| build | seconds | MB | efSearch for 0.999 | recall@1 | recall@10 | ms a search |")
    print("|---|---|---|---|---|---|---|")
    rows = np.arange(count)
    for m, ef_construction in ((16, 200), (32, 100), (32, 200), (64, 200), (32, 400)):
        index = new_index(dimension, m=m, ef_construction=ef_construction)
        began = time.perf_counter()
        add_rows(index, vectors, rows, Silent())
        report(f"M {m}, efConstruction {ef_construction}", index, began, vectors, folder)
    sort = np.argsort(vectors @ vectors[0])
    for name, order in (("sorted by similarity", sort), ("in one batch", rows)):
        index = new_index(dimension, m=32, ef_construction=200)
        faiss.downcast_index(index.index).keep_max_size_level0 = True
        began = time.perf_counter()
        index.add_with_ids(vectors[order], order)
        report(f"M 32, efConstruction 200, {name}", index, began, vectors, folder)
    index = new_index(dimension, m=32, ef_construction=200)
    began = time.perf_counter()
    index.add_with_ids(vectors, rows)
    report("M 32, efConstruction 200, FAISS's own pruning", index, began, vectors, folder)
    graph = faiss.IndexHNSWSQ(
        dimension, faiss.ScalarQuantizer.QT_fp16, 32, faiss.METRIC_INNER_PRODUCT
    )
    graph.hnsw.efConstruction = 200
    graph.keep_max_size_level0 = True
    graph.train(vectors[:1000])
    index = faiss.IndexIDMap(graph)
    began = time.perf_counter()
    index.add_with_ids(vectors, rows)
    report("M 32, efConstruction 200, float16", index, began, vectors, folder)


def report(name: str, index: Any, began: float, vectors: NDArray[np.float32], folder: Path) -> None:
    """Print one row."""
    seconds = time.perf_counter() - began
    path = folder / "index"
    save_index(index, path)
    rng = np.random.default_rng(5)
    queries = with_noise(vectors[rng.choice(len(vectors), 1000, replace=False)])
    quality = measure(Index(path, 16), vectors, np.arange(len(vectors)), queries, from_images=0)
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
        folder / db.EMBEDDINGS, mode="w+", dtype=np.float32, shape=(count, dimension)
    )
    for start in range(0, count, 2_000):
        vectors[start : start + 2_000] = make_vectors(
            min(2_000, count - start), dimension, seed=start
        )
    vectors.flush()
    del vectors
    began = time.perf_counter()
    summary = BuildSummary(folder)
    options = BuildOptions(out=folder, hnsw_ef_construction=ef_construction)
    no_images = (np.empty((0, dimension), np.float32), np.empty(0, np.int64))
    write_index(folder, options, write_distinct(folder), None, no_images, summary, Silent())
    seconds = time.perf_counter() - began
    size = (folder / db.INDEX).stat().st_size
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(next(x for x in status.splitlines() if x.startswith("VmHWM")).split()[1]) * 1024
    print(
        f"{count:,} x {dimension}, efConstruction {ef_construction}: index {size / 1e9:.2f} GB, "
        f"peak {peak / 1e9:.2f} GB ({(peak - size) / 1e9:+.2f} GB), {seconds:.0f} s, "
        f"{summary.quality.chosen if summary.quality else ''}"
    )


def make_vectors(count: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """Unit vectors that crowd as cards' do."""
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
