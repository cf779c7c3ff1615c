"""The graph of an index: every node is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mtg_image_db.index.hnsw import Index, add_rows, new_index
from mtg_image_db.index.storage import save_index
from mtg_image_db.system.progress import Silent


def test_near_twins_all_find_themselves(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    some = rng.standard_normal((400, 64)) + 1.5 * rng.standard_normal((1, 64))
    twins = np.repeat(some, 3, axis=0) + 0.01 * rng.standard_normal((1200, 64))
    vectors = (twins / np.linalg.norm(twins, axis=1, keepdims=True)).astype(np.float32)
    index = new_index(64, m=8, ef_construction=40)
    add_rows(index, vectors, np.arange(1200), Silent())
    save_index(index, tmp_path / "x")
    _, found = Index(tmp_path / "x", 128).search(vectors, 1)
    assert (found[:, 0] == np.arange(1200)).all()


def test_no_link_is_missing_to_any_node(tmp_path: Path) -> None:
    import faiss

    from mtg_image_db.index.reach import connect_unreachable

    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((500, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    graph = faiss.IndexHNSWFlat(16, 4, faiss.METRIC_INNER_PRODUCT)
    graph.add(vectors)
    hnsw = graph.hnsw
    links = faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())
    lost = [number for number in range(500) if number != hnsw.entry_point][:60]
    links[np.isin(links, lost)] = hnsw.entry_point
    _, before = graph.search(vectors[lost], 1)
    assert (before[:, 0] != lost).any()
    assert connect_unreachable(graph) >= 1
    _, after = graph.search(vectors[lost], 1, params=faiss.SearchParametersHNSW(efSearch=500))
    assert (after[:, 0] == lost).all()
    assert connect_unreachable(graph) == 0
