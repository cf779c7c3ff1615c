"""The reader of titles: a small convolutional network with a CTC output."""

from __future__ import annotations

import torch
from torch import nn

from mtg_image_db.reading.title_reader import ALPHABET

CLASSES = len(ALPHABET) + 1
"""The characters, and the blank of CTC, which is the first."""


class TitleNet(nn.Module):
    """From strips [n, 1, 40, width] to log-probabilities [n, width / 2, classes]."""

    def __init__(self) -> None:
        super().__init__()

        def block(before: int, after: int, stride: int | tuple[int, int]) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
            )

        def along(before: int, after: int, size: int, apart: int = 1) -> nn.Sequential:
            padding = size // 2 * apart
            return nn.Sequential(
                nn.Conv1d(before, after, size, padding=padding, dilation=apart, bias=False),
                nn.BatchNorm1d(after),
                nn.ReLU(),
            )

        self.picture = nn.Sequential(
            block(1, 16, 2),
            block(16, 32, (2, 1)),
            block(32, 64, (2, 1)),
            block(64, 80, 1),
        )
        self.line = nn.Sequential(
            along(80 * 5, 128, 3),
            nn.Dropout(0.1),
            along(128, 128, 5),
            along(128, 128, 5, 2),
            nn.Conv1d(128, CLASSES, 1),
        )

    def forward(self, strips: torch.Tensor) -> torch.Tensor:
        """Log-probabilities; strips are normalised to mean 0 and deviation 1 each."""
        seen = self.picture(strips)
        count, channels, rows, width = seen.shape
        out = self.line(seen.reshape(count, channels * rows, width))
        return torch.log_softmax(out.float(), dim=1).transpose(1, 2)
