"""Options and summary of a download."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from mtg_image_db.errors import MtgDbError
from mtg_image_db.scryfall.faces import IMAGE_SIZES, FaceFilter
from mtg_image_db.scryfall.kinds import KINDS
from mtg_image_db.scryfall.rows import RowCount
from mtg_image_db.system.checks import (
    PathField,
    check,
    wrong_integer,
    wrong_kind,
    wrong_number,
    wrong_url,
    wrong_word,
)

if TYPE_CHECKING:
    from mtg_image_db.download.verify import CacheReport
    from mtg_image_db.scryfall.snapshot import Snapshot

DEFAULT_API_URL = "https://api.scryfall.com"

WORKERS = (1, 128)
"""Fewest and most images fetched at once."""

LEAST_TIMEOUT_CONNECT = 1
"""Fewest seconds to reach a server."""

LEAST_TIMEOUT_READ = 5
"""Fewest seconds between two pieces of an answer."""

RATE_LIMIT_FLOOR = 30.0
"""Seconds that Scryfall blocks a client after a 429 (https://scryfall.com/docs/api/rate-limits)."""


@dataclass(frozen=True)
class DownloadOptions:
    """What to download, and how.

    Parameters
    ----------
    cache
        The folder of the image cache: a text or a path.
    kind
        The snapshot that decides which images are fetched: one of `scryfall.kinds.KINDS`.
    limit
        At most this many faces; None for all.
    image
        One of Scryfall's image sizes.
    timeout_connect, timeout_read
        In seconds.
    max_retries
        How many retries each image has in all.
    backoff_factor
        Seconds before the first retry, doubled for each further one.
    rate_limit_floor
        A 429 stops its host for at least so many seconds.
    patience
        After so many seconds of nothing but errors from a host, the run is given up.
    verify
        First read and decode all cached images again, and replace invalid ones.
    wait
        Wait for another process that holds the cache; otherwise raise an error.

    Raises
    ------
    InvalidArguments
        A value makes no sense; all such values are listed.
    """

    cache: PathField = PathField("image_cache")
    kind: str = "unique_artwork"
    limit: int | None = None
    workers: int = 16
    timeout_connect: float = 5.0
    timeout_read: float = 30.0
    max_retries: int = 5
    image: str = "normal"
    wanted: FaceFilter = field(default_factory=FaceFilter)
    api_url: str = DEFAULT_API_URL
    refresh: bool = False
    dry_run: bool = False
    verify: bool = False
    backoff_factor: float = 1.0
    rate_limit_floor: float = RATE_LIMIT_FLOOR
    patience: float = 120.0
    wait: bool = True

    def __post_init__(self) -> None:
        check(
            wrong_word("kind", self.kind, KINDS),
            wrong_kind("wanted", self.wanted, FaceFilter),
            None if self.limit is None else wrong_integer("limit", self.limit, 0),
            wrong_integer("workers", self.workers, *WORKERS),
            wrong_number("timeout_connect", self.timeout_connect, LEAST_TIMEOUT_CONNECT),
            wrong_number("timeout_read", self.timeout_read, LEAST_TIMEOUT_READ),
            wrong_integer("max_retries", self.max_retries, 0),
            wrong_word("image", self.image, IMAGE_SIZES),
            wrong_url("api_url", self.api_url),
            wrong_number("backoff_factor", self.backoff_factor, 0),
            wrong_number("rate_limit_floor", self.rate_limit_floor, 0),
            wrong_number("patience", self.patience, 0),
            *(
                wrong_kind(name, getattr(self, name), bool)
                for name in ("refresh", "dry_run", "verify", "wait")
            ),
        )


@dataclass(frozen=True)
class Failure:
    """An image that could not be fetched."""

    label: str
    face_id: str
    url: str
    reason: str


@dataclass(frozen=True)
class DownloadSummary:
    """The result of a download. ``requested == cached + downloaded + failed + skipped``.

    After an interruption and in a dry run, `unfinished` faces were not tried; add them to the right
    side. `stopped` is the error that ended a run early: a full disk, a server that is down. What
    was done before is kept and counted. `verified` is the result of verifying the cache, if that
    was asked for and there was a cache.
    """

    snapshot: Snapshot
    rows: RowCount
    cached: int = 0
    downloaded: int = 0
    unfinished: int = 0
    failures: tuple[Failure, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    bytes: int = 0
    seconds: float = 0.0
    estimated_bytes: int = 0
    interrupted: bool = False
    stopped: MtgDbError | None = None
    verified: CacheReport | None = None

    @property
    def usable(self) -> bool:
        """Whether a build can follow: the run did not end early, and there are images."""
        ended = self.interrupted or self.stopped is not None
        return not ended and (not self.failed or self.cached + self.downloaded > 0)

    @property
    def failed(self) -> int:
        """How many images could not be fetched."""
        return len(self.failures)

    @property
    def requested(self) -> int:
        """How many faces the snapshot offered."""
        skipped = sum(self.skipped.values())
        return self.cached + self.downloaded + self.failed + skipped + self.unfinished

    @property
    def failed_by_reason(self) -> Counter[str]:
        """The number of failures by reason."""
        return Counter(failure.reason for failure in self.failures)
