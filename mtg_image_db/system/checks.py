"""Check the values that callers give, and say in words what is wrong with them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

from mtg_image_db.errors import InvalidArguments

LARGEST = 10_000_000
"""Largest whole number accepted: larger ones overflow counters and clocks of the system."""

_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::(\d+))?(?:/[!-~]*)?")


def check(*problems: str | None) -> None:
    """Raise an `InvalidArguments` that lists all problems; None is no problem."""
    if found := [problem for problem in problems if problem is not None]:
        raise InvalidArguments(found)


def wrong_integer(name: str, value: object, low: int, high: int | None = None) -> str | None:
    """What is wrong with a whole number from `low` to `high`; without `high`, to ten million."""
    # NumPy's numbers count as well.
    if isinstance(value, bool) or not isinstance(value, Integral):
        return f"{name} must be a whole number, not {value!r}"
    number = int(value)
    if number < low or (high is not None and number > high):
        return f"{name} must be {_bounds(low, high)}"
    return f"{name} must be at most {LARGEST:,}" if number > LARGEST else None


def wrong_number(name: str, value: object, low: float, high: float | None = None) -> str | None:
    """What is wrong with a number from `low` to `high`; without `high`, to a billion."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return f"{name} must be a number, not {value!r}"
    # Written so that NaN fails as well.
    if not (low <= float(value) <= (high if high is not None else 1e9)):
        return f"{name} must be {_bounds(low, high)}"
    return None


def wrong_word(name: str, value: object, words: Sequence[str]) -> str | None:
    """What is wrong with a value that must be one of `words`."""
    # An array of NumPy's has no single answer to whether it is among them.
    fits = isinstance(value, str) and value in words
    return None if fits else f"{name} must be one of {', '.join(words)}"


def wrong_texts(name: str, value: object) -> str | None:
    """What is wrong with a collection of texts."""
    if isinstance(value, str):
        return f"{name} must be a collection of texts, like {{{value!r}}}, not one text"
    if not isinstance(value, Collection) or not all(isinstance(word, str) for word in value):
        return f"{name} must be a collection of texts, not {value!r}"
    return None


def wrong_kind(name: str, value: object, kind: type) -> str | None:
    """What is wrong with a value that must be an object of a class."""
    if isinstance(value, kind):
        return None
    return f"{name} must be a {kind.__name__}, not {value!r}"


def path_of(name: str, value: object) -> Path:
    """Convert a `str` or `PathLike` to a `Path`; raises InvalidArguments for anything else."""
    if not isinstance(value, str | PathLike) or "\0" in (path := os.fspath(value)):
        raise InvalidArguments([f"{name} must be a str or PathLike, not {value!r}"])
    return Path(path)


def wrong_url(name: str, value: object) -> str | None:
    """What is wrong with an http or https URL."""
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1] or 0) > 65535:
        return f"{name} must be a URL like https://api.scryfall.com"
    return None


def _bounds(low: float, high: float | None) -> str:
    return f"between {low:g} and {high:g}" if high is not None else f"at least {low:g}"


class PathField:
    """A field of a data class that takes a `str` or `PathLike` and keeps a `Path`.

    Raises
    ------
    InvalidArguments
        The value is not a path.
    """

    def __init__(self, default: str) -> None:
        self._default = Path(default)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Path:
        path: Path = self._default if instance is None else instance.__dict__[self._name]
        return path

    def __set__(self, instance: Any, value: str | PathLike[str]) -> None:
        instance.__dict__[self._name] = path_of(self._name, value)
