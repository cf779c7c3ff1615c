"""A download: bring the cache up to date with a snapshot."""

from __future__ import annotations

import threading
from dataclasses import replace

from mtg_image_db.download.clean import half_written_beside
from mtg_image_db.download.ledger import Ledger
from mtg_image_db.download.options import DownloadOptions, DownloadSummary
from mtg_image_db.download.pauses import pauses_left, remember_pause
from mtg_image_db.download.run import Run
from mtg_image_db.download.verify import CacheReport, verify_cache
from mtg_image_db.errors import MissingInput
from mtg_image_db.net.hosts import HostGate
from mtg_image_db.net.session import PoliteSession
from mtg_image_db.scryfall.snapshot import Snapshot, refresh_snapshot
from mtg_image_db.system.checks import check, wrong_kind
from mtg_image_db.system.files import make_folder
from mtg_image_db.system.locks import exclusive
from mtg_image_db.system.progress import Progress, listener


def download_images(options: DownloadOptions, progress: Progress | None = None) -> DownloadSummary:
    """Bring the cache up to date with a snapshot.

    An interruption (`KeyboardInterrupt`) ends the run in an orderly way: images in flight are
    finished or dropped, everything done is recorded, and the summary says so.

    Raises
    ------
    NetworkError, SnapshotError
        The snapshot could not be fetched.
    InvalidArguments
        The filter names a set or language that no card of the snapshot has.
    NothingUsable
        No face passes the filter.
    StorageError
        The disk is too full, or cannot be written.
    """
    check(wrong_kind("options", options, DownloadOptions))
    progress = listener(progress)
    cache = make_folder(options.cache)
    verified = _verified(options, progress) if options.verify and not options.dry_run else None
    stop = threading.Event()

    def paused(host: str, seconds: float) -> None:
        remember_pause(cache, host, seconds)
        progress.pause(
            f"{host} asks to slow down (HTTP 429): no requests to it for {seconds:.0f} s.",
            seconds,
        )

    def trouble(host: str, reason: str, again: bool) -> None:
        then = "trying again" if again else "these requests are not retried in this run"
        progress.note(f"{host} gives no usable answer ({reason}): {then}.")

    def waiting(holder: str) -> None:
        progress.note(f"Waiting for another process that holds {cache}: {holder}")

    gate = HostGate(
        floor=options.rate_limit_floor,
        stop=stop,
        patience=options.patience,
        on_pause=paused,
        on_trouble=trouble,
    )
    session = PoliteSession(
        api_url=options.api_url,
        gate=gate,
        stop=stop,
        workers=options.workers,
        timeout=(options.timeout_connect, options.timeout_read),
        max_retries=options.max_retries,
        backoff_factor=options.backoff_factor,
    )
    try:
        with exclusive(cache, "download", wait=options.wait, on_wait=waiting):
            # Half-written files beside the images; those among them are removed when the image
            # folders are listed.
            for part in half_written_beside(cache):
                part.unlink(missing_ok=True)
            for host, seconds in pauses_left(cache).items():
                gate.close_for(host, seconds)
                progress.pause(
                    f"{host} asked an earlier run to slow down: {seconds:.0f} s are left.", seconds
                )
            snapshot = _refresh_snapshots(session, options, progress)
            with Ledger(cache, create=True) as ledger:
                run = Run(options, session, ledger, progress, stop)
                return replace(run.execute(snapshot), verified=verified)
    finally:
        session.close()


def _verified(options: DownloadOptions, progress: Progress) -> CacheReport | None:
    """Remove invalid images from a cache; None if there is no cache yet."""
    try:
        return verify_cache(options.cache, fix=True, wait=options.wait, progress=progress)
    except MissingInput:
        return None


def _refresh_snapshots(
    session: PoliteSession, options: DownloadOptions, progress: Progress
) -> Snapshot:
    """Refresh the snapshot that decides the images, and the one that lists all printings.

    The latter is for the database: a dry run does not need it.
    """
    kinds = dict.fromkeys([options.kind] if options.dry_run else [options.kind, "default_cards"])
    found = [
        refresh_snapshot(
            session,
            options.cache,
            kind,
            api_url=options.api_url,
            force=options.refresh,
            progress=progress,
        )
        for kind in kinds
    ]
    return found[0]
