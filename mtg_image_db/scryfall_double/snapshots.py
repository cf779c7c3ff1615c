"""Bulk data as Scryfall publishes it (https://scryfall.com/docs/api/bulk-data)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import cached_property
from typing import Any

from mtg_image_db.scryfall_double.replies import Reply, file_reply

Card = Mapping[str, Any]

FIRST_SNAPSHOT = datetime(2026, 9, 8, 9, 1, 57, 53000, tzinfo=timezone.utc)
# Bulk files appear about twice a day.
SNAPSHOT_STEP = timedelta(hours=12)

# The ids are Scryfall's own and do not change between snapshots.
BULK_IDS: Mapping[str, str] = {
    "oracle_cards": "27bf3214-1271-490b-bdfe-c0be6c23d02e",
    "unique_artwork": "6bbcf976-6369-4401-88fc-3a9e4984c305",
    "default_cards": "e2ef41e3-5778-4bc2-af3f-78eca4dd9c23",
    "all_cards": "922288cb-4bef-45e1-bb30-0c2bd3d3534f",
}


@dataclass(frozen=True)
class ServedSnapshot:
    """One kind of bulk data at one time; its file is made at the first request.

    Parameters
    ----------
    lines
        The card objects as JSON.
    url
        Returns the double's base URL, which is in every descriptor and every file.
    legacy
        Whether it has the form from before 2026-07-20: a JSON array, compressed in transfer.
    """

    kind: str
    updated_at: datetime
    lines: Sequence[str]
    url: Callable[[], str]
    legacy: bool

    @property
    def names(self) -> tuple[str, str, str]:
        """Its names under ``/bulk-data/...``."""
        return BULK_IDS[self.kind], self.kind, self.kind.replace("_", "-")

    @property
    def path(self) -> str:
        """Path of its file."""
        kind = self.names[-1]
        ending = "json" if self.legacy else "jsonl.gz"
        return f"/file/{kind}/{kind}-{self.updated_at:%Y%m%d%H%M%S}.{ending}"

    @property
    def file_url(self) -> str:
        """URL of its file."""
        return self.url() + self.path

    @cached_property
    def text(self) -> bytes:
        """Its file before compression, with image URLs of the double."""
        if self.legacy:
            text = "[\n" + ",\n".join(self.lines) + "\n]"
        else:
            text = "".join(line + "\n" for line in self.lines)
        return text.replace("https://cards.scryfall.io/", f"{self.url()}/cards/").encode(
            "utf-8", "backslashreplace"
        )

    @cached_property
    def file(self) -> Reply:
        """The reply with its file."""
        # The new form is a gzip file, without compression in transfer.
        headers = {"Content-Type": "application/gzip", "Content-Disposition": "attachment"}
        if self.legacy:
            headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        headers["Last-Modified"] = format_datetime(self.updated_at, usegmt=True)
        return file_reply(gzip.compress(self.text, 6, mtime=0), headers)

    @property
    def descriptor(self) -> dict[str, Any]:
        """The object of type ``bulk_data``, with its keys in their order."""
        name = self.kind.replace("_", " ").title()
        common = {
            "object": "bulk_data",
            "id": BULK_IDS[self.kind],
            "type": self.kind,
            "updated_at": self.updated_at.isoformat(timespec="milliseconds"),
            "uri": f"{self.url()}/bulk-data/{BULK_IDS[self.kind]}",
            "name": name,
            "description": f"A file of Scryfall card objects: {name}.",
        }
        if self.legacy:
            return {
                **common,
                "size": len(self.text),
                "download_uri": self.file_url,
                "content_type": "application/json",
                "content_encoding": "gzip",
            }
        size = len(self.file.body)
        return {**common, "jsonl_download_uri": self.file_url, "compressed_size": size}


def card_lines(cards: Iterable[Card], kind: str | None) -> dict[str, list[str]]:
    """Return the lines of each kind: of `kind` alone, or of all four, chosen as Scryfall does."""
    # Serialise the cards now, so that later changes by the caller have no effect.
    pairs = [(card, json.dumps(card, ensure_ascii=False, separators=(",", ":"))) for card in cards]
    lines = [line for _, line in pairs]
    if kind is not None:
        return {kind: lines}
    return {
        "oracle_cards": _first_of(pairs, _oracle_ids),
        "unique_artwork": _first_of(pairs, _illustration_ids),
        "default_cards": lines,
        "all_cards": lines,
    }


def _first_of(pairs: Iterable[tuple[Card, str]], ids: Callable[[Card], set[str]]) -> list[str]:
    """Keep the cards with an id that no earlier card has."""
    seen: set[str] = set()
    chosen = []
    for card, line in pairs:
        new = ids(card) - seen
        seen |= new
        if new:
            chosen.append(line)
    return chosen


def _oracle_ids(card: Card) -> set[str]:
    faces = card.get("card_faces") or [{}]
    return {card.get("oracle_id") or faces[0].get("oracle_id") or card["id"]}


def _illustration_ids(card: Card) -> set[str]:
    parts = [card, *(card.get("card_faces") or [])]
    ids = {part["illustration_id"] for part in parts if part.get("illustration_id")}
    return ids or {card["id"]}
