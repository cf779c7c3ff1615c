"""What can go wrong between a client and Scryfall, and how the double plays it.

A `Fault` is data: it says what to do to one answer. The constructors below are
the vocabulary (``faults.truncated(0.5)``, ``faults.too_many_requests()``); `play`
turns a fault and the answer that would have been given into a `Delivery`, which
is what `LoopbackServer` puts on the wire. What the answers are about is the
business of `mtg_image_db.demo.double`.

The error bodies are those Scryfall was seen to send; their shape is described at
https://scryfall.com/docs/api/errors.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Literal

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

MISSING_HEADERS: Mapping[str, Any] = {
    "object": "error",
    "code": "bad_request",
    "status": 400,
    "details": (
        "You submitted an invalid request. HTTP requests to api.scryfall.com must contain "
        "a User-Agent and Accept header. More info: https://scryfall.com/docs/api"
    ),
}
GENERIC_USER_AGENT: Mapping[str, Any] = {
    "object": "error",
    "status": 400,
    "code": "bad_request",
    "subcode": "generic_user_agent",
    "details": (
        "Your User-Agent string is currently a default value supplied by your HTTP library. "
        "Please provide a custom User-Agent that identifies your application when accessing "
        "the Scryfall API. If you are the developer of an application receiving this message, "
        "please contact the Scryfall team for assistance."
    ),
}
NOT_FOUND: Mapping[str, Any] = {
    "object": "error",
    "code": "not_found",
    "status": 404,
    "details": "No card found with the given ID or set code and collector number.",
}
RATE_LIMITED = (
    "You are being rate-limited, try again after {seconds} seconds. Scryfall requires you to "
    "constrain API usage to less than 10 requests per second. DO NOT IGNORE THIS WARNING, "
    "FAILURE TO ACT WILL RESULT IN A NETWORK BLOCK. If you need access to a large amount of "
    "card data, please use our bulk data offerings at https://scryfall.com/docs/api/bulk-data"
)

Kind = Literal[
    "reply",  # another status, body and headers altogether
    "rate_limit",  # 429, and the host stays locked
    "body",  # the same status and headers around another body
    "shorten",  # a complete answer that holds only part of the body
    "corrupt",  # the right length, the wrong bytes
    "truncate",  # the right Content-Length, then the connection ends early
    "wrong_length",  # a Content-Length that does not fit the body
    "stall",  # part of the body, then silence
    "slow",  # silence, then the right answer
    "reset",  # RST instead of an answer
]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; Content-Length and Date are added when it is sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """How an answer goes over the wire.

    Parameters
    ----------
    reply
        The answer.
    delay
        Seconds of silence before the first byte.
    announced
        What Content-Length says; None for the truth.
    sent
        How many bytes of the body are sent at first; None for all.
    then
        What follows those bytes: the next request (``"keep"``), the end of the
        connection (``"close"``), or `hold` seconds of silence and then the rest
        (``"hold"``). With ``"reset"`` nothing is sent but an RST.
    hold
        Seconds of silence; None for as long as the server lives.
    """

    reply: Reply
    delay: float = 0.0
    announced: int | None = None
    sent: int | None = None
    then: Literal["keep", "close", "hold", "reset"] = "keep"
    hold: float | None = None


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; use the functions of this module to make one.

    Parameters
    ----------
    kind
        What happens.
    status, body, headers
        The answer given instead, where the fault replaces it.
    amount
        How much of the body: a float is a fraction, an int a number of bytes.
    seconds
        How long; None for as long as it takes.
    times
        How many requests it befalls; None for every one from now on.
    """

    kind: Kind
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    amount: float = 0
    seconds: float | None = None
    times: int | None = 1

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            msg = f"a fault happens at least once, not {self.times} times"
            raise ValueError(msg)

    def part_of(self, size: int) -> int:
        """Return how many of `size` bytes `amount` stands for."""
        wanted = int(size * self.amount) if isinstance(self.amount, float) else self.amount
        return max(0, min(size, wanted))


def play(fault: Fault, reply: Reply) -> Delivery:
    """Return how `reply` is delivered when `fault` befalls it.

    A rate limit is not played here: its length is the server's to say.
    """
    size = len(reply.body)
    changes: dict[str, Any] = {}
    if fault.kind == "reply":
        reply = Reply(fault.status, fault.body, fault.headers)
    elif fault.kind in {"body", "shorten", "corrupt"}:
        new = {
            "body": fault.body,
            "shorten": reply.body[: fault.part_of(size)],
            "corrupt": _corrupted(reply.body),
        }
        reply = Reply(reply.status, new[fault.kind], reply.headers)
    elif fault.kind == "wrong_length":
        changes = {"announced": max(0, size + int(fault.amount)), "then": "close"}
    elif fault.kind == "truncate":
        changes = {"sent": fault.part_of(size), "then": "close"}
    elif fault.kind == "stall":
        changes = {"sent": fault.part_of(size), "then": "hold", "hold": fault.seconds}
    elif fault.kind == "slow":
        changes = {"delay": fault.seconds or 0.0}
    elif fault.kind == "reset":
        changes = {"then": "reset"}
    return Delivery(reply, **changes)


# The first three bytes (the magic of JPEG and gzip) stay, so that a glance at the
# start of the file is not enough to notice; every decoder fails on what follows.
_MAGIC = 3
_INVERTED = bytes(255 - value for value in range(256))


def _corrupted(body: bytes) -> bytes:
    return body[:_MAGIC] + body[_MAGIC:].translate(_INVERTED)


def json_reply(content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """Return an API answer; an error object brings its own status."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    status = content["status"] if content["object"] == "error" else 200
    return Reply(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})


def html_reply(status: int, title: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a page as the network in front of Scryfall would send it."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>\n"
    return Reply(status, page.encode(), {"Content-Type": HTML_TYPE, **(headers or {})})


def rate_limited_reply(seconds: int) -> Reply:
    """Return the 429 of https://scryfall.com/docs/api/rate-limits."""
    details = RATE_LIMITED.format(seconds=seconds)
    content = {"object": "error", "code": "rate_limited", "status": 429, "details": details}
    return json_reply(content, {"Retry-After": str(seconds)})


def status(
    code: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    times: int | None = 1,
) -> Fault:
    """Answer with `code`, `body` and `headers`, exactly as given."""
    return Fault("reply", status=code, body=body, headers=headers or {}, times=times)


def too_many_requests(retry_after: int | None = None, *, times: int | None = 1) -> Fault:
    """Answer 429 and lock the host for `retry_after` seconds (None: the server's default)."""
    return Fault("rate_limit", seconds=retry_after, times=times)


def not_found(*, times: int | None = 1) -> Fault:
    """Answer 404 with Scryfall's error object."""
    return _instead(json_reply(NOT_FOUND), times)


def server_error(
    code: int = 503, *, retry_after: int | None = None, times: int | None = 1
) -> Fault:
    """Answer `code` with an HTML page, as during maintenance."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _instead(html_reply(code, "Service Unavailable", headers), times)


def html_page(*, times: int | None = 1) -> Fault:
    """Answer 200 with an HTML page where something else was asked for."""
    return _instead(html_reply(200, "Please sign in to this network"), times)


def redirect(url: str, *, code: int = 302, times: int | None = 1) -> Fault:
    """Send the client to `url`."""
    return _instead(html_reply(code, "Moved", {"Location": url}), times)


def empty(*, times: int | None = 1) -> Fault:
    """Answer with the right headers and no body at all."""
    return Fault("body", times=times)


def garbage(size: int = 4096, *, times: int | None = 1) -> Fault:
    """Answer with the right headers around `size` bytes that mean nothing."""
    noise = bytes((index * 131 + index // 7) % 256 for index in range(size))
    return Fault("body", body=noise, times=times)


def shortened(amount: float = 0.5, *, times: int | None = 1) -> Fault:
    """Answer, as if it were all, with a part of the body and the length of that part."""
    return Fault("shorten", amount=amount, times=times)


def corrupt(*, times: int | None = 1) -> Fault:
    """Answer with a body of the right length that no decoder accepts."""
    return Fault("corrupt", times=times)


def truncated(amount: float = 0.5, *, times: int | None = 1) -> Fault:
    """Announce the whole body, send a part (a fraction, or an int of bytes), and hang up."""
    return Fault("truncate", amount=amount, times=times)


def wrong_length(extra: int = 1000, *, times: int | None = 1) -> Fault:
    """Announce `extra` bytes more (or fewer) than are sent, and hang up."""
    return Fault("wrong_length", amount=extra, times=times)


def stall(seconds: float | None = None, *, amount: float = 0.5, times: int | None = 1) -> Fault:
    """Send a part of the body and fall silent; the rest follows after `seconds`, if given."""
    return Fault("stall", seconds=seconds, amount=amount, times=times)


def slow(seconds: float, *, times: int | None = 1) -> Fault:
    """Answer correctly, `seconds` late."""
    return Fault("slow", seconds=seconds, times=times)


def reset(*, times: int | None = 1) -> Fault:
    """Cut the connection with an RST instead of answering."""
    return Fault("reset", times=times)


def _instead(reply: Reply, times: int | None) -> Fault:
    return Fault("reply", status=reply.status, body=reply.body, headers=reply.headers, times=times)


class LoopbackServer(ThreadingHTTPServer):
    """An HTTP server that carries out deliveries, and can end every one of them.

    Parameters
    ----------
    port
        Where to listen on 127.0.0.1; 0 for any free port.
    respond
        Decides what a request gets, from its method, its path with the query, and
        its headers with lower-case names.

    Attributes
    ----------
    stopping
        Set when the server is about to stop; every wait ends with it.
    crashes
        What `respond` raised, which clients only see as a broken connection.
    """

    daemon_threads = True
    request_queue_size = 512
    allow_reuse_port = False

    def __init__(
        self, port: int, respond: Callable[[str, str, Mapping[str, str]], Delivery]
    ) -> None:
        self.respond = respond
        self.stopping = threading.Event()
        self.crashes: list[BaseException] = []
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", port), _Handler)

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
        """Remember what went wrong here; that a client hangs up is nothing wrong."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.crashes.append(error)

    def close_all(self) -> None:
        """Stop listening, break every connection, and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for thread, connection in self._connections.items():
            # An error means that its own thread has closed it already.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Reads requests and carries out deliveries; what to say is decided elsewhere."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            delivery = self.server.respond(self.command, self.path, headers)
        except OSError as error:
            # A picture that cannot be read must not pass for a client that hung up.
            msg = f"{self.path} could not be answered: {error}"
            raise RuntimeError(msg) from error
        if delivery.delay and self.server.stopping.wait(delivery.delay):
            self.close_connection = True
        elif delivery.then == "reset":
            self._reset()
        else:
            self._send(delivery)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the double keeps its own record."""

    def _send(self, delivery: Delivery) -> None:
        reply = delivery.reply
        lines = [
            f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('',))[0]}",
            f"Date: {self.date_time_string()}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        if reply.status != 304:
            length = len(reply.body) if delivery.announced is None else delivery.announced
            lines.append(f"Content-Length: {length}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        body = b"" if self.command == "HEAD" else reply.body
        # One send for the head and the body: one packet, and one system call.
        self.connection.sendall(head + body[: delivery.sent])
        if delivery.then == "hold":
            if self.server.stopping.wait(delivery.hold):
                self.close_connection = True
            else:
                self.connection.sendall(body[delivery.sent :])
        elif delivery.then == "close":
            self.close_connection = True

    def _reset(self) -> None:
        # Closing a socket that lingers for zero seconds sends an RST. The socket is
        # only closed once the file that reads from it is.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True
