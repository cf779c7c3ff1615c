"""Which faces a build covers: those the snapshots know and the cache has a valid image of."""

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


@dataclass(frozen=True, slots=True)
class PlannedFace:
    """A face to be covered.

    Parameters
    ----------
    path
        Of its image, relative to the cache.
    key
        SHA-256 of the image.
    illustration_id
        Of its artwork.
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
    """The faces to cover, and what else the snapshots say.

    Parameters
    ----------
    faces
        Ordered by id.
    printings
        A line for each printing of an artwork, by the artwork's id.
    left_out
        How many faces are not covered, by reason.
    invalid
        Of those, each whose image was recorded as valid and is not any more: label and reason.
    rows
        What reading the snapshots met.
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
        """A face's line of metadata, without the break."""
        self.spool.seek(face.place)
        return self.spool.readline()[:-1]

    def lines(self, faces: Sequence[PlannedFace]) -> Iterator[bytes]:
        """The lines of some faces."""
        return (self.line(face) for face in faces)

    def label(self, face: PlannedFace) -> str:
        """How a face is called in messages."""
        record = json.loads(self.line(face))
        return f"{record['name']} ({label_of(record['set'], record['collector_number'])})"


class _Draft:
    """A plan while the snapshots are read; `folder` is where the spool lies."""

    def __init__(self, spool: IO[bytes], folder: Path) -> None:
        self._spool = spool
        self._folder = folder
        self.faces: list[PlannedFace] = []
        self.printings: dict[str, list[bytes]] = defaultdict(list)
        self.left_out: Counter[str] = Counter()
        self.invalid: list[tuple[str, str]] = []
        self.rows = RowCount()

    def add(self, face: CardFace, last: Outcome) -> None:
        """Take in a face whose image is the last outcome's file."""
        record = face.record()
        record["image_url"] = face.image_url and last.url
        line = to_line({**record, "image_sha256": last.sha256})
        # One text an artwork, and not one a face.
        artwork = sys.intern(face.illustration_id)
        place = self._spool.tell()
        self.faces.append(PlannedFace(face.face_id, last.path, last.sha256, artwork, place))
        with storage_errors(self._folder):
            self._spool.write(line + b"\n")

    def finish(self) -> None:
        """Write what is still in memory, so that a full disk is told now."""
        with storage_errors(self._folder):
            self._spool.flush()

    def add_printings(self, faces: list[CardFace]) -> None:
        """Take in that these are printings of their artworks."""
        for face in faces:
            if face.illustration_id:
                line = to_line(face.printing.record())
                self.printings[sys.intern(face.illustration_id)].append(line)

    def finished(self, limit: int | None) -> Plan:
        """The plan, of at most so many faces."""
        self.faces.sort(key=lambda face: face.face_id)
        if limit is not None and len(self.faces) > limit:
            self.left_out["over --limit"] += len(self.faces) - limit
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

    Of a face that several snapshots know, the newest says what is known about it.

    Raises
    ------
    InvalidArguments
        No snapshot knows a card of a set or language that is wanted.
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
        rows = read_rows(snapshot.path, count, progress)
        faces = (face for card in rows for face in faces_of(card))
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
    """Take a face into the plan, or count why not."""
    reason = options.wanted.exclusion(face)
    if reason is None and (last is None or not last.path):
        # The image's own size key does not matter here: what counts is what was downloaded.
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
