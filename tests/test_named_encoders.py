"""A database may be a stranger's: only encoders that the user named are loaded for it."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from conftest import mtg_db
from damage import part

from mtg_image_db import BuildOptions, Database, EncoderChoice, EncoderError, build_database
from mtg_image_db.database.manifest import MANIFEST
from mtg_image_db.encoders import DEFAULT_MODEL, WEIGHTS


@pytest.fixture
def home(featured: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(featured, tmp_path / "home")


def name_encoder(home: Path, model: str, pretrained: str) -> None:
    """Let the manifest name another encoder."""
    manifest = json.loads(part(home, MANIFEST).read_bytes())
    manifest["encoder"]["choice"].update(model=model, pretrained=pretrained)
    part(home, MANIFEST).write_text(json.dumps(manifest))


def build_with(home: Path, encoder: EncoderChoice) -> None:
    cache, out = home / "image_cache", home / "index_out"
    build_database(BuildOptions(cache=cache, out=out, encoder=encoder, onnx=False))


@pytest.mark.parametrize(
    ("model", "pretrained"),
    [
        ("hf-hub:somebody/something", "builtin"),
        ("local-dir:/", "builtin"),
        ("ViT-B-32", "laion2b_s34b_b79k"),
        ("ViT-B-32", "{home}/elsewhere.pt"),
        ("ViT-B-32", "//server/share/elsewhere.pt"),
        ("mtg-resnet10t-104x144", "{home}/elsewhere.pt"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("query", "photo.png"),
        ("query", "--text", "a dragon"),
        ("scan", "photo.png"),
        ("eval", "labels.csv"),
    ],
)
def test_no_encoder_is_fetched_or_read_that_only_a_manifest_names(
    home: Path, model: str, pretrained: str, command: tuple[str, ...]
) -> None:
    (home / "elsewhere.pt").write_bytes(b"no weights")
    name = Database.open(home / "index_out").face(0).name
    (home / "labels.csv").write_text(f'file,names\nphoto.png,"{name}"\n')
    name_encoder(home, model, pretrained.format(home=home))
    with socket.create_server(("127.0.0.1", 0)) as hub:
        hub.setblocking(False)
        where = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.getsockname()[1]}"}
        done = mtg_db(*command, cwd=home, environment=where)
        with pytest.raises(BlockingIOError):
            hub.accept()
    assert done.returncode == 1
    assert "was not named on this machine" in done.stderr
    assert "--pretrained" in done.stderr


def test_what_the_user_names_is_looked_at_and_remembered(
    home: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(machine: str, **named: Any) -> None:
        monkeypatch.setenv("MTG_DB_ENCODER_CACHE", str(tmp_path / machine))
        database = Database.open(home / "index_out", device="cpu", **named)
        assert database.query(home / "photo.png")

    monkeypatch.setenv("MTG_DB_ENCODER_CACHE", str(tmp_path / "here"))
    encoder = EncoderChoice("ViT-S-32-alt", str(clip), device="cpu")
    build_with(home, encoder)
    # Where it was built, it was named.
    ask("here")
    with pytest.raises(EncoderError, match="was not named on this machine"):
        ask("there")
    with pytest.raises(EncoderError, match="neither a file nor a tag"):
        ask("there", weights="no_tag")
    ask("there", weights=str(clip))
    ask("there")


def test_weights_that_moved_can_be_named(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    weights, moved = tmp_path / "weights.safetensors", tmp_path / "moved.safetensors"
    shutil.copy(WEIGHTS / f"{DEFAULT_MODEL}.safetensors", weights)
    encoder = EncoderChoice(pretrained=str(weights), device="cpu")
    build_with(home, encoder)
    weights.rename(moved)
    with pytest.raises(EncoderError, match="There is no weights file"):
        Database.open(home / "index_out", device="cpu").query(home / "photo.png")
    database = Database.open(home / "index_out", device="cpu", weights=moved)
    [answer] = database.query(home / "photo.png")
    assert answer.verdict == "confident"


def test_a_model_that_brings_its_weights_has_to_be_named_itself(home: Path) -> None:
    name_encoder(home, "local-dir:/nowhere", "builtin")
    for named, told in (
        ("laion2b_s34b_b79k", "which includes its weights"),
        ("local-dir:/nowhere", "cannot be loaded"),
    ):
        with pytest.raises(EncoderError, match=told):
            Database.open(home / "index_out", weights=named).query(home / "photo.png")
