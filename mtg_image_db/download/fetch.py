"""Fetch one image, check it completely, and store it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import requests

from mtg_image_db.download.ledger import Outcome, Planned
from mtg_image_db.errors import ImageError, NetworkError
from mtg_image_db.net.responses import DamagedBody, read_body
from mtg_image_db.net.session import PoliteSession
from mtg_image_db.pictures.opening import MOST_BYTES, check_bytes
from mtg_image_db.system.files import atomic_write, make_folder


def fetch_image(session: PoliteSession, cache: Path, face: Planned) -> Outcome:
    """Fetch one image into the cache; a failed request is an outcome, not an exception.

    The picture is decoded before anything is written, so no file with a final name is invalid. The
    folder is not fsynced: the caller does that (`sync_folder`) before it records the outcome.

    Raises
    ------
    StorageError
        The disk is full or cannot be written.
    HostDownError
        The server answers nothing but errors.
    Cancelled
        The run was stopped.
    """
    try:
        data = session.fetch(face.url, _read, check=_checked)
    except NetworkError as error:
        text = f"{error.message}; {error.details}"
        return Outcome(face.face_id, face.url, reason=error.reason, error=text)
    path = cache / face.path
    make_folder(path.parent)
    with atomic_write(path, durable_name=False) as stream:
        stream.write(data)
    return _valid(face, data)


def adopt_image(cache: Path, face: Planned) -> Outcome | None:
    """Recognise a file that an earlier run stored but did not record.

    Returns
    -------
    The outcome; None if the file is not a complete picture.
    """
    try:
        data = (cache / face.path).read_bytes()
        check_bytes(data)
    except (OSError, ImageError):
        return None
    return _valid(face, data)


def _read(response: requests.Response) -> bytes:
    return read_body(response, MOST_BYTES)


def _checked(data: bytes) -> bytes:
    try:
        check_bytes(data)
    except ImageError as error:
        raise DamagedBody(error.message) from error
    return data


def _valid(face: Planned, data: bytes) -> Outcome:
    digest = hashlib.sha256(data).hexdigest()
    return Outcome(face.face_id, face.url, face.path, len(data), digest)
