"""Builds that were interrupted: what they leave, and what the next one makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import COUNT, PixelEncoder, build, card_id, fill_cache, jpeg, make_card, make_picture

from mtg_image_db import Database
from mtg_image_db.scryfall_double.double import ScryfallDouble


def test_an_interrupted_build_goes_on_where_it_stopped(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(cache, tmp_path, PixelEncoder(fail_after=200), batch=20)
    assert (tmp_path / "checkpoint" / "checkpoint_meta.json").is_file()
    summary = build(cache, tmp_path)
    assert (summary.encoded, summary.reused) == (COUNT - 200, 200)
    assert not (tmp_path / "checkpoint").exists()
    whole = tmp_path / "whole"
    build(cache, whole)
    resumed, uninterrupted = Database.open(tmp_path), Database.open(whole)
    assert np.allclose(resumed.embeddings, uninterrupted.embeddings)
    assert list(resumed.faces()) == list(uninterrupted.faces())


def test_no_resume_encodes_everything_again(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(cache, tmp_path, PixelEncoder(fail_after=200), batch=20)
    assert build(cache, tmp_path, resume=False).encoded == COUNT


def test_a_checkpoint_of_another_encoder_is_set_aside_and_kept(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(cache, tmp_path, PixelEncoder(fail_after=200), batch=20)
    assert build(cache, tmp_path, PixelEncoder(salt="other")).encoded == COUNT
    [aside] = tmp_path.glob("checkpoint-*")
    assert list(aside.glob("shard-*.npz"))


def test_a_damaged_checkpoint_costs_its_shard_and_nothing_else(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(cache, tmp_path, PixelEncoder(fail_after=200), batch=20)
    shards = sorted((tmp_path / "checkpoint").glob("shard-*.npz"))
    assert len(shards) == 2
    shards[0].write_bytes(shards[0].read_bytes()[:1000])
    assert build(cache, tmp_path).encoded == 200


def test_a_reordered_snapshot_moves_no_vector_to_another_card(tmp_path: Path) -> None:
    cards = [make_card(n) for n in range(150)]
    images = {f"{card_id(n)}/front": jpeg(make_picture(n, (60, 84))) for n in range(150)}
    with ScryfallDouble(cards, images) as double:
        cache = fill_cache(double, tmp_path / "cache")
        with pytest.raises(KeyboardInterrupt):
            build(cache, tmp_path / "out", PixelEncoder(fail_after=100), batch=20)
        double.publish([make_card(200), *reversed(cards[10:])])
        fill_cache(double, cache)
    encoder = PixelEncoder()
    build(cache, tmp_path / "out", encoder)
    database = Database.open(tmp_path / "out")
    database.use_encoder(encoder)
    for number in range(10, 150, 13):
        [card] = database.query(images[f"{card_id(number)}/front"], k=1)
        assert card.matches[0].face.name == f"Card {number}"


def test_without_checkpoints_none_are_written(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(cache, tmp_path, PixelEncoder(fail_after=200), batch=20, checkpoint_frequency=0)
    assert not (tmp_path / "checkpoint").exists()
    assert build(cache, tmp_path, checkpoint_frequency=0).faces == COUNT


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_kills_at_random_instants_leave_a_whole_database() -> None:
    program = Path(__file__).resolve().parents[1] / "benchmarks" / "torture_build.py"
    done = subprocess.run(
        [sys.executable, str(program), "--images", "300", "--kills", "4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost: 0" in done.stdout
