"""Image towers of open_clip as ONNX files: a build makes one, and queries do without torch.

The files lie in a cache of the user's, outside the database: a database that is copied elsewhere
is answered by torch there. Each is named by its encoder's fingerprint and holds it.
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

AGREEMENT = 0.9999
"""Least cosine similarity with torch that a file needs to be kept. Chosen by hand."""

_OPSET = 17
"""Version of ONNX's operators: onnxruntime 1.19, the oldest we run with, knows it."""


def exported_path(fingerprint: Fingerprint) -> Path:
    """Where the ONNX file of an encoder lies, if there is one."""
    return cache_folder() / "onnx" / f"{fingerprint.digest}.onnx"


def cache_folder() -> Path:
    """Where files go that can be made again.

    The folder that ``MTG_DB_ENCODER_CACHE`` names, or the system's own place.
    """
    named = os.environ.get("MTG_DB_ENCODER_CACHE")
    return Path(named) if named else user_cache_path("mtg-image-db", appauthor=False)


def load_exported(choice: EncoderChoice, fingerprint: Fingerprint) -> OnnxEncoder | None:
    """Load what a build exported; None where there is no such file or it cannot be used."""
    path = exported_path(fingerprint)
    if choice.device not in ("auto", "cpu") or not path.is_file():
        return None
    with contextlib.suppress(EncoderError):
        encoder = OnnxEncoder(path)
        if encoder.fingerprint == fingerprint:
            return encoder
    return None


def export(encoder: OpenClipEncoder) -> Path:
    """Write an encoder's ONNX file, compared with torch before it gets its name.

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
            if agreement >= AGREEMENT:
                part.replace(path)
    # torch and onnx raise whatever their parts raise; all of it means the same to a user.
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise EncoderError(f"{type(error).__name__}: {first[:200]}") from error
    # Written so that NaN is too little as well.
    if not agreement >= AGREEMENT:
        raise EncoderError(f"its vectors differ from torch's: cosine {agreement:.5f}")
    return path


def _write(encoder: OpenClipEncoder, path: Path) -> None:
    import onnx
    import torch

    how = encoder.fingerprint.preprocessing
    # Not to its path: torch opens no file whose name is not UTF-8.
    stream: Any = io.BytesIO()
    with warnings.catch_warnings():
        # About values the trace takes for constants: the comparison shows whether they are.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            encoder.tower,
            (torch.zeros(2, 3, how.height, how.width),),
            stream,
            input_names=["image"],
            output_names=["vector"],
            dynamic_axes={"image": {0: "batch"}, "vector": {0: "batch"}},
            opset_version=_OPSET,
            # The newer exporter needs one package more.
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
    # Not noise: broad blobs reach the deeper layers as pictures do.
    blobs = (Image.fromarray(rng.integers(0, 256, (14, 10, 3), np.uint8)) for _ in range(5))
    pixels = np.stack([np.asarray(blob.resize((how.width, how.height))) for blob in blobs])
    return min(
        float((one.encode(some) * other.encode(some)).sum(axis=1).min())
        for some in (pixels[:1], pixels)
    )
