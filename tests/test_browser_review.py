"""From a photo to a file for a site, in a real browser: the same file that `scan` writes."""

from __future__ import annotations

import base64
import csv
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import open_browser, open_page
from conftest import jpeg, mtg_db
from served import PATIENCE_S, Server, Shop, ask, covered, make_shop

from mtg_image_db.collection.formats import FORMATS
from mtg_image_db.demo.camera import camera_frame

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Browser, Page, Route

DROP = """([name, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type: "image/jpeg" }));
    for (const type of ["dragenter", "dragover", "drop"]) {
        const event = { dataTransfer: carried, bubbles: true, cancelable: true };
        document.querySelector("#drop").dispatchEvent(new DragEvent(type, event));
    }
}"""
"""What a browser does when a file is dropped on it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Cards 4, 28 and 45 are one artwork, and so are 13 and 60; the line alone tells some apart."""
    return make_shop(tmp_path_factory.mktemp("shop"), 64)


@pytest.fixture
def photo(shop: Shop, tmp_path: Path) -> Path:
    """Three cards; a thumb covers the lines of two that were printed more than once."""
    plain, twice, thrice = (list(shop.pictures.values())[at] for at in (0, 3, 12))
    path = tmp_path / "table.jpg"
    path.write_bytes(jpeg(camera_frame([covered(twice), plain, covered(thrice)])))
    return path


@pytest.fixture
def server(shop: Shop, tmp_path: Path) -> Iterator[Server]:
    with Server(shop.folder, tmp_path / "collection.sqlite") as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with open_page(browser, server) as page:
        yield page


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until something has the focus."""
    here = "wanted => document.activeElement.matches(wanted)"
    for _ in range(100):
        if page.evaluate(here, wanted):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never comes to {wanted}")


def test_a_photo_is_dropped_reviewed_by_keyboard_and_exported_as_scan_does(
    browser: Browser, shop: Shop, photo: Path, tmp_path: Path
) -> None:
    with (
        Server(shop.folder, tmp_path / "collection.sqlite") as server,
        open_page(browser, server) as page,
    ):
        page.goto("/photos")
        page.evaluate(DROP, [photo.name, base64.b64encode(photo.read_bytes()).decode()])
        page.get_by_test_id("photo-card").nth(2).wait_for()
        tab_to(page, "#nav-review")
        page.keyboard.press("Enter")
        page.get_by_text("Card 1 of 2").wait_for()

        # Skipped by mistake; then the second printing is chosen, and taken.
        page.keyboard.press("s")
        page.get_by_text("Card 1 of 1").wait_for()
        page.keyboard.press("z")
        page.get_by_text("Card 1 of 2").wait_for()
        first = page.get_by_test_id("candidate-2").get_attribute("data-printing")
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        page.get_by_text("Card 1 of 1").wait_for()

        # Found by its name, which is typed badly, in three copies.
        name = page.get_by_test_id("review-name").inner_text()
        page.keyboard.press("/")
        page.keyboard.type(name.lower().replace(name[3], name[3] * 2, 1))
        page.get_by_test_id("search-results").get_by_text(name, exact=True).first.wait_for()
        page.keyboard.press("Enter")
        printings = page.get_by_test_id("printings")
        printings.locator("[aria-pressed=true]").wait_for()
        second = printings.locator("[aria-pressed=true]").get_attribute("data-printing")
        tab_to(page, "[data-testid=quantity]")
        page.keyboard.type("3")
        tab_to(page, "[data-testid=take]")
        page.keyboard.press("Enter")
        page.get_by_test_id("review-done").wait_for()

        tab_to(page, "#nav-collection")
        page.keyboard.press("Enter")
        page.get_by_test_id("table").locator("tbody tr").nth(2).wait_for()
        tab_to(page, "[data-testid=export-format]")
        page.keyboard.type("moxfield")
        tab_to(page, "[data-testid=export]")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        exported = {"moxfield": Path(download.value.path()).read_bytes()}
        for form in FORMATS:
            exported.setdefault(form, server.read(f"/api/collection/export?to={form}"))
    assert first is not None
    assert second is not None
    scan = scanner(shop, photo, [(first, "1"), (second, "3")])
    for form, data in exported.items():
        assert scan(form) == data, form


REVIEW = "**/api/entries?status=review*"


def test_what_was_answered_does_not_come_back_with_a_late_answer_of_the_server(
    server: Server, page: Page, photo: Path
) -> None:
    review_two_cards(server, page, photo)
    page.keyboard.press("s")
    page.get_by_text("Card 1 of 1").wait_for()
    late: list[tuple[Route, APIResponse]] = []

    def both_cards() -> list[tuple[Route, APIResponse]]:
        return [one for one in late if len(one[1].json()["entries"]) == 2]

    # The queue that is loaded after a step back is on its way while the card is answered.
    page.route(REVIEW, lambda route: late.append((route, route.fetch())))
    page.keyboard.press("z")
    page.get_by_text("of 2").wait_for()
    wait_until(page, both_cards)
    page.keyboard.press("s")
    page.get_by_text("Card 1 of 1").wait_for()
    page.route(REVIEW, lambda route: route.continue_())
    with page.expect_request(REVIEW):
        for route, response in both_cards():
            route.fulfill(response=response)
    page.get_by_text("Card 1 of 1").wait_for()


def test_a_step_back_stays_when_the_answer_that_it_took_back_arrives_after_it(
    server: Server, page: Page, photo: Path
) -> None:
    review_two_cards(server, page, photo)
    late: list[tuple[Route, APIResponse]] = []
    page.route("**/answer", lambda route: late.append((route, route.fetch())))
    page.keyboard.press("s")
    # The page knows this from the event alone.
    page.get_by_text("Card 1 of 1").wait_for()
    page.keyboard.press("z")
    page.get_by_text("Undone: ").wait_for()
    page.get_by_text("Card 1 of 2").wait_for()
    [(route, response)] = late
    assert response.json()["status"] == "skipped"
    route.fulfill(response=response)
    page.get_by_text("still needs an answer").wait_for()
    assert page.locator("#left").inner_text() == "Card 1 of 2"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/review", "#left:text('Card 1 of 2')"),
        ("/collection", "[data-testid=table] tbody tr"),
        ("/camera", "[data-testid=taken-list] li:nth-child(3)"),
        ("/overlay", "[data-testid=overlay-card]:not([hidden])"),
    ],
)
def test_what_happens_before_a_page_hears_of_changes_is_shown(
    server: Server, page: Page, photo: Path, path: str, shown: str
) -> None:
    events: list[Route] = []
    first: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        events.append(route)

    page.route("**/api/events", hold)
    page.route("**/api/entries*", lambda route: first.append((route, route.fetch())), times=1)
    page.goto(path)
    wait_until(page, lambda: events and first)
    [(late, response)] = first
    assert response.json() == {"entries": []}
    server.post("/api/photos", photo.read_bytes())
    for route in events:
        route.continue_()
    page.locator(shown).wait_for()
    # The first look at the collection is older: the page looks once more.
    with page.expect_request("**/api/entries*") as again:
        late.fulfill(response=response)
    again.value.response()
    page.locator(shown).wait_for()
    if path != "/overlay":
        page.locator("#nav-review").get_by_text("2").wait_for()


def test_photos_are_shown_as_they_are_when_the_page_hears_of_changes_again(
    server: Server, page: Page, photo: Path
) -> None:
    events: list[Route] = []

    def hold(route: Route) -> None:
        events.append(route)

    page.route("**/api/events", hold)
    page.goto("/photos")
    page.evaluate(DROP, [photo.name, base64.b64encode(photo.read_bytes()).decode()])
    cards = page.get_by_test_id("photo-card")
    cards.get_by_text("to review").nth(1).wait_for()
    waiting = [one["id"] for one in server.get("/api/entries?status=review")["entries"]]
    ask(server, "POST", f"/api/entries/{waiting[0]}/answer", json={"skip": True})
    ask(server, "DELETE", f"/api/entries/{waiting[1]}")
    for route in events:
        route.continue_()
    cards.get_by_text("skipped").wait_for()
    cards.nth(2).wait_for(state="detached")


def review_two_cards(server: Server, page: Page, photo: Path) -> None:
    """Open the review of two cards of a photo, on a page that hears of changes."""
    server.post("/api/photos", photo.read_bytes())
    with page.expect_response("**/api/events"):
        page.goto("/review")
    page.get_by_text("Card 1 of 2").wait_for()


def wait_until(page: Page, done: Callable[[], object]) -> None:
    """Let the page go on until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "what the page was to do, it has not done"
        page.wait_for_timeout(20)


def scanner(shop: Shop, photo: Path, answers: list[tuple[str, str]]) -> Callable[[str], bytes]:
    """What `scan` writes in a format, if these printings and quantities are in its review."""

    def scan(*options: str | Path) -> bytes:
        where = ("--db", shop.folder / "index_out", "--cache", shop.folder / "image_cache")
        done = mtg_db("scan", photo.name, *where, "-o", "mine", *options, cwd=photo.parent)
        assert done.returncode == 0, done.stderr
        return (photo.parent / "mine").read_bytes()

    scan()
    review = photo.parent / "mine-review" / "review.csv"
    lines = list(csv.DictReader(io.StringIO(review.read_text("utf-8-sig"))))
    waiting = [line for line in lines if line["status"] == "review"]
    for line, (printing, quantity) in zip(waiting, answers, strict=True):
        line |= {"answer": printing, "quantity": quantity}
    filled = photo.parent / "filled.csv"
    with filled.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    return lambda form: scan("--to", form, "--corrections", filled, "--review", f"{form}-review")
