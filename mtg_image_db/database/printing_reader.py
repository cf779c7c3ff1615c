"""Read the cards of a photo: their printings, by their lines and by the images in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mtg_image_db.errors import ImageError
from mtg_image_db.reading.identify import Seen, identify, read_surely
from mtg_image_db.reading.likeness import compare, shows
from mtg_image_db.reading.printed import LAYOUTS_ACROSS, printed
from mtg_image_db.reading.reader import line_reader
from mtg_image_db.reading.strip import (
    ACROSS,
    COPYRIGHT,
    LINES,
    LINES_BESIDE,
    Place,
    cut_strip,
    where,
)
from mtg_image_db.recognise.edges import at_edges
from mtg_image_db.recognise.quads import frame_of, rectify, side_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtg_image_db.database.answers import Match
    from mtg_image_db.database.stored import StoredGallery
    from mtg_image_db.pictures.opening import Pixels
    from mtg_image_db.reading.answer import Corners, PrintingAnswer
    from mtg_image_db.reading.likeness import Likeness
    from mtg_image_db.reading.reader import Lines
    from mtg_image_db.recognise.photo import Photo
    from mtg_image_db.recognise.quads import Quad
    from mtg_image_db.scryfall.printing import Printing

_SHARP_ENOUGH = 450
"""Height of a card, in pixels of the decoded photo: if it is less, and the photo was decoded at a
reduced size, the photo is decoded again in full. Numbers are hardly read below some 400. By
hand."""
_LEGIBLE = 300
"""Least height of a card, in pixels of the photo, at which better corners are looked for, to read
its line. By hand: hardly a line of smaller cards is read surely."""
_WIDTH, _HEIGHT = 488, 680
"""Size at which a card is compared with images, in pixels: that of Scryfall's."""
_AS_SIMILAR = 0.01
"""Cosine: a picture with two illustration ids has nearly the same score under both (Y'shtola,
Night's Blessed, FIC 7 and 226: 0.0002 apart). By hand."""
_MOST_IMAGES = 8
"""Most images that a card is compared with: those of the most probable printings. Each takes some
12 ms. By hand."""


class PrintingReader:
    """Reads the cards of one photo. Threads may share it.

    Parameters
    ----------
    named
        The corners of the named cards, in pixels of the whole photo, float32 [4, 2]. If one is
        small in the decoded photo, the photo is decoded again in full.
    """

    def __init__(self, photo: Photo, gallery: StoredGallery, named: Sequence[Quad]) -> None:
        self._gallery = gallery
        small = any(_height_of(quad) < _SHARP_ENOUGH * photo.scale for quad in named)
        if small and photo.scale > 1:
            with suppress(ImageError):  # the file has changed since
                photo = photo.in_full()
        self._pixels: Pixels = np.asarray(photo.picture)
        self._scale = photo.scale

    def named(
        self, quad: Corners, candidates: Sequence[Printing], *, certain: bool
    ) -> PrintingAnswer:
        """Which of its possible printings a card is, whose artwork is certain or not."""
        corners = self._decoded(quad)
        seen = self._seen(corners, candidates)
        read = identify(seen, candidates, certain=certain)
        left = [one.printing for one in read.candidates]
        # To compare images takes longer than to read, and what was read is surer.
        if len(left) < 2 or read.verdict == "unknown":
            return read
        likeness, known = self._likeness(corners, left)
        if likeness is None:
            return read
        if likeness.homography is not None:
            seen = self._seen(_moved(corners, likeness.homography), candidates)
        told = dict(zip(known, likeness.log_likelihoods, strict=True))
        seen = replace(seen, likeness=told, regions=likeness.regions)
        return identify(seen, candidates, certain=certain)

    def by_line(self, quad: Corners) -> tuple[int, Corners] | None:
        """The row of a card whose artwork says nothing, and its corners, by its line.

        Set and number must be read surely, and the card must show what the image of that printing
        shows, as far as it is not covered. None if that is not so.
        """
        if self._gallery.cache is None:
            return None
        corners = self._decoded(quad)
        for better in (False, True):
            if better and _height_of(corners) < _LEGIBLE:
                break
            corners = at_edges(self._pixels, corners) if better else corners
            said = read_surely(self._read(corners, LINES))
            for row in self._gallery.rows_that_say(*said) if said else ():
                scan = self._gallery.image(self._gallery.face(row).face_id)
                if scan is not None and shows(self._upright(corners), scan, _height_of(corners)):
                    return row, self._in_photo(corners)
        return None

    def _seen(self, corners: Quad, candidates: Sequence[Printing]) -> Seen:
        """What is read at the places where these candidates have their lines."""
        places = [LINES]
        if any(one.layout in LAYOUTS_ACROSS for one in candidates):
            places.append(ACROSS)
        modern = {printed(one).modern for one in candidates}
        read = [self._read(corners, place) for place in places]
        if True in modern and not any(any(lines.text) for lines in read):
            read += [self._read(corners, place) for place in LINES_BESIDE]
            places += LINES_BESIDE
        # The place where most is read; the first, if there is no difference.
        most = [(read_surely(lines) is not None, all(lines.text)) for lines in read]
        chosen = most.index(max(most))
        return Seen(
            lines=read[chosen],
            copyright=self._read(corners, COPYRIGHT) if False in modern else None,
            strip=self._strip(corners, places[chosen]),
        )

    def _decoded(self, quad: Corners) -> Quad:
        """Corners in pixels of the decoded photo."""
        return np.asarray(np.array(quad) / self._scale, dtype=np.float32)

    def _in_photo(self, corners: Quad) -> Corners:
        """Corners in pixels of the whole photo."""
        return tuple((float(x) * self._scale, float(y) * self._scale) for x, y in corners)

    def _read(self, corners: Quad, place: Place) -> Lines:
        [lines] = line_reader().read([cut_strip(self._pixels, where(corners, place), place)])
        return lines

    def _strip(self, corners: Quad, place: Place) -> Corners:
        return self._in_photo(where(corners, place))

    def _likeness(
        self, corners: Quad, candidates: Sequence[Printing]
    ) -> tuple[Likeness | None, list[str]]:
        """How much the card resembles the images of candidates, and the ids of those."""
        known, scans = [], []
        for one in candidates[:_MOST_IMAGES]:
            scan = self._gallery.image(one.face_id)
            if scan is not None:
                known.append(one.scryfall_id)
                scans.append(scan)
        if len(scans) < 2:
            return None, []
        return compare(self._upright(corners), scans, _height_of(corners)), known

    def _upright(self, corners: Quad) -> Pixels:
        """The card, as it is compared with images."""
        return rectify(self._pixels, corners, _WIDTH, _HEIGHT)


def _height_of(corners: Quad) -> float:
    """The height of a card, in pixels."""
    return float(side_lengths(corners)[[1, 3]].mean())


def _moved(corners: Quad, homography: NDArray[np.float64]) -> Quad:
    """Corners in the photo, corrected by a homography between upright cards of _WIDTH, _HEIGHT."""
    frame = frame_of(_WIDTH, _HEIGHT)
    matrix = cv2.getPerspectiveTransform(frame, corners) @ homography
    return np.asarray(cv2.perspectiveTransform(frame[:, None], matrix)[:, 0], dtype=np.float32)


def candidates_of(matches: Sequence[Match]) -> list[Printing]:
    """All printings that a card may be whose artwork is the first match's.

    Scryfall gives one picture two illustration ids now and then: artworks of the same card that are
    as similar count as one.
    """
    best = matches[0]
    alike: list[Match] = []
    for match in matches:
        twin = (
            match.face.oracle_id == best.face.oracle_id != ""
            and abs(match.score - best.score) < _AS_SIMILAR
        )
        own = match.face.illustration_id == best.face.illustration_id
        if twin or own or match.image == best.image:
            alike.append(match)
    return printings_of(alike)


def printings_of(matches: Sequence[Match]) -> list[Printing]:
    """All printings of the artworks of matches.

    Only printings on paper, if there are any. Of a printing in several languages, the English one
    stands for all: they say the same but for the language.
    """
    pool: dict[str, Printing] = {}
    for match in matches:
        for one in (match.face.printing, *match.printings):
            if one.label not in pool or (one.lang == "en" and pool[one.label].lang != "en"):
                pool[one.label] = one
    return [one for one in pool.values() if not one.digital] or list(pool.values())
