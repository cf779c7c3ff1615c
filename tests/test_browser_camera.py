"""The camera's page in a real browser, with a fake camera that shows the demo's cards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from browsing import barriers, open_browser, open_page
from conftest import jpeg
from PIL import Image
from served import PATIENCE_S, Server, Shop, make_shop, name_of

from mtg_image_db.demo.camera import Shot, camera_frame, write_video

pytestmark = pytest.mark.alone

NOTHING: Sequence[Image.Image] = ()
BLINK = 0.04
"""Seconds of one frame: a hand in the way, or light that flickers."""
LAST = 60
"""The card that ends the video: it is shown once, and is no reprint."""
LONGEST_S = 240
"""How long cards are shown, in seconds: on a machine that is so busy that it would take longer to
show 60, there are fewer."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"), 64)


@pytest.fixture
def server(shop: Shop, tmp_path: Path) -> Iterator[Server]:
    with Server(shop.folder, tmp_path / "collection.sqlite") as server:
        yield server


@pytest.fixture
def pace(shop: Shop, server: Server, tmp_path: Path) -> float:
    """How long a card lies before the camera, in seconds: on a machine that can, one.

    A card needs two looks; there is time for five, as long as this machine, busy as it is and with
    a browser that shows a camera's picture, takes for them.
    """
    card = next(iter(shop.pictures.values()))
    frame, looks = jpeg(camera_frame([card])), []
    video = tmp_path / "pace.mjpeg"
    write_video(video, [Shot([card], 5)])
    with open_browser(video) as browser, open_page(browser, server) as page:
        page.goto("/camera")
        page.get_by_test_id("camera-mode").select_option("key")
        page.get_by_test_id("camera-start").click()
        page.get_by_test_id("camera-state").wait_for()
        for _ in range(5):
            began = time.perf_counter()
            server.post("/api/look?camera=pace&take=never", frame)
            looks.append(time.perf_counter() - began)
    video.unlink()
    return max(1.0, 5 * max(looks[1:]))


def taken(server: Server) -> list[str]:
    return [name_of(entry) for entry in server.get("/api/entries")["entries"]]


def test_sixty_cards_are_taken_in_order_none_twice_and_none_is_missing(
    shop: Shop, server: Server, pace: float, tmp_path: Path
) -> None:
    shown: list[str] = []
    shots = [Shot(NOTHING, pace)]
    cards = list(shop.pictures.items())[: min(60, round(LONGEST_S / pace))]
    for number, (card_id, picture) in enumerate(cards):
        shown.append(card_id)
        shots.append(Shot([picture], pace))
        if number % 5 == 1:  # lost for a moment: still the same copy
            shots += [Shot(NOTHING, BLINK), Shot([picture], pace)]
        if number % 3 == 2:  # the others are laid on the one before
            shots.append(Shot(NOTHING, pace))
        if number % 9 == 8:  # another copy of the same card
            shown.append(card_id)
            shots += [Shot([picture], pace), Shot(NOTHING, pace)]
    last = list(shop.pictures)[LAST]
    shots += [Shot([shop.pictures[last]], pace), Shot(NOTHING, 20)]
    video = tmp_path / "camera.mjpeg"
    write_video(video, shots)
    with open_browser(video) as browser, open_page(browser, server) as page:
        page.goto("/camera")
        page.get_by_test_id("camera-start").click()
        page.locator("#last:not([data-state=sight])").get_by_text(shop.names[last]).wait_for(
            timeout=1000 * (sum(shot.seconds for shot in shots) + PATIENCE_S)
        )
    video.unlink()
    assert taken(server) == [shop.names[card_id] for card_id in [*shown, last]]
    entries = server.get("/api/entries")["entries"]
    sure = [
        (entry["card"]["scryfall_id"], card_id)
        for entry, card_id in zip(entries, [*shown, last], strict=True)
        if entry["card"]
    ]
    assert [one for one, _ in sure] == [other for _, other in sure]
    assert len(sure) > 0.9 * len(shown)


def test_cards_side_by_side_count_each_and_the_last_step_is_undone_on_a_phone(
    shop: Shop, server: Server, pace: float, tmp_path: Path
) -> None:
    names, (one, other, copy, *_) = list(shop.names.values()), shop.pictures.values()
    shots = [Shot(NOTHING, pace), Shot([one, other], 4 * pace), Shot(NOTHING, pace)]
    video = tmp_path / "camera.mjpeg"
    write_video(video, [*shots, Shot([copy, copy], 4 * pace), Shot(NOTHING, 60)])
    phone: Any = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    with open_browser(video) as browser, open_page(browser, server, **phone) as page:
        page.goto("/camera")
        page.get_by_test_id("camera-start").tap()
        cards = page.get_by_test_id("taken-list").locator("li")
        cards.nth(3).wait_for()
        assert sorted(taken(server)[:2]) == sorted(names[:2])
        assert taken(server)[2:] == [names[2], names[2]]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert barriers(page) == []
        page.get_by_test_id("undo").tap()
        cards.nth(3).wait_for(state="detached")
        assert len(taken(server)) == 3
    video.unlink()


def test_a_reload_in_the_middle_loses_nothing_that_was_taken(
    shop: Shop, server: Server, pace: float, tmp_path: Path
) -> None:
    names, pictures = list(shop.names.values())[:4], list(shop.pictures.values())[:4]
    video = tmp_path / "camera.mjpeg"
    shots = [Shot([picture], 2 * pace) for picture in pictures]
    write_video(video, [Shot(NOTHING, pace), *shots, Shot(NOTHING, 60)])
    with open_browser(video) as browser, open_page(browser, server) as page:
        page.goto("/camera")
        page.get_by_test_id("camera-start").click()
        cards = page.get_by_test_id("taken-list").locator("li")
        cards.nth(1).wait_for()
        page.reload()
        # The camera runs again, and the video from its beginning.
        page.locator("#last:not([data-state=sight])").get_by_text(names[3]).wait_for()
        shown = [name.inner_text() for name in cards.locator(".name").all()]
    video.unlink()
    assert shown[::-1] == taken(server)
    assert taken(server)[-4:] == names
    before = taken(server)[:-4]
    assert len(before) >= 2
    assert before == names[: len(before)]


def test_with_the_key_a_card_is_taken_when_it_is_pressed_and_not_before(
    shop: Shop, server: Server, tmp_path: Path
) -> None:
    name, picture = next(iter(shop.names.values())), next(iter(shop.pictures.values()))
    video = tmp_path / "camera.mjpeg"
    write_video(video, [Shot([picture], 60)])
    with open_browser(video) as browser, open_page(browser, server) as page:
        page.goto("/camera")
        page.locator("#controls").evaluate("one => { one.open = true; }")
        page.get_by_test_id("camera-mode").select_option("key")
        page.get_by_test_id("camera-start").click()
        page.get_by_text("Press space to take it").wait_for()
        assert taken(server) == []
        page.keyboard.press("Space")
        page.get_by_test_id("taken-list").locator("li").wait_for()
        assert taken(server) == [name]
    video.unlink()
