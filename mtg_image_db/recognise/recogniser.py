"""From a photo to named cards: the encoder proposes, local geometry decides.

Guesses of where cards are (`finder`) are cut out and encoded, both ways up. The faces most similar
to a guess are its shortlist; local features (`evidence`) say which of them it is, if any, and where
exactly its corners are. What lies within a named card is not looked at again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from mtg_image_db.images import CARD_HEIGHT, CARD_WIDTH, prepare
from mtg_image_db.recognise.evidence import Evidence, weigh
from mtg_image_db.recognise.features import FaceFeatures, Features, describe
from mtg_image_db.recognise.finder import Guess, guess_cards
from mtg_image_db.recognise.quads import (
    area_of,
    covered,
    frame_of,
    moved,
    overlap,
    readings,
    rectify,
    turned,
)
from mtg_image_db.recognise.verdict import Thresholds, Verdict, by_geometry, by_score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from mtg_image_db.encoders import Encoder
    from mtg_image_db.recognise.quads import Pixels, Quad

Hit = tuple[float, int]
"""Score and row."""

LONG_SIDE = 1600
"""Photos are looked at no larger than this, in pixels."""
ENOUGH_PIXELS = (1200, 1200)
"""Width and height, at the least, to decode a photo at."""
_SHORTLIST = 20
_FILLS = 0.6
_ROUND = 4
_LEAST_INLIERS = 12
_OFTEN = 3
_VERY_OFTEN = 5
_MOST_DOUBTFUL = 4
_OTHER_WAY = 0.15
_AS_LARGE = 4.0
_WITHIN = 0.6
_BESIDE = 0.3
_MOVED = 0.95


class Gallery(Protocol):
    """The faces a card is compared with."""

    def search_rows(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The faces most similar to each vector [Q, D], best first."""

    def score(self, vector: NDArray[np.float32], row: int) -> float:
        """The similarity of a vector [D] and a face."""

    def features(self, rows: Sequence[int]) -> FaceFeatures | None:
        """The local features of some faces; None where there are none."""

    def artwork(self, row: int) -> str:
        """What names a face's artwork."""


@dataclass(frozen=True)
class SeenCard:
    """A card that was seen in a photo.

    Parameters
    ----------
    quad
        Its corners in pixels of the photo, clockwise from the card's top left, float32 [4, 2].
    hits
        Faces it could be, the one it was taken for first.
    verdict
        How sure that is.
    points
        The evidence for it (`Evidence.points`); 0 where there are no local features.
    """

    quad: Quad
    hits: tuple[Hit, ...]
    verdict: Verdict
    points: int = 0


@dataclass(frozen=True)
class _Card:
    """A guess, cut out and turned upright, and its shortlist."""

    quad: Quad
    picture: Image.Image
    vector: NDArray[np.float32]
    hits: tuple[Hit, ...]
    votes: int

    @property
    def score(self) -> float:
        """Of the most similar face."""
        return self.hits[0][0] if self.hits else -1.0


@dataclass(frozen=True)
class _Finding:
    """What a card was taken for, and where its corners really are."""

    quad: Quad
    row: int
    verdict: Verdict
    evidence: Evidence
    card: _Card


_NO_EVIDENCE = Evidence(0, 0.0, 0, None)
_Cut = Callable[["Quad"], "Image.Image"]


class Recogniser:
    """Names the cards in photos.

    Parameters
    ----------
    encoder, gallery
        What turns a card into a vector, and what that is compared with.
    thresholds
        The encoder's, for a gallery without local features.

    Attributes
    ----------
    seconds
        Time spent so far, by stage.
    """

    def __init__(self, encoder: Encoder, gallery: Gallery, thresholds: Thresholds | None) -> None:
        self._encoder = encoder
        self._gallery = gallery
        self._thresholds = thresholds
        self.seconds: dict[str, float] = defaultdict(float)

    def recognise(self, picture: Image.Image, k: int, *, find: bool = True) -> list[SeenCard]:
        """Name the cards in an upright RGB picture; at least one, if only to say ``none``.

        Parameters
        ----------
        k
            How many distinct vectors to answer with for each card.
        find
            Look for cards; otherwise the whole picture is one, upright.
        """
        import numpy as np

        frame = frame_of(picture.width, picture.height)

        def cut(quad: Quad) -> Image.Image:
            # Turned, not warped: a scan must stay what it is.
            turns = int(np.abs(frame - quad[:1]).sum(axis=1).argmin())
            return picture.rotate(90 * (turns + (picture.width > picture.height)), expand=True)

        if not find:
            [card] = self._cards([frame], [picture])
            return self._answers([self._check(card, self._describe(card))], cut, k)
        [[whole, *_]] = self._all_ways([Guess(frame, 0)], cut)
        finding = self._check(whole, self._describe(whole))
        if (
            finding.verdict == "confident"
            and area_of(finding.quad) > _FILLS * picture.width * picture.height
        ):
            return self._answers([finding], _cutter(np.asarray(picture), self._least_height()), k)
        scale = min(1.0, LONG_SIDE / max(picture.size))
        size = (round(picture.width * scale), round(picture.height * scale))
        with self._timed("find"):
            photo = np.asarray(picture if scale == 1 else picture.resize(size, reducing_gap=2.0))
        cutter = _cutter(photo, self._least_height())
        found = self._search(photo, cutter)
        if not found:
            return self._answers([replace(finding, verdict="none")], cut, k)
        answers = self._answers(found, cutter, k)
        return [replace(answer, quad=answer.quad / scale) for answer in answers]

    def _search(self, photo: Pixels, cut: _Cut) -> list[_Finding]:
        """Find and name cards in a photo; those that no face is like come last."""
        with self._timed("find"):
            guesses = guess_cards(photo)
        named: list[_Finding] = []
        unknown: list[_Finding] = []

        def look(some: Sequence[Guess], most: int) -> None:
            """Check guesses, the most similar to a face first, until `most` were nothing."""
            ways = self._all_ways([g for g in some if not _taken(g.quad, named)], cut)
            for cards in sorted(ways, key=lambda cards: -cards[0].score):
                if most == 0:
                    return
                if _taken(cards[0].quad, named):
                    continue
                finding = self._check_ways(cards, cut)
                if finding.verdict == "none":
                    unknown.append(finding)
                    most -= 1
                elif not _taken(finding.quad, named):
                    named.append(finding)

        often = [guess for guess in guesses if guess.votes >= _OFTEN]
        for start in range(0, len(often), _ROUND):
            look(often[start : start + _ROUND], most=_ROUND)
        # Cards that lie together are about as large as each other.
        sizes = [area_of(finding.quad) for finding in named]
        rest = [guess for guess in guesses if guess.votes < _OFTEN]
        look([g for g in rest if _is_as_large(g.quad, sizes)], most=_MOST_DOUBTFUL)
        for finding in sorted(unknown, key=lambda f: (-f.card.votes, -f.evidence.inliers)):
            votes = finding.card.votes
            framed = votes >= _OFTEN and finding.evidence.inliers >= _LEAST_INLIERS
            if (votes >= _VERY_OFTEN or framed) and not _taken(finding.quad, named):
                named.append(finding)
        return named

    def _all_ways(self, guesses: Sequence[Guess], cut: _Cut) -> list[list[_Card]]:
        """Encode guesses, each as the ways a card could lie in it, the most similar way first."""
        ways = [readings(guess.quad) for guess in guesses]
        quads = [quad for some in ways for quad in some]
        with self._timed("cut out"):
            pictures = [cut(quad) for quad in quads]
        cards = iter(self._cards(quads, pictures))
        return [
            sorted(
                (replace(next(cards), votes=guess.votes) for _ in some),
                key=lambda card: -card.score,
            )
            for guess, some in zip(guesses, ways, strict=True)
        ]

    def _check_ways(self, cards: Sequence[_Card], cut: _Cut) -> _Finding:
        """Check the most similar way of a guess; the next one as well where it is near."""
        first, second = cards[:2]
        features = self._describe(first)
        finding = self._check(first, features)
        if finding.verdict == "none" and finding.evidence.inliers >= _LEAST_INLIERS:
            # A frame fits, so the corners are known better now: look again.
            [again] = self._cards([finding.quad], [cut(finding.quad)])
            finding = self._check(replace(again, votes=first.votes), self._describe(again))
        near = first.score - second.score < _OTHER_WAY
        if finding.verdict == "none" and first.votes >= _OFTEN and near:
            half_turn = bool((turned(first.quad) == second.quad).all())
            other = self._check(second, features.turned() if half_turn else self._describe(second))
            if other.verdict != "none":
                return other
        return finding

    def _cards(self, quads: Sequence[Quad], pictures: Sequence[Image.Image]) -> list[_Card]:
        """Encode upright pictures of cards, and make their shortlists."""
        if not pictures:
            return []
        vectors = self._encode(pictures)
        with self._timed("search"):
            found = self._gallery.search_rows(vectors, _SHORTLIST)
        return [
            _Card(quad, picture, vector, tuple(hits), 0)
            for quad, picture, vector, hits in zip(quads, pictures, vectors, found, strict=True)
        ]

    def _encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        import numpy as np

        how = self._encoder.fingerprint.preprocessing
        with self._timed("encode"):
            return self._encoder.encode(np.stack([prepare(p, how) for p in pictures]))

    def _describe(self, card: _Card) -> Features:
        """The local features of a card."""
        import numpy as np

        with self._timed("describe"):
            small = card.picture.resize((CARD_WIDTH, CARD_HEIGHT), reducing_gap=2.0)
            return describe(np.asarray(small))

    def _check(self, card: _Card, features: Features) -> _Finding:
        """Decide what a card is: by local features, or by its scores where there are none."""
        # Faces with one vector have one image: the first stands for all.
        hits = [hit for i, hit in enumerate(card.hits) if not i or hit[0] != card.hits[i - 1][0]]
        if not hits:
            return _Finding(card.quad, -1, "none", _NO_EVIDENCE, card)
        rows = [row for _, row in hits]
        artworks = [self._gallery.artwork(row) for row in rows]
        faces = self._gallery.features(rows)
        if faces is None:
            others = [s for (s, _), art in zip(hits, artworks, strict=True) if art != artworks[0]]
            lead = hits[0][0] - max(others, default=-1.0)
            verdict = by_score(hits[0][0], lead, self._thresholds)
            return _Finding(card.quad, rows[0], verdict, _NO_EVIDENCE, card)
        with self._timed("geometry"):
            evidence = weigh(features, faces, artworks)
        best = max(range(len(rows)), key=lambda i: evidence[i].agreement)
        # Of one artwork's faces the one whose frame and text fit as well shows the corners best.
        best = max(
            (i for i in range(len(rows)) if artworks[i] == artworks[best]),
            key=lambda i: (evidence[i].inliers, hits[i][0]),
        )
        second = max(
            (e.points for e, art in zip(evidence, artworks, strict=True) if art != artworks[best]),
            default=0,
        )
        corners = evidence[best].corners
        quad = card.quad if corners is None else moved(corners, card.quad)
        verdict = by_geometry(evidence[best], second)
        return _Finding(quad, rows[best], verdict, evidence[best], card)

    def _answers(self, findings: Sequence[_Finding], cut: _Cut, k: int) -> list[SeenCard]:
        """Search again for cards whose corners are known better now, and put the named face first.

        Parameters
        ----------
        cut
            Cuts a quad out of the photo.
        """
        shifted = [f for f in findings if overlap(f.quad, f.card.quad) < _MOVED]
        vectors = {id(f): f.card.vector for f in findings}
        if shifted:
            better = self._encode([cut(f.quad) for f in shifted])
            vectors |= {id(f): vector for f, vector in zip(shifted, better, strict=True)}
        answers = []
        for finding in findings:
            vector = vectors[id(finding)]
            with self._timed("search"):
                [hits] = self._gallery.search_rows(vector[None], k)
            if finding.verdict != "none":
                # Geometry names the artwork; which of its printings, the score tells better.
                artwork = self._gallery.artwork(finding.row)
                first = [hit for hit in hits if self._gallery.artwork(hit[1]) == artwork]
                first = first or [(self._gallery.score(vector, finding.row), finding.row)]
                hits = first + [hit for hit in hits if hit not in first]
            answers.append(
                SeenCard(finding.quad, tuple(hits), finding.verdict, finding.evidence.points)
            )
        return answers

    def _least_height(self) -> int:
        """Of cut-out cards: enough for local features and for the encoder."""
        return max(CARD_HEIGHT, self._encoder.fingerprint.preprocessing.height)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - began


def _cutter(photo: Pixels, height: int) -> _Cut:
    """What cuts a quad out of a photo, upright, at a height in pixels."""
    width = round(height * CARD_WIDTH / CARD_HEIGHT)

    def cut(quad: Quad) -> Image.Image:
        from PIL import Image

        return Image.fromarray(rectify(photo, quad, width, height))

    return cut


def _is_as_large(quad: Quad, sizes: Sequence[float]) -> bool:
    """Whether a quad is not much larger or smaller than every card that was named."""
    area = area_of(quad)
    return not sizes or any(area < _AS_LARGE * size < _AS_LARGE**2 * area for size in sizes)


def _taken(quad: Quad, named: Sequence[_Finding]) -> bool:
    """Whether a quad lies within a named card, around one, or much over one."""
    return any(
        covered(quad, finding.quad) > _WITHIN
        or covered(finding.quad, quad) > _WITHIN
        or overlap(quad, finding.quad) > _BESIDE
        for finding in named
    )
