"""The small networks that read strips of cards: opening them, and what they want to see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders.runtime import onnx_runtime
from mtg_image_db.errors import EncoderError

if TYPE_CHECKING:
    from mtg_image_db.pictures.opening import Pixels

_LEAST_DEVIATION = 4.0
"""Added to the deviation of a strip's pixels, so that noise in an even one is not blown up; as in
training."""


def open_network(weights: Path, purpose: str) -> Any:
    """A session of ONNX Runtime on the CPU. Threads may share one.

    Parameters
    ----------
    purpose
        What the network reads, for the message if it cannot.

    Raises
    ------
    EncoderError
        The file is missing or damaged.
    """
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    # A strip is too small for several threads; cards are read side by side.
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            weights.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    # ONNX Runtime's exceptions have no common base class.
    except Exception as error:
        raise EncoderError(
            f"{weights.name} cannot be used to read {purpose}",
            details=f"{weights}: it is missing or damaged ({type(error).__name__})",
            suggestion="Install mtg-image-db again: the file is part of it.",
        ) from error


def normalised(strips: Sequence[Pixels]) -> NDArray[np.float32]:
    """Grey strips [h, w] of one size as a network wants them: float32 [n, 1, h, w]."""
    pixels = np.stack(strips).astype(np.float32)
    middle = pixels.mean(axis=(1, 2), keepdims=True)
    spread = pixels.std(axis=(1, 2), keepdims=True) + _LEAST_DEVIATION
    return np.asarray(((pixels - middle) / spread)[:, None], dtype=np.float32)
