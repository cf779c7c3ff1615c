"""The baseline that needs no training: RootSIFT descriptors pooled by VLAD, whitened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cards import Image
    from numpy.typing import NDArray
    from retrieval import Vectors

WORDS = 64


def root_sift(image: Image) -> NDArray[np.float32]:
    """Return the RootSIFT descriptors of a picture, 600 at most."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    descriptors = cv2.SIFT.create(nfeatures=600, contrastThreshold=0.01).detectAndCompute(
        grey, None
    )[1]
    if descriptors is None:
        return np.zeros((0, 128), dtype=np.float32)
    total = np.maximum(descriptors.sum(1, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(descriptors / total), dtype=np.float32)


@dataclass(frozen=True)
class Vlad:
    """A learned vocabulary and projection; see Jegou et al., 2010, and Arandjelovic, 2012."""

    words: NDArray[np.float32]
    mean: NDArray[np.float32]
    projection: NDArray[np.float32]

    def raw(self, image: Image) -> NDArray[np.float32]:
        """Return the unprojected vector, 64 x 128."""
        return pool(root_sift(image), self.words)

    def describe(self, images: Iterable[Image], dimensions: int) -> Vectors:
        """Return unit vectors of the first ``dimensions`` whitened directions."""
        out = []
        for image in images:
            vector = (self.raw(image) - self.mean) @ self.projection[:, :dimensions]
            out.append(vector / max(float(np.linalg.norm(vector)), 1e-9))
        return np.stack(out).astype(np.float32)


def pool(descriptors: NDArray[np.float32], words: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum the residuals of each word, normalise each sum, then the whole."""
    out = np.zeros_like(words)
    if len(descriptors):
        nearest = (descriptors @ words.T - 0.5 * (words * words).sum(1)).argmax(1)
        np.add.at(out, nearest, descriptors - words[nearest])
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    flat = out.ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-9), dtype=np.float32)


def learn(images: Sequence[Image], dimensions: int = 512, seed: int = 0) -> Vlad:
    """Learn words and whitening from scans."""
    rng = np.random.default_rng(seed)
    described = [root_sift(image) for image in images]
    every = np.concatenate([d[rng.permutation(len(d))[:40]] for d in described])
    cv2.setRNGSeed(seed)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 25, 0)
    labels = np.zeros((len(every), 1), dtype=np.int32)
    found = cv2.kmeans(every, WORDS, labels, criteria, 1, cv2.KMEANS_PP_CENTERS)
    words = np.asarray(found[2], dtype=np.float32)
    vectors = np.stack([pool(d, words) for d in described])
    mean = vectors.mean(0)
    _, values, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    spread = values[:dimensions] / np.sqrt(len(vectors))
    projection = directions[:dimensions].T / np.maximum(spread, 1e-6)
    return Vlad(words, mean.astype(np.float32), projection.astype(np.float32))
