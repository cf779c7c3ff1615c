"""Load the encoder of a database's manifest only if the user has named that encoder.

A manifest may come from a stranger, and may name a repository on a hub or any file of this machine.
So its names are only compared, never followed: a build records in the user's cache (see `exported`)
which encoder it was told to use, under its fingerprint, and queries look there.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from mtg_image_db.encoders import (
    DEFAULT_MODEL,
    DEFAULT_PRETRAINED,
    NAME_WEIGHTS,
    Encoder,
    EncoderChoice,
    Fingerprint,
    load_encoder,
)
from mtg_image_db.encoders.exported import cache_folder, load_exported
from mtg_image_db.errors import EncoderError, StorageError
from mtg_image_db.system.files import make_folder, read_json_object, write_json

_WHOLE_NAMES = ("hf-hub:", "local-dir:")
"""Prefixes of models that include their weights."""


def remember(choice: EncoderChoice, fingerprint: Fingerprint) -> None:
    """Record that the user named an encoder; without a cache, they have to name it again."""
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
        It is neither of these; or see `load_encoder`.
    """
    choice = replace(choice, device=device)
    if not _is_own(choice):
        if (exported := load_exported(choice, fingerprint)) is not None:
            return exported
        choice = known_choice(choice, fingerprint)
    return load_encoder(choice)


def known_choice(choice: EncoderChoice, fingerprint: Fingerprint) -> EncoderChoice:
    """The user's own choice for the encoder that a manifest names.

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
        "a stranger's manifest could name any file or repository",
        suggestion="If you trust that, name the weights once: mtg-db query --pretrained "
        f"{named!r} --db FOLDER PHOTO (a tag is fetched, a file is read). They are remembered.",
    )


def named_choice(choice: EncoderChoice, pretrained: str) -> EncoderChoice:
    """The encoder of a manifest with the weights that the user names.

    Raises
    ------
    EncoderError
        The model includes its weights, and the user has named something else.
    """
    if not choice.model.startswith(_WHOLE_NAMES):
        return replace(choice, pretrained=pretrained)
    if pretrained == choice.model:
        return choice
    raise EncoderError(
        f"The database's model is {choice.model!r}, which includes its weights",
        details=f"the weights named are {pretrained}",
        suggestion=f"If you trust it, name {choice.model!r}: {NAME_WEIGHTS}.",
    )


def _is_own(choice: EncoderChoice) -> bool:
    return (choice.model, choice.pretrained) == (DEFAULT_MODEL, DEFAULT_PRETRAINED)


def _path(fingerprint: Fingerprint) -> Path:
    return cache_folder() / "encoders" / f"{fingerprint.digest}.json"
