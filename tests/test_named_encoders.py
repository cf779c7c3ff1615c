"""A database may be a stranger's: only encoders that the user named are loaded for it."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
from conftest import mtg_db
from damage import part

from mtg_image_db import Database
from mtg_image_db.database.manifest import MANIFEST


@pytest.fixture
def home(featured: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(featured, tmp_path / "home")


def name_encoder(home: Path, model: str, pretrained: str) -> None:
    """Let the manifest name another encoder."""
    manifest = json.loads(part(home, MANIFEST).read_bytes())
    manifest["encoder"]["choice"].update(model=model, pretrained=pretrained)
    part(home, MANIFEST).write_text(json.dumps(manifest))


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
    home: Path, clip: Path, tmp_path: Path
) -> None:
    here, there = ({"MTG_DB_ENCODER_CACHE": str(tmp_path / name)} for name in ("here", "there"))
    build = ("build", "--model", "ViT-S-32-alt", "--pretrained", clip, "--no-onnx", "--limit", "3")
    assert mtg_db(*build, "--device", "cpu", cwd=home, environment=here).returncode == 0
    query = ("query", "photo.png", "--device", "cpu")
    # Where it was built, it was named.
    assert mtg_db(*query, cwd=home, environment=here).returncode == 0
    assert mtg_db(*query, cwd=home, environment=there).returncode == 1
    other = mtg_db(*query, "--pretrained", "no_tag", cwd=home, environment=there)
    assert "neither a file nor a tag" in other.stderr
    named = mtg_db(*query, "--pretrained", clip, cwd=home, environment=there)
    assert named.returncode == 0, named.stderr
    assert mtg_db(*query, cwd=home, environment=there).returncode == 0


def test_a_model_that_brings_its_weights_has_to_be_named_itself(home: Path) -> None:
    name_encoder(home, "local-dir:/nowhere", "builtin")
    query = ("query", "photo.png", "--pretrained")
    done = mtg_db(*query, "laion2b_s34b_b79k", cwd=home)
    assert "which includes its weights" in done.stderr
    done = mtg_db(*query, "local-dir:/nowhere", cwd=home)
    assert "cannot be loaded" in done.stderr
