"""Which of several scans a card looks like, and which regions of the card tell.

The card is registered with each scan, and both are cut into tiles. A tile speaks for a scan as far
as its brightness goes up and down as the scan's does. Tiles in which the scans do not differ speak
for none, and scans that differ in too little to be told apart on this card are called alike.

Brightness is compared within tiles only: light, shadow and casts change slowly. A tile under glare
fits no scan, so it says little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mtg_image_db.reading.registration import (
    HEIGHT,
    TILE,
    WIDTH,
    Matrix,
    Picture,
    Pixels,
    onto,
    register,
    rows_alike,
    share_found,
)

_MM = HEIGHT / 88.0
"""Pixels a millimetre, of a card of 63 x 88 mm."""

_ROWS, _COLUMNS = 25, 18
"""Tiles of a card. What is left out all around is 1.3 to 1.8 mm, where corners that are somewhat
off show the table."""

_BLUR = 0.6
"""Standard deviation of a sharp photo's blur, in pixels of the photo: lens and sensor. By hand."""

_NOISE = 3.0
"""Standard deviation of what is not the card in a tile, in grey levels of a scan. By hand."""

_REST = 0.02
"""Share of a tile's variation that no scan explains, however good the photo. By hand."""

_NATS = 2.0
"""What the evidence of a tile is multiplied by, so that probabilities are right. Fitted on
halves of the cards it was 1.8 and 5.6; near the lower one is careful."""

_DOUBT = 0.002
"""Likelihood that a scan keeps however little it fits: of the surest answers 1 in 500 was wrong."""

_DIFFERENT = 0.05
"""Difference from which on two scans differ in a tile (0: same, 1: unrelated). Less is how scanners
and compression differ. By hand."""

_TELLING = 1.2
"""Evidence, in natural logarithms, that a card must be able to give for one of two scans; else they
are alike. Printings that differ in their number only gave at most 0.4, other set symbols 1.4 and
more in 99 of 100 photos."""

_SHARE = 0.2
"""A region is named if it tells at least this share of what the clearest one tells. By hand."""

_SHOWN = 0.6
"""Share of a card's points that must be found on a scan that shows it. Where the art was covered it
was 0.77 and more on 76 of 80 photos, and on scans of other cards of the set at most 0.54
(docs/decisions.md)."""

_TEXT = (5.5, 57.0, 57.5, 79.5)
"""Left, top, right, bottom in millimetres of what lies within the text box, without its rim."""

_LEGIBLE = 300.0
"""Least height of a card in the photo, in pixels, for its text to tell it from others. By hand."""

_LINES = 5
"""Least rows of tiles with something in them that a text must have. By hand."""

_SAME_LINE = 0.5
"""Share of its tiles that must look alike in each row, which is about as high as a line of text. Of
102 photos of cards with the upper 40 or 60 % covered, or under another card, 92 had that. Of 292
other faces that were placed where the card lies, one row at least had 0.07 and less, even if they
have nearly the same text (docs/decisions.md)."""

_LINE = (2.0, 81.5, 19.0, 87.0)
"""Left, top, right, bottom in millimetres of the collector number's lines: they are read, not
compared, and a foil's star says nothing about the printing."""

_REGIONS = (
    ("stamp", (27.0, 78.0, 36.0, 84.0)),
    ("artist line", (3.0, 82.0, 60.0, 88.0)),
    ("border", (0.0, 0.0, 63.0, 3.0)),
    ("border", (0.0, 0.0, 3.0, 88.0)),
    ("border", (60.0, 0.0, 63.0, 88.0)),
    ("border", (0.0, 85.0, 63.0, 88.0)),
    ("set symbol", (51.0, 48.5, 60.0, 56.0)),
    ("title", (4.5, 3.0, 58.5, 10.0)),
    ("picture", (4.5, 10.0, 58.5, 49.0)),
    ("type line", (4.5, 49.0, 58.5, 56.0)),
    ("text box", (4.5, 56.0, 58.5, 82.0)),
    ("frame", (0.0, 0.0, 63.0, 88.0)),
)
"""Where regions stand on most cards: left, top, right, bottom in millimetres. The first that holds
a tile's centre names it."""

_TOP, _LEFT = (HEIGHT - _ROWS * TILE) // 2, (WIDTH - _COLUMNS * TILE) // 2


@dataclass(frozen=True)
class Likeness:
    """How like each of several scans a card is.

    Parameters
    ----------
    log_likelihoods
        For each scan, natural logarithm; 0 for the best. Alike scans have the same.
    regions
        Names of the regions that tell the best scans from the others; empty if none does.
    alike
        For each scan the number of its group: scans of a group cannot be told apart on this card.
    homography
        [3, 3]: maps the corners of the upright card, in its pixels as it was given, to where they
        are more exactly; None if no scan shows the card, and then all are alike.
    """

    log_likelihoods: tuple[float, ...]
    regions: tuple[str, ...]
    alike: tuple[int, ...]
    homography: Matrix | None


def compare(card: Pixels, scans: Sequence[Pixels], height: float) -> Likeness:
    """Compare a card with scans.

    Parameters
    ----------
    card
        The card cut out of a photo, upright, RGB [height, width, 3]. Its corners may be off by 1 %
        of the card.
    scans
        Scans of printings that it may be, RGB, of any size.
    height
        Height of the card in the photo, in pixels.
    """
    if not scans:
        return Likeness((), (), (), None)
    grey = _grey(card)
    blurred = [_blurred(_grey(scan), _BLUR * HEIGHT / height) for scan in scans]
    maps = register(grey, blurred)
    if not maps:
        return Likeness((0.0,) * len(scans), (), (0,) * len(scans), None)
    over = [onto(scan, matrix) for scan, matrix in zip(blurred, maps, strict=True)]
    fit, difference = _fits(np.stack([grey, *over]))
    evidence = _evidence(fit)
    alike = _groups(_telling(fit, difference))
    telling_tiles = difference.max((1, 2)) > _DIFFERENT
    scores = evidence[telling_tiles].sum(0)
    for group in set(alike):
        scores[alike == group] = scores[alike == group].mean()
    best = int(scores.argmax())
    doubted = np.log((np.exp(scores - scores[best]) + _DOUBT) / (1 + _DOUBT))
    return Likeness(
        log_likelihoods=tuple(float(score) for score in doubted),
        regions=_regions(evidence, scores, alike, telling_tiles),
        alike=tuple(int(group) for group in alike),
        homography=_in_pixels_of(card, maps[best]),
    )


def shows(card: Pixels, scan: Pixels, height: float) -> bool:
    """Whether a card is surely the one of a scan, also if a part of it is covered; see `compare`.

    Scans of a set have much in common, but not their texts.
    """
    blurred = _blurred(_grey(scan), _BLUR * HEIGHT / height)
    return share_found(_grey(card), blurred) >= _SHOWN


def shows_text(card: Pixels, scan: Pixels, height: float) -> bool:
    """Whether a card has each line of the text that a scan has, or nearly so; see `compare`.

    Many cards have words and frames in common, so at least half of each line has to be the same.
    Cards that differ in a word or two of a line are not told apart.
    """
    if height < _LEGIBLE:
        return False
    blurred = _blurred(_grey(scan), _BLUR * HEIGHT / height)
    left, top, right, bottom = (round(edge * _MM) for edge in _TEXT)
    rows = rows_alike(_grey(card), blurred, (left, top, right, bottom))
    return len(rows) >= _LINES and min(rows) >= _SAME_LINE


def _grey(pixels: Pixels) -> Picture:
    """Brightness, [HEIGHT, WIDTH], 0 to 255."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)


def _blurred(grey: Picture, deviation: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), deviation), dtype=np.float32)


def _in_pixels_of(card: Pixels, matrix: Matrix) -> Matrix:
    """The same homography between upright cards of the size of `card`."""
    size = np.diag([card.shape[1] / WIDTH, card.shape[0] / HEIGHT, 1.0])
    return np.asarray(size @ matrix @ np.linalg.inv(size), dtype=np.float64)


def _fits(pictures: Picture) -> tuple[Picture, Picture]:
    """How well each scan fits the card, and how far the scans differ, tile by tile.

    Parameters
    ----------
    pictures
        The card and n scans that lie on it, [1 + n, HEIGHT, WIDTH].

    Returns
    -------
    Correlation of the card with each scan, 0 to 1, [tiles, n]; and difference of each scan from
    each other, 0 to 2, [tiles, n, n]. A tile without contrast fits nothing and differs from none.
    """
    contrast = pictures.std((1, 2))
    scale = contrast[1:].mean() / np.maximum(contrast, 1e-3)
    tiles = _tiles(pictures * scale[:, None, None])
    left, top, right, bottom = (round(edge * _MM) for edge in _LINE)
    compared = np.ones((1, HEIGHT, WIDTH), np.float32)
    compared[:, top:bottom, left:right] = 0
    weights = _tiles(compared)
    tiles -= (tiles * weights).sum(-1, keepdims=True) / np.maximum(
        weights.sum(-1, keepdims=True), 1
    )
    tiles *= weights
    energy = (tiles * tiles).sum(-1, keepdims=True)
    tiles /= np.sqrt(energy + TILE * TILE * _NOISE**2)
    products = tiles @ tiles.transpose(0, 2, 1)
    among = products[:, 1:, 1:]
    own = np.sqrt(np.einsum("tii->ti", among))
    return np.clip(products[:, 0, 1:], 0, 1), own[:, :, None] * own[:, None, :] - among


def _tiles(pictures: Picture) -> Picture:
    """Cut pictures into [tiles, pictures, pixels of a tile], row by row."""
    count = len(pictures)
    inner = pictures[:, _TOP : _TOP + _ROWS * TILE, _LEFT : _LEFT + _COLUMNS * TILE]
    cut = inner.reshape(count, _ROWS, TILE, _COLUMNS, TILE).transpose(1, 3, 0, 2, 4)
    return np.asarray(cut.reshape(_ROWS * _COLUMNS, count, TILE * TILE))


def _evidence(fit: Picture) -> Picture:
    """Log-likelihood of a tile whose scan fits that well, brightness and contrast unknown."""
    return np.asarray(-_NATS / 2 * np.log(1 - fit * fit + _REST))


def _telling(fit: Picture, difference: Picture) -> Picture:
    """How much evidence the card can give for one scan against another, [n, n].

    As far as the best scan fits the card, so far would the true one; and what differs from that
    one would fit less.
    """
    best = fit.max(1)[:, None, None]
    apart = np.where(difference > _DIFFERENT, np.clip(difference, 0, 1), 0)
    return np.asarray((_evidence(best) - _evidence(best * (1 - apart))).sum(0))


def _groups(telling: Picture) -> NDArray[np.int64]:
    """Number the scans so that all of one number are alike, each with each."""
    alike = telling < _TELLING
    groups = np.full(len(telling), -1)
    for scan in range(len(telling)):
        for group in range(scan + 1):
            if alike[scan, groups == group].all():  # also where nobody has that number yet
                groups[scan] = group
                break
    return groups


def _regions(
    evidence: Picture, scores: Picture, alike: NDArray[np.int64], telling: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Names of the regions that tell the best group from the next, the clearest first."""
    best = int(scores.argmax())
    others = alike != alike[best]
    if not others.any():
        return ()
    second = int(np.where(others, scores, -np.inf).argmax())
    gained: dict[str, float] = {}
    for tile in np.flatnonzero(telling):
        name = _region(int(tile))
        gain = float(evidence[tile, best] - evidence[tile, second])
        gained[name] = gained.get(name, 0.0) + gain
    clearest = max(gained.values())
    named = (name for name in gained if gained[name] >= _SHARE * clearest)
    return tuple(sorted(named, key=gained.__getitem__, reverse=True)) if clearest > 0 else ()


def _region(tile: int) -> str:
    row, column = divmod(tile, _COLUMNS)
    x = (_LEFT + (column + 0.5) * TILE) / _MM
    y = (_TOP + (row + 0.5) * TILE) / _MM
    return next(
        name
        for name, (left, top, right, bottom) in _REGIONS
        if left <= x < right and top <= y < bottom
    )
