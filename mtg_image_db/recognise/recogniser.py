"""From a photo to named cards: the encoder proposes, local geometry decides.

Guesses where cards are (`finder`) are cut out and encoded, both ways up. The faces most similar to
a guess are its shortlist. Local features (`evidence`) say which of them it is, if any, and where
exactly its corners are. Guesses inside a named card, and parts of an unknown card, are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.recognise.arrangement import (
    DOUBTFUL,
    apart,
    has_room,
    is_as_large,
    is_card,
    is_part,
    is_taken,
    is_within,
    strangers,
)
from mtg_image_db.recognise.examiner import OFTEN, Card, Cut, Examiner, Finding
from mtg_image_db.recognise.finder import Guess, guess_cards
from mtg_image_db.recognise.gallery import Gallery, Hit
from mtg_image_db.recognise.homography import moved
from mtg_image_db.recognise.quads import area_of, frame_of, overlap, rectify
from mtg_image_db.recognise.scene import Scene
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.system.cores import usable_cores

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.encoders import Encoder
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.recognise.quads import Quad

LONG_SIDE = 1600
"""Longer side, in pixels: larger photos are shrunk to this. By hand."""
_LEAST_SIDE = 16
"""In a photo narrower than this, in pixels, no card can be found. By hand."""
_FILLS_SHARE = 0.6
"""If a confidently named card fills more than this share of a picture, the picture is that card,
and no other is searched. By hand."""
_GUESSES_A_ROUND = 4
"""Likely guesses that are encoded together, and how many misses end a round. By hand."""
_MOST_DOUBTFUL = 4
"""After so many misses among unlikely guesses (outlines in one or two maps), the search for
outlines ends. By hand."""
_SAME_OVERLAP = 0.5
"""Least intersection over union at which a card of the second look is an already named one. By
hand."""
_STILL_OVERLAP = 0.95
"""The card is encoded again if the intersection over union of its quad and its better corners is
below this. By hand."""
_MOST_VOTED = 12
"""Faces with the most votes, which the second look tries to place. The right one is among them for
all but two of 59 cards, even among 54,000 faces (docs/recognition.md)."""
_SAME_PICTURE_SCORE = 0.995
"""Least cosine at which a picture is the face's own image, however few local features it has. By
hand."""


@dataclass(frozen=True)
class RecognisedCard:
    """A card in a photo.

    Parameters
    ----------
    quad
        Its corners in pixels of the photo, clockwise from the card's top left, float32 [4, 2].
    hits
        Faces it could be; the answer comes first.
    verdict
        How sure the answer is.
    points
        The evidence for it (`Evidence.points`); 0 without local features.
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
        What turns a card into a vector, and the faces to compare it with.
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
        live: bool = False,
        as_built: Image.Image | None = None,
    ) -> list[RecognisedCard]:
        """Name the cards in an upright RGB picture; always at least one, possibly ``none``.

        Parameters
        ----------
        as_built
            The picture as a build decodes it, if it may be a scan. A scan that is in the database
            then gets exactly the stored vector.
        k
            How many distinct vectors to return for each card.
        find
            Look for cards; otherwise the whole picture is one upright card.
        live
            The picture is one of a camera's, and the next one comes soon: do not look for cards
            without an outline, and take the whole picture as a card only if no other is named.
        """
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
            # Rotate the picture, do not warp it: a scan must stay unchanged.
            turns = int(np.abs(frame - quad[:1]).sum(axis=1).argmin())
            if as_built and not turns:
                return as_built
            return picture.rotate(90 * (turns + 3 * (picture.width > picture.height)), expand=True)

        photo = np.asarray(picture)
        cutter = _cutter(photo, examiner.least_height())
        large = min(picture.size) >= _LEAST_SIDE
        found = self._search(photo, cutter, live=True) if live and large else []
        if all(finding.verdict == "none" for finding in found):
            [[whole, *_]] = examiner.all_ways([Guess(frame, 0)], cut)
            finding = examiner.check(whole)
            fills = area_of(finding.quad) > _FILLS_SHARE * picture.width * picture.height
            if not large:
                found, cutter = [replace(finding, verdict="none")], cut
            elif finding.verdict == "confident" and fills:
                found = [finding]
            else:
                found = found if live else self._search(photo, cutter)
                if instead := self._whole_instead(finding, whole, found):
                    found, cutter = [instead], cut
        answers = self._answers(found, cutter, k)
        return [replace(answer, quad=answer.quad / scale) for answer in answers]

    def _whole_instead(
        self, finding: Finding, whole: Card, found: Sequence[Finding]
    ) -> Finding | None:
        """The whole picture as one card, if that is a better answer than the cards in it."""
        if not found:
            return replace(finding, verdict="none")
        best = max(other.card.score for other in found)
        if self._examiner.by_scores and whole.score >= best:
            return finding
        unknown = all(other.verdict == "none" for other in found)
        if unknown and whole.score >= _SAME_PICTURE_SCORE:
            # A plain picture has too few features as evidence, but it is the same picture.
            return replace(finding, quad=whole.quad, row=whole.hits[0].row, verdict="likely")
        return None

    def _search(self, photo: Pixels, cut: Cut, *, live: bool = False) -> list[Finding]:
        """Find and name cards in a photo; unknown cards come last."""
        named, unknown = self._outlined(photo, cut)
        settled = named + strangers(unknown, named)
        worth_it = not live and self._gallery.can_vote and (len(named) != 1 or unknown)
        if worth_it and has_room(photo, settled):
            # The usual photo shows one card and nothing else like a card: no second look needed.
            named += self._voted(photo, cut, named)
        for finding in unknown:
            if not is_taken(finding.quad, named):
                named.append(finding)
        return named

    def _voted(self, photo: Pixels, cut: Cut, named: Sequence[Finding]) -> list[Finding]:
        """Find cards without an outline, by the features of the whole photo."""
        found: list[Finding] = []
        with self._examiner.timed("look again"):
            scene = Scene(photo, [finding.quad for finding in named])
            rows = self._gallery.vote(scene.descriptors, _MOST_VOTED)
        for row in rows:
            with self._examiner.timed("look again"):
                face = self._gallery.features([row])
                quad = None if face is None else scene.place(face)
            if quad is None or any(overlap(quad, f.quad) > _SAME_OVERLAP for f in [*named, *found]):
                continue
            [card] = self._examiner.cards([quad], [cut(quad)])
            score = self._gallery.score(card.vector, row)
            others = [hit for hit in card.hits if hit.row != row]
            card = replace(card, hits=(Hit(score, row, row), *others))
            finding = self._examiner.check(card)
            if finding.verdict != "none":
                found.append(finding)
        return found

    def _outlined(self, photo: Pixels, cut: Cut) -> tuple[list[Finding], list[Finding]]:
        """Find cards with an outline: the named ones, and the unknown ones."""
        from concurrent.futures import ThreadPoolExecutor

        with self._examiner.timed("find"):
            guesses = guess_cards(photo)
        named: list[Finding] = []
        unknown: list[Finding] = []

        def look(some: Sequence[Guess], most: int) -> None:
            """Check guesses, the most similar to a face first, until `most` were misses."""
            ways = self._examiner.all_ways([g for g in some if not is_taken(g.quad, named)], cut)
            ways.sort(key=lambda cards: -cards[0].score)
            while most > 0:
                ways = [
                    cards
                    for cards in ways
                    if not is_taken(cards[0].quad, named) and not is_part(cards[0], unknown)
                ]
                now, ways = apart(ways, min(most, usable_cores()))
                if not now:
                    return
                for finding in threads.map(partial(self._checked, cut), now):
                    if finding.verdict == "none":
                        unknown.append(finding)
                        most -= 1
                    elif not is_taken(finding.quad, named):
                        named.append(finding)

        often = [guess for guess in guesses if guess.votes >= OFTEN]
        rest = [guess for guess in guesses if guess.votes < OFTEN]
        # OpenCV and NumPy release the interpreter lock while they compute.
        with ThreadPoolExecutor(usable_cores(), thread_name_prefix="examine") as threads:
            for start in range(0, len(often), _GUESSES_A_ROUND):
                look(often[start : start + _GUESSES_A_ROUND], most=_GUESSES_A_ROUND)
            # Cards in one photo are about the same size.
            sizes = [area_of(finding.quad) for finding in named]
            if not self._examiner.by_scores:  # scores cannot tell a card from a chance outline
                strange = strangers(unknown, named)
                free = [g for g in rest if not is_within(g.quad, strange)]
                look([g for g in free if is_as_large(g.quad, sizes)], most=_MOST_DOUBTFUL)
        unknown.sort(key=lambda finding: (-finding.card.votes, -finding.evidence.inliers))
        cards = [finding for finding in unknown if is_card(finding)]
        return named, cards or [finding for finding in unknown if finding.card.votes > 1][:1]

    def _checked(self, cut: Cut, ways: Sequence[Card]) -> Finding:
        """Check a guess; if there is evidence for a face, check again with its better corners."""
        finding = self._examiner.check_ways(ways)
        evidence = finding.evidence
        if finding.verdict != "none" or evidence.corners is None or evidence.points < DOUBTFUL:
            return finding
        quad = moved(evidence.corners, finding.card.quad)
        [card] = self._examiner.cards([quad], [cut(quad)])
        again = self._examiner.check(replace(card, votes=finding.card.votes))
        return finding if again.verdict == "none" else again

    def _answers(self, findings: Sequence[Finding], cut: Cut, k: int) -> list[RecognisedCard]:
        """Search again for cards whose corners were corrected, and put the named face first.

        Parameters
        ----------
        cut
            Cuts a quad out of the photo.
        """
        shifted = [f for f in findings if overlap(f.quad, f.card.quad) < _STILL_OVERLAP]
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
                # Geometry names the artwork; the score is better at its printing.
                artwork = self._gallery.artwork(finding.row)
                first = [hit for hit in hits if self._gallery.artwork(hit.row) == artwork]
                if not first:
                    score = self._gallery.score(vector, finding.row)
                    first = [Hit(score, finding.row, finding.row)]
                hits = first + [hit for hit in hits if hit not in first]
            answers.append(
                RecognisedCard(finding.quad, tuple(hits), finding.verdict, finding.evidence.points)
            )
        return answers


def _cutter(photo: Pixels, height: int) -> Cut:
    """Make the function that cuts quads out of a photo, upright, at a height in pixels."""
    width = round(height * CARD_WIDTH / CARD_HEIGHT)

    def cut(quad: Quad) -> Image.Image:
        from PIL import Image

        return Image.fromarray(rectify(photo, quad, width, height))

    return cut
