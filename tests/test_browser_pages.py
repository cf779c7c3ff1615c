"""Every page in a real browser: silent, at home on small and large screens, open to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import PAGES, barriers, open_browser, open_page
from conftest import jpeg
from served import Server, Shop, covered, make_shop

from mtg_image_db.demo.camera import camera_frame
from mtg_image_db.demo.cards import sample_cards

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

SMALLEST: ViewportSize = {"width": 360, "height": 640}
LARGEST: ViewportSize = {"width": 2560, "height": 1440}
READY = {
    "camera": "[data-testid=pile-choice] option",
    "photos": "[data-testid=pile-choice] option",
    "review": "[data-testid=candidate-1]",
    "collection": "[data-testid=table] tbody tr",
    "overlay": "[data-testid=overlay-card]:not([hidden])",
}
"""What each page shows as soon as it knows the collection."""
CONTROLS = """
    [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
        .filter((one) => one.checkVisibility() && !one.disabled)
        .map((one, number) => (one.dataset.control = `${number} ${one.outerHTML.slice(0, 80)}`))
"""
"""Everything on a page that a mouse can use, with a name for each."""
FOCUSED = """(() => {
    const here = document.activeElement;
    const shown = [here, here.closest("label") ?? here]
        .map((one) => getComputedStyle(one))
        .some((style) => style.outlineStyle !== "none" || style.boxShadow !== "none");
    return here.dataset.control ? { control: here.dataset.control, shown } : null;
})()"""
"""What has the focus, and whether one sees it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The fourth, 28th and 45th card are one artwork."""
    return make_shop(tmp_path_factory.mktemp("shop"), 45)


@pytest.fixture(scope="module")
def server(shop: Shop) -> Iterator[Server]:
    """A collection that holds a card, and another that has to be reviewed."""
    plain, _, _, thrice, *_ = shop.pictures.values()
    with Server(shop.folder, shop.folder / "collection.sqlite") as server:
        server.post("/api/photos?name=two.jpg", jpeg(camera_frame([plain, covered(thrice)])))
        yield server


def open_at(page: Page, name: str) -> None:
    """Open a page, and wait until it shows what the collection holds."""
    page.goto(f"/{name}")
    page.locator(READY[name]).first.wait_for(state="attached")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("size", [SMALLEST, LARGEST], ids=["phone", "desktop"])
def test_every_page_opens_without_errors_and_fits_the_screen(
    browser: Browser, server: Server, name: str, size: ViewportSize
) -> None:
    with open_page(browser, server, viewport=size) as page:
        open_at(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_barrier(
    browser: Browser, server: Server, name: str, scheme: str
) -> None:
    with open_page(browser, server, viewport=SMALLEST, color_scheme=scheme) as page:
        open_at(page, name)
        assert barriers(page) == []
        page.set_viewport_size(LARGEST)
        assert barriers(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dialog_of_a_card_has_no_serious_barrier(
    browser: Browser, server: Server, scheme: str
) -> None:
    with open_page(browser, server, viewport=SMALLEST, color_scheme=scheme) as page:
        open_at(page, "collection")
        page.get_by_test_id("table").locator("tbody button").first.click()
        page.get_by_test_id("candidate-1").wait_for()
        assert barriers(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_reaches_everything_and_shows_where_it_is(
    browser: Browser, server: Server, name: str
) -> None:
    with open_page(browser, server) as page:
        open_at(page, name)
        reached = set()
        expected = set(page.evaluate(CONTROLS))
        for _ in range(len(expected) + 5):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if focused is not None:
                assert focused["shown"], focused["control"]
                reached.add(focused["control"])
        assert expected - reached == set()


def test_the_overlay_shows_the_last_card_taken_on_nothing(
    browser: Browser, server: Server, shop: Shop
) -> None:
    with open_page(browser, server) as page:
        open_at(page, "overlay")
        card_id, picture = list(shop.pictures.items())[5]
        frame = jpeg(camera_frame([picture]))
        [card] = server.post("/api/look?camera=stream&take=now", frame)["taken"]
        page.get_by_test_id("overlay-name").get_by_text(shop.names[card_id]).wait_for()
        assert card["card"]["label"] in page.get_by_test_id("overlay-label").inner_text()
        assert page.locator("#picture img").evaluate("one => one.decode().then(() => true)")
        for behind in ("html", "body"):
            colour = page.locator(behind).evaluate("one => getComputedStyle(one).backgroundColor")
            assert colour == "rgba(0, 0, 0, 0)"


def test_a_card_that_no_name_fits_is_called_by_none_until_a_person_says_which(
    browser: Browser, shop: Shop, tmp_path: Path
) -> None:
    plain, stranger = next(iter(shop.pictures.values())), sample_cards(50)[49].faces[0]
    with (
        Server(shop.folder, tmp_path / "collection.sqlite") as server,
        open_page(browser, server) as page,
        open_page(browser, server) as stream,
    ):
        server.post("/api/photos", jpeg(camera_frame([plain])))
        server.post("/api/photos", jpeg(camera_frame([stranger], 1)))
        [unnamed] = server.get("/api/entries?status=review")["entries"]
        guess = unnamed["candidates"][0]["name"]
        page.goto("/review")
        page.get_by_test_id("review-name").get_by_text("No name was found").wait_for()
        assert page.get_by_test_id("take").is_disabled()
        page.get_by_test_id("turn").click()
        assert page.locator(".crop").evaluate("one => getComputedStyle(one).transform") != "none"
        stream.goto("/overlay")
        stream.get_by_test_id("overlay-name").get_by_text(
            next(iter(shop.names.values()))
        ).wait_for()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        page.get_by_test_id("review-done").wait_for()
        [_, card] = server.get("/api/entries?status=collection")["entries"]
        assert card["card"]["name"] == guess
