"""Whom `mtg-db serve` answers, and what it refuses, over real sockets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from conftest import jpeg
from PIL import Image
from served import Server, Shop, ask, error, first, raw

# Who may ask


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Host", "localhost:8000")], 200),
        ([("Host", "127.0.0.1")], 200),
        ([("Host", "[::1]:8000")], 200),
        ([("Host", "attacker.example")], 403),
        ([("Host", "localhost.attacker.example:8000")], 403),
        ([("Host", "localhost@attacker.example")], 403),
        ([("Host", "")], 403),
    ],
)
def test_a_name_that_somebody_else_points_here_reaches_nothing(
    server: Server, headers: list[tuple[str, str]], status: int
) -> None:
    for path in ("/api/health", "/camera", "/static/api.js"):
        assert raw(server, "GET", path, *headers)[0] == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_another_web_page_can_change_nothing(server: Server, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "/api/undo"),
        ("POST", "/api/piles"),
        ("DELETE", "/api/entries/1"),
        ("PATCH", "/api/piles/1"),
        ("POST", "/api/look?camera=a"),
    ):
        reply = ask(server, method, path, headers=headers, data=b'{"name": "theirs"}')
        assert reply.status_code == 403, (method, path)
        assert "Another web page" in error(reply)["message"]


def test_our_own_pages_and_programs_may_ask(server: Server) -> None:
    for headers in (
        {},
        {"Origin": server.url, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert ask(server, "POST", "/api/undo", headers=headers).status_code == 200


def test_a_link_elsewhere_may_open_a_page_but_no_other_page_may_show_it(server: Server) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    reply = ask(server, "GET", "/collection", headers=link)
    assert reply.status_code == 200
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert ask(server, "GET", "/api/health", headers=picture).status_code == 403
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"


def test_every_answer_forbids_what_our_pages_do_not_need(server: Server) -> None:
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    for path in ("/camera", "/api/health", "/static/api.js", "/nothing", "/images/nothing"):
        headers = ask(server, "GET", path).headers
        assert headers["content-security-policy"] == policy, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


@pytest.mark.parametrize("page", ["camera", "photos", "review", "collection", "overlay"])
def test_pages_have_no_scripts_and_styles_inside_and_name_no_other_machine(
    server: Server, page: str
) -> None:
    html = ask(server, "GET", f"/{page}").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", html)
    assert set(re.findall(r"(?:src|href)=\"([^\"/#])", html)) == set()
    assert "//" not in re.sub(r"<!--.*?-->", "", html)


# What is sent


def test_bodies_that_are_too_large_are_refused_before_they_are_sent(server: Server) -> None:
    for path, most in (("/api/query", 64 << 20), ("/api/piles", 64 << 10)):
        host = ("Host", "localhost")
        length = ("Content-Length", str(most + 1))
        assert raw(server, "POST", path, host, length)[0] == 413
        assert raw(server, "POST", path, host, ("Content-Length", "-1"))[0] in (400, 413)


def test_bodies_that_do_not_say_how_large_they_are_are_cut_off(server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 1024

    reply = ask(server, "POST", "/api/piles", data=chunks())
    assert reply.status_code == 413
    assert "64 kB" in error(reply)["message"]


@pytest.mark.parametrize("data", [b"", b"no picture", b"<html>", b"\x89PNG\r\n\x1a\nbroken"])
@pytest.mark.parametrize("path", ["/api/query", "/api/look?camera=a", "/api/photos"])
def test_what_is_no_picture_is_refused_in_words(server: Server, path: str, data: bytes) -> None:
    reply = ask(server, "POST", path, data=data)
    assert reply.status_code == 422
    assert "cannot be read" in error(reply)["message"]
    assert "--data-binary" in error(reply)["suggestion"]


def test_no_file_of_this_machine_is_served(server: Server, shop: Shop) -> None:
    for path in (
        "/static/../run.py",
        "/static/%2e%2e/run.py",
        "/static/..%2frun.py",
        "/images/..%2f..%2fledger.sqlite",
        "/images/%2fetc%2fpasswd",
        f"/images/{next(iter(shop.pictures))}%00",
        f"/images/{next(iter(shop.pictures))[:-1]}*",
    ):
        status, body = raw(server, "GET", path, ("Host", "localhost"))
        assert status == 404, path
        assert b"root:" not in body


@pytest.mark.parametrize(
    ("method", "path", "data", "status", "words"),
    [
        ("GET", "/nothing", "", 404, "nothing here"),
        ("GET", "/api/undo", "", 405, "cannot be done"),
        ("POST", "/api/query?k=0", "x", 400, "k must be"),
        ("POST", "/api/query?k=many", "x", 400, "k must be a whole number"),
        ("POST", "/api/look?camera=a", "x", 422, ""),
        ("POST", "/api/look", "x", 400, "camera must be a name"),
        ("POST", "/api/look?camera=a&take=all", "x", 400, "take must be one of"),
        ("GET", "/api/entries/999", "", 404, "no card 999"),
        ("GET", "/api/entries?status=lost", "", 400, "status must be one of"),
        ("GET", "/api/entries?pile=999", "", 404, "no pile 999"),
        ("POST", "/api/piles", "{", 400, "not JSON"),
        ("POST", "/api/piles", "[]", 400, "must be a JSON object"),
        ("POST", "/api/piles", "[" * 60_000, 400, "not JSON"),
        ("POST", "/api/piles", r'{"name": "\ud800"}', 400, "in one line"),
        ("POST", "/api/entries/1/answer", r'{"scryfall_id": "\ud800"}', 404, "no such printing"),
        ("GET", "/api/entries/99999999999999999999999", "", 400, "entry must be at most"),
        ("POST", "/api/piles", "{}", 400, "name is missing"),
        ("POST", "/api/piles", '{"name": 7}', 400, "name must be a text"),
        ("POST", "/api/piles", '{"name": "a", "colour": "b"}', 400, "'colour' is not known"),
        ("POST", "/api/piles", '{"name": "a", "finish": "wet"}', 400, "finish must be one of"),
        ("DELETE", "/api/piles/1", "", 400, "always one"),
        ("POST", "/api/entries/999/answer", '{"quantity": true}', 400, "whole number"),
        ("POST", "/api/entries/999/answer", '{"skip": true}', 404, "no card 999"),
        ("GET", "/api/cards/nothing/printings", "", 404, "no such card"),
        ("GET", "/api/collection/export?to=pdf", "", 400, "to must be one of"),
        ("GET", "/images/nothing", "", 404, "no such image"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    server: Server, method: str, path: str, data: str, status: int, words: str
) -> None:
    reply = ask(server, method, path, data=data)
    assert reply.status_code == status, reply.text
    assert words in error(reply)["message"]


def test_who_mistypes_an_address_in_a_browser_is_led_to_a_page(server: Server) -> None:
    reply = ask(server, "GET", "/colection", headers={"Accept": "text/html"})
    assert reply.status_code == 404
    assert '<a href="/camera">' in reply.text
    assert "/api/" not in reply.text


def test_a_card_is_kept_as_large_as_the_photo_shows_it(own: Server, shop: Shop) -> None:
    card = first(shop)
    widths = []
    for width in (120, 360, 900):
        photo = card.resize((width, round(width * card.height / card.width)))
        [entry] = own.post("/api/photos?anyway=1", jpeg(photo))["entries"]
        with Image.open(io.BytesIO(own.read(entry["picture"]))) as kept:
            assert kept.height == round(kept.width * 1.4)
            widths.append(kept.width)
    assert widths == [240, pytest.approx(360, abs=20), 480]


def test_people_get_a_page_that_says_what_is_wrong(server: Server) -> None:
    reply = ask(server, "GET", "/<b>nothing</b>", headers={"Accept": "text/html"})
    assert reply.status_code == 404
    assert "There is nothing here" in reply.text
    assert "<b>" not in reply.text
