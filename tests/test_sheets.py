"""Contact sheets: pictures and pages of what was found, beside the answers."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from conftest import mtg_db
from PIL import Image

from mtg_image_db import Database
from mtg_image_db.cli import main
from mtg_image_db.pages.sheet import contact_sheet, html_sheet, sheet_entries


def test_a_contact_sheet_shows_what_was_found_beside_the_answers(
    inside: Path, tmp_path: Path
) -> None:
    pictures = ["card7.jpg", "noise.png", "broken.jpg", "card8.jpg"]
    sizes = []
    for cache in ("image_cache", "nowhere"):
        sheet = tmp_path / f"{cache}.png"
        arguments = ["query", *pictures, "--cache", cache, "--contact-sheet", str(sheet)]
        assert main(arguments) == 0
        with Image.open(sheet) as drawn:
            assert drawn.width > 3 * 300
            sizes.append(len(set(drawn.convert("RGB").resize((200, 60)).getdata())))
    assert sizes[0] > sizes[1], "without a cache the answers have no images"
    assert main(["query", "--watch", ".", "--contact-sheet", str(tmp_path / "x.png")]) == 1
    assert main(["query", "card7.jpg", "--contact-sheet", str(tmp_path / "x.jpg")]) == 1


class Parts(HTMLParser):
    """The pictures, links, headings and everything else of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.values.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data.split("\n")


def test_a_contact_sheet_may_be_a_page_that_needs_nothing_else(
    inside: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.html"
    pictures = ["card7.jpg", "noise.png", "broken.jpg"]
    assert main(["query", *pictures, "--contact-sheet", str(sheet)]) == 0
    text = sheet.read_text(encoding="utf-8")
    parts = Parts(text)
    assert parts.tags.count("article") == 2
    assert parts.tags.count("script") == parts.tags.count("link") == text.count("url(") == 0
    # Both cards as they were found, the image of the one that was recognised, and what was read.
    prefix = "data:image/jpeg;base64,"
    heights = []
    for source in parts.values["src"]:
        with Image.open(io.BytesIO(base64.b64decode(source.removeprefix(prefix)))) as picture:
            assert picture.format == "JPEG"
            heights.append(picture.height)
    assert heights.count(336) == 3
    assert parts.values["href"] == ["https://scryfall.com/card/tst/7/card-7"]
    [card] = Database.open("index_out").query("card7.jpg")
    shown = {word.strip() for word in parts.words}
    assert {"Card 7", card.verdict, "card7.jpg", "not recognised", "none", "noise.png"} <= shown
    assert f"TST 7, score {card.matches[0].score:.3f}" in shown


def test_cards_of_one_photo_are_numbered_on_sheets(inside: Path) -> None:
    found = Database.open("index_out").recognise("card7.jpg")
    entries = sheet_entries("a.jpg", replace(found, cards=found.cards * 2), Path("image_cache"))
    assert [entry.photo for entry in entries] == ["a.jpg, card 1", "a.jpg, card 2"]


def test_a_sheet_without_images_says_so(inside: Path, tmp_path: Path) -> None:
    sheet = ("--contact-sheet", tmp_path / "s.png")
    done = mtg_db("query", "card7.jpg", *sheet, "--cache", "elsewhere", cwd=inside)
    assert "1 image left empty, since elsewhere has none (--cache" in done.stderr
    assert "left empty" not in mtg_db("query", "card7.jpg", *sheet, cwd=inside).stderr


def test_any_name_can_stand_on_a_sheet(inside: Path) -> None:
    found = Database.open("index_out").recognise("card7.jpg")
    name = "photos/<b>\n\udcff&.jpg"
    entries = sheet_entries(name, found, Path("nowhere"))
    # A long heading is not cut off, however few cards there are.
    narrow, wide = (contact_sheet(entries, "One" * times, 1).width for times in (1, 40))
    assert 300 < narrow < wide
    page = html_sheet(entries, "<One>").decode("utf-8")
    assert "<title>&lt;One&gt;</title>" in page
    assert "<small>&lt;b&gt; ?&amp;.jpg</small>" in page
    assert "its image is not in the cache" in page
