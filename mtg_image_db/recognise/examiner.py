"""Examine cut-out cards: the encoder makes shortlists, local geometry gives the verdicts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders import encode
from mtg_image_db.encoders.local_features import FaceFeatures, Features, describe
from mtg_image_db.encoders.preprocessing import prepare
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.recognise.evidence import Evidence, better_corners, weigh
from mtg_image_db.recognise.gallery import Gallery, Hit
from mtg_image_db.recognise.homography import moved
from mtg_image_db.recognise.verdict import Verdict, by_geometry, by_score

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.encoders import Encoder
    from mtg_image_db.recognise.quads import Quad

SHORTLIST = 20
"""Faces on a shortlist: the most similar ones by the encoder. A card's local features are compared
with those of each. By hand."""
_DESCRIBED_GAP = 2.0
"""If a picture is more than this many times larger than the upright card (240 x 336), Pillow
shrinks it in two steps. By hand."""


@dataclass(frozen=True)
class Card:
    """A quad of a photo, cut out upright, with the faces most similar to it."""

    quad: Quad
    picture: Image.Image
    vector: NDArray[np.float32]
    hits: tuple[Hit, ...]

    @property
    def score(self) -> float:
        """The score of the most similar face."""
        return self.hits[0].score if self.hits else -1.0


@dataclass(frozen=True)
class Finding:
    """The answer for a card, with its corners as geometry corrected them.

    Parameters
    ----------
    features
        The local features of the card, as it was cut out; None if they were not compared.
    by_text
        Whether its text alone says what it is. Nobody has seen its artwork then.
    """

    quad: Quad
    row: int
    verdict: Verdict
    evidence: Evidence
    card: Card
    features: Features | None = None
    by_text: bool = False


NO_EVIDENCE = Evidence(0, 0.0, 0, None)


class Examiner:
    """Says what cut-out cards are.

    Parameters
    ----------
    encoder, gallery
        What turns a card into a vector, and the faces to compare it with.

    Attributes
    ----------
    seconds
        Time spent so far, by stage, summed over all threads.
    """

    def __init__(self, encoder: Encoder, gallery: Gallery) -> None:
        self._encoder = encoder
        self._gallery = gallery
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = Lock()

    def cards(
        self, quads: Sequence[Quad], pictures: Sequence[Image.Image], most: int = SHORTLIST
    ) -> list[Card]:
        """Encode upright pictures of cards, and find the `most` faces most similar to each."""
        if not pictures:
            return []
        how = self._encoder.fingerprint.preprocessing
        with self.timed("encode"):
            vectors = encode(self._encoder, np.stack([prepare(p, how) for p in pictures]))
        with self.timed("search"):
            found = self._gallery.search_rows(vectors, most)
        return [
            Card(quad, picture, vector, tuple(hits))
            for quad, picture, vector, hits in zip(quads, pictures, vectors, found, strict=True)
        ]

    def describe(self, card: Card) -> Features:
        """The local features of a card."""
        with self.timed("describe"):
            small = card.picture.resize((CARD_WIDTH, CARD_HEIGHT), reducing_gap=_DESCRIBED_GAP)
            return describe(np.asarray(small))

    def check(self, card: Card) -> Finding:
        """Decide what a card is: by local features, or by its scores if there are none."""
        # Of faces with the same image, the first stands for all.
        hits = [h for i, h in enumerate(card.hits) if not i or h.image != card.hits[i - 1].image]
        hits = hits[:SHORTLIST]
        if not hits:
            return Finding(card.quad, -1, "none", NO_EVIDENCE, card)
        rows = [hit.row for hit in hits]
        identities = [self._gallery.identity(row) for row in rows]
        faces = self._gallery.features(rows)
        if faces is None:
            both = zip(hits, identities, strict=True)
            others = [hit.score for hit, one in both if one.artwork != identities[0].artwork]
            lead = hits[0].score - max(others, default=-1.0)
            verdict = by_score(hits[0].score, lead, self._encoder.thresholds)
            return Finding(card.quad, rows[0], verdict, NO_EVIDENCE, card)
        features = self.describe(card)
        with self.timed("geometry"):
            evidence = weigh(features, faces, identities)
        best = max(range(len(rows)), key=lambda i: evidence[i].agreement)
        # Among faces of one artwork, the one whose frame and text fit too gives the best corners.
        best = max(
            (i for i in range(len(rows)) if evidence[i].artwork == evidence[best].artwork),
            key=lambda i: (evidence[i].inliers, hits[i].score),
        )
        second = max(
            (one.points for one in evidence if one.artwork != evidence[best].artwork),
            default=0,
        )
        verdict = by_geometry(evidence[best], second)
        corners = evidence[best].corners
        # A fit by chance says nothing about the corners.
        quad = card.quad
        if verdict != "none" and corners is not None:
            with self.timed("geometry"):
                face = FaceFeatures(faces.points[[best]], faces.descriptors[[best]])
                quad = moved(better_corners(features, face, corners), quad)
        return Finding(quad, rows[best], verdict, evidence[best], card, features)

    def least_height(self) -> int:
        """Least height of cut-out cards: enough for local features and for the encoder."""
        return max(CARD_HEIGHT, self._encoder.fingerprint.preprocessing.height)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._clock:
                self.seconds[stage] += time.perf_counter() - began
