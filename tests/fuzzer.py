"""Damages real files and runs commands over them: `fuzzer.py TARGET SEED FIRST COUNT FOLDER`.

A program of its own, because crashes and hangs are among what it looks for. Each round damages
one file of a copy, runs a few commands, and expects of each an answer, or one of our errors that
names a file. What a round does depends on target, seed and its number only.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image

from mtg_image_db import BuildOptions, Database, MtgDbError, build_database, download_images
from mtg_image_db.cli.parser import parse_arguments
from mtg_image_db.database.manifest import MANIFEST
from mtg_image_db.demo.cards import sample_cards
from mtg_image_db.download.options import DownloadOptions
from mtg_image_db.encoders import Encoder, load_encoder
from mtg_image_db.errors import EncoderError, ImageError
from mtg_image_db.pictures.opening import check_bytes, open_photo
from mtg_image_db.scryfall_double.double import ScryfallDouble
from mtg_image_db.system.files import write_json

A_ROUND = 60
"""Seconds after which a round hangs."""
_ODD: tuple[Any, ...] = (
    *(None, True, "", "x", "\ud800", "../../etc/passwd", "\0", [], {}, [[]], {"a": 1}, [None]),
    *(0, -1, 1, 0.5, 1e308, -(2**31), 2**31, 2**63, 2**64, 10**30, float("nan"), float("inf")),
)
_DEEP = "[" * 100_000 + "]" * 100_000


class Wrong(Exception):
    """A command did what it should not."""


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes: turned over, cut off, put in, doubled, zeroed, or an extreme number."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        # Headers are small and matter most.
        end = len(changed) if rng.random() < 0.5 else min(256, len(changed))
        place = rng.randrange(end) if end else 0
        length = min(rng.choice((1, 2, 4, 8, 64, 1000)), len(changed) - place)
        match rng.randrange(8):
            case 0 | 1 | 2:
                if changed:
                    changed[place] ^= 1 << rng.randrange(8)
            case 3:
                number = rng.choice((0xFF, 0x7F, 0x80, 0))
                extreme = bytes([*[0xFF] * 3, number] if number > 0x10 else 4)
                changed[place : place + 4] = extreme[: len(changed) - place]
            case 4:
                changed[place : place + length] = bytes(length)
            case 5:
                changed[place:place] = rng.randbytes(length)
            case 6:
                changed[place:place] = changed[place : place + length]
            case 7:
                del changed[place if rng.random() < 0.5 else max(place, len(changed) - length) :]
    return bytes(changed)


def damaged_json(data: bytes, rng: random.Random) -> bytes:
    """Put an odd value into one place of a JSON text; or a text nested deeply, or no such key."""
    value = json.loads(data)
    places: list[tuple[Any, Any]] = []

    def look(inside: Any) -> None:
        for key in inside if isinstance(inside, dict) else range(len(inside)):
            places.append((inside, key))
            if isinstance(inside[key], dict | list):
                look(inside[key])

    look(value)
    if not places or rng.random() < 0.05:
        return json.dumps(rng.choice(_ODD)).encode()
    inside, key = rng.choice(places)
    if rng.random() < 0.15:
        del inside[key]
        return json.dumps(value).encode()
    deep = rng.random() < 0.05
    inside[key] = "DEEP" if deep else rng.choice(_ODD)
    return json.dumps(value).replace('"DEEP"', _DEEP).encode()


def damage(path: Path, rng: random.Random) -> None:
    """Damage a file by what it is."""
    data = path.read_bytes()
    packed = path.suffix == ".gz" and rng.random() < 0.7
    if packed:
        data = gzip.decompress(data)
    clever = rng.random() < 0.6
    if clever and path.suffix == ".sqlite":
        with contextlib.suppress(sqlite3.Error):
            _damage_row(path, rng)
        return
    if clever and path.suffix == ".json":
        data = damaged_json(data, rng)
    elif clever and (path.suffix == ".jsonl" or packed):
        lines = data.splitlines()
        number = rng.randrange(len(lines))
        lines[number] = damaged_json(lines[number], rng)
        data = b"\n".join(lines) + b"\n"
    else:
        data = damaged(data, rng)
    path.write_bytes(gzip.compress(data) if packed else data)


def _damage_row(path: Path, rng: random.Random) -> None:
    odd = [value for value in _ODD if not isinstance(value, dict | list)]
    with contextlib.closing(sqlite3.connect(path)) as ledger:
        columns = [row[1] for row in ledger.execute("PRAGMA table_info(image)")]
        column, value = rng.choice(columns), rng.choice([*odd, b"\xff\0"])
        with contextlib.suppress(OverflowError, UnicodeEncodeError):
            ledger.execute(
                f"UPDATE image SET {column} = ? WHERE face_id = "  # noqa: S608
                "(SELECT face_id FROM image ORDER BY random() LIMIT 1)",
                (value,),
            )
            ledger.commit()


class Fuzzer:
    """A folder with everything in it, of which each round damages a copy."""

    def __init__(self, folder: Path) -> None:
        self.whole, self.home = folder / "whole", folder / "home"
        samples = [s for s in sample_cards(16) if not s.card.get("digital")]
        self.faces = [face.resize((244, 340)) for sample in samples for face in sample.faces]
        images = {
            f"{sample.card['id']}/{side}": _saved(face, "JPEG")
            for sample in samples
            for side, face in zip(("front", "back"), sample.faces, strict=False)
        }
        self.double = ScryfallDouble([sample.card for sample in samples], images)
        self.double.start()
        cache, out = self.whole / "image_cache", self.whole / "index_out"
        asked = DownloadOptions(cache=cache, api_url=self.double.url, kind="default_cards")
        download_images(asked)
        write_json(cache / "pauses.json", {"127.0.0.1": {"until": 0, "seconds": 30}})
        build_database(BuildOptions(cache=cache, out=out))
        self.database = Database.open(out)
        # The second card is cut off: it is found by its features.
        table = Image.new("RGB", (640, 460), "#443322")
        table.paste(self.faces[0], (40, 60))
        table.paste(self.faces[1].crop((0, 0, 244, 200)), (340, 60))
        table.save(self.whole / "photo.png")
        killed = BuildOptions(cache=cache, out=self.whole / "killed", batch=4)
        with contextlib.suppress(KeyboardInterrupt):
            build_database(killed, encoder=_Killed(load_encoder(killed.encoder)))

    def round(self, target: str, rng: random.Random) -> None:
        """Damage one thing, and run what meets it."""
        if target == "pictures":
            self._picture(rng)
            return
        os.chdir(self.whole)
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.whole, self.home)
        os.chdir(self.home)
        folders = {
            "database": "index_out",
            "indexes": "index_out",
            "cache": "image_cache",
            "checkpoint": "killed",
        }
        files = sorted(path for path in Path(folders[target]).rglob("*") if path.is_file())
        files = [path for path in files if not path.name.startswith(".lock")]
        if target == "indexes":
            files = [path for path in files if path.suffix == ".faiss"]
        # One image is like another.
        images = [path for path in files if path.suffix == ".jpg"]
        path = rng.choice([p for p in files if p.suffix != ".jpg"] + images[:1])
        before = path.read_bytes()
        damage(path, rng)
        what = f"{path}: {_difference(before, path.read_bytes())}"
        print(what, flush=True)
        if path.read_bytes() != before:
            getattr(self, f"_{target}")(path, rng)

    def _picture(self, rng: random.Random) -> None:
        kinds = ("JPEG", "JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "TGA", "AVIF")
        kind, face = rng.choice(kinds), rng.choice(self.faces)
        if kind in ("GIF", "TIFF") and rng.random() < 0.5:
            face = face.convert("P")
        data = damaged(_saved(face, kind), rng)
        print(f"a {kind} of {len(data)} bytes", flush=True)
        with contextlib.suppress(ImageError):
            check_bytes(data)
        with contextlib.suppress(ImageError):
            picture, *_ = open_photo(data, at_least=(200, 200))
            if rng.random() < 0.2:
                self.database.query(picture)

    def _database(self, path: Path, rng: random.Random) -> None:
        generation = Path("index_out") / (self.whole / "index_out/CURRENT").read_text().strip()
        manifest = generation / MANIFEST
        told = path.parent == generation and path != manifest
        if told and rng.random() < 0.8:
            # As if the size had been right: what lies behind that check is looked at as well.
            values = json.loads(manifest.read_bytes())
            values["outputs"][path.name]["bytes"] = path.stat().st_size
            write_json(manifest, values)
        some_set = self.database.face(3).set
        run("query", "photo.png", "--json")
        run("query", "photo.png", "--json", "--set", some_set, "--contact-sheet", "sheet.png")
        run("info", *rng.choice([("--json",), ()]))
        if run("verify") == 0 and told:
            raise Wrong("verify finds nothing wrong")
        match rng.randrange(5):
            case 0:
                run("export", "--format", rng.choice(["browser", "parquet", "npy"]))
                if Path("export/meta.json").exists():
                    json.loads(Path("export/meta.json").read_bytes(), parse_constant=_no_number)
            case 1:
                run("scan", "photo.png", "--to", "csv")
            case 2:
                run("build", codes=(0,))
                run("verify", codes=(0,))

    def _indexes(self, path: Path, rng: random.Random) -> None:
        """As from a stranger, who damages an index on purpose: size and digest are right."""
        manifest = path.with_name(MANIFEST)
        values = json.loads(manifest.read_bytes())
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        values["outputs"][path.name] = {"bytes": len(data), "sha256": digest}
        write_json(manifest, values)
        run("query", "photo.png", "--json")
        run("verify")
        if rng.random() < 0.2:
            run("build", codes=(0,))
            run("verify", codes=(0,))

    def _cache(self, path: Path, rng: random.Random) -> None:
        run("build", "--out", "new", codes=(0, None))
        run("clean", codes=(0, None))
        if rng.random() < 0.1:
            run("verify-cache", "--fix")
        done = run("download", "--kind", "default_cards", "--api-url", self.double.url)
        if done == 0:
            run("build", "--out", "new", codes=(0,))

    def _checkpoint(self, path: Path, rng: random.Random) -> None:
        run("build", "--out", "killed", codes=(0,))
        run("verify", "--db", "killed", codes=(0,))


def run(*command: str, codes: Sequence[int | None] = (0, 1, 2, None)) -> int | None:
    """Run a command in this process; None where it ended with an error of ours that is allowed."""
    shown = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape")
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(said):
            arguments = parse_arguments(command)
            code: int = arguments.run(arguments)
    except MtgDbError as error:
        names = [path.name for path in Path().rglob("*")]
        told = any(name in f"{error.message} {error.details}" for name in names)
        # A manifest may name any encoder there is.
        if not told and not isinstance(error, EncoderError):
            raise Wrong(f"{command}: no file is named: {error} ({error.details})") from error
        if None not in codes:
            raise Wrong(f"{command}: {error} ({error.details})") from error
        return None
    if code not in codes:
        raise Wrong(f"{command}: exit code {code}: {said.getvalue()}")
    if "--json" in command:
        shown.seek(0)
        for line in shown:
            json.loads(line, parse_constant=_no_number)
    return code


class _Killed:
    """An encoder that is interrupted in its third batch."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._batches = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, pixels: Any) -> Any:
        self._batches += 1
        if self._batches > 2:
            raise KeyboardInterrupt
        return self._encoder.encode(pixels)


def _saved(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def _no_number(text: str) -> NoReturn:
    raise Wrong(f"{text} is no JSON")


def _difference(before: bytes, after: bytes) -> str:
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    return f"{before[same : same + 40]!r} became {after[same : same + 40]!r} at {same}"


def fuzz(target: str, seed: str, rounds: range, folder: Path) -> int:
    """Fuzz; returns how many rounds went wrong."""
    warnings.simplefilter("ignore")
    faulthandler.enable()
    wrong = 0
    fuzzer = Fuzzer(folder)
    for number in rounds:
        print(f"{target}, seed {seed}, round {number}: ", end="", flush=True)
        faulthandler.dump_traceback_later(A_ROUND, exit=True)
        try:
            fuzzer.round(target, random.Random(f"{target} {seed} {number}"))
        except Exception:  # noqa: BLE001 (that is what is looked for)
            wrong += 1
            print("WRONG")
            traceback.print_exc(file=sys.stdout)
        faulthandler.cancel_dump_traceback_later()
    return wrong


if __name__ == "__main__":
    target, seed, first, count, folder = sys.argv[1:]
    rounds = range(int(first), int(first) + int(count))
    # Threads of servers and decoders may still wait.
    os._exit(fuzz(target, seed, rounds, Path(folder)) > 0)
