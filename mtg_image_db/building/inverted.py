"""The inverted index of a build: the previous one is extended if most of it is the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mtg_image_db.building.plan import PlannedFace
from mtg_image_db.building.reuse import MOST_ADDED, MOST_GONE, Predecessor
from mtg_image_db.database import parts
from mtg_image_db.index.inverted import Extension, write_inverted
from mtg_image_db.system.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def build_inverted(
    folder: Path, faces: Sequence[PlannedFace], before: Predecessor | None, progress: Progress
) -> bool:
    """Write the inverted index of the local features in a new generation's folder.

    Parameters
    ----------
    before
        A predecessor whose local features were reused.

    Returns
    -------
    Whether there are enough features for an index.
    """
    import numpy as np

    first: dict[str, int] = {}
    for row, face in enumerate(faces):
        first.setdefault(face.key, row)
    packed = np.load(folder / parts.FEATURES, mmap_mode="r")
    wanted = np.fromiter(first.values(), np.int32, count=len(first))
    extension = None if before is None else _extension(before, first)
    if extension is not None:
        added = len(np.setdiff1d(wanted, extension.rows))
        gone = float((extension.rows < 0).mean())
        if gone > MOST_GONE or added > MOST_ADDED * len(wanted):
            extension = None
    return write_inverted(
        packed, wanted, folder / parts.INVERTED, folder / parts.INVERTED_ROWS, extension, progress
    )


def _extension(before: Predecessor, first: dict[str, int]) -> Extension | None:
    """The previous inverted index, with its features assigned to rows of the new database."""
    import numpy as np

    folder = before.database.folder
    if parts.INVERTED not in before.database.manifest.outputs:
        return None
    new_row: NDArray[np.int32] = np.full(len(before.database), -1, dtype=np.int32)
    for key, old in before.keys.items():
        new_row[old] = first.get(key, -1)
    rows = np.load(folder / parts.INVERTED_ROWS)
    return Extension(folder / parts.INVERTED, np.where(rows < 0, -1, new_row[rows]))
