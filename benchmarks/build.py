"""The build's pipeline beside its limit: decoding and encoding, each alone and both together.

    python benchmarks/build.py [--images 2000] [--model MODEL] [--device cpu|cuda|mps]

On a CPU the same cores decode and encode: no pipeline is faster than 1/(1/decode + 1/encode). On a
GPU the slower of the two is the limit. ViT-B-32 gets random weights: its speed does not depend on
them.
"""

from __future__ import annotations

import os

# As the command line does; torch reads it when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import hashlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from mtg_image_db.building.checkpoint import Checkpoint
from mtg_image_db.building.encode import choose_tuning, decode_ahead, encode_missing
from mtg_image_db.building.options import BuildOptions
from mtg_image_db.building.plan import PlannedFace
from mtg_image_db.building.reuse import Work
from mtg_image_db.building.run import FEATURE_ROWS, vector_rows
from mtg_image_db.encoders import DEFAULT_MODEL, Encoder, EncoderChoice, load_encoder
from mtg_image_db.system.progress import Silent

MODELS = (DEFAULT_MODEL, "ViT-B-32")

_T = TypeVar("_T")


class TimedCheckpoint(Checkpoint):
    """A checkpoint that knows how long its writing took."""

    seconds = 0.0

    def flush(self) -> None:
        """Write a shard, timed."""
        began = time.perf_counter()
        super().flush()
        self.seconds += time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--model", choices=MODELS, nargs="*", default=MODELS)
    parser.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        faces = make_images(folder, arguments.images)
        print(
            "| encoder | precision | batch | decode | encode | limit | pipeline | of limit | ",
            end="",
        )
        print("checkpoints |\n|---|---|---|---|---|---|---|---|---|")
        for model in arguments.model:
            compare(model, arguments.device, folder, faces)


def compare(model: str, device: str, folder: Path, faces: list[PlannedFace]) -> None:
    """Print one row of the table, and what holds the build up; rates are images a second."""
    encoder = make_encoder(model, device, folder)
    options = BuildOptions(cache=folder)
    tuning = choose_tuning(options, faces, encoder, None)
    how = encoder.fingerprint.preprocessing
    decoded, decode_seconds = timed(
        lambda: [p for _, p in decode_ahead(folder, faces, how, described=True)]
    )
    pixels = np.stack([p.pixels for p in decoded if not isinstance(p, str)])
    few = pixels[: 320 if device == "cpu" and model != DEFAULT_MODEL else len(pixels)]
    _, encode_seconds = timed(
        lambda: [
            encoder.encode(few[i : i + tuning.batch]) for i in range(0, len(few), tuning.batch)
        ]
    )
    decode, encode = len(faces) / decode_seconds, len(few) / encode_seconds
    vectors, features = (
        TimedCheckpoint(
            folder / f"{rows.name}-{model}", rows, frequency=500, resume=False, progress=Silent()
        )
        for rows in (vector_rows(encoder.fingerprint), FEATURE_ROWS)
    )
    work = Work(None, None, unencoded=tuple(faces), undescribed=tuple(faces), reused=0)
    _, seconds = timed(
        lambda: encode_missing(options, work, encoder, tuning, vectors, features, Silent())
    )
    limit = 1 / (1 / decode + 1 / encode) if device == "cpu" else min(decode, encode)
    rate = len(faces) / seconds
    print(
        f"| {model} | {tuning.precision} | {tuning.batch} | {decode:.0f} | {encode:.0f} "
        f"| {limit:.0f} | {rate:.0f} | {rate / limit:.2f} "
        f"| {100 * (vectors.seconds + features.seconds) / seconds:.2f} % |"
    )
    tried = ", ".join(f"{name}: {rate:.0f}" for name, rate in tuning.rates.items())
    print(f"\n{model}, tried (images/s by precision/batch): {tried}")
    print(f"{model}, bottleneck: {bottleneck(decode, encode)}\n", flush=True)


def bottleneck(decode: float, encode: float) -> str:
    """Which side holds the build up."""
    cores = os.cpu_count()
    if encode < decode:
        return f"encoding, {encode:.0f} a second, where {cores} cores decode {decode:.0f}"
    return f"decoding, which fills {cores} cores at {decode:.0f} a second; encoding {encode:.0f}"


def timed(work: Callable[[], _T]) -> tuple[_T, float]:
    """What some work returns, and its seconds."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def make_images(folder: Path, count: int) -> list[PlannedFace]:
    """Write distinct 488x680 JPEGs of about 100 kB."""
    from mtg_image_db.demo.cards import sample_cards

    pictures = [np.asarray(s.faces[0], dtype=np.int16) for s in sample_cards(32)]
    grain = np.random.default_rng(1).normal(0, 13, (800, 608, 3)).astype(np.int16)
    faces = []
    for number in range(count):
        x, y = number % 100, number // 100 % 100
        noisy = pictures[number % len(pictures)] + grain[y : y + 680, x : x + 488]
        stream = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=82)
        name = f"{number:05d}.jpg"
        (folder / name).write_bytes(stream.getvalue())
        key = hashlib.sha256(stream.getvalue()).hexdigest()
        faces.append(PlannedFace(name, name, key, "", 0))
    return faces


def make_encoder(model: str, device: str, folder: Path) -> Encoder:
    """The package's encoder, or a CLIP with random weights."""
    if model == DEFAULT_MODEL:
        return load_encoder(EncoderChoice(device=device))
    import open_clip
    import torch

    torch.manual_seed(0)
    torch.save(open_clip.create_model(model).state_dict(), folder / "random.pt")
    return load_encoder(EncoderChoice(model, str(folder / "random.pt"), device=device))


if __name__ == "__main__":
    main()
