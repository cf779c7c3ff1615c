"""The whole way on 215 real card objects and their 227 real images."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import SHARED, download_options, needs_shared
from PIL import Image

from mtg_image_db import BuildOptions, Database, build_database, download_images
from mtg_image_db.demo.run import picture_key
from mtg_image_db.scryfall_double.double import ScryfallDouble

pytestmark = needs_shared


def _sample() -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    folder = SHARED / "scryfall" / "sample"
    lines = (folder / "default-cards.jsonl").read_text(encoding="utf-8").splitlines()
    images = {}
    for path in (folder / "images").iterdir():
        name = path.stem
        side = "back" if name.endswith("-back") else "front"
        images[f"{name.removesuffix('-back').removesuffix('-front')}/{side}"] = path.read_bytes()
    return [json.loads(line) for line in lines], images


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    return _sample()[1]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("sample")
    cards, images = _sample()
    with ScryfallDouble(cards, images) as double:
        summary = download_images(download_options(double, folder / "cache"))
    assert (summary.requested, summary.downloaded) == (227, 227)
    build_database(BuildOptions(cache=folder / "cache", out=folder / "out"))
    return Database.open(folder / "out")


def _smaller(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)


def _recompressed(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=60)
    return Image.open(io.BytesIO(stream.getvalue()))


def test_every_image_finds_itself_with_a_score_of_nearly_one(
    database: Database, images: dict[str, bytes]
) -> None:
    assert len(database) == 227
    for face in database.faces():
        [card] = database.query(images[picture_key(face.face_id)], k=2)
        scores = {match.face.face_id: match.score for match in card.matches}
        assert scores[face.face_id] >= 0.9999
        # First, but for printings whose pictures are the same.
        assert scores[face.face_id] >= card.matches[0].score - 1e-6


@pytest.mark.parametrize("copy", [_smaller, _recompressed])
def test_a_half_size_or_recompressed_copy_finds_its_card(
    database: Database, images: dict[str, bytes], copy: Callable[[Image.Image], Image.Image]
) -> None:
    wrong = []
    for face in database.faces():
        picture = Image.open(io.BytesIO(images[picture_key(face.face_id)]))
        [card] = database.query(copy(picture), k=1)
        if card.matches[0].face.oracle_id != face.oracle_id:
            wrong.append((face.name, face.collector_number, card.matches[0].face.name))
    assert wrong == []
