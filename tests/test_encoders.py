from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_picture

from mtg_image_db.encoders import EncoderChoice, Fingerprint, load_encoder, normalised
from mtg_image_db.errors import EncoderError
from mtg_image_db.images import prepare


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
