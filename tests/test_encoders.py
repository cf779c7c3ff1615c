from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import PixelEncoder, jpeg, make_picture
from numpy.typing import NDArray

from mtg_image_db.encoders import EncoderChoice, Fingerprint, load_encoder, normalised
from mtg_image_db.errors import EncoderError
from mtg_image_db.images import Fit, open_for, open_picture, prepare


def test_vectors_have_length_one() -> None:
    vectors = normalised(np.random.default_rng(0).normal(0, 1e-6, (50, 7)).astype(np.float32))
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() <= 1e-5


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_vector_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(EncoderError, match="cannot be used"):
        normalised(np.full((2, 4), value, dtype=np.float32))


def test_loading_twice_gives_the_same_fingerprint_and_vectors(weights: Path) -> None:
    choice = EncoderChoice("mtg-demo", str(weights), fit="squash", device="cpu")
    one, two = load_encoder(choice), load_encoder(choice)
    assert one.fingerprint == two.fingerprint
    assert Fingerprint.from_json(one.fingerprint.to_json()).digest == one.fingerprint.digest
    pixels = np.stack([prepare(make_picture(n), one.fingerprint.preprocessing) for n in range(3)])
    assert np.array_equal(one.encode(pixels), two.encode(pixels))
    assert np.allclose(one.encode(pixels[1:2]), one.encode(pixels)[1:2], atol=1e-5)


def test_weights_preprocessing_and_model_each_change_the_fingerprint(
    weights: Path, tmp_path: Path
) -> None:
    from mtg_image_db.demo.weights import write_weights

    write_weights(tmp_path / "other.safetensors", seed=1)
    prints = {
        load_encoder(EncoderChoice("mtg-demo", str(path), fit=fit)).fingerprint.digest
        for path in (weights, tmp_path / "other.safetensors")
        for fit in ("pad", "squash")
    }
    assert len(prints) == 4


def test_weights_of_another_architecture_are_refused(weights: Path) -> None:
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(EncoderChoice("RN50", str(weights)))


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"not weights")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(EncoderChoice("mtg-demo", str(tmp_path / "x.pt")))


def test_a_clip_with_its_own_input_size_and_another_one(tmp_path: Path) -> None:
    import open_clip
    import torch

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-S-32-alt")
    path = tmp_path / "random.pt"
    torch.save(model.state_dict(), path)
    own = load_encoder(EncoderChoice("ViT-S-32-alt", str(path), device="cpu"))
    assert (own.fingerprint.preprocessing.height, own.fingerprint.preprocessing.width) == (224, 224)
    tall = load_encoder(EncoderChoice("ViT-S-32-alt", str(path), size=(224, 160), device="cpu"))
    vectors = tall.encode(prepare(make_picture(0), tall.fingerprint.preprocessing)[None])
    assert vectors.shape == (1, tall.fingerprint.dimension)
    assert own.fingerprint.digest != tall.fingerprint.digest


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_a_clear_error(weights: Path, device: str) -> None:
    import torch

    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("there is one")
    with pytest.raises(EncoderError, match=f"There is no {device} device"):
        load_encoder(EncoderChoice("mtg-demo", str(weights), device=device))


@pytest.mark.parametrize("fit", ["squash", "pad"])
@pytest.mark.parametrize("model", ["mtg-demo", "ViT-S-32-alt"])
def test_decoding_no_more_than_needed_changes_no_vector(
    weights: Path, tmp_path: Path, model: str, fit: Fit
) -> None:
    from mtg_image_db.demo.cards import sample_cards

    path = weights
    if model != "mtg-demo":
        import open_clip
        import torch

        torch.manual_seed(0)
        path = tmp_path / "random.pt"
        torch.save(open_clip.create_model(model).state_dict(), path)
    encoder = load_encoder(EncoderChoice(model, str(path), fit=fit, device="cpu"))
    how = encoder.fingerprint.preprocessing
    cards = [jpeg(sample.faces[0]) for sample in sample_cards(6)]
    least = np.stack([prepare(open_for(card, how), how) for card in cards])
    whole = np.stack([prepare(open_picture(card), how) for card in cards])
    assert not np.array_equal(least, whole)
    cosines = (encoder.encode(least) * encoder.encode(whole)).sum(axis=1)
    assert cosines.min() >= 0.999


def test_the_probe_takes_the_fastest_that_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    from mtg_image_db.encoders import probe

    class Stepping(PixelEncoder):
        """Fast in bf16 and wrong in fp16; best with 32 at once."""

        precisions = ("fp32", "bf16", "fp16")

        def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            seconds = {"fp32": 2.0, "bf16": 1.0, "fp16": 0.1}[self.precision or "fp32"]
            clock[0] += seconds * len(pixels) * (1 + abs(len(pixels) - 32) / 32)
            vectors = super().encode(pixels)
            return -vectors if self.precision == "fp16" else vectors

    clock = [0.0]
    monkeypatch.setattr("mtg_image_db.encoders.probe.time.perf_counter", lambda: clock[0])
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    encoder = Stepping()
    encoder.precisions = Stepping.precisions
    tuning = probe.tune(encoder, pixels)
    assert (tuning.precision, tuning.batch, encoder.precision) == ("bf16", 32, "bf16")
    assert probe.tune(encoder, pixels, precision="fp32", batch=8).batch == 8
    assert encoder.precision == "fp32"


def test_bfloat16_agrees_with_float32(weights: Path) -> None:
    encoder = load_encoder(EncoderChoice("mtg-demo", str(weights), fit="squash", device="cpu"))
    how = encoder.fingerprint.preprocessing
    pixels = np.stack([prepare(make_picture(n), how) for n in range(4)])
    exact = encoder.encode(pixels)
    encoder.use_precision("bf16")
    assert ((encoder.encode(pixels) * exact).sum(axis=1) >= 0.999).all()
    encoder.use_precision("fp32")
    assert np.array_equal(encoder.encode(pixels), exact)
