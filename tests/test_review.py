"""The review: its page, and the table of its answers."""

from __future__ import annotations

import base64
import csv
import io
import re
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from conftest import card_id, make_picture
from PIL import Image, ImageChops, ImageStat
from seen import LEA, LEB, a_face, seen_as

from mtg_image_db.collection.lines import ANSWER_COLUMNS
from mtg_image_db.collection.review import render_answers, render_page, write_review
from mtg_image_db.collection.scan import collect
from mtg_image_db.collection.seen import Sighting
from mtg_image_db.database.answers import CardAnswer, Match
from mtg_image_db.download.paths import image_path
from mtg_image_db.pages.sheet import SheetEntry, html_sheet


def test_the_page_stands_alone(tmp_path: Path) -> None:
    face = a_face(1, name="<b>&", card_url="https://scryfall.com/card/x")
    sighting = Sighting("<i>.jpg", 1, "likely", (Match(1, 0.9, face, image=1),), make_picture(1))
    scan = collect([sighting, seen_as(LEA)])
    text = render_page(scan).decode()
    assert "1 of 2 cards to review" in text
    assert "<b>&amp;" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "</b>&lt;i&gt;.jpg#1</h3>" in text
    assert not re.search(r"<script|<link|url\(|src=\"http", text)
    [data] = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(data))) as crop:
        assert crop.size == make_picture(1).size
    # What it may be is shown where the image cache has it, by its URL or whatever URL it has.
    for url in (face.image_url, ""):
        match = Match(1, 0.9, replace(face, image_url=url), image=1)
        known = collect([Sighting("i.jpg", 1, "likely", (match,), make_picture(1))])
        picture = tmp_path / image_path(face.face_id, face.image_url)
        picture.parent.mkdir(parents=True, exist_ok=True)
        make_picture(1).save(picture)
        assert render_page(known, tmp_path).count(b"data:image/jpeg") == 2
        assert render_page(known, tmp_path / "empty").count(b"data:image/jpeg") == 1
    write_review(scan, tmp_path / "deep" / "review")
    assert (tmp_path / "deep" / "review" / "review.html").read_bytes() == render_page(scan)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://scryfall.com/card/x",
        "//scryfall.com/card/x",
        "https://scryfall.com.example.com/",
        "https://evilscryfall.com/",
        "https://scryfall.com@example.com/",
        "https://user:word@scryfall.com/",
        "https://example.com/https://scryfall.com/",
        "https://scryfall.com:8443/",
        "https://scryfall.com\\@example.com/",
        "https://example.com/\nhttps://scryfall.com/",
        " https://scryfall.com/",
        "\x01javascript:alert(1)",
        "https://scryfall.com/\t",
        "",
    ],
)
def test_only_scryfall_s_pages_are_linked(url: str) -> None:
    face = a_face(1, name="Name", scryfall_uri=url)
    for given in (replace(face, card_url=url), face):
        card = CardAnswer(
            (Match(1, 0.9, given, image=1),), "likely", ((0, 0), (1, 0), (1, 1), (0, 1))
        )
        pages = (
            render_page(collect([Sighting("a.jpg", 1, "likely", card.matches)])),
            html_sheet([SheetEntry("a.jpg", card, b"")], "1 card"),
        )
        for page in pages:
            assert b"Name" in page
            # Blanks around the URL of a card object are no part of it.
            assert set(re.findall(rb'href="([^"]*)"', page)) <= {b"https://scryfall.com/"}
            assert given is face or b"href" not in page


def test_scryfall_s_pages_are_linked() -> None:
    for url in (
        "https://scryfall.com/card/x?y=1&z",
        "https://api.scryfall.com/",
        "https://SCRYFALL.io",
    ):
        card = CardAnswer(
            (Match(1, 0.9, replace(LEA, card_url=url), image=1),),
            "likely",
            ((0, 0), (1, 0), (1, 1), (0, 1)),
        )
        linked = f'<a href="{escape(url)}">Card 0</a>'.encode()
        assert linked in render_page(collect([Sighting("a.jpg", 1, "likely", card.matches)]))
        assert linked in html_sheet([SheetEntry("a.jpg", card, b"")], "1 card")


def a_photo(path: Path) -> Path:
    """Two cards side by side."""
    photo = Image.new("RGB", (1200, 900), "white")
    for number, left in ((1, 50), (2, 650)):
        photo.paste(make_picture(number), (left, 100))
    photo.save(path)
    return path


def test_the_page_shows_each_photo_with_the_numbers_of_its_cards(tmp_path: Path) -> None:
    name = str(a_photo(tmp_path / "<p>.jpg"))
    quads = [((x, 100.0), (x + 488.0, 100.0), (x + 488.0, 780.0), (x, 780.0)) for x in (50.0, 650)]
    seen = seen_as(LEA), seen_as(LEA, verdict="likely", index=2)
    sightings = [replace(o, photo=name, quad=q) for o, q in zip(seen, quads, strict=True)]
    text = render_page(collect(sightings)).decode()
    [drawn] = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert 'viewBox="0 0 1200 900"' in drawn
    assert re.findall(r">(\d+)</text>", drawn) == ["1", "2"]
    # The open card leads to its place on the page; the other one is marked as done.
    assert re.findall(r'<(?:a|g) class="(\w+)"(?: href="#(\w+)")?', drawn) == [
        ("done", ""),
        ("open", "c1"),
    ]
    assert '<article id="c1">\n<h3><b>2</b>&lt;p&gt;.jpg#2</h3>' in text
    assert "650,100 1138,100 1138,780 650,780" in drawn
    assert '<circle cx="894" cy="440"' in drawn
    # It is cut out of the photo as large as what it may be is shown.
    [own] = re.findall(r'<figure class="own"><img src="data:image/jpeg;base64,([^"]+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(own))) as crop:
        assert crop.size == (357, 500)
        inside = make_picture(2).resize(crop.size)
        difference = ImageStat.Stat(ImageChops.difference(crop, inside)).mean
    assert max(difference) < 10


def test_a_photo_that_is_gone_is_only_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    for name in ("gone.jpg", str(tmp_path / "text.jpg"), "https://example.com/text.jpg"):
        one = replace(seen_as(LEA, verdict="likely"), photo=name)
        text = render_page(collect([one])).decode()
        assert f"<h2>{name}</h2>" in text
        assert "<svg" not in text


def test_of_many_candidates_the_first_are_shown_and_the_others_named() -> None:
    faces = [a_face(n, set=f"s{n:02}") for n in range(10)]
    text = render_page(collect([seen_as(faces[0], *faces, verdict="likely")])).decode()
    assert text.count("<figure>") == 6
    [others] = re.findall(r"<p>It may also be (.*)\.</p>", text)
    assert re.findall(r"<code>(.*?)</code>", others) == [face.label for face in faces[6:]]


def test_the_answers_have_a_line_for_every_card_uncertain_ones_first() -> None:
    data = render_answers(collect([seen_as(LEA), seen_as(LEA, LEA, LEB, index=2)]))
    assert data.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert (first["id"], first["status"]) == ("a.jpg#2", "review")
    assert first["candidates"] == "LEA 0 Card 0; LEB 1 Card 1"
    assert (second["id"], second["status"]) == ("a.jpg#1", "collection")
    assert (second["guess_id"], second["guess_score"]) == (card_id(0), "0.900")
    assert not any(row[name] for row in (first, second) for name in ANSWER_COLUMNS)
