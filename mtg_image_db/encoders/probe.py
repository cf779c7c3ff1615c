"""Find the fastest precision and batch size for an encoder on this machine, by trying them.

bfloat16 doubles the rate of a CPU that has instructions for it, and halves the rate of others. On
CPUs small batches are faster, on GPUs large ones.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtg_image_db.encoders import Encoder
from mtg_image_db.errors import EncoderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_AGREEMENT_WITH_FP32 = 0.999
"""Least cosine similarity with float32's vectors; other precisions are not used. By hand."""

LEAST_IMAGES = 2000
"""Least number of images; for fewer, trying takes longer than it saves. By hand."""

_FIRST_BATCH = 16
"""Images per batch when precisions are compared. By hand."""
_BATCHES = (8, 32, 64, 128)
"""Other batch sizes to try, in this order. By hand."""
_PAST_ITS_BEST = 0.9
"""Below this share of the best rate, larger batches are not tried. By hand."""


@dataclass(frozen=True)
class Tuning:
    """How to run an encoder. `rates` are images per second, by ``<precision>/<batch>``."""

    precision: str
    batch: int
    rates: dict[str, float]


def tune(
    encoder: Encoder,
    pixels: NDArray[np.uint8],
    *,
    precision: str | None = None,
    batch: int | None = None,
) -> Tuning:
    """Time a few batches of each precision and size, and set the encoder to the fastest.

    Parameters
    ----------
    pixels
        uint8 [n, height, width, 3]: sample pictures, repeated as needed.
    precision, batch
        A given value is used as it is, and no others are tried.

    Returns
    -------
    The choice. A precision whose vectors differ from float32's (cosine below 0.999) is never
    chosen unless it was given.
    """
    import numpy as np

    def some(count: int) -> NDArray[np.uint8]:
        return np.resize(pixels, (count, *pixels.shape[1:]))

    rates: dict[str, float] = {}
    first = batch or _FIRST_BATCH
    candidates = (precision,) if precision else encoder.precisions
    if len(candidates) > 1:
        encoder.use_precision("fp32")
        exact = encoder.encode(some(first))
        for name in candidates:
            # A device may lack operations for a precision, or return NaN.
            with contextlib.suppress(RuntimeError, EncoderError):
                encoder.use_precision(name)
                agreement = (encoder.encode(some(first)) * exact).sum(axis=1).min()
                if agreement >= _LEAST_AGREEMENT_WITH_FP32:
                    rates[f"{name}/{first}"] = _rate(encoder, some(first))
        best = max(rates, key=lambda name: rates[name]).partition("/")[0]
    else:
        best = candidates[0]
    encoder.use_precision(best)
    if batch is not None:
        return Tuning(best, batch, rates)
    rates.setdefault(f"{best}/{first}", _rate(encoder, some(first)))
    for size in _BATCHES:
        try:
            rates[f"{best}/{size}"] = _rate(encoder, some(size))
        except RuntimeError:  # out of memory: larger batches do not fit either
            break
        # Beyond its best batch size an encoder only gets slower: trying more wastes time.
        if size > first and rates[f"{best}/{size}"] < _PAST_ITS_BEST * max(rates.values()):
            break
    own = {name: rate for name, rate in rates.items() if name.startswith(f"{best}/")}
    return Tuning(best, int(max(own, key=lambda name: own[name]).partition("/")[2]), rates)


def _rate(encoder: Encoder, pixels: NDArray[np.uint8]) -> float:
    """Images per second: the better of two batches, after one to warm up."""
    encoder.encode(pixels)
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        encoder.encode(pixels)
        seconds.append(time.perf_counter() - began)
    return len(pixels) / min(seconds)
