"""A network with what its training needs beside it, kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import torch

Net = TypeVar("Net", bound=torch.nn.Module)


class Training(Generic[Net]):
    """A network with its average, optimiser and step; it goes on where the file left off.

    Parameters
    ----------
    net
        The network, fresh.
    decay
        How slowly the averaged network follows: the share that it keeps at each step.
    """

    def __init__(self, net: Net, path: Path, decay: float) -> None:
        self.path, self.step = path, 0
        self.net = net.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), weight_decay=0.01)
        self.mean = torch.optim.swa_utils.AveragedModel(
            self.net,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay),
            use_buffers=True,
        )
        if path.exists():
            kept = torch.load(path)
            self.net.load_state_dict(kept["net"])
            self.mean.load_state_dict(kept["mean"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.step = kept["step"]

    def save(self) -> None:
        """Replace the file."""
        kept = {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        torch.save(kept, self.path.with_suffix(".new"))
        self.path.with_suffix(".new").replace(self.path)

    def learn(self, loss: torch.Tensor, rate: float) -> None:
        """One step, with this learning rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate + 1e-6
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.mean.update_parameters(self.net)
        self.step += 1
