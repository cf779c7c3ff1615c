"""Metadata: whatever is wrong with them, the picture is read as it stands, and the right way up."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import make_picture
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mtg_image_db.errors import ImageError
from mtg_image_db.pictures.opening import check_bytes, open_picture

PICTURE = make_picture(4, (40, 60))


def saved(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    PICTURE.save(stream, kind, **options)
    return stream.getvalue()


PLAIN = {
    "JPEG": saved("JPEG", quality=90),
    "PNG": saved("PNG"),
    "WEBP": saved("WEBP", lossless=True),
    "TIFF": saved("TIFF"),
}


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def jpeg_with(*segments: bytes) -> bytes:
    return PLAIN["JPEG"][:2] + b"".join(segments) + PLAIN["JPEG"][2:]


def png_with(*chunks: bytes) -> bytes:
    end_of_header = 8 + 25
    data = PLAIN["PNG"]
    return data[:end_of_header] + b"".join(chunks) + data[end_of_header:]


def webp_with(kind: bytes, body: bytes) -> bytes:
    """A WebP file with a chunk as VP8X says that it has one."""
    flags = {b"EXIF": 0x08, b"XMP ": 0x04, b"ICCP": 0x20}[kind]
    size = b"".join(struct.pack("<L", side - 1)[:3] for side in PICTURE.size)
    extra = kind + struct.pack("<L", len(body)) + body + bytes(len(body) % 2)
    pixels = PLAIN["WEBP"][12:]
    chunks = extra + pixels if kind == b"ICCP" else pixels + extra
    inside = b"WEBPVP8X" + struct.pack("<LL", 10, flags) + size + chunks
    return b"RIFF" + struct.pack("<L", len(inside)) + inside


def tiff_with(*entries: tuple[int, int, int, bytes]) -> bytes:
    """A TIFF file with more tags: number, type, how many values, and four bytes (a value or where
    it is)."""
    data = PLAIN["TIFF"]
    (place,) = struct.unpack_from("<L", data, 4)
    (count,) = struct.unpack_from("<H", data, place)
    start = place + 2
    there = [data[start + 12 * i :][:12] for i in range(count)]
    new = [struct.pack("<HHL", tag, kind, some) + value for tag, kind, some, value in entries]
    taken = {entry[:2] for entry in new}
    whole = sorted([e for e in there if e[:2] not in taken] + new, key=lambda e: e[:2][::-1])
    head = struct.pack("<H", len(whole)) + b"".join(whole) + bytes(4)
    return data[:4] + struct.pack("<L", len(data)) + data[8:] + head


def exif(*entries: tuple[int, int, int, bytes], order: str = "<", tail: bytes = b"") -> bytes:
    """An EXIF block: entries as of `tiff_with`."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(f"{order}HHL", *e[:3]) + e[3] for e in entries)
    return head + struct.pack(f"{order}LH", 8, len(entries)) + body + bytes(4) + tail


def turned(value: int, order: str = "<") -> tuple[int, int, int, bytes]:
    return 0x0112, 3, 1, struct.pack(f"{order}HH", value, 0)


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    """The same, whatever a program does with Pillow's warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = np.asarray(open_picture(data))
        warnings.simplefilter("error")
        assert (np.asarray(open_picture(data)) == pixels).all()
    return pixels


WITH_EXIF: dict[str, Callable[[bytes], bytes]] = {
    "JPEG": lambda block: jpeg_with(segment(0xE1, b"Exif\0\0" + block)),
    "PNG": lambda block: png_with(chunk(b"eXIf", block)),
    "WEBP": lambda block: webp_with(b"EXIF", block),
}
WITH_XMP: dict[str, Callable[[bytes], bytes]] = {
    "JPEG": lambda text: jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text)),
    "PNG": lambda text: png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + text)),
    "WEBP": lambda text: webp_with(b"XMP ", text),
}
RATIONAL_AT_38 = (0x011A, 10, 1, struct.pack("<L", 38))

ODD_EXIF = {
    # A resolution of -1/0, and one that is text.
    "rational": exif(turned(6), RATIONAL_AT_38, tail=struct.pack("<lL", -1, 0)),
    "text": exif(turned(6), (0x011A, 2, 4, b"300\0")),
    "xmp": exif(turned(6), (0x02BC, 2, 4, b"<x/>")),
    "beyond": exif((0x010F, 2, 99, struct.pack("<L", 1 << 20)), turned(6)),
    "huge": exif((0x010F, 5, 0xFFFFFFFF, struct.pack("<L", 8)), turned(6)),
    "unknown": exif((0x0001, 99, 1, b"abcd"), turned(6)),
    "more": exif(turned(6))[:8] + struct.pack("<H", 900) + exif(turned(6))[10:],
    "cut": exif(turned(6))[:22],
    "twice": b"Exif\0\0" + exif(turned(6)),
}


@pytest.mark.parametrize("kind", WITH_EXIF)
@pytest.mark.parametrize("oddity", ODD_EXIF)
def test_odd_exif_data_leave_the_picture_and_its_orientation(kind: str, oddity: str) -> None:
    data = WITH_EXIF[kind](ODD_EXIF[oddity])
    right = np.rot90(pixels_of(PLAIN[kind]), -1)
    assert (pixels_of(data) == right).all()
    assert check_bytes(data) == PICTURE.size


@pytest.mark.parametrize(
    "block",
    [b"", b"II", b"junk", exif()[:9], exif((0x0112, 2, 2, b"6\0\0\0")), exif(turned(99))],
)
@pytest.mark.parametrize("kind", WITH_EXIF)
def test_exif_data_that_name_no_orientation_turn_nothing(kind: str, block: bytes) -> None:
    assert (pixels_of(WITH_EXIF[kind](block)) == pixels_of(PLAIN[kind])).all()


ODD_FILES = {
    "photoshop": jpeg_with(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4")),
    "no profile": jpeg_with(segment(0xE2, b"ICC_PROFILE\0")),
    "no jfif": jpeg_with(segment(0xE0, b"JFIF")),
    "no adobe": jpeg_with(segment(0xEE, b"Adobe")),
    "no pictures": jpeg_with(segment(0xE2, b"MPF\0" + exif((0xB001, 4, 1, b"\2\0\0\0")))),
    "sum": png_with(chunk(b"tEXt", b"Title\0x")[:-4] + b"sums"),
    "sum of exif": png_with(chunk(b"eXIf", exif(turned(1)))[:-4] + b"sums"),
    "packed": png_with(chunk(b"zTXt", b"Title\0\7x")),
    "bomb": png_with(chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(80 << 20)))),
    "profile": png_with(chunk(b"iCCP", b"x\0\7x")),
    "short profile": png_with(chunk(b"iCCP", b"x")),
    "gamma": png_with(chunk(b"gAMA", b"x")),
    "size": png_with(chunk(b"pHYs", b"x")),
    "tiff text": tiff_with((296, 3, 1, b"\3\0\0\0"), (282, 2, 4, b"300\0"), (283, 2, 4, b"300\0")),
    "tiff beyond": tiff_with((270, 2, 99, struct.pack("<L", 1 << 30))),
    "tiff huge": tiff_with((700, 5, 0xFFFFFFFF, struct.pack("<L", 8))),
    "tiff exif": tiff_with((0x8769, 4, 1, struct.pack("<L", 1 << 30))),
}


@pytest.mark.parametrize("oddity", ODD_FILES)
def test_other_odd_metadata_leave_the_picture(oddity: str) -> None:
    data = ODD_FILES[oddity]
    kind = next(kind for kind in ("JPEG", "PNG", "TIFF") if data[:2] == PLAIN[kind][:2])
    assert (pixels_of(data) == pixels_of(PLAIN[kind])).all()
    if kind != "TIFF":  # Scryfall serves none
        assert check_bytes(data) == PICTURE.size


def test_a_damaged_block_beside_the_orientation_does_not_hide_it() -> None:
    for data in (
        jpeg_with(segment(0xE1, b"Exif\0\0" + exif(turned(6))), segment(0xE0, b"JFIF")),
        png_with(chunk(b"gAMA", b"x"), chunk(b"eXIf", exif(turned(6)))),
        tiff_with(turned(6), (270, 2, 99, struct.pack("<L", 1 << 30))),
    ):
        assert open_picture(data).size == PICTURE.size[::-1]


UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: np.rot90(pixels, 2),
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}


def gives_xmp(kind: str) -> bool:
    """Whether this Pillow tells of it: before 11, it did not of JPEG's."""
    with Image.open(io.BytesIO(WITH_XMP[kind](b"<x/>"))) as picture:
        picture.load()
        return not picture.info.keys().isdisjoint({"xmp", "XML:com.adobe.xmp"})


@pytest.mark.parametrize("value", UPRIGHT)
@pytest.mark.parametrize("order", "<>")
def test_all_orientations_are_honoured(value: int, order: str) -> None:
    block = exif(turned(value, order), order=order)
    named = f'<x tiff:Orientation="{value}"/>'.encode()
    profile = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    files = [(kind, with_exif(block)) for kind, with_exif in WITH_EXIF.items()]
    files += [(kind, with_xmp(named)) for kind, with_xmp in WITH_XMP.items() if gives_xmp(kind)]
    files += [
        ("TIFF", tiff_with(turned(value))),
        ("PNG", png_with(chunk(b"tEXt", b"Raw profile type exif\0" + profile))),
    ]
    for kind, data in files:
        assert (pixels_of(data) == UPRIGHT[value](pixels_of(PLAIN[kind]))).all()


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_odd_metadata_of_phones_newer_formats_leave_the_picture(kind: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip("this Pillow writes no AVIF")
    plain = pixels_of(saved(kind, quality=90))
    marked = saved(kind, quality=90, exif=exif((0x010E, 2, 4, b"abc\0")), xmp=b"<x/>")
    place = marked.index(b"II*\0")
    for block in (b"junk", b"MM\0\0junkjunk", b"\xff" * 20):
        odd = marked[:place] + block + marked[place + len(block) :]
        assert (pixels_of(odd) == plain).all()


@settings(max_examples=150)
@given(st.sampled_from(sorted(WITH_EXIF)), st.sampled_from(["exif", "xmp", "icc"]), st.data())
def test_no_metadata_make_a_picture_unreadable(kind: str, where: str, data: st.DataObject) -> None:
    noise = st.binary(max_size=200)
    text = st.builds(bytes.__add__, st.sampled_from([b"", b"<x tiff:Orientation="]), noise)
    entries = st.lists(
        st.tuples(
            st.sampled_from([0x010F, 0x0112, 0x011A, 0x0128, 0x02BC, 0x8769, 0x8825, 0xA000]),
            st.integers(0, 14),
            st.sampled_from([0, 1, 2, 5, 99, 0x7FFFFFFF, 0xFFFFFFFF]),
            st.binary(min_size=4, max_size=4),
        )
    )
    blocks = st.builds(lambda some, tail: exif(*some, tail=tail), entries, noise) | noise
    if where == "exif":
        odd = WITH_EXIF[kind](data.draw(blocks))
    elif where == "xmp":
        odd = WITH_XMP[kind](data.draw(text))
    else:
        profile = data.draw(noise)
        odd = {
            "JPEG": lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0" + profile)),
            "PNG": lambda: png_with(chunk(b"iCCP", profile)),
            "WEBP": lambda: webp_with(b"ICCP", profile),
        }[kind]()
    right, found = pixels_of(PLAIN[kind]), pixels_of(odd)
    ways = [turn(right) for turn in UPRIGHT.values()]
    assert any(way.shape == found.shape and (way == found).all() for way in ways)
    assert check_bytes(odd) == PICTURE.size


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([269, 270, 282, 283, 296, 306, 315, 700, 33723, 34377, 34675, 0x8769]),
            st.integers(0, 14),
            st.sampled_from([0, 1, 2, 5, 99, 0x7FFFFFFF, 0xFFFFFFFF]),
            st.binary(min_size=4, max_size=4),
        ),
        unique_by=lambda entry: entry[0],
    )
)
def test_no_tags_make_a_tiff_file_unreadable(entries: list[tuple[int, int, int, bytes]]) -> None:
    assert (pixels_of(tiff_with(*entries)) == pixels_of(PLAIN["TIFF"])).all()


@pytest.mark.parametrize("kind", PLAIN)
def test_damaged_pixels_remain_an_error_whatever_the_metadata(kind: str, tmp_path: Path) -> None:
    odd = {
        "JPEG": jpeg_with(segment(0xE0, b"JFIF")),
        "PNG": png_with(chunk(b"gAMA", b"x")),
        "WEBP": webp_with(b"EXIF", b"junk"),
        "TIFF": tiff_with((270, 2, 99, struct.pack("<L", 1 << 30))),
    }[kind]
    cut = odd[: len(odd) // 2]
    if kind == "TIFF":  # its tags come last
        start = 8 + PICTURE.width * PICTURE.height
        cut = odd[:8] + struct.pack("<L", 9) + odd[12:start]
    path = tmp_path / "cut"
    path.write_bytes(cut)
    for source in (cut, path):
        with pytest.raises(ImageError):
            open_picture(source)
