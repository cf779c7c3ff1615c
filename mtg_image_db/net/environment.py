"""Check the proxies and certificates that the environment names, and report errors at once.

Retrying cannot repair such an error, and it is not the server's fault.
"""

from __future__ import annotations

import importlib.util
import re
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy

from mtg_image_db.errors import NetworkSetupError, causes

_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_NO_TUNNEL = r"Tunnel connection failed: (4\d\d|501)"
_PASSING = ("408", "425", "429")
_PROXY = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"


def check_environment(url: str, settings: Mapping[str, Any]) -> None:
    """Check the proxy and certificates that the environment names for a URL.

    Parameters
    ----------
    settings
        As `requests.Session.merge_environment_settings` gives them.

    Raises
    ------
    NetworkSetupError
        One of them cannot be used.
    """
    proxy = select_proxy(url, settings["proxies"])
    if proxy:
        _check_proxy(proxy)
    if url.lower().startswith("https:") and isinstance(settings["verify"], str):
        _check_certificates(settings["verify"])


def setup_problem(error: BaseException, *, first: bool = True) -> NetworkSetupError | None:
    """The error in the proxy setting that made a request fail; None if it has another cause.

    Parameters
    ----------
    first
        No request has succeeded before. A host name that was found once may be found again.
    """
    chain = list(causes(error))
    # If a proxy opens no tunnel, only the error's text holds the HTTP status.
    status = next(filter(None, (re.search(_NO_TUNNEL, str(one)) for one in chain)), None)
    if status and status[1] == "407":
        return wants_password()
    if status and status[1] not in _PASSING:
        return NetworkSetupError(
            f"The proxy refuses to connect (HTTP {status[1]})",
            details=f"the proxy that {_PROXY} names",
            suggestion="Check its address; if it is right, ask whoever runs it to allow this host, "
            "or name in NO_PROXY the hosts that need no proxy.",
        )
    by_proxy = any(isinstance(one, requests.exceptions.ProxyError) for one in chain)
    if first and by_proxy and any(isinstance(one, socket.gaierror) for one in chain):
        return NetworkSetupError(
            "The proxy's host name cannot be found",
            details=f"the host in {_PROXY}",
            suggestion="Correct the proxy's address, or clear these variables if you have no "
            "proxy; check the connection as well.",
        )
    return None


def wants_password() -> NetworkSetupError:
    """Make the error for a proxy that answers 407."""
    return NetworkSetupError(
        "The proxy wants a user name and a password (HTTP 407)",
        details=f"the proxy that {_PROXY} names",
        suggestion="Put both into its address, like HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT; "
        "write @ and : inside them as %40 and %3A.",
    )


def _check_proxy(proxy: str) -> None:
    """Check a proxy's address. It may hold a password, so no message shows it."""
    # As requests does.
    address = proxy if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", proxy) else f"http://{proxy}"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("http:")
    if not host or re.search(r"[^!-~]", host) or any(len(p) > 63 for p in host.split(".")):
        raise NetworkSetupError(
            "The proxy's address is not valid",
            details=f"the address in {_PROXY}",
            suggestion="Write it like HTTPS_PROXY=http://HOST:PORT, or clear the variable.",
        )
    if parts.scheme not in _PROXY_SCHEMES:
        raise NetworkSetupError(
            f"Proxies of the kind {parts.scheme} are not supported",
            details=f"the address in {_PROXY}; supported are {', '.join(_PROXY_SCHEMES)}",
            suggestion="Write it like HTTPS_PROXY=http://HOST:PORT, or clear the variable.",
        )
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        raise NetworkSetupError(
            "The proxy is a SOCKS proxy, and the package PySocks is not installed",
            details=f"the proxy that {_PROXY} names",
            suggestion="Install it: pip install pysocks. Or name an HTTP proxy.",
        )


def _check_certificates(place: str) -> None:
    problem = ""
    path = Path(place)
    if not path.exists():
        problem = "there is no such file or folder"
    elif not path.is_dir():
        try:
            ssl.create_default_context(cafile=place)
        except ssl.SSLError:
            problem = "it holds no certificate in the PEM format"
        except OSError as error:
            problem = error.strerror or str(error)
    if problem:
        raise NetworkSetupError(
            "The file of certificates cannot be used",
            details=f"{place}: {problem}",
            suggestion="It is named by REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE. Name a PEM file (it "
            "has lines like -----BEGIN CERTIFICATE-----), or clear the variable.",
        )
