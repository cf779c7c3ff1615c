"""Where the picture is on a card: the window in its frame.

Measured on images of Scryfall, in shares of the card's width and height. What lies outside is the
frame, the rules text and the type line, which look alike on hundreds of cards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mtg_image_db.scryfall.faces import CardFace


class Window(NamedTuple):
    """A part of an upright card, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


_USUAL = Window(0.085, 0.115, 0.915, 0.545)
_OLD_FRAMES = Window(0.12, 0.115, 0.88, 0.535)
_TO_THE_EDGE = Window(0.03, 0.115, 0.97, 0.545)
_UNKNOWN = Window(0.0, 0.12, 1.0, 0.58)
"""Where most cards have their picture, across the whole width."""
_BY_LAYOUT = {
    "saga": Window(0.5, 0.16, 0.92, 0.8),
    "split": Window(0.13, 0.05, 0.53, 0.91),
    "class": Window(0.08, 0.12, 0.5, 0.82),
    "token": Window(0.085, 0.115, 0.915, 0.66),
    "double_faced_token": Window(0.085, 0.115, 0.915, 0.66),
    "emblem": Window(0.085, 0.115, 0.915, 0.66),
    "art_series": Window(0.03, 0.03, 0.97, 0.97),
}
_AS_USUAL = {"normal", "transform", "modal_dfc", "adventure", "meld", "mutate", "prototype", "host"}
"""Layouts that have the picture in its usual place."""


def art_window(face: CardFace) -> Window:
    """The window in which a face shows its picture; a wide one if the layout is a rare one."""
    if face.layout not in _AS_USUAL:
        return _BY_LAYOUT.get(face.layout, _UNKNOWN)
    if face.frame in ("1993", "1997"):
        return _OLD_FRAMES
    return _TO_THE_EDGE if face.full_art or face.border_color == "borderless" else _USUAL
