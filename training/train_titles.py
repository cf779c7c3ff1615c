"""Train the reader of titles.

    python train_titles.py SHARED FONTS STATE [--steps 8000]

SHARED holds cards/, cards2/ and printings/; FONTS title-*.ttf. One core trains, one draws. It goes
on from STATE. If STATE has places.npz (`place_titles.py`), scans are covered in part as well.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from state import Training
from title_batches import UNKNOWN, Batches
from title_net import TitleNet
from torch.nn import functional
from torch.utils.data import DataLoader

from mtg_image_db.reading.title_reader import CODES, best_text


def loss_of(out: torch.Tensor, said: list[str]) -> torch.Tensor:
    """The negative log-likelihood of what the titles say."""
    targets = torch.tensor([CODES[letter] for text in said for letter in text], dtype=torch.long)
    lengths = torch.tensor([len(text) for text in said])
    steps = torch.full((len(said),), out.shape[1])
    lost = functional.ctc_loss(
        out.transpose(0, 1), targets, steps, lengths, reduction="none", zero_infinity=True
    )
    # What nobody can read teaches little.
    return (lost / (1 + lost / 80)).mean()


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser()
    for name in ("shared", "fonts", "state"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--until", type=int, default=0, help="stop at this step")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--pointing", type=float, default=4.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    options.state.mkdir(parents=True, exist_ok=True)
    training = Training(TitleNet(), options.state / "titles.pt", decay=0.997)
    places = options.state / "places.npz"
    known = dict(np.load(places)) if places.exists() else {}
    batches = Batches(
        options.shared, options.fonts, options.batch, training.step, options.steps // 5, known
    )
    # Most places are blank.
    weight = torch.ones(len(CODES) + 1)
    weight[0] = 0.15
    began, recent = time.time(), []
    for strips, said, where in DataLoader(batches, batch_size=None, num_workers=1):
        share = min(1.0, training.step / options.steps)
        training.net.train()
        out = training.net(strips.contiguous(memory_format=torch.channels_last))
        loss = loss_of(out, said)
        recent.append(loss.item())
        if bool((where != UNKNOWN).any()):
            # Where the characters of drawn titles stand is known: that teaches the letters first.
            flat = out.reshape(-1, out.shape[-1])
            pointed = functional.nll_loss(
                flat, where.reshape(-1), weight=weight, ignore_index=UNKNOWN
            )
            loss = loss + options.pointing * (1 - share) * pointed
        # The rate falls along a cosine.
        rate = options.rate * min(1, training.step / 300)
        training.learn(loss, rate * (0.5 + 0.5 * math.cos(math.pi * share)))
        if training.step % 50 == 0:
            read = [best_text(logs) for logs in out.detach().numpy()]
            right = np.mean([one == text for one, text in zip(read, said, strict=True)])
            print(
                f"step {training.step}: loss {np.mean(recent[-50:]):.3f}, {right:.2f} read, e.g. "
                f"{read[0]!r} for {said[0]!r}, {(time.time() - began) / 50:.2f} s a step",
                flush=True,
            )
            began = time.time()
        if training.step % 100 == 0 or training.step >= options.steps:
            training.save()
        if training.step >= (options.until or options.steps):
            break


if __name__ == "__main__":
    main()
