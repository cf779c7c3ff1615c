"""Downloads that are killed, interrupted, starved of disk and lied to must lose nothing.

    python benchmarks/torture_download.py [--images 400] [--kills 30] [--signals 10]
                                          [--full-disks 10] [--pairs 5] [--seed 1]

A Scryfall double on loopback answers about one image request in twelve with a fault. Runs of
`mtg-db download` on one cache are ended at random instants (SIGKILL, SIGINT, SIGTERM), limited in
file size at random (a write fails in its middle), or started two at a time. After each:

- every file under a final name is byte for byte what the double serves;
- no image that was there is requested again;

and whenever a run completes, the cache is the whole set and no `.part` is left. Exit code 1 if
anything was lost.
"""

from __future__ import annotations

import argparse
import io
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from mtg_image_db.download.paths import image_path
from mtg_image_db.scryfall_double import faults
from mtg_image_db.scryfall_double.double import ScryfallDouble

RUN = """
import resource, signal, sys
limit = int(sys.argv.pop(1))
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from pathlib import Path
from mtg_image_db import DownloadOptions, MtgDbError, download_images
import mtg_image_db.cli as cli
caught = cli._catch_signals()
try:
    summary = download_images(DownloadOptions(
        cache=Path(sys.argv[1]), api_url=sys.argv[2], kind="default_cards", workers=8,
        backoff_factor=0.01, rate_limit_floor=0.05, refresh=True, timeout_read=5, max_retries=12))
except MtgDbError:
    sys.exit(3)  # an error of ours, before the first image or while recording the last
except KeyboardInterrupt:
    sys.exit(130)  # before the first image
if summary.stopped:
    sys.exit(3)
sys.exit(128 + caught[0] if caught else 0 if summary.failed == 0 else 4)
"""


class Torture:
    """One cache, one double, and what was seen."""

    def __init__(self, folder: Path, images: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        cards, pictures = make_cards(images, seed)
        self.double = ScryfallDouble(cards, pictures)
        self.pictures = pictures
        self.expected: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()
        self.lost: list[str] = []
        self.round = 0

    def start(self) -> None:
        """Serve."""
        self.double.start()
        url = self.double.url
        for key, data in self.pictures.items():
            identity = key.partition("/")[0]
            path = f"/cards/normal/front/{identity[0]}/{identity[1]}/{identity}.jpg?1"
            self.expected[image_path(identity, url + path)] = data
        self.fresh()

    def fresh(self) -> None:
        """Begin a new cache."""
        self.round += 1
        self.cache = self.folder / f"cache{self.round}"
        self.there: set[str] = set()
        self.double.clear_faults()
        for identity in {key.partition("/")[0] for key in self.pictures}:
            if self.rng.random() < 0.08:
                self.double.inject(identity, self.fault())

    def fault(self) -> faults.Fault:
        """Choose a fault."""
        self.counts["faulty answers planned"] += 1
        kinds = [
            faults.truncated(self.rng.random()),
            faults.html_page(),
            faults.corrupt(),
            faults.reset(),
            faults.server_error(503),
            faults.empty(),
            faults.shortened(0.7),
            faults.too_many_requests(0),
        ]
        return self.rng.choice(kinds)

    def process(self, limit: int = 0) -> subprocess.Popen[str]:
        """Start a run, which may write no file over `limit` bytes."""
        return subprocess.Popen(
            [sys.executable, "-c", RUN, str(limit), str(self.cache), self.double.url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str], event: str) -> None:
        """Wait for a run to end and look at what it left."""
        _, said = process.communicate(timeout=120)
        self.counts[event] += 1
        if "Traceback" in said:
            self.lost.append(f"{event}: a traceback: {said[-300:]}")
        now = self.look(event)
        if process.returncode == 0:
            self.counts["completed runs"] += 1
            if now != set(self.expected):
                self.lost.append(f"{event}: completed with {len(now)} of {len(self.expected)}")
            if parts := list(self.cache.rglob("*.part")):
                self.lost.append(f"{event}: {parts[0]} left behind")
            self.fresh()

    def look(self, event: str) -> set[str]:
        """Compare the cache with what the double serves, and with what was asked again."""
        now = set()
        for path in (self.cache / "images").glob("*/*"):
            if path.name.endswith(".part"):
                self.counts["half-written files met"] += 1
                continue
            name = path.relative_to(self.cache).as_posix()
            now.add(name)
            if path.read_bytes() != self.expected.get(name):
                self.lost.append(f"{event}: {name} is not what was served")
        self.lost += [f"{event}: {name} is gone" for name in sorted(self.there - now)]
        asked = {request.path.partition("?")[0] for request in self.double.requests_to("/cards/")}
        del self.double.requests[:]
        for name in self.there:
            identity = name.rpartition("/")[2][:36]
            if any(identity in path for path in asked):
                self.lost.append(f"{event}: {name} was fetched again")
        self.there = now
        return now


def make_cards(count: int, seed: int) -> tuple[list[dict[str, object]], dict[str, bytes]]:
    """Cards with pictures of some 20 kB."""
    rng = np.random.default_rng(seed)
    cards: list[dict[str, object]] = []
    pictures = {}
    for number in range(count):
        identity = f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}"
        path = f"normal/front/{identity[0]}/{identity[1]}/{identity}.jpg?1"
        cards.append(
            {
                "object": "card",
                "id": identity,
                "name": f"Card {number}",
                "set": "tst",
                "collector_number": str(number),
                "image_status": "highres_scan",
                "image_uris": {"normal": f"https://cards.scryfall.io/{path}"},
            }
        )
        small = rng.integers(0, 256, (68, 49, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(small).resize((488, 680)).save(stream, "JPEG", quality=75)
        pictures[f"{identity}/front"] = stream.getvalue()
    return cards, pictures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--signals", type=int, default=10)
    parser.add_argument("--full-disks", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        torture = Torture(Path(folder), arguments.images, arguments.seed)
        torture.start()
        try:
            torment(torture, arguments)
        finally:
            torture.double.stop()
    for what, count in sorted(torture.counts.items()):
        print(f"{what}: {count}")
    print(f"lost: {len(torture.lost)}   ({time.perf_counter() - began:.0f} s)")
    for line in torture.lost[:20]:
        print(f"  {line}")
    return 1 if torture.lost else 0


def torment(torture: Torture, arguments: argparse.Namespace) -> None:
    """Run everything once, in a random order."""
    rng = torture.rng
    whole = time.perf_counter()
    torture.end(torture.process(), "undisturbed runs")
    whole = time.perf_counter() - whole
    events = ["kill"] * arguments.kills + ["signal"] * arguments.signals
    events += ["disk"] * arguments.full_disks + ["pair"] * arguments.pairs
    rng.shuffle(events)
    for event in events:
        if event == "disk":
            # Between the smallest snapshot and the largest picture: some write fails.
            sizes = sorted(len(data) for data in torture.pictures.values())
            limit = rng.randrange(sizes[0] // 2, sizes[-1])
            torture.end(torture.process(limit), "runs with a full disk")
        elif event == "pair":
            first, second = torture.process(), torture.process()
            first.communicate(timeout=120)
            torture.end(second, "pairs of runs at once")
        else:
            process = torture.process()
            time.sleep(rng.uniform(0.2, whole))
            gentle = rng.choice([signal.SIGINT, signal.SIGTERM])
            number = signal.SIGKILL if event == "kill" else gentle
            process.send_signal(number)
            torture.end(process, f"runs ended by {number.name}")
    torture.end(torture.process(), "undisturbed runs")


if __name__ == "__main__":
    sys.exit(main())
