"""Which hosts may be asked, and when: the list of allowed hosts, and the gate that a 429 closes."""

from __future__ import annotations

import ipaddress
import logging
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from mtg_image_db.errors import HostDownError

_log = logging.getLogger(__name__)

_MOST_RATE_LIMITS = 20
"""Pauses of a host (HTTP 429) in one run, after which it is given up. By hand."""
_FAILURES_OF_A_DEAD_HOST = 40
"""Failures in a row after which a host is given up, if its time is up as well (`patience`). By
hand."""

_PLAIN_URL = re.compile(
    r"(?P<authority>(?P<scheme>https?)://(?P<host>[a-z0-9.-]*[a-z0-9])(?::(?P<port>\d{1,5}))?)"
    r"(?:[/?#][!-~]*)?",
    re.IGNORECASE,
)


class Cancelled(Exception):
    """The run was stopped while this request waited."""


@dataclass(frozen=True)
class AllowedHosts:
    """Which URLs may be fetched: https to Scryfall's domains, and the API server in use.

    Parameters
    ----------
    api_url
        Another Scryfall-compatible server; its host is allowed as well, with its own scheme.
    """

    api_url: str

    def refusal(self, url: str) -> str | None:
        """Why `url` may not be fetched; None if it may."""
        # Stricter than any URL parser, so that no parser can find a different host in it.
        match = _PLAIN_URL.fullmatch(url)
        if match is None:
            return "not a plain http or https URL"
        if self.is_own(url):
            return None
        host, port = match["host"].lower(), match["port"]
        if match["scheme"].lower() != "https":
            return "not https"
        if any(host == d or host.endswith("." + d) for d in ("scryfall.com", "scryfall.io")):
            return None if port in (None, "443") else "an unusual port"
        return "a host that is not Scryfall's"

    def is_own(self, url: str) -> bool:
        """Whether `url` is on the API server in use: its scheme, host and port."""
        its, own = _PLAIN_URL.fullmatch(url), _PLAIN_URL.fullmatch(self.api_url)
        return bool(its and own and its["authority"].lower() == own["authority"].lower())


def host_of(url: str) -> str:
    """The host of an allowed URL."""
    match = _PLAIN_URL.fullmatch(url)
    return match["host"].lower() if match else ""


class HostGate:
    """Lets requests to each host through, or holds all of them after a 429.

    Parameters
    ----------
    floor
        A 429 stops its host for at least so many seconds, whatever Retry-After says.
    stop
        Set this event to end every wait at once.
    patience
        After so many seconds of nothing but errors from a host, the run is given up.
    on_pause
        Called with host and seconds once for each pause.
    on_trouble
        Called with host, reason and whether the request is retried, when two requests in a row
        have failed.
    """

    def __init__(
        self,
        *,
        floor: float,
        stop: threading.Event,
        patience: float = 120.0,
        on_pause: Callable[[str, float], None] | None = None,
        on_trouble: Callable[[str, str, bool], None] | None = None,
    ) -> None:
        self.floor = floor
        self._patience = patience
        self._failing: dict[str, tuple[int, float]] = {}
        self._stop = stop
        self._on_pause = on_pause
        self._on_trouble = on_trouble
        self._lock = threading.Lock()
        self._closed_until: dict[str, float] = {}
        self._next_slot: dict[str, float] = {}
        self._spacing: dict[str, float] = {}
        self._pauses: Counter[str] = Counter()

    def pace(self, host: str, per_second: float) -> None:
        """Limit `host` to a number of requests per second."""
        self._spacing[host] = 1.0 / per_second

    def wait(self, host: str) -> None:
        """Return when a request may go to `host`; raise `Cancelled` if stopped before that."""
        while True:
            closed = self._closed_for(host)
            if closed > 0:
                # All workers wait here. The random delay keeps them from starting all at once.
                self._sleep(closed + random.uniform(0.0, 0.5))
                continue
            with self._lock:
                now = time.monotonic()
                slot = max(now, self._next_slot.get(host, 0.0))
                self._next_slot[host] = slot + self._spacing.get(host, 0.0)
            self._sleep(slot - now)
            if self._closed_for(host) <= 0:
                return

    def _closed_for(self, host: str) -> float:
        with self._lock:
            return self._closed_until.get(host, 0.0) - time.monotonic()

    def _sleep(self, seconds: float) -> None:
        if self._stop.is_set() or (seconds > 0 and self._stop.wait(seconds)):
            raise Cancelled

    def close(self, host: str, retry_after: float | None) -> None:
        """Stop all requests to `host` for max(Retry-After, floor) seconds.

        Requests in flight at that moment get a 429 as well. They find the host closed already and
        do not prolong the pause.

        Raises
        ------
        HostDownError
            The host has stopped this run too often.
        """
        seconds = max(retry_after or 0.0, self.floor)
        with self._lock:
            now = time.monotonic()
            if self._closed_until.get(host, 0.0) > now:
                return
            self._pauses[host] += 1
            if self._pauses[host] > _MOST_RATE_LIMITS:
                raise HostDownError(
                    f"{host} keeps refusing: too many requests (HTTP 429)",
                    details=f"{_MOST_RATE_LIMITS} pauses in this run did not help",
                    suggestion="Wait an hour, then run again with fewer workers.",
                )
            self._closed_until[host] = now + seconds
            self._failing.pop(host, None)
        _log.warning("%s answers HTTP 429: no requests to it for %.0f s", host, seconds)
        if self._on_pause is not None:
            self._on_pause(host, seconds)

    def close_for(self, host: str, seconds: float) -> None:
        """Keep `host` closed for the rest of a pause that began in an earlier run."""
        with self._lock:
            self._closed_until[host] = time.monotonic() + seconds

    def succeeded(self, host: str) -> None:
        """Note that `host` gave a usable answer, or a final no."""
        if host in self._failing:
            with self._lock:
                self._failing.pop(host, None)

    def failed(self, host: str, reason: str, *, again: bool) -> None:
        """Note that a request to `host` failed.

        Parameters
        ----------
        again
            Whether the request is retried later.

        Raises
        ------
        HostDownError
            The host has answered nothing but errors for too long: to go on would take hours of
            retries.
        """
        with self._lock:
            now = time.monotonic()
            count, since = self._failing.get(host, (0, now))
            self._failing[host] = (count + 1, since)
        if count == 1 and self._on_trouble is not None:
            self._on_trouble(host, reason, again)
        if count + 1 >= _FAILURES_OF_A_DEAD_HOST and now - since >= self._patience:
            raise HostDownError(
                f"{host} answers nothing but errors",
                details=f"{count + 1} requests in a row failed, the last: {reason}",
                suggestion="Check the connection (a hotel's or a company's network may answer in "
                "the server's place), and run the same command again later.",
            )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
