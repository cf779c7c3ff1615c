"""Searching by text, with the text tower of a small CLIP."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import fill_cache, jpeg, json_lines, make_card, make_images, make_picture
from numpy.typing import NDArray

from mtg_image_db import BuildOptions, Database, EncoderChoice, FaceFilter, build_database
from mtg_image_db.cli import main
from mtg_image_db.encoders.preprocessing import open_for, prepare
from mtg_image_db.encoders.text import TextEncoder
from mtg_image_db.errors import DatabaseError
from mtg_image_db.scryfall_double.double import ScryfallDouble

MODEL = "ViT-S-32-alt"
TEXTS = ("a dragon over a city", "zebra", "bad \udcff bytes", "word " * 200)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """Databases of twelve cards, of two sets: by a CLIP, and by the package's own encoder.

    The last two have the same image.
    """
    folder = tmp_path_factory.mktemp("home")
    cards = [make_card(n, set="aaa" if n % 2 else "bbb") for n in range(12)]
    images = make_images(11) | {f"{cards[11]['id']}/front": jpeg(make_picture(10))}
    with ScryfallDouble(cards, images) as double:
        cache = fill_cache(double, folder / "image_cache")
    shutil.copy(clip, folder / "clip.pt")
    choice = EncoderChoice(MODEL, str(folder / "clip.pt"), device="cpu")
    build_database(BuildOptions(cache=cache, out=folder / "index_out", encoder=choice))
    build_database(BuildOptions(cache=cache, out=folder / "own_out", local_features=False))
    return folder


@pytest.fixture
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


def by_open_clip(folder: Path, text: str) -> NDArray[np.float32]:
    """The cosine of a text and each of the cards' images, by open_clip itself."""
    import open_clip
    import torch
    from torch.nn.functional import normalize

    model = open_clip.create_model(MODEL, pretrained=str(folder / "clip.pt")).eval()
    how = TextEncoder.load(EncoderChoice(MODEL, str(folder / "clip.pt"))).fingerprint.preprocessing
    shown = [make_picture(min(n, 10)) for n in range(12)]
    pixels = np.stack([prepare(open_for(jpeg(one), how), how) for one in shown])
    batch = (torch.from_numpy(pixels) / 255 - torch.tensor(how.mean)) / torch.tensor(how.std)
    tokens = open_clip.get_tokenizer(MODEL)([text])
    with torch.inference_mode():
        images = normalize(model.encode_image(batch.permute(0, 3, 1, 2)), dim=-1)
        cosines: NDArray[np.float32] = (images @ normalize(model.encode_text(tokens), dim=-1).T)[
            :, 0
        ].numpy()
    return cosines


def test_faces_come_in_the_order_that_open_clip_gives(home: Path) -> None:
    database = Database.open(home / "index_out")
    orders = []
    for text in TEXTS:
        expected = by_open_clip(home, text.replace("\udcff", "?"))
        found = database.search_text(text, 50)
        numbers = [int(match.face.collector_number) for match in found]
        assert sorted(numbers) == list(range(12))
        assert np.allclose([match.score for match in found], expected[numbers], atol=1e-5)
        assert np.diff(expected[numbers]).max() < 1e-6
        orders.append(numbers)
    assert orders[0] != orders[1], "it depends on the text"
    best = database.search_text(TEXTS[0], 3)
    assert len({match.score for match in best}) == 3
    narrowed = database.where(FaceFilter(sets=frozenset({"aaa"}))).search_text(TEXTS[0], 3)
    odd = [number for number in orders[0] if number % 2]
    assert [int(match.face.collector_number) for match in narrowed] == odd[:3]


def test_a_text_is_answered_in_each_format(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = Database.open("index_out").search_text("a dragon", 2)
    assert main(["query", "--text", "a dragon", "-k", "2", "--json"]) == 0
    [answer] = json_lines(capsys.readouterr().out)
    matches = json.loads(json.dumps([match.to_json() for match in best]))
    assert answer.pop("seconds") >= 0
    assert answer == {"version": 1, "query": "a dragon", "matches": matches}
    assert main(["query", "--text", "a dragon", "-k", "2", "--format", "csv", "--set", "bbb"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["set"] for row in rows] == ["bbb", "bbb"]
    assert {row["query"] for row in rows} == {"a dragon"}
    assert not any(row[key] for row in rows for key in ("card", "verdict", "points", "quad"))
    assert main(["query", "--text", "a dragon", "-k", "2"]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["rank", "name", "set", "number", "score", "URL"]
    assert best[0].face.name in first
    assert main(["query", "--text", "a dragon", "--min-score", "1"]) == 0
    assert capsys.readouterr().out == "No match.\n"


def test_an_encoder_of_pictures_alone_knows_no_texts(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", "--text", "a dragon", "--db", "own_out"]) == 1
    said = capsys.readouterr().err
    assert "ERROR: Encoder: This database's encoder knows only pictures, no texts" in said
    assert "--model ViT-B-32" in said


def test_without_open_clip_the_error_says_what_to_install(
    inside: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    assert main(["query", "--text", "a dragon"]) == 1
    said = capsys.readouterr().err
    assert "This encoder needs the packages torch and open_clip" in said
    assert "pip install '.[clip]'" in said


def test_a_text_encoder_that_does_not_fit_is_refused(home: Path) -> None:
    import torch

    weights = torch.load(home / "clip.pt", weights_only=True)
    changed = {name: tensor + 0.25 for name, tensor in weights.items()}
    torch.save(changed, home / "other.pt")
    database = Database.open(home / "index_out", device="cpu", weights=home / "other.pt")
    with pytest.raises(DatabaseError, match="not the one this database was built with"):
        database.search_text("a dragon")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--text", " "], "--text must contain words"),
        (["--text", "a", "x.jpg"], "or give a description (--text)"),
        (["--text", "a", "--contact-sheet", "x.png"], "--text has no pictures"),
    ],
)
def test_a_text_stands_alone(
    inside: Path, arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", *arguments]) == 1
    assert problem in capsys.readouterr().err
