"""What the package's encoder costs on one core, beside ViT-B-32: by ONNX Runtime and by torch.

    python benchmarks/encoder.py [--rounds 9]

Milliseconds an image, alone and in batches of 16: the median of rounds in which all take turns.
ViT-B-32 gets random weights: its speed does not depend on them.
"""

from __future__ import annotations

import os

# One core, before any library counts them and makes its threads.
os.environ["OMP_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import open_clip
import torch

from mtg_image_db.encoders import (
    DEFAULT_MODEL,
    WEIGHTS,
    Encoder,
    EncoderChoice,
    load_encoder,
)

OURS = f"{DEFAULT_MODEL}, ONNX Runtime, fp32"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    encoders = make_encoders()
    print(f"{rounds} rounds on one core of {os.cpu_count()}\n")
    alone = medians(encoders, 1, rounds)
    batch = medians(encoders, 16, rounds)
    print("| encoder | ms alone | of ours | ms an image of 16 | of ours |\n|---|---|---|---|---|")
    for name in encoders:
        print(
            f"| {name} | {alone[name]:.1f} | {alone[name] / alone[OURS]:.2f} "
            f"| {batch[name]:.1f} | {batch[name] / batch[OURS]:.2f} |"
        )


def make_encoders() -> dict[str, Encoder]:
    """The encoders, by what the table calls them."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "random.pt"
        torch.save(open_clip.create_model("ViT-B-32").state_dict(), clip)
        by_torch = {
            DEFAULT_MODEL: EncoderChoice(
                pretrained=str(WEIGHTS / f"{DEFAULT_MODEL}.safetensors"), device="cpu"
            ),
            "ViT-B-32": EncoderChoice("ViT-B-32", str(clip), device="cpu"),
        }
        encoders = {OURS: load_encoder(EncoderChoice(device="cpu"))}
        for model, choice in by_torch.items():
            for precision in ("fp32", "bf16"):
                encoder = load_encoder(choice)
                encoder.use_precision(precision)
                encoders[f"{model}, torch, {precision}"] = encoder
    return encoders


def medians(encoders: dict[str, Encoder], count: int, rounds: int) -> dict[str, float]:
    """Milliseconds an image, for `count` at once."""
    seconds: dict[str, list[float]] = {name: [] for name in encoders}
    for number in range(rounds + 1):
        for name, encoder in encoders.items():
            how = encoder.fingerprint.preprocessing
            pixels = np.random.default_rng(number).integers(
                0, 256, (count, how.height, how.width, 3), dtype=np.uint8
            )
            began = time.perf_counter()
            encoder.encode(pixels)
            # The first round warms up.
            if number:
                seconds[name].append(time.perf_counter() - began)
    return {name: 1000 * statistics.median(some) / count for name, some in seconds.items()}


if __name__ == "__main__":
    main()
