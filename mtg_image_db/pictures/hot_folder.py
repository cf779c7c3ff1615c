"""A hot folder: each picture that appears in it is asked about once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mtg_image_db.errors import MissingInput
from mtg_image_db.pictures.inputs import is_picture_name
from mtg_image_db.system.files import atomic_write, exclusive, storage_errors

MEMORY = ".mtg-db-answered.jsonl"
"""In the folder, so that it moves with it: name, size and time of each answered picture."""

_State = tuple[int, int]


def _a_second() -> None:
    time.sleep(1.0)


class HotFolder:
    """A folder that scanners and cameras write to.

    A picture is complete when two looks find the same size and time of change. One that was
    answered too early changes again, and is answered again.

    Parameters
    ----------
    folder
        Its pictures count, not those in folders below.
    wait
        Called between two looks.

    Raises
    ------
    MissingInput
        There is no such folder.
    """

    def __init__(self, folder: Path, *, wait: Callable[[], None] = _a_second) -> None:
        self._folder = folder
        self._wait = wait
        self._answered: dict[str, _State] = {}
        self._look()

    def arrivals(self) -> Iterator[Path]:
        """Yield each picture that was not answered yet, oldest first, without end.

        A picture is remembered as answered when the next one is asked for: what a kill interrupts
        comes again after a restart.

        Raises
        ------
        MissingInput
            The folder is gone.
        StorageError
            Another process watches the folder, or it cannot be written.
        """
        with exclusive(self._folder, "query --watch", wait=False):
            before = self._look()
            self._recall(before)
            while True:
                self._wait()
                now = self._look()
                # An empty file is one that somebody has only begun.
                complete = [
                    (state[1], name, state)
                    for name, state in now.items()
                    if state == before.get(name) and state != self._answered.get(name) and state[0]
                ]
                before = now
                for _, name, state in sorted(complete):
                    yield self._folder / name
                    self._remember(name, state)

    def _look(self) -> dict[str, _State]:
        """Size and time of change of each picture."""
        found: dict[str, _State] = {}
        try:
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in entries if is_picture_name(entry.name)]
        except OSError as error:
            raise MissingInput(
                f"There is no folder {self._folder} to watch",
                details=error.strerror or str(error),
                suggestion="Create it, or name another one.",
            ) from error
        for name in names:
            path = self._folder / name
            try:
                if path.is_file():
                    status = path.stat()
                    found[name] = status.st_size, status.st_mtime_ns
            except OSError:  # it was taken away
                continue
        return found

    def _recall(self, there: dict[str, _State]) -> None:
        """Read what earlier runs answered, and keep what still lies in the folder."""
        path = self._folder / MEMORY
        with storage_errors(path):
            lines = path.read_bytes().splitlines() if path.exists() else []
        for line in lines:
            try:
                name, size, changed = json.loads(line)
                self._answered[name] = (size, changed)
            except (ValueError, TypeError):  # cut short by a kill
                continue
        self._answered = {name: its for name, its in self._answered.items() if name in there}
        with atomic_write(path) as stream:
            stream.writelines(_line(name, state) for name, state in self._answered.items())

    def _remember(self, name: str, state: _State) -> None:
        self._answered[name] = state
        path = self._folder / MEMORY
        with storage_errors(path), path.open("ab") as stream:
            stream.write(_line(name, state))
            stream.flush()
            os.fsync(stream.fileno())


def _line(name: str, state: _State) -> bytes:
    return json.dumps([name, *state]).encode() + b"\n"
