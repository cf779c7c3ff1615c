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
_ANYWHERE = re.compile(
    r"(?i)\b(?:postgres(?:ql)?[\w.+-]*://\S*|(?:ssl)?password\s*=\s*(?:'[^']*'|\S*))"
)
_LIKE_AN_ADDRESS = re.compile(
    r"\s*[\w.+-]{2,}://|(?:.*\s)?(?:host|hostaddr|dbname|password|service)\s*="
)
"""Addresses, also those of other programs, and libpq's words. No folder is called like that, and
what is taken for a folder is printed, with its password."""
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")


class Address:
    """Where a database is, as libpq reads it; as text, only host, port, database and service.

    Parameters
    ----------
    text
        ``postgresql://…``, with or without user and password.

    Raises
    ------
    InvalidArguments
        It has another form, or it is unclear where a password in it ends.
    """

    def __init__(self, text: str) -> None:
        self.url = text
        rest = text.partition("://")[2]
        before, at, place = rest.rpartition("@")
        where, _, query = place.partition("?")
        hosts = where.partition("/")[0].split(",")
        # libpq would take a part of such a password for a host or a port, and print it in its
        # errors.
        unclear = (at and re.search("[@/?]", before)) or not all(map(_HOST.fullmatch, hosts))
        if not text.startswith(_SCHEMES) or unclear or not _is_utf8(text):
            raise InvalidArguments([_HOW])
        service = parse_qs(query).get("service", [""])[0]
        self._shown = f"postgresql://{where}" + (f"?service={service}" if service else "")

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"<Address {self._shown}>"


def is_address(place: object) -> bool:
    """Whether a place is the address of a database server, also a wrong one, and no folder."""
    return isinstance(place, Address) or (
        isinstance(place, str) and _LIKE_AN_ADDRESS.match(place) is not None
    )


def without_passwords(text: str) -> str:
    """A message without the users and passwords of addresses in it."""
    return _ANYWHERE.sub(lambda found: _shown(found[0]), text)


def _is_utf8(text: str) -> bool:
    """Whether it is text that a server understands, and no bytes that are none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    if "://" not in text:
        return f"{text.partition('=')[0].rstrip()}=…"
    try:
        return str(Address(text))
    except InvalidArguments:
        return "postgresql://…"
