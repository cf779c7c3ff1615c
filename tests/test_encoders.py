from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import jpeg, make_picture, mtg_db

from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.encoders import (
    DEFAULT_MODEL,
    DEFAULT_SIZE,
    WEIGHTS,
    EncoderChoice,
    Fingerprint,
    load_encoder,
    normalised,
)
from mtg_image_db.encoders.onnx import FINGERPRINT, OnnxEncoder
from mtg_image_db.encoders.preprocessing import Fit, open_for, prepare
from mtg_image_db.errors import EncoderError
from mtg_image_db.pictures.opening import open_picture

SHIPPED = WEIGHTS / f"{DEFAULT_MODEL}.safetensors"


def by_torch(weights: Path = SHIPPED, fit: Fit | None = None) -> EncoderChoice:
    """The package's model, run by torch on the CPU."""
    return EncoderChoice(pretrained=str(weights), fit=fit, device="cpu")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the package's architecture that never were trained."""
    open_clip, torch = pytest.importorskip("open_clip"), pytest.importorskip("torch")
    open_clip.add_model_config(WEIGHTS.parent / "configs")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "untrained.pt"
    torch.save(open_clip.create_model(DEFAULT_MODEL).state_dict(), path)
    return path


def test_vectors_have_length_one() -> None:
    vectors = normalised(np.random.default_rng(0).normal(0, 1e-6, (50, 7)).astype(np.float32))
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() <= 1e-5


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(EncoderError, match="cannot be used"):
        normalised(np.full((2, 4), value, dtype=np.float32))


@pytest.mark.parametrize("choice", [EncoderChoice(), by_torch()], ids=["onnx", "torch"])
def test_loading_twice_gives_the_same_fingerprint_and_vectors(choice: EncoderChoice) -> None:
    if not choice.by_onnx:
        pytest.importorskip("open_clip")
    one, two = load_encoder(choice), load_encoder(choice)
    assert one.fingerprint == two.fingerprint
    assert Fingerprint.from_json(one.fingerprint.to_json()).digest == one.fingerprint.digest
    pixels = np.stack([prepare(make_picture(n), one.fingerprint.preprocessing) for n in range(3)])
    assert np.array_equal(one.encode(pixels), two.encode(pixels))
    assert np.allclose(one.encode(pixels[1:2]), one.encode(pixels)[1:2], atol=1e-5)


@pytest.mark.parametrize("fit", [None, "pad"])
def test_both_forms_of_the_packages_encoder_are_the_same_encoder(fit: Fit | None) -> None:
    pytest.importorskip("open_clip")
    here, there = load_encoder(EncoderChoice(fit=fit)), load_encoder(by_torch(fit=fit))
    assert here.fingerprint == there.fingerprint
    how = here.fingerprint.preprocessing
    assert (how.height, how.width, how.fit) == (144, 104, fit or "squash")
    pictures = [sample.faces[0] for sample in sample_cards(6)] + [make_picture(n) for n in range(6)]
    pixels = np.stack([prepare(picture, how) for picture in pictures])
    assert (here.encode(pixels) * there.encode(pixels)).sum(axis=1).min() >= 0.9999


def test_weights_preprocessing_and_model_each_change_the_fingerprint(
    untrained: Path, clip: Path
) -> None:
    choices = [by_torch(path, fit) for path in (SHIPPED, untrained) for fit in ("pad", "squash")]
    choices += [EncoderChoice("ViT-S-32-alt", str(clip)), EncoderChoice(size=(160, 112))]
    assert len({load_encoder(choice).fingerprint.digest for choice in choices}) == 6


def test_weights_of_another_architecture_are_refused() -> None:
    pytest.importorskip("open_clip")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(EncoderChoice("RN50", str(SHIPPED)))


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    (tmp_path / "x.pt").write_bytes(b"not weights")
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        load_encoder(by_torch(tmp_path / "x.pt"))
    assert caught.value.details == "the file holds no weights"


def test_safetensors_under_another_name_are_told_to_be_renamed(tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    (tmp_path / "x.pt").write_bytes(SHIPPED.read_bytes())
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        load_encoder(by_torch(tmp_path / "x.pt"))
    assert "its name ends in .safetensors" in caught.value.details


def test_a_damaged_or_foreign_onnx_file_is_refused(tmp_path: Path) -> None:
    whole = (WEIGHTS / f"{DEFAULT_MODEL}.onnx").read_bytes()
    foreign = whole.replace(FINGERPRINT.encode(), b"x" * len(FINGERPRINT))
    (tmp_path / SHIPPED.name).write_bytes(SHIPPED.read_bytes())
    path = tmp_path / "encoder.onnx"
    path.write_bytes(whole)
    OnnxEncoder(path)
    for content in (whole[:-1000], b"", b"not a network", foreign):
        path.write_bytes(content)
        with pytest.raises(EncoderError, match=r"encoder\.onnx cannot be used"):
            OnnxEncoder(path)


@pytest.mark.parametrize("left", [0, 1000], ids=["missing", "cut off"])
def test_a_network_without_its_weights_is_refused(tmp_path: Path, left: int) -> None:
    path = tmp_path / "encoder.onnx"
    path.write_bytes((WEIGHTS / f"{DEFAULT_MODEL}.onnx").read_bytes())
    if left:
        (tmp_path / SHIPPED.name).write_bytes(SHIPPED.read_bytes()[:left])
    with pytest.raises(EncoderError, match=r"encoder\.onnx cannot be used"):
        OnnxEncoder(path)


def test_a_precision_that_there_is_not_is_refused() -> None:
    with pytest.raises(EncoderError, match="cannot compute in bf16 here"):
        load_encoder(EncoderChoice()).use_precision("bf16")


def test_a_clip_with_its_own_input_size_and_another_one(clip: Path) -> None:
    own = load_encoder(EncoderChoice("ViT-S-32-alt", str(clip), device="cpu"))
    how = own.fingerprint.preprocessing
    assert (how.height, how.width, how.fit) == (224, 224, "pad")
    tall = load_encoder(EncoderChoice("ViT-S-32-alt", str(clip), size=(224, 160), device="cpu"))
    vectors = tall.encode(prepare(make_picture(0), tall.fingerprint.preprocessing)[None])
    assert vectors.shape == (1, tall.fingerprint.dimension)
    assert own.fingerprint.digest != tall.fingerprint.digest


def test_the_own_size_is_no_other_encoder() -> None:
    path = WEIGHTS.parent / "configs" / f"{DEFAULT_MODEL}.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    assert config["vision_cfg"]["image_size"] == list(DEFAULT_SIZE)
    assert EncoderChoice(size=DEFAULT_SIZE).by_onnx
    assert not EncoderChoice(size=(160, 112)).by_onnx


def test_a_weights_file_that_is_not_there_is_told_before_packages_that_are_not(
    tmp_path: Path,
) -> None:
    # As after a plain installation.
    (tmp_path / "open_clip.py").write_text("raise ImportError")
    update = ("update", "--pretrained", "nowhere.safetensors")
    done = mtg_db(*update, cwd=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    assert "There is no weights file nowhere.safetensors" in done.stderr


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (EncoderChoice("ViT-B-23"), "open_clip has no model ViT-B-23"),
        (EncoderChoice("ViT-B-32"), "file (pretrained). Tags: laion2b_s34b_b79k, "),
        (EncoderChoice("ViT-B-32", "no_tag"), "is neither a file nor a tag of ViT-B-32"),
        (EncoderChoice(pretrained="no_tag"), "file (pretrained). Tags: builtin."),
    ],
)
def test_an_encoder_that_cannot_be_had_is_never_made_up(choice: EncoderChoice, told: str) -> None:
    pytest.importorskip("open_clip")
    with pytest.raises(EncoderError) as caught:
        load_encoder(choice)
    assert told in f"{caught.value.message} {caught.value.suggestion}"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_a_clear_error(device: str) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("there is one")
    with pytest.raises(EncoderError, match=f"There is no {device} device"):
        load_encoder(EncoderChoice(device=device))


@pytest.mark.parametrize("fit", ["squash", "pad"])
@pytest.mark.parametrize(("model", "agreement"), [(DEFAULT_MODEL, 0.999), ("ViT-S-32-alt", 0.999)])
def test_decoding_no_more_than_needed_changes_no_vector(
    request: pytest.FixtureRequest, model: str, fit: Fit, agreement: float
) -> None:
    choice = EncoderChoice(fit=fit)
    if model != DEFAULT_MODEL:
        choice = EncoderChoice(model, str(request.getfixturevalue("clip")), fit=fit, device="cpu")
    encoder = load_encoder(choice)
    how = encoder.fingerprint.preprocessing
    cards = [jpeg(sample.faces[0]) for sample in sample_cards(6)]
    least = np.stack([prepare(open_for(card, how), how) for card in cards])
    whole = np.stack([prepare(open_picture(card), how) for card in cards])
    assert not np.array_equal(least, whole)
    cosines = (encoder.encode(least) * encoder.encode(whole)).sum(axis=1)
    assert cosines.min() >= agreement


def test_bfloat16_agrees_with_float32() -> None:
    pytest.importorskip("open_clip")
    encoder = load_encoder(by_torch())
    how = encoder.fingerprint.preprocessing
    pixels = np.stack([prepare(make_picture(n), how) for n in range(4)])
    exact = encoder.encode(pixels)
    encoder.use_precision("bf16")
    assert ((encoder.encode(pixels) * exact).sum(axis=1) >= 0.999).all()
    encoder.use_precision("fp32")
    assert np.array_equal(encoder.encode(pixels), exact)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are always text here")
def test_an_encoder_in_a_folder_whose_name_is_no_text_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"d\xe4ten")
    shutil.copytree(WEIGHTS, folder)
    moved, own = (OnnxEncoder(place / f"{DEFAULT_MODEL}.onnx") for place in (folder, WEIGHTS))
    assert moved.fingerprint == own.fingerprint
    pixels = np.zeros((1, 144, 104, 3), np.uint8)
    assert np.array_equal(moved.encode(pixels), own.encode(pixels))
