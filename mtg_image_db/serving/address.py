"""Where the server listens: its socket, its address, and the names it may be called by."""

from __future__ import annotations

import errno
import http.client
import json
import os
import secrets
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from mtg_image_db.errors import InvalidArguments, ServingError
from mtg_image_db.system.checks import check, wrong_integer

HOST = "127.0.0.1"
"""Where a server listens that only this machine reaches."""
_SECONDS_TO_ASK = 2.0
"""How long another server on the same port may take to say who it is. By hand."""
_ELSEWHERE = "192.0.2.1"
"""An address that belongs to nobody (RFC 5737). Nothing is sent there."""


@dataclass(frozen=True)
class Address:
    """An address to listen on.

    Parameters
    ----------
    host
        An IP address of this machine, or localhost; 0.0.0.0 for all of them. Empty for 127.0.0.1,
        or with `lan`, this machine's address in the local network.
    port
        0 for any free one.
    lan
        Other machines may reach it, with a token.
    plain
        By http also with `lan`: for phones that refuse the certificate.

    Raises
    ------
    InvalidArguments
        The host is none, or others could reach it, though `lan` is not wanted.
    ServingError
        This machine has no address in a local network.
    """

    host: str = ""
    port: int = 8000
    lan: bool = False
    plain: bool = False
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check(wrong_integer("port", self.port, 0, 65535))
        host = "127.0.0.1" if self.host == "localhost" else self.host
        object.__setattr__(self, "host", host or (_own_address() if self.lan else HOST))
        if self.lan:
            object.__setattr__(self, "token", self.token or secrets.token_urlsafe(16))
        elif not self._ip.is_loopback:
            problem = f"host {self.host}: others could reach it; that needs --lan, or use {HOST}"
            raise InvalidArguments([problem])

    @property
    def shown(self) -> str:
        """The host that browsers are told."""
        return _own_address() if self._ip.is_unspecified else self.host

    @property
    def names(self) -> Collection[str]:
        """What may stand in `Host`, without a port."""
        here = (
            ("localhost", "127.0.0.1", "[::1]") if self._ip.is_unspecified or not self.lan else ()
        )
        return frozenset((*here, _bracketed(self.shown)))

    @property
    def base(self) -> str:
        """The address without its token: ``http://127.0.0.1:8000/``."""
        scheme = "https" if self.lan and not self.plain else "http"
        return f"{scheme}://{_bracketed(self.shown)}:{self.port}/"

    @property
    def url(self) -> str:
        """The address to open."""
        return self.base + (f"?token={self.token}" if self.token else "")

    def bind(self) -> tuple[Address, socket.socket]:
        """Take the port. Nothing is answered before somebody listens on the socket.

        Returns
        -------
        The address with its real port, and the socket.

        Raises
        ------
        ServingError
            The port is taken; the error says by whom. Or it may not be used.
        """
        family = socket.AF_INET6 if self._ip.version == 6 else socket.AF_INET
        taken = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name != "nt":  # there, it would take the port from another server
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((self.host, self.port))
        except OSError as error:
            taken.close()
            if error.errno == errno.EADDRINUSE:
                raise self._in_use() from error
            raise ServingError(
                f"{self.host} port {self.port} cannot be used",
                details=error.strerror or str(error),
                suggestion="Give another --port, 8001 for example, or another --host.",
            ) from error
        return replace(self, port=taken.getsockname()[1]), taken

    @property
    def _ip(self) -> IPv4Address | IPv6Address:
        try:
            return ip_address(self.host)
        except ValueError as error:
            problem = f"host must be an IP address of this machine, not {self.host!r:.100}"
            raise InvalidArguments([problem]) from error

    def _in_use(self) -> ServingError:
        """Say who has the port."""
        other = "--port 0 takes any free port."
        for scheme in ("http", "https"):
            there = _who_is_at(scheme, self.shown, self.port)
            if there is not None:
                at = f"{scheme}://{_bracketed(self.shown)}:{self.port}/"
                return ServingError(
                    f"mtg-db serve is already running at {at}",
                    details=there,
                    suggestion=f"Open it, or end it with Ctrl-C where it was started; {other}",
                )
        return ServingError(
            f"Another program has port {self.port} of {self.shown}",
            suggestion=f"Give another --port, 8001 for example; {other}",
        )


def _who_is_at(scheme: str, host: str, port: int) -> str | None:
    """What a server of ours serves there; None if it is none of ours."""
    plain = http.client.HTTPConnection(host, port, timeout=_SECONDS_TO_ASK)
    if scheme == "https":
        # Its certificate was made on the spot, and nothing secret is said.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = http.client.HTTPSConnection(host, port, timeout=_SECONDS_TO_ASK, context=context)
    try:
        plain.request("GET", "/api/health")
        reply = plain.getresponse()
        if 'realm="mtg-db"' in reply.headers.get("www-authenticate", ""):
            return "its collection is told only to those who have its token"
        return f"its collection is {json.loads(reply.read(10_000))['collection']}"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        plain.close()


def _own_address() -> str:
    """The address of this machine in the local network: the one that packets elsewhere bear."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # This sends nothing: it only asks the system which way it would go.
            probe.connect((_ELSEWHERE, 9))
            return str(probe.getsockname()[0])
        except OSError as error:
            raise ServingError(
                "This machine has no address in a local network",
                details=error.strerror or str(error),
                suggestion="Connect it to one, or name its address: --host 192.168.1.5.",
            ) from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
