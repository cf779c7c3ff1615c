"""How long `mtg-db serve` takes from a frame to its answer, and whether it keeps up with a hand.

    python benchmarks/serve.py [--cards 64] [--frames 200] [--memory 1000] [--skip-browser]

A database of the demo's cards, and frames of 1280x720 pixels as a camera gives them. Each frame is
another one. Clients send their next frame when the one before was answered; a client that is told
to come again (503) does so, and its time counts from the first time it asked.

The last lines need Chromium and Playwright: a fake camera shows 60 cards in 60 seconds, each laid
on the one before, and 12 cards with an empty table between them; the page must take each once.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import requests
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browsing import CHROMIUM, open_browser, open_page
from conftest import jpeg
from served import Server, Shop, make_shop, name_of

from mtg_image_db.demo.camera import Shot, camera_frame, write_video

_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cards", type=int, default=64)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--memory", type=int, default=1000)
    parser.add_argument("--skip-browser", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        shop = make_shop(Path(text), arguments.cards)
        with Server(shop.folder, Path(text) / "collection.sqlite") as server:
            measure(server, shop, arguments.frames, arguments.memory)
        if not arguments.skip_browser and CHROMIUM:
            for seconds, cards, gap in ((1.0, 60, 0.0), (1.0, 12, 1.0)):
                print(by_hand(shop, Path(text), seconds, cards, gap))
    return 0


def measure(server: Server, shop: Shop, frames: int, memory: int) -> None:
    """Print the table of the answers, and the memory that they leave behind."""
    pictures = list(shop.pictures.values())
    single = [jpeg(camera_frame([pictures[n % len(pictures)]], n), 85) for n in range(60)]
    four = [jpeg(camera_frame([pictures[n + m] for m in range(4)], n), 85) for n in range(12)]
    nothing = [jpeg(camera_frame([], n, n % 3), 85) for n in range(3)]
    ask(server, single, 1, 10)
    before = resident(server)
    print("| frame | clients | median ms | 95 % below ms | frames/s | CPU ms a frame | 503 |")
    print("|---|---|---|---|---|---|---|")
    for name, some, clients in (
        ("one card", single, 1),
        ("one card", single, 8),
        ("four cards", four, 1),
        ("empty table", nothing, 1),
    ):
        print(f"| {name} | {clients} {ask(server, some, clients, frames)}")
    done = 10 + 4 * frames
    while done < memory:
        ask(server, single, 1, 10)
        done += 10
    print(f"memory: {before:.0f} MB after 10 frames, {resident(server):.0f} MB after {done}")


def ask(server: Server, frames: Sequence[bytes], clients: int, total: int) -> str:
    """Send frames from several clients at once, and describe the answers."""
    took: list[float] = []
    again = 0
    numbers = count()

    def client(name: int) -> None:
        nonlocal again
        session = requests.Session()
        url = f"{server.url}/api/look?take=never&camera=client{name}"
        while (number := next(numbers)) < total:
            began = time.perf_counter()
            frame = frames[number % len(frames)]
            while (answer := session.post(url, data=frame, timeout=120)).status_code == 503:
                again += 1
                time.sleep(float(answer.headers["retry-after"]))
            answer.raise_for_status()
            took.append(1000 * (time.perf_counter() - began))

    began, cpu = time.perf_counter(), processor(server)
    threads = [threading.Thread(target=client, args=(name,)) for name in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - began, processor(server) - cpu
    median, most = np.percentile(took, [50, 95])
    rate, each = len(took) / seconds, 1000 * cpu / len(took)
    return f"| {median:.0f} | {most:.0f} | {rate:.1f} | {each:.0f} | {again} |"


def processor(server: Server) -> float:
    """Seconds of processor time that the server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(server: Server) -> float:
    """Memory of the server in MB."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def by_hand(shop: Shop, folder: Path, seconds: float, cards: int, gap: float) -> str:
    """Show cards to the page's own camera, and count what it takes."""
    shown = list(shop.pictures.items())[:cards]
    nothing: Sequence[Image.Image] = ()
    shots = [Shot(nothing, 3)]
    for _, picture in shown:
        shots += [Shot([picture], seconds), *([Shot(nothing, gap)] if gap else ())]
    shots.append(Shot(nothing, 30))
    video = folder / "camera.mjpeg"
    write_video(video, shots)
    collection = folder / f"{cards}-{gap}.sqlite"
    with Server(shop.folder, collection) as server, open_browser(video) as browser:
        with open_page(browser, server) as page:
            page.goto("/camera")
            page.get_by_test_id("camera-start").click()
            time.sleep(sum(shot.seconds for shot in shots) - 25)
        taken = [name_of(entry) for entry in server.get("/api/entries")["entries"]]
    video.unlink()
    expected = [shop.names[card_id] for card_id, _ in shown]
    both = ((expected, taken), (taken, expected))
    missing, twice = (list((Counter(a) - Counter(b)).elements()) for a, b in both)
    more = f" with {gap:g} s of an empty table between them" if gap else ""
    return (
        f"{cards} cards, each for {seconds:g} s{more}: {len(taken)} taken; missing: "
        f"{', '.join(missing) or 'none'}; too many: {', '.join(twice) or 'none'}"
    )


if __name__ == "__main__":
    sys.exit(main())
