"""What `verify` finds in databases that opening takes for whole."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from damage import part, put
from numpy.typing import NDArray

from mtg_image_db import BuildOptions, Database, build_database
from mtg_image_db.building.reuse import Predecessor
from mtg_image_db.database.parts import EMBEDDINGS, INDEX, INVERTED, INVERTED_ROWS, METADATA
from mtg_image_db.database.verify import verify_database
from mtg_image_db.index.layout import inverted_in
from mtg_image_db.system.progress import Silent
from mtg_image_db.system.records import write_records


@pytest.fixture
def home(featured: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(featured, tmp_path / "home")


def problems(home: Path) -> list[str]:
    return verify_database(Database.open(home / "index_out"))


def put_array(home: Path, name: str, values: NDArray[Any]) -> None:
    stream = io.BytesIO()
    np.save(stream, values)
    put(home, name, stream.getvalue())


def put_records(home: Path, change: Callable[[list[bytes]], None]) -> None:
    """Change the lines of metadata."""
    lines = part(home, METADATA).read_bytes().splitlines()
    change(lines)
    write_records(home / "records", lines)
    put(home, METADATA, (home / "records").read_bytes())
    put(home, f"{METADATA}.offsets.npy", (home / "records.offsets.npy").read_bytes())


def test_a_whole_database_has_no_problems(home: Path) -> None:
    assert problems(home) == []


def test_a_file_with_another_digest_is_named(home: Path) -> None:
    for name in ("mtg_printings.jsonl", "quality_report.json"):
        path = part(home, name)
        path.write_bytes(path.read_bytes()[:-1] + b" ")
    assert sorted(problems(home)) == [
        "mtg_printings.jsonl: its SHA-256 is not the manifest's",
        "quality_report.json: its SHA-256 is not the manifest's",
    ]


@pytest.mark.parametrize("line", [b"[" * 100_000, b"nothing", b"[]", b"7", b"{}", b"\xff"])
def test_a_line_that_is_no_record_is_told_by_its_number(home: Path, line: bytes) -> None:
    def change(lines: list[bytes]) -> None:
        lines[4] = line

    put_records(home, change)
    assert problems(home) == [f"{METADATA}: line 5 is not a record"]


def test_a_face_that_is_there_twice_is_told(home: Path) -> None:
    def change(lines: list[bytes]) -> None:
        lines[3] = lines[2]

    put_records(home, change)
    [problem] = problems(home)
    face = Database.open(home / "index_out").face(2).face_id
    assert problem == f"{METADATA}: line 4: {face} is not an id, or a duplicate"


@pytest.mark.parametrize("odd", ["../../etc/passwd", "", None, 7])
def test_a_face_without_an_id_of_scryfall_is_told(home: Path, odd: object) -> None:
    def change(lines: list[bytes]) -> None:
        lines[1] = json.dumps({**json.loads(lines[1]), "scryfall_id": odd}).encode()

    put_records(home, change)
    [problem] = problems(home)
    assert problem.startswith(f"{METADATA}: line 2: ")
    assert problem.endswith(" is not an id, or a duplicate")


@pytest.mark.parametrize("odd", [0.5, 0.0, np.nan, np.inf])
def test_a_vector_of_another_length_is_told_by_its_row(home: Path, odd: float) -> None:
    vectors = np.load(part(home, EMBEDDINGS))
    vectors[[3, 8]] *= odd
    put_array(home, EMBEDDINGS, vectors)
    assert problems(home) == [f"{EMBEDDINGS}: row {row} is not a unit vector" for row in (3, 8)]


def test_where_no_vector_has_its_length_nothing_is_searched(home: Path) -> None:
    put_array(home, EMBEDDINGS, np.load(part(home, EMBEDDINGS)) / 2)
    assert len(problems(home)) == len(Database.open(home / "index_out"))


def test_a_face_that_its_own_vector_does_not_find_is_named(home: Path) -> None:
    vectors = np.load(part(home, EMBEDDINGS))
    vectors[5] *= -1
    put_array(home, EMBEDDINGS, vectors)
    face = Database.open(home / "index_out").face(5)
    assert problems(home) == [
        f"{INDEX}: {face.name} ({face.face_id}) is not found by its own vector"
    ]


def test_an_index_with_vectors_that_are_too_long_is_told_once(home: Path) -> None:
    index = faiss.read_index(str(part(home, INDEX)))
    graph = faiss.downcast_index(index.index)
    stored = faiss.downcast_index(graph.storage)
    values = faiss.rev_swig_ptr(stored.get_xb(), stored.ntotal * stored.d)
    values *= 2
    put(home, INDEX, faiss.serialize_index(index).tobytes())
    [problem] = problems(home)
    assert INDEX in problem
    assert "a vector's length is not 1" in problem


def test_numbers_that_are_no_features_are_told_and_not_reused(home: Path) -> None:
    data = np.frombuffer(part(home, INVERTED).read_bytes(), dtype=np.uint8).copy()
    lists = inverted_in(data, len(np.load(part(home, INVERTED_ROWS))), 4096)
    first = lists.start + int(lists.sizes[0]) * lists.code_size
    data[first : first + 8] = np.frombuffer(np.int64(1 << 50).tobytes(), dtype=np.uint8)
    put(home, INVERTED, data.tobytes())
    [problem] = problems(home)
    assert INVERTED in problem
    assert Predecessor.open(home / "index_out", Silent()) is None


@pytest.mark.parametrize("odd", [-(1 << 31), 1 << 30])
def test_rows_that_do_not_exist_are_told_and_not_reused(home: Path, odd: int) -> None:
    rows = np.load(part(home, INVERTED_ROWS))
    rows[5] = odd
    put_array(home, INVERTED_ROWS, rows)
    [problem] = problems(home)
    assert INVERTED in problem
    assert Predecessor.open(home / "index_out", Silent()) is None


def test_a_build_mends_what_verify_found(home: Path) -> None:
    rows = np.load(part(home, INVERTED_ROWS))
    rows[5] = 1 << 30
    put_array(home, INVERTED_ROWS, rows)
    build_database(BuildOptions(cache=home / "image_cache", out=home / "index_out"))
    assert problems(home) == []
