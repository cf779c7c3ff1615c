"""Take the pictures of the pages that README.md shows: run it after a page has changed.

The cards are the demo's, shown to a fake camera. Needs Chromium and the extra `test`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from browsing import open_browser, open_page
from conftest import jpeg
from served import Server, covered, make_shop

from mtg_image_db.demo.camera import Shot, camera_frame, write_video

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
QUALITY = 80
"""Of the JPEGs: they stay under 150 kB."""


def main() -> None:
    """Write the pictures beside this file."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        shop = make_shop(folder, 45)
        cards, names = list(shop.pictures.values()), list(shop.names.values())
        video = folder / "camera.mjpeg"
        with Server(folder, folder / "collection.sqlite") as server:
            for number in range(0, 15, 3):
                frame = camera_frame(cards[number : number + 3], number)
                server.post(f"/api/photos?name=box-{number // 3 + 1}.jpg", jpeg(frame))
            table = camera_frame([cards[25], covered(cards[3])], 99)
            server.post("/api/photos?name=table.jpg", jpeg(table))
            for name, size, last in (("camera", DESKTOP, 9), ("phone", PHONE, 20)):
                write_video(video, [Shot([cards[last]], 120)])
                with (
                    open_browser(video) as browser,
                    open_page(browser, server, viewport=size) as page,
                ):
                    page.goto("/camera")
                    page.get_by_test_id("camera-start").click()
                    page.locator("#last:not([data-state=sight])").get_by_text(
                        names[last]
                    ).wait_for()
                    page.locator("#controls").evaluate("one => { one.open = false; }")
                    page.screenshot(path=HERE / f"serve-{name}.jpg", type="jpeg", quality=QUALITY)
            with open_browser() as browser:
                show(browser, server, "review", ".candidates img")
                show(browser, server, "collection", "tbody tr")


def show(browser: Browser, server: Server, name: str, ready: str) -> None:
    """Write the picture of a page once something is on it."""
    with open_page(browser, server, viewport=DESKTOP) as page:
        page.goto(f"/{name}")
        page.locator(ready).first.wait_for()
        page.wait_for_function("[...document.images].every((one) => one.complete)")
        page.screenshot(path=HERE / f"serve-{name}.jpg", type="jpeg", quality=QUALITY)


if __name__ == "__main__":
    main()
