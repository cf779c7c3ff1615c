"""One GET over the wire, without cookies or credentials for other hosts.

`requests.Session` is not used to send: it keeps cookies, looks up credentials for every host it is
redirected to, and follows a redirect before we can refuse it.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import allowed_gai_family

from mtg_image_db.errors import NetworkError
from mtg_image_db.net.environment import check_environment, wants_password
from mtg_image_db.net.patience import TimedResponse, seconds_left

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Answers that name another URL (RFC 9110 §15.4)."""
_MOST_REDIRECTS = 5
"""Redirects of one request. By hand."""

Check: TypeAlias = Callable[[str], None]


class Transport:
    """Sends requests and follows redirects, for many threads.

    Parameters
    ----------
    headers
        Sent with every request.
    timeout
        Seconds to connect, and seconds between two pieces of an answer.
    refuse
        Called with every URL before it is requested, redirects too; raises if it is not allowed.
    credentials
        Called for each URL; returns its user and password, or None.
    check_address
        Called with every IP address of a host before the first connection; raises if the address is
        not allowed. If the environment names a proxy, the proxy decides instead.
    connections
        How many are kept open for each host.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        timeout: tuple[float, float],
        refuse: Check,
        credentials: Callable[[str], tuple[str, str] | None] = lambda _: None,
        check_address: Check | None = None,
        connections: int = 1,
    ) -> None:
        self._timeout = timeout
        self._refuse = refuse
        self._credentials = credentials
        self._environment = requests.Session()
        self._adapter = _Adapter(check_address, connections)
        # To prepare each request from scratch would cost a tenth of the time of an image.
        self._template = requests.Request("GET", "http://localhost", headers).prepare()
        self._settings: dict[str, Mapping[str, Any]] = {}

    def close(self) -> None:
        """Close all idle connections."""
        self._adapter.close()

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Send one GET and follow redirects; the caller reads the body.

        Raises
        ------
        NetworkError
            There are too many redirects, or `refuse` raised it.
        NetworkSetupError
            The proxy or the certificates that the environment names cannot be used.
        requests.RequestException, urllib3.exceptions.HTTPError
            Raised by requests; `InvalidURL` also for a redirect to an invalid URL.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            self._refuse(url)
            try:
                response = self._send(url, headers or {})
                location = response.headers.get("Location")
                if response.status_code not in _REDIRECTS or location is None:
                    return response
                response.close()
                # Headers arrive as Latin-1, but servers write other letters as UTF-8.
                text = location.encode("latin-1", "replace").decode("utf-8", "replace")
                url = urljoin(url, text)
            except requests.RequestException:
                raise
            except ValueError as error:
                # Other libraries raise a ValueError for an invalid URL.
                raise requests.exceptions.InvalidURL(str(error)) from error
        raise NetworkError("Too many redirects", details=url, reason="too many redirects")

    def _send(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        request = self._template.copy()
        request.prepare_url(url, None)
        request.prepare_auth(self._credentials(url), url)
        request.headers.update(headers)
        # Use the prepared URL: a host name with non-ASCII letters is encoded there.
        settings = self._settings_for(str(request.url))
        response = self._adapter.send(request, timeout=self._timeout, **settings)
        if response.status_code == 407 and select_proxy(url, settings["proxies"]):
            raise wants_password()
        return response

    def _settings_for(self, url: str) -> Mapping[str, Any]:
        """Proxies and certificates that the environment names for a host, looked up once."""
        scheme, host = urlsplit(url)[:2]
        key = f"{scheme}://{host}"
        if key not in self._settings:
            settings = self._environment.merge_environment_settings(
                url, {}, stream=True, verify=None, cert=None
            )
            check_environment(url, settings)
            self._settings[key] = settings
        return self._settings[key]


class _Adapter(HTTPAdapter):
    """The adapter that sends; its answers keep the time limit of their thread."""

    def __init__(self, check_address: Check | None, connections: int) -> None:
        self._check_address = check_address
        # The session makes the retries; the adapter must not add its own.
        super().__init__(pool_connections=8, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, **settings)
        _limit(self.poolmanager, self._check_address)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **settings)
        _limit(manager, None)
        return manager


def _limit(manager: Any, check_address: Check | None) -> None:
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {s: _limited(classes[s], check_address) for s in classes}


class _Limited:
    """Marks the pools made by `_limited`."""


@functools.cache
def _limited(pool: type[HTTPConnectionPool], check_address: Check | None) -> type[Any]:
    """A pool class whose connections keep the time limit and go only to checked addresses."""
    if issubclass(pool, _Limited):
        return pool
    kind: Any = pool.ConnectionCls

    class Connection(kind):  # type: ignore[misc]
        response_class = TimedResponse
        _dns_host: str

        def _new_conn(self) -> socket.socket:
            if check_address is None:
                return super()._new_conn()  # type: ignore[no-any-return]
            host = self._dns_host
            error: NewConnectionError | ConnectTimeoutError | None = None
            addresses = _addresses_of(self, host)
            for address in addresses:
                check_address(address)
            try:
                for address in addresses:
                    seconds_left()
                    # The Host header and the certificate still need the name; it is restored below.
                    self._dns_host = address
                    try:
                        return super()._new_conn()  # type: ignore[no-any-return]
                    except (NewConnectionError, ConnectTimeoutError) as failure:
                        error = failure
            finally:
                self._dns_host = host
            raise error or NewConnectionError(self, "the host has no address")

    return type("LimitedPool", (_Limited, pool), {"ConnectionCls": Connection})


def _addresses_of(connection: Any, host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(
            host.strip("[]"), connection.port, allowed_gai_family(), socket.SOCK_STREAM
        )
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    except ValueError:  # not a valid host name
        raise LocationParseError(host) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
