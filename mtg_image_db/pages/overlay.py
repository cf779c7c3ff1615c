"""Draw the found cards on a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from mtg_image_db.database.answers import Recognition
    from mtg_image_db.recognise.verdict import Verdict

VERDICT_COLOURS: dict[Verdict, str] = {
    "confident": "#2d7d46",
    "likely": "#946700",
    "none": "#b3362b",
}


_LONG_SIDE = 1600
"""Longer side of the drawing, in pixels: larger photos are shrunk to this. By hand."""


def find_report(recognition: Recognition) -> Image.Image:
    """Draw the outline, name and verdict of each card.

    If there are several, they have the numbers of the answers. A dot marks the top left corner of a
    named card.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture, cards = recognition.photo.picture, recognition.cards
    smaller = min(1.0, _LONG_SIDE / max(picture.size))
    size = (max(1, round(picture.width * smaller)), max(1, round(picture.height * smaller)))
    report = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(report)
    scale = smaller / recognition.photo.scale
    thick = max(2, max(size) // 300)
    font = ImageFont.load_default(max(12, max(size) // 60))
    for number, card in enumerate(cards, start=1):
        colour = VERDICT_COLOURS[card.verdict]
        corners = [(x * scale, y * scale) for x, y in card.quad]
        draw.line([*corners, corners[0]], colour, thick, joint="curve")
        if card.face:
            # The first corner is the card's top left, wherever that lies in the photo.
            x, y = corners[0]
            draw.ellipse((x - 2 * thick, y - 2 * thick, x + 2 * thick, y + 2 * thick), colour)
        label = f"{card.face.name}\n{card.verdict}" if card.face else "none"
        if len(cards) > 1:
            label = f"{number}  {label}"
        left, top, right, bottom = draw.textbbox((0, 0), label, font)
        middle = sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4
        x = min(max(0, middle[0] - right / 2), max(0, size[0] - right))
        y = min(max(0, middle[1] - bottom / 2), max(0, size[1] - bottom))
        draw.rectangle((x + left - 4, y + top - 3, x + right + 4, y + bottom + 3), colour)
        draw.text((x, y), label, "white", font, align="center")
    return report
