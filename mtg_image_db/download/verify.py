"""Verify a cache: read every file, compare it with the ledger and decode it again."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

from mtg_image_db.download.ledger import Ledger
from mtg_image_db.download.paths import is_image_path
from mtg_image_db.errors import ImageError
from mtg_image_db.pictures.opening import check_bytes
from mtg_image_db.system.checks import path_of
from mtg_image_db.system.cores import usable_cores
from mtg_image_db.system.files import storage_errors, too_many_open
from mtg_image_db.system.locks import exclusive
from mtg_image_db.system.progress import Progress, listener

_BATCH = 64
"""Files that a process checks at a time. By hand."""


@dataclass(frozen=True)
class InvalidFile:
    """A file that is missing, damaged or changed; `filename` is relative to the cache."""

    filename: str
    reason: str
    size_bytes: int


@dataclass
class CacheReport:
    """The result of verifying a cache."""

    cache: Path
    total: int = 0
    invalid: list[InvalidFile] = field(default_factory=list)
    fixed: bool = False

    def to_json(self) -> dict[str, Any]:
        """The report as JSON types."""
        return {
            "version": 1,
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "cache_directory": str(self.cache),
            "total_files": self.total,
            "valid_files": self.total - len(self.invalid),
            "invalid_files": len(self.invalid),
            "failures": [
                {"filename": f.filename, "reason": f.reason, "size_bytes": f.size_bytes}
                for f in self.invalid
            ],
        }


@dataclass(frozen=True)
class _Expected:
    """A file to check; `sha256` is empty if it is not in the ledger."""

    path: str
    sha256: str
    face_id: str


def verify_cache(
    cache: str | PathLike[str],
    *,
    fix: bool = False,
    wait: bool = True,
    progress: Progress | None = None,
) -> CacheReport:
    """Read and decode every image of a cache, in one process per core.

    Parameters
    ----------
    fix
        Remove invalid files and their rows, so that the next download fetches them.
    wait
        Wait for another process that holds the cache; otherwise raise an error.

    Raises
    ------
    MissingInput
        The cache does not exist.
    """
    cache = path_of("cache", cache)
    progress = listener(progress)
    report = CacheReport(cache, fixed=fix)

    def waiting(holder: str) -> None:
        progress.note(f"Waiting for another process that holds {cache}: {holder}")

    with Ledger(cache) as ledger:
        faces: list[str] = []
        with exclusive(cache, "verify-cache", wait=wait, on_wait=waiting):
            expected = _expected(cache, ledger)
            report.total = len(expected)
            progress.start("verifying", len(expected), "images")
            for done in _in_processes(cache, expected):
                progress.advance(len(done))
                for file, reason, size in done:
                    if reason:
                        report.invalid.append(InvalidFile(file.path, reason, size))
                        faces.append(file.face_id)
            progress.finish()
            report.invalid.sort(key=lambda bad: bad.filename)
            if fix:
                with storage_errors(cache):
                    for bad in report.invalid:
                        (cache / bad.filename).unlink(missing_ok=True)
                ledger.forget(face for face in faces if face)
    return report


def _expected(cache: Path, ledger: Ledger) -> list[_Expected]:
    """All files in the ledger, and all other files with this program's names for images."""
    known = {o.path: _Expected(o.path, o.sha256, o.face_id) for o in ledger.outcomes() if o.path}
    for path in (cache / "images").glob("*/*"):
        name = path.relative_to(cache).as_posix()
        if name not in known and is_image_path(name) and path.is_file():
            known[name] = _Expected(name, "", "")
    return list(known.values())


def _in_processes(
    cache: Path, files: list[_Expected]
) -> Iterator[list[tuple[_Expected, str, int]]]:
    # Spawned, not forked: a fork would copy locks that the caller's threads hold.
    context = multiprocessing.get_context("spawn")
    batches = iter([files[i : i + _BATCH] for i in range(0, len(files), _BATCH)])
    cores = usable_cores()
    pool = ProcessPoolExecutor(cores, mp_context=context)
    try:
        running: set[Future[list[tuple[_Expected, str, int]]]] = set()
        while True:
            for batch in islice(batches, 2 * cores - len(running)):
                running.add(pool.submit(_check_batch, cache, batch))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        # An interruption waits for the running batches, not for those still in the queue.
        pool.shutdown(cancel_futures=True)


def _check_batch(cache: Path, batch: list[_Expected]) -> list[tuple[_Expected, str, int]]:
    return [(file, *_check(cache / file.path, file.sha256)) for file in batch]


def _check(path: Path, sha256: str) -> tuple[str, int]:
    """What is wrong with a file, in few words (empty if nothing), and its size."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return "missing file", 0
    except OSError as error:
        if (full := too_many_open(error)) is not None:
            raise full from error  # nothing is wrong with the file
        return f"unreadable: {error.strerror}", 0
    try:
        check_bytes(data)
    except ImageError as error:
        return error.message, len(data)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        return "not what was downloaded", len(data)
    return "", len(data)
