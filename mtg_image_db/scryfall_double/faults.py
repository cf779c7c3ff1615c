"""Faults between a client and Scryfall: ``double.inject("/file/", truncated(0.5))``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mtg_image_db.scryfall_double.replies import (
    NOT_FOUND,
    Reply,
    html_reply,
    json_reply,
    rate_limited_reply,
)

# The first three bytes (the magic of JPEG and gzip) stay, so the start of the file does not show
# the damage; every decoder fails on the rest.
_MAGIC = 3
_INVERTED = bytes(255 - value for value in range(256))


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; the functions of this module make them.

    Parameters
    ----------
    change
        Turns the right answer and the server's usual Retry-After into the reply to send.
    times
        How many requests it affects; None for all from now on.
    """

    change: Callable[[Reply, int], Reply]
    times: int | None


def status(
    code: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    times: int | None = 1,
) -> Fault:
    """Answer with `code`, `body` and `headers`, exactly as given."""
    return _instead(Reply(code, body, headers or {}), times)


def too_many_requests(retry_after: int | None = None, *, times: int | None = 1) -> Fault:
    """Answer 429 and lock the host for `retry_after` seconds (None: the server's usual time)."""

    def change(_right: Reply, usual: int) -> Reply:
        return rate_limited_reply(usual if retry_after is None else retry_after)

    return Fault(change, times)


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
    """Answer 200 with an HTML page instead of the requested file."""
    return _instead(html_reply(200, "Please sign in to this network"), times)


def redirect(url: str, *, times: int | None = 1) -> Fault:
    """Send the client to `url`."""
    return _instead(html_reply(302, "Moved", {"Location": url}), times)


def empty(*, times: int | None = 1) -> Fault:
    """Answer with the right headers and no body at all."""
    return _changed(lambda _: {"body": b""}, times)


def garbage(size: int = 4096, *, times: int | None = 1) -> Fault:
    """Answer with the right headers and `size` meaningless bytes."""
    noise = bytes((index * 131 + index // 7) % 256 for index in range(size))
    return _changed(lambda _: {"body": noise}, times)


def shortened(amount: float = 0.5, *, times: int | None = 1) -> Fault:
    """Answer with a part of the body (a fraction, or an int of bytes) as if it were all."""
    return _changed(lambda body: {"body": body[: _part(body, amount)]}, times)


def truncated(amount: float = 0.5, *, times: int | None = 1) -> Fault:
    """Announce the whole body, send a part (a fraction, or an int of bytes), and hang up."""
    return _changed(lambda body: {"sent": _part(body, amount), "then": "close"}, times)


def wrong_length(extra: int = 1000, *, times: int | None = 1) -> Fault:
    """Announce `extra` more (or fewer) bytes than are sent, and hang up."""
    return _changed(lambda body: {"length": len(body) + extra, "then": "close"}, times)


def corrupt(*, times: int | None = 1) -> Fault:
    """Answer with a body of the right length that no decoder accepts."""
    return _changed(
        lambda body: {"body": body[:_MAGIC] + body[_MAGIC:].translate(_INVERTED)}, times
    )


def stall(seconds: float | None = None, *, amount: float = 0.5, times: int | None = 1) -> Fault:
    """Send a part of the body and fall silent; the rest follows after `seconds`, if given."""
    return _changed(
        lambda body: {"sent": _part(body, amount), "then": "hold", "hold": seconds}, times
    )


def slow(seconds: float, *, times: int | None = 1) -> Fault:
    """Answer correctly, `seconds` late."""
    return _changed(lambda _: {"delay": seconds}, times)


def reset(*, times: int | None = 1) -> Fault:
    """Cut the connection with an RST instead of answering."""
    return _changed(lambda _: {"then": "reset"}, times)


def _instead(reply: Reply, times: int | None) -> Fault:
    return Fault(lambda _right, _usual: reply, times)


def _changed(changes: Callable[[bytes], dict[str, Any]], times: int | None) -> Fault:
    """Keep the right answer, except for the fields that `changes` derives from its body."""
    return Fault(lambda right, _usual: replace(right, **changes(right.body)), times)


def _part(body: bytes, amount: float) -> int:
    return int(len(body) * amount) if isinstance(amount, float) else amount
