"""The gallery: the faces with which cards are compared, wherever they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mtg_image_db.encoders.local_features import FaceFeatures
    from mtg_image_db.pictures.opening import Pixels


class Hit(NamedTuple):
    """A face that is similar to a card.

    Parameters
    ----------
    score
        Cosine similarity.
    row
        The row of the face.
    image
        The first row with the same vector; faces with the same vector have the same image.
    """

    score: float
    row: int
    image: int


def best_first(hits: Iterable[Hit]) -> list[Hit]:
    """Hits by their scores; of those that differ by rounding alone, the earlier row comes first.

    Processors and engines round differently, and the answers are to be the same.
    """
    return sorted(hits, key=lambda hit: (-round(hit.score, 6), hit.image, hit.row))


class Identity(NamedTuple):
    """What a face is, as far as evidence depends on it.

    Parameters
    ----------
    artwork
        The id of its artwork.
    card
        The oracle id of its card; empty if it has none.
    window
        Where its picture is: left, top, right and bottom, in shares of the upright card.
    split
        Whether it shows two small cards that lie on their sides.
    """

    artwork: str
    card: str
    window: tuple[float, float, float, float]
    split: bool = False


class Gallery(Protocol):
    """The faces with which a card is compared; each has a row number."""

    def search_rows(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The faces most similar to each vector [Q, D], best first: k distinct images."""

    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """The similarity of a vector [D] and a face."""

    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """The local features of some faces; None if there are none."""

    def identity(self, row: int) -> Identity:
        """What a face is."""

    @property
    def can_vote(self) -> bool:
        """Whether there is an inverted index for votes."""

    def vote(self, descriptors: NDArray[np.float32], most: int) -> list[int]:
        """The faces with the most votes from a photo's descriptors [n, 128]."""

    def shows_text(self, row: int, card: Pixels, height: float) -> bool:
        """Whether a card shows nearly the text of a face; no, if its image is not at hand.

        Parameters
        ----------
        card
            The card, upright, RGB.
        height
            Its height in the photo, in pixels.
        """
