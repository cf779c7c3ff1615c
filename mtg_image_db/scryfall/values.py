"""Read values from JSON objects made by others: of the expected type, or empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


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
