"""A server on loopback that says exactly what a test wants, byte by byte."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mtg_image_db.net.hosts import HostGate
from mtg_image_db.net.responses import read_body
from mtg_image_db.net.session import PoliteSession

Answer = Callable[[socket.socket], None]
"""Sends what it wants to a client whose request was read."""


class Wire:
    """Listens on an address, and hands each request to `answer`.

    Attributes
    ----------
    requests
        What came in, each up to its empty line.
    connections
        How many were accepted.
    tls
        Where it is set, clients come by TLS.
    stopping
        Set at the end: whoever waits, waits for this.
    """

    def __init__(self, answer: Answer, address: str = "127.0.0.1") -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.tls: ssl.SSLContext | None = None
        self.stopping = threading.Event()
        self._open: list[socket.socket] = []
        try:
            self._server = socket.create_server((address, 0))
        except OSError:  # macOS has 127.0.0.1 alone
            pytest.skip(f"this machine has no {address}")
        self.port: int = self._server.getsockname()[1]
        self.url = f"http://{address}:{self.port}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while not self.stopping.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                client = self.tls.wrap_socket(client, server_side=True)
            self._read_and_answer(client)

    def _read_and_answer(self, client: socket.socket) -> None:
        with client:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = client.recv(65536)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            self.answer(client)

    def close(self) -> None:
        self.stopping.set()
        for each in (self._server, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def drip(self, start: bytes, endless: bytes = b"x") -> Answer:
        """Send `start`, and then a piece of `endless` now and then, without end."""

        def answer(client: socket.socket) -> None:
            client.sendall(start)
            while not self.stopping.wait(0.05):
                client.sendall(endless)

        return answer


def plainly(data: bytes) -> Answer:
    """Send `data` and hang up."""
    return lambda client: client.sendall(data)


def reply(status: str, body: bytes = b"", *headers: str) -> Answer:
    """Send a proper answer and hang up."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return plainly("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)


@contextlib.contextmanager
def listening(answer: Answer, address: str = "127.0.0.1") -> Iterator[Wire]:
    wire = Wire(answer, address)
    try:
        yield wire
    finally:
        wire.close()


def session_for(url: str, *, read: float = 5.0, retries: int = 0) -> PoliteSession:
    stop = threading.Event()
    return PoliteSession(
        api_url=url,
        gate=HostGate(floor=0.01, stop=stop),
        stop=stop,
        timeout=(2.0, read),
        max_retries=retries,
        backoff_factor=0.001,
    )


def fetch(session: PoliteSession, url: str, limit: int = 1 << 20, *, large: bool = False) -> bytes:
    return session.fetch(url, lambda response: read_body(response, limit), large=large)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that has only these proxies, certificates and passwords."""
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith(("_proxy", "_bundle"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parent,
    )
