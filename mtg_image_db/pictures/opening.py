"""Pictures: opened safely, checked whole, and brought into an encoder's shape.

The same `prepare` serves build and query: two different preprocessings would be two different
encoders.
"""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mtg_image_db.errors import ImageError, InvalidArguments
from mtg_image_db.system.checks import check, wrong_integer, wrong_word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Fit = Literal["pad", "squash"]
FITS: tuple[str, ...] = get_args(Fit)

CARD_WIDTH, CARD_HEIGHT = 240, 336
"""An upright card, in pixels, as local features are measured on it: 63 x 88 mm, near enough."""

MOST_PIXELS = 60_000_000
MOST_BYTES = 32 << 20
"""Largest file a download accepts."""

_SHAPE = 0.03

_SERVED_FORMATS = ("JPEG", "PNG", "WEBP")
_READ_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "PPM", "TGA")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes an encoder's input. Part of the encoder's fingerprint.

    Parameters
    ----------
    height, width
        Of the input, in pixels.
    fit
        ``pad`` keeps the shape of the card and fills the rest with the mean colour; ``squash``
        fills the whole input. Neither cuts anything off: CLIP's own centre crop would lose the
        title and the collector line.
    mean, std
        Of the three channels, on a scale of 0 to 1.
    least_decode
        Decode no more of a JPEG than the input needs (see `open_for`).

    Raises
    ------
    InvalidArguments
        A value makes no sense; all that make none are listed.
    """

    height: int
    width: int
    fit: Fit
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    least_decode: bool = True

    def __post_init__(self) -> None:
        check(
            wrong_integer("height", self.height, 1),
            wrong_integer("width", self.width, 1),
            wrong_word("fit", self.fit, FITS),
            self._wrong_channels("mean"),
            self._wrong_channels("std"),
        )

    def _wrong_channels(self, name: str) -> str | None:
        """Keep a list as a tuple, since fingerprints are compared by their values."""
        given = getattr(self, name)
        if (
            not isinstance(given, tuple | list)
            or len(given) != 3
            or not all(isinstance(value, int | float) for value in given)
        ):
            return f"{name} must be a number for each of three channels, not {given!r}"
        object.__setattr__(self, name, tuple(given))
        return None

    def to_json(self) -> dict[str, Any]:
        """The values as JSON types."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preprocessing:
        """The reverse of `to_json`; raises KeyError, TypeError or ValueError on anything else."""
        mean = tuple(float(v) for v in values["mean"])
        std = tuple(float(v) for v in values["std"])
        if len(mean) != 3 or len(std) != 3:
            raise ValueError("not a preprocessing")
        height, width, fit = values["height"], values["width"], values["fit"]
        least = values["least_decode"]
        if not isinstance(least, bool):
            raise TypeError("not a choice")
        try:
            return cls(height, width, fit, mean, std, str(values["interpolation"]), least)
        except InvalidArguments as error:
            raise ValueError(str(error)) from error


def check_bytes(data: bytes) -> tuple[int, int]:
    """Make sure that `data` is one whole, decodable picture of a format Scryfall serves.

    `Image.verify` alone decodes nothing of a JPEG, so the picture is decoded as well: every
    bit of it, but for a JPEG at an eighth of its size and without colours, which finds the same
    damage at 0.6 of the cost (all damage shows in the entropy coding).

    Returns
    -------
    width, height
        In pixels.

    Raises
    ------
    ImageError
        With a reason in few words, the same for the same kind of damage.
    """
    from PIL import Image

    _silence_pillow()
    try:
        with Image.open(io.BytesIO(data), formats=_SERVED_FORMATS) as picture:
            _check_size(picture)
            picture.verify()
        with Image.open(io.BytesIO(data), formats=_SERVED_FORMATS) as picture:
            size = picture.width, picture.height
            picture.draft("L", (1, 1))
            picture.load()
            return size
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(_what_is_wrong(data, error)) from error


def open_picture(source: Path | bytes, *, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Open any picture as upright RGB, whatever its mode.

    EXIF orientation is applied, transparency laid on white, 16 bits scaled to 8; the first frame
    of an animation is taken.

    Parameters
    ----------
    at_least
        Width and height that are enough: a JPEG may be decoded smaller than it is, to no less.

    Raises
    ------
    ImageError
        Not a picture, damaged, or over 60 megapixels.
    """
    return open_photo(source, at_least=at_least)[0]


def open_photo(
    source: Path | bytes, *, at_least: tuple[int, int] | None = None
) -> tuple[Image.Image, float]:
    """Like `open_picture`; also returns how many of the file's pixels one of the picture's is."""
    from PIL import Image

    _silence_pillow()
    if isinstance(source, Path):
        _check_regular(source)
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with Image.open(stream, formats=_formats(source)) as picture:
            _check_size(picture)
            width = picture.width
            if at_least is not None:
                picture.draft("RGB", at_least)
            picture.load()
            return upright_rgb(picture), width / picture.width
    except ImageError:
        raise
    except PermissionError as error:
        raise ImageError("permission denied") from error
    # Pillow's decoders raise nearly everything on hostile files.
    except Exception as error:
        data = source if isinstance(source, bytes) else _head(source)
        raise ImageError(_what_is_wrong(data, error)) from error


def open_for(source: Path | bytes, how: Preprocessing) -> Image.Image:
    """Open a picture for `prepare`, decoding no more of a JPEG than that needs.

    A JPEG of over twice the input's size is decoded at a half, a quarter or an eighth, but never
    under 240 x 336: the vectors stay the same to a cosine of 0.999 (a test looks), at a fraction of
    the cost.
    """
    if not how.least_decode:
        return open_picture(source)
    enough = max(how.width, CARD_WIDTH), max(how.height, CARD_HEIGHT)
    return open_picture(source, at_least=enough)


def is_card_shaped(picture: Image.Image) -> bool:
    """Whether a picture is upright and as wide for its height as a card, to some 3 %."""
    return abs(picture.width * CARD_HEIGHT / (picture.height * CARD_WIDTH) - 1) < _SHAPE


def prepare(picture: Image.Image, how: Preprocessing) -> NDArray[np.uint8]:
    """Bring an RGB picture into an encoder's shape.

    Returns
    -------
    uint8 [height, width, 3]
        Not yet normalised: that is the encoder's, in batches.
    """
    import numpy as np
    from PIL import Image

    filter_ = Image.Resampling[how.interpolation.upper()]
    if how.fit == "squash" or picture.width * how.height == picture.height * how.width:
        return np.asarray(picture.resize((how.width, how.height), filter_, reducing_gap=3.0))
    scale = min(how.width / picture.width, how.height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # The mean colour is zero after normalisation.
    fill = tuple(round(255 * m) for m in how.mean)
    canvas = Image.new("RGB", (how.width, how.height), fill)
    corner = ((how.width - size[0]) // 2, (how.height - size[1]) // 2)
    canvas.paste(picture.resize(size, filter_, reducing_gap=3.0), corner)
    return np.asarray(canvas)


def _check_regular(path: Path) -> None:
    """Refuse what is no regular file: opening a FIFO would wait for ever."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # a zero byte in the name
        raise ImageError("there is no such file") from error
    except PermissionError as error:
        raise ImageError("permission denied") from error
    except OSError as error:
        raise ImageError(f"it cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise ImageError("it is a folder" if stat.S_ISDIR(mode) else "it is no regular file")


def _silence_pillow() -> None:
    """Leave out Pillow's warning of large pictures: they are refused at less than it warns of.

    Last of all filters, so that those of the program around this one go first.
    """
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)


def _check_size(picture: Image.Image) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise ImageError("image over 60 megapixels")


def _formats(source: Path | bytes) -> list[str]:
    """The formats to try; for most, Pillow imports all its decoders, which takes its time."""
    from PIL import Image

    start = source if isinstance(source, bytes) else _head(source)
    if start.startswith(b"\xff\xd8"):
        return ["JPEG"]
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        _read_heif()
    Image.init()
    return [name for name in _READ_FORMATS if name in Image.OPEN]


def _read_heif() -> None:
    """Teach Pillow to read what iPhones take."""
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            "a HEIC picture; to read those, run: pip install 'mtg-image-db[heic]'"
        ) from error
    pillow_heif.register_heif_opener()


def upright_rgb(picture: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF data say, and bring it to RGB."""
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        # 16-bit and floating point: bring the range that is used to 0..255.
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
