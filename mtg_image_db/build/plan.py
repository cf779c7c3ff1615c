"""Which faces a build covers: those the snapshots know and the cache has a valid image of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from mtg_image_db.build.options import BuildOptions, BuildSummary
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.progress import Progress
from mtg_image_db.scryfall.faces import CardFace, faces_of, to_line
from mtg_image_db.scryfall.rows import RowCount, read_rows
from mtg_image_db.scryfall.snapshot import Snapshot


@dataclass(slots=True)
class PlannedFace:
    """A face to be covered. `key` is the digest of its image."""

    face_id: str
    label: str
    line: bytes
    path: str
    size: int
    key: str


def plan_faces(
    options: BuildOptions,
    found: list[Snapshot],
    ledger: Ledger,
    summary: BuildSummary,
    progress: Progress,
) -> tuple[list[PlannedFace], dict[str, list[bytes]]]:
    """Match the snapshots' faces with the ledger's files.

    Returns
    -------
    The faces to cover, ordered by id, and the printings of each artwork.
    """
    plan: dict[str, PlannedFace] = {}
    seen: set[str] = set()
    printings: dict[str, list[bytes]] = defaultdict(list)
    # The newest first: what it says of a card counts.
    for snapshot in sorted(found, key=lambda s: s.updated_at, reverse=True):
        chosen = options.kind in (None, snapshot.kind)
        if not chosen and snapshot.kind != "default_cards":
            continue
        count = RowCount()
        progress.start(f"reading {snapshot.kind}", snapshot.rows, "cards")
        for card in read_rows(snapshot.path, count):
            progress.advance()
            for face in faces_of(card):
                if snapshot.kind == "default_cards" and face.illustration_id:
                    printings[face.illustration_id].append(to_line(_printing(face)))
                if chosen and face.face_id not in seen:
                    seen.add(face.face_id)
                    planned = _planned(options, ledger, face, summary)
                    if planned is not None:
                        plan[face.face_id] = planned
        progress.finish()
        summary.rows.good += count.good
        summary.rows.blank += count.blank
        summary.rows.broken += count.broken
        summary.rows.first_broken += count.first_broken
    ordered = [plan[face_id] for face_id in sorted(plan)]
    if options.limit is not None and len(ordered) > options.limit:
        summary.left_out["over --limit"] += len(ordered) - options.limit
        ordered = ordered[: options.limit]
    return ordered, printings


def _planned(
    options: BuildOptions, ledger: Ledger, face: CardFace, summary: BuildSummary
) -> PlannedFace | None:
    label = f"{face.name} ({face.set.upper()} {face.collector_number})"
    reason = options.wanted.exclusion(face)
    last = ledger.get(face.face_id) if reason is None else None
    if reason is None and (last is None or not last.path):
        # The image's own size key does not matter here: what counts is what was downloaded.
        reason = face.imageless or ("not in the cache" if last is None else last.reason)
    if reason is None and last is not None:
        try:
            if (options.cache / last.path).stat().st_size == last.bytes:
                record = replace(face, image_url=face.image_url and last.url).record()
                line = to_line({**record, "image_sha256": last.sha256})
                return PlannedFace(face.face_id, label, line, last.path, last.bytes, last.sha256)
            reason = "image file changed"
        except OSError:
            reason = "image file missing"
        summary.invalid.append((label, reason))
    summary.left_out[str(reason)] += 1
    return None


def _printing(face: CardFace) -> dict[str, Any]:
    """What an answer tells of a printing that shares the artwork."""
    record = face.record()
    keys = (
        "scryfall_id face_id oracle_id name printed_name set set_name collector_number rarity lang "
        "released_at finishes promo_types frame border_color full_art digital card_url"
    )
    return {key: record[key] for key in keys.split()}
