"""Geometric evidence: how well the local features of a card fit each face it could be.

The card is upright and nearly in place. So one of its points can only match a point of a scan that
is near the same place, of about the same size, and in about the same direction. The matches must
then fit one homography. Frames, symbols and common words match on hundreds of cards. Therefore only
points in the picture that match one artwork of the shortlist, and no other, count as evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.encoders.local_features import FaceFeatures, Features
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.recognise.homography import MOST_TURN, card_corners, fit_homography
from mtg_image_db.recognise.quads import frame_of

if TYPE_CHECKING:
    from mtg_image_db.recognise.gallery import Identity
    from mtg_image_db.recognise.quads import Quad

_SEARCH_RADIUS = 40.0
"""Largest distance of two matching points, in pixels of the upright card (240 x 336): the card is
in place up to the error of the detector. By hand."""
_NEAR_RADIUS = 12.0
"""Largest distance of two matching points once a first fit has moved them, in the same pixels. By
hand."""
_MOST_RESIZED = 0.8
"""Octaves by which the sizes of matching points may differ; in a whole photo it is 0.7 (`scene`).
By hand."""
_LEAST_COSINE = 0.8
"""Least cosine of the RootSIFT descriptors of matching points. By hand."""
_LEAST_MATCHES = 5
"""Least pairs of points for a homography: four pairs always fit. By hand."""
_MOST_SHIFT = 120.0
"""Largest error of the found corners, in pixels of the upright card: half its width. By hand."""
_TRIES = 300
"""Most samples that MAGSAC draws. By hand."""
_SAME_POINTS = 0.5
"""Two artworks of one card are one picture if they match so large a share of the card's points in
the art, as intersection over union. By hand: of two artworks by different hands it is near 0."""


@dataclass(frozen=True)
class Evidence:
    """How well a card fits one face.

    Parameters
    ----------
    points
        Points in this face's picture that match its artwork and no other of the shortlist.
    agreement
        The sum over all matching points of 1 / (number of artworks the point matches).
    inliers
        The number of matching points.
    corners
        Where the face's corners lie on the card, float32 [4, 2]; None if nothing fits.
    artwork
        The artwork that the points are evidence for.
    """

    points: int
    agreement: float
    inliers: int
    corners: Quad | None
    artwork: str = ""


def weigh(card: Features, faces: FaceFeatures, identities: Sequence[Identity]) -> list[Evidence]:
    """Compare an upright card with each face of a shortlist.

    Parameters
    ----------
    card
        The local features of the card.
    faces
        The local features of the faces.
    identities
        What each face is. Faces with the same artwork do not compete. Scryfall gives one picture
        two illustration ids now and then: artworks of one card that match the same points do not
        compete either.
    """
    matched = np.zeros((len(identities), len(card)), dtype=bool)
    corners: list[Quad | None] = []
    for face, (mine, theirs) in enumerate(_pairs(card, faces)):
        fit = _fit(card.points[mine, :2], faces.points[face, theirs, :2])
        corners.append(None if fit is None else fit[1])
        if fit is not None:
            matched[face, mine[fit[0]]] = True
    inside = matched & pictured(card.points, identities)
    names = np.array(_pictures(inside, identities))
    by_artwork = [matched[names == name].any(axis=0) for name in set(names)]
    shared = np.sum(by_artwork, axis=0, initial=0)
    share = 1 / np.maximum(shared, 1)
    return [
        Evidence(
            int((mine & (shared == 1)).sum()),
            float(share[mask].sum()),
            int(mask.sum()),
            where,
            str(name),
        )
        for mask, mine, where, name in zip(matched, inside, corners, names, strict=True)
    ]


def better_corners(card: Features, face: FaceFeatures, corners: Quad) -> Quad:
    """Where a face's corners lie on a card, found again with all points that match there.

    The first fit sees only points that lie about where they should. If the card was cut out askew,
    these are the points of one part of it.

    Parameters
    ----------
    face
        The local features of the face.
    corners
        Where the first fit puts them, float32 [4, 2].
    """
    frame = frame_of(CARD_WIDTH, CARD_HEIGHT)
    straight = cv2.getPerspectiveTransform(corners, frame)
    moved = cv2.perspectiveTransform(card.points[:, None, :2], straight)[:, 0]
    theirs = face.points[0]
    near = np.linalg.norm(moved[:, None] - theirs[None, :, :2], axis=2) < _NEAR_RADIUS
    similar = np.where(near, card.descriptors @ face.descriptors[0].T, 0)
    mine = np.flatnonzero(similar.max(axis=1) > _LEAST_COSINE)
    best = similar[mine].argmax(axis=1)
    mutual = similar.argmax(axis=0)[best] == mine
    fit = _fit(card.points[mine[mutual], :2], theirs[best[mutual], :2])
    return corners if fit is None else fit[1]


def pictured(points: NDArray[np.float32], identities: Sequence[Identity]) -> NDArray[np.bool_]:
    """Which points of an upright card lie in the picture of each face, bool [F, n]."""
    windows = np.array([one.window for one in identities], dtype=np.float32).reshape(-1, 4, 1)
    x, y = points[:, 0] / CARD_WIDTH, points[:, 1] / CARD_HEIGHT
    left, top, right, bottom = windows.transpose(1, 0, 2)
    return np.asarray((x > left) & (x < right) & (y > top) & (y < bottom))


def _pictures(matched: NDArray[np.bool_], identities: Sequence[Identity]) -> list[str]:
    """The artwork of each face; of two artworks with one picture, the first stands for both."""
    first: dict[str, str] = {}
    for face, one in enumerate(identities):
        for before, other in enumerate(identities[:face]):
            if other.artwork != one.artwork and other.card == one.card != "":
                either = (matched[face] | matched[before]).sum()
                both = (matched[face] & matched[before]).sum()
                if both > _SAME_POINTS * either:
                    first.setdefault(one.artwork, first.get(other.artwork, other.artwork))
    return [first.get(one.artwork, one.artwork) for one in identities]


_NO_PAIRS = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def _pairs(
    card: Features, faces: FaceFeatures
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each face, the pairs of points of card and face that are each other's most similar.

    Only points that could be the same count: near each other, with similar size and direction.
    """
    count, size = faces.descriptors.shape[:2]
    there, descriptors = faces.points.reshape(-1, 4), faces.descriptors.reshape(count * size, -1)
    # Only rows of the card that are near each other are compared: a third of all pairs.
    here_row, there_row = (points[:, 1] // _SEARCH_RADIUS for points in (card.points, there))
    some: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    for row in np.unique(here_row):
        mine = np.flatnonzero(here_row == row)
        theirs = np.flatnonzero(np.abs(there_row - row) <= 1)
        similar = card.descriptors[mine] @ descriptors[theirs].T
        # `nonzero` of an array with two axes takes six times as long.
        one, other = np.divmod(np.flatnonzero(similar > _LEAST_COSINE), len(theirs))
        some.append((mine[one], theirs[other], similar[one, other]))
    mine, theirs, similar = map(np.concatenate, zip(*some, strict=True)) if some else _NO_PAIRS
    a, b = card.points[mine], there[theirs]
    possible = (
        ((a[:, 0] - b[:, 0]) ** 2 + (a[:, 1] - b[:, 1]) ** 2 < _SEARCH_RADIUS**2)
        & (np.abs((a[:, 3] - b[:, 3] + 180) % 360 - 180) < MOST_TURN)
        & (np.abs(np.log2(a[:, 2] / b[:, 2])) < _MOST_RESIZED)
    )
    mine, theirs = mine[possible], theirs[possible]
    # The best pair of each point of the card; then, among these, of each point of the face.
    order = np.argsort(-similar[possible], kind="stable")
    mine, theirs = mine[order], theirs[order]
    face = theirs // size
    _, first = np.unique(mine * count + face, return_index=True)
    _, back = np.unique(theirs, return_index=True)
    mutual = np.intersect1d(first, back)
    mine, theirs, face = mine[mutual], theirs[mutual] % size, face[mutual]
    for number in range(count):
        yield mine[face == number], theirs[face == number]


def _fit(
    here: NDArray[np.float32], there: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], Quad] | None:
    """Fit a homography: return which pairs of points [n, 2] fit it, and the face's corners."""
    if len(here) < _LEAST_MATCHES or (fit := fit_homography(there, here, _TRIES)) is None:
        return None
    matrix, obeys = fit
    corners = card_corners(matrix)
    if corners is None or np.abs(corners - frame_of(CARD_WIDTH, CARD_HEIGHT)).max() > _MOST_SHIFT:
        return None
    return obeys, corners
