"""Pauses that servers asked for, remembered from one run to the next."""

from __future__ import annotations

import time
from pathlib import Path

from mtg_image_db.system.files import read_json_object, write_json

_FILE = "pauses.json"


def remember_pause(cache: Path, host: str, seconds: float) -> None:
    """Write down that `host` is not to be asked for so many seconds."""
    pauses = read_json_object(cache / _FILE) or {}
    pauses[host] = {"until": time.time() + seconds, "seconds": seconds}
    write_json(cache / _FILE, pauses)


def pauses_left(cache: Path) -> dict[str, float]:
    """How many seconds each host still is not to be asked.

    A clock that was set back cannot make a pause longer than it was.
    """
    left = {}
    for host, pause in (read_json_object(cache / _FILE) or {}).items():
        try:
            seconds = min(float(pause["until"]) - time.time(), float(pause["seconds"]))
        except (KeyError, TypeError, ValueError):
            continue
        if seconds > 0:
            left[host] = seconds
    return left
