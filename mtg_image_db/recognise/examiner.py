"""Examine one cut-out card: the encoder makes a shortlist, local geometry gives the verdict."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders import encode
from mtg_image_db.encoders.local_features import Features, describe
from mtg_image_db.encoders.preprocessing import prepare
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.recognise.evidence import Evidence, weigh
from mtg_image_db.recognise.finder import Guess
from mtg_image_db.recognise.gallery import Gallery, Hit
from mtg_image_db.recognise.homography import moved
from mtg_image_db.recognise.quads import readings, turned
from mtg_image_db.recognise.verdict import Verdict, by_geometry, by_score

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.encoders import Encoder
    from mtg_image_db.recognise.quads import Quad

Cut = Callable[["Quad"], "Image.Image"]
"""A function that cuts a quad out of a photo, upright."""

OFTEN = 3
"""Of twelve maps: an outline in so many is hardly there by chance. By hand."""
_SHORTLIST = 20
"""Faces on a shortlist: the most similar ones by the encoder. A card's local features are compared
with those of each. By hand."""
_NEAR_SCORE = 0.15
"""The second-best way up is checked too if its cosine is at most this much below the best. In 269
checks it named one card (docs/recognition.md). By hand."""
_DESCRIBED_GAP = 2.0
"""If a picture is more than this many times larger than the upright card (240 x 336), Pillow
shrinks it in two steps. By hand."""


@dataclass(frozen=True)
class Card:
    """A quad of a photo, cut out and turned upright, with its shortlist.

    Parameters
    ----------
    votes
        See `Guess`; 0 if the quad is not from a guess.
    """

    quad: Quad
    picture: Image.Image
    vector: NDArray[np.float32]
    hits: tuple[Hit, ...]
    votes: int = 0

    @property
    def score(self) -> float:
        """The score of the most similar face."""
        return self.hits[0].score if self.hits else -1.0


@dataclass(frozen=True)
class Finding:
    """The answer for a card, with its corners as geometry corrected them."""

    quad: Quad
    row: int
    verdict: Verdict
    evidence: Evidence
    card: Card


_NO_EVIDENCE = Evidence(0, 0.0, 0, None)


class Examiner:
    """Says what cut-out cards are.

    Parameters
    ----------
    encoder, gallery
        What turns a card into a vector, and the faces to compare it with.

    Attributes
    ----------
    by_scores
        True without local features: then scores alone decide.
    seconds
        Time spent so far, by stage, summed over all threads.
    """

    def __init__(self, encoder: Encoder, gallery: Gallery) -> None:
        self._encoder = encoder
        self._gallery = gallery
        self.by_scores = gallery.features([]) is None
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = Lock()

    def all_ways(self, guesses: Sequence[Guess], cut: Cut) -> list[list[Card]]:
        """Encode guesses in every way a card could lie in them; the most similar way first."""
        ways = [readings(guess.quad) for guess in guesses]
        quads = [quad for some in ways for quad in some]
        with self.timed("cut out"):
            pictures = [cut(quad) for quad in quads]
        cards = iter(self.cards(quads, pictures))
        return [
            sorted(
                (replace(next(cards), votes=guess.votes) for _ in some),
                key=lambda card: -card.score,
            )
            for guess, some in zip(guesses, ways, strict=True)
        ]

    def check_ways(self, cards: Sequence[Card]) -> Finding:
        """Check the most similar way of a guess, and the next one if its score is near."""
        first, second = cards[:2]
        features = None if self.by_scores else self.describe(first)
        finding = self.check(first, features)
        near = first.score - second.score < _NEAR_SCORE
        if finding.verdict == "none" and first.votes >= OFTEN and near:
            half_turn = bool((turned(first.quad) == second.quad).all())
            other = self.check(second, features.turned() if features and half_turn else None)
            if other.verdict != "none":
                return other
        return finding

    def cards(self, quads: Sequence[Quad], pictures: Sequence[Image.Image]) -> list[Card]:
        """Encode upright pictures of cards, and make their shortlists."""
        if not pictures:
            return []
        vectors = self.encode(pictures)
        with self.timed("search"):
            found = self._gallery.search_rows(vectors, _SHORTLIST)
        return [
            Card(quad, picture, vector, tuple(hits))
            for quad, picture, vector, hits in zip(quads, pictures, vectors, found, strict=True)
        ]

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """The vectors [B, D] of pictures of cards."""
        how = self._encoder.fingerprint.preprocessing
        with self.timed("encode"):
            return encode(self._encoder, np.stack([prepare(p, how) for p in pictures]))

    def describe(self, card: Card) -> Features:
        """The local features of a card."""
        with self.timed("describe"):
            small = card.picture.resize((CARD_WIDTH, CARD_HEIGHT), reducing_gap=_DESCRIBED_GAP)
            return describe(np.asarray(small))

    def check(self, card: Card, features: Features | None = None) -> Finding:
        """Decide what a card is: by local features, or by its scores if there are none.

        Parameters
        ----------
        features
            The card's own features, if they are known already.
        """
        # Of faces with the same image, the first stands for all.
        hits = [h for i, h in enumerate(card.hits) if not i or h.image != card.hits[i - 1].image]
        if not hits:
            return Finding(card.quad, -1, "none", _NO_EVIDENCE, card)
        rows = [hit.row for hit in hits]
        artworks = [self._gallery.artwork(row) for row in rows]
        faces = self._gallery.features(rows)
        if faces is None:
            both = zip(hits, artworks, strict=True)
            others = [hit.score for hit, art in both if art != artworks[0]]
            lead = hits[0].score - max(others, default=-1.0)
            verdict = by_score(hits[0].score, lead, self._encoder.thresholds)
            return Finding(card.quad, rows[0], verdict, _NO_EVIDENCE, card)
        if features is None:
            features = self.describe(card)
        with self.timed("geometry"):
            evidence = weigh(features, faces, artworks, list(map(self._gallery.card, rows)))
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
            quad = moved(corners, quad)
        return Finding(quad, rows[best], verdict, evidence[best], card)

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
