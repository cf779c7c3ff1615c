"""The gallery: what cards are compared with, wherever it lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.encoders.local_features import FaceFeatures


class Hit(NamedTuple):
    """A face that a card resembles.

    Parameters
    ----------
    score
        Cosine similarity.
    row
        Of the face.
    image
        The first row with the same vector: faces that share one have the same image.
    """

    score: float
    row: int
    image: int


class Gallery(Protocol):
    """The faces a card is compared with, each named by its row."""

    def search_rows(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The faces most similar to each vector [Q, D], best first: k distinct images."""

    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """The similarity of a vector [D] and a face."""

    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """The local features of some faces; None where there are none."""

    def artwork(self, row: int) -> str:
        """What names a face's artwork."""

    @property
    def can_vote(self) -> bool:
        """Whether there is an inverted index to vote in."""

    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """The faces that most descriptors [n, 128] of a photo speak for."""
