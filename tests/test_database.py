from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import PixelEncoder, fill_cache, make_card, make_images, make_picture
from hypothesis import given
from hypothesis import strategies as st

from mtg_image_db import (
    BuildOptions,
    Database,
    DatabaseError,
    FaceFilter,
    MissingInput,
    StorageError,
    build_database,
)
from mtg_image_db.database.info import info_of
from mtg_image_db.database.publication import new_generation, open_current
from mtg_image_db.index.hnsw import Index, add_rows, new_index, save_index
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.progress import Silent
from mtg_image_db.system.records import Records, write_records


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    with ScryfallDouble([make_card(n) for n in range(20)], make_images(20)) as double:
        fill_cache(double, folder / "cache")
    options = BuildOptions(cache=folder / "cache", out=folder / "out")
    build_database(options, encoder=PixelEncoder())
    return folder / "out"


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    """A database of one's own to damage."""
    shutil.copytree(built, tmp_path / "out")
    return tmp_path / "out"


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


def test_nothing_published_is_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no database"):
        Database.open(tmp_path)


def test_a_current_that_points_outside_is_not_followed(out: Path) -> None:
    (out / "CURRENT").write_text("../../etc\n")
    with pytest.raises(DatabaseError):
        Database.open(out)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\0" * 999, b"latest\n", None])
def test_a_current_that_names_nothing_is_refused_and_costs_no_generation(
    built: Path, out: Path, data: bytes | None
) -> None:
    name = (out / "CURRENT").read_bytes()
    (out / "CURRENT").unlink()
    if data is None:
        (out / "CURRENT").mkdir()
    else:
        (out / "CURRENT").write_bytes(data)
    with pytest.raises(DatabaseError, match="damaged: CURRENT") as caught:
        Database.open(out)
    assert str(out / "CURRENT") in caught.value.details
    assert "mtg-db build" in caught.value.suggestion
    options = BuildOptions(cache=built.parent / "cache", out=out)
    if data is None:
        with pytest.raises(StorageError, match="a folder stands where a file belongs"):
            build_database(options, encoder=PixelEncoder())
        (out / "CURRENT").rmdir()
        (out / "CURRENT").write_bytes(name)
    else:
        build_database(options, encoder=PixelEncoder())
    assert len(Database.open(out)) == 20


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


def test_a_failed_publication_leaves_the_old_generation_in_force(tmp_path: Path) -> None:
    with new_generation(tmp_path) as folder:
        (folder / "a").write_text("old")
    with pytest.raises(RuntimeError), new_generation(tmp_path) as folder:
        (folder / "a").write_text("new")
        raise RuntimeError
    assert open_current(tmp_path, lambda path: (path / "a").read_text()) == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_publication_removes_older_generations(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with new_generation(tmp_path) as folder:
            (folder / "a").write_text(text)
    assert open_current(tmp_path, lambda path: (path / "a").read_text()) == "two"
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_a_reader_that_loses_the_race_with_a_publisher_opens_the_new_one(tmp_path: Path) -> None:
    with new_generation(tmp_path) as folder:
        (folder / "a").write_text("old")

    def slow_reader(path: Path) -> str:
        if len(opened) == 0:
            opened.append(path)
            with new_generation(tmp_path) as folder:
                (folder / "a").write_text("new")
        return (path / "a").read_text()

    opened: list[Path] = []
    assert open_current(tmp_path, slow_reader) == "new"


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=20))
def test_records_come_back_by_number(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("records") / "x.jsonl"
    assert write_records(path, lines) == len(lines)
    records = Records(path)
    assert [records.line(number) for number in range(len(records))] == [
        line + b"\n" for line in lines
    ]


def test_a_sorted_file_of_records_is_searched_by_key(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    keys = [f"{n:03d}" for n in range(0, 200, 2)]
    write_records(path, (json.dumps({"id": key}).encode() for key in keys))
    records = Records(path)
    assert all(records.find("id", key) == {"id": key} for key in keys)
    assert records.find("id", "003") is None
    assert records.find("id", "zzz") is None


_CODES = st.sampled_from(["fin", "lea", "en", 'a"b', "\udcff"])
_WORDS = st.text(st.sampled_from('"\\:set fin,[{é'), max_size=20)


@given(
    st.lists(st.fixed_dictionaries({"set": _CODES, "lang": _CODES, "name": _WORDS}), max_size=8),
    st.dictionaries(st.sampled_from(["set", "lang"]), st.sets(_CODES)),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_no_record_that_may_be_wanted_is_left_out_and_none_that_cannot_is_kept(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, str]],
    allowed: dict[str, set[str]],
    separators: tuple[str, str],
) -> None:
    path = tmp_path_factory.mktemp("records") / "x.jsonl"
    write_records(path, (json.dumps(r, separators=separators).encode() for r in records))
    assert Records(path).possible(allowed) == [
        number
        for number, record in enumerate(records)
        # Of a value with something escaped nothing is known.
        if all(
            record[k] in values or "\\" in json.dumps(record[k]) for k, values in allowed.items()
        )
    ]


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
