"""Memory of a large download, and the time of a run that finds everything cached.

    python benchmarks/download_scale.py [--planned 540000] [--fetched 118000]

nginx serves one tiny picture under every name. A snapshot with so many cards is planned whole; of
its images, the first so many are fetched; then the same command runs again and finds them cached.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from download import PORT, nginx
from PIL import Image

RUN = """
from mtg_image_db.cli import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""
SITE = """
    location /cards/ {{ rewrite ^ /raw/cards/tiny.jpg break; root {folder}; }}
    location /raw/ {{ root {folder}; }}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--planned", type=int, default=540_000)
    parser.add_argument("--fetched", type=int, default=118_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        make_site(folder, arguments.planned)
        with nginx(folder, SITE):
            limit = ["--limit", str(arguments.fetched)]
            run(folder, f"plan of {arguments.planned:,} faces", "--dry-run")
            run(folder, f"{arguments.fetched:,} images fetched", *limit)
            run(folder, f"{arguments.fetched:,} images cached", *limit)
            run(folder, f"plan of {arguments.planned:,} faces, some cached", "--dry-run")


def run(folder: Path, name: str, *more: str) -> None:
    """Run a download in a process of its own; print its time and peak memory."""
    command = ["download", "--kind", "default_cards", "--cache", str(folder / "cache")]
    command += ["--workers", "32", "--api-url", f"http://127.0.0.1:{PORT}", *more]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{RUN}", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    counts = re.search(r"Requested .*", done.stderr)
    peak = int(done.stdout.split()[-1]) / 1024
    print(f"{name}: {seconds:.1f} s, peak {peak:.0f} MB. {counts[0] if counts else ''}", flush=True)


def make_site(folder: Path, count: int) -> None:
    """Write a snapshot of `count` short card objects, and one picture."""
    stream = io.BytesIO()
    Image.new("RGB", (48, 68), "green").save(stream, "JPEG")
    (folder / "raw" / "cards").mkdir(parents=True)
    (folder / "raw" / "cards" / "tiny.jpg").write_bytes(stream.getvalue())
    (folder / "file").mkdir()
    with gzip.open(folder / "file" / "cards.jsonl.gz", "wb", compresslevel=1) as packed:
        for number in range(count):
            identity = f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}"
            path = f"/cards/normal/front/{identity[0]}/{identity[1]}/{identity}.jpg?17"
            card = {
                "id": identity,
                "name": f"Card {number}",
                "set": "tst",
                "collector_number": str(number),
                "image_status": "highres_scan",
                "image_uris": {"normal": f"http://127.0.0.1:{PORT}{path}"},
            }
            packed.write(json.dumps(card).encode() + b"\n")
    (folder / "bulk").mkdir()
    descriptor = {
        "updated_at": "2026-11-22T09:00:00.000+00:00",
        "jsonl_download_uri": f"http://127.0.0.1:{PORT}/file/cards.jsonl.gz",
        "compressed_size": (folder / "file" / "cards.jsonl.gz").stat().st_size,
    }
    (folder / "bulk" / "default_cards").write_text(json.dumps(descriptor), encoding="utf-8")


if __name__ == "__main__":
    main()
