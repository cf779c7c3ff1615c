"""From a photo to named cards, one stage after the other, the same for one card and for a page.

Detect (`detector`): where the cards are, and which side of each is up. Cut each out, upright.
Encode all of them in one batch; the faces most similar to a card are its shortlist. Local geometry
(`evidence`) says which of them it is, if any, and where exactly its corners are. A card that is
still unknown may be found by its features, wherever in its quad these lie (`scene`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtg_image_db.recognise.arrangement import (
    distinct,
    in_reading_order,
    is_weaker,
    joined_halves,
    with_outlines,
)
from mtg_image_db.recognise.cuts import Cuts
from mtg_image_db.recognise.detector import SURE, card_detector, plausible
from mtg_image_db.recognise.examiner import NO_EVIDENCE, SHORTLIST, Card, Examiner, Finding
from mtg_image_db.recognise.gallery import Gallery, Hit
from mtg_image_db.recognise.homography import moved
from mtg_image_db.recognise.outline import outlines_on_ground
from mtg_image_db.recognise.quads import overlap, side_lengths, turned
from mtg_image_db.recognise.scene import LEAST_MATCHES, Placement, Scene
from mtg_image_db.recognise.verdict import Verdict
from mtg_image_db.system.cores import in_order

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.encoders import Encoder
    from mtg_image_db.recognise.quads import Quad

_DOUBTFUL = 6
"""Least points of evidence for a second try: a card without a name that has so many is cut out
again with better corners. One wrong answer in twelve has so many (docs/recognition.md)."""
_SAME_OVERLAP = 0.5
"""Least intersection over union at which two quads are those of one card. By hand."""
_SAME_QUAD = 0.85
"""Least intersection over union of an outline and a quad that was detected, so that it says nothing
new. By hand: as exact as most quads of single cards are."""
_MOST_VOTED = 12
"""Faces with the most votes, which the second look tries to place. The right one is among them for
all but two of 59 cards, even among 54,000 faces (docs/recognition.md)."""
_RESEMBLES = 0.36
"""Least cosine of a picture that the second look places to the face that it is placed as. In 401
photos and 330 made-up ones, 130 right placements have 0.44 and more, and the only wrong one 0.28.
Other encoders than the package's were not tried."""
_LEAST_OF_TEXT = 12
"""Least points of a placed face, in its frame and its text, for a look at its text. Of 30 cards
with their upper 60 % covered, the right faces that were placed well had 12 and more."""
_MOST_TEXTS = 2
"""Cards whose text is looked for, those with the most such points. If another one that was placed
has the same text there, neither is the answer. By hand."""
_FIRST = 5
"""So many of the most similar faces say whether a card may be a split one. By hand."""
_SAME_PICTURE_SCORE = 0.995
"""Least cosine at which a picture is the face's own image, however few local features it has. By
hand."""


@dataclass(frozen=True)
class RecognisedCard:
    """A card in a photo.

    Parameters
    ----------
    quad
        Its corners in pixels of the photo, from the card's own top left over its top right: float32
        [4, 2]. Clockwise, but in a mirrored photo.
    hits
        Faces it could be; the answer comes first.
    verdict
        How sure the answer is.
    points
        The evidence for it (`Evidence.points`); 0 without local features.
    vector
        What the encoder says of it, float32 [D].
    detected
        Whether there is a card. If not, nothing was found, and the answer is about the whole
        picture.
    by_text
        Whether its text alone says what it is. Nobody has seen its artwork then.
    """

    quad: Quad
    hits: tuple[Hit, ...]
    verdict: Verdict
    points: int
    vector: NDArray[np.float32]
    detected: bool
    by_text: bool = False


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

        Returns
        -------
        The cards in reading order: row by row as they lie, each row from the left.

        Parameters
        ----------
        k
            How many distinct vectors to return for each card.
        find
            Look for cards; otherwise the whole picture is one upright card, or one on its side if
            it is wider than high.
        live
            The picture is one of a camera's, and the next one comes soon: do not take a second look
            at what is unknown.
        as_built
            The picture as a build decodes it, if it may be a scan. A scan that is in the database
            then gets exactly the stored vector.
        """
        cuts = Cuts(picture, as_built, self._examiner.least_height())
        with self._examiner.timed("detect"):
            detected = card_detector().detect(cuts.photo) if find else []
        quads = [one.quad for one in detected]
        # The whole picture may be the card: a scan, or a photo that shows hardly more.
        # On its side, a card may have its top at the left or at the right.
        ways = cuts.ways()
        if not find:
            ways = ways if cuts.is_wide else ways[:1]
        elif quads and not cuts.is_card_shaped:
            ways = []
        most = max(k, SHORTLIST)
        cards = self._cards(cuts, [*ways, *quads], most)
        if ways:
            cards = [max(cards[: len(ways)], key=lambda card: card.score), *cards[len(ways) :]]
        # OpenCV and NumPy release the interpreter lock while they compute.
        findings = [one for _, one in in_order(partial(self._checked, cuts), cards, len(cards))]
        if ways and quads:
            whole = findings.pop(0)
            stronger = whole.verdict != "none" and all(is_weaker(one, whole) for one in findings)
            if cuts.is_filled_by(whole.quad) and (whole.verdict == "confident" or stronger):
                findings = [whole]
        looks_again = find and not live and self._gallery.can_vote
        # A second look finds a split card by the features of either half.
        if not looks_again:
            findings += self._split_cards(cuts, findings, most)
        findings = distinct(findings)
        if find and any(finding.verdict == "none" for finding in findings):
            outlined = self._outlined(cuts, findings, most)
            findings = with_outlines(findings if quads else [], outlined) or findings
            quads = quads or [one.quad for one in outlined]
        if looks_again:
            # If no card was surely seen, the photo may show some that the network does not see.
            sure = any(one.probability >= SURE for one in detected)
            findings = self._looked_again(cuts, findings, most, whole=not sure)
        likely = plausible(detected)
        unlikely = [one.quad for one in detected if all(one is not other for other in likely)]
        # If local features name it, it is a card all the same.
        findings = [
            one
            for one in findings
            if one.verdict != "none" or all(one.card.quad is not quad for quad in unlikely)
        ]
        if not quads and any(one.verdict != "none" for one in findings):
            # The whole picture stood for a card that is found now.
            findings = [one for one in findings if one.verdict != "none"]
        order = in_reading_order([finding.quad for finding in findings])
        return [
            self._answer(findings[place], k, detected=bool(quads) or not find) for place in order
        ]

    def _cards(self, cuts: Cuts, quads: Sequence[Quad], most: int) -> list[Card]:
        """Cut out and encode cards, all at once."""
        with self._examiner.timed("cut out"):
            pictures = [picture for _, picture in in_order(cuts.cut, quads, len(quads))]
        return self._examiner.cards(quads, pictures, most)

    def _checked(self, cuts: Cuts, card: Card) -> Finding:
        """Check a card; if there is evidence for a face, check again with its better corners."""
        finding = self._examiner.check(card)
        evidence = finding.evidence
        if (
            finding.verdict == "none"
            and card.score >= _SAME_PICTURE_SCORE
            and cuts.is_scan(card.quad)
        ):
            # A plain picture has too few features as evidence, but it is the same picture.
            return replace(finding, row=card.hits[0].row, verdict="likely")
        if finding.verdict != "none" or evidence.corners is None or evidence.points < _DOUBTFUL:
            return finding
        quad = moved(evidence.corners, card.quad)
        again = self._examiner.check(replace(card, quad=quad, picture=cuts.cut(quad)))
        return finding if again.verdict == "none" else again

    def _split_cards(self, cuts: Cuts, findings: Sequence[Finding], most: int) -> list[Finding]:
        """The split cards of which two quads are the halves."""
        cards = self._cards(cuts, joined_halves(findings), most)
        found = [self._checked(cuts, card) for card in cards if self._is_split(card)]
        # If its halves were paired twice, the second finding is no card of its own.
        return [
            replace(one, card=replace(one.card, quad=one.quad))
            for one in found
            if one.verdict != "none"
        ]

    def _outlined(self, cuts: Cuts, findings: Sequence[Finding], most: int) -> list[Finding]:
        """The cards that lie apart on a plain ground; those that have a name stay as they are."""
        with self._examiner.timed("detect"):
            outlines = outlines_on_ground(cuts.photo)
        known, ways = [], []
        for quad in outlines:
            same = [one for one in findings if overlap(quad, one.quad) >= _SAME_QUAD]
            known += [one for one in same if one.verdict != "none"]
            # It may be upside down.
            ways += [] if same else [quad, turned(quad)]
        cards = iter(self._cards(cuts, ways, most))
        upright = [
            max(pair, key=lambda card: card.score) for pair in zip(cards, cards, strict=True)
        ]
        return [*known, *(self._checked(cuts, card) for card in upright)]

    def _is_split(self, card: Card) -> bool:
        """Whether a card resembles split cards. It saves the geometry of neighbours on a page."""
        return any(self._gallery.identity(hit.row).split for hit in card.hits[:_FIRST])

    def _looked_again(
        self, cuts: Cuts, findings: list[Finding], most: int, *, whole: bool
    ) -> list[Finding]:
        """Name unknown cards by their local features, wherever in their quads these lie.

        Parameters
        ----------
        whole
            If one is still unknown after that, look for cards in the whole photo.
        """
        named = [one for one in findings if one.verdict != "none"]
        unknown = [one for one in findings if one.verdict == "none"]
        found: list[Finding] = []

        def sought(finding: Finding) -> list[Finding]:
            if finding.features is None:
                return []
            with self._examiner.timed("look again"):
                scene = Scene.of_card(finding.features, finding.card.quad)
            return list(islice(self._placed(cuts, scene, named, most, texts=True), 1))

        def keep(some: Iterable[Finding]) -> None:
            found.extend(one for one in some if not _lies_on(one.quad, [*named, *found]))

        some = [one for _, part in in_order(sought, unknown, len(unknown)) for one in part]
        # What a picture says is surer than what a text says.
        keep(sorted(some, key=lambda one: one.by_text))
        left = [one for one in unknown if not _lies_on(one.quad, found)]
        if whole and left:
            with self._examiner.timed("look again"):
                scene = Scene.of_photo(cuts.photo)
            keep(self._placed(cuts, scene, [*named, *found], most))
            left = [one for one in left if not _lies_on(one.quad, found)]
        return distinct([*named, *found, *left]) if found else findings

    def _placed(
        self,
        cuts: Cuts,
        scene: Scene,
        named: Sequence[Finding],
        most: int,
        *,
        texts: bool = False,
    ) -> Iterator[Finding]:
        """The faces that features vote for, where they lie in the photo, as far as they are right.

        Parameters
        ----------
        named
            Where one of these cards lies, no other does.
        texts
            At last, look for a face whose text is to be seen, though its picture is not.
        """
        by_text: list[tuple[int, Placement]] = []
        with self._examiner.timed("look again"):
            rows = self._gallery.vote(scene.voters, _MOST_VOTED)
        for row in rows:
            with self._examiner.timed("look again"):
                face = self._gallery.features([row])
                placed = None if face is None else scene.place(face, self._gallery.identity(row))
            if placed is None or _lies_on(placed.quad, named):
                continue
            # Frames and common words have the same place on hundreds of cards.
            if placed.pictured < LEAST_MATCHES:
                by_text.append((row, placed))
                continue
            card = self._as_placed(cuts, row, placed.quad, most)
            if card.score < _RESEMBLES:
                continue
            finding = self._examiner.check(card)
            if finding.verdict != "none":
                yield finding
        if texts and (best := self._by_text(cuts, by_text)):
            row, quad = best
            card = self._as_placed(cuts, row, quad, most)
            yield Finding(quad, row, "likely", NO_EVIDENCE, card, by_text=True)

    def _by_text(
        self, cuts: Cuts, placed: Sequence[tuple[int, Placement]]
    ) -> tuple[int, Quad] | None:
        """The only card among placed faces whose text is to be seen, and where it lies."""
        best: dict[str, tuple[int, Placement]] = {}
        for row, one in sorted(placed, key=lambda pair: -pair[1].matches):
            identity = self._gallery.identity(row)
            best.setdefault(identity.card or identity.artwork, (row, one))
        with self._examiner.timed("look again"):
            for name, (row, one) in islice(best.items(), _MOST_TEXTS):
                if one.matches < _LEAST_OF_TEXT:
                    break
                picture = np.asarray(cuts.cut(one.quad))
                height = float(side_lengths(one.quad)[[1, 3]].mean())
                if self._gallery.shows_text(row, picture, height):
                    # Where this one lies, no other may have the same text.
                    others = [other for key, (other, _) in best.items() if key != name]
                    alike = any(
                        self._gallery.shows_text(other, picture, height) for other in others
                    )
                    return None if alike else (row, one.quad)
        return None

    def _as_placed(self, cuts: Cuts, row: int, quad: Quad, most: int) -> Card:
        """The card in a quad, with the face that was placed there as its first hit."""
        [card] = self._examiner.cards([quad], [cuts.cut(quad)], most)
        others = [hit for hit in card.hits if hit.row != row]
        return replace(card, hits=(Hit(self._gallery.score(card.vector, row), row, row), *others))

    def _answer(self, finding: Finding, k: int, *, detected: bool) -> RecognisedCard:
        """The answer for a card: the named face first, then the most similar ones."""
        hits = list(finding.card.hits)
        if finding.verdict != "none":
            # Geometry names the artwork; the score is better at its printing.
            artwork = self._gallery.identity(finding.row).artwork
            first = [hit for hit in hits if self._gallery.identity(hit.row).artwork == artwork]
            if not first:
                score = self._gallery.score(finding.card.vector, finding.row)
                first = [Hit(score, finding.row, finding.row)]
            hits = first + [hit for hit in hits if hit not in first]
        images = list(dict.fromkeys(hit.image for hit in hits))[:k]
        return RecognisedCard(
            finding.quad,
            tuple(hit for hit in hits if hit.image in images),
            finding.verdict,
            finding.evidence.points,
            finding.card.vector,
            detected or finding.verdict != "none",
            finding.by_text,
        )


def _lies_on(quad: Quad, cards: Sequence[Finding]) -> bool:
    """Whether a quad is that of one of the cards."""
    return any(overlap(quad, one.quad) > _SAME_OVERLAP for one in cards)
