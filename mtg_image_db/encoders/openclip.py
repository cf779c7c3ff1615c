"""Any open_clip model as an encoder, run by torch."""

from __future__ import annotations

import contextlib
import copy
import difflib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.encoders import (
    DEFAULT_MODEL,
    DEFAULT_PRETRAINED,
    NAME_WEIGHTS,
    WEIGHTS,
    EncoderChoice,
    Fingerprint,
    normalised,
)
from mtg_image_db.encoders.preprocessing import Preprocessing
from mtg_image_db.errors import EncoderError, install

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_CONFIGS = Path(__file__).parent / "configs"
"""The folder with open_clip's configuration of our own encoder."""
_SUGGESTED = "laion2b_s34b_b79k"
"""A tag of ViT-B-32 and a few others, trained longer than most."""


class OpenClipEncoder:
    """The image tower of an open_clip model."""

    def __init__(
        self, tower: torch.nn.Module, fingerprint: Fingerprint, device: torch.device
    ) -> None:
        import torch

        self._tower = tower
        self._original = tower
        self._dtype = torch.float32
        self._fingerprint = fingerprint
        self._device = device
        how = fingerprint.preprocessing
        self._mean = torch.tensor(how.mean, device=device).view(1, 3, 1, 1) * 255
        self._std = torch.tensor(how.std, device=device).view(1, 3, 1, 1) * 255

    @property
    def fingerprint(self) -> Fingerprint:
        """See `Encoder.fingerprint`."""
        return self._fingerprint

    @classmethod
    def load(cls, choice: EncoderChoice) -> OpenClipEncoder:
        """Load a model; see `load_encoder`."""
        model, fingerprint, device = load_model(choice)
        return cls(model.visual, fingerprint, device)

    @property
    def thresholds(self) -> None:
        """See `Encoder.thresholds`; nobody has measured them."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """See `Encoder.precisions`. CPUs only emulate half floats, slowly."""
        return ("fp32", "bf16") if self._device.type == "cpu" else ("fp32", "bf16", "fp16")

    def use_precision(self, precision: str) -> None:
        """See `Encoder.use_precision`."""
        import torch

        self._dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[
            precision
        ]
        if self._dtype == torch.float32:
            self._tower = self._original
        else:
            self._tower = copy.deepcopy(self._original).to(self._dtype)

    @property
    def tower(self) -> torch.nn.Module:
        """The image tower, in the precision in use."""
        return self._tower

    def in_full_precision(self) -> OpenClipEncoder:
        """The same encoder in fp32 on the CPU."""
        import torch

        tower = copy.deepcopy(self._original).cpu()
        return OpenClipEncoder(tower, self._fingerprint, torch.device("cpu"))

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        import torch

        with torch.inference_mode():
            # torch wants a writable array; pictures decoded by Pillow are not.
            batch = torch.from_numpy(pixels.copy()).to(self._device)
            batch = batch.permute(0, 3, 1, 2).float().sub_(self._mean).div_(self._std)
            vectors = self._tower(batch.to(self._dtype)).float().cpu().numpy()
        return normalised(vectors)


def load_model(choice: EncoderChoice) -> tuple[Any, Fingerprint, torch.device]:
    """Load a model with both towers; the image tower is on the returned device.

    Raises
    ------
    EncoderError
        See `load_encoder`.
    """
    weights, facts = resolve_weights(choice)
    open_clip = _open_clip()
    import torch

    device = _device(choice.device)
    try:
        model = open_clip.create_model(
            choice.model,
            pretrained=weights,
            force_image_size=choice.size,
            force_quick_gelu=bool(facts.get("quick_gelu")),
            require_pretrained=True,
            device="cpu",
        )
    # open_clip raises many kinds of exceptions; to a user, all mean the same.
    except Exception as error:
        raise EncoderError(
            f"The model {choice.model} cannot be loaded with these weights",
            details=_what_is_wrong(weights, error),
            suggestion="Check that the weights were made for this model, and that it accepts the "
            "size that you gave.",
        ) from error
    visual = model.visual.eval().to(device)
    height, width = choice.size or _pair(visual.image_size)
    own = getattr(visual, "preprocess_cfg", {})
    preprocessing = Preprocessing(
        height,
        width,
        choice.fit or ("squash" if choice.model == DEFAULT_MODEL else "pad"),
        _triple(facts.get("mean") or own.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        _triple(facts.get("std") or own.get("std") or open_clip.OPENAI_DATASET_STD),
    )
    with torch.inference_mode():
        probe = visual(torch.zeros(1, 3, height, width, device=device))
    digest = _digest(visual)
    fingerprint = Fingerprint(choice.model, digest, int(probe.shape[-1]), preprocessing)
    return model, fingerprint, device


def load_tokenizer(model: str) -> Any:
    """Load the tokenizer of a model; some are fetched from a hub."""
    try:
        return _open_clip().get_tokenizer(model)
    # Its parts raise many kinds of exceptions; to a user, all mean the same.
    except Exception as error:
        raise EncoderError(
            f"The tokenizer of {model} cannot be loaded",
            details=_first_line(error),
            suggestion="Run once with a network: it is cached from then on.",
        ) from error


def resolve_weights(choice: EncoderChoice) -> tuple[str | None, dict[str, Any]]:
    """Find the weights: the path of a file, and open_clip's settings for a tag.

    Raises
    ------
    EncoderError
        The model or the weights do not exist, or cannot be fetched.
    """
    named = Path(choice.pretrained)
    if not named.is_file() and (len(named.parts) > 1 or named.suffix):
        # Check this before the error about missing packages.
        raise EncoderError(
            f"There is no weights file {choice.pretrained}",
            details=f"it is named as the weights of {choice.model}",
            suggestion=f"If it has moved, name its new place: {NAME_WEIGHTS}.",
        )
    open_clip = _open_clip()
    open_clip.add_model_config(_CONFIGS)
    if choice.model.startswith(("hf-hub:", "local-dir:")):
        return None, {}
    known = open_clip.list_models()
    if choice.model.replace("/", "-") not in known:
        near = difflib.get_close_matches(choice.model, known, 3)
        raise EncoderError(
            f"open_clip has no model {choice.model}",
            details="names are case-sensitive",
            suggestion=f"Did you mean {', '.join(near)}?"
            if near
            else "See `open_clip.list_models()`.",
        )
    if choice.pretrained == DEFAULT_PRETRAINED and choice.model == DEFAULT_MODEL:
        return str(WEIGHTS / f"{choice.model}.safetensors"), {}
    if named.is_file():
        return choice.pretrained, {}
    facts = open_clip.get_pretrained_cfg(choice.model, choice.pretrained)
    if not facts:
        raise _no_weights(choice, open_clip.list_pretrained_tags_by_model(choice.model))
    try:
        path = open_clip.download_pretrained(facts)
    except Exception as error:
        raise EncoderError(
            f"The weights {choice.pretrained} of {choice.model} cannot be fetched",
            details=_first_line(error),
            suggestion="Run once with a network: they are cached from then on. Or, offline, copy a "
            f"weights file from another machine and name it: {NAME_WEIGHTS}.",
        ) from error
    return str(path), dict(facts)


def _what_is_wrong(weights: str | None, error: Exception) -> str:
    """Why weights could not be loaded, in one line."""
    # For files without weights, torch itself advises to load them unsafely.
    if "npickling" not in type(error).__name__:
        return _first_line(error)
    head = b""
    with contextlib.suppress(OSError), Path(weights or "").open("rb") as stream:
        head = stream.read(9)
    # safetensors: the length of a JSON object, then the object
    # (https://github.com/huggingface/safetensors).
    if head[8:] == b"{" and not str(weights).endswith(".safetensors"):
        return "the file holds safetensors: rename it, so that its name ends in .safetensors"
    return "the file holds no weights"


def _no_weights(choice: EncoderChoice, tags: list[str]) -> EncoderError:
    """The error for a model that needs other weights; it lists the tags."""
    if choice.model == DEFAULT_MODEL:
        tags = [DEFAULT_PRETRAINED]
    tags = sorted(tags, key=lambda tag: tag != _SUGGESTED)
    offer = f"Name a tag or a file (pretrained). Tags: {', '.join(tags)}."
    if choice.pretrained == DEFAULT_PRETRAINED:
        message = f"{choice.model} needs weights of its own"
        details = f"the weights in this package are those of {DEFAULT_MODEL}"
    else:
        message = f"{choice.pretrained} is neither a file nor a tag of {choice.model}"
        details = "weights are never made up"
    return EncoderError(
        message,
        details=details,
        suggestion=offer if tags else "It has no tags: name a file (pretrained).",
    )


def _open_clip() -> Any:
    """The module open_clip, which imports torch."""
    # Without this, the library that fetches weights reports the machine's packages to the hub.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import open_clip
    except ImportError as error:
        raise EncoderError(
            "This encoder needs the packages torch and open_clip",
            details=f"{error}; only {DEFAULT_MODEL} runs without them, on the CPU and at its own "
            "size",
            suggestion=f"Install them: {install('clip')}",
        ) from error
    return open_clip


def _device(name: str) -> torch.device:
    import torch

    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available[name]:
        there = ", ".join(device for device, there in available.items() if there)
        raise EncoderError(
            f"There is no {name} device",
            details=f"torch sees: {there}",
            suggestion="Use the device auto.",
        )
    return torch.device(name)


def _digest(module: torch.nn.Module) -> str:
    """SHA-256 over names, shapes and values; it does not depend on the file of the weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(values.shape)} {values.dtype};".encode())
        digest.update(memoryview(values.numpy()).cast("B") if values.numel() else b"")
    return digest.hexdigest()


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _triple(values: Any) -> tuple[float, float, float]:
    first, second, third = (float(v) for v in values)
    return first, second, third


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
