"""From a photo to named cards: the encoder proposes, local geometry decides.

Guesses of where cards are (`finder`) are cut out and encoded, both ways up. The faces most similar
to a guess are its shortlist; local features (`evidence`) say which of them it is, if any, and where
exactly its corners are. What lies within a named card is not looked at again, nor are parts of a
card that nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mtg_image_db.cores import usable_cores
from mtg_image_db.images import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.recognise.examiner import (
    OFTEN,
    Card,
    Cut,
    Examiner,
    Finding,
    Gallery,
    Hit,
)
from mtg_image_db.recognise.finder import Guess, guess_cards
from mtg_image_db.recognise.quads import area_of, covered, frame_of, moved, overlap, rectify
from mtg_image_db.recognise.scene import Scene
from mtg_image_db.recognise.verdict import Verdict

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.encoders import Encoder
    from mtg_image_db.recognise.quads import Pixels, Quad

LONG_SIDE = 1600
"""Photos are looked at no larger than this, in pixels."""
ENOUGH_PIXELS = (1200, 1200)
"""Width and height, at the least, to decode a photo at."""
_LEAST_SIDE = 16
"""A photo that is narrower, as it is looked at, holds no card to find."""
_FILLS = 0.6
_ROUND = 4
_VERY_OFTEN = 5
_LEAST_INLIERS = 12
_DOUBTFUL = 6
_MOST_DOUBTFUL = 4
_AS_LARGE = 4.0
_WITHIN = 0.6
_BESIDE = 0.3
_OVER = 0.5
_MOVED = 0.95
_MOST_VOTED = 12
_SAME_PICTURE = 0.995
_MAP_SIDE = 256
_SHOWN = 0.4


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


class Recogniser:
    """Names the cards in photos.

    Parameters
    ----------
    encoder, gallery
        What turns a card into a vector, and what that is compared with.
    """

    def __init__(self, encoder: Encoder, gallery: Gallery) -> None:
        self._gallery = gallery
        self._examiner = Examiner(encoder, gallery)

    @property
    def seconds(self) -> dict[str, float]:
        """Time spent so far, by stage."""
        return self._examiner.seconds

    def recognise(
        self,
        picture: Image.Image,
        k: int,
        *,
        find: bool = True,
        as_built: Image.Image | None = None,
    ) -> list[SeenCard]:
        """Name the cards in an upright RGB picture; at least one, if only to say ``none``.

        Parameters
        ----------
        as_built
            The picture as a build decodes it, where it may be a scan: that of a card in the
            database then has the very vector that is stored.
        k
            How many distinct vectors to answer with for each card.
        find
            Look for cards; otherwise the whole picture is one, upright.
        """
        import numpy as np

        frame = frame_of(picture.width, picture.height)
        examiner = self._examiner
        if not find:
            [card] = examiner.cards([frame], [as_built or picture])
            return self._answers([examiner.check(card)], lambda _: picture, k)
        scale = min(1.0, LONG_SIDE / max(picture.size))
        if scale < 1:
            with examiner.timed("find"):
                width, height = (max(1, round(side * scale)) for side in picture.size)
                picture = picture.resize((width, height), reducing_gap=2.0)
                frame = frame_of(width, height)

        def cut(quad: Quad) -> Image.Image:
            # Turned, not warped: a scan must stay what it is.
            turns = int(np.abs(frame - quad[:1]).sum(axis=1).argmin())
            if as_built and not turns:
                return as_built
            return picture.rotate(90 * (turns + 3 * (picture.width > picture.height)), expand=True)

        [[whole, *_]] = examiner.all_ways([Guess(frame, 0)], cut)
        finding = examiner.check(whole)
        fills = area_of(finding.quad) > _FILLS * picture.width * picture.height
        if min(picture.size) < _LEAST_SIDE:
            answers = self._answers([replace(finding, verdict="none")], cut, k)
        elif finding.verdict == "confident" and fills:
            cutter = _cutter(np.asarray(picture), examiner.least_height())
            answers = self._answers([finding], cutter, k)
        else:
            photo = np.asarray(picture)
            cutter = _cutter(photo, examiner.least_height())
            found = self._search(photo, cutter)
            if instead := self._whole_instead(finding, whole, found):
                found, cutter = [instead], cut
            answers = self._answers(found, cutter, k)
        return [replace(answer, quad=answer.quad / scale) for answer in answers]

    def _whole_instead(
        self, finding: Finding, whole: Card, found: Sequence[Finding]
    ) -> Finding | None:
        """The whole picture, where it is a better answer than what was found in it."""
        if not found:
            return replace(finding, verdict="none")
        best = max(other.card.score for other in found)
        if self._examiner.by_scores and whole.score >= best:
            return finding
        unknown = all(other.verdict == "none" for other in found)
        if unknown and whole.score >= _SAME_PICTURE:
            # A plain picture has few features to prove what it is, and yet it is the same.
            return replace(finding, quad=whole.quad, row=whole.hits[0][1], verdict="likely")
        return None

    def _search(self, photo: Pixels, cut: Cut) -> list[Finding]:
        """Find and name cards in a photo; those that no face is like come last."""
        named, unknown = self._outlined(photo, cut)
        settled = named + _strange(unknown, named)
        if self._gallery.can_vote and (len(named) != 1 or unknown) and _has_room(photo, settled):
            # One card and nothing else that could be one: the usual photo needs no second look.
            named += self._voted(photo, cut, named)
        for finding in unknown:
            if not _taken(finding.quad, named):
                named.append(finding)
        return named

    def _voted(self, photo: Pixels, cut: Cut, named: Sequence[Finding]) -> list[Finding]:
        """Cards without an outline, by the features of the whole photo."""
        found: list[Finding] = []
        with self._examiner.timed("look again"):
            scene = Scene(photo, [finding.quad for finding in named])
            rows = self._gallery.vote(scene.descriptors, _MOST_VOTED)
        for row in rows:
            with self._examiner.timed("look again"):
                face = self._gallery.features([row])
                quad = None if face is None else scene.place(face)
            if quad is None or any(overlap(quad, f.quad) > _OVER for f in [*named, *found]):
                continue
            [card] = self._examiner.cards([quad], [cut(quad)])
            score = self._gallery.score(card.vector, row)
            others = [hit for hit in card.hits if hit[1] != row]
            card = replace(card, hits=((score, row), *others))
            finding = self._examiner.check(card)
            if finding.verdict != "none":
                found.append(finding)
        return found

    def _outlined(self, photo: Pixels, cut: Cut) -> tuple[list[Finding], list[Finding]]:
        """Cards with an outline: those that were named, and those that no face is like."""
        from concurrent.futures import ThreadPoolExecutor

        with self._examiner.timed("find"):
            guesses = guess_cards(photo)
        named: list[Finding] = []
        unknown: list[Finding] = []

        def look(some: Sequence[Guess], most: int) -> None:
            """Check guesses, the most similar to a face first, until `most` were nothing."""
            ways = self._examiner.all_ways([g for g in some if not _taken(g.quad, named)], cut)
            ways.sort(key=lambda cards: -cards[0].score)
            while most > 0:
                ways = [
                    cards
                    for cards in ways
                    if not _taken(cards[0].quad, named) and not _is_part(cards[0], unknown)
                ]
                now, ways = _apart(ways, min(most, usable_cores()))
                if not now:
                    return
                for finding in threads.map(partial(self._checked, cut), now):
                    if finding.verdict == "none":
                        unknown.append(finding)
                        most -= 1
                    elif not _taken(finding.quad, named):
                        named.append(finding)

        often = [guess for guess in guesses if guess.votes >= OFTEN]
        rest = [guess for guess in guesses if guess.votes < OFTEN]
        # OpenCV and NumPy let other threads run while they compute.
        with ThreadPoolExecutor(usable_cores(), thread_name_prefix="examine") as threads:
            for start in range(0, len(often), _ROUND):
                look(often[start : start + _ROUND], most=_ROUND)
            # Cards that lie together are about as large as each other.
            sizes = [area_of(finding.quad) for finding in named]
            if not self._examiner.by_scores:  # scores cannot tell a card from a chance outline
                strange = [finding.quad for finding in _strange(unknown, named)]
                free = [g for g in rest if all(covered(g.quad, q) <= _WITHIN for q in strange)]
                look([g for g in free if _is_as_large(g.quad, sizes)], most=_MOST_DOUBTFUL)
        unknown.sort(key=lambda finding: (-finding.card.votes, -finding.evidence.inliers))
        cards = [finding for finding in unknown if _is_card(finding)]
        return named, cards or [finding for finding in unknown if finding.card.votes > 1][:1]

    def _checked(self, cut: Cut, ways: Sequence[Card]) -> Finding:
        """Check a guess; with the corners that fit once more, where something speaks for a face."""
        finding = self._examiner.check_ways(ways)
        evidence = finding.evidence
        if finding.verdict != "none" or evidence.corners is None or evidence.points < _DOUBTFUL:
            return finding
        quad = moved(evidence.corners, finding.card.quad)
        [card] = self._examiner.cards([quad], [cut(quad)])
        again = self._examiner.check(replace(card, votes=finding.card.votes))
        return finding if again.verdict == "none" else again

    def _answers(self, findings: Sequence[Finding], cut: Cut, k: int) -> list[SeenCard]:
        """Search again for cards whose corners are known better now, and put the named face first.

        Parameters
        ----------
        cut
            Cuts a quad out of the photo.
        """
        shifted = [f for f in findings if overlap(f.quad, f.card.quad) < _MOVED]
        vectors = {id(f): f.card.vector for f in findings}
        if shifted:
            better = self._examiner.encode([cut(f.quad) for f in shifted])
            vectors |= {id(f): vector for f, vector in zip(shifted, better, strict=True)}
        answers = []
        for finding in findings:
            vector = vectors[id(finding)]
            with self._examiner.timed("search"):
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


def _cutter(photo: Pixels, height: int) -> Cut:
    """What cuts a quad out of a photo, upright, at a height in pixels."""
    width = round(height * CARD_WIDTH / CARD_HEIGHT)

    def cut(quad: Quad) -> Image.Image:
        from PIL import Image

        return Image.fromarray(rectify(photo, quad, width, height))

    return cut


def _is_card(finding: Finding) -> bool:
    """Whether something that no face is like is a card: by its outline, or by its frame as well.

    Where a frame fits, many points match, even if nobody knows which card it is.
    """
    votes = finding.card.votes
    framed = votes >= OFTEN and finding.evidence.inliers >= _LEAST_INLIERS
    return votes >= _VERY_OFTEN or framed


def _strange(unknown: Sequence[Finding], named: Sequence[Finding]) -> list[Finding]:
    """Those that are surely cards that no face is like: another look would not name them.

    What lies around named cards is none: the page of a binder.
    """
    return [
        finding
        for finding in unknown
        if finding.card.votes >= _VERY_OFTEN
        and finding.evidence.points < _DOUBTFUL
        and not _taken(finding.quad, named)
    ]


def _is_as_large(quad: Quad, sizes: Sequence[float]) -> bool:
    """Whether a quad is not much larger or smaller than every card that was named."""
    area = area_of(quad)
    return not sizes or any(area < _AS_LARGE * size < _AS_LARGE**2 * area for size in sizes)


def _taken(quad: Quad, named: Sequence[Finding | Card]) -> bool:
    """Whether a quad lies within a named card, around one, or much over one."""
    return any(
        covered(quad, card.quad) > _WITHIN
        or covered(card.quad, quad) > _WITHIN
        or overlap(quad, card.quad) > _BESIDE
        for card in named
    )


def _is_part(card: Card, unknown: Sequence[Finding]) -> bool:
    """Whether a card lies within one that nobody knows, and is less like any face than that is."""
    area = area_of(card.quad)
    return any(
        card.score < other.card.score
        and area < area_of(other.card.quad)
        and covered(card.quad, other.card.quad) > _WITHIN
        for other in unknown
    )


def _apart(ways: Sequence[list[Card]], most: int) -> tuple[list[list[Card]], list[list[Card]]]:
    """The first guesses, at most so many, that cannot be one card; and those that are left."""
    now: list[list[Card]] = []
    later: list[list[Card]] = []
    for cards in ways:
        free = len(now) < most and not _taken(cards[0].quad, [one[0] for one in now])
        (now if free else later).append(cards)
    return now, later


def _has_room(photo: Pixels, settled: Sequence[Finding]) -> bool:
    """Whether enough of a photo lies beside some cards to show another one of their size."""
    import cv2
    import numpy as np

    if not settled:
        return True
    scale = _MAP_SIDE / max(photo.shape[:2])
    free = np.full((round(photo.shape[0] * scale), round(photo.shape[1] * scale)), 255, np.uint8)
    for finding in settled:
        cv2.fillConvexPoly(free, np.round(finding.quad * scale).astype(np.int32), 0)
    # A third of a card's width, all round.
    radius = cv2.distanceTransform(
        cv2.copyMakeBorder(free, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3
    ).max()
    width = min(math.sqrt(area_of(finding.quad) * CARD_WIDTH / CARD_HEIGHT) for finding in settled)
    return bool(radius > _SHOWN / 2 * width * scale)
