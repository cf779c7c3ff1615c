"""What a cache no longer needs."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from mtg_image_db.download.ledger import Ledger
from mtg_image_db.scryfall.faces import faces_of
from mtg_image_db.scryfall.rows import read_rows
from mtg_image_db.scryfall.snapshot import bulk_folder, snapshots
from mtg_image_db.system.files import exclusive, storage_errors
from mtg_image_db.system.progress import Progress, Silent


@dataclass(frozen=True)
class Leftover:
    """A file nothing needs: path relative to the cache, why, bytes, and its face if it has one."""

    path: str
    reason: str
    size: int
    face_id: str = ""


def find_leftovers(cache: Path, progress: Progress | None = None) -> list[Leftover]:
    """List what a cache no longer needs: nothing is changed.

    These are images of faces that no snapshot knows any more, files no face of the ledger has, and
    what killed runs left half-written.

    Raises
    ------
    MissingInput
        There is no cache.
    """
    progress = Silent() if progress is None else progress
    known: set[str] = set()
    for snapshot in snapshots(cache):
        progress.start(f"reading {snapshot.kind}", snapshot.rows, "cards")
        for card in read_rows(snapshot.path):
            progress.advance()
            known.update(face.face_id for face in faces_of(card))
        progress.finish()
    with Ledger(cache) as ledger:
        faces = {outcome.path: outcome.face_id for outcome in ledger.outcomes() if outcome.path}
    found = []
    parts = [*cache.glob("*.part"), *bulk_folder(cache).glob("*.part")]
    for path in sorted([*(cache / "images").glob("*/*"), *parts]):
        name = path.relative_to(cache).as_posix()
        face_id = faces.get(name, "")
        if name.endswith(".part"):
            reason = "half-written"
        elif not face_id:
            reason = "not in the ledger"
        elif face_id not in known:
            reason = "gone from Scryfall"
        else:
            continue
        try:
            status = path.stat()
        except FileNotFoundError:  # a download has just given it its name
            continue
        if stat.S_ISREG(status.st_mode):
            found.append(Leftover(name, reason, status.st_size, face_id))
    return found


def remove_leftovers(cache: Path, leftovers: list[Leftover], *, wait: bool = True) -> None:
    """Remove files that `find_leftovers` listed, and the rows of their faces.

    What a download has taken up since the list was made is left alone.
    """
    with exclusive(cache, "clean", wait=wait), Ledger(cache) as ledger:
        listed = {leftover.path for leftover in leftovers}
        still = [leftover for leftover in find_leftovers(cache) if leftover.path in listed]
        ledger.forget(leftover.face_id for leftover in still if leftover.face_id)
        with storage_errors(cache):
            for leftover in still:
                (cache / leftover.path).unlink(missing_ok=True)
