"""All network access goes through here: with retries, politely, and only to allowed hosts.

urllib3's own `Retry` stops counting once the headers have arrived, so the loop is here. One `Retry`
object is the whole budget of a request: failures of the headers, of the body and of its validation
all go through its `increment`. A 429 does not count as a failure of the request: it stops all
requests to that host for a while (`HostGate`).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import requests
import urllib3
from requests.utils import get_netrc_auth
from urllib3.util import Retry

from mtg_image_db import __version__
from mtg_image_db.errors import NetworkError
from mtg_image_db.net.environment import setup_problem
from mtg_image_db.net.hosts import AllowedHosts, Cancelled, HostGate, host_of, is_loopback
from mtg_image_db.net.patience import Patience
from mtg_image_db.net.responses import (
    BAD_URL,
    DamagedBody,
    problem_of,
    retry_after_of,
    transport_failure,
)
from mtg_image_db.net.transport import Transport
from mtg_image_db.system.files import too_many_open

_log = logging.getLogger(__name__)

USER_AGENT = f"mtg-image-db/{__version__} (offline card recognition)"
ACCEPT = "application/json;q=0.9,*/*;q=0.8"
"""Both headers are mandatory on api.scryfall.com (https://scryfall.com/docs/api)."""

_RETRIED_STATUSES = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Answers that may be another one later: timeouts, overload, and Cloudflare's 520 to 524."""
_GONE = frozenset({"HTTP 404", "HTTP 410"})
_FINAL = frozenset({"bad certificate", BAD_URL})
_WIRE_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)
_LONGEST_RETRY_AFTER = 300.0
"""Seconds of the longest wait between two tries that a server may ask for. By hand."""

_WHOLE = 4
"""A whole answer has so many times the read timeout. By hand."""
_PIECE, _PIECE_BYTES = 2, 1 << 16
"""A large file has `_PIECE` times the read timeout for each `_PIECE_BYTES` bytes (about 1 kB/s). By
hand."""

_CHECK = "Check the connection, then run the same command again."
_REFUSED = (
    "The server, or a network in between, refuses this address or program; retrying now does not "
    "help. Try later, or from another network."
)
_SUGGESTIONS = {
    "HTTP 401": _REFUSED,
    "HTTP 403": _REFUSED,
    "answer too slow": "The line or the server is slow: use fewer workers or a longer "
    "read timeout (an answer may take four times as long), and run the same command again.",
    "bad certificate": "A company's network may replace certificates: name its own in a PEM file "
    "with REQUESTS_CA_BUNDLE. Check this machine's clock as well.",
    BAD_URL: "A try again does not help. If you named another server than Scryfall's, check its "
    "address; otherwise its data name an address that makes no sense.",
    "proxy gives no connection": "Check that the proxy named by HTTPS_PROXY, HTTP_PROXY or "
    "ALL_PROXY runs, and its address; then run the same command again.",
}
"""What to do about some failures."""

_T = TypeVar("_T")
_Body = TypeVar("_Body")


class Backoff(Retry):
    """urllib3's `Retry`, but the first delay is the factor itself: 1, 2, 4, 8, 16 seconds.

    urllib3 makes its first retry without any delay, so a struggling server gets all failed requests
    again at once.
    """

    def get_backoff_time(self) -> float:
        """Seconds to wait before the next try."""
        failures = len(self.history)
        if failures == 0:
            return 0.0
        delay = self.backoff_factor * 2.0 ** min(failures - 1, 30)
        jitter = random.random() * self.backoff_jitter * delay
        return float(min(self.backoff_max, delay + jitter))


class PoliteSession:
    """A `requests` session for many threads, with retries, a gate and a list of allowed hosts.

    Parameters
    ----------
    api_url
        The Scryfall-compatible server in use.
    workers
        How many threads use it at once (the size of the connection pool).
    timeout
        Seconds to connect, and seconds between two pieces of an answer. A whole answer may take
        four times the latter; a large file may take twice the latter for each 64 kB.
    max_retries
        How many retries a request has in all, whatever went wrong.
    gate
        Shared by all sessions that talk to the same hosts.
    stop
        Set this event to end every wait at once.
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
        self._gate = gate
        self._stop = stop
        self._timeout = timeout
        self._reached = False
        self._connections = threading.BoundedSemaphore(workers)
        self._budget = Backoff(
            total=max_retries,
            redirect=False,
            backoff_factor=backoff_factor,
            backoff_jitter=0.25,
            backoff_max=60.0,
        )
        self.allowed = server = AllowedHosts(api_url)
        known = get_netrc_auth(api_url)
        self._transport = Transport(
            headers={"User-Agent": USER_AGENT, "Accept": ACCEPT, "Accept-Encoding": "identity"},
            timeout=timeout,
            refuse=self._refuse,
            # Credentials in .netrc are for that server alone; Scryfall's servers need none.
            credentials=lambda url: known if server.is_own(url) else None,
            connections=workers,
        )
        # https://scryfall.com/docs/api/rate-limits; a double on loopback serves files from the
        # same host, and needs no protection.
        api_host = host_of(api_url)
        if not is_loopback(api_host):
            gate.pace(api_host, 10.0)

    def close(self) -> None:
        """Close all idle connections."""
        self._transport.close()

    @overload
    def fetch(
        self,
        url: str,
        consume: Callable[[requests.Response], _T],
        *,
        headers: Callable[[], Mapping[str, str]] | None = ...,
        accept: frozenset[int] = ...,
        large: bool = ...,
    ) -> _T: ...

    @overload
    def fetch(
        self,
        url: str,
        consume: Callable[[requests.Response], _Body],
        *,
        check: Callable[[_Body], _T],
    ) -> _T: ...

    def fetch(
        self,
        url: str,
        consume: Callable[[requests.Response], Any],
        *,
        headers: Callable[[], Mapping[str, str]] | None = None,
        accept: frozenset[int] = frozenset({200}),
        check: Callable[[Any], Any] | None = None,
        large: bool = False,
    ) -> Any:
        """GET `url` and return what `consume` makes of the response.

        Parameters
        ----------
        url
            Refused unless its host is allowed. The same holds for each redirect.
        consume
            Reads the body (the response is a stream); raises `DamagedBody` to retry the request.
        headers
            Called before each try; returns further request headers.
        accept
            Statuses that are passed to `consume`.
        check
            Called with what `consume` returned, after the connection is free for others. Its result
            is returned instead. It may raise `DamagedBody` too.
        large
            Limit the speed of the answer instead of its total time. Otherwise the whole answer may
            take four times the read timeout.

        Raises
        ------
        NetworkError
            The URL is refused or not found, or it failed more often than the budget allows. Its
            `reason` is a short text for grouping.
        HostDownError
            The host answers nothing but errors.
        NetworkSetupError
            The proxy or the certificates that the environment names cannot be used.
        StorageError
            This process may not open more connections.
        Cancelled
            The run was stopped.
        """
        self._refuse(url)
        host = host_of(url)
        budget: Retry = self._budget
        while True:
            retry_after = None
            cause: BaseException | None = None
            try:
                more = headers() if headers else {}
                status, body, retry_after = self._attempt(url, host, more, consume, accept, large)
                if status in accept:
                    result = body if check is None else check(body)
                    self._gate.succeeded(host)
                    return result
                if status == 429:
                    continue
                failure, again = f"HTTP {status}", status in _RETRIED_STATUSES
            except _WIRE_ERRORS as error:
                failure, cause = self._explained(error), error
                body, again = str(error), failure not in _FINAL
            except DamagedBody as error:
                failure, cause, body, again = str(error), error.__cause__, "", True
            # "Not found" is an answer, so the host works; a refusal of everything is not.
            if failure in _GONE:
                self._gate.succeeded(host)
            else:
                self._gate.failed(host, failure, again=again)
            if not again:
                raise self._failure(url, failure, str(body), budget) from cause
            try:
                budget = budget.increment("GET", url, error=urllib3.exceptions.HTTPError(failure))
            except urllib3.exceptions.MaxRetryError:
                raise self._failure(url, failure, "", budget) from cause
            delay = max(budget.get_backoff_time(), min(retry_after or 0.0, _LONGEST_RETRY_AFTER))
            _log.info("%s: %s; trying again in %.1f s", url, failure, delay)
            if self._stop.wait(delay):
                raise Cancelled

    def _attempt(
        self,
        url: str,
        host: str,
        headers: Mapping[str, str],
        consume: Callable[[requests.Response], Any],
        accept: frozenset[int],
        large: bool,
    ) -> tuple[int, Any, float | None]:
        """Send a request once, on one of the connections.

        Returns
        -------
        The status; what `consume` made of the body, or what the server says about an error; and the
        seconds in a Retry-After header.
        """
        with self._connections:
            # Inside the block: the host may have closed while this thread waited for a connection.
            self._gate.wait(host)
            patience = (
                Patience(_PIECE * self._timeout[1], _PIECE_BYTES)
                if large
                else Patience(_WHOLE * self._timeout[1])
            )
            with patience.applied(), self._transport.open(url, headers) as response:
                self._reached = True
                status, retry_after = response.status_code, retry_after_of(response)
                if status in accept:
                    return status, consume(response), None
                if status == 429:
                    self._gate.close(host, retry_after)
                return status, problem_of(response), retry_after

    def _refuse(self, url: str) -> None:
        if reason := self.allowed.refusal(url):
            raise NetworkError(
                "Refused to fetch a URL", details=f"{url}: {reason}", reason="refused URL"
            )

    def _explained(self, error: Exception) -> str:
        """Why a request failed, in few words; raises if no further request can succeed."""
        failure = transport_failure(error)
        unclear = failure == "host name not found"
        problem = setup_problem(error, first=not self._reached)
        if (final := too_many_open(error, unclear=unclear) or problem) is not None:
            raise final from error
        return failure

    @staticmethod
    def _failure(url: str, reason: str, details: str, budget: Retry) -> NetworkError:
        tries = len(budget.history) + 1
        seen = f"{url}: {details or reason}" + (f" ({tries} tries)" if tries > 1 else "")
        return NetworkError(
            f"A request failed: {reason}",
            details=seen,
            suggestion=_SUGGESTIONS.get(reason, _CHECK),
            reason=reason,
        )
