"""A cache and a database of cards that change from day to day, to be published on a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import PixelEncoder, build, card_id, fill_cache, jpeg, make_card, make_picture

from mtg_image_db import Database
from mtg_image_db.database.verify import verify_database
from mtg_image_db.scryfall_double.double import ScryfallDouble


def pictures(count: int) -> dict[str, bytes]:
    """Small pictures: local features of large ones would take most of the time."""
    return {f"{card_id(n)}/front": jpeg(make_picture(n, (120, 168))) for n in range(count)}


class Shelf:
    """A cache and a database of cards that change from day to day."""

    def __init__(self, folder: Path, double: ScryfallDouble) -> None:
        self.cache, self.out = folder / "cache", folder / "out"
        self.cards = {number: make_card(number) for number in range(20)}
        self._double = double

    def build(self, encoder: PixelEncoder | None = None, hnsw_m: int = 32) -> Database:
        """Build what there is today."""
        self._double.publish(list(self.cards.values()))
        fill_cache(self._double, self.cache)
        build(self.cache, self.out, encoder, local_features=True, hnsw_m=hnsw_m)
        return self.open(encoder)

    def open(self, encoder: PixelEncoder | None = None) -> Database:
        """Open it."""
        database = Database.open(self.out)
        database.use_encoder(encoder or PixelEncoder())
        return database

    def next_day(self) -> None:
        """Three new cards, one that is gone, and one with another name."""
        first = max(self.cards) + 1
        for number in range(first, first + 3):
            self.cards[number] = make_card(number)
        gone, renamed, *_ = self.cards
        del self.cards[gone]
        self.cards[renamed] = make_card(renamed, name=f"Errata {first}")

    @classmethod
    @contextmanager
    def new(cls, folder: Path) -> Iterator[Shelf]:
        """A new one, with a double of Scryfall to fill it from."""
        with ScryfallDouble([make_card(0)], pictures(50)) as double:
            yield cls(folder, double)


def assert_same(url: str, folder: Database) -> None:
    """Assert that a server has what a folder has, whole, and answers like it."""
    with Database.open(url) as server:
        assert verify_database(server) == []
        assert list(server.faces()) == list(folder.faces())
        found = zip(
            server.search(folder.embeddings, 3), folder.search(folder.embeddings, 3), strict=True
        )
        for ours, theirs in found:
            assert [match.face for match in ours] == [match.face for match in theirs]
            assert [m.score for m in ours] == pytest.approx([m.score for m in theirs], abs=1e-5)
        rows = list(server.gallery.rows())
        ours_, theirs_ = (
            one.gallery.features(some)
            for one, some in ((server, rows), (folder, range(len(folder))))
        )
        assert ours_ is not None
        assert theirs_ is not None
        assert np.array_equal(ours_.descriptors, theirs_.descriptors)
