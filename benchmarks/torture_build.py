"""Builds that are killed at random instants must leave a whole database and lose next to nothing.

    python benchmarks/torture_build.py [--images 600] [--kills 30] [--seed 1]

One cache, whose snapshot changes from build to build; a slow encoder, so that kills fall into every
stage. After each SIGKILL:

- a reader opens the complete old or the complete new database, and `verify` finds nothing wrong;
- of what was encoded, at most one checkpoint interval and one batch are lost.

When a build completes, its ids and metadata are those of an uninterrupted one, and its vectors are
equal to a cosine of 0.9999. A reader that opened before the first build goes on answering.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from incremental import PixelEncoder, make_cache, tiny_pictures, write_snapshot

from mtg_image_db import BuildOptions, Database, MissingInput, build_database
from mtg_image_db.database.verify import verify_database

BATCH, INTERVAL = 20, 100
RUN = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from incremental import PixelEncoder
from mtg_image_db import BuildOptions, build_database
from mtg_image_db.building import run
class Slow(PixelEncoder):
    done = 0
    def encode(self, pixels):
        time.sleep(0.002 * len(pixels))
        self.done += len(pixels)
        print("encoded", self.done, flush=True)
        return super().encode(pixels)
def measuring(*arguments):
    print("measuring", flush=True)
    return measure(*arguments)
measure, run.perturbed_queries = run.perturbed_queries, measuring
build_database(BuildOptions(cache=Path(sys.argv[2]), out=Path(sys.argv[3]), batch=20,
                            checkpoint_frequency=100), encoder=Slow(32))
print("complete", flush=True)
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        lines = make_cache(folder / "cache", tiny_pictures(arguments.images))
        torture = Torture(folder, lines, rng, counts)
        for _ in range(arguments.kills):
            torture.kill()
        torture.finish()
        lost = torture.lost
    for what, count in sorted(counts.items()):
        print(f"{what}: {count}")
    print(f"lost: {len(lost)}")
    for line in lost[:20]:
        print(f"  {line}")
    return 1 if lost else 0


class Torture:
    """One cache and one database, built again and again."""

    def __init__(
        self, folder: Path, lines: list[bytes], rng: random.Random, counts: Counter[str]
    ) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.lines = lines
        self.rng = rng
        self.counts = counts
        self.lost: list[str] = []
        self.day = 0
        self.reader: Database | None = None
        self.duration = 0.0
        self.change()
        self.run_whole()

    def change(self) -> None:
        """Publish another snapshot: a tenth of the cards leaves or comes, the order is another."""
        self.day += 1
        some = self.rng.sample(self.lines, int(0.9 * len(self.lines)))
        write_snapshot(self.folder / "cache", some, f"day {self.day:05d}")

    def start(self) -> subprocess.Popen[str]:
        """Start a build."""
        here = str(Path(__file__).parent)
        return subprocess.Popen(
            [sys.executable, "-c", RUN, here, str(self.folder / "cache"), str(self.out)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def run_whole(self) -> None:
        """Build undisturbed, and compare with a build from nothing."""
        began = time.perf_counter()
        said, _ = self.start().communicate(timeout=300)
        self.duration = max(self.duration, time.perf_counter() - began)
        if "complete" not in said:
            self.lost.append("a build did not complete")
        self.counts["completed builds"] += 1
        fresh = self.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        options = BuildOptions(cache=self.folder / "cache", out=fresh)
        build_database(options, encoder=PixelEncoder(32))
        mine, theirs = Database.open(self.out), Database.open(fresh)
        if list(mine.faces()) != list(theirs.faces()):
            self.lost.append("ids or metadata differ from an uninterrupted build's")
        cosines = (np.asarray(mine.embeddings) * np.asarray(theirs.embeddings)).sum(axis=1)
        if cosines.min() < 0.9999:
            self.lost.append(f"a vector differs: cosine {cosines.min()}")
        if self.reader is None:
            self.reader = mine
        self.check("a completed build")

    def kill(self) -> None:
        """Kill a build at a random instant, and look at what it left."""
        # Half of them from nothing, so that there is much to encode; half as updates.
        fresh = self.rng.random() < 0.5
        if fresh:
            shutil.rmtree(self.out, ignore_errors=True)
        else:
            self.change()
        process = self.start()
        time.sleep(self.rng.uniform(0.3, self.duration))
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
        self.counts["kills, from nothing" if fresh else "kills, of an update"] += 1
        self.check("a killed build")
        kept = sum(len(np.load(p)["keys"]) for p in (self.out / "checkpoint").glob("shard-*.npz"))
        # What the quality report encodes comes after everything was saved.
        said = said.partition("measuring")[0]
        done = max([0, *(int(n) for n in re.findall(r"encoded (\d+)", said))])
        if (self.out / "checkpoint").exists():
            if done - kept > INTERVAL + BATCH:
                self.lost.append(f"{done} encoded, {kept} kept")
            self.counts["vectors encoded before a kill"] += done
            self.counts["of these, kept for the next build"] += min(kept, done)
        self.run_whole()

    def check(self, event: str) -> None:
        """Open the database as a reader does, and verify it."""
        try:
            problems = verify_database(Database.open(self.out))
        except MissingInput:
            self.counts["kills before the first publication"] += 1
            return
        self.lost += [f"{event}: {problem}" for problem in problems]
        self.counts["databases opened and verified"] += 1

    def finish(self) -> None:
        """Ask the reader that has been open all the time."""
        if self.reader is None:
            raise SystemExit("nothing was built")
        for row in range(0, len(self.reader), 37):
            vector = np.asarray(self.reader.embeddings[row : row + 1])
            [[match, *_]] = self.reader.search(vector, 1)
            if match.face != self.reader.face(row):
                self.lost.append("the reader gave another answer")
        self.counts["answers of a reader opened at the beginning"] += 1


if __name__ == "__main__":
    sys.exit(main())
