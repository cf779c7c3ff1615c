"""Who may ask, and how much: every request passes here before anything else looks at it.

A server on localhost can be reached by every web page that the user opens. Such a page could send a
picture or delete a card (a cross-site post), or make its own name point to this machine and read
everything (DNS rebinding). So the name in `Host` must be one of ours, and what changes something
must come from our own pages.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import Headers, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mtg_image_db.serving.replies import Refusal

MOST_PICTURE_BYTES = 64 << 20
"""Bytes of the largest picture that is received. By hand: 50 megapixels have some 25 MB as JPEG."""
MOST_JSON_BYTES = 64 << 10
"""Bytes of the largest JSON that is received. By hand."""
COOKIE = "mtg-db"
"""The cookie that holds the token of `--lan`."""
_READS = ("GET", "HEAD")
_POLICY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers of every answer: what our pages may load, and what others may do with them."""


@dataclass(frozen=True)
class Guard:
    """Refuses what does not come from our own pages or from programs, and what is too large.

    Parameters
    ----------
    app
        What answers all other requests.
    hosts
        The names of this server, without ports, in lower case: the address it is reached by.
    picture_paths
        Where pictures may be sent; everywhere else, bodies are JSON.
    token
        What a request must know; empty if everybody on this machine may ask.
    """

    app: ASGIApp
    hosts: Collection[str]
    picture_paths: Collection[str]
    token: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it (ASGI)."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, _with_policy(send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        most = MOST_PICTURE_BYTES if scope["path"] in self.picture_paths else MOST_JSON_BYTES
        try:
            self._refuse_other_names(headers)
            self._refuse_other_pages(scope, headers)
            if (entry := self._entry(scope, headers)) is not None:
                await entry(scope, receive, send)
                return
            _refuse_too_large(headers, most)
        except Refusal as refusal:
            await refusal.reply(scope)(scope, receive, send)
            return
        await self.app(scope, _bounded(receive, most), send)

    def _refuse_other_names(self, headers: Headers) -> None:
        """Refuse a request that reached this machine by a name that somebody else made up."""
        given = headers.getlist("host")
        if len(given) != 1 or _name_of(given[0]) not in self.hosts:
            raise Refusal(
                403,
                "This server is not reached by that name",
                details=f"Host: {', '.join(given) or 'none'}",
                suggestion=f"Use one of its own addresses: {', '.join(sorted(self.hosts))}.",
            )

    def _refuse_other_pages(self, scope: Scope, headers: Headers) -> None:
        """Refuse what another web page asks; a link from there may lead here."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if scope["method"] in _READS and headers.get("sec-fetch-mode") == "navigate":
            return
        own = f"{scope['scheme']}://{headers['host']}".lower()
        if origin in (None, own) and site in (None, "same-origin", "none"):
            return
        raise Refusal(
            403,
            "Another web page may not use this server",
            details=f"Origin: {origin or 'none'}, Sec-Fetch-Site: {site or 'none'}",
            suggestion="Open this server's own pages. Programs send neither of these headers.",
        )

    def _entry(self, scope: Scope, headers: Headers) -> Response | None:
        """Ask for the token; return the answer that keeps it, if the address brings it."""
        if not self.token or scope["path"].startswith("/static/"):
            return None
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer.strip()] if scheme.lower() == "bearer" else []
        given += [cookie_parser(line).get(COOKIE, "") for line in headers.getlist("cookie")]
        if any(map(self._is_token, given)):
            return None
        query = QueryParams(scope["query_string"])
        is_page = scope["method"] == "GET" and not scope["path"].startswith("/api/")
        if is_page and self._is_token(query.get("token", "")):
            return self._with_cookie(scope, query)
        raise Refusal(
            401,
            "This address needs its token",
            suggestion="Open the whole address that `mtg-db serve` printed, or scan its QR code. "
            "Programs send the token as `Authorization: Bearer TOKEN`.",
            headers={"www-authenticate": 'Bearer realm="mtg-db"'},
        )

    def _with_cookie(self, scope: Scope, query: QueryParams) -> Response:
        """Lead to the same page without the token, which is in a cookie from now on."""
        rest = urlencode([pair for pair in query.multi_items() if pair[0] != "token"])
        # A path that begins with two slashes would lead to another machine.
        path = "/" + scope["path"].lstrip("/\\")
        reply = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
        secure = scope["scheme"] == "https"
        reply.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", secure=secure)
        reply.headers["cache-control"] = "no-store"
        return reply

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


def _name_of(host: str) -> str:
    """The name in a `Host` header without its port: ``[::1]:8000`` becomes ``[::1]``."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in _POLICY.items()]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return send_with_policy


def _refuse_too_large(headers: Headers, most: int) -> None:
    """Refuse a body that says itself that it is too large."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise _too_large(most)


def _bounded(receive: Receive, most: int) -> Receive:
    """Receive a body, and refuse it once there are more than `most` bytes."""
    left = most

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large(most)
        return message

    return bounded


def _too_large(most: int) -> Refusal:
    return Refusal(
        413,
        f"What was sent is larger than {most >> 10:,} kB",
        suggestion="Send a smaller picture." if most == MOST_PICTURE_BYTES else "Send less.",
    )
