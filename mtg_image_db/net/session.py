"""The one way out to the network: retrying, polite, and only to hosts that are allowed.

urllib3's own `Retry` stops counting once the headers have arrived, so the loop is here: one
`Retry` object is the whole budget of a request, and failures of the headers, of the body and of
its validation all pass through its `increment`. A 429 is no failure of the request: it is a fact
about the host, and stops everyone for a while (`HostGate`).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from mtg_image_db import __version__
from mtg_image_db.errors import NetworkError
from mtg_image_db.net.hosts import AllowedHosts, Cancelled, HostGate, host_of, is_loopback
from mtg_image_db.net.responses import DamagedBody, problem_of, retry_after_of, transport_failure

USER_AGENT = f"mtg-image-db/{__version__} (offline card recognition)"
ACCEPT = "application/json;q=0.9,*/*;q=0.8"
"""Both headers are mandatory on api.scryfall.com (https://scryfall.com/docs/api)."""

_RETRIED_STATUSES = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_GONE = frozenset({404, 410})
_LONGEST_RETRY_AFTER = 300.0
_MOST_REDIRECTS = 5

_T = TypeVar("_T")
_Body = TypeVar("_Body")


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
        self._connections = threading.BoundedSemaphore(workers)
        self._budget = Backoff(
            total=max_retries,
            redirect=False,
            backoff_factor=backoff_factor,
            backoff_jitter=0.25,
            backoff_max=60.0,
        )
        self._session = requests.Session()
        # Retries are this module's: the adapter must not add its own.
        adapter = HTTPAdapter(pool_connections=8, pool_maxsize=workers, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._template = self._session.prepare_request(
            requests.Request(
                "GET",
                api_url,
                {"User-Agent": USER_AGENT, "Accept": ACCEPT, "Accept-Encoding": "identity"},
            )
        )
        self._settings: dict[str, Mapping[str, Any]] = {}
        # https://scryfall.com/docs/api/rate-limits; a double on loopback serves files from the
        # same host, and needs no protection.
        api_host = host_of(api_url)
        if not is_loopback(api_host):
            gate.pace(api_host, 10.0)

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()

    @overload
    def fetch(
        self,
        url: str,
        consume: Callable[[requests.Response], _T],
        *,
        headers: Callable[[], Mapping[str, str]] | None = ...,
        accept: frozenset[int] = ...,
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
    ) -> Any:
        """GET `url` and return what `consume` makes of the response.

        Parameters
        ----------
        url
            Refused unless its host is allowed, and so is each redirect.
        consume
            Reads the body (the response is a stream); raises `DamagedBody` to have the request
            tried again.
        headers
            Gives further request headers, for each try anew.
        accept
            Statuses that are passed to `consume`.
        check
            Called with what `consume` returned, while the connection already serves others; its
            result is returned instead. It too raises `DamagedBody`.

        Raises
        ------
        NetworkError
            Refused, not found, or failed more often than the budget allows; its `reason` is a
            short text for grouping.
        HostDownError
            The host answers nothing but errors.
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
                status, body, retry_after = self._attempt(url, host, more, consume, accept)
                if status in accept:
                    result = body if check is None else check(body)
                    self._gate.succeeded(host)
                    return result
                if status == 429:
                    continue
                failure = f"HTTP {status}"
                if status not in _RETRIED_STATUSES:
                    # That something is not there is an answer; a refusal of all is none.
                    if status in _GONE:
                        self._gate.succeeded(host)
                    else:
                        self._gate.failed(host, failure)
                    raise self._failure(url, failure, str(body), budget)
            except requests.exceptions.InvalidURL as error:
                raise self._failure(url, "bad URL", str(error), budget) from error
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                failure, cause = transport_failure(error), error
            except DamagedBody as error:
                failure, cause = str(error), error.__cause__
            self._gate.failed(host, failure)
            if failure == "bad certificate":
                raise self._failure(url, failure, str(cause), budget) from cause
            try:
                budget = budget.increment("GET", url, error=urllib3.exceptions.HTTPError(failure))
            except urllib3.exceptions.MaxRetryError:
                raise self._failure(url, failure, "", budget) from cause
            delay = max(budget.get_backoff_time(), min(retry_after or 0.0, _LONGEST_RETRY_AFTER))
            if self._stop.wait(delay):
                raise Cancelled

    def _attempt(
        self,
        url: str,
        host: str,
        headers: Mapping[str, str],
        consume: Callable[[requests.Response], Any],
        accept: frozenset[int],
    ) -> tuple[int, Any, float | None]:
        """Send a request once, on one of the connections.

        Returns
        -------
        The status; what `consume` made of the body, or what the server says of an error; and the
        seconds of a Retry-After header.
        """
        with self._connections:
            # Inside: whoever waited for a connection may meanwhile have been shut out.
            self._gate.wait(host)
            with self._open(url, headers) as response:
                status, retry_after = response.status_code, retry_after_of(response)
                if status in accept:
                    return status, consume(response), None
                if status == 429:
                    self._gate.close(host, retry_after)
                return status, problem_of(response), retry_after

    def _open(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Send one GET, following redirects only to allowed hosts."""
        for _ in range(_MOST_REDIRECTS + 1):
            self._refuse(url)
            # Preparing a request anew, and looking for proxies and .netrc each time, would cost
            # half a millisecond of an image's two.
            request = self._template.copy()
            request.prepare_url(url, None)
            request.headers.update(headers)
            response = self._session.send(
                request,
                timeout=self._timeout,
                allow_redirects=False,
                **self._settings_for(url),
            )
            if not response.is_redirect:
                return response
            response.close()
            try:
                url = urljoin(url, response.headers["Location"])
            except ValueError:
                url = "a redirect that is no URL"
        raise NetworkError("Too many redirects", details=url, reason="too many redirects")

    def _settings_for(self, url: str) -> Mapping[str, Any]:
        """Proxies and certificates that the environment names for a host, looked up once."""
        host = host_of(url)
        if host not in self._settings:
            self._settings[host] = self._session.merge_environment_settings(
                url, {}, stream=True, verify=None, cert=None
            )
        return self._settings[host]

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
