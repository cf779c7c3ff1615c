"""Turn texts into vectors that can be compared with those of pictures, with a model for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mtg_image_db.encoders import DEFAULT_MODEL, EncoderChoice, Fingerprint, normalised
from mtg_image_db.errors import EncoderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TextEncoder:
    """The text tower of an open_clip model, run by torch on the CPU.

    `fingerprint` is that of the image tower, whose vectors can be compared with those of texts.
    """

    def __init__(self, model: Any, tokenizer: Any, fingerprint: Fingerprint) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self.fingerprint = fingerprint

    @classmethod
    def load(cls, choice: EncoderChoice) -> TextEncoder:
        """Load a model with both towers, in seconds.

        Raises
        ------
        EncoderError
            The model has no text tower; or see `load_encoder`.
        """
        if choice.model == DEFAULT_MODEL:
            # open_clip gives each model a text tower; that of our encoder is as small as possible
            # and was never trained.
            raise EncoderError(
                "This database's encoder knows only pictures, no texts",
                details=f"{choice.model} has no text tower",
                suggestion="Build another database with a CLIP, and search that: mtg-db build "
                "--model ViT-B-32 --pretrained laion2b_s34b_b79k --out clip_out",
            )
        from mtg_image_db.encoders.openclip import load_model, load_tokenizer

        model, fingerprint, _ = load_model(choice)
        return cls(model.eval(), load_tokenizer(choice.model), fingerprint)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts; the model reads only the beginning of a long one (CLIP: 77 tokens).

        Returns
        -------
        float32 [B, dimension], L2-normalised.
        """
        import torch

        # Typed text may contain bytes that are not valid text.
        tokens = self._tokenizer([text.encode("utf-8", "replace").decode() for text in texts])
        with torch.inference_mode():
            return normalised(self._model.encode_text(tokens).float().numpy())
