"""Train the reader of collector lines.

    python train_reader.py SHARED FONTS STATE [--steps 8000]

SHARED holds cards/, cards2/, printings/ and scryfall/; FONTS some .ttf: sans-*.ttf for lines since
July 2014, serif-*.ttf for those before. One core trains, one draws. It goes on from STATE.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from line_batches import CODES, Batches
from reader_net import ReaderNet
from state import Training
from torch.nn import functional
from torch.utils.data import DataLoader

from mtg_image_db.reading.printed import BULLET, STAR
from mtg_image_db.reading.reader import ALPHABET

_SWAP = str.maketrans({BULLET: STAR, STAR: BULLET})
_MARK_SHARE = 4.0
"""Weight of bullet or star beside the whole text. By hand."""


def loss_of(out: torch.Tensor, texts: list[Any]) -> torch.Tensor:
    """The negative log-likelihood of both lines; of several texts, one of them is right."""
    steps = out.shape[2]

    def ctc(lane: int, owners: list[int], said: list[str]) -> torch.Tensor:
        targets = torch.tensor([CODES[c] for text in said for c in text], dtype=torch.long)
        lengths = torch.tensor([len(text) for text in said])
        logs = out[owners, lane].transpose(0, 1)
        return functional.ctc_loss(
            logs, targets, torch.full((len(said),), steps), lengths, reduction="none"
        )

    count = len(texts)
    upper = ctc(0, list(range(count)), [upper for upper, _ in texts])
    owners = [i for i, (_, lowers) in enumerate(texts) for _ in lowers]
    lower = -ctc(1, owners, [text for _, lowers in texts for text in lowers])
    index = torch.tensor(owners)
    top = torch.full((count,), -1e30).scatter_reduce(0, index, lower, "amax")
    summed = torch.zeros(count).scatter_add(0, index, torch.exp(lower - top[index]))
    both = upper - (top + torch.log(summed))
    # What nobody can read teaches little.
    loss = (both / (1 + both / 80)).mean()
    # Bullet or star is one character of many, and gets a share of its own.
    known = [i for i, (_, lowers) in enumerate(texts) if len(lowers) == 1 and len(lowers[0]) > 5]
    if known:
        said = [texts[i][1][0] for i in known]
        right, wrong = ctc(1, known, said), ctc(1, known, [text.translate(_SWAP) for text in said])
        loss = loss + _MARK_SHARE * functional.softplus(right - wrong).mean()
    return loss


def greedy(out: torch.Tensor) -> list[str]:
    """The most likely text of each strip."""
    best = out.argmax(-1).tolist()
    texts = []
    for row in best:
        text, before = "", 0
        for code in row:
            if code and code != before:
                text += ALPHABET[code - 1]
            before = code
        texts.append(text)
    return texts


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser()
    for name in ("shared", "fonts", "state"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--steps", type=int, default=6500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--pointing", type=float, default=4.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    options.state.mkdir(parents=True, exist_ok=True)
    training = Training(ReaderNet(), options.state / "reader.pt", decay=0.997)
    batches = Batches(
        options.shared, options.fonts, options.batch, training.step, options.steps // 3
    )
    weight = torch.ones(len(ALPHABET) + 1)
    weight[0] = 0.2  # most places are blank
    began, recent = time.time(), []
    for strips, texts, places in DataLoader(
        batches, batch_size=None, num_workers=1, prefetch_factor=6
    ):
        share = min(1.0, training.step / options.steps)
        training.net.train()
        out = training.net(strips.contiguous(memory_format=torch.channels_last))
        loss = loss_of(out, texts)
        recent.append(loss.item())
        if bool((places >= 0).any()):
            # Where the characters of drawn lines stand is known: that teaches the letters first.
            flat = out.reshape(-1, out.shape[-1])
            pointed = functional.nll_loss(flat, places.reshape(-1), weight=weight)
            loss = loss + options.pointing * (1 - share) * pointed
        # The rate falls along a cosine.
        rate = options.rate * min(1, training.step / 300)
        training.learn(loss, rate * (0.5 + 0.5 * math.cos(math.pi * share)))
        if training.step % 50 == 0:
            both = zip(greedy(out[:, 0]), greedy(out[:, 1]), texts, strict=True)
            right = [one == upper and two in lower for one, two, (upper, lower) in both]
            print(
                f"step {training.step}: loss {np.mean(recent[-50:]):.3f}, "
                f"{np.mean(right):.2f} read, {(time.time() - began) / 50:.2f} s a step",
                flush=True,
            )
            began = time.time()
        if training.step % 250 == 0 or training.step >= options.steps:
            training.save()
        if training.step >= options.steps:
            break


if __name__ == "__main__":
    main()
