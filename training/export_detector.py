"""From a checkpoint of the detector to its ONNX file: python export_detector.py STATE FILE."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from detector_net import DetectorNet
from export_reader import OPSET, halve
from torch import nn


class Exported(nn.Module):
    """From one photo, uint8 [1, h, w, 3], to cells with probabilities, [1, 10, h / 4, w / 4]."""

    def __init__(self, net: DetectorNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """What each cell says."""
        cells = self.net(photo.permute(0, 3, 1, 2).float() / 255)
        return torch.cat([torch.sigmoid(cells[:, :2]), cells[:, 2:]], 1)


def load(path: Path) -> DetectorNet:
    """The averaged network of a checkpoint."""
    net = DetectorNet()
    state = torch.load(path, map_location="cpu")["mean"]
    net.load_state_dict({k[7:]: v for k, v in state.items() if k.startswith("module.")})
    return net.eval()


def write(net: DetectorNet, path: Path) -> None:
    """Write an ONNX file whose weights are in half precision."""
    torch.onnx.export(
        Exported(net).eval(),
        (torch.zeros(1, 384, 288, 3, dtype=torch.uint8),),
        str(path),
        input_names=["photo"],
        output_names=["cells"],
        dynamic_axes={"photo": {1: "height", 2: "width"}, "cells": {2: "rows", 3: "columns"}},
        opset_version=OPSET,
        dynamo=False,
    )
    halve(path)


if __name__ == "__main__":
    write(load(Path(sys.argv[1]) / "detector.pt"), Path(sys.argv[2]))
