"""Convert the values of arguments, or replace them by a description of what is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.errors import InvalidArguments
from mtg_image_db.system.checks import wrong_integer, wrong_number, wrong_url, wrong_word
from mtg_image_db.system.outputs import folder_refusal, refusal

if TYPE_CHECKING:
    from mtg_image_db.postgres.address import Address


class Problem:
    """Takes the place of a wrong value until all problems are known."""

    def __init__(self, text: str) -> None:
        self.text = text


Value = Callable[[str], Any]
_ENDINGS = frozenset(
    [
        *(".csv", ".tsv", ".txt", ".md", ".json", ".jsonl", ".xml", ".html", ".htm", ".pdf"),
        *(".xlsx", ".xls", ".xlsm", ".ods", ".numbers", ".docx", ".doc", ".odt"),
        *(".png", ".jpg", ".jpeg", ".zip", ".gz", ".parquet", ".sqlite", ".cod"),
    ]
)
"""File endings of common formats: a file of another format would not open under such a name."""


def integer(name: str, low: int, high: int | None = None) -> Value:
    """A whole number within bounds; without an upper bound, at most ten million."""

    def convert(text: str) -> int | str | Problem:
        try:
            value: int | str = int(text)
        except ValueError:
            value = text
        problem = wrong_integer(name, value, low, high)
        return value if problem is None else Problem(problem)

    return convert


def number(name: str, low: float, high: float | None = None) -> Value:
    """A number within bounds."""

    def convert(text: str) -> float | str | Problem:
        try:
            value: float | str = float(text)
        except ValueError:
            value = text
        problem = wrong_number(name, value, low, high)
        return value if problem is None else Problem(problem)

    return convert


class Choice:
    """One of some words.

    Parameters
    ----------
    meant
        The word that people mean by another one; None if they mean none.
    """

    def __init__(
        self, name: str, words: Sequence[str], meant: Callable[[str], str | None] | None = None
    ) -> None:
        self._name = name
        self.words = tuple(words)
        self._meant = meant

    def __call__(self, text: str) -> str | Problem:
        """Convert an argument."""
        word = (self._meant(text) if self._meant else None) or text
        problem = wrong_word(self._name, word, self.words)
        return word if problem is None else Problem(problem)


def auto_or(convert: Value) -> Value:
    """``auto``, which becomes None, or another value."""

    def convert_or_none(text: str) -> Any:
        value = None if text == "auto" else convert(text)
        return Problem(f"{value.text}, or auto") if isinstance(value, Problem) else value

    return convert_or_none


def codes(name: str) -> Value:
    """Codes separated by commas, in lower case."""

    def convert(text: str) -> frozenset[str] | Problem:
        found = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
        if not found or not all(re.fullmatch(r"[a-z0-9_]+", code) for code in found):
            return Problem(f"{name} must be codes separated by commas, like fin,fic")
        return found

    return convert


def url(name: str) -> Value:
    """An http or https URL."""

    def convert(text: str) -> str | Problem:
        problem = wrong_url(name, text)
        return text.rstrip("/") if problem is None else Problem(problem)

    return convert


def image_size(name: str, low: int, high: int) -> Value:
    """``224`` or ``224x160``: height and width, each within bounds."""

    def convert(text: str) -> tuple[int, int] | Problem:
        match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
        if match is None:
            return Problem(f"{name} must be a number of pixels, or HEIGHTxWIDTH")
        height = int(match[1])
        width = int(match[2] or match[1])
        if min(height, width) < low:
            return Problem(f"{name} must be at least {low}")
        if max(height, width) > high:
            return Problem(f"{name} must be at most {high}")
        return height, width

    return convert


def folder(name: str) -> Value:
    """A folder, which need not exist."""

    def convert(text: str) -> Path | Problem:
        path = Path(text)
        if not text or "\0" in text:
            return Problem(f"{name} must name a folder")
        try:
            if path.exists() and not path.is_dir():
                return Problem(f"{name} {text} is a file, not a folder")
        except OSError as error:
            return Problem(f"{name} cannot be used: {error.strerror}")
        return path

    return convert


def server(name: str) -> Value:
    """The address of a database server."""

    def convert(text: str) -> Address | Problem:
        from mtg_image_db.postgres.address import Address, is_address

        if not is_address(text):
            return Problem(f"{name} must be an address like postgresql://HOST/DATABASE")
        try:
            return Address(text)
        except InvalidArguments as error:
            return Problem(f"{name}: {error}")

    return convert


def database(name: str) -> Value:
    """The place of a database: a folder, or the address of a server."""
    on_server, in_folder = server(name), folder(name)

    def convert(text: str) -> Address | Path | Problem:
        from mtg_image_db.postgres.address import is_address

        # mypy knows nothing of what converters return.
        return on_server(text) if is_address(text) else in_folder(text)  # type: ignore[no-any-return]

    return convert


def output_folder(name: str) -> Value:
    """A folder to write files to, which need not exist."""
    existing = folder(name)

    def convert(text: str) -> Path | Problem:
        path = existing(text)
        if isinstance(path, Path) and (why := folder_refusal(path)):
            return Problem(f"{name} {text}: {why}")
        return path  # type: ignore[no-any-return]

    return convert


def file(name: str, *endings: str) -> Value:
    """A file, pipe or device to write; its name must have one of the endings, if any."""

    def convert(text: str) -> Path | Problem:
        path = Path(text)
        try:
            if not text or "\0" in text:
                return Problem(f"{name} must name a file")
            if why := refusal(path):
                return Problem(f"{name} {text}: {why}")
        except OSError as error:
            return Problem(f"{name} cannot be used: {error.strerror}")
        if endings and path.suffix.lower() not in endings:
            return Problem(f"{name} must end in {' or '.join(endings)}")
        return path

    return convert


def json_file(name: str) -> Value:
    """Like `file`, for a JSON file."""
    any_file = file(name)

    def convert(text: str) -> Path | Problem:
        path = any_file(text)
        why = promises_another(path, "JSON", ".json") if isinstance(path, Path) else ""
        return Problem(f"{name} {why}") if why else path

    return convert


def promises_another(path: Path, form: str, *endings: str) -> str:
    """What is wrong with a name that has the ending of another format; empty if nothing."""
    ending = path.suffix.lower()
    if ending in endings or ending not in _ENDINGS:
        return ""
    return f"{path}: the format is {form}, not {ending}; name it {path.with_suffix(endings[0])}"


def environment(variable: str, default: str) -> str:
    """A default that an environment variable may replace."""
    return os.environ.get(variable) or default
