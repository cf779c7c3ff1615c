"""A photo: a query picture, decoded once, at the size that recognition needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mtg_image_db.errors import ImageError, InvalidArguments
from mtg_image_db.pictures.opening import (
    CARD_HEIGHT,
    CARD_WIDTH,
    open_photo,
    upright_rgb,
)
from mtg_image_db.system.checks import check, wrong_integer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Picture = str | os.PathLike[str] | bytes | BinaryIO | Image | NDArray[np.uint8]
    """A query picture: a path, the bytes of a file, an open file, a PIL image, or pixels: uint8
    [height, width] or [height, width, 3 or 4], RGB."""

ENOUGH_PIXELS = (1200, 1200)
"""Least width and height, in pixels, at which a photo is decoded. By hand."""
_MOST_CUT = 4096
"""Largest width and height, in pixels, of a card that is cut out. By hand: 48 MB as RGB."""


@dataclass(frozen=True)
class Photo:
    """A query picture.

    Parameters
    ----------
    picture
        Upright, in RGB; a large JPEG is decoded at a half, a quarter or an eighth of its size.
    scale
        How many pixels of the whole photo one pixel of `picture` covers, in each direction.
    source
        The file it was decoded from, or its bytes; None if it was given as pixels.
    count
        How many pictures the file holds; the first was decoded.
    """

    picture: Image
    scale: float = 1.0
    source: Path | bytes | None = None
    count: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole photo, upright, in pixels."""
        return round(self.picture.width * self.scale), round(self.picture.height * self.scale)

    @property
    def note(self) -> str:
        """A note if the file holds several pictures; otherwise empty."""
        if self.count == 1:
            return ""
        return f"it holds {self.count:,} pictures; only the first was looked at"

    @classmethod
    def open(cls, image: Picture) -> Photo:
        """Decode a picture.

        Raises
        ------
        ImageError
            The picture cannot be read.
        """
        source = _source_of(image)
        if isinstance(source, Path | bytes):
            picture, scale, count = open_photo(source, at_least=ENOUGH_PIXELS)
            return cls(picture, scale, source, count)
        try:
            return cls(upright_rgb(source))
        except (OSError, ValueError) as error:  # a damaged picture that Pillow opened lazily
            raise ImageError("damaged image") from error

    def in_full(self) -> Photo:
        """The same photo, decoded at its full size: for what is small on a small card."""
        if self.source is None or self.scale == 1:
            return self
        picture, scale, count = open_photo(self.source)
        return Photo(picture, scale, self.source, count)

    def cut(
        self,
        quad: Sequence[Sequence[float]],
        width: int = CARD_WIDTH,
        height: int = CARD_HEIGHT,
    ) -> Image:
        """Cut a card out, upright.

        Parameters
        ----------
        quad
            Its corners in pixels of the whole photo, as in `CardAnswer.quad`.
        width, height
            Size of the result, in pixels: at most 4096.

        Raises
        ------
        InvalidArguments
            The quad is not four corners, or the size makes no sense.
        """
        import numpy as np
        from PIL import Image

        from mtg_image_db.recognise.quads import rectify

        check(
            wrong_integer("width", width, 1, _MOST_CUT),
            wrong_integer("height", height, 1, _MOST_CUT),
        )
        try:
            corners = (np.array(quad, dtype=np.float64) / self.scale).astype(np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidArguments([f"quad must be numbers: {error}"]) from error
        if corners.shape != (4, 2) or not np.isfinite(corners).all():
            raise InvalidArguments([f"quad must be four corners (x, y), not {quad!r:.200}"])
        return Image.fromarray(rectify(np.asarray(self.picture), corners, width, height))


def _source_of(image: Picture) -> Path | bytes | Image:
    """The file, bytes or PIL image to decode a picture from."""
    import numpy as np
    from PIL import Image

    if isinstance(image, Path | bytes):
        return image
    if isinstance(image, str | os.PathLike):
        return Path(image)
    if isinstance(image, Image.Image):
        if not image.width or not image.height:
            raise ImageError("the picture has no pixels")
        return image
    if isinstance(image, np.ndarray):
        shape = image.shape
        fits = len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))
        if image.dtype != np.uint8 or not fits or not image.size:
            raise ImageError(
                "pixels must be uint8 [height, width] or [height, width, 3 or 4], not "
                f"{image.dtype} {list(shape)}"
            )
        return Image.fromarray(np.ascontiguousarray(image))
    if callable(getattr(image, "read", None)):
        return _bytes_of(image)
    raise ImageError(
        f"a picture must be a path, bytes, an open file, an image of Pillow's or an array, not "
        f"{type(image).__name__}"
    )


def _bytes_of(file: BinaryIO) -> bytes:
    """All bytes of an open file, wherever it stands."""
    try:
        if file.seekable():
            file.seek(0)
        data: object = file.read()
    except (OSError, ValueError) as error:  # closed, text that is none, open for writing only
        raise ImageError(f"the open file cannot be read: {error}") from error
    if not isinstance(data, bytes):
        raise ImageError("the file must be opened in binary mode")
    return data
