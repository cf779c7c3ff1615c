"""A photo with the outlines and numbers of its cards, for a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from mtg_image_db.pages.page import embedded_data, small_jpeg
from mtg_image_db.recognise.photo import Photo

_LONGEST = 1000
"""Pixels of the photo's longer side: some 100 kB, and cards can still be told apart. By hand."""

STYLE = """\
.overview { display: block; width: 100%; max-width: 48rem; max-height: 85vh; height: auto;
  border-radius: .5rem; }
.overview polygon { fill: none; stroke: var(--mark); stroke-linejoin: round; }
.overview circle { fill: var(--mark); }
.overview text { fill: #fff; font-weight: 700; text-anchor: middle;
  dominant-baseline: central; }
.open { --mark: #b3400b; } .done { --mark: #2d7d46; } .out { --mark: #57606a; }
"""
"""CSS of the overview; a page needs it only once."""


@dataclass(frozen=True)
class Outline:
    """A card in the overview.

    Parameters
    ----------
    number
        Its number in the photo, from 1.
    quad
        Its corners in pixels of the whole photo.
    kind
        A class of `STYLE`: ``open``, ``done`` or ``out``.
    link
        Where a click on it leads, if anywhere.
    """

    number: int
    quad: Sequence[Sequence[float]]
    kind: str
    link: str = ""


def overview(photo: Photo, outlines: Iterable[Outline], description: str) -> str:
    """HTML for a photo with its cards outlined and numbered."""
    width, height = photo.size
    cards = "\n".join(_drawn(one, width) for one in outlines)
    data = embedded_data(small_jpeg(photo.picture, _LONGEST))
    return (
        f'<svg class="overview" viewBox="0 0 {width} {height}" '
        'preserveAspectRatio="xMinYMin" role="group" '
        f'aria-label="{escape(description)}">\n'
        f'<image href="{data}" width="{width}" height="{height}"/>\n{cards}\n</svg>\n'
    )


def _drawn(one: Outline, width: int) -> str:
    size = width / 26  # of the digits: legible where the photo is as wide as a phone
    x, y = (sum(along) / len(one.quad) for along in zip(*one.quad, strict=True))
    corners = " ".join(f"{x:.0f},{y:.0f}" for x, y in one.quad)
    radius = size * (0.6 + 0.25 * len(str(one.number)))
    drawn = (
        f'<polygon points="{corners}" stroke-width="{width / 200:.1f}"/>'
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}"/>'
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size:.0f}">{one.number}</text>'
    )
    if not one.link:
        return f'<g class="{one.kind}">{drawn}</g>'
    label = f'aria-label="card {one.number}"'
    return f'<a class="{one.kind}" href="{escape(one.link)}" {label}>{drawn}</a>'
