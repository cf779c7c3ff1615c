"""An HTTP server on 127.0.0.1 that can send wrong answers, and can end every connection."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from mtg_image_db.scryfall_double.replies import Reply


class LoopbackServer(ThreadingHTTPServer):
    """Answers each GET with the reply of `respond`, from its construction on.

    Parameters
    ----------
    port
        0 for any free port.
    respond
        Gets the path with its query, and the headers with lower-case names.

    Attributes
    ----------
    stopping
        Set when the server is about to stop; this ends every wait.
    crashes
        Exceptions of `respond`, which clients only see as broken connections.
    """

    daemon_threads = True
    request_queue_size = 512
    # Some releases of Python set this, and then two servers could share one port.
    allow_reuse_port = False

    def __init__(self, port: int, respond: Callable[[str, Mapping[str, str]], Reply]) -> None:
        self.respond = respond
        self.stopping = threading.Event()
        self.crashes: list[BaseException] = []
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Bind without asking the DNS for a name, which takes seconds offline."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, and remember both."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        alive = {each: its for each, its in self._connections.items() if each.is_alive()}
        self._connections = {**alive, thread: request}
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Remember errors of this server; a client that hangs up is not an error."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.crashes.append(error)

    def close_all(self) -> None:
        """Stop listening, break every connection, and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        for thread, connection in self._connections.items():
            # An error means that its thread has already closed it.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.respond(self.path, headers)
        if reply.delay and self.server.stopping.wait(reply.delay):
            self.close_connection = True
        elif reply.then == "reset":
            self._reset()
        else:
            self._send(reply)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: the double keeps its own record."""

    def _send(self, reply: Reply) -> None:
        lines = [
            f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('',))[0]}",
            f"Date: {self.date_time_string()}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        if reply.status != 304:
            length = len(reply.body) if reply.length is None else reply.length
            lines.append(f"Content-Length: {length}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        # Send head and body together: one packet and one system call.
        self.connection.sendall(head + reply.body[: reply.sent])
        if reply.then == "close":
            self.close_connection = True
        elif reply.then == "hold":
            if self.server.stopping.wait(reply.hold):
                self.close_connection = True
            else:
                self.connection.sendall(reply.body[reply.sent :])

    def _reset(self) -> None:
        # Closing a socket that lingers for zero seconds sends an RST. The socket is only closed
        # after the file that reads from it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True
