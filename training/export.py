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

    The same function as the open_clip tower followed by normalisation, of the same parameters under
    the same names. A matrix resamples the position embeddings (ONNX has no such operator), and of
    the attention only the one token that is used is computed.
    """

    def __init__(self, tower: TimmModel, size: tuple[int, int]) -> None:
        super().__init__()
        self.trunk = tower.trunk
        self.head = tower.head
        pool = tower.head.pool
        with torch.inference_mode():
            grid = self.trunk(torch.zeros(1, 3, *size)).shape[2:]
        # Resampling is linear: what it makes of the identity is its matrix.
        self.resampling = resample_abs_pos_embed(
            torch.eye(len(pool.pos_embed))[None],
            list(grid),
            list(pool.feat_size),
            num_prefix_tokens=1,
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Encode a batch."""
        pool = self.head.pool
        x = self.trunk(image).flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], dim=1) + self.resampling @ pool.pos_embed
        linear = torch.nn.functional.linear
        weight, bias = pool.qkv.weight, pool.qkv.bias
        channels = weight.shape[1]
        query = linear(x[:, :1], weight[:channels], bias[:channels])
        key, value = linear(x, weight[channels:], bias[channels:]).chunk(2, dim=-1)
        query, key, value = (
            part.reshape(*part.shape[:2], pool.num_heads, -1).transpose(1, 2)
            for part in (query, key, value)
        )
        share = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(-1)
        pooled = (share @ value).transpose(1, 2).flatten(1)
        return torch.nn.functional.normalize(pool.proj(pooled), dim=-1)


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
    """Write ``NAME.onnx``: input ``image`` (N, 3, H, W), output ``vector`` (N, D), unit length.

    It holds the network only; its weights are those of ``NAME.safetensors`` beside it.
    """
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
        # All parameters under their names: nothing folded, nothing fused.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )
    take_weights_from(out / f"{name}.safetensors", path)


def take_weights_from(weights: Path, path: Path) -> None:
    """Let an ONNX file read its weights from a ``.safetensors`` file in the same folder.

    ONNX calls that external data: a file, where a tensor begins in it, and how long it is. The
    weights are in half precision there, and widened on loading.
    """
    import onnx
    from onnx import StringStringEntryProto, TensorProto, helper

    # The length of a JSON object, the object, the tensors' bytes
    # (https://github.com/huggingface/safetensors).
    data = weights.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:begin])
    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        entry = entries[f"visual.{tensor.name}"]
        first, end = entry["data_offsets"]
        where = {"location": weights.name, "offset": begin + first, "length": end - first}
        name, half = tensor.name, f"{tensor.name}_half"
        tensor.CopyFrom(
            TensorProto(
                name=half,
                dims=entry["shape"],
                data_type=TensorProto.FLOAT16,
                data_location=TensorProto.EXTERNAL,
                external_data=[
                    StringStringEntryProto(key=key, value=str(value))
                    for key, value in where.items()
                ],
            )
        )
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.save(model, str(path))
    onnx.checker.check_model(str(path))


def describe(name: str, out: Path) -> None:
    """Write the fingerprint of ``NAME.safetensors`` into ``NAME.onnx``: the package reads it there.

    Only torch can compute the digest.
    """
    import onnx

    from mtg_image_db.encoders import EncoderChoice, load_encoder
    from mtg_image_db.encoders.onnx import FINGERPRINT

    weights = str(out / f"{name}.safetensors")
    encoder = load_encoder(EncoderChoice(name, weights, fit="squash", device="cpu"))
    path = str(out / f"{name}.onnx")
    model = onnx.load(path, load_external_data=False)
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
