"""Fetch pictures from the web: limited in size and time, and only from public addresses.

A URL may come from anyone (`query --paths-from`), and this machine may reach hosts that they
cannot. So each host, also of a redirect, is looked up once, all its addresses are checked, and
connections go only to checked addresses. Nobody can learn from the answers which private ports are
open. If the environment names a proxy, the proxy decides instead. Credentials in .netrc are not
used.
"""

from __future__ import annotations

import ipaddress
from contextlib import closing

import requests
import urllib3

from mtg_image_db.errors import ImageError, NetworkError, NetworkSetupError
from mtg_image_db.net.environment import setup_problem
from mtg_image_db.net.patience import Patience
from mtg_image_db.net.responses import BAD_URL, DamagedBody, read_body, transport_failure
from mtg_image_db.net.session import USER_AGENT
from mtg_image_db.net.transport import Transport
from mtg_image_db.pictures.opening import MOST_BYTES
from mtg_image_db.system.files import too_many_open

_HEADERS = {"User-Agent": USER_AGENT, "Accept": "image/*", "Accept-Encoding": "identity"}
_TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and between two pieces of an answer: those of a download."""
_IPV6_IN_USE = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def fetch_picture(url: str, *, allow_private: bool = False, seconds: float = 60.0) -> bytes:
    """Fetch a picture, without retries: the caller can ask again.

    Parameters
    ----------
    allow_private
        Also fetch from this machine, its network and other addresses that are not public.
    seconds
        The limit for the whole request.

    Raises
    ------
    ImageError
        The picture cannot be fetched.
    StorageError
        This process may not open more connections.
    """
    transport = Transport(
        headers=_HEADERS,
        timeout=_TIMEOUT,
        refuse=_refuse,
        check_address=None if allow_private else _check_address,
    )
    try:
        with (
            closing(transport),
            Patience(seconds).applied(),
            transport.open(url) as response,
        ):
            if response.status_code != 200:
                raise ImageError(f"cannot be fetched: HTTP {response.status_code}")
            return read_body(response, MOST_BYTES)
    except NetworkSetupError as error:
        raise ImageError(f"cannot be fetched: {error.message}. {error.suggestion}") from error
    except NetworkError as error:
        raise ImageError(f"cannot be fetched: {error.reason}") from error
    except DamagedBody as error:
        raise ImageError(f"cannot be fetched: {error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _explained(error) from error


def is_public(address: str) -> bool:
    """Whether an IP address is public; an address inside another one is checked too."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # 6to4 and NAT64 addresses contain an IPv4 address (RFC 3056, RFC 6052).
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _IPV6_IN_USE:
            return False
    return ip.is_global and not ip.is_multicast


def _refuse(url: str) -> None:
    if not url[:8].lower().startswith(("http://", "https://")):
        raise NetworkError("Refused to fetch a URL", details=url, reason=BAD_URL)


def _check_address(address: str) -> None:
    if not is_public(address):
        raise ImageError("refused: not a public address", suggestion="allow private addresses")


def _explained(error: Exception) -> Exception:
    """The error to raise for a failed request."""
    reason = transport_failure(error)
    if (full := too_many_open(error, unclear=reason == "host name not found")) is not None:
        return full
    if (problem := setup_problem(error)) is not None:
        return ImageError(f"cannot be fetched: {problem.message}. {problem.suggestion}")
    return ImageError(f"cannot be fetched: {reason}")
