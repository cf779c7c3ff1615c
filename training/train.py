"""Step 3: train the tower contrastively; stop it at any time, start it again to go on.

A pair is a degraded view and a scan of the same artwork. The network sees one of the two, the mean
of its weights the other, and the network must find it again among the batch and thousands of past
scans (He et al., "Momentum Contrast", 2020). The mean has to compute them: from vectors of its own
the network runs away, by turning all new ones at once (MODEL_CARD.md).
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from batches import RAMP, Batches, Plan
from cards import Cards, artwork_classes, load_cards, picture_numbers
from conditions import MEDIUM, queries
from export import load_tower
from retrieval import embed, rank, second_sources, to_batch
from torch.nn import functional
from tower import EMBED_DIM, SIZE, create_tower

if TYPE_CHECKING:
    from types import FrameType

SCALES = (16.0, 50.0)
"""Bounds of the learned inverse temperature."""
NOTHING = -1
"""The class of a place of the queue that is still empty."""


@dataclass
class Queue:
    """Vectors of past scans by the mean of weights, the newest first, and their classes."""

    vectors: torch.Tensor
    classes: torch.Tensor

    @classmethod
    def empty(cls, length: int, width: int, device: torch.device) -> Queue:
        """Return a queue of ``length`` empty places for vectors of ``width`` numbers."""
        return cls(
            torch.zeros(length, width, device=device),
            torch.full((length,), NOTHING, device=device),
        )

    def add(self, vectors: torch.Tensor, classes: torch.Tensor) -> None:
        """Put vectors in front; as many of the oldest go."""
        length = len(self.classes)
        self.vectors = torch.cat([vectors, self.vectors])[:length]
        self.classes = torch.cat([classes, self.classes])[:length]


@dataclass
class State:
    """Everything that a checkpoint holds."""

    model: torch.nn.Module
    average: torch.nn.Module
    scale: torch.nn.Parameter
    optimiser: torch.optim.Optimizer
    queue: Queue
    step: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Write the checkpoint so that an interruption leaves the old one whole."""
        part = path.with_suffix(".part")
        torch.save(
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "scale": self.scale.detach(),
                "optimiser": self.optimiser.state_dict(),
                "vectors": self.queue.vectors,
                "classes": self.queue.classes,
                "step": self.step,
                "seconds": self.seconds,
                "rng": torch.get_rng_state(),
            },
            part,
        )
        part.replace(path)

    def load(self, path: Path, device: torch.device) -> None:
        """Take up a checkpoint."""
        data: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        self.model.load_state_dict(data["model"])
        self.average.load_state_dict(data["average"])
        self.optimiser.load_state_dict(data["optimiser"])
        with torch.no_grad():
            self.scale.copy_(data["scale"])
        self.queue = Queue(data["vectors"], data["classes"])
        self.step, self.seconds = data["step"], data["seconds"]
        torch.set_rng_state(data["rng"].cpu())


def fresh(tower: torch.nn.Module, device: torch.device, length: int) -> State:
    """Return the state before the first step of a tower, with a queue of ``length`` places."""
    model = tower.to(device)
    average = copy.deepcopy(model).requires_grad_(requires_grad=False).eval()
    scale = torch.nn.Parameter(torch.tensor(np.log(16.0), dtype=torch.float32, device=device))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": 0.03},
            {"params": [*others, scale], "weight_decay": 0.0},
        ],
        lr=0.0,
        betas=(0.9, 0.98),
    )
    return State(model, average, scale, optimiser, Queue.empty(length, EMBED_DIM, device))


def contrast(
    asked: torch.Tensor,
    keys: torch.Tensor,
    classes: torch.Tensor,
    queue: Queue,
    scale: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the InfoNCE loss, and the share of ``asked`` that are nearest to their own key.

    Parameters
    ----------
    asked, keys : tensor, shape (B, D)
        Unit vectors by the network and by the mean of its weights, row by row of the same artwork.
    classes : tensor of int, shape (B,)
        Artworks; equal ones are never held against each other.
    queue : Queue
        What they must be told apart from as well.
    scale : tensor
        The inverse of the temperature.
    """
    target = torch.arange(len(asked), device=asked.device)
    others = torch.cat([classes, queue.classes])[None]
    left_out = (classes[:, None] == others) | (others == NOTHING)
    left_out[target, target] = False
    logits = scale * asked @ torch.cat([keys, queue.vectors]).T
    logits = logits.masked_fill(left_out, -1e4)
    loss = functional.cross_entropy(logits, target)
    return loss, (logits.argmax(1) == target).float().mean()


def one_step(
    state: State, images: torch.Tensor, classes: torch.Tensor, rate: float, decay: float
) -> tuple[float, float]:
    """Train on one batch and return loss and accuracy."""
    device = state.scale.device
    state.model.train()
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    classes = classes.to(device)
    views, scans = to_batch(images.numpy(), device).chunk(2)
    # Half of the pairs ask with the scan, the others with the view: so both networks see both
    # kinds, and no picture is computed twice.
    half = len(views) // 2
    with torch.autocast(device.type, torch.bfloat16):
        out = state.model(torch.cat([scans[:half], views[half:]]))
        with torch.no_grad():
            other = state.average(torch.cat([views[:half], scans[half:]]))
    asked = functional.normalize(out.float(), dim=1)
    keys = functional.normalize(other.float(), dim=1)
    scale = state.scale.clamp(np.log(SCALES[0]), np.log(SCALES[1])).exp()
    loss, accuracy = contrast(asked, keys, classes, state.queue, scale)
    state.queue.add(keys[half:], classes[half:])
    state.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), 1.0)
    state.optimiser.step()
    with torch.no_grad():
        keep = min(decay, (1 + state.step) / (10 + state.step))
        for mean, value in zip(
            state.average.state_dict().values(), state.model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)
    state.step += 1
    return float(loss.detach()), float(accuracy)


@torch.no_grad()
def centre(model: torch.nn.Module, images: torch.Tensor, device: torch.device) -> None:
    """Shift a fresh tower's output so that vectors do not start out crowded in one direction."""
    model.train()
    head: Any = model.head
    head.pool.proj.bias -= model(to_batch(images.numpy(), device)).mean(0)


@dataclass(frozen=True)
class Trial:
    """A fixed examination on cards that never enter training."""

    cards: Cards
    classes: np.ndarray[Any, np.dtype[np.int64]]
    pictures: np.ndarray[Any, np.dtype[np.int64]]
    size: tuple[int, int]

    def run(
        self, model: torch.nn.Module, device: torch.device, most: int = 1100
    ) -> dict[str, float]:
        """Search held-out cards, degraded or from a second source, in the whole gallery."""
        rows = np.flatnonzero(self.cards.held_out)[:most]
        gallery = embed(model, self.cards.pixels, self.size, device)
        degraded = embed(model, queries(self.cards, rows, MEDIUM, 5), self.size, device)
        medium = rank(degraded, gallery, self.classes[rows], self.classes)
        twice = second_sources(self.classes, self.pictures, self.cards.held_out)
        hidden = (self.pictures[twice], self.pictures)
        second = rank(gallery[twice], gallery, self.classes[twice], self.classes, hidden)
        return {
            "medium_top1": round(medium.share(1), 4),
            "medium_recall50": round(medium.share(50), 4),
            "second_top1": round(second.share(1), 4),
            "second_top5": round(second.share(5), 4),
            "second_queries": len(twice),
        }


def share_of_rate(step: int, until: int, cooldown: int) -> float:
    """Return the learning rate as a share of the highest: up in 100 steps, down at the end."""
    return min(1.0, (step + 1) / 100, (until - step) / cooldown if cooldown else 1.0)


def loader_of(arguments: argparse.Namespace, cards: Cards, plan: Plan, first: int) -> Any:
    """Return the batches from step ``first`` to the last, drawn by worker processes."""
    count = max(arguments.until - first, 0)
    batches = Batches(cards, arguments.pairs, plan, first, count)
    return torch.utils.data.DataLoader(
        batches,
        batch_size=None,
        num_workers=arguments.workers,
        prefetch_factor=4 if arguments.workers else None,
    )


def arguments_of(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder that prepare.py wrote")
    parser.add_argument("state", type=Path, help="folder of the checkpoint; taken up if present")
    parser.add_argument(
        "--start", type=Path, help="weights to begin with: a checkpoint's mean, or .safetensors"
    )
    parser.add_argument("--pairs", type=Path, help="same-artwork list from pairs.py")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, help="height and width")
    parser.add_argument("--batch", type=int, default=128, help="pairs a step")
    parser.add_argument("--invented", type=float, default=0.35, help="share of recombined cards")
    parser.add_argument("--reframed", type=float, default=0.12, help="share of changed frames")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--queue", type=int, default=4096, help="past scans to tell apart from")
    parser.add_argument("--scale", type=float, default=16.0, help="least inverse temperature")
    parser.add_argument(
        "--cooldown", type=int, default=0, help="lower the rate to 0 over the last N steps"
    )
    parser.add_argument("--average", type=float, default=0.998, help="decay of the mean weights")
    parser.add_argument("--until", type=int, required=True, help="step to stop at")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2, help="torch threads on a CPU")
    parser.add_argument("--examine", type=int, default=400, help="steps between examinations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="JSON lines; default: log.jsonl in STATE")
    return parser.parse_args(argv)


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Return what the batches are made of."""
    return Plan(
        pairs=arguments.batch,
        size=(arguments.size[0], arguments.size[1]),
        invented=arguments.invented,
        reframed=arguments.reframed,
        seed=arguments.seed,
        # Who has learned something sees the worst at once.
        ramp=1 if arguments.start else RAMP,
    )


def main(argv: list[str] | None = None) -> int:
    """Train until ``--until`` or a SIGTERM, writing a checkpoint every few minutes."""
    arguments = arguments_of(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(arguments.threads)
    arguments.state.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.state / "checkpoint.pt"
    log = arguments.log or arguments.state / "log.jsonl"
    tower = load_tower(arguments.start) if arguments.start else create_tower(arguments.seed)
    state = fresh(tower, device, arguments.queue)
    resumed = checkpoint.exists()
    if resumed:
        state.load(checkpoint, device)
    first = state.step

    cards = load_cards(arguments.work)
    plan = plan_of(arguments)
    size = plan.size
    trial = Trial(cards, artwork_classes(cards, arguments.pairs), picture_numbers(cards), size)
    state.scale.data.clamp_(min=np.log(arguments.scale))
    loader = loader_of(arguments, cards, plan, first)
    stop = False

    def end(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    def note(**fields: object) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({"step": state.step, "seconds": round(state.seconds), **fields}) + "\n"
            )

    if not resumed and not arguments.start:
        centre(state.model, loader.dataset[0][0], device)
        state.average.load_state_dict(state.model.state_dict())
    signal.signal(signal.SIGTERM, end)
    note(event="start", pid=os.getpid(), threads=torch.get_num_threads(), **asdict(plan))
    saved = time.monotonic()
    losses, hits = [], []
    for images, classes in loader:
        began = time.monotonic()
        rate = arguments.rate * share_of_rate(state.step, arguments.until, arguments.cooldown)
        loss, hit = one_step(state, images, classes, rate, arguments.average)
        losses.append(loss)
        hits.append(hit)
        state.seconds += min(time.monotonic() - began, 60)
        if state.step % 20 == 0:
            note(
                loss=round(float(np.mean(losses)), 4),
                accuracy=round(float(np.mean(hits)), 4),
                scale=round(float(state.scale.detach().exp()), 2),
                step_seconds=round(time.monotonic() - began, 3),
                clock=time.strftime("%H:%M:%S"),
            )
            losses, hits = [], []
        last = stop or state.step >= arguments.until
        if last or time.monotonic() - saved > 180:
            state.save(checkpoint)
            saved = time.monotonic()
        if not stop and (last or state.step % arguments.examine == 0):
            note(event="examination", size=size, **trial.run(state.average, device))
        if last:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
