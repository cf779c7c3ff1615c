"""Encoders that the user named: what a database's manifest names is loaded on their word only.

A manifest may be a stranger's, and name a repository on a hub, or any file of this machine. So it
is compared with, and not followed: a build writes down which encoder it was told to use, by its
fingerprint, in the user's cache (see `exported`), and queries look there.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from mtg_image_db.encoders import (
    DEFAULT_MODEL,
    DEFAULT_PRETRAINED,
    Encoder,
    EncoderChoice,
    Fingerprint,
    load_encoder,
)
from mtg_image_db.encoders.exported import cache_folder, load_exported
from mtg_image_db.errors import EncoderError, StorageError
from mtg_image_db.system.files import make_folder, read_json_object, write_json

_WHOLE_NAMES = ("hf-hub:", "local-dir:")
"""How models begin that bring their own weights."""


def remember(choice: EncoderChoice, fingerprint: Fingerprint) -> None:
    """Write down that the user named an encoder; without a cache, it will be asked for again."""
    if _is_own(choice):
        return
    path = _path(fingerprint)
    with contextlib.suppress(OSError, StorageError):
        make_folder(path.parent)
        write_json(path, choice.to_json())


def load_known(choice: EncoderChoice, fingerprint: Fingerprint, *, device: str = "auto") -> Encoder:
    """Load the encoder of a manifest, if it is the package's own or the user has named it here.

    Raises
    ------
    EncoderError
        Neither; or see `load_encoder`.
    """
    choice = replace(choice, device=device)
    if not _is_own(choice):
        if (exported := load_exported(choice, fingerprint)) is not None:
            return exported
        choice = known_choice(choice, fingerprint)
    return load_encoder(choice)


def known_choice(choice: EncoderChoice, fingerprint: Fingerprint) -> EncoderChoice:
    """What the user called the encoder that a manifest names.

    Raises
    ------
    EncoderError
        It is not the package's own, and nothing was built with it here.
    """
    if _is_own(choice):
        return choice
    values = read_json_object(_path(fingerprint))
    with contextlib.suppress(KeyError, TypeError, ValueError):
        if values is not None:
            return replace(EncoderChoice.from_json(values), device=choice.device)
    brings_its_own = choice.model.startswith(_WHOLE_NAMES)
    named = choice.model if brings_its_own else choice.pretrained
    raise EncoderError(
        "This database's encoder was not named on this machine, and is not loaded unasked",
        details=f"its manifest names the model {choice.model!r} with the weights {named!r}; "
        "loading what a stranger's manifest names could fetch or read anything",
        suggestion="If you trust that, name the weights once: mtg-db query --pretrained "
        f"{named!r} --db FOLDER PHOTO (a tag is fetched, a file is read). They are remembered.",
    )


def named_choice(choice: EncoderChoice, pretrained: str) -> EncoderChoice:
    """The encoder of a manifest with the weights that the user names.

    Raises
    ------
    EncoderError
        The model brings its own weights, and the user has not named just that model.
    """
    if not choice.model.startswith(_WHOLE_NAMES):
        return replace(choice, pretrained=pretrained)
    if pretrained == choice.model:
        return choice
    raise EncoderError(
        f"The database's model is {choice.model!r}, which brings its own weights",
        details=f"--pretrained names {pretrained}",
        suggestion=f"If you trust it: --pretrained {choice.model!r}.",
    )


def _is_own(choice: EncoderChoice) -> bool:
    return (choice.model, choice.pretrained) == (DEFAULT_MODEL, DEFAULT_PRETRAINED)


def _path(fingerprint: Fingerprint) -> Path:
    return cache_folder() / "encoders" / f"{fingerprint.digest}.json"
