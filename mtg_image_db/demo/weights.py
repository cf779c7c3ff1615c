"""Weights for the demo: fixed random projections of the whole card.

No trained encoder is small enough to be made here, and none can be fetched offline. A CLIP vision
transformer whose single patch is the whole picture, without layers, is a linear projection; smooth
random filters keep the distances between pictures (Johnson and Lindenstrauss, 1984) and do not
mind a small shift. It tells a few dozen clean cards apart, and nothing more is claimed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MODEL = "mtg-demo"
_SCALES = (1.0, 2.0, 4.0)
"""Standard deviations, in pixels, of the blur that makes filters smooth."""


def write_weights(path: Path, seed: int = 2026) -> None:
    """Write the weights of `MODEL`; the same seed gives the same weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    open_clip.add_model_config(Path(__file__).parents[1] / "encoders" / "configs")
    generator = torch.Generator().manual_seed(seed)
    model = open_clip.create_model(MODEL)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.02
    visual = model.visual
    count, channels, height, width = visual.conv1.weight.shape
    filters = torch.randn(count, channels, height, width, generator=generator)
    for number, some in enumerate(filters.chunk(len(_SCALES))):
        some.copy_(_blurred(some, _SCALES[number]))
    filters -= filters.mean(dim=(2, 3), keepdim=True)
    visual.conv1.weight.data = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
    visual.positional_embedding.data.zero_()
    for layer in (visual.ln_pre, visual.ln_post):
        layer.weight.data.fill_(1.0)
        layer.bias.data.zero_()
    visual.proj.data = torch.eye(count)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def _blurred(filters: torch.Tensor, sigma: float) -> torch.Tensor:
    import torch
    from torch.nn.functional import conv2d

    radius = int(3 * sigma) + 1
    taps = torch.exp(-(torch.arange(-radius, radius + 1.0) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    flat = filters.reshape(-1, 1, *filters.shape[2:])
    flat = conv2d(flat, taps.view(1, 1, 1, -1), padding="same")
    flat = conv2d(flat, taps.view(1, 1, -1, 1), padding="same")
    return flat.view_as(filters)
