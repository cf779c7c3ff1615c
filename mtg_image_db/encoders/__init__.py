"""Encoders turn pictures into unit vectors; fingerprints say which vectors can be compared."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mtg_image_db.encoders.preprocessing import FITS, Fit, Preprocessing
from mtg_image_db.errors import EncoderError, InvalidArguments
from mtg_image_db.system.checks import check, wrong_integer, wrong_kind, wrong_word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.encoders.thresholds import Thresholds

DEFAULT_MODEL = "mtg-resnet10t-104x144"
"""The package's own encoder: see training/MODEL_CARD.md."""

DEFAULT_SIZE = (144, 104)
"""Height and width of its input, in pixels."""

DEFAULT_PRETRAINED = "builtin"
"""The weights of `DEFAULT_MODEL` inside the package."""

WEIGHTS = Path(__file__).parent / "weights"
"""The folder of those weights, and of the network that ONNX Runtime runs with them."""

NAME_WEIGHTS = "with --pretrained, or in Python with pretrained or weights"
"""How a user names weights: `EncoderChoice` and `Database.open` call them by different names."""

_LENGTH_ERROR = 1e-5
"""The largest allowed difference of a vector's length from 1; float32 rounding is smaller."""
_FOREIGN_LENGTH_ERROR = 1e-3
"""The same for vectors that a program searches for: float16 rounding is smaller. Chosen by hand."""

DEVICES = ("auto", "cpu", "cuda", "mps")

PRECISIONS = ("fp32", "bf16", "fp16")

INPUT_SIDE = (64, 2048)
"""Smallest and largest height and width of an encoder's input, in pixels."""


@dataclass(frozen=True)
class Fingerprint:
    """What makes two vectors comparable: model, weights and preprocessing.

    Parameters
    ----------
    model
        Its name in open_clip.
    weights_sha256
        SHA-256 of the image tower's parameters.
    dimension
        Length of the vectors.
    """

    model: str
    weights_sha256: str
    dimension: int
    preprocessing: Preprocessing

    @cached_property
    def digest(self) -> str:
        """The fingerprint as one hexadecimal number."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The values as JSON types."""
        return {
            "model": self.model,
            "weights_sha256": self.weights_sha256,
            "dimension": self.dimension,
            "preprocessing": self.preprocessing.to_json(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fingerprint:
        """The reverse of `to_json`; raises KeyError, TypeError or ValueError on anything else."""
        dimension = values["dimension"]
        if problem := wrong_integer("dimension", dimension, 1):
            raise ValueError(problem)
        return cls(
            model=str(values["model"]),
            weights_sha256=str(values["weights_sha256"]),
            dimension=dimension,
            preprocessing=Preprocessing.from_json(values["preprocessing"]),
        )


@dataclass(frozen=True)
class EncoderChoice:
    """Which encoder to load, as a user names it.

    Parameters
    ----------
    model
        The package's own, or an open_clip model name (also ``hf-hub:…`` and ``local-dir:…``).
    pretrained
        ``builtin``, a tag of open_clip, or a file of weights (a path is converted to a string).
    size
        Height and width of the input; None for the encoder's own.
    fit
        See `Preprocessing`; None for the encoder's own.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``. For the package's own encoder, ``auto`` is the CPU:
        it has answered before torch has even looked for a GPU. For others, ``auto`` is a GPU if
        there is one.

    Raises
    ------
    InvalidArguments
        A value makes no sense; all such values are listed.
    """

    model: str = DEFAULT_MODEL
    pretrained: str = DEFAULT_PRETRAINED
    size: tuple[int, int] | None = None
    fit: Fit | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.pretrained, os.PathLike):
            object.__setattr__(self, "pretrained", os.fspath(self.pretrained))
        check(
            wrong_kind("model", self.model, str),
            wrong_kind("pretrained", self.pretrained, str),
            self._wrong_size(),
            None if self.fit is None else wrong_word("fit", self.fit, FITS),
            wrong_word("device", self.device, DEVICES),
        )

    def to_json(self) -> dict[str, Any]:
        """The choice as JSON types, without the device; a local file by its full path."""
        values = {**asdict(self), "device": "auto"}
        if Path(self.pretrained).is_file():
            values["pretrained"] = str(Path(self.pretrained).resolve())
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> EncoderChoice:
        """The reverse of `to_json`; raises KeyError, TypeError or ValueError on anything else."""
        model, pretrained, size, fit = (values[n] for n in ("model", "pretrained", "size", "fit"))
        if not isinstance(model, str) or not isinstance(pretrained, str):
            raise TypeError("an encoder's name is not a text")
        try:
            return cls(model, pretrained, size, fit)
        except InvalidArguments as error:
            raise ValueError(str(error)) from error

    def _wrong_size(self) -> str | None:
        """Convert a list to a tuple, since sizes are compared."""
        given: object = self.size
        if given is None:
            return None
        if not isinstance(given, tuple | list) or len(given) != 2:
            return f"size must be a height and a width, not {given!r}"
        object.__setattr__(self, "size", tuple(given))
        wrong = (wrong_integer("size", side, *INPUT_SIDE) for side in given)
        return next((problem for problem in wrong if problem), None)

    @property
    def by_onnx(self) -> bool:
        """Whether ONNX Runtime runs it; torch and open_clip run all others."""
        return (
            (self.model, self.pretrained) == (DEFAULT_MODEL, DEFAULT_PRETRAINED)
            and self.size in (None, DEFAULT_SIZE)
            and self.device in ("auto", "cpu")
        )


class Encoder(Protocol):
    """Turns pictures into vectors."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint; only vectors with an equal one can be compared."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions worth trying on its device, ``fp32`` first."""

    @property
    def thresholds(self) -> Thresholds | None:
        """The meaning of its scores in databases without local features; None if unknown."""

    def use_precision(self, precision: str) -> None:
        """Compute in ``fp32``, ``bf16`` or ``fp16`` from now on."""

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode pictures that went through `preprocessing.prepare`.

        Parameters
        ----------
        pixels
            uint8 [B, height, width, 3].

        Returns
        -------
        float32 [B, dimension]
            L2-normalised to 1e-5.

        Raises
        ------
        EncoderError
            A vector is not finite, or cannot be normalised.
        """


def load_encoder(choice: EncoderChoice) -> Encoder:
    """Load an encoder that the user named: the package's own loads at once, others in seconds.

    For the encoder of a database, see `named.load_known`.

    Raises
    ------
    EncoderError
        The model is unknown, its weights cannot be found or fetched, or torch is not installed.
        Random weights are never used.
    """
    if choice.by_onnx:
        from mtg_image_db.encoders.onnx import OnnxEncoder

        return OnnxEncoder(WEIGHTS / f"{choice.model}.onnx", choice.fit)
    from mtg_image_db.encoders.openclip import OpenClipEncoder

    return OpenClipEncoder.load(choice)


def normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors [B, D] to length 1, and check the result to 1e-5.

    Raises
    ------
    EncoderError
        A value is NaN or infinite, or a vector is zero.
    """
    import numpy as np

    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise EncoderError(
            "The encoder returned a vector that cannot be used",
            details="a value is not finite, or all are zero",
            suggestion="The weights may be damaged: check the file that you named.",
        )
    vectors = vectors / lengths
    worst = float(np.abs(np.linalg.norm(vectors, axis=1) - 1.0).max(initial=0.0))
    if worst > _LENGTH_ERROR:
        raise EncoderError("The encoder's vectors cannot be normalised", details=f"off by {worst}")
    return vectors


def encode(encoder: Encoder, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Encode pictures with an encoder that may be a program's own; see `Encoder.encode`.

    Raises
    ------
    EncoderError
        It returned something else than a unit vector for each picture.
    """
    import numpy as np

    vectors = np.asarray(encoder.encode(pixels), dtype=np.float32)
    why = wrong_vectors(vectors, encoder.fingerprint.dimension, _LENGTH_ERROR)
    if why is None and len(vectors) != len(pixels):
        why = f"{len(vectors)} vectors for {len(pixels)} pictures"
    if why:
        raise EncoderError(
            "The encoder returned vectors that cannot be used",
            details=why,
            suggestion="Its `encode` must return float32 [B, dimension], each row of length 1.",
        )
    return vectors


def wrong_encoder(encoder: object) -> str | None:
    """What is wrong with an object that a program gives as an encoder."""
    lacking = [
        name
        for name in ("precisions", "thresholds", "use_precision", "encode")
        if not hasattr(encoder, name)
    ]
    if not isinstance(getattr(encoder, "fingerprint", None), Fingerprint):
        lacking.insert(0, "fingerprint")
    if lacking:
        return f"encoder must be an Encoder, but {encoder!r} lacks {', '.join(lacking)}"
    return None


def wrong_vectors(
    vectors: NDArray[np.float32], dimension: int, error: float = _FOREIGN_LENGTH_ERROR
) -> str | None:
    """What is wrong with vectors [n, dimension] of length 1, up to an error."""
    import numpy as np

    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        return f"vectors must be [n, {dimension}], not {list(vectors.shape)}"
    # Written so that NaN fails as well.
    if not (np.abs(np.linalg.norm(vectors, axis=1) - 1) <= error).all():
        return "vectors must have length 1"
    return None
