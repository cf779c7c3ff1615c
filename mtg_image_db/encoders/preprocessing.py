"""Preprocessing: how a picture becomes an encoder's input.

Build and query use the same `prepare`: two different preprocessings would be two different
encoders.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mtg_image_db.errors import InvalidArguments
from mtg_image_db.pictures.opening import CARD_HEIGHT, CARD_WIDTH, open_picture
from mtg_image_db.system.checks import check, wrong_integer, wrong_number, wrong_word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Fit = Literal["pad", "squash"]
"""How a picture of another shape fills the input; see `Preprocessing`."""
FITS: tuple[str, ...] = get_args(Fit)

_SHRINKING_GAP = 3.0
"""If a picture is more than this many times larger than the result, Pillow shrinks it in two steps.
Its documentation says that 3.0 looks the same as one step. All vectors depend on it: never change
it."""


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes an encoder's input. Part of the encoder's fingerprint.

    Parameters
    ----------
    height, width
        Size of the input, in pixels.
    fit
        ``pad`` keeps the card's shape and fills the rest with the mean colour; ``squash`` stretches
        it to the whole input. Neither cuts anything off: CLIP's own centre crop would lose the
        title and the collector line.
    mean, std
        One value for each of the three channels, on a scale of 0 to 1.
    least_decode
        Decode JPEGs only as large as the input needs (see `open_for`).

    Raises
    ------
    InvalidArguments
        A value makes no sense; all such values are listed.
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
        """Convert a list to a tuple, since fingerprints are compared by value."""
        given = getattr(self, name)
        if (
            not isinstance(given, tuple | list)
            or len(given) != 3
            or any(wrong_number(name, value, -1e9) for value in given)
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


def open_for(source: Path | bytes, how: Preprocessing) -> Image.Image:
    """Open a picture for `prepare`; decode a JPEG only as large as needed.

    A JPEG of over twice the input's size is decoded at a half, a quarter or an eighth, but never
    under 240 x 336. The vectors stay the same to a cosine of 0.999 (a test checks this), at a
    fraction of the cost.
    """
    if not how.least_decode:
        return open_picture(source)
    enough = max(how.width, CARD_WIDTH), max(how.height, CARD_HEIGHT)
    return open_picture(source, at_least=enough)


def prepare(picture: Image.Image, how: Preprocessing) -> NDArray[np.uint8]:
    """Resize an RGB picture to an encoder's input.

    Returns
    -------
    uint8 [height, width, 3]
        Not yet normalised: the encoder does that, in batches.
    """
    import numpy as np
    from PIL import Image

    filter_ = Image.Resampling[how.interpolation.upper()]
    if how.fit == "squash" or picture.width * how.height == picture.height * how.width:
        return np.asarray(
            picture.resize((how.width, how.height), filter_, reducing_gap=_SHRINKING_GAP)
        )
    scale = min(how.width / picture.width, how.height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # The mean colour is zero after normalisation.
    fill = tuple(round(255 * m) for m in how.mean)
    canvas = Image.new("RGB", (how.width, how.height), fill)
    corner = ((how.width - size[0]) // 2, (how.height - size[1]) // 2)
    canvas.paste(picture.resize(size, filter_, reducing_gap=_SHRINKING_GAP), corner)
    return np.asarray(canvas)
