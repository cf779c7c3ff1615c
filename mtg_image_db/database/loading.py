"""The encoders of an open database, each loaded once, at its first use."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from mtg_image_db.database.manifest import Manifest
from mtg_image_db.encoders import Encoder, EncoderChoice, load_encoder

if TYPE_CHECKING:
    from mtg_image_db.encoders.text import TextEncoder


class Encoders:
    """What a database and all its views encode with.

    Parameters
    ----------
    manifest
        Of the database: an encoder with another fingerprint is refused.
    choice
        What to load.
    exported
        Whether an ONNX file that a build exported may stand for it.
    """

    def __init__(self, manifest: Manifest, choice: EncoderChoice, *, exported: bool) -> None:
        self._manifest = manifest
        self._choice = choice
        self._exported = exported
        self._pictures: Encoder | None = None
        self._texts: TextEncoder | None = None
        # Threads that share a database must not each load an encoder.
        self._loading = Lock()

    @property
    def pictures(self) -> Encoder:
        """What turns pictures into vectors."""
        with self._loading:
            if self._pictures is None:
                known = self._manifest.fingerprint if self._exported else None
                encoder = load_encoder(self._choice, known)
                self._manifest.check_encoder(encoder.fingerprint)
                self._pictures = encoder
            return self._pictures

    def use(self, encoder: Encoder) -> None:
        """Encode pictures with another one; see `Database.use_encoder`."""
        self._manifest.check_encoder(encoder.fingerprint)
        with self._loading:
            self._pictures = encoder

    @property
    def texts(self) -> TextEncoder:
        """What turns texts into vectors."""
        from mtg_image_db.encoders.text import TextEncoder

        with self._loading:
            if self._texts is None:
                encoder = TextEncoder.load(self._choice)
                self._manifest.check_encoder(encoder.fingerprint)
                self._texts = encoder
            return self._texts
