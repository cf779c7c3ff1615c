"""The package's own encoder, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders import Fingerprint, normalised
from mtg_image_db.encoders.preprocessing import Fit
from mtg_image_db.encoders.runtime import onnx_runtime
from mtg_image_db.encoders.thresholds import Thresholds
from mtg_image_db.errors import EncoderError
from mtg_image_db.system.cores import usable_cores
from mtg_image_db.system.files import name_in_utf8

FINGERPRINT = "fingerprint"
"""The metadata key of the fingerprint, as JSON; `training/export.py` writes it."""

THRESHOLDS = "thresholds"
"""The metadata key of the `Thresholds`, as JSON, if any; `training/thresholds.py` writes them."""

_ERRORS_ONLY = 3
"""The least severity that ONNX Runtime logs: 3 is an error."""


class OnnxEncoder:
    """An image tower in an ONNX file: ``image`` float32 [B, 3, H, W] to ``vector`` [B, D].

    Parameters
    ----------
    fit
        See `Preprocessing`; None for the file's own.

    Raises
    ------
    EncoderError
        The file is missing or damaged, or is not an encoder of ours.
    """

    precisions: tuple[str, ...] = ("fp32",)

    def __init__(self, path: Path, fit: Fit | None = None) -> None:
        onnxruntime = onnx_runtime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = usable_cores()
        # A thread that spins while it waits would take a core from the decoding threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            with name_in_utf8(path) as name:
                self._session = onnxruntime.InferenceSession(
                    name, options, providers=["CPUExecutionProvider"]
                )
            stored = self._session.get_modelmeta().custom_metadata_map
            fingerprint = Fingerprint.from_json(json.loads(stored[FINGERPRINT]))
            known = json.loads(stored.get(THRESHOLDS, "null"))
            self._thresholds = None if known is None else Thresholds(**known)
        # ONNX Runtime's exceptions have no common base class; here, all mean the same.
        except Exception as error:
            raise EncoderError(
                f"{path.name} cannot be used as an encoder",
                details=f"{path}: it is missing, damaged or not from this package "
                f"({type(error).__name__})",
                suggestion="Install mtg-image-db again: the file is part of it.",
            ) from error
        how = fingerprint.preprocessing
        if fit not in (None, how.fit):
            how = replace(how, fit=fit)
            self._thresholds = None  # they were measured with another fit
        self.fingerprint = replace(fingerprint, preprocessing=how)
        self._mean = np.asarray(how.mean, dtype=np.float32) * 255
        self._std = np.asarray(how.std, dtype=np.float32) * 255

    @property
    def thresholds(self) -> Thresholds | None:
        """See `Encoder.thresholds`."""
        return self._thresholds

    def use_precision(self, precision: str) -> None:
        """See `Encoder.use_precision`."""
        if precision not in self.precisions:
            raise EncoderError(
                f"{self.fingerprint.model} cannot compute in {precision} here",
                details="ONNX Runtime runs it in fp32, on the CPU",
                suggestion="Give no precision.",
            )

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        image = (pixels - self._mean) / self._std
        image = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
        [vectors] = self._session.run(["vector"], {"image": image})
        return normalised(vectors)
