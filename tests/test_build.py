from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import (
    COUNT,
    PixelEncoder,
    build,
    card_id,
    download_options,
    fill_cache,
    jpeg,
    make_card,
    make_images,
    make_picture,
)

from mtg_image_db import (
    Database,
    FaceFilter,
    InvalidArguments,
    MissingInput,
    NothingUsable,
    download_images,
)
from mtg_image_db.building.generation import DistinctVectors
from mtg_image_db.database.verify import verify_database
from mtg_image_db.index.hnsw import Index, add_rows, new_index
from mtg_image_db.index.quality import measure, with_noise
from mtg_image_db.index.storage import save_index
from mtg_image_db.scryfall.prices import NO_PRICES
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.progress import Silent


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (out / (out / "CURRENT").read_text().strip() / "build_manifest.json").read_text()
    )
    return found


def test_every_cached_image_becomes_a_row_that_finds_itself(cache: Path, tmp_path: Path) -> None:
    encoder = PixelEncoder()
    summary = build(cache, tmp_path, encoder)
    assert (summary.known, summary.faces, summary.entries) == (COUNT, COUNT, COUNT)
    database = Database.open(tmp_path)
    database.use_encoder(encoder)
    for number in range(0, COUNT, 17):
        [card] = database.query(jpeg(make_picture(number, (120, 168))), k=3)
        assert card.matches[0].face.name == f"Card {number}"
        assert card.matches[0].score > 0.999
        assert [match.rank for match in card.matches] == [1, 2, 3]


def test_the_artefacts_are_what_they_are_called(cache: Path, tmp_path: Path) -> None:
    import faiss

    build(cache, tmp_path)
    folder = Database.open(tmp_path).folder
    vectors = np.load(folder / "mtg_embeddings.npy")
    lines = (folder / "mtg_meta.jsonl").read_text().splitlines()
    index = faiss.read_index(str(folder / "mtg_cards.faiss"))
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len(vectors) == len(lines) == index.ntotal == COUNT
    _, rows = index.search(vectors[:5], 1)
    assert rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    keys = (
        "name printed_name scryfall_id face_id oracle_id illustration_id set set_name "
        "collector_number rarity lang layout frame border_color full_art finishes promo_types "
        "released_at colors image_url card_url scryfall_uri"
    )
    assert set(keys.split()) <= set(json.loads(lines[0]))


def test_the_manifests_counts_add_up_and_its_digests_are_right(cache: Path, tmp_path: Path) -> None:
    from mtg_image_db.system.files import sha256_file

    build(cache, tmp_path, limit=250)
    said = manifest(tmp_path)
    statistics = said["statistics"]
    assert said["version"] == "1.0.0"
    assert said["timestamp"].endswith("+00:00")
    assert statistics["known"] == statistics["faces"] + sum(statistics["left_out"].values())
    assert statistics["left_out"] == {"over the limit": 50}
    folder = Database.open(tmp_path).folder
    for name, part in said["outputs"].items():
        assert (folder / name).stat().st_size == part["bytes"]
        assert sha256_file(folder / name) == part["sha256"]


def test_faces_with_the_same_image_share_an_entry_and_all_come_back(tmp_path: Path) -> None:
    images = make_images(3)
    images |= {f"{card_id(n)}/front": images[f"{card_id(0)}/front"] for n in range(3, 8)}
    with ScryfallDouble([make_card(n) for n in range(8)], images) as double:
        fill_cache(double, tmp_path / "cache")
    encoder = PixelEncoder()
    summary = build(tmp_path / "cache", tmp_path / "out", encoder)
    assert (summary.faces, summary.entries, summary.encoded) == (8, 3, 3)
    database = Database.open(tmp_path / "out")
    database.use_encoder(encoder)
    [card] = database.query(make_picture(0), k=1)
    assert {match.face.name for match in card.matches} == {f"Card {n}" for n in (0, 3, 4, 5, 6, 7)}


def test_an_answer_lists_the_printings_that_share_its_artwork(tmp_path: Path) -> None:
    shared = card_id(0xA)
    cards = [
        make_card(0, illustration_id=shared),
        make_card(1, illustration_id=shared, set="old", released_at="2001-01-01"),
        make_card(2),
    ]
    kinds = {"unique_artwork": [cards[0], cards[2]], "default_cards": cards}
    with ScryfallDouble(cards, make_images(3), kinds=kinds) as double:
        download_images(download_options(double, tmp_path / "cache", kind="unique_artwork"))
    encoder = PixelEncoder()
    summary = build(tmp_path / "cache", tmp_path / "out", encoder)
    assert (summary.faces, summary.left_out["not in the cache"]) == (2, 1)
    database = Database.open(tmp_path / "out")
    database.use_encoder(encoder)
    [card] = database.query(make_picture(0), k=1)
    assert [p.set for p in card.matches[0].printings] == ["old", "tst"]
    assert {p.layout for p in card.matches[0].printings} == {"normal"}
    # The one image of the artwork stands for its printing in the other set.
    [card] = database.where(FaceFilter(sets=frozenset({"old"}))).query(make_picture(2))
    assert [match.face.name for match in card.matches] == ["Card 0"]


def test_narrowing_to_nothing_is_an_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="no card here has the set nope"):
        build(cache, tmp_path, wanted=FaceFilter(sets=frozenset({"nope"})))
    with pytest.raises(NothingUsable, match="no valid image"):
        build(cache, tmp_path, limit=0)


def test_without_a_cache_there_is_nothing_to_build(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        build(tmp_path / "nowhere", tmp_path / "out")


def test_damaged_and_missing_files_are_left_out_by_reason(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    cache = fill_cache(double, tmp_path / "cache")
    paths = sorted((cache / "images").rglob("*.jpg"))
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    flipped = bytearray(paths[2].read_bytes())
    flipped[300] ^= 0xFF
    paths[2].write_bytes(flipped)
    summary = build(cache, tmp_path / "out")
    assert summary.faces == 9
    assert summary.left_out == {"image file missing": 1, "image file changed": 2}
    assert len(summary.invalid) == 3


def test_a_cache_of_corrupt_files_gives_no_database(double: ScryfallDouble, tmp_path: Path) -> None:
    cache = fill_cache(double, tmp_path / "cache")
    for path in (cache / "images").rglob("*.jpg"):
        path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(NothingUsable):
        build(cache, tmp_path / "out")
    assert not (tmp_path / "out" / "CURRENT").exists()


def test_failed_downloads_are_named_in_the_builds_counts(
    double: ScryfallDouble, tmp_path: Path
) -> None:
    double.inject(card_id(5), faults.not_found(times=None))
    cache = fill_cache(double, tmp_path / "cache")
    assert build(cache, tmp_path / "out").left_out == {"HTTP 404": 1}


def test_two_kinds_and_sets_downloaded_apart_are_covered_together(tmp_path: Path) -> None:
    cards = [make_card(n, set="aaa" if n < 4 else "bbb") for n in range(8)]
    with ScryfallDouble(cards, make_images(8)) as double:
        for code in ("aaa", "bbb"):
            wanted = FaceFilter(sets=frozenset({code}))
            download_images(download_options(double, tmp_path / "cache", wanted=wanted))
    assert build(tmp_path / "cache", tmp_path / "out").faces == 8


def test_a_second_build_encodes_nothing(cache: Path, tmp_path: Path) -> None:
    build(cache, tmp_path)
    again = build(cache, tmp_path)
    assert (again.encoded, again.reused, again.extended) == (0, COUNT, True)
    assert (again.new, again.changed, again.refreshed, again.gone) == (0, 0, 0, 0)


def test_vectors_of_another_encoder_are_not_reused(cache: Path, tmp_path: Path) -> None:
    build(cache, tmp_path)
    assert build(cache, tmp_path, PixelEncoder(salt="other")).reused == 0


def test_an_update_reuses_what_is_unchanged_whatever_else_changed(tmp_path: Path) -> None:
    cards = [make_card(n) for n in range(200)]
    images = {f"{card_id(n)}/front": jpeg(make_picture(n, (60, 84))) for n in range(220)}
    with ScryfallDouble(cards, images) as double:
        cache = fill_cache(double, tmp_path / "cache")
        build(cache, tmp_path / "out")
        # 3 gone, 20 new, 1 with another image, 2 with another rarity; and another order.
        changed = [make_card(n) for n in range(219, 2, -1)]
        for card in changed[:2]:
            card["rarity"] = "mythic"
        changed[50]["image_uris"] = {
            "normal": changed[50]["image_uris"]["normal"].replace("?17", "?18")
        }
        double.publish(changed, images={f"{changed[50]['id']}/front": jpeg(make_picture(999))})
        fill_cache(double, cache)
    encoder = PixelEncoder()
    summary = build(cache, tmp_path / "out", encoder)
    assert (summary.faces, summary.encoded) == (217, 21)
    assert (summary.new, summary.changed, summary.gone) == (20, 1, 3)
    assert summary.extended
    database = Database.open(tmp_path / "out")
    database.use_encoder(encoder)
    for number in range(3, 220, 7):
        if card_id(number) == changed[50]["id"]:
            continue
        [answer] = database.query(images[f"{card_id(number)}/front"], k=1)
        assert answer.matches[0].face.name == f"Card {number}"
    gone = [database.query(images[f"{card_id(n)}/front"], k=217) for n in range(3)]
    assert all(m.face.name not in ("Card 0", "Card 1", "Card 2") for [c] in gone for m in c.matches)
    fresh = tmp_path / "fresh"
    build(cache, fresh)
    assert np.allclose(Database.open(fresh).embeddings, database.embeddings)
    assert list(Database.open(fresh).faces()) == list(database.faces())
    assert verify_database(database) == []


def test_other_data_of_a_card_are_refreshed_without_encoding(tmp_path: Path) -> None:
    cards = [make_card(n) for n in range(20)]
    with ScryfallDouble(cards, make_images(20)) as double:
        cache = fill_cache(double, tmp_path / "cache")
        build(cache, tmp_path / "out")
        cards[3]["name"] = "Errata"
        double.publish(cards)
        fill_cache(double, cache)
    summary = build(cache, tmp_path / "out")
    assert (summary.encoded, summary.refreshed) == (0, 1)
    assert "Errata" in [face.name for face in Database.open(tmp_path / "out").faces()]


def test_new_prices_enter_a_database_of_which_all_else_is_reused(tmp_path: Path) -> None:
    cards = [make_card(n, prices={"usd": "1.00", "eur": None}) for n in range(20)]
    with ScryfallDouble(cards, make_images(20)) as double:
        cache = fill_cache(double, tmp_path / "cache")
        build(cache, tmp_path / "out")
        before = next(Database.open(tmp_path / "out").faces()).prices
        double.publish(cards)
        double.publish([{**card, "prices": {"usd": "2.50", "eur": "2.00"}} for card in cards])
        fill_cache(double, cache)
    summary = build(cache, tmp_path / "out")
    # Prices change every day: a card is not another for that.
    assert (summary.encoded, summary.changed, summary.refreshed) == (0, 0, 0)
    [now] = {face.prices for face in Database.open(tmp_path / "out").faces()}
    assert (before.usd, before.eur, now.usd, now.eur) == ("1.00", "", "2.50", "2.00")
    assert before.date < now.date
    gallery = Database.open(tmp_path / "out").gallery
    assert [one.prices for one in gallery.printings(gallery.face(3))] == [now]


def test_a_database_from_before_prices_opens_and_has_none(cache: Path, tmp_path: Path) -> None:
    build(cache, tmp_path)
    folder = Database.open(tmp_path).folder
    for name in ("mtg_meta.jsonl", "mtg_printings.jsonl"):
        # As older versions wrote them, padded so that offsets and sizes still fit.
        text = (folder / name).read_bytes()
        assert b',"prices":{}' in text
        (folder / name).write_bytes(text.replace(b',"prices":{}', b" " * 12))
    database = Database.open(tmp_path)
    face = next(database.faces())
    assert face.prices == database.gallery.printings(face)[0].prices == NO_PRICES


def test_an_index_of_which_much_is_gone_is_built_anew(cache: Path, tmp_path: Path) -> None:
    build(cache, tmp_path)
    summary = build(cache, tmp_path, limit=COUNT // 2)
    assert (summary.encoded, summary.extended) == (0, False)
    assert build(cache, tmp_path, limit=COUNT // 2, hnsw_m=16).extended is False


@pytest.mark.parametrize("name", ["mtg_embeddings.npy", "mtg_meta.jsonl", "mtg_cards.faiss"])
def test_a_damaged_database_is_never_reused(cache: Path, tmp_path: Path, name: str) -> None:
    build(cache, tmp_path)
    path = Database.open(tmp_path).folder / name
    damaged = bytearray(path.read_bytes())
    damaged[-9] ^= 0x55
    path.write_bytes(damaged)
    assert build(cache, tmp_path).encoded == COUNT
    assert verify_database(Database.open(tmp_path)) == []


def test_a_build_removes_nothing_it_did_not_make(cache: Path, tmp_path: Path) -> None:
    for name in ("XYZ-20240101-backup", "checkpoint"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.pt").write_text("mine")
    build(cache, tmp_path)
    build(cache, tmp_path, resume=False)
    assert (tmp_path / "XYZ-20240101-backup" / "model.pt").read_text() == "mine"
    assert (tmp_path / "checkpoint" / "model.pt").read_text() == "mine"


def test_the_quality_report_stands_beside_the_index(cache: Path, tmp_path: Path) -> None:
    summary = build(cache, tmp_path)
    assert (summary.quality.queries, summary.quality.from_images) == (2 * COUNT, COUNT)
    assert summary.quality.chosen.recall_at_1 >= 0.999
    folder = Database.open(tmp_path).folder
    report = json.loads((folder / "quality_report.json").read_text())
    assert report["ef_search"] == manifest(tmp_path)["parameters"]["hnsw_ef_search"]


def test_a_summary_cannot_be_changed(cache: Path, tmp_path: Path) -> None:
    summary = build(cache, tmp_path, limit=250)
    with pytest.raises(FrozenInstanceError):
        summary.faces = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        summary.left_out["over the limit"] = 3  # type: ignore[index]
    assert summary.left_out == {"over the limit": 50}
    assert summary.left_out["HTTP 404"] == 0


def test_damage_that_the_plan_and_the_encoding_find_is_told_together(tmp_path: Path) -> None:
    with ScryfallDouble([make_card(n) for n in range(6)], make_images(6)) as double:
        cache = fill_cache(double, tmp_path / "cache")
    gone, damaged, *_ = sorted((cache / "images").rglob("*.jpg"))
    gone.unlink()
    damaged.write_bytes(bytes(damaged.stat().st_size))
    summary = build(cache, tmp_path / "out")
    assert summary.left_out == {"image file missing": 1, "image file changed": 1}
    assert [reason for _, reason in summary.invalid] == ["image file missing", "image file changed"]
    assert (summary.known, summary.faces, summary.encoded) == (6, 4, 4)
    assert manifest(tmp_path / "out")["statistics"]["left_out"] == summary.left_out


def test_identical_images_change_nobody_elses_recall(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    others = rng.standard_normal((18_000, 32)).astype(np.float32)
    vectors = np.concatenate([others, np.repeat(others[:1] * 2, 2000, axis=0)])
    vectors = vectors[rng.permutation(len(vectors))]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    distinct = DistinctVectors(vectors)
    assert len(distinct.firsts) == 18_000
    chain = [
        int(distinct.firsts[np.argmax(vectors[distinct.firsts] @ vectors[distinct.same >= 0][0])])
    ]
    while distinct.same[chain[-1]] >= 0:
        chain.append(int(distinct.same[chain[-1]]))
    assert len(chain) == 2001
    index = new_index(32, m=16, ef_construction=100)
    add_rows(index, vectors, distinct.firsts, Silent())
    save_index(index, tmp_path / "index")
    found = Index(tmp_path / "index", 16)
    queries = with_noise(vectors[distinct.firsts[:1000]])
    quality = measure(found, vectors, distinct.firsts, queries, from_images=0)
    assert quality.enough


@pytest.mark.parametrize(("has", "kept"), [(("fp32", "bf16"), "bf16"), (("fp32",), "fp32")])
def test_the_precision_vectors_were_made_with_is_kept_if_the_encoder_has_it(
    cache: Path, tmp_path: Path, has: tuple[str, ...], kept: str
) -> None:
    encoder = PixelEncoder()
    build(cache, tmp_path, encoder, precision="bf16")
    assert encoder.precision == "bf16"
    again = PixelEncoder()
    again.precisions = has
    build(cache, tmp_path, again)
    assert again.precision == kept
