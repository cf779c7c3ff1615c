"""One run of a download: plan it, fetch with workers, and record the outcomes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

from mtg_image_db.download.fetch import adopt_image, fetch_image
from mtg_image_db.download.ledger import Ledger, Outcome, Planned
from mtg_image_db.download.options import DownloadOptions, DownloadSummary, Failure
from mtg_image_db.download.paths import is_image_path
from mtg_image_db.errors import InvalidArguments, MtgDbError, NothingUsable, StorageError
from mtg_image_db.net.session import PoliteSession
from mtg_image_db.scryfall.faces import MEAN_IMAGE_BYTES, SeenCodes, faces_of
from mtg_image_db.scryfall.rows import RowCount, read_rows
from mtg_image_db.scryfall.snapshot import Snapshot
from mtg_image_db.system.files import part_of, sync_folder, too_many_open
from mtg_image_db.system.progress import Progress

_FLUSH_SECONDS = 1.0
"""Seconds after which outcomes are written to the ledger: a crash loses no more. By hand."""
_FLUSH_COUNT = 256
"""Outcomes after which they are written, however soon. By hand."""
_PAGE = 5000
"""Cached images that are taken out of the plan at a time. By hand."""
_GATHER_SECONDS = 0.02
"""Seconds in which results gather before they are taken. By hand."""
_GRACE_SECONDS = 1.0
"""Seconds that images in flight have to be finished when a run is ended. By hand."""
_CHECKERS = 4
"""Threads beyond the workers, so that no connection is idle while its last image is decoded. By
hand."""


@dataclass(frozen=True)
class _Fetched:
    """The result of fetching; see `DownloadSummary`."""

    downloaded: int = 0
    failures: tuple[Failure, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    stopped: MtgDbError | None = None


class Run:
    """One run over a plan. All methods except `_work` are called from one thread."""

    def __init__(
        self,
        options: DownloadOptions,
        session: PoliteSession,
        ledger: Ledger,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self.options = options
        self.cache = options.cache
        self.session = session
        self.ledger = ledger
        self.progress = progress
        self.stop = stop
        self.results: SimpleQueue[tuple[Planned, Outcome | BaseException]] = SimpleQueue()
        self.tasks: SimpleQueue[Planned | None] = SimpleQueue()
        self.unrecorded: list[tuple[Planned, Outcome]] = []
        self.flushed_at = time.monotonic()
        self.met = SeenCodes(options.wanted)
        self.downloaded = 0
        self.bytes = 0
        self.failures: list[Failure] = []

    def execute(self, snapshot: Snapshot) -> DownloadSummary:
        """Plan, fetch and record; an interruption is part of the summary."""
        rows, skipped = RowCount(), Counter[str]()
        total = snapshot.rows if self.options.limit is None else None  # it may end anywhere
        self.progress.start("reading the snapshot", total, "cards")
        wanted = islice(self._wanted(snapshot, rows, skipped), self.options.limit)
        skipped["listed twice"] += self.ledger.plan(wanted)
        self._refuse_unknown(snapshot)
        self.progress.finish()
        skipped += Counter()  # drops reasons that count nothing
        if self.ledger.plan_size() == 0 and self.options.limit != 0:
            raise NothingUsable(
                "No face in the snapshot is wanted",
                details=", ".join(f"{n} {why}" for why, n in skipped.most_common())
                or f"{snapshot.rows} rows, none with a card",
                suggestion="Check the sets, the languages and the image size that you gave.",
            )
        cached = self._take_out_cached()
        missing = self.ledger.plan_size()
        estimated_bytes = missing * MEAN_IMAGE_BYTES[self.options.image]
        fetched = _Fetched()
        if not self.options.dry_run and missing:
            self._check_space(estimated_bytes)
            fetched = self._fetch_all(missing)
        return DownloadSummary(
            snapshot,
            rows,
            cached=cached,
            downloaded=fetched.downloaded,
            unfinished=missing - fetched.downloaded - len(fetched.failures),
            failures=fetched.failures,
            skipped=MappingProxyType(skipped),
            bytes=fetched.bytes,
            seconds=fetched.seconds,
            estimated_bytes=estimated_bytes,
            interrupted=fetched.interrupted,
            stopped=fetched.stopped,
        )

    def _wanted(
        self, snapshot: Snapshot, rows: RowCount, skipped: Counter[str]
    ) -> Iterator[tuple[str, str, str]]:
        """Yield the rows of the plan, and count what it skips while the snapshot is read."""
        for card in read_rows(snapshot.path, rows, self.progress):
            for face in faces_of(card, self.options.image):
                self.met.add(face)
                reason = self.options.wanted.exclusion(face) or face.imageless
                if not reason and self.session.allowed.refusal(face.image_url):
                    reason = "refused URL"
                if reason:
                    skipped[reason] += 1
                else:
                    text = f"{face.name} ({face.label})"
                    # A lone surrogate in a name cannot be stored as text.
                    label = text.encode("utf-8", "replace").decode()
                    yield face.face_id, face.image_url, label

    def _refuse_unknown(self, snapshot: Snapshot) -> None:
        """Refuse what the filter names and no card of the snapshot has, before any image."""
        if not self.met.unknown():
            return
        # --limit may have ended the reading before one of them occurred.
        for card in read_rows(snapshot.path):
            for face in faces_of(card):
                self.met.add(face)
        if problems := self.met.unknown():
            if snapshot.kind in ("oracle_cards", "unique_artwork"):
                problems.append(
                    f"the snapshot {snapshot.kind} leaves out reprints: the kind default_cards has "
                    "every printing"
                )
            raise InvalidArguments(problems)

    def _take_out_cached(self) -> int:
        """Remove valid cached images from the plan; return how many. Lists each folder once."""
        cached = 0
        folder, sizes = "", dict[str, int]()
        there: list[str] = []
        self.progress.start("checking the cache", self.ledger.plan_size(), "images")
        for face in self.ledger.planned():
            self.progress.advance()
            here, _, name = face.path.rpartition("/")
            if here != folder:
                folder, sizes = here, _sizes_in(self.cache, here)
            if name not in sizes:
                continue
            last = face.last
            known = last is not None and last.valid and last.path == face.path
            if last is not None and known and sizes[name] != last.bytes:
                continue  # it was changed since
            if not known:
                outcome = adopt_image(self.cache, face)
                if outcome is None:
                    continue
                self.unrecorded.append((face, outcome))
            there.append(face.face_id)
            cached += 1
            if len(there) == _PAGE:
                self._flush()
                self.ledger.drop_from_plan(there)
                there.clear()
        self.progress.finish()
        self._flush()
        self.ledger.drop_from_plan(there)
        return cached

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.cache).free
        if free < needed:
            raise StorageError(
                "Not enough free disk space for the images",
                details=f"about {needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free "
                f"at {self.cache}",
                suggestion="Free some space, put the cache on another disk, choose smaller images "
                "(grid has the size of normal at half the bytes), or narrow by set or limit.",
            )

    def _fetch_all(self, missing: int) -> _Fetched:
        began = time.monotonic()
        interrupted, stopped = False, None
        self.progress.start("downloading", missing, "images")
        threads = self.options.workers + _CHECKERS
        pool = ThreadPoolExecutor(threads, thread_name_prefix="download")
        workers = [pool.submit(self._work) for _ in range(threads)]
        try:
            waiting = 0
            # Bounded: 540,000 futures, one for each face, would fill the memory.
            for face in self.ledger.planned():
                self.tasks.put(face)
                waiting += 1
                while waiting >= 4 * threads:
                    waiting -= self._settle()
            while waiting:
                waiting -= self._settle()
        except KeyboardInterrupt:
            interrupted = True
        except MtgDbError as error:
            stopped = error
        except OSError as error:
            stopped = too_many_open(error) or StorageError(
                "The image cache cannot be used",
                details=str(error),
                suggestion="Check the disk and the folder's owner, then run the command again.",
            )
        finally:
            self.stop.set()
            for _ in workers:
                self.tasks.put(None)
            try:
                # Images in flight are finished, unless their server is silent.
                wait(workers, timeout=_GRACE_SECONDS)
            finally:
                pool.shutdown(wait=False)
                self._record_the_rest()
                self.progress.finish()
        seconds = time.monotonic() - began
        failures = tuple(self.failures)
        return _Fetched(self.downloaded, failures, self.bytes, seconds, interrupted, stopped)

    def _record_the_rest(self) -> None:
        while not self.results.empty():
            face, outcome = self.results.get()
            if isinstance(outcome, Outcome):
                self._count(face, outcome)
        self._flush()

    def _work(self) -> None:
        """Fetch one image after the other, until there are none or the run is stopped."""
        while (face := self.tasks.get()) is not None and not self.stop.is_set():
            outcome: Outcome | BaseException
            try:
                outcome = fetch_image(self.session, self.cache, face)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
                outcome = error
            self.results.put((face, outcome))

    def _settle(self) -> int:
        """Take the results that are ready, at least one; return how many.

        Any result other than an image's outcome ends the run.
        """
        taken = 0
        face, outcome = self.results.get()
        # A pause lets results gather: waking for each one would slow the workers down.
        self.stop.wait(_GATHER_SECONDS)
        while True:
            taken += 1
            if isinstance(outcome, BaseException):
                raise outcome
            self._count(face, outcome)
            if self.results.empty():
                break
            face, outcome = self.results.get()
        self.progress.advance(taken)
        since = time.monotonic() - self.flushed_at
        if len(self.unrecorded) >= _FLUSH_COUNT or since > _FLUSH_SECONDS:
            self._flush()
        return taken

    def _count(self, face: Planned, outcome: Outcome) -> None:
        if outcome.valid:
            self.downloaded += 1
            self.bytes += outcome.bytes
        else:
            self.failures.append(
                Failure(face.label, face.face_id, face.url, outcome.reason),
            )
        self.unrecorded.append((face, outcome))

    def _flush(self) -> None:
        """Record outcomes: make the file names durable, write the rows, then drop old files."""
        folders = {(self.cache / o.path).parent for _, o in self.unrecorded if o.valid}
        for folder in folders:
            sync_folder(folder)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.ledger.record((o for _, o in self.unrecorded), now)
        for face, outcome in self.unrecorded:
            replaced = outcome.valid and face.last is not None and face.last.path != outcome.path
            if replaced and face.last is not None and face.last.path:
                (self.cache / face.last.path).unlink(missing_ok=True)
        self.unrecorded.clear()
        self.flushed_at = time.monotonic()


def _sizes_in(cache: Path, folder: str) -> dict[str, int]:
    """List a folder of images, and remove half-written files of killed runs."""
    sizes = {}
    try:
        with os.scandir(cache / folder) as entries:
            for entry in entries:
                if is_image_path(f"{folder}/{part_of(entry.name)}"):
                    (cache / folder / entry.name).unlink(missing_ok=True)
                    continue
                with suppress(FileNotFoundError):  # a link to nothing
                    sizes[entry.name] = entry.stat().st_size
    except FileNotFoundError:
        pass
    return sizes
