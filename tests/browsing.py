"""A browser that looks at the pages of `mtg-db serve`, and complains of what a person overlooks."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from served import PATIENCE_S, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
STILL = """() => {
    const ends = (one) => one.effect.getComputedTiming().endTime < Infinity;
    const moving = document.getAnimations().filter(ends);
    return Promise.allSettled(moving.map((one) => one.finished)).then(() => null);
}"""
"""Waits until all movements have ended that have an end."""
PAGES = ("camera", "photos", "review", "collection", "overlay")


@contextlib.contextmanager
def open_browser(video: Path | None = None) -> Iterator[Browser]:
    """Start Debian's Chromium; skip the test where there is none.

    Parameters
    ----------
    video
        What the fake camera shows; without it, there is no camera.
    """
    reason = "Playwright is not installed: pip install '.[test]'"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    if CHROMIUM is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--use-fake-ui-for-media-stream", *(camera if video else ())],
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def open_page(browser: Browser, server: Server, **options: Any) -> Iterator[Page]:
    """A page that must neither say an error on its console nor ask another machine for anything.

    Parameters
    ----------
    options
        Those of Playwright's `Browser.new_context`.
    """
    context = browser.new_context(base_url=server.url, **options)
    context.set_default_timeout(1000 * PATIENCE_S)
    troubles: list[str] = []
    page = context.new_page()

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            troubles.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith((f"{server.url}/", "data:", "blob:")):
            troubles.append(request.url)

    page.on("console", heard)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", asked)
    yield page
    context.close()
    assert troubles == []


def barriers(page: Page) -> list[str]:
    """What axe calls serious or critical, once nothing moves any more."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    # In the middle of a fade, no text has the contrast that it will have.
    page.evaluate(STILL)
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
