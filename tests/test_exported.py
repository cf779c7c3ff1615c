"""Encoders that a build exports to ONNX, so that queries do without torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import fill_cache, jpeg, json_lines, make_picture, mtg_db

from mtg_image_db import BuildOptions, Database, EncoderChoice, build_database
from mtg_image_db.encoders import Fingerprint, load_encoder
from mtg_image_db.encoders.exported import (
    LEAST_AGREEMENT_WITH_TORCH,
    export,
    exported_path,
    load_exported,
)
from mtg_image_db.encoders.named import load_known, remember
from mtg_image_db.encoders.onnx import OnnxEncoder
from mtg_image_db.encoders.openclip import OpenClipEncoder
from mtg_image_db.encoders.preprocessing import Preprocessing, prepare
from mtg_image_db.errors import EncoderError
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.progress import Silent

MODEL = "ViT-S-32-alt"


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache that exported encoders go to."""
    monkeypatch.setenv("MTG_DB_ENCODER_CACHE", str(tmp_path / "exports"))
    return tmp_path / "exports" / "onnx"


@pytest.mark.skipif(sys.platform != "linux", reason="each system has its own variables")
def test_exports_lie_where_the_system_keeps_such_files_unless_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = (0.5, 0.5, 0.5)
    fingerprint = Fingerprint("m", "w", 3, Preprocessing(8, 8, "pad", grey, grey))
    name = f"{fingerprint.digest}.onnx"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MTG_DB_ENCODER_CACHE", str(tmp_path / "named"))
    assert exported_path(fingerprint) == tmp_path / "named" / "onnx" / name
    monkeypatch.delenv("MTG_DB_ENCODER_CACHE")
    assert exported_path(fingerprint) == tmp_path / "home" / "mtg-image-db" / "onnx" / name


def test_a_query_without_torch_answers_as_torch_does(
    double: ScryfallDouble, clip: Path, tmp_path: Path, exports: Path
) -> None:
    fill_cache(double, tmp_path / "image_cache")
    (tmp_path / "card.jpg").write_bytes(jpeg(make_picture(3), quality=60))
    build = ("build", "--model", MODEL, "--pretrained", clip, "--device", "cpu")
    done = mtg_db(*build, "--no-onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not exports.exists()
    query = ("query", "card.jpg", "--json")
    by_torch = mtg_db(*query, cwd=tmp_path)
    assert by_torch.returncode == 0, by_torch.stderr
    # The module that a query must not import.
    stub = tmp_path / "stub" / "torch.py"
    stub.parent.mkdir()
    stub.write_text("raise ImportError('there is no torch')")
    paths = [str(stub.parent), os.environ.get("PYTHONPATH", "")]
    without = {"PYTHONPATH": os.pathsep.join(paths).rstrip(os.pathsep)}
    assert mtg_db(*query, cwd=tmp_path, environment=without).returncode == 1
    # All vectors are reused: a build exports as well where it encodes nothing.
    assert mtg_db(*build, cwd=tmp_path).returncode == 0
    assert [path.suffix for path in exports.iterdir()] == [".onnx"]
    by_onnx = mtg_db(*query, cwd=tmp_path, environment=without)
    assert by_onnx.returncode == 0, by_onnx.stderr
    [there], [here] = json_lines(by_torch.stdout), json_lines(by_onnx.stdout)
    both = list(zip(there["cards"][0]["matches"], here["cards"][0]["matches"], strict=True))
    assert both[0][0]["name"] == "Card 3"
    for one, other in both:
        assert one["name"] == other["name"]
        assert abs(one["score"] - other["score"]) < 1e-3
    # A weights file that is named is looked at, exported or not.
    named = mtg_db(*query, "--pretrained", clip, cwd=tmp_path, environment=without)
    assert named.returncode == 1


def test_an_exported_encoder_agrees_and_is_used_only_where_it_fits(
    clip: Path, exports: Path
) -> None:
    choice = EncoderChoice(MODEL, str(clip), size=(96, 64), device="cpu")
    torch = load_encoder(choice)
    assert isinstance(torch, OpenClipEncoder)
    how = torch.fingerprint.preprocessing
    path = export(torch)
    assert path == exported_path(torch.fingerprint)
    remember(choice, torch.fingerprint)
    assert [path.name for path in exports.iterdir()] == [path.name]
    onnx = load_known(choice, torch.fingerprint, device="cpu")
    assert isinstance(onnx, OnnxEncoder)
    assert onnx.fingerprint == torch.fingerprint
    pixels = np.stack([prepare(make_picture(n), how) for n in range(7)])
    assert (onnx.encode(pixels) * torch.encode(pixels)).sum(
        axis=1
    ).min() >= LEAST_AGREEMENT_WITH_TORCH
    other = replace(torch.fingerprint, preprocessing=replace(how, fit="squash"))
    assert load_exported(choice, other) is None
    assert load_exported(replace(choice, device="cuda"), torch.fingerprint) is None
    exported_path(other).write_bytes(path.read_bytes())
    assert load_exported(choice, other) is None
    path.write_bytes(path.read_bytes()[:-1000])
    assert isinstance(load_known(choice, torch.fingerprint, device="cpu"), OpenClipEncoder)


def as_traced(pixels: Any) -> Any:
    """Another answer while it is exported than at other times."""
    import torch

    flat = pixels.flatten(1)[:, :12] + 1
    return flat.flip(1) if torch.onnx.is_in_onnx_export() else flat


def without_operator(pixels: Any) -> Any:
    """Something that the exporter has no operator for."""
    import torch

    return torch.linalg.eigvalsh(pixels[:, 0] + pixels[:, 0].mT) + 1


@pytest.mark.parametrize("compute", [as_traced, without_operator])
def test_an_encoder_that_cannot_be_exported_stops_no_build(
    double: ScryfallDouble, tmp_path: Path, exports: Path, compute: Callable[[Any], Any]
) -> None:
    torch = pytest.importorskip("torch")

    class Tower(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, pixels: Any) -> Any:
            return compute(pixels)

    class Notes(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    notes: list[str] = []
    grey = (0.5, 0.5, 0.5)
    how = Preprocessing(8, 8, "squash", grey, grey)
    with torch.inference_mode():
        dimension = Tower()(torch.zeros(1, 3, 8, 8)).shape[1]
    encoder = OpenClipEncoder(
        Tower(), Fingerprint("odd", compute.__name__, dimension, how), torch.device("cpu")
    )
    with pytest.raises(EncoderError):
        export(encoder)
    options = BuildOptions(
        cache=fill_cache(double, tmp_path / "cache"),
        out=tmp_path / "out",
        encoder=EncoderChoice("odd"),
    )
    build_database(options, Notes(), encoder=encoder)
    assert len(Database.open(tmp_path / "out")) == 12
    assert [note for note in notes if "could not be exported to ONNX" in note]
    assert list(exports.iterdir()) == []
