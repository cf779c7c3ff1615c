"""Checkpoints: the results of an unfinished build for each image, in shards with their own keys.

A shard is written once and never again, so a checkpoint always costs the same, however much is
done. Each row is stored with the digest of its image, so a snapshot in another order cannot move it
to another card.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.system.files import (
    atomic_write,
    make_folder,
    part_of,
    read_json_object,
    write_json,
)
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray


_META = "checkpoint_meta.json"
_NAME = re.compile(rf"shard-\d{{6,}}\.npz|{re.escape(_META)}")


@dataclass(frozen=True)
class Rows:
    """The kind of rows in a checkpoint: one row per image.

    Parameters
    ----------
    name
        Their name in messages, in the plural.
    made_by
        What made them, as JSON types. Rows made by something else cannot be compared.
    shape, dtype
        Shape and type of one row.
    unit
        Whether each row is a vector of length 1.
    """

    name: str
    made_by: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str
    unit: bool = False


class Checkpoint:
    """Rows by image digest: up to `frequency` rows in memory, the others on disk.

    Parameters
    ----------
    folder
        The folder of the shards; created with the first one.
    rows
        The kind of rows. Shards of another kind are set aside, with a note.
    frequency
        Rows per shard; 0 keeps all in memory and writes nothing.
    resume
        Use existing shards; otherwise remove them.

    Attributes
    ----------
    precision
        The precision of the vectors, by the encoder's name for it.
    """

    def __init__(
        self,
        folder: Path,
        rows: Rows,
        *,
        frequency: int,
        resume: bool,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self.rows = rows
        self._frequency = frequency
        self._progress = progress
        self._keys: list[str] = []
        self._parts: list[NDArray[Any]] = []
        self._done: set[str] = set()
        self._next = 0
        self._described = False
        self.precision: str | None = None
        if folder.is_symlink():
            self._set_aside("would be written where a link leads")
        elif self._shards() and not self._own():
            self._set_aside("are not this program's, or lost what says so")
        if not resume:
            self.discard()
        self._resume()

    def __contains__(self, key: str) -> bool:
        return key in self._done

    def __len__(self) -> int:
        return len(self._done)

    def add(self, keys: Sequence[str], part: NDArray[Any]) -> None:
        """Add the rows [B, …] of the images with these digests."""
        self._keys += keys
        self._parts.append(part)
        self._done.update(keys)
        if self._frequency and len(self._keys) >= self._frequency:
            self.flush()

    def flush(self) -> None:
        """Write the rows in memory as a shard."""
        import numpy as np

        if not self._keys or not self._frequency:
            return
        if not self._described:
            self._write_meta()
            self._described = True
        path = self._folder / f"shard-{self._next:06d}.npz"
        with atomic_write(path) as stream:
            np.savez(
                stream,
                keys=np.asarray(self._keys, dtype="S64"),
                rows=np.concatenate(self._parts),
            )
        self._next += 1
        self._keys.clear()
        self._parts.clear()

    def batches(self) -> Iterator[tuple[list[str], NDArray[Any]]]:
        """Yield all keys and rows [B, …], one shard at a time."""
        for path in self._shards():
            shard = _read_shard(path, self.rows)
            if shard is not None:
                yield shard
        start = 0
        for part in self._parts:
            yield self._keys[start : start + len(part)], part
            start += len(part)

    def discard(self) -> None:
        """Remove the shards, and nothing else: their rows are published, or not wanted."""
        if not self._own():
            return
        # The file that describes them goes last: after a kill, the rest is still recognised.
        for path in sorted(self._files(), key=lambda path: path.name == _META):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it has other files, or does not exist
            self._folder.rmdir()

    def _files(self) -> list[Path]:
        """The files in the folder with this program's names."""
        there = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted(path for path in there if _NAME.fullmatch(part_of(path.name) or path.name))

    def _shards(self) -> list[Path]:
        return [path for path in self._files() if path.suffix == ".npz"]

    def _own(self) -> bool:
        """Whether this program made the folder; files that others put there do not count."""
        meta = read_json_object(self._folder / _META) or {}
        return {"version", "made_by"} <= set(meta)

    def _set_aside(self, why: str) -> None:
        aside = self._folder.with_name(f"{self._folder.name}-{time.time_ns():x}")
        self._folder.replace(aside)
        self._progress.note(
            f"The {self.rows.name} in {self._folder} {why}; that folder is now {aside}. Remove it "
            "if you do not need it."
        )

    def _write_meta(self) -> None:
        make_folder(self._folder)
        write_json(
            self._folder / _META,
            {
                "version": 2,
                "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "precision": self.precision,
                "made_by": self.rows.made_by,
            },
        )

    def _resume(self) -> None:
        shards = self._shards()
        if not shards:
            self.discard()
            return
        meta = read_json_object(self._folder / _META) or {}
        if meta.get("made_by") != self.rows.made_by:
            self._set_aside("were made in another way (another encoder or version)")
            return
        precision = meta.get("precision")
        self.precision = precision if isinstance(precision, str) else None
        for path in shards:
            shard = _read_shard(path, self.rows)
            if shard is None:
                self._progress.note(f"A checkpoint file is damaged and is not used: {path}")
                path.unlink(missing_ok=True)
            else:
                self._done.update(shard[0])
        self._next = 1 + int(shards[-1].stem.removeprefix("shard-"))
        if self._done:
            self._progress.note(
                f"Resuming: {self.rows.name} of {len(self._done)} images are already there."
            )


def _read_shard(path: Path, expected: Rows) -> tuple[list[str], NDArray[Any]] | None:
    """A shard's keys and rows; None if it is damaged."""
    import numpy as np

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as shard:
            keys, rows = shard["keys"], shard["rows"]
    # On damaged files, zipfile, zlib and NumPy raise exceptions without a common base class.
    except Exception:  # noqa: BLE001
        return None
    if keys.dtype != np.dtype("S64") or keys.ndim != 1:
        return None
    if rows.dtype != expected.dtype or rows.shape != (len(keys), *expected.shape):
        return None
    if expected.unit and not np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-4):
        return None
    return [key.decode("ascii", "replace") for key in keys], rows
