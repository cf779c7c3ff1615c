"""Train the detector of cards.

    python train_detector.py SHARED WORK STATE [--until STEP] [--cooldown STEPS]

SHARED holds cards/ and cards2/; WORK keeps decoded scans (2 GB). One core trains, a third of a
second draws. It goes on from STATE, which keeps a checkpoint of every fifty steps. In the last
steps, as many as --cooldown says, the rate falls to nothing.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detector_batches import Batches
from detector_net import REACH, STRIDE, DetectorNet
from state import Training
from torch.nn import functional
from torch.utils.data import DataLoader

_CARD_SHARE, _QUAD_SHARE = 0.5, 4.0
"""Weights of the losses for "shows a card" and for corners beside that for anchors. By hand."""
_UPSIDE = 0.5
"""How much the corners in their own order count, beside corners from either end. By hand."""
_ANCHOR_CELLS = 8.0
"""How much more an anchor's cell counts for corners than another of its card. By hand."""
_WARM_UP = 200
"""Steps in which the rate rises to the whole. By hand."""


def losses(
    out: torch.Tensor, anchors: torch.Tensor, owners: torch.Tensor, quads: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How wrong the anchors, the cells that show a card, and the corners are.

    The first is the quality focal loss of Li et al. (NeurIPS 2020).
    """
    asked = owners != -2
    logit = out[:, 0]
    shown, here = owners >= 0, (anchors > 0.999) & asked
    missed = (anchors - torch.sigmoid(logit)) ** 2 * asked
    missed = missed * functional.binary_cross_entropy_with_logits(logit, anchors, reduction="none")
    # A photo of sixty cards counts eight times as much as one of one card, not sixty times.
    root = here.sum((1, 2)).clamp(min=1).sqrt()
    anchor = (missed.sum((1, 2)) / root).sum() / root.sum()
    card = functional.binary_cross_entropy_with_logits(out[:, 1][asked], shown[asked].float())
    count, rows, columns = torch.nonzero(shown, as_tuple=True)
    if not len(count):
        return anchor, card, 0 * card
    mine = owners[count, rows, columns]
    middles = torch.stack([columns, rows], -1) * float(STRIDE) + STRIDE / 2
    said = out[:, 2:].permute(0, 2, 3, 1)[count, rows, columns].reshape(-1, 4, 2) * REACH
    right = quads[mine].reshape(-1, 4, 2)
    # Lengths are measured against the mean side.
    size = (right - right.roll(-1, 1)).norm(dim=-1).mean(1).clamp(min=8)
    said = said + middles[:, None]
    straight, turned = (
        functional.smooth_l1_loss(
            (said - some) / size[:, None, None],
            torch.zeros_like(said),
            beta=0.02,
            reduction="none",
        ).mean((1, 2))
        for some in (right, right.roll(2, 1))
    )
    # Upside down is half as bad as elsewhere. Without that, a network that does not yet know which
    # side is up says that all corners are in the middle, and learns no more.
    each = _UPSIDE * straight + torch.minimum(straight, turned)
    weight = 1 + _ANCHOR_CELLS * anchors[count, rows, columns]
    # Each card counts the same, however much of it is seen.
    total = torch.zeros(len(quads)).index_add(0, mine, weight)
    weight = weight / total[mine] / root[count]
    corners = (each * weight).sum() / weight.sum()
    return anchor, card, corners


def prepared(photos: torch.Tensor) -> torch.Tensor:
    """Photos as the network takes them: float32 [n, 3, h, w], 0 to 1."""
    return photos.permute(0, 3, 1, 2).float().div_(255)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser()
    for name in ("shared", "work", "state"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--until", type=int, default=9000)
    parser.add_argument("--cooldown", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--easy", action="store_true")
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--rate", type=float, default=2e-3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    options.state.mkdir(parents=True, exist_ok=True)
    training = Training(DetectorNet(), options.state / "detector.pt", decay=0.995)
    batches = Batches(
        options.shared,
        options.work,
        options.batch,
        options.size,
        training.step,
        easy=options.easy,
    )
    began, recent, first = time.time(), [], training.step
    loader: Any = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=8)
    for photos, anchors, owners, quads in loader:
        training.net.train()
        out = training.net(prepared(photos))
        parts = losses(out, anchors, owners, quads)
        recent.append([part.item() for part in parts])
        loss = parts[0] + _CARD_SHARE * parts[1] + _QUAD_SHARE * parts[2]
        left = min(1.0, (options.until - training.step) / max(1, options.cooldown))
        # A run that goes on is also warmed up: from a low rate at once to the full one, the loss
        # rose tenfold.
        warm = min(1.0, (training.step - first + 1) / _WARM_UP)
        training.learn(loss, options.rate * left * warm)
        if training.step % 25 == 0:
            anchor, card, corners = np.mean(recent[-25:], axis=0)
            print(
                f"step {training.step}: anchors {anchor:.3f}, card {card:.3f}, corners "
                f"{corners:.4f}, {(time.time() - began) / 25:.2f} s a step",
                flush=True,
            )
            began = time.time()
        if training.step % 50 == 0 or training.step >= options.until:
            training.save()
        if training.step >= options.until:
            break


if __name__ == "__main__":
    main()
