"""A download's report for programs: its counts, and every outcome in the ledger."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from mtg_image_db.download.ledger import Ledger
from mtg_image_db.download.options import DownloadOptions, DownloadSummary
from mtg_image_db.system.outputs import write_output


def write_report(path: Path, summary: DownloadSummary, options: DownloadOptions) -> None:
    """Write counts, failures and outcomes as one JSON object, as a stream.

    Keys: version, timestamp, cache_directory, counts, skipped and failed by reason, snapshot,
    interrupted, and `outcomes` (face_id, url, path, bytes, sha256, outcome, reason, error) for
    every image in the cache's ledger.
    """
    head = {
        "version": 1,
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cache_directory": str(options.cache),
        "snapshot": {"kind": summary.snapshot.kind, "updated_at": summary.snapshot.updated_at},
        "counts": {
            "requested": summary.requested,
            "cached": summary.cached,
            "downloaded": summary.downloaded,
            "failed": summary.failed,
            "skipped": sum(summary.skipped.values()),
            "unfinished": summary.unfinished,
        },
        "skipped": dict(summary.skipped),
        "failed": dict(summary.failed_by_reason),
        "interrupted": summary.interrupted,
        "stopped": summary.stopped.message if summary.stopped else None,
    }
    with write_output(path) as stream, Ledger(options.cache) as ledger:
        stream.write(json.dumps(head, indent=1).encode()[:-2] + b',\n "outcomes": [')
        separator = b"\n  "
        for outcome in ledger.outcomes():
            record = {
                "face_id": outcome.face_id,
                "url": outcome.url,
                "outcome": outcome.outcome,
                "path": outcome.path,
                "bytes": outcome.bytes,
                "sha256": outcome.sha256,
                "reason": outcome.reason,
                "error": outcome.error,
            }
            stream.write(separator + json.dumps(record).encode())
            separator = b",\n  "
        stream.write(b"\n ]\n}\n")
