"""The image tower: an open_clip configuration, and a start that divides the card into regions."""

from __future__ import annotations

import math
from typing import Any

import torch
from open_clip.timm_model import TimmModel

EMBED_DIM = 256
SIZE = (144, 104)
"""Height and width of the final input."""

CONFIG: dict[str, Any] = {
    "embed_dim": EMBED_DIM,
    "vision_cfg": {
        "timm_model_name": "resnet10t",
        "timm_model_pretrained": False,
        "timm_pool": "abs_attn",
        "timm_proj": "",
        "image_size": list(SIZE),
    },
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 1, "layers": 1},
}
"""What open_clip needs to build the tower; the text tower is as small as the format allows."""


def create_tower(seed: int = 0) -> TimmModel:
    """Return a fresh tower in channels-last memory."""
    torch.manual_seed(seed)
    vision = CONFIG["vision_cfg"]
    tower = TimmModel(
        vision["timm_model_name"],
        EMBED_DIM,
        SIZE,
        pool=vision["timm_pool"],
        proj=vision["timm_proj"],
    )
    divide_into_regions(tower.head.pool)
    return tower.to(memory_format=torch.channels_last)


@torch.no_grad()
def divide_into_regions(pool: Any, columns: int = 2, sharpness: float = 2.5) -> None:
    """Let each attention head of a fresh ``AttentionPool2d`` start out looking at one region.

    Cards arrive aligned, so where something is tells as much as what it is. Pooling that begins
    as a plain mean takes long to discover that; here head h begins as a soft window over cell h
    of a grid, and is free to move from there. The window is written into the query's bias and
    the key's weights as the shortest vector that turns the position embeddings into the wanted
    logits, so that it hardly reacts to the picture.
    """
    rows, width = pool.feat_size
    heads, dim = pool.num_heads, pool.head_dim
    torch.nn.init.normal_(pool.pos_embed, std=0.5)
    positions = pool.pos_embed[1:].double()
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(width), indexing="ij")
    y, x = (y.flatten() + 0.5) / rows, (x.flatten() + 0.5) / width
    cells = heads // columns
    channels = pool.in_features
    weight = pool.qkv.weight.view(3, heads, dim, channels)
    bias = pool.qkv.bias.view(3, heads, dim)
    weight[:2] *= 0.1
    # Values take nothing from the position embeddings, which would be the same for every card.
    span = torch.linalg.qr(positions.T).Q.to(weight.dtype)
    weight[2] -= weight[2] @ span @ span.T
    # The last equation makes the weights sum to nought: the mean of the features, which are
    # positive, must not move the window.
    centred = torch.cat([positions, torch.ones(1, channels, dtype=torch.float64)])
    solve = torch.linalg.pinv(centred)
    for head in range(heads):
        centre_y = (head // columns + 0.5) / cells
        centre_x = (head % columns + 0.5) / columns
        logits = -sharpness * (
            ((y - centre_y) * cells).square() + ((x - centre_x) * columns).square()
        )
        logits = logits.clamp(min=-5) - logits.clamp(min=-5).mean()
        direction = solve @ torch.cat([logits.double(), torch.zeros(1, dtype=torch.float64)])
        gain = math.sqrt(math.sqrt(dim))
        bias[0, head, 0] += gain
        weight[1, head, 0] += (direction * gain).to(weight.dtype)
