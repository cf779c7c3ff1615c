"""From a checkpoint of the reader to what the package ships: python export_reader.py STATE FILE."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from reader_net import ReaderNet

OPSET = 17
_SMALL = 64
"""Parameters with fewer numbers stay in full precision."""


def load(path: Path) -> ReaderNet:
    """The averaged network of a checkpoint."""
    net = ReaderNet()
    state = torch.load(path, map_location="cpu")["mean"]
    net.load_state_dict({k[7:]: v for k, v in state.items() if k.startswith("module.")})
    return net.eval()


def write(net: ReaderNet, path: Path) -> None:
    """Write an ONNX file whose weights are in half precision."""
    torch.onnx.export(
        net,
        (torch.zeros(2, 1, 64, 160),),
        str(path),
        input_names=["strips"],
        output_names=["logs"],
        dynamic_axes={"strips": {0: "count", 3: "width"}, "logs": {0: "count", 2: "places"}},
        opset_version=OPSET,
        dynamo=False,
    )
    halve(path)


def halve(path: Path) -> None:
    """Store the weights of an ONNX file in half precision; they are widened on loading."""
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _SMALL:
            continue
        name, half = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


if __name__ == "__main__":
    write(load(Path(sys.argv[1]) / "reader.pt"), Path(sys.argv[2]))
