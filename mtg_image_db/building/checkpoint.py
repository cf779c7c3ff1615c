"""What an unfinished build has computed of each image, in shards that carry their own keys.

A shard is written once and never again, so a checkpoint costs the same however much is already
done. Each row lies beside the digest of the image it was made from: a snapshot in another order
cannot move it to another card.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtg_image_db.system.files import atomic_write, make_folder, read_json_object, write_json
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """What a checkpoint holds of each image.

    Parameters
    ----------
    name
        In the plural, for messages.
    made_by
        What made them, as JSON types. Rows of another maker do not compare.
    shape, dtype
        Of one row.
    unit
        Each row is a vector of length 1.
    """

    name: str
    made_by: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str
    unit: bool = False


class Checkpoint:
    """Rows by image digest, kept in memory up to `frequency` and on disk beyond.

    Parameters
    ----------
    folder
        Where the shards lie; created with the first one.
    rows
        What they hold. Shards of another maker are set aside, with a note.
    frequency
        Rows a shard; 0 keeps all in memory and writes nothing.
    resume
        Use the shards that are there; otherwise they are removed.

    Attributes
    ----------
    precision
        What vectors are made with, as an encoder calls it.
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
        if not resume:
            self.discard()
        self._resume()

    def __contains__(self, key: str) -> bool:
        return key in self._done

    def __len__(self) -> int:
        return len(self._done)

    def add(self, keys: Sequence[str], part: NDArray[Any]) -> None:
        """Take in rows [B, …] of the images with these digests."""
        self._keys += keys
        self._parts.append(part)
        self._done.update(keys)
        if self._frequency and len(self._keys) >= self._frequency:
            self.flush()

    def flush(self) -> None:
        """Write what is in memory as a shard."""
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
        """Yield all keys and rows [B, …], a shard at a time."""
        for path in sorted(self._folder.glob("shard-*.npz")):
            shard = _read_shard(path, self.rows)
            if shard is not None:
                yield shard
        start = 0
        for part in self._parts:
            yield self._keys[start : start + len(part)], part
            start += len(part)

    def discard(self) -> None:
        """Remove the shards, and nothing else: their rows are published, or not wanted."""
        for pattern in ("shard-*.npz*", "checkpoint_meta.json*"):
            for path in self._folder.glob(pattern):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds files of somebody else, or is not there
            self._folder.rmdir()

    def _write_meta(self) -> None:
        make_folder(self._folder)
        write_json(
            self._folder / "checkpoint_meta.json",
            {
                "version": 2,
                "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "precision": self.precision,
                "made_by": self.rows.made_by,
            },
        )

    def _resume(self) -> None:
        shards = sorted(self._folder.glob("shard-*.npz"))
        if not shards:
            self.discard()
            return
        meta = read_json_object(self._folder / "checkpoint_meta.json") or {}
        if meta.get("made_by") != self.rows.made_by:
            aside = self._folder.with_name(f"{self._folder.name}-{time.time_ns():x}")
            self._folder.replace(aside)
            self._progress.note(
                f"The checkpoint's {self.rows.name} were made in another way (another encoder or "
                f"version); it is set aside in {aside}. Remove that folder if you do not need it."
            )
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
    """A shard's keys and rows; None where it is damaged."""
    import numpy as np

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as shard:
            keys, rows = shard["keys"], shard["rows"]
    # What zipfile, zlib and NumPy raise on damaged files has no root in common.
    except Exception:  # noqa: BLE001
        return None
    if keys.dtype != np.dtype("S64") or keys.ndim != 1:
        return None
    if rows.dtype != expected.dtype or rows.shape != (len(keys), *expected.shape):
        return None
    if expected.unit and not np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-4):
        return None
    return [key.decode("ascii", "replace") for key in keys], rows
