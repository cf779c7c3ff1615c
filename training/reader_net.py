"""The reader of collector lines: a small convolutional network with two CTC outputs.

One strip of 64 pixels height, of any width, becomes two sequences of characters: the upper and the
lower line.
"""

from __future__ import annotations

import torch
from torch import nn

from mtg_image_db.reading.reader import ALPHABET

CLASSES = len(ALPHABET) + 1
"""The characters, and the blank of CTC, which is the first."""


class ReaderNet(nn.Module):
    """From strips [n, 1, 64, width] to log-probabilities [n, 2, width / 4, classes]."""

    def __init__(self) -> None:
        super().__init__()

        def block(before: int, after: int, stride: int | tuple[int, int]) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
            )

        self.picture = nn.Sequential(
            block(1, 16, 2),
            block(16, 32, 2),
            block(32, 64, 1),
            nn.MaxPool2d((2, 1)),
            block(64, 96, 1),
            nn.MaxPool2d((2, 1)),
            block(96, 128, 1),
        )
        self.lines = nn.Sequential(
            nn.Conv1d(128 * 4, 128, 3, padding=1, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv1d(128, 128, 5, padding=2, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Conv1d(128, 2 * CLASSES, 1),
        )

    def forward(self, strips: torch.Tensor) -> torch.Tensor:
        """Log-probabilities; strips are normalised to mean 0 and deviation 1 each."""
        seen = self.picture(strips)
        count, channels, rows, width = seen.shape
        out = self.lines(seen.reshape(count, channels * rows, width))
        out = out.reshape(count, 2, CLASSES, width).transpose(2, 3)
        return torch.log_softmax(out.float(), dim=-1)
