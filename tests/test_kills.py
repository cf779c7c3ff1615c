"""Servers that are killed: nothing that was said to be taken is lost, and nothing is there twice.

`benchmarks/torture_serve.py` kills more of them.
"""

from __future__ import annotations

from pathlib import Path

from killing import kill_often
from served import make_shop


def test_killed_servers_keep_each_card_that_was_taken_exactly_once(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", 12)
    camera, photos = kill_often(shop, tmp_path / "collection.sqlite", kills=5, seed=1)
    assert camera.kept == camera.told
    assert sorted(photos.kept) == sorted(photos.told)
    assert camera.broken + photos.broken > 0
    assert len(camera.told) > 1
