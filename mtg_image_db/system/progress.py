"""How long work reports its progress, without knowing who listens."""

from __future__ import annotations

from typing import Protocol

from mtg_image_db.errors import InvalidArguments


class Progress(Protocol):
    """A listener. The command line draws bars; a program may pass its own, or nothing."""

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """A stage begins, with `total` units of work; None if the total is unknown."""

    def advance(self, count: int = 1) -> None:
        """`count` more units are done."""

    def finish(self) -> None:
        """The stage has ended."""

    def note(self, message: str) -> None:
        """A warning that a person should see now."""

    def pause(self, message: str, seconds: float) -> None:
        """The work pauses for `seconds`, and `message` says why."""


class Silent:
    """A listener that ignores everything."""

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """Ignore it."""

    def advance(self, count: int = 1) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""

    def note(self, message: str) -> None:
        """Ignore it."""

    def pause(self, message: str, seconds: float) -> None:
        """Ignore it."""


def listener(progress: Progress | None) -> Progress:
    """The listener that a caller gave; None is one that ignores everything.

    Raises
    ------
    InvalidArguments
        It lacks a method of `Progress`.
    """
    if progress is None:
        return Silent()
    names = ("start", "advance", "finish", "note", "pause")
    if lacking := [name for name in names if not callable(getattr(progress, name, None))]:
        raise InvalidArguments(
            [f"progress must be a Progress, but {progress!r} lacks {', '.join(lacking)}"]
        )
    return progress
