"""Everything that is served: pages, their files, the API, and the guard before all of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from mtg_image_db import __version__
from mtg_image_db.collection.cards import CONDITIONS, FINISHES
from mtg_image_db.collection.formats import FORMATS
from mtg_image_db.errors import MtgDbError, PostgresError
from mtg_image_db.scryfall.printing import LANGUAGE_NAMES
from mtg_image_db.serving.api import PICTURE_PATHS, Api
from mtg_image_db.serving.desk import Desk
from mtg_image_db.serving.guard import Guard
from mtg_image_db.serving.replies import HERE, TEMPLATES, Refusal
from mtg_image_db.serving.service import Service

_PAGES = ("camera", "photos", "review", "collection", "overlay")
_WORDS = {
    "version": __version__,
    "formats": FORMATS,
    "finishes": FINISHES,
    "conditions": CONDITIONS,
    "languages": LANGUAGE_NAMES,
}
"""What the pages are filled in with, besides their names. All else they ask the API for."""
_PHRASES = {404: "There is nothing here", 405: "That cannot be done here"}


def make_app(
    service: Service, desk: Desk, hosts: Collection[str], token: str, note: Callable[[str], None]
) -> ASGIApp:
    """Put everything together.

    Parameters
    ----------
    hosts, token
        See `Guard`.
    note
        Is told of defects.
    """

    def defect(request: Request, error: Exception) -> Response:
        what = f"{type(error).__name__}: {error}"
        note(f"{request.method} {request.url.path} failed, which should not happen: {what}")
        suggestion = "Report this, with what `mtg-db serve` has printed."
        refusal = Refusal(500, "Something went wrong that should not", what, suggestion)
        return refusal.reply(request.scope)

    def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, MtgDbError)  # noqa: S101
        if isinstance(error, PostgresError):
            # Where the server is, and who asks it, is not for visitors.
            note(f"{request.method} {request.url.path}: {error.message} ({error.details})")
        return Refusal.of(error).reply(request.scope)

    app = Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse("/camera")),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
            *(Route(f"/{page}", partial(_page, page)) for page in _PAGES),
            Mount("/static", _Files(directory=HERE / "static")),
            *Api(service, desk).routes,
        ],
        exception_handlers={
            Refusal: _refused,
            MtgDbError: failed,
            HTTPException: _unknown,
            Exception: defect,
        },
    )
    return Guard(app, hosts, PICTURE_PATHS, token)


class _Files(StaticFiles):
    """The files of our pages; a browser asks each time whether they have changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def _page(name: str, request: Request) -> Response:
    words = {"page": name, **_WORDS}
    headers = {"cache-control": "no-store"}
    return TEMPLATES.TemplateResponse(request, f"{name}.html", words, headers=headers)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101
    return error.reply(request.scope)


def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    message = _PHRASES.get(error.status_code, error.detail)
    details = f"{request.method} {request.url.path}"
    suggestion = "/api/openapi.json lists what is here."
    return Refusal(error.status_code, message, details, suggestion, error.headers or {}).reply(
        request.scope
    )
