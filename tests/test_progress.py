"""Progress: every stage advances by its total, once, whatever fails on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import (
    PixelEncoder,
    card_id,
    download_options,
    jpeg,
    make_card,
)
from PIL import Image

from mtg_image_db import BuildOptions, Database, build_database, download_images
from mtg_image_db.collection.scan import scan_photos
from mtg_image_db.database.verify import verify_database
from mtg_image_db.download.clean import find_leftovers
from mtg_image_db.download.verify import verify_cache
from mtg_image_db.encoders import load_encoder
from mtg_image_db.evaluation.labels import LabelledPhoto
from mtg_image_db.evaluation.scores import evaluate
from mtg_image_db.export import export_database
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.progress import Silent


class Counting(Silent):
    """Adds up what each stage advances by."""

    def __init__(self) -> None:
        self.stages: list[list[int | str | None]] = []

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self.stages.append([stage, total, 0])

    def advance(self, count: int = 1) -> None:
        done = self.stages[-1][2]
        assert isinstance(done, int)
        self.stages[-1][2] = done + count

    def check(self) -> set[str]:
        """Whether all that had a total reached it; the names of those."""
        counted = [stage for stage in self.stages if stage[1] is not None]
        assert [stage for stage in counted if stage[1] != stage[2]] == []
        return {str(stage[0]) for stage in counted}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen cards, one with a damaged image and one with a white one, and a broken line."""
    cache = tmp_path_factory.mktemp("cache") / "image_cache"
    images = {
        f"{card_id(n)}/front": jpeg(Image.effect_noise((244, 340), 90).convert("RGB"))
        for n in range(16)
    }
    images[f"{card_id(0)}/front"] = b"no picture"
    images[f"{card_id(1)}/front"] = jpeg(Image.new("RGB", (244, 340), "white"))
    cards = [make_card(n) for n in range(16)]
    cards += [make_card(98, id="no id"), make_card(99, image_uris=None)]
    with ScryfallDouble(cards, images) as double:
        counting = Counting()
        summary = download_images(download_options(double, cache, max_retries=0), counting)
    assert summary.failed == 1
    assert summary.rows.broken == 1
    names = counting.check()
    assert {"reading the snapshot", "checking the cache", "downloading"} <= names
    return cache


def test_a_build_and_what_follows_it_reach_their_totals(cache: Path, tmp_path: Path) -> None:
    damaged = sorted((cache / "images").rglob("*.jpg"))[3]
    whole = damaged.read_bytes()
    damaged.write_bytes(b"x" + whole[1:])
    counting = Counting()
    summary = build_database(
        BuildOptions(cache=cache, out=tmp_path / "out"), counting, encoder=PixelEncoder()
    )
    assert len(summary.invalid) == 1
    names = counting.check()
    assert {"reading default_cards", "encoding", "indexing", "indexing local features"} <= names
    verify_cache(cache, progress=counting)
    damaged.write_bytes(whole)
    # Now the index is extended by what was missing.
    build_database(
        BuildOptions(cache=cache, out=tmp_path / "out"), counting, encoder=PixelEncoder()
    )
    find_leftovers(cache, counting)
    database = Database.open(tmp_path / "out")
    verify_database(database, counting)
    export_database(database, tmp_path / "npy", "npy", progress=counting)
    export_database(database, tmp_path / "browser", "browser", progress=counting)
    names = counting.check()
    assert {"verifying", "digests", "metadata", "vectors", "exporting"} <= names


def test_a_snapshot_that_breaks_off_does_not_count_twice(tmp_path: Path) -> None:
    cards = [make_card(n, flavor_text=f"{n**99}") for n in range(200)]
    with ScryfallDouble(cards, {}) as double:
        double.inject("/file/", faults.truncated(0.5, times=2))
        counting = Counting()
        download_images(download_options(double, tmp_path, dry_run=True), counting)
        assert len(double.requests_to("/file/")) > 1
    assert "default_cards snapshot" in counting.check()


def test_photos_that_cannot_be_read_count_in_an_evaluation(home: Path) -> None:
    database = Database.open(home / "index_out")
    database.use_encoder(load_encoder(database.manifest.choice))
    names = ("broken.jpg", "card7.jpg", "nowhere.jpg")
    photos = [LabelledPhoto(name, home / name, "", "", ()) for name in names]
    counting = Counting()
    outcomes = evaluate(database, photos, counting)
    assert [bool(outcome.error) for outcome in outcomes] == [True, False, True]
    assert counting.check() == {"asking"}


def test_photos_that_cannot_be_read_count_in_a_scan(home: Path) -> None:
    database = Database.open(home / "index_out")
    database.use_encoder(load_encoder(database.manifest.choice))
    photos = [str(home / name) for name in ("broken.jpg", "card7.jpg", "nowhere.jpg")]
    counting = Counting()
    scan = scan_photos(database, photos, progress=counting)
    assert len(scan.seen) == 1
    assert scan.unreadable == (photos[0], photos[2])
    assert counting.check() == {"scanning"}
