"""Pictures from the web: of a limited size, and from public addresses only.

A URL may come from anyone (`query --paths-from`), and this machine may reach what they cannot. So
the address is looked at where nothing can differ from it: on the connection itself, before a byte
is sent, for redirects as well. Where the environment names a proxy, the proxy decides instead.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from mtg_image_db.errors import ImageError, NetworkError
from mtg_image_db.net.responses import DamagedBody, read_body, transport_failure
from mtg_image_db.net.session import USER_AGENT
from mtg_image_db.pictures.opening import MOST_BYTES

_TIMEOUT = (5.0, 30.0)
_MOST_REDIRECTS = 5


def fetch_picture(url: str, *, allow_private: bool = False) -> bytes:
    """Fetch what is said to be a picture, once: whoever asks can ask again.

    Parameters
    ----------
    allow_private
        Also from this machine, its network and other addresses that are not public.

    Raises
    ------
    ImageError
        It cannot be fetched.
    """
    headers = {"User-Agent": USER_AGENT, "Accept": "image/*", "Accept-Encoding": "identity"}
    try:
        with requests.Session() as session:
            session.max_redirects = _MOST_REDIRECTS
            if not allow_private:
                for scheme in ("http://", "https://"):
                    session.mount(scheme, _PublicAdapter())
            with session.get(url, headers=headers, timeout=_TIMEOUT, stream=True) as response:
                if response.status_code != 200:
                    raise ImageError(f"cannot be fetched: HTTP {response.status_code}")
                return read_body(response, MOST_BYTES)
    except ValueError as error:  # malformed, or a redirect to what is no http
        raise ImageError("cannot be fetched: bad URL") from error
    except requests.TooManyRedirects:
        raise ImageError("cannot be fetched: too many redirects") from None
    except NetworkError as error:
        raise ImageError(f"cannot be fetched: {error.reason}") from error
    except DamagedBody as error:
        raise ImageError(f"cannot be fetched: {error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise ImageError(f"cannot be fetched: {transport_failure(error)}") from error


def _check_peer(connection: socket.socket) -> socket.socket:
    """Return a connection to a public address; close any other."""
    address = ipaddress.ip_address(connection.getpeername()[0].partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if not (mapped or address).is_global:
        connection.close()
        raise ImageError("refused: not a public address (--allow-private)")
    return connection


class _PublicHTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _check_peer(super()._new_conn())


class _PublicHTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _check_peer(super()._new_conn())


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPS


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, **settings)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
