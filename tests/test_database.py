"""A database: what it answers, and that damaged parts are refused."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from conftest import PixelEncoder, make_picture

from mtg_image_db import (
    BuildOptions,
    Database,
    DatabaseError,
    FaceFilter,
    build_database,
)
from mtg_image_db.database.info import info_of
from mtg_image_db.recognise.gallery import Hit, best_first


def part(out: Path, name: str) -> Path:
    return out / (out / "CURRENT").read_text().strip() / name


def open_with_encoder(out: Path) -> Database:
    database = Database.open(out)
    database.use_encoder(PixelEncoder())
    return database


def test_a_picture_may_be_a_path_bytes_or_open(out: Path, tmp_path: Path) -> None:
    database = open_with_encoder(out)
    path = tmp_path / "x.png"
    make_picture(3).save(path)
    for source in (path, str(path), path.read_bytes(), make_picture(3)):
        [card] = database.query(source, k=1)
        assert card.matches[0].face.name == "Card 3"


def test_k_beyond_the_number_of_faces_gives_all(out: Path) -> None:
    [card] = open_with_encoder(out).query(make_picture(3), k=10_000)
    assert len(card.matches) == 20


def test_min_score_leaves_out_the_rest(out: Path) -> None:
    [card] = open_with_encoder(out).query(make_picture(3), k=20, min_score=0.999)
    assert [match.face.name for match in card.matches] == ["Card 3"]


PARTS = (
    "mtg_embeddings.npy",
    "mtg_meta.jsonl",
    "mtg_meta.jsonl.offsets.npy",
    "mtg_cards.faiss",
    "mtg_same.npy",
    "mtg_printings.jsonl",
    "build_manifest.json",
)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", ["missing", "truncated", "longer", "empty"])
def test_a_damaged_part_is_refused_by_name(out: Path, name: str, damage: str) -> None:
    path = part(out, name)
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        changed = {"truncated": whole[: len(whole) // 2], "longer": whole + b"}", "empty": b""}
        path.write_bytes(changed[damage])
    with pytest.raises(DatabaseError) as caught:
        Database.open(out)
    assert name in caught.value.details
    assert "mtg-db build" in caught.value.suggestion


@pytest.mark.parametrize("name", ["mtg_embeddings.npy", "mtg_cards.faiss", "mtg_same.npy"])
def test_a_part_of_the_right_size_and_wrong_content_is_refused(out: Path, name: str) -> None:
    path = part(out, name)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(DatabaseError):
        Database.open(out)


def test_nothing_is_ever_unpickled(out: Path, tmp_path: Path) -> None:
    path = part(out, "mtg_same.npy")
    np.save(path, np.array([{"a": 1}] * 20, dtype=object), allow_pickle=True)
    manifest = json.loads(part(out, "build_manifest.json").read_text())
    manifest["outputs"]["mtg_same.npy"]["bytes"] = path.stat().st_size
    part(out, "build_manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DatabaseError):
        Database.open(out)


def test_a_manifest_of_a_newer_version_is_refused(out: Path) -> None:
    manifest = json.loads(part(out, "build_manifest.json").read_text())
    manifest["version"] = "2.0.0"
    part(out, "build_manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DatabaseError, match="another version"):
        Database.open(out)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("timestamp", 5),
        ("timestamp", "yesterday"),
        ("statistics faces", 1e999),
        ("statistics faces", 10**30),
        ("statistics entries", "12"),
        ("parameters hnsw_ef_search", 1 << 30),
        ("parameters hnsw_m", None),
        ("encoder choice", {}),
        ("encoder choice model", 7),
        ("encoder choice size", [0.5, 2]),
        ("encoder choice fit", []),
        ("encoder fingerprint preprocessing mean", [10**400, 0, 0]),
        ("outputs", {"../x": {"bytes": 1, "sha256": ""}}),
        ("outputs", {"\0": {"bytes": 1, "sha256": ""}}),
    ],
)
def test_a_value_of_the_manifest_that_cannot_be_is_refused(
    out: Path, where: str, value: object
) -> None:
    path = part(out, "build_manifest.json")
    manifest = inside = json.loads(path.read_text())
    *folders, last = where.split()
    for name in folders:
        inside = inside[name]
    inside[last] = value
    path.write_text(json.dumps(manifest).replace("Infinity", "1e999"))
    with pytest.raises(DatabaseError, match=r"damaged: build_manifest\.json"):
        Database.open(out)


@pytest.mark.parametrize(
    "name", ["mtg_embeddings.npy", "mtg_same.npy", "mtg_meta.jsonl.offsets.npy"]
)
@pytest.mark.parametrize("damage", [(b"'<", b'"<'), (b"}", b"("), (b"(", b"\0"), (b"4", b"2")])
def test_a_damaged_header_of_an_array_is_refused_by_name(
    out: Path, name: str, damage: tuple[bytes, bytes]
) -> None:
    path = part(out, name)
    head, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(head.replace(b"<i8", b"<i4").replace(*damage, 1) + b"\n" + rest)
    with pytest.raises(DatabaseError, match=f"damaged: {name}"):
        Database.open(out)


def change(out: Path, name: str, place: int | tuple[int, int], value: float) -> None:
    """Change a value of an array, as a disk does: its file keeps its size."""
    array = np.lib.format.open_memmap(part(out, name), mode="r+")
    array[place] = value
    array.flush()


def test_values_of_arrays_that_cannot_be_are_errors_not_answers(out: Path) -> None:
    change(out, "mtg_embeddings.npy", (3, 5), np.nan)
    everything = open_with_encoder(out).where(FaceFilter(include_digital=True))
    with pytest.raises(DatabaseError, match=r"damaged: mtg_embeddings\.npy"):
        everything.query(make_picture(3), k=20)
    change(out, "mtg_same.npy", 2, 20)
    with pytest.raises(DatabaseError, match=r"damaged: mtg_same\.npy"):
        Database.open(out)


@pytest.mark.parametrize("length", [0, 27, 64, 132, 168, 1000])
def test_an_index_cut_off_is_refused_even_where_the_manifest_says_so(
    out: Path, length: int
) -> None:
    path = part(out, "mtg_cards.faiss")
    path.write_bytes(path.read_bytes()[:length])
    manifest = json.loads(part(out, "build_manifest.json").read_text())
    manifest["outputs"]["mtg_cards.faiss"]["bytes"] = length
    part(out, "build_manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DatabaseError, match=r"damaged: mtg_cards\.faiss"):
        Database.open(out)


def test_a_line_that_lists_no_printings_is_an_error(out: Path) -> None:
    path = part(out, "mtg_printings.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"collector_number":', b'"Collector_number":'))
    with pytest.raises(DatabaseError, match=r"damaged: mtg_printings\.jsonl"):
        open_with_encoder(out).query(make_picture(3))


@pytest.mark.parametrize("text", ['{"levels": [7]}', "NaN", "[" * 100_000, '{"levels": {}}'])
def test_a_quality_report_that_tells_nothing_is_an_error(out: Path, text: str) -> None:
    path = part(out, "quality_report.json")
    path.write_text(text.ljust(path.stat().st_size)[: path.stat().st_size])
    with pytest.raises(DatabaseError, match=r"damaged: quality_report\.json"):
        info_of(Database.open(out))


def test_metadata_edited_in_place_is_an_error_not_a_wrong_answer(out: Path) -> None:
    path = part(out, "mtg_meta.jsonl")
    path.write_bytes(path.read_bytes().replace(b'{"face_id"', b'x"face_id"'))
    with pytest.raises(DatabaseError, match=r"damaged: mtg_meta\.jsonl"):
        open_with_encoder(out).query(make_picture(3))


def test_another_encoder_is_refused_with_what_differs(out: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        Database.open(out).use_encoder(PixelEncoder(salt="other"))
    assert "weights_sha256" in caught.value.details


def test_an_open_database_goes_on_answering_while_another_is_published(
    built: Path, out: Path
) -> None:
    database = open_with_encoder(out)
    build_database(
        BuildOptions(cache=built.parent / "cache", out=out, limit=5), encoder=PixelEncoder()
    )
    assert len(Database.open(out)) == 5
    [card] = database.query(make_picture(19), k=1)
    assert card.matches[0].face.name == "Card 19"


def test_scores_that_differ_by_rounding_alone_do_not_decide_the_order() -> None:
    hits = [
        Hit(0.5, 3, 3),
        Hit(0.9999999, 2, 2),
        Hit(1.0, 7, 7),
        Hit(1.0, 8, 7),
        Hit(0.99999, 1, 1),
    ]
    expected = [hits[1], hits[2], hits[3], hits[4], hits[0]]
    assert all(best_first(some) == expected for some in permutations(hits))
