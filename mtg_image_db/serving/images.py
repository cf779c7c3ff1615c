"""Card images out of the image cache, by the ids of faces."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Lock

from mtg_image_db.download.paths import image_paths, is_image_path

_FACE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:face:\d{1,2})?")
_KINDS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"RIFF", "image/webp"))
"""How the formats that a cache holds begin."""


class Images:
    """The images of a cache.

    Parameters
    ----------
    cache
        An image cache; it may be missing, and then there are no images.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._folders: dict[str, tuple[int, frozenset[str]]] = {}
        self._lock = Lock()

    def url(self, face_id: str) -> str | None:
        """Where a page finds the image of a face; None if the cache has none."""
        return f"/images/{face_id}" if self._has(face_id) else None

    def read(self, face_id: str) -> tuple[bytes, str] | None:
        """The bytes of a face's image, and their media type; None if the cache has none."""
        if not self._has(face_id):
            return None
        for path in image_paths(self._cache, face_id):
            try:
                data = path.read_bytes()
            except OSError:  # it was replaced by a newer one
                continue
            for start, kind in _KINDS:
                if data.startswith(start):
                    return data, kind
        return None

    def _has(self, face_id: str) -> bool:
        """Whether the cache has an image of a face; what is no id of a face, it has not."""
        if not _FACE.fullmatch(face_id):
            return False
        name = face_id[:2]
        try:
            changed = (self._cache / "images" / name).stat().st_mtime_ns
        except OSError:
            return False
        with self._lock:
            if self._folders.get(name, (None,))[0] != changed:
                self._folders[name] = changed, self._faces_in(name)
            return face_id in self._folders[name][1]

    def _faces_in(self, name: str) -> frozenset[str]:
        try:
            files = [path.name for path in (self._cache / "images" / name).iterdir()]
        except OSError:
            return frozenset()
        ours = (file for file in files if is_image_path(f"images/{name}/{file}"))
        return frozenset(file.split(".")[0].replace("-face-", ":face:") for file in ours)
