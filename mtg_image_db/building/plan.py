"""Plan a build: the faces in the snapshots that have a valid image in the cache."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import IO

from mtg_image_db.building.options import BuildOptions
from mtg_image_db.download.ledger import Ledger, Outcome
from mtg_image_db.errors import InvalidArguments
from mtg_image_db.scryfall.faces import CardFace, SeenCodes, faces_of, to_line
from mtg_image_db.scryfall.printing import label_of
from mtg_image_db.scryfall.rows import RowCount, read_rows
from mtg_image_db.scryfall.snapshot import Snapshot
from mtg_image_db.system.files import storage_errors
from mtg_image_db.system.progress import Progress

_AT_ONCE = 500
"""Faces looked up in the ledger at a time; `Ledger.find` takes a thousand. By hand."""


@dataclass(frozen=True, slots=True)
class PlannedFace:
    """A face for the database.

    Parameters
    ----------
    path
        Path of its image, relative to the cache.
    key
        SHA-256 of the image.
    illustration_id
        Id of its artwork.
    place
        Where its line of metadata begins in the plan's spool.
    """

    face_id: str
    path: str
    key: str
    illustration_id: str
    place: int


@dataclass(frozen=True)
class Plan:
    """The faces for the database, and other data from the snapshots.

    Parameters
    ----------
    faces
        Ordered by id.
    printings
        A line for each printing of an artwork, by the artwork's id.
    left_out
        How many faces are left out, by reason.
    invalid
        Those of them whose image was recorded as valid but is not any more: label and reason.
    rows
        Counts of reading the snapshots.
    spool
        A temporary file for the lines of metadata: 540,000 of them would fill 600 MB of memory.
    """

    faces: tuple[PlannedFace, ...]
    printings: Mapping[str, Sequence[bytes]]
    left_out: Mapping[str, int]
    invalid: tuple[tuple[str, str], ...]
    rows: RowCount
    spool: IO[bytes]

    def line(self, face: PlannedFace) -> bytes:
        """A face's line of metadata, without the line break."""
        self.spool.seek(face.place)
        return self.spool.readline()[:-1]

    def lines(self, faces: Sequence[PlannedFace]) -> Iterator[bytes]:
        """The lines of some faces."""
        return (self.line(face) for face in faces)

    def label(self, face: PlannedFace) -> str:
        """The name of a face in messages."""
        record = json.loads(self.line(face))
        return f"{record['name']} ({label_of(record['set'], record['collector_number'])})"


class _Draft:
    """A plan while the snapshots are read; `folder` is the folder of the spool."""

    def __init__(self, spool: IO[bytes], folder: Path) -> None:
        self._spool = spool
        self._folder = folder
        self.faces: list[PlannedFace] = []
        self.printings: dict[str, list[bytes]] = defaultdict(list)
        self.left_out: Counter[str] = Counter()
        self.invalid: list[tuple[str, str]] = []
        self.rows = RowCount()

    def add(self, face: CardFace, last: Outcome) -> None:
        """Add a face whose image is the file of its last outcome."""
        record = face.record()
        record["image_url"] = face.image_url and last.url
        line = to_line({**record, "image_sha256": last.sha256})
        # Keep one string per artwork, not one per face.
        artwork = sys.intern(face.illustration_id)
        place = self._spool.tell()
        self.faces.append(PlannedFace(face.face_id, last.path, last.sha256, artwork, place))
        with storage_errors(self._folder):
            self._spool.write(line + b"\n")

    def finish(self) -> None:
        """Write what is still in memory, so that a full disk is reported now."""
        with storage_errors(self._folder):
            self._spool.flush()

    def add_printings(self, faces: list[CardFace]) -> None:
        """Add these faces as printings of their artworks."""
        for face in faces:
            if face.illustration_id:
                line = to_line(face.printing.record())
                self.printings[sys.intern(face.illustration_id)].append(line)

    def finished(self, limit: int | None) -> Plan:
        """The plan, with at most `limit` faces."""
        self.faces.sort(key=lambda face: face.face_id)
        if limit is not None and len(self.faces) > limit:
            self.left_out["over the limit"] += len(self.faces) - limit
        return Plan(
            faces=tuple(self.faces[:limit]),
            printings=MappingProxyType(self.printings),
            left_out=MappingProxyType(self.left_out),
            invalid=tuple(self.invalid),
            rows=self.rows,
            spool=self._spool,
        )


def plan_faces(
    options: BuildOptions,
    found: list[Snapshot],
    ledger: Ledger,
    spool: IO[bytes],
    progress: Progress,
) -> Plan:
    """Match the snapshots' faces with the ledger's files.

    If several snapshots know a face, the newest one describes it.

    Raises
    ------
    InvalidArguments
        No snapshot has a card of a wanted set or language.
    """
    met = SeenCodes(options.wanted)
    draft = _Draft(spool, options.out)
    seen: set[str] = set()
    for snapshot in sorted(found, key=lambda s: s.updated_at, reverse=True):
        chosen = options.kind in (None, snapshot.kind)
        if not chosen and snapshot.kind != "default_cards":
            continue
        count = RowCount()
        progress.start(f"reading {snapshot.kind}", snapshot.rows, "cards")
        day = snapshot.updated_at[:10]
        rows = read_rows(snapshot.path, count, progress)
        faces = (face for card in rows for face in faces_of(card, prices_of=day))
        while some := list(islice(faces, _AT_ONCE)):
            if snapshot.kind == "default_cards":
                draft.add_printings(some)
            if chosen:
                for face in some:
                    met.add(face)
                outcomes = ledger.find(
                    face.face_id
                    for face in some
                    if face.face_id not in seen and options.wanted.exclusion(face) is None
                )
                for face in some:
                    if face.face_id not in seen:
                        seen.add(face.face_id)
                        _consider(options, outcomes.get(face.face_id), face, draft)
        progress.finish()
        draft.rows += count
    draft.finish()
    if seen and (problems := met.unknown()):
        raise InvalidArguments(problems)
    return draft.finished(options.limit)


def _consider(options: BuildOptions, last: Outcome | None, face: CardFace, draft: _Draft) -> None:
    """Add a face to the plan, or count the reason why not."""
    reason = options.wanted.exclusion(face)
    if reason is None and (last is None or not last.path):
        # The image size in the snapshot does not matter here: the downloaded file counts.
        reason = face.imageless or ("not in the cache" if last is None else last.reason)
    if reason is None and last is not None:
        try:
            if (options.cache / last.path).stat().st_size == last.bytes:
                draft.add(face, last)
                return
            reason = "image file changed"
        except OSError:
            reason = "image file missing"
        draft.invalid.append((f"{face.name} ({face.label})", reason))
    draft.left_out[str(reason)] += 1
