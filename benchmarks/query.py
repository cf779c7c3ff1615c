"""A query from nothing: from starting the process to the printed answer.

    python benchmarks/query.py FOLDER [--faces 118000] [--rounds 9]

FOLDER keeps the database between runs; making it takes minutes. Its vectors are random and
lie in crowds (`index.make_vectors`); one face is a picture with its true vector and local features,
and is what is asked for. The faces most similar to it have local features of other pictures; the
other rows of that file, 12 KB each, are a hole in it and are never read. The index is made with an
efConstruction of 40, not 200, which takes a quarter of the time; its lists of links are as long.

All commands take turns, after a round to warm up, so their ratios compare; files are in the page
cache. Times are medians, from starting a process to its end. Other work on the machine makes the
seconds longer, those of CPU less so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from index import make_vectors
from PIL import Image

from mtg_image_db import BuildOptions, BuildSummary, CardFace, Database
from mtg_image_db.building.generation import write_distinct, write_manifest
from mtg_image_db.building.graph import write_index
from mtg_image_db.database.parts import EMBEDDINGS, FEATURES, METADATA, PRINTINGS
from mtg_image_db.database.publication import new_generation
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.encoders import EncoderChoice, load_encoder
from mtg_image_db.encoders.local_features import POINT_BYTES, POINTS, describe, pack
from mtg_image_db.encoders.preprocessing import open_for, prepare
from mtg_image_db.encoders.probe import Tuning
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH
from mtg_image_db.system.progress import Silent
from mtg_image_db.system.records import write_records

EMPTY = "python -c pass"
TORCH = 'python -c "import torch, open_clip"'
QUERY = "mtg-db query scan.jpg"
AIMS = {"ratio to torch": 0.25, "seconds": 1.2, "MB": 400.0, "of an empty process": 8.0}

# A child's peak counts what it shared with its parent before it became another program, so the
# parent must be a small one.
LAUNCHER = """
import json, os, sys, time
from subprocess import DEVNULL, Popen
began = time.perf_counter()
process = Popen(sys.argv[1:], stdout=DEVNULL, stderr=DEVNULL)
usage = os.wait4(process.pid, 0)[2]
seconds = time.perf_counter() - began
process.returncode = 0
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, peak]))
"""

PARTS = """
import sys, time
parts = {"interpreter": time.time() - float(sys.argv[1])}
began = time.perf_counter()
def part(name):
    global began
    parts[name] = time.perf_counter() - began
    began = time.perf_counter()
from mtg_image_db.cli.parser import parse_arguments
arguments = parse_arguments(["query", sys.argv[3], "--db", sys.argv[2]])
part("command line")
import numpy, faiss, cv2, PIL.Image, PIL.JpegImagePlugin
from mtg_image_db.encoders.runtime import onnx_runtime
onnx_runtime()
from mtg_image_db.database.database import Database
from mtg_image_db.encoders import onnx
from mtg_image_db.cli import query
part("imports")
database = Database.open(arguments.db)
part("opening")
database.encoder
part("encoder")
found = database.recognise(arguments.images[0])
part("decoding and geometry")
for stage, name in (("encode", "encoding"), ("search", "searching")):
    parts[name] = found.seconds[stage]
    parts["decoding and geometry"] -= parts[name]
began = time.perf_counter()
import contextlib, io, json
from mtg_image_db.cli.answers import PRINTERS, Asked
with contextlib.redirect_stdout(io.StringIO()):
    PRINTERS["table"](Asked(arguments.images[0], found.cards), 5)
part("printing")
print(json.dumps(parts))
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faces", type=int, default=118_000)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    encoder = load_encoder(EncoderChoice()).fingerprint.digest[:8]
    folder = arguments.folder / f"{arguments.faces}-{encoder}"
    if not (scan := folder / "scan.jpg").exists():
        make_database(folder, arguments.faces)
    [card] = Database.open(folder).query(scan)
    print(f"{arguments.faces:,} faces, {os.cpu_count()} cores; verdict {card.verdict}, ", end="")
    print(f"score {card.matches[0].score:.4f}, {card.points} points; {arguments.rounds} rounds\n")
    program = [sys.executable, "-m", "mtg_image_db"]
    commands = {
        EMPTY: [sys.executable, "-c", "pass"],
        TORCH: [sys.executable, "-c", "import torch, open_clip"],
        QUERY: [*program, "query", str(scan), "--db", str(folder)],
        "mtg-db --help": [*program, "--help"],
        "mtg-db --version": [*program, "--version"],
        "mtg-db query (an argument error)": [*program, "query"],
    }
    if None in map(importlib.util.find_spec, ("torch", "open_clip")):
        del commands[TORCH]
    figures: dict[str, list[list[float]]] = defaultdict(list)
    parts: dict[str, list[float]] = defaultdict(list)
    for number in range(arguments.rounds + 1):
        for name, command in commands.items():
            measured = json_of(LAUNCHER, *command)
            if number:
                figures[name].append(measured)
        began = repr(time.time())
        for name, took in json_of(PARTS, began, str(folder), str(scan)).items():
            if number:
                parts[name].append(took)
    report(
        {n: [statistics.median(of) for of in zip(*f, strict=True)] for n, f in figures.items()},
        {name: statistics.median(took) for name, took in parts.items()},
    )
    return 0


def report(figures: dict[str, list[float]], parts: dict[str, float]) -> None:
    """Print the tables, and which aims are met."""
    print("| process | seconds | of an empty process | CPU seconds | peak MB |")
    print("|---|---|---|---|---|")
    empty, query = figures[EMPTY][0], figures[QUERY]
    for name, (took, cpu, peak) in figures.items():
        print(f"| `{name}` | {took:.3f} | {took / empty:.1f} | {cpu:.3f} | {peak:.0f} |")
    print("\n| part of a query | milliseconds |\n|---|---|")
    for name, took in parts.items():
        print(f"| {name} | {1000 * took:.1f} |")
    quick = max(figures[name][0] for name in figures if name not in (EMPTY, TORCH, QUERY))
    found = {"seconds": query[0], "MB": query[2], "of an empty process": quick / empty}
    if TORCH in figures:
        found["ratio to torch"] = query[0] / figures[TORCH][0]
    print()
    for name, value in found.items():
        met = "met" if value <= AIMS[name] else "MISSED"
        print(f"{name}: {value:.3g} (aim: at most {AIMS[name]:g}, {met})")


def json_of(code: str, *arguments: str) -> Any:
    """What a Python process prints."""
    command = [sys.executable, "-c", code, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def make_database(folder: Path, faces: int) -> None:
    """Publish a database of random vectors in which one face is a picture, and write that."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = [sample.faces[0] for sample in sample_cards(40)]
    scan = folder / "part.jpg"
    samples[0].resize((488, 680)).save(scan, "JPEG", quality=90)
    encoder = load_encoder(EncoderChoice())
    how = encoder.fingerprint.preprocessing
    [vector] = encoder.encode(prepare(open_for(scan, how), how)[None])
    print("making the database", flush=True)
    vectors = make_vectors(faces, len(vector))
    row = faces // 2
    vectors[row] = vector
    near = np.argsort(-(vectors @ vector), kind="stable")[: len(samples)]
    options = BuildOptions(out=folder, hnsw_ef_construction=40)
    with new_generation(folder) as part:
        np.save(part / EMBEDDINGS, vectors)
        features = np.lib.format.open_memmap(
            part / FEATURES, mode="w+", dtype=np.uint8, shape=(faces, POINTS, POINT_BYTES)
        )
        samples[0] = Image.open(scan).convert("RGB")
        for place, sample in zip(near, samples, strict=True):
            small = sample.resize((CARD_WIDTH, CARD_HEIGHT), reducing_gap=2.0)
            features[place] = pack(describe(np.asarray(small)))
        features.flush()
        del features
        for place, name in enumerate((METADATA, PRINTINGS)):
            write_records(part / name, (lines_of(number)[place] for number in range(faces)))
        distinct = write_distinct(part)
        nothing = (np.empty((0, len(vector)), np.float32), np.empty(0, np.int64))
        index = write_index(part, options, distinct, None, nothing, Silent())
        tuning, entries = Tuning("fp32", 32, {}), len(distinct.firsts)
        summary = BuildSummary(folder, faces, entries, tuning, index.quality)
        write_manifest(part, options, encoder, index.entries, summary)
    scan.replace(folder / "scan.jpg")


def lines_of(number: int, name: str = "") -> tuple[bytes, bytes]:
    """A face's line of metadata, as long as a card's, and that of its artwork: three printings."""
    identity = f"{number:08x}-0000-4000-8000-{number:012x}"
    texts = dict.fromkeys(("face_id", "scryfall_id", "oracle_id", "illustration_id"), identity)
    texts |= {"name": name or f"The Card of Number {number}", "set": "tst"}
    texts["set_name"] = "Set for Testing"
    texts |= {"collector_number": str(number), "lang": "en", "artist": "Somebody with a Name"}
    texts["image_url"] = f"https://cards.scryfall.io/normal/front/0/0/{identity}.jpg?1700000000"
    texts["card_url"] = f"https://scryfall.com/card/tst/{number}/the-card-of-number-{number}"
    face = CardFace.from_record(texts).record()
    printing = {key: texts[key] for key in ("scryfall_id", "set", "collector_number", "lang")}
    artwork = {"illustration_id": identity, "printings": [printing] * 3}
    return json.dumps(face).encode(), json.dumps(artwork).encode()


if __name__ == "__main__":
    sys.exit(main())
