"""Builds of many images try which precision and batch size are fastest; others do not."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import COUNT, PixelEncoder
from numpy.typing import NDArray

from mtg_image_db import BuildOptions, build_database
from mtg_image_db.building.encode import choose_tuning, seconds_to_encode
from mtg_image_db.building.plan import PlannedFace, plan_faces
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.encoders.probe import LEAST_IMAGES, tune
from mtg_image_db.scryfall.snapshot import snapshots
from mtg_image_db.system.progress import Silent


class Careful(PixelEncoder):
    """Has two precisions, and remembers with which of them it encoded how many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.precisions = ("fp32", "bf16")
        self.tried: set[tuple[str, int]] = set()

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.tried.add((self.precision, len(pixels)))
        return super().encode(pixels)


@pytest.fixture(scope="module")
def many(cache: Path) -> list[PlannedFace]:
    """As many faces as are worth a try; real files, some of them several times."""
    with Ledger(cache) as ledger, tempfile.TemporaryFile() as spool:
        options = BuildOptions(cache=cache)
        plan = plan_faces(options, snapshots(cache), ledger, spool, Silent())
    assert len(plan.faces) == COUNT
    return (list(plan.faces) * 7)[:LEAST_IMAGES]


def test_a_build_of_many_images_takes_what_was_fastest(
    cache: Path, many: list[PlannedFace]
) -> None:
    encoder = Careful()
    tuning = choose_tuning(BuildOptions(cache=cache), many, encoder, None)
    assert {("fp32", 16), ("bf16", 16)} <= encoder.tried
    assert len(encoder.tried) > 2
    own = {name: rate for name, rate in tuning.rates.items() if name.startswith(tuning.precision)}
    assert f"{tuning.precision}/{tuning.batch}" == max(own, key=lambda name: own[name])
    assert encoder.precision == tuning.precision


def test_a_build_of_fewer_images_tries_nothing(cache: Path, many: list[PlannedFace]) -> None:
    encoder = Careful()
    tuning = choose_tuning(BuildOptions(cache=cache), many[1:], encoder, None)
    assert (tuning.precision, tuning.batch, tuning.rates) == ("fp32", 32, {})
    assert (encoder.tried, encoder.precision) == (set(), "fp32")


def test_a_given_batch_size_is_used_and_no_other_is_tried(
    cache: Path, many: list[PlannedFace]
) -> None:
    encoder = Careful()
    tuning = choose_tuning(BuildOptions(cache=cache, batch=5), many, encoder, None)
    assert tuning.batch == 5
    assert encoder.tried == {("fp32", 5), ("bf16", 5)}


@pytest.mark.parametrize(
    ("given", "made_with", "taken"),
    [("bf16", None, "bf16"), ("bf16", "fp32", "bf16"), (None, "bf16", "bf16")],
)
def test_the_precision_that_was_given_or_that_reused_vectors_have_is_kept(
    cache: Path, many: list[PlannedFace], given: str | None, made_with: str | None, taken: str
) -> None:
    encoder = Careful()
    options = BuildOptions(cache=cache, precision=given)
    assert choose_tuning(options, many, encoder, made_with).precision == taken
    assert {precision for precision, _ in encoder.tried} == {taken}


def test_a_precision_that_the_encoder_lacks_here_is_not_kept(
    cache: Path, many: list[PlannedFace]
) -> None:
    encoder = Careful()
    tuning = choose_tuning(BuildOptions(cache=cache), many, encoder, "fp16")
    assert tuning.precision in encoder.precisions
    assert {("fp32", 16), ("bf16", 16)} <= encoder.tried


def test_where_no_sample_can_be_read_nothing_is_tried(cache: Path, many: list[PlannedFace]) -> None:
    damaged = [replace(face, path="images/gone.jpg") for face in many[:64]] + many[64:]
    encoder = Careful()
    tuning = choose_tuning(BuildOptions(cache=cache, batch=7), damaged, encoder, None)
    assert (tuning.precision, tuning.batch, tuning.rates) == ("fp32", 7, {})
    assert encoder.tried == set()


def test_unreadable_samples_are_left_out(cache: Path, many: list[PlannedFace]) -> None:
    damaged = [replace(face, key="0" * 64) for face in many[:40]] + many[40:]
    encoder = Careful()
    assert choose_tuning(BuildOptions(cache=cache), damaged, encoder, None).rates


def test_the_time_for_all_images_is_judged_by_a_few(
    cache: Path, many: list[PlannedFace], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(PixelEncoder):
        """Takes half a second a picture."""

        def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            clock[0] += 0.5 * len(pixels)
            return super().encode(pixels)

    clock = [0.0]
    monkeypatch.setattr("mtg_image_db.building.encode.time.perf_counter", lambda: clock[0])
    assert seconds_to_encode(cache, many, Slow(), described=True) == 0.5 * len(many)
    some = [replace(face, path="images/gone.jpg") for face in many[:64]] + many[64:]
    assert seconds_to_encode(cache, some, Slow(), described=False) == 0.5 * len(many)
    gone = [replace(face, path="images/gone.jpg") for face in many]
    assert seconds_to_encode(cache, gone, Slow(), described=False) is None


def test_a_large_build_says_beforehand_how_long_it_takes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Heard(Silent):
        def note(self, text: str) -> None:
            said.append(text)

        def start(self, stage: str, total: int | None, unit: str) -> None:
            said.append(stage)

    said: list[str] = []
    monkeypatch.setattr("mtg_image_db.building.run.LEAST_IMAGES", COUNT)
    build_database(BuildOptions(cache=cache, out=tmp_path), Heard(), encoder=PixelEncoder())
    words = "less than a minute on this machine, and then some minutes for the index"
    assert said.index(f"{COUNT} images to encode: {words}.") < said.index("encoding")


def test_the_probe_takes_the_fastest_that_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stepping(PixelEncoder):
        """Fast in bf16 and wrong in fp16; best with 32 at once."""

        def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            seconds = {"fp32": 2.0, "bf16": 1.0, "fp16": 0.1}[self.precision or "fp32"]
            clock[0] += seconds * len(pixels) * (1 + abs(len(pixels) - 32) / 32)
            vectors = super().encode(pixels)
            return -vectors if self.precision == "fp16" else vectors

    clock = [0.0]
    monkeypatch.setattr("mtg_image_db.encoders.probe.time.perf_counter", lambda: clock[0])
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    encoder = Stepping()
    encoder.precisions = ("fp32", "bf16", "fp16")
    tuning = tune(encoder, pixels)
    assert (tuning.precision, tuning.batch, encoder.precision) == ("bf16", 32, "bf16")
    assert tune(encoder, pixels, precision="fp32", batch=8).batch == 8
    assert encoder.precision == "fp32"
    encoder.precisions = ("fp32",)
    only = tune(encoder, pixels)
    assert (only.precision, only.batch, encoder.precision) == ("fp32", 32, "fp32")


def test_a_batch_that_does_not_fit_into_memory_ends_the_probe_only() -> None:
    class Small(PixelEncoder):
        def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            if len(pixels) > 16:
                raise RuntimeError("out of memory")
            return super().encode(pixels)

    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    assert tune(Small(), pixels).batch <= 16
