"""Find and remove what a cache no longer needs."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from mtg_image_db.download.ledger import PLAN, Ledger
from mtg_image_db.download.paths import is_image_path
from mtg_image_db.download.pauses import PAUSES
from mtg_image_db.scryfall.faces import faces_of
from mtg_image_db.scryfall.rows import read_rows
from mtg_image_db.scryfall.snapshot import half_written, snapshots
from mtg_image_db.system.files import part_of, storage_errors
from mtg_image_db.system.locks import exclusive
from mtg_image_db.system.progress import Progress, listener


@dataclass(frozen=True)
class Leftover:
    """An unneeded file: its path in the cache, the reason, its bytes, and its face if known."""

    path: str
    reason: str
    size: int
    face_id: str = ""


def find_leftovers(cache: Path, progress: Progress | None = None) -> list[Leftover]:
    """List what a cache no longer needs. This changes nothing.

    The list has images of faces that are in no snapshot any more, images that are not in the
    ledger, and half-written files of killed runs. Files with names that this program does not use
    are ignored.

    Raises
    ------
    MissingInput
        The cache does not exist.
    """
    progress = listener(progress)
    known: set[str] = set()
    for snapshot in snapshots(cache):
        progress.start(f"reading {snapshot.kind}", snapshot.rows, "cards")
        for card in read_rows(snapshot.path, progress=progress):
            known.update(face.face_id for face in faces_of(card))
        progress.finish()
    with Ledger(cache) as ledger:
        faces = {outcome.path: outcome.face_id for outcome in ledger.outcomes() if outcome.path}
    found = []
    parts = half_written_beside(cache)
    for path in sorted([*(cache / "images").glob("*/*"), *parts]):
        if path.parent.is_symlink():
            continue  # a folder of somebody else's
        name = path.relative_to(cache).as_posix()
        face_id = faces.get(name, "")
        if path in parts or is_image_path(part_of(name)):
            reason = "half-written"
        elif not is_image_path(name):
            continue  # not a file of this program
        elif not face_id:
            reason = "not in the ledger"
        elif face_id not in known:
            reason = "gone from Scryfall"
        else:
            continue
        try:
            status = path.stat()
        except FileNotFoundError:  # a download has just renamed it
            continue
        if stat.S_ISREG(status.st_mode):
            found.append(Leftover(name, reason, status.st_size, face_id))
    return found


def half_written_beside(cache: Path) -> list[Path]:
    """Half-written files that killed runs left beside the images, by this program's names."""
    own = [path for path in cache.glob("*.part") if part_of(path.name) == PAUSES]
    return [*own, *(path for path in [cache / PLAN] if path.exists()), *half_written(cache)]


def remove_leftovers(cache: Path, leftovers: list[Leftover], *, wait: bool = True) -> None:
    """Remove the files that `find_leftovers` listed, and the rows of their faces.

    Files that a download has begun to use since then are kept.
    """
    with exclusive(cache, "clean", wait=wait), Ledger(cache) as ledger:
        listed = {leftover.path for leftover in leftovers}
        still = [leftover for leftover in find_leftovers(cache) if leftover.path in listed]
        ledger.forget(leftover.face_id for leftover in still if leftover.face_id)
        with storage_errors(cache):
            for leftover in still:
                (cache / leftover.path).unlink(missing_ok=True)
