"""What looks at a database: info, verify, export, update."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import fill_cache, make_card, make_images, mtg_db

from mtg_image_db import BuildOptions, Database, build_database
from mtg_image_db.database.gallery import FolderGallery
from mtg_image_db.database.info import info_of
from mtg_image_db.database.verify import verify_database
from mtg_image_db.encoders import DEFAULT_MODEL
from mtg_image_db.errors import DatabaseError, InvalidArguments
from mtg_image_db.export import export_database
from mtg_image_db.index.quality import LEAST_EF_SEARCH
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    cards = [make_card(n, set="aaa" if n < 4 else "bbb") for n in range(12)]
    with ScryfallDouble(cards, make_images(12)) as double:
        fill_cache(double, folder / "image_cache")
        build_database(BuildOptions(cache=folder / "image_cache", out=folder / "index_out"))
        yield folder


def test_info_says_what_a_database_holds(home: Path) -> None:
    text = mtg_db("info", cwd=home).stdout
    assert "12 (12 distinct vectors)" in text
    assert "bbb 8, aaa 4" in text
    info = json.loads(mtg_db("info", "--json", cwd=home).stdout)
    assert (info["faces"], info["sets"]) == (12, {"bbb": 8, "aaa": 4})
    assert info["encoder"]["model"] == DEFAULT_MODEL
    assert info["quality"]["recall_at_1"] == 1.0


def test_verify_finds_nothing_wrong_with_a_whole_database(home: Path) -> None:
    done = mtg_db("verify", cwd=home)
    assert done.returncode == 0
    assert "12 faces verified" in done.stderr


def _damage(path: Path, place: int) -> bytes:
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[place] ^= 0x7F
    path.write_bytes(changed)
    return whole


@pytest.mark.parametrize(
    ("name", "place", "problem"),
    [
        ("mtg_embeddings.npy", -1, "is not a unit vector"),
        ("mtg_meta.jsonl", 30, "mtg_meta.jsonl: its SHA-256"),
        ("mtg_cards.faiss", -2000, "mtg_cards.faiss: its SHA-256"),
        ("mtg_printings.jsonl", 5, "mtg_printings.jsonl: its SHA-256"),
    ],
)
def test_verify_finds_a_changed_byte(home: Path, name: str, place: int, problem: str) -> None:
    path = Database.open(home / "index_out").folder / name
    whole = _damage(path, place)
    done = mtg_db("verify", cwd=home)
    path.write_bytes(whole)
    assert done.returncode == 1
    assert problem in done.stderr
    assert done.stderr.endswith("Next: mtg-db build\n")


def test_what_to_do_next_names_the_folders_in_use(home: Path, tmp_path: Path) -> None:
    (tmp_path / "other one").symlink_to(home / "index_out")
    path = Database.open(home / "index_out").folder / "mtg_meta.jsonl"
    whole = _damage(path, 30)
    done = mtg_db("verify", "--db", "other one", cwd=tmp_path)
    path.write_bytes(whole)
    assert done.stderr.endswith("Next: mtg-db build --out 'other one'\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "CURRENT").write_text("nothing")
    done = mtg_db("query", "x.jpg", "--db", "broken", cwd=tmp_path)
    assert "Build it again: mtg-db build --out broken;" in done.stderr


def test_a_database_that_a_newer_one_replaced_is_told(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "index_out", tmp_path / "out")
    database = Database.open(tmp_path / "out")
    shutil.rmtree(database.folder)
    for read in (info_of, verify_database):
        with pytest.raises(DatabaseError, match="replaced by a newer one"):
            read(database)


def test_a_kind_that_was_never_downloaded_is_named(home: Path) -> None:
    done = mtg_db("build", "--kind", "all_cards", "--out", "elsewhere", cwd=home)
    assert done.returncode == 2
    assert "There is no all_cards snapshot in image_cache" in done.stderr


def test_vectors_and_records_are_exported_as_they_are(home: Path) -> None:
    done = mtg_db("export", "--format", "npy", "--to", "e1", cwd=home)
    assert done.returncode == 0
    database = Database.open(home / "index_out")
    assert np.array_equal(np.load(home / "e1" / "embeddings.npy"), database.embeddings)
    lines = (home / "e1" / "meta.jsonl").read_text().splitlines()
    assert [json.loads(line)["face_id"] for line in lines] == [f.face_id for f in database.faces()]


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_a_browser_can_read_its_export(home: Path, dtype: str) -> None:
    folder = home / f"e-{dtype}"
    done = mtg_db("export", "--format", "browser", "--dtype", dtype, "--to", folder, cwd=home)
    assert done.returncode == 0
    meta = json.loads((folder / "meta.json").read_text())
    database = Database.open(home / "index_out")
    assert meta["shape"] == list(database.embeddings.shape)
    assert [record["name"] for record in meta["records"]] == [f.name for f in database.faces()]
    name = "embeddings.i8bin" if dtype == "int8" else "embeddings.f32bin"
    values = np.frombuffer((folder / name).read_bytes(), dtype="i1" if dtype == "int8" else "<f4")
    vectors = values.reshape(meta["shape"]) / meta["quantization"]["scale_factor"]
    assert np.abs(vectors - database.embeddings).max() <= (0.5 / 127 + 1e-6)


def test_a_parquet_table_holds_vectors_and_metadata(home: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert mtg_db("export", "--format", "parquet", "--to", "ep", cwd=home).returncode == 0
    table = parquet.read_table(home / "ep" / "cards.parquet")
    database = Database.open(home / "index_out")
    vectors = np.asarray(table["vector"].to_pylist(), dtype=np.float32)
    assert np.array_equal(vectors, database.embeddings)
    assert table["name"].to_pylist() == [face.name for face in database.faces()]
    assert table["id"].to_pylist() == list(range(12))


def test_without_pyarrow_the_error_says_what_to_install(home: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from mtg_image_db.cli import main\n"
        "sys.exit(main(['export', '--format', 'parquet', '--to', 'eq']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ERROR: Export: Parquet needs the package pyarrow" in done.stderr
    assert "pip install '.[parquet]'" in done.stderr
    assert not (home / "eq").exists()


def test_update_downloads_and_builds_in_one(tmp_path: Path) -> None:
    options = ("--kind", "default_cards")
    with ScryfallDouble([make_card(n) for n in range(8)], make_images(12)) as double:
        first = mtg_db("update", *options, "--api-url", double.url, cwd=tmp_path)
        assert first.returncode == 0, first.stderr
        double.publish([make_card(n) for n in range(1, 12)])
        again = mtg_db("update", *options, "--refresh", "--api-url", double.url, cwd=tmp_path)
    assert again.returncode == 0
    assert "4 new, 0 with another image, 0 with other data, 1 gone" in again.stderr
    assert "4 images encoded, 7 reused" in again.stderr
    assert len(Database.open(tmp_path / "index_out")) == 11


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_interrupted_update_does_not_go_on_to_build(tmp_path: Path) -> None:
    with ScryfallDouble([make_card(n) for n in range(8)], make_images(8)) as double:
        double.inject("/cards/", *(faults.slow(0.3) for _ in range(8)))
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mtg_image_db", "update", "--kind", "default_cards"),
                *("--workers", "1", "--api-url", double.url),
            ],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        while len(double.requests_to("/cards/")) < 2 and process.poll() is None:
            threading.Event().wait(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run the same command to continue" in said
    assert not (tmp_path / "index_out").exists()


def test_a_database_that_stored_too_few_candidates_is_searched_with_enough(
    home: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(home / "index_out", tmp_path / "index_out")
    path = Database.open(out).folder / "build_manifest.json"
    manifest = json.loads(path.read_text())
    manifest["parameters"]["hnsw_ef_search"] = 16
    path.write_text(json.dumps(manifest))
    assert Database.open(out).gallery.parts.index.ef_search == LEAST_EF_SEARCH


def test_ef_search_can_be_overridden(home: Path) -> None:
    assert Database.open(home / "index_out", ef_search=300).gallery.parts.index.ef_search == 300
    assert mtg_db("query", "x.jpg", "--ef-search", "0", cwd=home).returncode == 1


def test_a_view_exports_itself_and_is_not_verified(home: Path, tmp_path: Path) -> None:
    database = Database.open(home / "index_out")
    # Two views of a view: rows that do not begin at 0.
    gallery = FolderGallery(database.gallery.parts, [3, 7, 8])
    view = Database(gallery, database._encoders)
    names = ["Card 3", "Card 7", "Card 8"]
    assert [face.name for face in view.faces()] == names
    export_database(view, tmp_path, "npy")
    assert np.array_equal(np.load(tmp_path / "embeddings.npy"), database.embeddings[[3, 7, 8]])
    lines = (tmp_path / "meta.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in lines] == names
    export_database(view, tmp_path, "browser", dtype="float32")
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert meta["shape"] == [3, database.embeddings.shape[1]]
    assert [record["name"] for record in meta["records"]] == names
    pq = pytest.importorskip("pyarrow.parquet")
    export_database(view, tmp_path, "parquet")
    assert pq.read_table(tmp_path / "cards.parquet")["name"].to_pylist() == names
    with pytest.raises(InvalidArguments, match="a view cannot be verified"):
        verify_database(view)
