"""Image towers of open_clip as ONNX files: a build exports one, so queries do not need torch.

The files are in a cache of the user, outside the database: if a database is copied to another
machine, torch answers there. Each file is named by its encoder's fingerprint and contains it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from mtg_image_db.encoders import EncoderChoice, Fingerprint
from mtg_image_db.encoders.onnx import FINGERPRINT, OnnxEncoder
from mtg_image_db.errors import EncoderError

if TYPE_CHECKING:
    from mtg_image_db.encoders.openclip import OpenClipEncoder

LEAST_AGREEMENT_WITH_TORCH = 0.9999
"""Least cosine similarity with torch's vectors; other files are not kept. By hand."""

_OPSET = 17
"""Version of ONNX's operators. By hand."""
"""Version of ONNX's operators; onnxruntime 1.19, the oldest we support, knows it."""


def exported_path(fingerprint: Fingerprint) -> Path:
    """The path of an encoder's ONNX file, whether it exists or not."""
    return cache_folder() / "onnx" / f"{fingerprint.digest}.onnx"


def cache_folder() -> Path:
    """The folder for files that can be made again.

    ``MTG_DB_ENCODER_CACHE`` names it; otherwise it is the system's usual place.
    """
    named = os.environ.get("MTG_DB_ENCODER_CACHE")
    return Path(named) if named else user_cache_path("mtg-image-db", appauthor=False)


def load_exported(choice: EncoderChoice, fingerprint: Fingerprint) -> OnnxEncoder | None:
    """Load the file that a build exported; None if it is missing or cannot be used."""
    path = exported_path(fingerprint)
    if choice.device not in ("auto", "cpu") or not path.is_file():
        return None
    with contextlib.suppress(EncoderError):
        encoder = OnnxEncoder(path)
        if encoder.fingerprint == fingerprint:
            return encoder
    return None


def export(encoder: OpenClipEncoder) -> Path:
    """Write an encoder's ONNX file; compare it with torch before it gets its final name.

    Raises
    ------
    EncoderError
        The model cannot be exported, its vectors differ, or the file cannot be written.
    """
    path = exported_path(encoder.fingerprint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / "part.onnx"
            exact = encoder.in_full_precision()
            _write(exact, part)
            agreement = _agreement(exact, OnnxEncoder(part))
            if agreement >= LEAST_AGREEMENT_WITH_TORCH:
                part.replace(path)
    # torch and onnx raise many kinds of exceptions; to a user, all mean the same.
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise EncoderError(f"{type(error).__name__}: {first[:200]}") from error
    # Written so that NaN counts as too low.
    if not agreement >= LEAST_AGREEMENT_WITH_TORCH:
        raise EncoderError(f"its vectors differ from torch's: cosine {agreement:.5f}")
    return path


def _write(encoder: OpenClipEncoder, path: Path) -> None:
    import onnx
    import torch

    how = encoder.fingerprint.preprocessing
    # Not to its path: torch cannot open a file whose name is not UTF-8.
    stream: Any = io.BytesIO()
    with warnings.catch_warnings():
        # torch warns about values that it takes for constants. The comparison shows if they are.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            encoder.tower,
            (torch.zeros(2, 3, how.height, how.width),),
            stream,
            input_names=["image"],
            output_names=["vector"],
            dynamic_axes={"image": {0: "batch"}, "vector": {0: "batch"}},
            opset_version=_OPSET,
            # The newer exporter needs one more package.
            dynamo=False,
        )
    model = onnx.load_model_from_string(stream.getvalue())
    onnx.helper.set_model_props(model, {FINGERPRINT: json.dumps(encoder.fingerprint.to_json())})
    path.write_bytes(model.SerializeToString())


def _agreement(one: OpenClipEncoder, other: OnnxEncoder) -> float:
    """The least cosine of two encoders' vectors, for one picture and for several."""
    import numpy as np
    from PIL import Image

    how = one.fingerprint.preprocessing
    rng = np.random.default_rng(1)
    # Not noise: large blobs reach the deeper layers the way pictures do.
    blobs = (Image.fromarray(rng.integers(0, 256, (14, 10, 3), np.uint8)) for _ in range(5))
    pixels = np.stack([np.asarray(blob.resize((how.width, how.height))) for blob in blobs])
    return min(
        float((one.encode(some) * other.encode(some)).sum(axis=1).min())
        for some in (pixels[:1], pixels)
    )
