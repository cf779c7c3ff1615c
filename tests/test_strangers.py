"""A database may be a stranger's: its index files do nothing but answer, or are refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from conftest import mtg_db
from damage import part, put, refused

from mtg_image_db import Database, DatabaseError
from mtg_image_db.database.manifest import MANIFEST
from mtg_image_db.database.parts import EMBEDDINGS, INDEX, INVERTED, INVERTED_ROWS, METADATA

DIMENSION = 128


@pytest.fixture
def home(featured: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(featured, tmp_path / "home")


def written(index: Any) -> bytes:
    data: bytes = faiss.serialize_index(index).tobytes()
    return data


def features(home: Path) -> int:
    return len(np.load(part(home, INVERTED_ROWS)))


def some_vectors(count: int, dimension: int) -> Any:
    return np.random.default_rng(0).random((count, dimension), dtype=np.float32)


def ivf(home: Path, kind: str = "IVF4,SQ8", dimension: int = DIMENSION, metric: int = 1) -> Any:
    """An index with as many entries as there are local features."""
    vectors = some_vectors(features(home), dimension)
    index = faiss.index_factory(dimension, kind, metric)
    index.train(vectors)
    index.add(vectors)
    return index


def on_disk(home: Path, victim: Path) -> bytes:
    index = ivf(home)
    lists = faiss.OnDiskInvertedLists(index.nlist, index.code_size, str(victim))
    lists.merge_from_1(index.invlists)
    index.replace_invlists(lists)
    return written(index)


def test_no_command_opens_a_file_that_an_index_names(home: Path) -> None:
    victim = home / "victim"
    data = on_disk(home, victim)
    assert os.fsencode(victim) in data
    victim.write_bytes(b"export EDITOR=emacs -nw\n")
    put(home, INVERTED, data)
    for command in (
        ("query", "photo.png"),
        ("verify",),
        ("info",),
        ("scan", "photo.png"),
        ("export", "--format", "npy"),
    ):
        done = mtg_db(*command, cwd=home)
        assert done.returncode == 1, done.stderr
        assert "damaged: mtg_inverted.faiss" in done.stderr
    done = mtg_db("build", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "is not reused" in done.stderr
    assert victim.read_bytes() == b"export EDITOR=emacs -nw\n"
    assert mtg_db("verify", cwd=home).returncode == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda home: ivf(home, "IVF4,SQ8,RFlat"),
        lambda home: ivf(home, "PCA64,IVF4,SQ8"),
        lambda home: ivf(home, "IVF4,Flat"),
        lambda home: ivf(home, "IVF4,PQ32x8np"),
        lambda home: ivf(home, "IVF4,PQ16x4np"),
        lambda home: ivf(home, "IVF4_HNSW8,SQ8"),
        lambda home: ivf(home, "IVF4,SQ4"),
        lambda home: ivf(home, "IVF4,SQ8", metric=faiss.METRIC_INNER_PRODUCT),
        lambda home: ivf(home, "IVF4,SQ8", dimension=64),
        lambda home: ivf(home, "SQ8"),
    ],
)
def test_another_class_of_inverted_index_is_refused(
    home: Path, make: Callable[[Path], Any]
) -> None:
    put(home, INVERTED, written(make(home)))
    refused(home, INVERTED)


def test_a_binary_index_is_refused(home: Path) -> None:
    index = faiss.IndexBinaryFlat(DIMENSION)
    index.add(np.zeros((features(home), DIMENSION // 8), dtype=np.uint8))
    data = faiss.serialize_index_binary(index).tobytes()
    for name in (INDEX, INVERTED):
        put(home, name, data)
        refused(home, name)


def graph_like(home: Path, **changes: Any) -> Any:
    """A graph over the database's vectors, or what is like one."""
    vectors = np.load(part(home, EMBEDDINGS))
    manifest = json.loads(part(home, MANIFEST).read_bytes())["parameters"]
    kind = changes.get("kind", faiss.IndexHNSWFlat)
    graph = kind(
        changes.get("dimension", vectors.shape[1]),
        *changes.get("more", ()),
        changes.get("m", manifest["hnsw_m"]),
        changes.get("metric", faiss.METRIC_INNER_PRODUCT),
    )
    graph.hnsw.efConstruction = changes.get("ef", manifest["hnsw_ef_construction"])
    index = changes.get("outer", faiss.IndexIDMap)(graph)
    some = vectors[:, : graph.d].copy()
    graph.train(some)
    index.add_with_ids(some, np.arange(len(vectors)))
    return index


def test_a_graph_as_this_program_makes_it_is_taken(home: Path) -> None:
    put(home, INDEX, written(graph_like(home)))
    assert len(Database.open(home / "index_out")) > 10


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": faiss.METRIC_L2},
        {"dimension": 16},
        {"m": 16},
        {"ef": 1_000_000},
        {"outer": faiss.IndexIDMap2},
        {"kind": faiss.IndexHNSWSQ, "more": (faiss.ScalarQuantizer.QT_8bit,)},
    ],
)
def test_another_class_or_shape_of_graph_is_refused(home: Path, changes: dict[str, Any]) -> None:
    put(home, INDEX, written(graph_like(home, **changes)))
    refused(home, INDEX)


def test_an_index_without_a_graph_is_refused(home: Path) -> None:
    vectors = np.load(part(home, EMBEDDINGS))
    flat = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[1]))
    flat.add_with_ids(vectors, np.arange(len(vectors)))
    put(home, INDEX, written(flat))
    refused(home, INDEX)


def links_of(graph: Any) -> Any:
    hnsw = graph.hnsw
    return faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())


def far_link(graph: Any) -> None:
    links_of(graph)[0] = graph.ntotal


def negative_link(graph: Any) -> None:
    links_of(graph)[0] = -2


def entry_beyond(graph: Any) -> None:
    graph.hnsw.entry_point = graph.ntotal


def no_entry(graph: Any) -> None:
    graph.hnsw.entry_point = -1


def higher_than_its_entry(graph: Any) -> None:
    graph.hnsw.max_level += 1


def levels_without_links(graph: Any) -> None:
    levels = faiss.vector_to_array(graph.hnsw.levels)
    levels[graph.hnsw.entry_point] = 5
    faiss.copy_array_to_vector(levels, graph.hnsw.levels)
    graph.hnsw.max_level = 4


def offsets_beyond(graph: Any) -> None:
    offsets = faiss.vector_to_array(graph.hnsw.offsets)
    offsets[1:] += 1 << 40
    faiss.copy_array_to_vector(offsets, graph.hnsw.offsets)


def all_nodes_high(graph: Any) -> None:
    chances = faiss.vector_to_array(graph.hnsw.assign_probas)
    chances[:] = 0
    faiss.copy_array_to_vector(chances, graph.hnsw.assign_probas)


@pytest.mark.parametrize(
    "change",
    [
        far_link,
        negative_link,
        entry_beyond,
        no_entry,
        higher_than_its_entry,
        levels_without_links,
        offsets_beyond,
        all_nodes_high,
    ],
)
def test_a_graph_that_leads_elsewhere_is_refused(home: Path, change: Callable[[Any], None]) -> None:
    index = graph_like(home)
    change(faiss.downcast_index(index.index))
    put(home, INDEX, written(index))
    refused(home, INDEX)


def test_a_link_of_an_upper_level_to_a_node_without_that_level_is_refused(tmp_path: Path) -> None:
    from mtg_image_db.index.hnsw import Index, new_index
    from mtg_image_db.index.storage import save_index

    index = new_index(8, m=4, ef_construction=16)
    index.add_with_ids(some_vectors(400, 8), np.arange(400))
    save_index(index, tmp_path / "x")
    assert len(Index(tmp_path / "x", 16)) == 400
    graph = faiss.downcast_index(index.index)
    levels = faiss.vector_to_array(graph.hnsw.levels)
    offsets = faiss.vector_to_array(graph.hnsw.offsets).astype(np.int64)
    high = int(np.flatnonzero(levels > 1)[0])
    links_of(graph)[offsets[high] + 8] = int(np.flatnonzero(levels == 1)[0])
    save_index(index, tmp_path / "x")
    with pytest.raises(DatabaseError, match="damaged: x"):
        Index(tmp_path / "x", 16)


@pytest.mark.parametrize("odd", [1 << 40, -2])
def test_an_id_that_is_no_row_is_refused(home: Path, odd: int) -> None:
    index = graph_like(home)
    ids = faiss.vector_to_array(index.id_map)
    ids[3] = odd
    faiss.copy_array_to_vector(ids, index.id_map)
    put(home, INDEX, written(index))
    refused(home, INDEX)


@pytest.mark.parametrize("name", [INDEX, INVERTED])
@pytest.mark.parametrize("huge", [1 << 31, 1 << 40, (1 << 63) - 1])
def test_no_count_is_believed_that_the_file_has_no_room_for(
    home: Path, name: str, huge: int
) -> None:
    whole = part(home, name).read_bytes()
    # Wherever eight bytes could be one, in the heads of the classes.
    for place in range(8, 200, 4):
        data = bytearray(whole)
        data[place : place + 8] = huge.to_bytes(8, "little")
        put(home, name, bytes(data))
        try:
            database = Database.open(home / "index_out")
        except DatabaseError:
            continue
        # These eight bytes are vectors, or what FAISS does not use.
        assert database.gallery.vote(some_vectors(3, DIMENSION), 3) is not None
        database.search(np.array(database.embeddings[:3]))


@pytest.mark.parametrize("name", [INDEX, INVERTED])
def test_an_index_that_goes_on_or_ends_too_soon_is_refused(home: Path, name: str) -> None:
    whole = part(home, name).read_bytes()
    for data in (whole + b"\0", whole[:-1], whole[: len(whole) // 2], whole[:3], b""):
        put(home, name, data)
        refused(home, name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ["CURRENT", MANIFEST, METADATA, EMBEDDINGS, INDEX])
def test_a_pipe_in_the_place_of_a_part_is_refused_and_not_waited_for(home: Path, name: str) -> None:
    path = home / "index_out" / "CURRENT" if name == "CURRENT" else part(home, name)
    if name not in ("CURRENT", MANIFEST):
        put(home, name, b"")
    path.unlink()
    os.mkfifo(path)
    done = mtg_db("info", cwd=home, timeout=60)
    assert done.returncode == 1
    assert f"damaged: {name}" in done.stderr


def test_a_part_that_the_manifest_does_not_name_is_not_opened(home: Path) -> None:
    manifest = json.loads(part(home, MANIFEST).read_bytes())
    del manifest["outputs"][EMBEDDINGS]
    part(home, MANIFEST).write_text(json.dumps(manifest))
    refused(home, MANIFEST)


def test_every_number_of_links_that_build_takes_is_known() -> None:
    from mtg_image_db.index.layout import graph_in

    for m in range(4, 129):
        graph = faiss.IndexHNSWFlat(4, m, faiss.METRIC_INNER_PRODUCT)
        index = faiss.IndexIDMap(graph)
        index.add_with_ids(some_vectors(3, 4), np.arange(3))
        assert graph_in(faiss.serialize_index(index)).m == m
