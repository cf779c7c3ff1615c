"""The encoders of an open database, each loaded once, at its first use."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from mtg_image_db.database.manifest import Manifest
from mtg_image_db.encoders import Encoder, EncoderChoice, load_encoder
from mtg_image_db.encoders.named import known_choice, load_known, named_choice, remember

if TYPE_CHECKING:
    from mtg_image_db.encoders.text import TextEncoder


class Encoders:
    """The encoders of a database and all its views.

    Parameters
    ----------
    manifest
        The database's manifest; an encoder with another fingerprint is refused.
    device
        Where they run; see `EncoderChoice`.
    weights
        The weights that the user names; None to look them up (see `encoders.named`).
    """

    def __init__(self, manifest: Manifest, device: str, weights: str | None) -> None:
        self._manifest = manifest
        self._device = device
        self._named = named_choice(manifest.choice, weights) if weights else None
        self._pictures: Encoder | None = None
        self._texts: TextEncoder | None = None
        # Threads that share a database must not each load an encoder.
        self._loading = Lock()

    @property
    def pictures(self) -> Encoder:
        """The encoder of pictures."""
        with self._loading:
            if self._pictures is None:
                was = self._manifest
                if self._named:
                    # Load the named weights: only then is it known whose they are.
                    encoder = load_encoder(replace(self._named, device=self._device))
                else:
                    encoder = load_known(was.choice, was.fingerprint, device=self._device)
                was.check_encoder(encoder.fingerprint)
                self._remember()
                self._pictures = encoder
            return self._pictures

    def use(self, encoder: Encoder) -> None:
        """Encode pictures with another encoder; see `Database.use_encoder`."""
        self._manifest.check_encoder(encoder.fingerprint)
        with self._loading:
            self._pictures = encoder

    @property
    def texts(self) -> TextEncoder:
        """The encoder of texts."""
        from mtg_image_db.encoders.text import TextEncoder

        with self._loading:
            if self._texts is None:
                encoder = TextEncoder.load(replace(self._choice(), device=self._device))
                self._manifest.check_encoder(encoder.fingerprint)
                self._remember()
                self._texts = encoder
            return self._texts

    def _choice(self) -> EncoderChoice:
        was = self._manifest
        return self._named or known_choice(was.choice, was.fingerprint)

    def _remember(self) -> None:
        if self._named:
            remember(self._named, self._manifest.fingerprint)
