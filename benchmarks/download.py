"""Download rate and CPU beside curl, aria2c and img2dataset, from nginx on loopback.

    python benchmarks/download.py [--img2dataset PROGRAM] [--images 2000] [--rounds 3]

Needs nginx with its echo module (Debian: nginx, libnginx-mod-http-echo), curl and aria2c, and
img2dataset in an environment of its own. nginx waits 40 ms before each image, as a distant server
would. Each program fetches the same list with the same number of connections, in turn; the table
has medians.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

PORT = 8377
CONNECTIONS = (1, 16, 64)
CONFIG = """
daemon off; master_process on; worker_processes 2; pid {folder}/nginx.pid;
error_log {folder}/error.log; {modules}
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; types {{ }}
  open_file_cache max=20000;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    {site}
    location /bulk-data/ {{ alias {folder}/bulk/; default_type application/json; }}
    location /file/ {{ alias {folder}/file/; default_type application/gzip; }}
  }}
}}
"""
SLOW_SITE = """
    location /cards/ {{ echo_sleep 0.04; echo_exec /raw$uri; }}
    location /raw/cards/ {{ internal; alias {folder}/cards/; default_type image/jpeg; }}
"""


@dataclass(frozen=True)
class Result:
    """One run: seconds, images that arrived, CPU seconds, and the rate the program itself saw."""

    seconds: float
    images: int
    cpu: float
    fetching: float | None = None

    @property
    def rate(self) -> float:
        """Images a second, the program's start included."""
        return self.images / self.seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--img2dataset", type=Path, help="the program, in its own environment")
    parser.add_argument("--connections", type=int, nargs="*", default=CONNECTIONS)
    parser.add_argument("--only", nargs="*", default=[], help="only these programs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        urls = make_site(folder, arguments.images)
        programs: dict[str, Callable[[int, Path], Result]] = {
            "mtg-db": run_ours,
            "curl": lambda n, out: run_curl(n, out, urls),
            "aria2c": lambda n, out: run_aria2c(n, out, urls),
        }
        if arguments.img2dataset:
            program = arguments.img2dataset
            programs["img2dataset"] = lambda n, out: run_img2dataset(n, out, urls, program)
        if arguments.only:
            programs = {name: programs[name] for name in arguments.only}
        with nginx(folder):
            for connections in arguments.connections:
                compare(programs, connections, arguments.rounds, folder)


def compare(
    programs: dict[str, Callable[[int, Path], Result]], connections: int, rounds: int, folder: Path
) -> None:
    """Run all programs in turn, `rounds` times, and print a table."""
    results: dict[str, list[Result]] = {name: [] for name in programs}
    for _ in range(1 if connections == 1 else rounds):
        for name, run in programs.items():
            out = folder / "out"
            results[name].append(run(connections, out))
            shutil.rmtree(out)
    print(f"\n{connections} connections, 40 ms an answer")
    print("| program | images/s | while fetching | of curl | CPU ms an image | images |")
    print("|---|---|---|---|---|---|")
    base = statistics.median(r.rate for r in results.get("curl", [])) if "curl" in results else 0
    for name, runs in results.items():
        rate = statistics.median(r.rate for r in runs)
        inner = [r.fetching for r in runs if r.fetching]
        fetching = statistics.median(inner) if inner else rate
        cpu = 1000 * statistics.median(r.cpu / max(r.images, 1) for r in runs)
        ratio = f"{fetching / base:.2f}" if base else ""
        images = min(r.images for r in runs)
        print(
            f"| {name} | {rate:.0f} | {fetching:.0f} | {ratio} | {cpu:.2f} | {images} |", flush=True
        )


def make_site(folder: Path, count: int) -> list[str]:
    """Write a Scryfall-like site of `count` distinct images; return their URLs."""
    from mtg_image_db.demo.cards import sample_cards

    samples = [s for s in sample_cards(48) if len(s.faces) == 1]
    pictures = [np.asarray(s.faces[0], dtype=np.int16) for s in samples]
    rng = np.random.default_rng(1)
    grain = rng.normal(0, 13, (800, 608, 3)).astype(np.int16)
    urls, lines, sizes = [], [], []
    for number in range(count):
        card = dict(samples[number % len(samples)].card)
        identity = f"{number * 2654435761 % 2**32:08x}{card['id'][8:]}"
        path = f"/cards/normal/front/{identity[0]}/{identity[1]}/{identity}.jpg"
        x, y = number % 100, number // 100 % 100
        noisy = pictures[number % len(pictures)] + grain[y : y + 680, x : x + 488]
        stream = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=82)
        file = folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(stream.getvalue())
        sizes.append(len(stream.getvalue()))
        urls.append(f"http://127.0.0.1:{PORT}{path}")
        lines.append(
            json.dumps(
                {**card, "id": identity, "digital": False, "image_uris": {"normal": urls[-1]}}
            )
        )
    packed = gzip.compress("\n".join(lines).encode())
    (folder / "file").mkdir()
    (folder / "file" / "cards.jsonl.gz").write_bytes(packed)
    (folder / "bulk").mkdir()
    descriptor = {
        "updated_at": "2026-11-22T09:00:00.000+00:00",
        "jsonl_download_uri": f"http://127.0.0.1:{PORT}/file/cards.jsonl.gz",
        "compressed_size": len(packed),
    }
    (folder / "bulk" / "default_cards").write_text(json.dumps(descriptor))
    print(f"{count} images of {np.mean(sizes) / 1000:.0f} kB on average")
    return urls


@contextmanager
def nginx(folder: Path, site: str = SLOW_SITE) -> Iterator[None]:
    """Run nginx in the foreground of a child process."""
    modules = "".join(
        f"load_module {path};"
        for path in Path("/usr/lib/nginx/modules").glob("*http_echo_module.so")
    )
    (folder / "nginx.conf").write_text(
        CONFIG.format(folder=folder, port=PORT, modules=modules, site=site.format(folder=folder))
    )
    server = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")])
    try:
        for _ in range(100):
            if (
                subprocess.run(
                    [
                        "curl",
                        "-sfo",
                        os.devnull,
                        f"http://127.0.0.1:{PORT}/bulk-data/default_cards",
                    ],
                    check=False,
                ).returncode
                == 0
            ):
                break
            time.sleep(0.1)
        else:
            raise SystemExit("nginx does not answer")
        yield
    finally:
        server.terminate()
        server.wait()


def measured(command: list[str], out: Path) -> tuple[float, float, str]:
    """Run a command; return its seconds, its CPU seconds, and what it said."""
    out.mkdir()
    before = os.times()
    began = time.perf_counter()
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    after = os.times()
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    if done.returncode:
        raise SystemExit(f"{command[0]}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return seconds, cpu, done.stderr


def count_images(out: Path) -> int:
    return sum(1 for path in out.rglob("*.jpg"))


def run_ours(connections: int, out: Path) -> Result:
    command = [sys.executable, "-m", "mtg_image_db", "download", "--kind", "default_cards"]
    command += ["--workers", str(connections), "--api-url", f"http://127.0.0.1:{PORT}"]
    seconds, cpu, said = measured(command, out)
    fetching = re.search(r"\(([\d.]+) images/s\)", said)
    return Result(seconds, count_images(out), cpu, float(fetching[1]) if fetching else None)


def run_curl(connections: int, out: Path, urls: list[str]) -> Result:
    config = out.parent / "curl.txt"
    config.write_text("".join(f'url="{url}"\noutput="{url.rpartition("/")[2]}"\n' for url in urls))
    command = ["curl", "--silent", "--show-error", "--fail", "--retry", "5"]
    if connections > 1:
        command += ["--parallel", "--parallel-immediate", "--parallel-max", str(connections)]
    seconds, cpu, _ = measured([*command, "--config", str(config)], out)
    return Result(seconds, count_images(out), cpu)


def run_aria2c(connections: int, out: Path, urls: list[str]) -> Result:
    listing = out.parent / "urls.txt"
    listing.write_text("\n".join(urls))
    command = ["aria2c", "--quiet", "--console-log-level=error", "-i", str(listing)]
    command += ["-j", str(connections), "-x", "1", "-s", "1", "--file-allocation=none"]
    seconds, cpu, _ = measured([*command, "--max-tries=6", "--retry-wait=1"], out)
    return Result(seconds, count_images(out), cpu)


def run_img2dataset(connections: int, out: Path, urls: list[str], program: Path) -> Result:
    listing = out.parent / "urls.txt"
    listing.write_text("\n".join(urls))
    command = [str(program), "--url_list", str(listing), "--output_folder", str(out / "images")]
    command += ["--processes_count", "1", "--thread_count", str(connections), "--retries", "5"]
    command += [
        "--resize_mode",
        "no",
        "--output_format",
        "files",
        "--number_sample_per_shard",
        "10000",
    ]
    command += ["--skip_reencode", "True"]
    seconds, cpu, _ = measured([*command, "--enable_wandb", "False"], out)
    stats = [json.loads(path.read_text()) for path in (out / "images").glob("*_stats.json")]
    inner = sum(part["duration"] for part in stats)
    images = count_images(out)
    return Result(seconds, images, cpu, images / inner if inner else None)


if __name__ == "__main__":
    main()
