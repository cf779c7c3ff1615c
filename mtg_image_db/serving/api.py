"""The API: each route checks its arguments, asks the service, and answers in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, cast, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mtg_image_db import __version__
from mtg_image_db.collection.cards import Assumptions
from mtg_image_db.collection.formats import FORMATS, render
from mtg_image_db.collection.seen import Status
from mtg_image_db.collection.tables import COLLECTION
from mtg_image_db.errors import InvalidArguments, MissingInput
from mtg_image_db.serving.desk import Desk
from mtg_image_db.serving.replies import HERE, json_reply
from mtg_image_db.serving.service import Service
from mtg_image_db.serving.table import Take
from mtg_image_db.system.checks import check, wrong_integer, wrong_word
from mtg_image_db.system.files import parse_json
from mtg_image_db.system.texts import without_controls

PICTURE_PATHS = ("/api/query", "/api/look", "/api/photos")
"""Where pictures are sent to."""
_MOST_MATCHES = 100
"""Largest k. By hand."""
_MOST_CARDS = 100
"""Most cards that a search returns. By hand."""
_LONGEST_NAME = 200
"""Characters of a picture's name that are kept. By hand."""
_ANSWER = {
    "scryfall_id": (str, type(None)),
    "skip": (bool,),
    "quantity": (int,),
    "finish": (str,),
    "condition": (str,),
    "lang": (str,),
}
_PILE = {"name": (str,), "finish": (str,), "condition": (str,), "lang": (str,)}
_ENDINGS = {"mtga": "txt", "cockatrice": "cod"}
"""File endings of the formats that are not CSV."""


class Api:
    """The routes of the API.

    Parameters
    ----------
    service, desk
        What is asked, and where pictures wait.
    """

    def __init__(self, service: Service, desk: Desk) -> None:
        self._service, self._desk = service, desk

    @property
    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/api/health", self._health),
            Route("/api/openapi.json", self._openapi),
            Route("/api/query", self._query, methods=["POST"]),
            Route("/api/look", self._look, methods=["POST"]),
            Route("/api/photos", self._photo, methods=["POST"]),
            Route("/api/entries", self._entries),
            Route("/api/entries/{entry:int}", self._entry),
            Route("/api/entries/{entry:int}", self._remove, methods=["DELETE"]),
            Route("/api/entries/{entry:int}/answer", self._answer, methods=["POST"]),
            Route("/api/entries/{entry:int}/move", self._move, methods=["POST"]),
            Route("/api/entries/{entry:int}/card.jpg", self._picture),
            Route("/api/entries/{entry:int}/strip.jpg", self._strip),
            Route("/api/undo", self._undo, methods=["POST"]),
            Route("/api/piles", self._piles),
            Route("/api/piles", self._add_pile, methods=["POST"]),
            Route("/api/piles/{pile:int}", self._change_pile, methods=["PATCH"]),
            Route("/api/piles/{pile:int}", self._remove_pile, methods=["DELETE"]),
            Route("/api/cards/search", self._search),
            Route("/api/cards/{oracle_id}/printings", self._printings),
            Route("/api/collection/export", self._export),
            Route("/api/events", self._events),
            Route("/images/{face_id}", self._image),
        ]

    async def _query(self, request: Request) -> Response:
        k = _number(request, "k", 1, _MOST_MATCHES) or 5
        work = partial(self._service.query, name=_name(request, "-"), k=k)
        return json_reply(await self._desk.answer(request, work))

    async def _look(self, request: Request) -> Response:
        work = partial(
            self._service.look,
            camera=request.query_params.get("camera", ""),
            pile=_number(request, "pile", 1) or COLLECTION,
            take=_word(request, "take", get_args(Take)) or "auto",
        )
        return json_reply(await self._desk.answer(request, work))

    async def _photo(self, request: Request) -> Response:
        work = partial(
            self._service.photo,
            name=_name(request, "photo"),
            pile=_number(request, "pile", 1) or COLLECTION,
            anyway=_flag(request, "anyway"),
        )
        return json_reply(await self._desk.answer(request, work))

    def _health(self, _: Request) -> Response:
        return json_reply(self._service.health())

    def _openapi(self, _: Request) -> Response:
        document = json.loads((HERE / "openapi.json").read_bytes())
        document["info"]["version"] = __version__
        return json_reply(document)

    def _entries(self, request: Request) -> Response:
        pile, last = _number(request, "pile", 1), _number(request, "last", 0)
        status = _word(request, "status", get_args(Status))
        return json_reply(self._service.entries(pile, status, last))

    def _entry(self, request: Request) -> Response:
        return json_reply(self._service.entry(request.path_params["entry"]))

    def _remove(self, request: Request) -> Response:
        self._service.remove(request.path_params["entry"])
        return Response(status_code=204)

    async def _answer(self, request: Request) -> Response:
        said = await _body(request, _ANSWER)
        entry = request.path_params["entry"]
        return json_reply(await run_in_threadpool(self._service.answer, entry, said))

    async def _move(self, request: Request) -> Response:
        said = await _body(request, {"pile": (int,)})
        check(None if said else "pile is missing: the number of a pile")
        entry = request.path_params["entry"]
        return json_reply(await run_in_threadpool(self._service.move, entry, said["pile"]))

    def _picture(self, request: Request) -> Response:
        return _jpeg(self._service.collection.picture(request.path_params["entry"]))

    def _strip(self, request: Request) -> Response:
        return _jpeg(self._service.collection.strip(request.path_params["entry"]))

    def _undo(self, _: Request) -> Response:
        return json_reply(self._service.undo())

    def _piles(self, _: Request) -> Response:
        return json_reply(self._service.piles())

    async def _add_pile(self, request: Request) -> Response:
        said = await _body(request, _PILE)
        check(None if said.get("name") else "name is missing: the name of the new pile")
        name, words = said.pop("name"), {key: value for key, value in said.items() if value}
        pile = await run_in_threadpool(
            self._service.collection.add_pile, name, Assumptions(**words)
        )
        return json_reply(pile.to_json(), 201)

    async def _change_pile(self, request: Request) -> Response:
        said = await _body(request, _PILE)
        number = request.path_params["pile"]
        change = self._service.change_pile
        return json_reply(await run_in_threadpool(change, number, said))

    def _remove_pile(self, request: Request) -> Response:
        number, with_cards = request.path_params["pile"], _flag(request, "with_cards")
        self._service.collection.remove_pile(number, with_cards=with_cards)
        return Response(status_code=204)

    def _search(self, request: Request) -> Response:
        limit = _number(request, "limit", 1, _MOST_CARDS) or 20
        return json_reply(self._service.search(request.query_params.get("q", ""), limit))

    def _printings(self, request: Request) -> Response:
        return json_reply(self._service.printings(request.path_params["oracle_id"]))

    def _export(self, request: Request) -> Response:
        form = _word(request, "to", FORMATS) or "csv"
        cards = self._service.collection.cards(_number(request, "pile", 1))
        ending = _ENDINGS.get(form, "csv")
        headers = {"content-disposition": f'attachment; filename="collection-{form}.{ending}"'}
        return _plain(render(cards, form), "text/csv" if ending == "csv" else "text/plain", headers)

    async def _events(self, _: Request) -> Response:
        events = self._service.events.listen()
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events, 200, headers, "text/event-stream")

    def _image(self, request: Request) -> Response:
        found = self._service.images.read(request.path_params["face_id"])
        if found is None:
            raise MissingInput(
                "The image cache has no such image",
                suggestion="`mtg-db download` fetches images; --cache names their folder.",
            )
        return Response(found[0], 200, {"cache-control": "private, max-age=3600"}, found[1])


def _plain(data: bytes, kind: str, headers: Mapping[str, str]) -> Response:
    return Response(data, 200, {"cache-control": "no-store", **headers}, kind)


def _jpeg(data: bytes) -> Response:
    if not data:
        raise MissingInput("There is no such picture of this card")
    # The picture of an entry never changes.
    return Response(data, 200, {"cache-control": "private, max-age=3600"}, "image/jpeg")


def _number(request: Request, name: str, low: int, high: int | None = None) -> int | None:
    """A whole number in the address; None if it is not there."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
    check(wrong_integer(name, value, low, high))
    return cast("int", value)


def _word(request: Request, name: str, words: tuple[str, ...]) -> Any:
    """One of some words in the address; None if it is not there."""
    text = request.query_params.get(name, "")
    check(wrong_word(name, text, words) if text else None)
    return text or None


def _name(request: Request, default: str) -> str:
    """The name of a picture in the address: one line of it."""
    return without_controls(request.query_params.get("name", ""))[-_LONGEST_NAME:] or default


def _flag(request: Request, name: str) -> bool:
    """A ``1`` in the address."""
    return bool(_word(request, name, ("0", "1")) == "1")


async def _body(request: Request, known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """The JSON object in the body; null is an empty one.

    Raises
    ------
    InvalidArguments
        It is no JSON object, or has other keys or values than these.
    """
    try:
        said = parse_json(await request.body() or b"null")
    except ValueError as error:
        raise InvalidArguments([f"the body is not JSON: {error}"]) from error
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise InvalidArguments(["the body must be a JSON object"])
    problems = [
        f"{name!r:.50} is not known here: {', '.join(known)}" for name in said if name not in known
    ]
    for name, kinds in known.items():
        # In Python, True is a whole number.
        if name in said and type(said[name]) not in kinds:
            words = " or ".join(_KINDS[kind] for kind in kinds)
            problems.append(f"{name} must be {words}, not {said[name]!r:.50}")
    check(*problems)
    return said


_KINDS = {str: "a text", int: "a whole number", bool: "true or false", type(None): "null"}
"""Python's kinds of values, in words of JSON."""
