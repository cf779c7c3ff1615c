"""Databases that are larger than any that we have: real faces, and made-up ones beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from query import lines_of

from mtg_image_db import Database
from mtg_image_db.building.generation import write_distinct
from mtg_image_db.database import parts
from mtg_image_db.database.manifest import MANIFEST
from mtg_image_db.database.publication import new_generation
from mtg_image_db.index.hnsw import GONE, Index, add_rows, ids_of, new_index, set_ids
from mtg_image_db.index.inverted import Extension, write_inverted
from mtg_image_db.index.quality import LEAST_EF_SEARCH, measure, with_noise
from mtg_image_db.index.storage import load_index, save_index
from mtg_image_db.system.files import sha256_file, write_json
from mtg_image_db.system.progress import Silent
from mtg_image_db.system.records import offsets_path, write_records

_QUERIES = 1000
"""Vectors with which the graph is measured."""


def grow(old: Path, out: Path, faces: int, *, plain: bool) -> None:
    """Publish in a folder a database with made-up faces beside those of another one.

    Parameters
    ----------
    plain
        Give the made-up ones no local features.
    """
    before = Database.open(old).gallery.parts
    dimension = before.embeddings.shape[1]
    there = [before.records.line(row).rstrip(b"\n") for row in range(before.manifest.faces)]
    records = [json.loads(line) for line in there]
    ids = [record["face_id"] for record in records]
    # As in all printings, many faces have one name.
    called = [record["name"] for record in records]
    made = {_line_id(number): number for number in range(faces)}
    new = sorted(made.keys() - set(ids), key=made.__getitem__)[: faces - len(ids)]
    made_vectors = resembling(before.embeddings[:], len(new), seed=len(ids))
    order = sorted([(name, row) for row, name in enumerate([*ids, *new])])
    places = np.array([row for _, row in order])
    olds = places < len(ids)
    # The new row of each row before.
    moved = np.empty(len(ids), np.int64)
    moved[places[olds]] = np.flatnonzero(olds)
    rng = np.random.default_rng(len(ids))
    out.mkdir(exist_ok=True)
    with new_generation(out) as part:
        vectors = np.empty((faces, dimension), np.float32)
        vectors[olds] = before.embeddings[places[olds]]
        vectors[~olds] = made_vectors[places[~olds] - len(ids)]
        np.save(part / parts.EMBEDDINGS, vectors)
        lines = (
            there[row]
            if row < len(ids)
            else lines_of(made[name], called[made[name] % len(called)])[0]
            for name, row in order
        )
        write_records(part / parts.METADATA, lines)
        artworks = dict(before.printings.possible({}))
        printed = [
            json.dumps({"illustration_id": artwork, "printings": list(some)}).encode()
            for artwork, some in artworks.items()
        ]
        write_records(
            part / parts.PRINTINGS,
            sorted([*printed, *(lines_of(made[name])[1] for name in new)]),
        )
        distinct = write_distinct(part)
        shape = (faces, *before.local_features.shape[1:])  # type: ignore[union-attr]
        packed = np.lib.format.open_memmap(part / parts.FEATURES, "w+", np.uint8, shape)
        for row, place in enumerate(places.tolist()):
            if place < len(ids):
                packed[row] = before.local_features[place]  # type: ignore[index]
            elif not plain:
                packed[row] = rng.integers(1, 256, shape[1:], dtype=np.uint8)
        packed.flush()
        extended = out == old
        _write_graph(part, vectors, distinct.firsts, before if extended else None, moved)
        extension = None
        if extended:
            rows = np.load(before.folder / parts.INVERTED_ROWS)
            known = np.where(rows < 0, -1, moved[rows]).astype(np.int32)
            extension = Extension(before.folder / parts.INVERTED, known)
        write_inverted(
            packed,
            distinct.firsts.astype(np.int32),
            part / parts.INVERTED,
            part / parts.INVERTED_ROWS,
            extension,
            Silent(),
        )
        _write_manifest(part, before.manifest.raw, faces, len(distinct.firsts))


def resembling(vectors: NDArray[np.float32], count: int, seed: int = 0) -> NDArray[np.float32]:
    """Unit vectors [count, D] that lie as those [n, D] do: of about their mean and covariance.

    A fifth are near twins of others, as printings of one artwork are. A search among vectors that
    are strewn in all directions (`index.make_vectors`) is much harder (docs/scaling.md).
    """
    rng = np.random.default_rng(seed)
    spread = np.linalg.cholesky(np.cov(vectors.T) + 1e-9 * np.eye(vectors.shape[1])).T
    own = rng.standard_normal((count, vectors.shape[1])) @ spread
    twins = rng.random(count) < 0.3
    noise = rng.standard_normal((count, vectors.shape[1])) @ spread
    own[1:][twins[1:]] = own[:-1][twins[1:]] + 0.05 * noise[1:][twins[1:]]
    made = rng.permutation(own + vectors.mean(axis=0))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def _line_id(number: int) -> str:
    return str(json.loads(lines_of(number)[0])["face_id"])


def _write_graph(
    part: Path,
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    before: parts.Parts | None,
    moved: NDArray[np.int64],
) -> None:
    path = part / parts.INDEX
    if before is None:
        index = new_index(vectors.shape[1], m=32, ef_construction=200)
        add_rows(index, vectors, rows, Silent())
    else:
        index = load_index(before.folder / parts.INDEX)
        ids = ids_of(index)
        set_ids(index, np.where(ids == GONE, GONE, moved[ids]))
        add_rows(index, vectors, np.setdiff1d(rows, ids_of(index)), Silent())
    save_index(index, path)
    some = np.random.default_rng(0).choice(rows, min(_QUERIES, len(rows)), replace=False)
    quality = measure(
        Index(path, LEAST_EF_SEARCH), vectors, rows, with_noise(vectors[some]), from_images=0
    )
    write_json(part / parts.QUALITY, quality.to_json())


def _write_manifest(part: Path, raw: dict[str, Any], faces: int, entries: int) -> None:
    quality = json.loads((part / parts.QUALITY).read_text())
    raw = json.loads(json.dumps(raw))
    raw["statistics"] |= {"faces": faces, "entries": entries, "index_entries": entries}
    raw["parameters"] |= {"hnsw_m": 32, "hnsw_ef_construction": 200}
    raw["parameters"]["hnsw_ef_search"] = quality["ef_search"]
    names = {path.name for path in part.iterdir()}
    names |= {offsets_path(Path(name)).name for name in (parts.METADATA, parts.PRINTINGS)}
    raw["outputs"] = {
        name: {"bytes": (part / name).stat().st_size, "sha256": sha256_file(part / name)}
        for name in sorted(names)
    }
    write_json(part / MANIFEST, raw)
