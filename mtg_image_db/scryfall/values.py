"""Read values from JSON objects made by others: of the expected type, or empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

from mtg_image_db.scryfall.prices import read_prices


def text_of(values: Mapping[str, Any], key: str) -> str:
    """A text; empty if there is none."""
    value = values.get(key)
    return value if isinstance(value, str) else ""


def texts_of(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The texts of a list; empty if there is no list."""
    return tuple(one for one in list_of(values, key) if isinstance(one, str))


def bool_of(values: Mapping[str, Any], key: str) -> bool:
    """Whether a value is true."""
    return values.get(key) is True


def mapping_of(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object; empty if there is none."""
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def list_of(values: Mapping[str, Any], key: str) -> Sequence[Any]:
    """A list; empty if there is none."""
    value = values.get(key)
    return value if isinstance(value, list | tuple) else ()


def fields_of(record: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The fields of a data class, by name, from a record: missing ones are empty."""
    return {name: read(record, name) for name, read in _readers_of(kind)}


@cache
def _readers_of(kind: type) -> tuple[tuple[str, Callable[[Mapping[str, Any], str], Any]], ...]:
    """Each field of a data class, and the function that reads it."""
    by_type: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
        "str": text_of,
        "bool": bool_of,
        "tuple[str, ...]": texts_of,
        "Prices": read_prices,
    }
    return tuple((one.name, by_type[str(one.type)]) for one in fields(kind))
