"""Vectors of pictures, and how well they find the right card in the whole gallery."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cards import Image
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""open_clip's own defaults."""


def to_batch(images: Sequence[Image] | Image, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return uint8 pictures of one size as a normalised float batch, channels last in memory."""
    array = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float()
    mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=device).view(1, 3, 1, 1)
    return ((array / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def shrink(image: Image, size: tuple[int, int]) -> Image:
    """Resize to height and width ``size``, averaging where it shrinks."""
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA))


@torch.inference_mode()
def embed(
    model: torch.nn.Module,
    images: Iterable[Image],
    size: tuple[int, int],
    device: torch.device | str = "cpu",
    batch: int = 64,
) -> Vectors:
    """Return one unit vector a picture."""
    model.eval()
    found: list[Vectors] = []
    pending: list[Image] = []

    def flush() -> None:
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            out = model(to_batch(np.stack(pending), device))
        found.append(torch.nn.functional.normalize(out.float(), dim=1).cpu().numpy())
        pending.clear()

    for image in images:
        pending.append(shrink(image, size))
        if len(pending) == batch:
            flush()
    if pending:
        flush()
    return np.concatenate(found)


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    if total == 0:
        return 0.0, 1.0
    z, p = 1.96, hits / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Ranks:
    """The rank (0 is first) of the best right answer of each query."""

    ranks: NDArray[np.int64]

    def within(self, k: int) -> str:
        """Return the share of queries right among the first ``k``, with count and interval."""
        hits, total = int((self.ranks < k).sum()), len(self.ranks)
        low, high = wilson(hits, total)
        share = hits / max(total, 1)
        return f"{100 * share:.1f} % ({hits}/{total}; {100 * low:.1f} to {100 * high:.1f})"

    def share(self, k: int) -> float:
        """Return the share of queries right among the first ``k``."""
        return float((self.ranks < k).mean()) if len(self.ranks) else float("nan")


def rank(
    queries: Vectors,
    gallery: Vectors,
    query_classes: NDArray[np.int64],
    gallery_classes: NDArray[np.int64],
    hidden: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Ranks:
    """Rank the gallery for each query; a right answer shares the query's class.

    A wrong answer that scores as high as the best right one is ranked before it.

    Parameters
    ----------
    queries, gallery : array, shapes (Q, D) and (N, D)
        Unit vectors.
    query_classes, gallery_classes : array of int
        Artwork numbers.
    hidden : pair of arrays of int, shapes (Q,) and (N,), optional
        Picture numbers of queries and gallery; a query does not see its own picture.
    """
    ranks = np.empty(len(queries), dtype=np.int64)
    for q, vector in enumerate(queries):
        scores = gallery @ vector
        right = gallery_classes == query_classes[q]
        if hidden is not None:
            own = hidden[1] == hidden[0][q]
            scores[own] = -2
            right &= ~own
        # Not `>`: a representation that maps all to one point would be always right.
        ranks[q] = (scores[~right] >= scores[right].max()).sum()
    return Ranks(ranks)


def second_sources(
    classes: NDArray[np.int64], pictures: NDArray[np.int64], wanted: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the wanted rows whose artwork stands in the gallery in another picture, too."""
    return np.array(
        [
            row
            for row in np.flatnonzero(wanted)
            if ((classes == classes[row]) & (pictures != pictures[row])).any()
        ],
        dtype=np.int64,
    )
