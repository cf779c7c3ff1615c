"""What a server answered: its body, how long it asks to wait, and what went wrong."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import TypeGuard

import requests
import urllib3

from mtg_image_db.errors import NetworkError, causes
from mtg_image_db.net.patience import TooSlow

_LARGEST_ERROR = 1 << 16
"""Bytes of an error that are read. By hand."""
_LONGEST_PAUSE = 24 * 3600.0
"""Seconds of the longest pause that a server may ask for: a day. By hand."""

BAD_URL = "bad URL"
"""The reason of a failure that a retry cannot change."""


class DamagedBody(Exception):
    """A body that arrived but cannot be used; the request is retried."""


def read_body(response: requests.Response, limit: int) -> bytes:
    """Read a whole body of at most `limit` bytes, and check its length.

    Raises
    ------
    DamagedBody
        The body is shorter than its Content-Length.
    NetworkError
        The body is longer than `limit`.
    """
    # A proxy may compress without being asked; the length is then that of the compressed body.
    packed = "Content-Encoding" in response.headers
    length = None if packed else length_of(response)
    if length is None or length <= limit:
        # One read of a known length takes a third of the time of a loop over chunks.
        amount = None if length is not None else limit + 1
        body: bytes = response.raw.read(amount, decode_content=packed)
        if len(body) <= limit:
            if length is not None and len(body) != length:
                raise DamagedBody("truncated body")
            return body
    raise NetworkError(
        "A body is over the size limit",
        details=f"{response.url}: more than {limit} bytes",
        reason="body over the size limit",
    )


def length_of(response: requests.Response) -> int | None:
    """The length of the body by Content-Length; None if that is missing or does not apply."""
    text = response.headers.get("Content-Length", "")
    # In a chunked body, the chunks give the length (RFC 9112 §6.3).
    chunked = "Transfer-Encoding" in response.headers
    # No body's length has more than twenty digits; Python raises an error at thousands of them.
    return int(text) if text.isdecimal() and len(text) <= 20 and not chunked else None


def is_etag(value: object) -> TypeGuard[str]:
    """Whether a stored value can be sent as an ETag."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def retry_after_of(response: requests.Response) -> float | None:
    """The seconds in a Retry-After header (RFC 9110 §10.2.3: seconds, or a date)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text) if len(text) < 7 else _LONGEST_PAUSE
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
        return min(max(0.0, seconds), _LONGEST_PAUSE)
    except (TypeError, ValueError, OverflowError):
        return None


def problem_of(response: requests.Response) -> str:
    """What the server says about an error: the `details` of Scryfall's error object."""
    if "json" not in response.headers.get("Content-Type", ""):
        return ""
    try:
        answer = json.loads(response.raw.read(_LARGEST_ERROR))
    except (ValueError, RecursionError):
        return ""
    details = answer.get("details") if isinstance(answer, dict) else None
    return details[:300] if isinstance(details, str) else ""


def transport_failure(error: Exception) -> str:
    """Name a transport failure in few words, for grouping."""
    text = repr(error)
    chain = list(causes(error))
    if any(isinstance(one, TooSlow) for one in chain):
        return "answer too slow"
    if isinstance(error, requests.exceptions.InvalidURL):
        return BAD_URL
    if any(isinstance(one, requests.exceptions.ProxyError) for one in chain):
        return "proxy gives no connection"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "timeout"
    if isinstance(error, requests.exceptions.ContentDecodingError | urllib3.exceptions.DecodeError):
        return "bad compression"
    signs = {
        "CERTIFICATE_VERIFY_FAILED": "bad certificate",
        "timed out": "timeout",
        "IncompleteRead": "truncated body",
        "NameResolution": "host name not found",
        "getaddrinfo": "host name not found",
        "refused": "connection refused",
    }
    return next((name for sign, name in signs.items() if sign in text), "connection lost")
