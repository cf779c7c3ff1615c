"""Pages to look at: HTML without a script, for phones and desktops, light and dark."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 76rem; margin: 0 auto;
  padding: 1rem 1rem 4rem; -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0 .75rem; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; border-radius: .5rem;
  box-shadow: 0 0 0 1px #8886; }
"""


def page(title: str, style: str, body: str) -> bytes:
    """A page of HTML; its title is its heading as well.

    Parameters
    ----------
    style
        CSS, besides what all pages have.
    body
        HTML, in which everything that is not of our own making is escaped.
    """
    text = f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{_STYLE}{style}</style>
<h1>{escape(title)}</h1>
{body}"""
    # Names of files may hold bytes that are no text.
    return text.encode("utf-8", "replace")


def embedded(jpeg: bytes, description: str = "") -> str:
    """A picture inside the page itself."""
    data = base64.b64encode(jpeg).decode()
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(description)}">'


def small_jpeg(picture: Image.Image, longest: int = 336) -> bytes:
    """A picture as small as a page shows cards, its sides at most `longest` pixels."""
    small = picture.convert("RGB")
    small.thumbnail((longest, longest))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80)
    return stream.getvalue()
