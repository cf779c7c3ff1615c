"""A hot folder: each new picture in it is answered once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mtg_image_db.errors import MissingInput
from mtg_image_db.pictures.inputs import LeftOut, ending_of, is_hidden, is_picture_name
from mtg_image_db.system.files import atomic_write, open_to_append, storage_errors, sync_file
from mtg_image_db.system.locks import exclusive

MEMORY = ".mtg-db-answered.jsonl"
"""The file of answered pictures (name, size, time). It lies in the folder, so it moves with it."""

_State = tuple[int, int]
_FOLDER, _ODD = "a folder", "no file"


def _a_second() -> None:
    time.sleep(1.0)


class HotFolder:
    """A folder that scanners and cameras write to.

    A picture is complete when two looks find the same size and modification time. If a picture
    changes after its answer, it is answered again.

    Parameters
    ----------
    folder
        Only the pictures directly in it count, not those in its subfolders.
    wait
        Called between two looks.
    on_left_out
        Called with what is not a picture: once for each file ending, as soon as a file has it.

    Raises
    ------
    MissingInput
        The folder does not exist.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wait: Callable[[], None] = _a_second,
        on_left_out: Callable[[LeftOut], None] | None = None,
    ) -> None:
        self._folder = folder
        self._wait = wait
        self._on_left_out = on_left_out
        self._told: set[str] = set()
        self._answered: dict[str, _State] = {}
        self._look()

    def arrivals(self) -> Iterator[Path]:
        """Yield each unanswered picture, oldest first, without end.

        A picture counts as answered when the caller asks for the next one. If the process is killed
        before that, the picture comes again after a restart.

        Raises
        ------
        MissingInput
            The folder is gone.
        StorageError
            Another process watches the folder, or it cannot be written.
        """
        with exclusive(self._folder, "query --watch", wait=False):
            before, others = self._look()
            self._recall(before)
            while True:
                self._wait()
                now, rest = self._look()
                # Only files that are still there: scanners write under temporary names first.
                self._tell({name: rest[name] for name in rest.keys() & others.keys()})
                others = rest
                # An empty file has only just been created.
                complete = [
                    (state[1], name, state)
                    for name, state in now.items()
                    if state == before.get(name) and state != self._answered.get(name) and state[0]
                ]
                before = now
                for _, name, state in sorted(complete):
                    yield self._folder / name
                    self._remember(name, state)

    def _look(self) -> tuple[dict[str, _State], dict[str, str]]:
        """Size and modification time of each picture; and the other files with their kinds."""
        found: dict[str, _State] = {}
        others: dict[str, str] = {}
        try:
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in entries if not is_hidden(entry.name)]
        except OSError as error:
            raise MissingInput(
                f"There is no folder {self._folder} to watch",
                details=error.strerror or str(error),
                suggestion="Create it, or name another folder.",
            ) from error
        for name in names:
            path = self._folder / name
            try:
                if path.is_dir():
                    others[name] = _FOLDER
                elif not is_picture_name(name):
                    others[name] = ending_of(name)
                elif path.is_file():
                    status = path.stat()
                    found[name] = status.st_size, status.st_mtime_ns
                else:
                    others[name] = _ODD
            except OSError:  # it was removed meanwhile
                continue
        return found, others

    def _tell(self, others: dict[str, str]) -> None:
        new = [kind for kind in others.values() if kind not in self._told]
        self._told.update(new)
        if new and self._on_left_out is not None:
            files = tuple(kind for kind in new if kind not in (_FOLDER, _ODD))
            odd, folders = new.count(_ODD), new.count(_FOLDER)
            self._on_left_out(LeftOut(str(self._folder), files, odd, unnamed=folders))

    def _recall(self, there: dict[str, _State]) -> None:
        """Read which pictures earlier runs answered, and keep those that are still there."""
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
        with storage_errors(path), open_to_append(path) as stream:
            stream.write(_line(name, state))
            sync_file(stream)


def _line(name: str, state: _State) -> bytes:
    return json.dumps([name, *state]).encode() + b"\n"
