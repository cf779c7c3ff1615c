"""The one way out to the network: retrying, polite, and only to hosts that are allowed.

urllib3's own `Retry` stops counting once the headers have arrived, so the loop is here: one
`Retry` object is the whole budget of a request, and failures of the headers, of the body and of
its validation all pass through its `increment`. A 429 is no failure of the request: it is a fact
about the host, and stops everyone for a while (`HostGate`).
"""

from __future__ import annotations

import ipaddress
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import Retry, parse_url

from mtg_image_db import __version__
from mtg_image_db.errors import NetworkError

USER_AGENT = f"mtg-image-db/{__version__} (offline card recognition)"
ACCEPT = "application/json;q=0.9,*/*;q=0.8"
"""Both headers are mandatory on api.scryfall.com (https://scryfall.com/docs/api)."""

_RETRIED_STATUSES = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_LONGEST_RETRY_AFTER = 300.0
_MOST_REDIRECTS = 5
_MOST_RATE_LIMITS = 20

_T = TypeVar("_T")


class DamagedBody(Exception):
    """A body that arrived but cannot be used; the request is tried again."""


class Cancelled(Exception):
    """The run was stopped while this request waited."""


class Backoff(Retry):
    """urllib3's `Retry`, whose first delay is the factor itself: 1, 2, 4, 8, 16 seconds.

    urllib3 tries a first time again without any delay, which hits a struggling server at once
    with everything that has just failed.
    """

    def get_backoff_time(self) -> float:
        """Seconds to wait before the next try."""
        failures = len(self.history)
        if failures == 0:
            return 0.0
        delay = self.backoff_factor * 2.0 ** (failures - 1)
        jitter = random.random() * self.backoff_jitter * delay
        return float(min(self.backoff_max, delay + jitter))


@dataclass(frozen=True)
class AllowedHosts:
    """Which URLs may be fetched: https to Scryfall's domains, and the API server in use.

    Parameters
    ----------
    api_url
        Another Scryfall-compatible server; its host is allowed as well, by its own scheme.
    """

    api_url: str

    def refusal(self, url: str) -> str | None:
        """Why `url` may not be fetched; None where it may."""
        try:
            # The parser that requests itself uses, so both see the same host.
            parts = parse_url(url)
            own = parse_url(self.api_url)
        except urllib3.exceptions.LocationParseError:
            return "the URL cannot be parsed"
        if parts.auth is not None or parts.host is None:
            return "the URL has no plain host"
        host = parts.host.lower().rstrip(".")
        if (parts.scheme, host, parts.port) == (own.scheme, (own.host or "").lower(), own.port):
            return None
        if parts.scheme != "https":
            return "not https"
        if any(host == d or host.endswith("." + d) for d in ("scryfall.com", "scryfall.io")):
            return None if parts.port in (None, 443) else "an unusual port"
        return "a host that is not Scryfall's"


class HostGate:
    """Lets requests through to each host, or holds all of them after a 429.

    Parameters
    ----------
    floor
        The least seconds a 429 stops its host, whatever Retry-After says.
    stop
        Set to end every wait at once.
    on_pause
        Told host and seconds once for each pause.
    """

    def __init__(
        self,
        *,
        floor: float,
        stop: threading.Event,
        on_pause: Callable[[str, float], None] | None = None,
    ) -> None:
        self.floor = floor
        self._stop = stop
        self._on_pause = on_pause
        self._lock = threading.Lock()
        self._closed_until: dict[str, float] = {}
        self._next_slot: dict[str, float] = {}
        self._spacing: dict[str, float] = {}
        self._pauses: Counter[str] = Counter()

    def pace(self, host: str, per_second: float) -> None:
        """Hold `host` to a number of requests a second."""
        self._spacing[host] = 1.0 / per_second

    def wait(self, host: str) -> None:
        """Return when a request may go to `host`; raise `Cancelled` when stopped before."""
        held = False
        while True:
            with self._lock:
                now = time.monotonic()
                closed = self._closed_until.get(host, 0.0) - now
                if closed <= 0:
                    spacing = self._spacing.get(host, 0.0)
                    slot = max(now, self._next_slot.get(host, 0.0))
                    self._next_slot[host] = slot + spacing
                    delay = slot - now
                    break
            held = True
            if self._stop.wait(closed):
                raise Cancelled
        if held:
            # All workers were held: let them go one by one, not as one volley.
            delay += random.uniform(0.0, 0.5)
        if self._stop.is_set() or (delay > 0 and self._stop.wait(delay)):
            raise Cancelled

    def close(self, host: str, retry_after: float | None) -> None:
        """Stop all requests to `host` for max(Retry-After, floor) seconds.

        Requests that were in flight when the host closed answer 429 as well; they find it closed
        and add nothing.

        Raises
        ------
        NetworkError
            The host has stopped this run too often.
        """
        seconds = max(retry_after or 0.0, self.floor)
        with self._lock:
            now = time.monotonic()
            if self._closed_until.get(host, 0.0) > now:
                return
            self._pauses[host] += 1
            if self._pauses[host] > _MOST_RATE_LIMITS:
                raise NetworkError(
                    f"{host} keeps refusing: too many requests (HTTP 429)",
                    details=f"{_MOST_RATE_LIMITS} pauses in this run did not help",
                    suggestion="Wait an hour, then run again with fewer --workers.",
                )
            self._closed_until[host] = now + seconds
        if self._on_pause is not None:
            self._on_pause(host, seconds)


class PoliteSession:
    """A `requests` session for many threads, with retries, a gate and a list of allowed hosts.

    Parameters
    ----------
    api_url
        The Scryfall-compatible server in use.
    workers
        How many threads use it at once (the size of the connection pool).
    timeout
        Seconds to connect, and seconds between two pieces of an answer.
    max_retries
        Further tries a request has in all, whatever went wrong.
    gate
        Shared by everything that talks to the same hosts.
    stop
        Set to end every wait at once.
    backoff_factor
        Seconds before the first retry; doubled for each further one.
    """

    def __init__(
        self,
        *,
        api_url: str,
        gate: HostGate,
        stop: threading.Event,
        workers: int = 1,
        timeout: tuple[float, float] = (5.0, 30.0),
        max_retries: int = 5,
        backoff_factor: float = 1.0,
    ) -> None:
        self.allowed = AllowedHosts(api_url)
        self._gate = gate
        self._stop = stop
        self._timeout = timeout
        self._budget = Backoff(
            total=max_retries,
            redirect=False,
            backoff_factor=backoff_factor,
            backoff_jitter=0.25,
            backoff_max=60.0,
        )
        self._session = requests.Session()
        self._session.headers.update(
            {"User-Agent": USER_AGENT, "Accept": ACCEPT, "Accept-Encoding": "identity"}
        )
        # Retries are this module's: the adapter must not add its own.
        adapter = HTTPAdapter(pool_connections=8, pool_maxsize=workers, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # https://scryfall.com/docs/api/rate-limits; a double on loopback serves files from the
        # same host, and needs no protection.
        api_host = parse_url(api_url).host
        if api_host and not _is_loopback(api_host):
            gate.pace(api_host, 10.0)

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()

    def fetch(
        self,
        url: str,
        consume: Callable[[requests.Response], _T],
        *,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset({200}),
    ) -> _T:
        """GET `url` and return what `consume` makes of the response.

        Parameters
        ----------
        url
            Refused unless its host is allowed, and so is each redirect.
        consume
            Reads the body (the response is a stream); raises `DamagedBody` to have the request
            tried again.
        headers
            Further request headers.
        accept
            Statuses that are passed to `consume`.

        Raises
        ------
        NetworkError
            Refused, not found, or failed more often than the budget allows; its `reason` is a
            short text for grouping.
        Cancelled
            The run was stopped.
        """
        budget: Retry = self._budget
        self._refuse(url)
        host = parse_url(url).host or ""
        while True:
            self._gate.wait(host)
            retry_after = None
            cause: BaseException | None = None
            try:
                with self._open(url, headers) as response:
                    status = response.status_code
                    retry_after = _retry_after(response)
                    if status in accept:
                        return consume(response)
                    if status == 429:
                        self._gate.close(host, retry_after)
                        continue
                    if status not in _RETRIED_STATUSES:
                        raise self._failure(url, f"HTTP {status}", _problem(response), budget)
                failure = f"HTTP {status}"
            except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
                raise self._failure(url, "bad certificate or URL", str(error), budget) from error
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                failure, cause = _describe(error), error
            except DamagedBody as error:
                failure, cause = str(error), error.__cause__
            try:
                budget = budget.increment("GET", url, error=urllib3.exceptions.HTTPError(failure))
            except urllib3.exceptions.MaxRetryError:
                raise self._failure(url, failure, "", budget) from cause
            delay = max(budget.get_backoff_time(), min(retry_after or 0.0, _LONGEST_RETRY_AFTER))
            if self._stop.wait(delay):
                raise Cancelled

    def _open(self, url: str, headers: Mapping[str, str] | None) -> requests.Response:
        """Send one GET, following redirects only to allowed hosts."""
        for _ in range(_MOST_REDIRECTS + 1):
            self._refuse(url)
            response = self._session.get(
                url, headers=headers, timeout=self._timeout, stream=True, allow_redirects=False
            )
            if not response.is_redirect:
                return response
            response.close()
            url = urljoin(url, response.headers["Location"])
        raise NetworkError("Too many redirects", details=url, reason="too many redirects")

    def _refuse(self, url: str) -> None:
        if reason := self.allowed.refusal(url):
            raise NetworkError(
                "Refused to fetch a URL", details=f"{url}: {reason}", reason="refused URL"
            )

    @staticmethod
    def _failure(url: str, reason: str, details: str, budget: Retry) -> NetworkError:
        tries = len(budget.history) + 1
        seen = f"{url}: {details or reason}" + (f" ({tries} tries)" if tries > 1 else "")
        return NetworkError(
            f"A request failed: {reason}",
            details=seen,
            suggestion="Check the connection, then run the same command again.",
            reason=reason,
        )


def read_body(response: requests.Response, limit: int) -> bytes:
    """Read a whole body of at most `limit` bytes, and check its length.

    Raises
    ------
    DamagedBody
        Shorter than its Content-Length.
    NetworkError
        Longer than `limit`.
    """
    announced = response.headers.get("Content-Length", "")
    length = int(announced) if announced.isdecimal() else None
    if length is None or length <= limit:
        # One read of a known length costs a third of a loop over chunks.
        body: bytes = response.raw.read(None if length is not None else limit + 1)
        if len(body) <= limit:
            if length is not None and len(body) != length:
                raise DamagedBody("truncated body")
            return body
    raise NetworkError(
        "A body is over the size limit",
        details=f"{response.url}: more than {limit} bytes",
        reason="body over the size limit",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after(response: requests.Response) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 §10.2.3: seconds, or a date)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _problem(response: requests.Response) -> str:
    """What the server says of an error: the `details` of Scryfall's error object."""
    if "json" not in response.headers.get("Content-Type", ""):
        return ""
    try:
        answer = response.json()
    except (ValueError, requests.RequestException):
        return ""
    details = answer.get("details") if isinstance(answer, dict) else None
    return details[:300] if isinstance(details, str) else ""


def _describe(error: Exception) -> str:
    """Name a transport failure in two words, for grouping."""
    text = repr(error)
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError) or "timed out" in text:
        return "timeout"
    if "IncompleteRead" in text:
        return "truncated body"
    if "NameResolution" in text or "getaddrinfo" in text:
        return "host name not found"
    if "refused" in text.lower():
        return "connection refused"
    if isinstance(error, requests.exceptions.ContentDecodingError | urllib3.exceptions.DecodeError):
        return "bad compression"
    return "connection lost"
