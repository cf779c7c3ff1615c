"""Scryfall's answers as bytes, with HTTP's conditional and range requests.

The error objects were observed at Scryfall; see
https://scryfall.com/docs/api/errors and https://scryfall.com/docs/api/rate-limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

_MISSING_HEADERS: Mapping[str, Any] = {
    "object": "error",
    "code": "bad_request",
    "status": 400,
    "details": (
        "You submitted an invalid request. HTTP requests to api.scryfall.com must contain "
        "a User-Agent and Accept header. More info: https://scryfall.com/docs/api"
    ),
}
_GENERIC_USER_AGENT: Mapping[str, Any] = {
    "object": "error",
    "status": 400,
    "code": "bad_request",
    "subcode": "generic_user_agent",
    "details": (
        "Your User-Agent string is currently a default value supplied by your HTTP library. "
        "Please provide a custom User-Agent that identifies your application when accessing "
        "the Scryfall API."
    ),
}
NOT_FOUND: Mapping[str, Any] = {
    "object": "error",
    "code": "not_found",
    "status": 404,
    "details": "No card found with the given ID or set code and collector number.",
}
_RATE_LIMITED = (
    "You are being rate-limited, try again after {seconds} seconds. Scryfall requires you to "
    "constrain API usage to less than 10 requests per second. DO NOT IGNORE THIS WARNING, "
    "FAILURE TO ACT WILL RESULT IN A NETWORK BLOCK."
)
# User agents of HTTP libraries instead of applications.
_GENERIC_AGENT = re.compile(
    r"$|(python-(requests|urllib|urllib3|httpx)|curl|wget|go-http-client|okhttp|axios|node-fetch|"
    r"java|apache-httpclient)(/|$)|python/\S+ aiohttp/",
    re.IGNORECASE,
)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True)
class Reply:
    """An answer, and how it is sent.

    Parameters
    ----------
    status, body, headers
        Content-Length and Date are added on sending.
    delay
        Seconds of silence before the first byte.
    length
        The value of Content-Length; None for the true length.
    sent
        How many bytes of the body are sent at first; None for all.
    then
        What follows them: the next request, the end of the connection, or `hold` seconds of
        silence and then the rest. With ``"reset"`` only an RST is sent.
    hold
        Seconds of silence; None for as long as the server runs.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    length: int | None = None
    sent: int | None = None
    then: Literal["keep", "close", "hold", "reset"] = "keep"
    hold: float | None = None


def json_reply(content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer of the API with its weak ETag; an error object gives the status itself."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    own = {"Content-Type": "application/json; charset=utf-8"}
    if content["object"] == "error":
        return Reply(content["status"], body, {**own, **(headers or {})})
    return Reply(200, body, {**own, "ETag": f'W/"{_digest(body)}"', **(headers or {})})


def html_reply(status: int, title: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a page like those of the network in front of Scryfall."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>\n"
    return Reply(
        status, page.encode(), {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
    )


def file_reply(body: bytes, headers: Mapping[str, str]) -> Reply:
    """Return a file or an image: it never changes under its URL, and supports ranges."""
    own = {
        "ETag": f'"{_digest(body)}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, max-age=31556952",
    }
    return Reply(200, body, {**own, **headers})


def improper_reply(headers: Mapping[str, str]) -> Reply | None:
    """Return the 400 for a request without the headers that the API requires."""
    if "user-agent" not in headers or "accept" not in headers:
        return json_reply(_MISSING_HEADERS)
    if _GENERIC_AGENT.match(headers["user-agent"].strip()):
        return json_reply(_GENERIC_USER_AGENT)
    return None


def rate_limited_reply(seconds: int) -> Reply:
    """Return the 429 that asks for `seconds` of silence."""
    details = _RATE_LIMITED.format(seconds=seconds)
    content = {"object": "error", "code": "rate_limited", "status": 429, "details": details}
    return json_reply(content, {"Retry-After": str(seconds)})


def conditional(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """Apply If-None-Match, If-Range and Range (RFC 9110, sections 13 and 14)."""
    tag = reply.headers.get("ETag")
    if tag is None:
        return reply
    known = headers.get("if-none-match", "").split(",")
    if tag.removeprefix("W/") in {each.strip().removeprefix("W/") for each in known}:
        return Reply(304, b"", {"ETag": tag})
    may = "Accept-Ranges" in reply.headers
    if may and headers.get("if-range", tag) in {tag, reply.headers.get("Last-Modified")}:
        return _part(reply, headers.get("range", ""))
    return reply


def _part(reply: Reply, asked: str) -> Reply:
    """Return the bytes `asked` for; suffixes and multiple ranges are ignored, which is allowed."""
    match = _RANGE.fullmatch(asked)
    size = len(reply.body)
    start, last = (int(match[1]), int(match[2] or size)) if match else (0, -1)
    if match and start >= size:
        return html_reply(416, "Range Not Satisfiable", {"Content-Range": f"bytes */{size}"})
    if last < start:
        return reply
    part = reply.body[start : last + 1]
    place = f"bytes {start}-{start + len(part) - 1}/{size}"
    return Reply(206, part, {**reply.headers, "Content-Range": place})


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()[:32]
