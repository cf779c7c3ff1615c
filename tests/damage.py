"""Files of a database, replaced as their maker would: the manifest has their digests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mtg_image_db import Database, DatabaseError
from mtg_image_db.database.manifest import MANIFEST


def part(home: Path, name: str) -> Path:
    """A file of the database in force in ``index_out``."""
    out = home / "index_out"
    return out / (out / "CURRENT").read_text().strip() / name


def put(home: Path, name: str, data: bytes) -> None:
    """Put a file into the database, as its maker would: the manifest has its digest."""
    part(home, name).write_bytes(data)
    manifest = json.loads(part(home, MANIFEST).read_bytes())
    told = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["outputs"][name] = told
    part(home, MANIFEST).write_text(json.dumps(manifest))


def refused(home: Path, name: str) -> None:
    with pytest.raises(DatabaseError, match=f"damaged: {name}") as caught:
        Database.open(home / "index_out")
    assert name in caught.value.details
    assert "mtg-db build" in caught.value.suggestion
