"""From a checkpoint of the reader of titles to what the package ships.

python export_titles.py STATE FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from export_reader import OPSET, halve
from title_net import TitleNet

from mtg_image_db.reading.title_strip import HEIGHT, WIDTH


def load(path: Path) -> TitleNet:
    """The averaged network of a checkpoint."""
    net = TitleNet()
    state = torch.load(path, map_location="cpu")["mean"]
    net.load_state_dict({k[7:]: v for k, v in state.items() if k.startswith("module.")})
    return net.eval()


def write(net: TitleNet, path: Path) -> None:
    """Write an ONNX file whose weights are in half precision."""
    torch.onnx.export(
        net,
        (torch.zeros(2, 1, HEIGHT, WIDTH),),
        str(path),
        input_names=["strips"],
        output_names=["logs"],
        dynamic_axes={"strips": {0: "count"}, "logs": {0: "count"}},
        opset_version=OPSET,
        dynamo=False,
    )
    halve(path)


if __name__ == "__main__":
    write(load(Path(sys.argv[1]) / "titles.pt"), Path(sys.argv[2]))
