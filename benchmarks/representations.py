"""What `recognition.py` compares: each turns pictures of cut-out cards into unit vectors.

Needs `pip install -r training/requirements.txt imagehash`, and training/ on the path.
"""

# A plain installation has neither the packages of training/ nor imagehash.
# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

import cv2
import imagehash
import numpy as np
import torch
from numpy.typing import NDArray
from photos import describe as keypoints
from PIL import Image
from retrieval import Ranks, shrink, to_batch
from timm import create_model
from vlad import learn

from mtg_image_db.encoders import EncoderChoice, load_encoder
from mtg_image_db.encoders.preprocessing import prepare

Pixels = NDArray[np.uint8]
"""Height x width x 3, RGB."""
Integers = NDArray[np.int64]
Vectors = NDArray[np.float32]
Encode = Callable[[list[Pixels]], Vectors]

TITLES = {
    "encoder": "encoder",
    "mobilenetv3": "MobileNetV3-small, random weights",
    "vit": "ViT-B-32, random weights",
    "phash64": "phash, 64 bits",
    "phash256": "phash, 256 bits",
    "vlad512": "RootSIFT-VLAD, 512",
    "local": "encoder's first 50, then SIFT and RANSAC",
}
"""Every method and its name in a table."""
SHORTLIST = 50
_NETWORKS = {"mobilenetv3": "mobilenetv3_small_100", "vit": "vit_base_patch32_224"}


def method(name: str, choice: EncoderChoice, known: list[Pixels]) -> tuple[Encode, dict[str, Any]]:
    """Return how `name` encodes, and what identifies it; `known` are scans to learn from."""
    if name in _NETWORKS:
        return random_network(_NETWORKS[name]), {"timm": _NETWORKS[name], "seed": 0}
    if name.startswith("phash"):
        return perceptual_hash(int(int(name[5:]) ** 0.5)), {"imagehash": imagehash.__version__}
    if name == "vlad512":
        seen = known[::2]
        vlad = learn(seen)
        return lambda images: np.asarray(vlad.describe(images, 512)), {"learned_from": len(seen)}
    encoder = load_encoder(choice)
    how = encoder.fingerprint.preprocessing

    def encode(images: list[Pixels]) -> Vectors:
        return encoder.encode(np.stack([prepare(Image.fromarray(i), how) for i in images]))

    return encode, encoder.fingerprint.to_json()


def in_batches(encode: Encode, images: Iterable[Pixels], size: int = 16) -> Vectors:
    """Encode any number of pictures."""
    rest = iter(images)
    found = []
    while batch := list(islice(rest, size)):
        found.append(encode(batch))
    return np.concatenate(found)


def random_network(name: str) -> Encode:
    """Return a network as it is before training: what its architecture alone sees.

    Batch normalisation keeps its fresh statistics: with those of scans, it finds far less.
    """
    torch.manual_seed(0)
    model = create_model(name, pretrained=False, num_classes=0).eval()

    def encode(images: list[Pixels]) -> Vectors:
        with torch.inference_mode():
            out = model(to_batch([shrink(image, (224, 224)) for image in images]))
            unit = torch.nn.functional.normalize(out, dim=1)
        return np.asarray(unit.numpy(), dtype=np.float32)

    return encode


def perceptual_hash(side: int) -> Encode:
    """Return phash with its bits as signs, so that the inner product falls with the distance.

    The values are powers of two: inner products are exact, and equal distances tie.
    """

    def encode(images: list[Pixels]) -> Vectors:
        bits = [imagehash.phash(Image.fromarray(i), hash_size=side).hash.ravel() for i in images]
        return np.asarray(np.where(np.stack(bits), 1 / side, -1 / side), dtype=np.float32)

    return encode


class LocalFeatures:
    """SIFT matches that agree on a homography, counted for each of the nearest 50.

    Parameters
    ----------
    scan
        Returns the picture of a row. Its features are kept, as a database would keep them.
    """

    def __init__(self, scan: Callable[[int], Pixels]) -> None:
        self._known = lru_cache(8000)(lambda row: keypoints(scan(row), 600))

    def ranks(
        self,
        images: list[Pixels],
        vectors: tuple[Vectors, Vectors],
        classes: tuple[Integers, Integers],
        hidden: tuple[Integers, Integers] | None,
    ) -> Any:
        """Rank as `retrieval.rank` does; what is not on the shortlist is ranked last."""
        ranks = np.full(len(images), len(vectors[1]), dtype=np.int64)
        for q, image in enumerate(images):
            scores = vectors[1] @ vectors[0][q]
            if hidden is not None:
                scores[hidden[1] == hidden[0][q]] = -2
            rows = np.argsort(-scores, kind="stable")[:SHORTLIST]
            right = classes[1][rows] == classes[0][q]
            asked = keypoints(image, 600)
            agree = np.array([inliers(asked, self._known(int(row))) for row in rows])
            if right.any():
                ranks[q] = (agree[~right] >= agree[right].max()).sum()
        return Ranks(ranks)


def inliers(asked: tuple[Any, Any], known: tuple[Any, Any]) -> int:
    """Return how many keypoints of `known` agree on one homography."""
    if min(len(asked[1]), len(known[1])) < 8:
        return 0
    similarity = asked[1] @ known[1].T
    best = similarity.argmax(1)
    second = np.partition(similarity, -2, axis=1)[:, -2]
    # Of unit vectors 1 - cosine is half the square of the distance.
    kept = (1 - similarity.max(1)) < 0.82**2 * (1 - second)
    if kept.sum() < 6:
        return 0
    points = asked[0][kept], known[0][best[kept]]
    mask = cv2.findHomography(*points, cv2.USAC_MAGSAC, 5.0, maxIters=2000)[1]
    return 0 if mask is None else len(np.unique(best[kept][mask.ravel() > 0]))
