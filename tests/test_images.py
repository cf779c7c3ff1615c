from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import jpeg, make_picture
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from mtg_image_db.encoders.preprocessing import Fit, Preprocessing, prepare
from mtg_image_db.errors import ImageError
from mtg_image_db.pictures.opening import MOST_PIXELS, check_bytes, open_picture

GREY = (0.5, 0.5, 0.5)


def how(height: int = 80, width: int = 60, fit: Fit = "pad") -> Preprocessing:
    return Preprocessing(height, width, fit, GREY, GREY)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_whole_picture_passes_with_its_size(kind: str) -> None:
    assert check_bytes(encoded(make_picture(1, (90, 120)), kind)) == (90, 120)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"\n <!DOCTYPE html><html>", "a web page instead of an image"),
        (b"%PDF-1.7", "not an image"),
        (encoded(make_picture(1), "GIF"), "not an image"),
        (jpeg(make_picture(1))[:-200], "truncated image"),
    ],
)
def test_what_is_no_picture_is_refused_in_few_words(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        check_bytes(data)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    bomb = encoded(Image.new("1", (9000, 9000)), "PNG")
    with pytest.raises(ImageError, match="60 megapixels"):
        check_bytes(bomb)
    with pytest.raises(ImageError, match="60 megapixels"):
        open_picture(bomb)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=40))
def test_a_damaged_picture_is_a_picture_or_an_image_error(place: int, noise: bytes) -> None:
    whole = jpeg(make_picture(2, (64, 90)))
    place %= len(whole)
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    for read in (check_bytes, open_picture):
        with contextlib.suppress(ImageError):
            read(damaged)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "RGBA", "CMYK", "I", "I;16", "F", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    picture = make_picture(3, (40, 50)).convert("L" if mode in ("I;16", "F", "I") else "RGB")
    kind = "TIFF" if mode in ("CMYK", "F", "I") else "PNG"
    if mode == "PA":
        picture, kind = picture.convert("P"), "PNG"
    else:
        picture = picture.convert(mode)
    opened = open_picture(encoded(picture, kind))
    assert (opened.mode, opened.size) == ("RGB", (40, 50))
    assert np.asarray(opened).std() > 5


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert open_picture(encoded(clear, "PNG")).getpixel((5, 5)) == (255, 255, 255)


def test_exif_orientation_is_honoured() -> None:
    picture = make_picture(4, (40, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    assert open_picture(encoded(picture, "JPEG", exif=exif)).size == (60, 40)


def test_a_heic_picture_is_read(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    picture = make_picture(1, (120, 160))
    heif = pillow_heif.from_pillow(picture)
    heif.save(tmp_path / "photo.heic", quality=90)
    for source in (tmp_path / "photo.heic", (tmp_path / "photo.heic").read_bytes()):
        opened = np.asarray(open_picture(source), dtype=float)
        assert np.abs(opened - np.asarray(picture)).mean() < 6


def test_without_its_reader_a_heic_picture_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from mtg_image_db.pictures.opening import open_picture\n"
        "open_picture(b'\\0\\0\\0\\x1cftypheic' + bytes(99))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install '.[heic]'" in done.stderr


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [make_picture(n, (30, 40)) for n in (5, 6)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_picture(data).size == (30, 40)


@pytest.mark.parametrize(("make", "reason"), [("folder", "folder"), ("nothing", "no such file")])
def test_a_path_that_is_no_file_says_so(tmp_path: Path, make: str, reason: str) -> None:
    path = tmp_path if make == "folder" else tmp_path / "x.jpg"
    with pytest.raises(ImageError, match=reason):
        open_picture(path)


def test_padding_keeps_the_shape_and_fills_with_the_mean() -> None:
    pixels = prepare(Image.new("RGB", (100, 200), "white"), how(80, 80))
    assert pixels.shape == (80, 80, 3)
    assert (pixels[:, 20:60] == 255).all()
    assert (pixels[:, :20] == 128).all()
    assert (pixels[:, 60:] == 128).all()


def test_squashing_fills_the_input() -> None:
    assert (prepare(Image.new("RGB", (100, 200), "white"), how(80, 80, "squash")) == 255).all()


def test_nothing_of_the_card_is_cut_off() -> None:
    card = Image.new("RGB", (488, 680), "black")
    card.paste("white", (0, 0, 488, 40))
    card.paste("white", (0, 640, 488, 680))
    for fit in ("pad", "squash"):
        pixels = prepare(card, how(224, 224, fit))
        assert pixels[2, 112].min() > 200
        assert pixels[-3, 112].min() > 200


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from(["pad", "squash"]),
)
def test_any_shape_fits_any_input(
    width: int, height: int, to_height: int, to_width: int, fit: Fit
) -> None:
    pixels = prepare(Image.new("RGB", (width, height)), how(to_height, to_width, fit))
    assert pixels.shape == (to_height, to_width, 3)
    assert pixels.dtype == np.uint8


def test_a_preprocessing_survives_json() -> None:
    import json

    assert Preprocessing.from_json(json.loads(json.dumps(how().to_json()))) == how()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("progressive", [False, True])
@given(
    place=st.integers(700, 1_000_000), noise=st.binary(min_size=1, max_size=4), cut=st.booleans()
)
@example(place=603_493, noise=b"\x0b9\xf3", cut=False)  # it claims 62,304 x 2,873 pixels
def test_the_cheap_check_finds_what_a_full_decode_finds(
    progressive: bool, place: int, noise: bytes, cut: bool
) -> None:
    whole = encoded(make_picture(7, (96, 132)), "JPEG", progressive=progressive)
    place %= len(whole)
    damaged = whole[:place] if cut else whole[:place] + noise + whole[place + len(noise) :]
    try:
        with Image.open(io.BytesIO(damaged)) as picture:
            picture.load()
        # Noise in the header can claim any size.
        whole_picture = picture.width * picture.height <= MOST_PIXELS
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        whole_picture = False
    try:
        check_bytes(damaged)
    except ImageError:
        assert not whole_picture
    else:
        assert whole_picture
