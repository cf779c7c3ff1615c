"""Finding out how an encoder runs fastest here: precision and batch size are tried, not assumed.

bfloat16 doubles the rate of a CPU that has instructions for it, and halves that of one that has
not; on CPUs small batches win, on GPUs large ones.
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

AGREEMENT = 0.999
"""Least cosine similarity with float32 that a precision needs. Chosen by hand."""

LEAST_IMAGES = 2000
"""Images to encode: for fewer, trying takes longer than it saves. Chosen by hand."""

_FIRST_BATCH = 16
"""Images in the batches by which precisions are compared. Chosen by hand."""
_BATCHES = (8, 32, 64, 128)
"""Images a batch: tried beside the first, in this order. Chosen by hand."""
_PAST_ITS_BEST = 0.9
"""Share of the best rate under which larger batches are not tried. Chosen by hand."""


@dataclass(frozen=True)
class Tuning:
    """How to run an encoder. `rates` are images a second, by ``<precision>/<batch>``."""

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
        uint8 [n, height, width, 3]: pictures to try with; repeated as needed.
    precision, batch
        Given ones are not tried.

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
            # A device may lack operations for a precision, or its vectors be no numbers.
            with contextlib.suppress(RuntimeError, EncoderError):
                encoder.use_precision(name)
                agreement = (encoder.encode(some(first)) * exact).sum(axis=1).min()
                if agreement >= AGREEMENT:
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
        except RuntimeError:  # larger ones do not fit into a device's memory either
            break
        # Past its best size an encoder only gets slower: larger ones would waste time.
        if size > first and rates[f"{best}/{size}"] < _PAST_ITS_BEST * max(rates.values()):
            break
    own = {name: rate for name, rate in rates.items() if name.startswith(f"{best}/")}
    return Tuning(best, int(max(own, key=lambda name: own[name]).partition("/")[2]), rates)


def _rate(encoder: Encoder, pixels: NDArray[np.uint8]) -> float:
    """Images a second: the better of two batches, after one to warm up."""
    encoder.encode(pixels)
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        encoder.encode(pixels)
        seconds.append(time.perf_counter() - began)
    return len(pixels) / min(seconds)
