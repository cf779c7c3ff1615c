"""An inverted index that was taken apart and joined again votes as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mtg_image_db.encoders.local_features import POINT_BYTES, POINTS, unpack
from mtg_image_db.index import inverted
from mtg_image_db.index.codes import JoinedIndex, SplitIndex
from mtg_image_db.index.inverted import InvertedIndex, write_inverted
from mtg_image_db.index.layout import Unexpected
from mtg_image_db.system.progress import Silent

FACES = 24


@pytest.fixture(params=["SQ8", "PQ"])
def index(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[np.ndarray, InvertedIndex, SplitIndex]:
    """Packed features, their index, and the same taken apart. Face 5 has none, face 7 few."""
    monkeypatch.setattr(inverted, "_LEAST_TO_QUANTISE", 0 if request.param == "PQ" else 1 << 30)
    packed = np.random.default_rng(0).integers(1, 256, (FACES, POINTS, POINT_BYTES), dtype=np.uint8)
    packed[5] = 0
    packed[7, 3:] = 0
    paths = tmp_path / "index", tmp_path / "rows.npy"
    assert write_inverted(packed, np.arange(FACES, dtype=np.int32), *paths, None, Silent())
    rows = np.load(paths[1])
    return packed, InvertedIndex(paths[0], rows, FACES), SplitIndex(paths[0], rows)


def pages(split: SplitIndex, size: int) -> Iterator[list[bytes]]:
    for start in range(0, FACES, size):
        yield [split.of(row) for row in range(start, min(start + size, FACES))]


@pytest.mark.parametrize("size", [1, 7, FACES])
def test_a_joined_index_votes_like_the_one_that_was_taken_apart(
    index: tuple[np.ndarray, InvertedIndex, SplitIndex],
    size: int,
) -> None:
    packed, whole, split = index
    joined = JoinedIndex(split.learned, pages(split, size))
    wanted = np.arange(FACES) % 2 == 0
    for row in (0, 7, 11, FACES - 1):
        descriptors = unpack(packed[[row]]).descriptors[0][packed[row, :, 2] > 0]
        found = whole.vote(descriptors, 8)
        assert row in found
        assert joined.vote(descriptors, 8) == found
        assert joined.vote(descriptors, 8, wanted) == whole.vote(descriptors, 8, wanted)
    assert joined.vote(np.zeros((0, 128), np.float32), 8) == []


def test_damaged_pieces_are_refused(
    index: tuple[np.ndarray, InvertedIndex, SplitIndex],
) -> None:
    _, _, split = index
    codes = split.of(3)
    for learned, face in (
        (b"IwXX" + split.learned[4:], codes),
        (split.learned[:-9], codes),
        (split.learned, codes[:-1]),
        (split.learned, b"\xff" * len(codes)),
    ):
        with pytest.raises(Unexpected):
            JoinedIndex(learned, iter([[face]]))
