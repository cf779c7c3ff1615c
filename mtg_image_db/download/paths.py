"""Where the image of a face lies in a cache."""

from __future__ import annotations

import glob
import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

_IMAGE_NAME = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-face-\d+)?\.[0-9a-f]{10}\.(jpg|png|webp|img)"
)
_FOLDER = re.compile(r"images/([0-9a-f]{2})/")


def image_path(face_id: str, url: str) -> str:
    """The path of an image inside the cache: ``images/<ab>/<face>.<hash>.<ext>``.

    It is made only from the id (checked to be a UUID) and a hash of the URL. So no name in the data
    can point outside the folder, and a new epoch in the URL gives a new file.
    """
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    if suffix not in (".jpg", ".png", ".webp"):
        suffix = ".img"
    digest = hashlib.sha256(url.encode("utf-8", "backslashreplace")).hexdigest()[:10]
    return f"images/{face_id[:2]}/{face_id.replace(':', '-')}.{digest}{suffix}"


def image_paths(cache: Path, face_id: str) -> list[Path]:
    """All images of a face in a cache, whatever their URLs."""
    name = glob.escape(face_id.replace(":", "-"))
    return sorted((cache / "images" / face_id[:2]).glob(f"{name}.*"))


def is_image_path(path: str) -> bool:
    """Whether `image_path` could have made this path; all other files are left alone."""
    folder = _FOLDER.match(path)
    if folder is None:
        return False
    name = path[folder.end() :]
    return name.startswith(folder[1]) and _IMAGE_NAME.fullmatch(name) is not None
