"""Step 4: from a checkpoint to what the package ships: configuration, weights, ONNX.

They belong in ``mtg_image_db/encoders/``: the first in ``configs/``, the others in ``weights/``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.timm_model import TimmModel
from safetensors.torch import load_file, save_file
from timm.layers.pos_embed import resample_abs_pos_embed
from tower import CONFIG, SIZE, create_tower

from mtg_image_db.encoders.runtime import onnx_runtime

OPSET = 17


def load_tower(path: Path) -> TimmModel:
    """Return the averaged tower of a checkpoint, or the tower of exported .safetensors."""
    tower = create_tower()
    if path.suffix == ".safetensors":
        whole = load_file(path)
        state = {k[7:]: v.float() for k, v in whole.items() if k.startswith("visual.")}
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)["average"]
    # Counters of batch normalisation are no part of exported weights.
    missing = tower.load_state_dict(state, strict=False).missing_keys
    if any(not key.endswith("num_batches_tracked") for key in missing):
        msg = f"{path} lacks {missing}"
        raise ValueError(msg)
    return tower.eval()


class Deployed(torch.nn.Module):
    """The tower for one input size, with an output of length 1.

    The same function as the open_clip tower followed by normalisation: the position embeddings
    are resampled beforehand (ONNX has no such operator), and of the attention only the one token
    that is used is computed.
    """

    def __init__(self, tower: TimmModel, size: tuple[int, int]) -> None:
        super().__init__()
        self.trunk = tower.trunk
        pool = tower.head.pool
        self.heads = pool.num_heads
        query, key, value = pool.qkv.weight.detach().chunk(3)
        query_bias, key_bias, value_bias = pool.qkv.bias.detach().chunk(3)
        self.query, self.query_bias = query, query_bias
        self.keys = torch.cat([key, value])
        self.keys_bias = torch.cat([key_bias, value_bias])
        self.proj = pool.proj
        with torch.inference_mode():
            grid = self.trunk(torch.zeros(1, 3, *size)).shape[2:]
        self.positions = resample_abs_pos_embed(
            pool.pos_embed.detach()[None], list(grid), list(pool.feat_size), num_prefix_tokens=1
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a batch."""
        x = self.trunk(image).flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], dim=1) + self.positions
        linear = torch.nn.functional.linear
        query = linear(x[:, :1], self.query, self.query_bias)
        key, value = linear(x, self.keys, self.keys_bias).chunk(2, dim=-1)
        query, key, value = (
            part.reshape(*part.shape[:2], self.heads, -1).transpose(1, 2)
            for part in (query, key, value)
        )
        share = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(-1)
        pooled = (share @ value).transpose(1, 2).flatten(1)
        return torch.nn.functional.normalize(self.proj(pooled), dim=-1)


def configuration(size: tuple[int, int]) -> dict[str, Any]:
    """Return the open_clip configuration for one input size."""
    config: dict[str, Any] = json.loads(json.dumps(CONFIG))
    config["vision_cfg"]["image_size"] = list(size)
    return config


def write_open_clip(tower: TimmModel, name: str, size: tuple[int, int], out: Path) -> None:
    """Write ``NAME.json`` and ``NAME.safetensors`` (half precision) and load them back."""
    config = configuration(size)
    (out / f"{name}.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    open_clip.add_model_config(out / f"{name}.json")
    torch.manual_seed(0)
    model = open_clip.create_model(name)
    model.visual.load_state_dict(tower.state_dict())
    half = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    save_file(half, out / f"{name}.safetensors")


def write_onnx(tower: TimmModel, name: str, size: tuple[int, int], out: Path) -> None:
    """Write ``NAME.onnx``: input ``image`` (N, 3, H, W), output ``vector`` (N, D), unit length."""
    path = out / f"{name}.onnx"
    torch.onnx.export(
        Deployed(tower, size).eval().to(memory_format=torch.contiguous_format),
        (torch.zeros(2, 3, *size),),
        str(path),
        input_names=["image"],
        output_names=["vector"],
        dynamic_axes={"image": {0: "batch"}, "vector": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )
    halve(path)


def halve(path: Path) -> None:
    """Store the large weights of an ONNX file in half precision; they are widened on loading."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    for node in [n for n in model.graph.node if n.op_type == "Constant"]:
        tensor = node.attribute[0].t
        if len(tensor.raw_data) > 2048:
            tensor.name = node.output[0]
            model.graph.initializer.append(tensor)
            model.graph.node.remove(node)
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 512:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def describe(name: str, out: Path) -> None:
    """Write the fingerprint of ``NAME.safetensors`` into ``NAME.onnx``: the package reads it there.

    Both files hold the same encoder, so their vectors compare; only torch can compute the digest.
    """
    import onnx

    from mtg_image_db.encoders import EncoderChoice, load_encoder
    from mtg_image_db.encoders.onnx import FINGERPRINT

    weights = str(out / f"{name}.safetensors")
    encoder = load_encoder(EncoderChoice(name, weights, fit="squash", device="cpu"))
    path = str(out / f"{name}.onnx")
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {FINGERPRINT: json.dumps(encoder.fingerprint.to_json())})
    onnx.save(model, path)


def check(tower: TimmModel, name: str, size: tuple[int, int], out: Path) -> dict[str, float]:
    """Return the least cosine of each exported form with the tower in full precision."""
    torch.manual_seed(1)
    # Not noise: broad blobs reach the deeper layers as pictures do.
    image = torch.nn.functional.interpolate(torch.randn(8, 3, 14, 10), size, mode="bicubic")
    with torch.inference_mode():
        wanted = torch.nn.functional.normalize(tower(image), dim=-1)
        model, _, _ = open_clip.create_model_and_transforms(
            name, pretrained=str(out / f"{name}.safetensors")
        )
        half = model.eval().encode_image(image, normalize=True)
    session = onnx_runtime().InferenceSession(
        str(out / f"{name}.onnx"), providers=["CPUExecutionProvider"]
    )
    (vector,) = session.run(None, {"image": image.numpy()})
    return {
        "open_clip, half-precision weights": float((wanted * half).sum(1).min()),
        "onnx": float(np.sum(wanted.numpy() * vector, axis=1).min()),
    }


def main() -> int:
    """Export, load back, compare, and print sizes and digests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path, help="folder")
    parser.add_argument("--name", default="mtg-resnet10t-104x144")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, help="height and width")
    arguments = parser.parse_args()
    size = (arguments.size[0], arguments.size[1])
    arguments.out.mkdir(parents=True, exist_ok=True)
    tower = load_tower(arguments.checkpoint)
    write_open_clip(tower, arguments.name, size, arguments.out)
    write_onnx(tower, arguments.name, size, arguments.out)
    describe(arguments.name, arguments.out)
    for form, cosine in check(tower, arguments.name, size, arguments.out).items():
        print(f"{form}: least cosine {cosine:.6f}")
    for path in sorted(arguments.out.glob(f"{arguments.name}.*")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name}: {path.stat().st_size} bytes, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
