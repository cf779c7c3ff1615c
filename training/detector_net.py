"""The detector of cards: a small convolutional network that looks at a whole photo once.

Every cell of 4 x 4 pixels says whether a card's anchor lies there, whether the cell shows a card,
and where that card's four corners are. The anchor is the middle of what is seen of the title bar:
cards of a fan lie almost on one another, but their title bars do not.
"""

from __future__ import annotations

import torch
from torch import nn

STRIDE = 4
"""Pixels to a cell, in each direction."""
REACH = 64.0
"""How many pixels an output of 1 means, for a corner's distance from the middle of the cell."""
CHANNELS = 10
"""Anchor, card (both as logits), and x, y of the four corners."""


def _conv(before: int, after: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions beside a straight way."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.inner = nn.Sequential(
            _conv(channels, half, size=1),
            nn.Conv2d(half, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return torch.relu(seen + self.inner(seen))


class DetectorNet(nn.Module):
    """From photos [n, 3, h, w], RGB, 0 to 1, to cells [n, 10, h / 4, w / 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(_conv(3, 16, 2), _conv(16, 32, 2), _Residual(32))
        self.middle = nn.Sequential(_conv(32, 64, 2), _Residual(64), _Residual(64))
        self.coarse = nn.Sequential(
            _conv(64, 112, 2), _Residual(112), _Residual(112), _Residual(112)
        )
        self.whole = nn.Sequential(
            _conv(112, 128, 2), _Residual(128), _Residual(128), _Residual(128)
        )
        self.narrow = nn.ModuleList(_conv(c, 64, size=1) for c in (64, 112, 128))
        self.merge = nn.ModuleList(_conv(64, 64) for _ in range(2))
        self.coarse_quads = nn.Sequential(_conv(64, 64), nn.Conv2d(64, 8, 1))
        self.down = _conv(64, 32, size=1)
        self.across = _conv(32, 32, size=1)
        self.last = _conv(32, 32)
        self.out = nn.Conv2d(32, CHANNELS, 1)
        with torch.no_grad():
            self.out.weight.mul_(0.3)
            self.out.bias.zero_()
            self.out.bias[0] = -4.0  # anchors are rare

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """What each cell says."""
        fine = self.fine((photos - 0.45) * 4)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        seen = self.narrow[2](self.whole(coarse))
        seen = self.merge[1](self.narrow[1](coarse) + _double(seen))
        seen = self.merge[0](self.narrow[0](middle) + _double(seen))
        rough = _double(self.coarse_quads(seen))
        cells = self.out(self.last(self.across(fine) + _double(self.down(seen))))
        return torch.cat([cells[:, :2], cells[:, 2:] + rough], 1)


def _double(seen: torch.Tensor) -> torch.Tensor:
    # Distances to a corner grow evenly from cell to cell, so what lies between is interpolated.
    return nn.functional.interpolate(seen, scale_factor=2.0, mode="bilinear", align_corners=False)
