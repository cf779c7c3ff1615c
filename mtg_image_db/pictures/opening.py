"""Open pictures safely and check them completely."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mtg_image_db.errors import ImageError, install
from mtg_image_db.pictures.metadata import upright, without_metadata

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Pixels = NDArray[np.uint8]

T = TypeVar("T")

CARD_WIDTH, CARD_HEIGHT = 240, 336
"""Pixels of the upright card on which local features are measured: close to 63 x 88 mm."""

MOST_PIXELS = 60_000_000
"""Pixels of the largest picture that is opened. By hand."""
MOST_BYTES = 32 << 20
"""Bytes of the largest file that a download accepts. By hand."""

_SHAPE_ERROR = 0.03
"""Relative error up to which a picture's aspect ratio counts as a card's. By hand."""

_SERVED_FORMATS = ("JPEG", "PNG", "WEBP")
_READ_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "PPM", "TGA")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def check_bytes(data: bytes) -> tuple[int, int]:
    """Make sure that `data` is one complete, decodable picture in a format that Scryfall serves.

    `Image.verify` alone decodes nothing of a JPEG, so the picture is decoded as well. A JPEG is
    decoded at an eighth of its size and without colours: this finds the same damage at 0.6 of the
    cost, because all damage shows in the entropy coding.

    Returns
    -------
    width, height
        In pixels.

    Raises
    ------
    ImageError
        The picture is damaged or refused. The message is short, and the same for the same kind of
        damage.
    """

    def check(source: Path | bytes) -> tuple[int, int]:
        with _opened(source, _SERVED_FORMATS) as picture:
            _check_size(picture)
            picture.verify()
        with _opened(source, _SERVED_FORMATS) as picture:
            size = picture.width, picture.height
            picture.draft("L", (1, 1))
            picture.load()
            return size

    return _read(data, check)


def open_picture(source: Path | bytes, *, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Open any picture as upright RGB, whatever its mode.

    EXIF orientation is applied, transparent parts become white, and 16 bits are scaled to 8. Of an
    animation, the first frame is used.

    Parameters
    ----------
    at_least
        Width and height that are enough: a JPEG may be decoded smaller, but not below these.

    Raises
    ------
    ImageError
        It is not a picture, is damaged, or has over 60 megapixels.
    """
    return open_photo(source, at_least=at_least)[0]


def open_photo(
    source: Path | bytes, *, at_least: tuple[int, int] | None = None
) -> tuple[Image.Image, float, int]:
    """Like `open_picture`, but with more about the file.

    Returns
    -------
    picture, factor, count
        The factor by which it was decoded smaller, and how many pictures the file holds. Pages and
        frames count. Smaller pictures beside a photo (previews, gain maps) do not.
    """

    def decode(source: Path | bytes) -> tuple[Image.Image, float, int]:
        with _opened(source) as picture:
            _check_size(picture)
            size = picture.size
            if at_least is not None:
                picture.draft("RGB", at_least)
            picture.load()
            photo, factor = upright_rgb(picture), size[0] / picture.width
            return photo, factor, _count(picture, size)

    if isinstance(source, Path):
        _check_regular(source)
    return _read(source, decode)


def is_card_shaped(width: int, height: int) -> bool:
    """Whether a picture of that size has the aspect ratio of an upright card, to some 3 %."""
    return abs(width * CARD_HEIGHT / (height * CARD_WIDTH) - 1) < _SHAPE_ERROR


def _read(source: Path | bytes, how: Callable[[Path | bytes], T], *, bare: bool = False) -> T:
    """Read a picture; if that fails and it is not `bare`, read it again without its metadata.

    Raises
    ------
    ImageError
        The picture cannot be read.
    """
    try:
        return how(source)
    except ImageError:
        raise
    except PermissionError as error:
        raise ImageError("permission denied") from error
    # Pillow can raise nearly any exception on hostile files.
    except Exception as error:
        try:
            data = source if isinstance(source, bytes) else source.read_bytes()
        except OSError:
            data = b""
        pixels = None if bare else without_metadata(data)
        if pixels is None:
            raise ImageError(_what_is_wrong(data, error)) from error
    return _read(pixels, how, bare=True)


def _count(picture: Image.Image, size: tuple[int, int]) -> int:
    """How many pictures of a size an open file holds; 1 if that cannot be read."""
    alike = 1
    # The first picture is decoded already, so damage behind it does not matter.
    with suppress(Exception):
        frames = int(getattr(picture, "n_frames", 1))
        if picture.format != "MPO":
            return frames
        for frame in range(1, frames):
            picture.seek(frame)
            alike += picture.size == size
    return alike


def _opened(source: Path | bytes, formats: tuple[str, ...] = ()) -> Image.Image:
    from PIL import Image

    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return Image.open(stream, formats=formats or _formats(source))


def _check_regular(path: Path) -> None:
    """Refuse everything but regular files: opening a FIFO would wait for ever."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # a zero byte in the name
        raise ImageError("there is no such file") from error
    except PermissionError as error:
        raise ImageError("permission denied") from error
    except OSError as error:
        raise ImageError(f"it cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise ImageError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")


def _check_size(picture: Image.Image) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise ImageError("image over 60 megapixels")


def _formats(source: Path | bytes) -> list[str]:
    """The formats to try; for most of them, Pillow imports all its decoders, which takes time."""
    from PIL import Image

    start = source if isinstance(source, bytes) else _head(source)
    if start.startswith(b"\xff\xd8"):
        return ["JPEG"]
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        _read_heif()
    Image.init()
    return [name for name in _READ_FORMATS if name in Image.OPEN]


def _read_heif() -> None:
    """Teach Pillow to read HEIC, the format of iPhones."""
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(f"a HEIC picture; to read those, {install('heic')}") from error
    pillow_heif.register_heif_opener()


def upright_rgb(picture: Image.Image) -> Image.Image:
    """Turn a picture upright by its EXIF data, and convert it to RGB."""
    from PIL import Image

    picture = upright(picture)
    if picture.mode.startswith(("I", "F")):
        # 16-bit and floating point: scale the used range to 0..255.
        low, high = picture.getextrema()
        scale = 255.0 / (high - low) if high > low else 0.0  # type: ignore[operator]
        picture = picture.convert("F").point(lambda v: (v - low) * scale).convert("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(64)
    except OSError:
        return b""


def _what_is_wrong(data: bytes, error: Exception) -> str:
    """Name the damage in few words."""
    from PIL import Image, UnidentifiedImageError

    start = data[:64].lstrip().lower()
    if not data:
        return "empty file"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page instead of an image"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "image over 60 megapixels"
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if "truncated" in str(error).lower():
        return "truncated image"
    return "damaged image"
