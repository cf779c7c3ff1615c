"""What options refuse, and what they take."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import build

from mtg_image_db import (
    BuildOptions,
    Database,
    DatabaseError,
    DownloadOptions,
    EncoderChoice,
    FaceFilter,
    InvalidArguments,
    build_database,
)
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.encoders.preprocessing import Preprocessing
from mtg_image_db.evaluation.labels import read_labels
from mtg_image_db.evaluation.report import write_report
from mtg_image_db.export import export_database

GREY = (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("make", "values", "problem"),
    [
        (BuildOptions, {"hnsw_m": 0}, "hnsw_m must be between 4 and 128"),
        (BuildOptions, {"hnsw_m": 1}, "hnsw_m must be between 4 and 128"),
        (BuildOptions, {"hnsw_m": 129}, "hnsw_m must be between 4 and 128"),
        (BuildOptions, {"hnsw_m": 16.0}, "hnsw_m must be a whole number, not 16.0"),
        (BuildOptions, {"hnsw_m": True}, "hnsw_m must be a whole number, not True"),
        (
            BuildOptions,
            {"hnsw_m": 64, "hnsw_ef_construction": 63},
            "hnsw_ef_construction must be between 64 and 2000",
        ),
        (
            BuildOptions,
            {"hnsw_ef_construction": 2001},
            "hnsw_ef_construction must be between 32 and 2000",
        ),
        (
            BuildOptions,
            {"checkpoint_frequency": 99},
            "checkpoint_frequency must be 0 or at least 100",
        ),
        (BuildOptions, {"checkpoint_frequency": -1}, "checkpoint_frequency must be at least 0"),
        (BuildOptions, {"batch": 0}, "batch must be between 1 and 4096"),
        (BuildOptions, {"limit": -1}, "limit must be at least 0"),
        (BuildOptions, {"limit": 10**7 + 1}, "limit must be at most 10,000,000"),
        (BuildOptions, {"precision": "fp8"}, "precision must be one of fp32, bf16, fp16"),
        (
            BuildOptions,
            {"kind": "cards"},
            "kind must be one of oracle_cards, unique_artwork, default_cards, all_cards",
        ),
        (BuildOptions, {"cache": "x", "out": Path("x")}, "out and cache must be two folders"),
        (BuildOptions, {"cache": 3}, "cache must be a str or PathLike, not 3"),
        (BuildOptions, {"out": b"x"}, "out must be a str or PathLike, not b'x'"),
        (DownloadOptions, {"workers": 0}, "workers must be between 1 and 128"),
        (DownloadOptions, {"workers": 129}, "workers must be between 1 and 128"),
        (DownloadOptions, {"timeout_connect": 0.5}, "timeout_connect must be at least 1"),
        (DownloadOptions, {"timeout_read": float("nan")}, "timeout_read must be at least 5"),
        (DownloadOptions, {"timeout_read": "5"}, "timeout_read must be a number, not '5'"),
        (DownloadOptions, {"max_retries": -1}, "max_retries must be at least 0"),
        (DownloadOptions, {"backoff_factor": -1.0}, "backoff_factor must be at least 0"),
        (DownloadOptions, {"rate_limit_floor": -1}, "rate_limit_floor must be at least 0"),
        (DownloadOptions, {"patience": -1}, "patience must be at least 0"),
        (DownloadOptions, {"limit": -1}, "limit must be at least 0"),
        (
            DownloadOptions,
            {"image": "huge"},
            "image must be one of small, normal, large, png, grid, display",
        ),
        (
            DownloadOptions,
            {"kind": None},
            "kind must be one of oracle_cards, unique_artwork, default_cards, all_cards",
        ),
        (
            DownloadOptions,
            {"api_url": "ftp://x"},
            "api_url must be a URL like https://api.scryfall.com",
        ),
        (DownloadOptions, {"cache": None}, "cache must be a str or PathLike, not None"),
        (EncoderChoice, {"fit": "crop"}, "fit must be one of pad, squash"),
        (EncoderChoice, {"device": "tpu"}, "device must be one of auto, cpu, cuda, mps"),
        (EncoderChoice, {"size": (63, 64)}, "size must be between 64 and 2048"),
        (EncoderChoice, {"size": (64, 2049)}, "size must be between 64 and 2048"),
        (EncoderChoice, {"size": (64.0, 64)}, "size must be a whole number, not 64.0"),
        (EncoderChoice, {"size": 224}, "size must be a height and a width, not 224"),
        (
            FaceFilter,
            {"sets": "fin"},
            "sets must be a collection of texts, like {'fin'}, not one text",
        ),
        (FaceFilter, {"langs": 3}, "langs must be a collection of texts, not 3"),
        (FaceFilter, {"rarities": [1]}, "rarities must be a collection of texts, not [1]"),
        (FaceFilter, {"include_digital": "no"}, "include_digital must be a bool, not 'no'"),
        (BuildOptions, {"limit": True}, "limit must be a whole number, not True"),
        (BuildOptions, {"resume": "no"}, "resume must be a bool, not 'no'"),
        (BuildOptions, {"precision": np.zeros(3)}, "precision must be one of fp32, bf16, fp16"),
        (DownloadOptions, {"timeout_read": True}, "timeout_read must be a number, not True"),
        (DownloadOptions, {"dry_run": 0}, "dry_run must be a bool, not 0"),
        (
            Assumptions,
            {"sets": "fin"},
            "sets must be a collection of texts, like {'fin'}, not one text",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    make: Callable[..., Any], values: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidArguments) as caught:
        make(**values)
    assert caught.value.problems == (problem,)


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(InvalidArguments) as caught:
        BuildOptions(hnsw_m=1, hnsw_ef_construction=3, batch=0, limit=-1)
    assert caught.value.problems == (
        "limit must be at least 0",
        "batch must be between 1 and 4096",
        "hnsw_m must be between 4 and 128",
        "hnsw_ef_construction must be between 4 and 2000",
    )


def test_all_that_is_wrong_with_a_preprocessing_is_listed_at_once() -> None:
    assert Preprocessing(8, 8, "pad", (0, 0.5, 1), (1, 1, 1)).mean == (0, 0.5, 1)
    with pytest.raises(InvalidArguments, match="std must be a number for each"):
        Preprocessing(8, 8, "pad", (0, 0.5, 1), (True, float("nan"), 1))
    wrong: Any = {"fit": "crop", "mean": (0.5, 0.5), "std": "abc"}
    with pytest.raises(InvalidArguments) as caught:
        Preprocessing(0, 8, **wrong)
    assert caught.value.problems == (
        "height must be at least 1",
        "fit must be one of pad, squash",
        "mean must be a number for each of three channels, not (0.5, 0.5)",
        "std must be a number for each of three channels, not 'abc'",
    )


def test_the_smallest_and_largest_values_are_taken(cache: Path, tmp_path: Path) -> None:
    build(cache, tmp_path / "least", hnsw_m=4, hnsw_ef_construction=4, limit=5)
    build(cache, tmp_path / "most", hnsw_m=128, hnsw_ef_construction=2000, limit=5)
    assert EncoderChoice(size=(64, 2048)).size == (64, 2048)
    for name in ("least", "most"):
        assert len(Database.open(tmp_path / name)) == 5


def test_paths_may_be_texts(home: Path, tmp_path: Path) -> None:
    assert DownloadOptions(cache=str(tmp_path)).cache == tmp_path
    options = BuildOptions(cache=str(home / "image_cache"), out=str(tmp_path), limit=2)
    assert (options.cache, options.out) == (home / "image_cache", tmp_path)
    assert options == BuildOptions(cache=home / "image_cache", out=tmp_path, limit=2)
    assert build_database(options).out == tmp_path
    labels, truth = tmp_path / "labels.csv", tmp_path / "truth.csv"
    labels.write_text("file,names\nx.jpg,Card 1\n")
    truth.write_text("file,name,artwork\n")
    [photo] = read_labels(str(labels), str(truth), set())
    assert photo.path == tmp_path / "x.jpg"
    assert write_report([], str(tmp_path / "report")) == 0
    assert (tmp_path / "report" / "index.html").is_file()
    database = Database.open(tmp_path)
    paths = export_database(database, str(tmp_path / "export"), "npy")
    assert all(path.is_file() for path in paths)


def test_weights_may_be_a_path() -> None:
    path: Any = Path("weights.pt")
    assert EncoderChoice(pretrained=path) == EncoderChoice(pretrained="weights.pt")


def test_lists_stand_for_sets_and_tuples() -> None:
    assert FaceFilter(sets=["fin", "fic"]) == FaceFilter(sets=frozenset({"fic", "fin"}))
    values: Any = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    assert Preprocessing(8, 8, "pad", **values) == Preprocessing(8, 8, "pad", GREY, GREY)
    size: Any = [160, 112]
    assert EncoderChoice(size=size) == EncoderChoice(size=(160, 112))


@pytest.mark.parametrize("changes", [{"fit": "crop"}, {"size": [1, 1]}, {"size": [64]}])
def test_a_manifest_that_names_an_impossible_encoder_is_damaged(
    home: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    shutil.copytree(home / "index_out", tmp_path / "out")
    path = Database.open(tmp_path / "out").folder / "build_manifest.json"
    manifest = json.loads(path.read_text())
    manifest["encoder"]["choice"].update(changes)
    path.write_text(json.dumps(manifest))
    with pytest.raises(DatabaseError, match=r"is damaged: build_manifest\.json"):
        Database.open(tmp_path / "out")


def test_an_export_in_an_unknown_form_writes_nothing(home: Path, tmp_path: Path) -> None:
    database = Database.open(home / "index_out")
    with pytest.raises(InvalidArguments) as caught:
        export_database(database, tmp_path / "export", "bogus", dtype="int4")
    assert caught.value.problems == (
        "form must be one of npy, parquet, browser",
        "dtype must be one of int8, float32",
    )
    assert not (tmp_path / "export").exists()
