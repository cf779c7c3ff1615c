"""The address of a database on a server; what is shown of it holds no password."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from mtg_image_db.errors import InvalidArguments

_SCHEMES = ("postgresql://", "postgres://")
_HOW = (
    "the address of a database server must be like postgresql://HOST/DATABASE; in a user or "
    "password, write @ as %40, / as %2F and ? as %3F"
)
_ANYWHERE = re.compile(r"postgres(?:ql)?://\S*")


class Address:
    """Where a database is, as libpq reads it; as text, only host, port, database and service.

    Parameters
    ----------
    text
        ``postgresql://…``, with or without user and password.

    Raises
    ------
    InvalidArguments
        It is unclear where a password in it ends.
    """

    def __init__(self, text: str) -> None:
        self.url = text
        rest = text.partition("://")[2]
        before, at, place = rest.rpartition("@")
        # libpq would take a part of such a password for a host, and print it in its errors.
        if not is_address(text) or (at and re.search("[@/?]", before)):
            raise InvalidArguments([_HOW])
        where, _, query = place.partition("?")
        service = parse_qs(query).get("service", [""])[0]
        self._shown = f"postgresql://{where}" + (f"?service={service}" if service else "")

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"<Address {self._shown}>"


def is_address(place: object) -> bool:
    """Whether a place is the address of a database server, and no folder."""
    return isinstance(place, Address) or (isinstance(place, str) and place.startswith(_SCHEMES))


def without_passwords(text: str) -> str:
    """A message without the users and passwords of addresses in it."""
    return _ANYWHERE.sub(lambda found: _shown(found[0]), text)


def _shown(text: str) -> str:
    try:
        return str(Address(text))
    except InvalidArguments:
        return "postgresql://…"
