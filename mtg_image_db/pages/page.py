"""HTML pages without scripts, for phones and desktops, light and dark."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from mtg_image_db.net.hosts import AllowedHosts

if TYPE_CHECKING:
    from PIL import Image

_SCRYFALL = AllowedHosts(api_url="")
_STYLE = """\
:root { color-scheme: light dark; background: Canvas; color: CanvasText; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 76rem; margin: 0 auto;
  padding: 1rem 1rem 4rem; -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .25rem 0 .75rem; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; border-radius: .5rem;
  box-shadow: 0 0 0 1px #8886; }
"""


def page(title: str, style: str, body: str) -> bytes:
    """An HTML page; its title is also its heading.

    Parameters
    ----------
    style
        CSS in addition to that of all pages.
    body
        HTML; everything that does not come from this program must be escaped.
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
    # File names may contain bytes that are not text.
    return text.encode("utf-8", "replace")


def embedded(jpeg: bytes, description: str = "") -> str:
    """HTML for a picture inside the page itself."""
    return f'<img src="{embedded_data(jpeg)}" alt="{escape(description)}">'


def embedded_data(jpeg: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def link(url: str, text: str) -> str:
    """A text that links to a Scryfall URL; for any other URL, the text without a link."""
    shown = escape(text)
    return shown if _SCRYFALL.refusal(url) else f'<a href="{escape(url)}">{shown}</a>'


def small_jpeg(picture: Image.Image, longest: int = 336) -> bytes:
    """A JPEG as small as pages show cards: its sides have at most `longest` pixels."""
    small = picture.convert("RGB")
    small.thumbnail((longest, longest))
    return jpeg(small)


def jpeg(picture: Image.Image, quality: int = 80) -> bytes:
    """A picture as the bytes of a JPEG file.

    It is made in memory: Pillow writes JPEGs past Python's files and does not report a full disk.
    """
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()
