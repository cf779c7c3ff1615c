"""Pauses that servers asked for, remembered from one run to the next."""

from __future__ import annotations

import time
from pathlib import Path

from mtg_image_db.system.files import read_json_object, write_json

PAUSES = "pauses.json"


def remember_pause(cache: Path, host: str, seconds: float) -> None:
    """Record that `host` must not be asked for `seconds` seconds."""
    pauses = read_json_object(cache / PAUSES) or {}
    pauses[host] = {"until": time.time() + seconds, "seconds": seconds}
    write_json(cache / PAUSES, pauses)


def pauses_left(cache: Path) -> dict[str, float]:
    """For how many more seconds each host must not be asked.

    A clock that was set back does not make a pause longer.
    """
    left = {}
    for host, pause in (read_json_object(cache / PAUSES) or {}).items():
        try:
            seconds = min(float(pause["until"]) - time.time(), float(pause["seconds"]))
        except (KeyError, TypeError, ValueError):
            continue
        if seconds > 0:
            left[host] = seconds
    return left
