"""Refusals, and how they are told: as JSON to programs, as a page to people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates
from starlette.types import Scope

from mtg_image_db.errors import (
    ImageError,
    InvalidArguments,
    MissingInput,
    MtgDbError,
    PostgresError,
    StorageError,
)

HERE = Path(__file__).parent
TEMPLATES = Jinja2Templates(HERE / "templates")
"""The pages. What is filled in is escaped."""

_STATUS: tuple[tuple[type[MtgDbError], int], ...] = (
    (InvalidArguments, 400),
    (MissingInput, 404),
    (ImageError, 422),
    (PostgresError, 503),
    (StorageError, 507),
)
"""The HTTP status of our errors; 500 for all others."""
_ASK_THE_KEEPER = "Try again in a minute. Who runs this program finds more in what it prints."
_SEND_A_PICTURE = (
    "Choose a JPEG, PNG or WebP file. Programs send its bytes as they are: curl needs "
    "--data-binary, because --data changes them."
)


def json_reply(
    about: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON, in ASCII: a card's text may hold half a character, which UTF-8 cannot."""
    data = json.dumps(about, separators=(",", ":")).encode()
    kept = {"cache-control": "no-store", **(headers or {})}
    return Response(data, status, kept, "application/json")


@dataclass(eq=False)
class Refusal(Exception):
    """Why a request is not answered.

    Parameters
    ----------
    status
        The HTTP status.
    message, details, suggestion
        See `MtgDbError`.
    """

    status: int
    message: str
    details: str = ""
    suggestion: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, error: MtgDbError) -> Refusal:
        """The refusal that tells one of our errors."""
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        if isinstance(error, InvalidArguments):
            return cls(status, "; ".join(error.problems))
        if isinstance(error, ImageError):
            message = f"This picture cannot be read: {error.message}"
            return cls(status, message, error.details, error.suggestion or _SEND_A_PICTURE)
        if isinstance(error, PostgresError):
            return cls(status, error.message, suggestion=_ASK_THE_KEEPER)
        return cls(status, error.message, error.details, error.suggestion)

    def reply(self, scope: Scope) -> Response:
        """The answer that tells it."""
        about = {"message": self.message, "details": self.details, "suggestion": self.suggestion}
        for_people = "text/html" in Headers(scope=scope).get("accept", "")
        if not for_people or scope["path"].startswith(("/api/", "/images/")):
            return json_reply({"error": about}, self.status, self.headers)
        headers = {"cache-control": "no-store", **self.headers}
        return TEMPLATES.TemplateResponse(
            Request(scope), "error.html", {"status": self.status, **about}, self.status, headers
        )
