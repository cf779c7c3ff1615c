"""The pages' scripts: what they decide by themselves, asked in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from browsing import open_browser

import mtg_image_db.serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

SERVING = Path(mtg_image_db.serving.__file__).parent
SCRIPTS = sorted((SERVING / "static").glob("*.js"))
TEMPLATES = sorted((SERVING / "templates").glob("*.html"))

CAMERA = """async (scenes) => {
    const { GRID, measure, newWatch, wanted, sent, answered } = await import("/frames.js");
    // A scene is a picture of dots: `at` moves them, `sharp` is how much they stand out.
    const picture = ({ at = 0, sharp = 100, light = 0, noise = 0 }) => {
        const [width, height] = [96, 56];
        const data = new Uint8ClampedArray(4 * width * height);
        for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
            const card = x >= 30 + at && x < 60 + at && y > 10 && y < 50;
            // Neighbouring pixels are as noisy together as a grid's cell is.
            const grain = noise * Math.sin(7919 * ((x >> 2) + 31 * (y >> 2) + 1009 * time));
            const level = 90 + light + grain + (card ? 60 : 0) + ((x + y) % 2 ? sharp : -sharp) / 4;
            data.fill(level, 4 * (y * width + x), 4 * (y * width + x) + 3);
        }
        return { data, width, height };
    };
    const watch = newWatch();
    let time = 1000;
    let onTheWay = 0;
    return scenes.map(({ wait = false, room, more = false, lost = false, ...scene }) => {
        const sample = measure(picture(scene), (time += 100));
        const send = wanted(watch, sample, onTheWay, room);
        if (send) {
            sent(watch, sample);
            onTheWay += 1;
        }
        // What is on its way is answered, but where the server is slow.
        while (!wait && onTheWay) {
            answered(watch, more, lost);
            onTheWay -= 1;
        }
        return send;
    });
}"""
"""Show scenes to a watch of frames, a tenth of a second each; which of them it sends."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page that can import the scripts."""
    handler = partial(_Quiet, directory=str(SERVING / "static"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with open_browser() as browser:
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/frames.js")
            yield page
        server.shutdown()


def sent(page: Page, *scenes: dict[str, Any]) -> str:
    """One letter a scene: S if it was sent."""
    return "".join("S" if one else "." for one in page.evaluate(CAMERA, list(scenes)))


HERE: dict[str, Any] = {"at": 0}
THERE: dict[str, Any] = {"at": 20}


def test_a_still_scene_is_sent_twice_and_then_no_more(page: Page) -> None:
    assert sent(page, *[HERE] * 6) == "SS...."


def test_a_new_scene_is_sent_as_soon_as_it_holds_still(page: Page) -> None:
    blurred = [{"at": at, "sharp": 10} for at in (6, 12)]
    assert sent(page, *[HERE] * 3, *blurred, *[THERE] * 4) == "SS..." + "SS.."


def test_a_hand_that_never_holds_still_is_seen_when_the_picture_is_sharp(page: Page) -> None:
    moving = [{"at": at, "sharp": 100} for at in (6, 12, 18)]
    assert sent(page, *[HERE] * 3, *moving)[3:] == "SSS"


def test_a_scene_that_stays_blurred_is_sent_after_a_while(page: Page) -> None:
    blurred = [{"at": 6 * (step % 4 + 1), "sharp": 10} for step in range(12)]
    assert sent(page, *[HERE] * 3, *blurred)[3:11] == ".......S"


def test_two_frames_are_on_their_way_at_once_but_never_three(page: Page) -> None:
    slow = {**THERE, "wait": True}
    assert sent(page, *[slow] * 4, THERE, THERE) == "SS...."
    assert sent(page, {**HERE, "wait": True}, *[slow] * 4, THERE, THERE) == "SS....S"


def test_a_server_that_has_too_much_to_do_gets_one_frame_after_the_other(page: Page) -> None:
    busy, free = ({**HERE, "room": 1, "wait": wait} for wait in (True, False))
    assert sent(page, *[busy] * 3, *[free] * 2) == "S...S"


def test_what_a_frame_on_its_way_may_settle_is_not_sent_again(page: Page) -> None:
    slow = {**HERE, "wait": True, "more": True}
    assert sent(page, {**HERE, "more": True}, *[slow] * 4) == "SS..."


def test_the_server_may_ask_for_more_looks_at_a_still_scene_but_not_for_ever(page: Page) -> None:
    assert sent(page, *[{**HERE, "more": True}] * 12).count("S") == 6


def test_a_lost_frame_is_sent_again(page: Page) -> None:
    assert sent(page, {**HERE, "lost": True}, *[HERE] * 4) == "SSS.."


def test_a_picture_that_becomes_sharp_is_sent_again(page: Page) -> None:
    assert sent(page, *[{"sharp": 40}] * 4, *[{"sharp": 100}] * 4) == "SS..SS.."


def test_a_lamp_that_flickers_is_no_change(page: Page) -> None:
    flicker = [{"light": 4 * (step % 2)} for step in range(6)]
    assert sent(page, *flicker) == "SS...."


def test_a_noisy_picture_is_no_change_but_a_card_in_it_is(page: Page) -> None:
    noisy = [{**HERE, "noise": 6}] * 8 + [{**THERE, "noise": 6}] * 8
    assert sent(page, *noisy).count("S") == 4
    assert sent(page, *noisy)[8:].count("S") == 2


def test_frames_are_sent_in_the_size_in_which_a_collector_line_can_be_read(page: Page) -> None:
    sizes = page.evaluate("""async () => {
        const { frameSize } = await import("/frames.js");
        const videos = [[640, 480], [1280, 720], [4096, 2160], [1080, 1920]];
        return videos.map(([width, height]) => frameSize(width, height));
    }""")
    assert [(size["width"], size["height"]) for size in sizes] == [
        *[(640, 480), (1280, 720), (1920, 1013), (1080, 1920)]
    ]


def test_prices_are_summed_without_a_cent_lost(page: Page) -> None:
    said = page.evaluate("""async () => {
        const { hundredths, total, written } = await import("/money.js");
        const prices = [...Array(100).fill("0.10"), "0.29", null].map(hundredths);
        return [written(total(prices), "usd", "en"), written(total([null]), "eur", "en"),
                written(hundredths("1234.5"), "tix", "en")];
    }""")
    assert said == ["$10.29", "\N{EN DASH}", "1,234.50 tix"]


TABLE = """async (asked) => {
    const { matching, rowsOf, sorted, sums } = await import("/table.js");
    const entry = (id, name, number, more = {}) => ({
        id, pile: 1, photo: "a.jpg", reason: "", candidates: [], card: {
            name, scryfall_id: `${name}${number}`, label: `ABC ${number}`, set_name: "Alphabet",
            printed_name: "", quantity: 1, finish: "nonfoil", condition: "near_mint", lang: "en",
            prices: { usd: "1.50", eur: null, tix: null }, ...more,
        },
    });
    const rows = rowsOf([
        entry(1, "Éclair", 10),
        entry(2, "Bolt", 9, { finish: "foil", prices: { usd: null, eur: null, tix: null } }),
        entry(3, "Éclair", 10, { quantity: 3 }),
        entry(4, "Éclair", 10, { condition: "damaged" }),
    ], "usd");
    const spelled = (code) => ({ near_mint: "near mint", en: "English" })[code] ?? code;
    const line = ({ quantity: n, name, entries: [{ card }] }) => `${n} ${name} ${card.condition}`;
    const short = (some) => some.map(line);
    const grades = { condition: ["near_mint", "damaged"] };
    return {
        rows: () => short(rows),
        find: (words) => short(matching(rows, words, spelled)),
        sort: ([column, down]) => short(sorted(rows, column, down, grades)),
        sums: () => sums(rows),
    }[asked[0]](asked[1]);
}"""


def test_equal_cards_share_a_line_and_the_last_taken_comes_first(page: Page) -> None:
    lines = page.evaluate(TABLE, ["rows"])
    assert lines == ["1 Éclair damaged", "4 Éclair near_mint", "1 Bolt near_mint"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("eclair", ["1 Éclair damaged", "4 Éclair near_mint"]),
        ("foil", ["1 Bolt near_mint"]),
        ("ABC 9", ["1 Bolt near_mint"]),
        ("english near-mint éclair", ["4 Éclair near_mint"]),
        ("nobody", []),
    ],
)
def test_cards_are_found_by_all_that_stands_in_their_line(
    page: Page, words: str, found: list[str]
) -> None:
    assert page.evaluate(TABLE, ["find", words]) == found


@pytest.mark.parametrize(
    ("column", "down", "first"),
    [
        *[("name", False, "1 Bolt near_mint"), ("label", False, "1 Bolt near_mint")],
        *[("quantity", True, "4 Éclair near_mint"), ("condition", True, "1 Éclair damaged")],
        *[("price", False, "1 Éclair damaged"), ("price", True, "1 Éclair damaged")],
    ],
)
def test_lines_are_sorted_by_their_meaning_and_those_without_a_price_come_last(
    page: Page, column: str, down: bool, first: str
) -> None:
    lines = page.evaluate(TABLE, ["sort", [column, down]])
    assert lines[0] == first
    if column == "price":
        assert lines[-1] == "1 Bolt near_mint"


def test_a_table_is_summed_in_each_currency(page: Page) -> None:
    assert page.evaluate(TABLE, ["sums"]) == {
        "cards": 6,
        "prices": {"usd": 750, "eur": None, "tix": None},
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_each_script_is_checked_for_its_types(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("// @ts-check\n")


@pytest.mark.parametrize("path", [*SCRIPTS, *TEMPLATES], ids=lambda path: path.name)
def test_nothing_asks_another_machine_or_writes_markup_from_texts(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://\w|//[\w.-]+\.\w+/", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_pages_have_no_script_and_no_style_of_their_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|\|\s*safe", text)
