"""Metadata of picture files: read the orientation, drop the rest if it is damaged.

Cameras, phones and editors write EXIF, XMP and colour profiles of every kind, and Pillow refuses
some pictures because of them. None of this changes a pixel, so a refused file is read again without
it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112
"""The tag of the orientation, in EXIF and TIFF."""
_EXIF = b"Exif\0\0"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_TIFF_PIXELS = frozenset(
    # Size, bits, compression, colours, strips, tiles, JPEG tables: TIFF 6.0 and its supplements.
    (
        *(254, 255, 256, 257, 258, 259, 262, 266, 273, _ORIENTATION, 277, 278, 279, 284, 292, 293),
        *(317, 320, 322, 323, 324, 325, 332, 338, 339, 347, 512, 513, 514, 529, 530, 531, 532),
    )
)
_SHORT, _LONG = 3, 4
"""TIFF's numbers for values of 2 and of 4 bytes."""
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What turns a picture upright, by its orientation (EXIF 2.3): names of Pillow's `Transpose`."""


def upright(picture: Image.Image) -> Image.Image:
    """Turn a picture upright, by its EXIF or XMP data.

    Only the orientation tag is read, so damage elsewhere in the data does not matter.
    """
    from PIL import Image

    picture.load()
    turn = _TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(Image.Transpose[turn])


def without_metadata(data: bytes) -> bytes | None:
    """A copy of a picture file with only its pixels and orientation; None if that is the same."""
    bare: bytes | None = None
    try:
        for start, strip in _STRIPPERS.items():
            if data.startswith(start):
                bare = strip(data)
        if data[4:8] == b"ftyp":
            # Decoders ignore items of an unknown type (ISO/IEC 14496-12).
            bare = re.sub(rb"(infe.{8})(?:Exif|mime)", rb"\1none", data, flags=re.DOTALL)
    except (struct.error, IndexError):
        return None
    return None if bare == data else bare


def _orientation(picture: Image.Image) -> int:
    """The orientation in EXIF's numbers; 0 if it is not given."""
    if picture.format == "TIFF":
        try:  # missing if Pillow has already turned the picture
            found = picture.getexif().get(_ORIENTATION)
        except Exception:  # noqa: BLE001 - nearly everything, on hostile files
            return 0
        return found if isinstance(found, int) else 0
    info = picture.info
    exif = info.get("exif") or _exif_of_text(info)
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    if isinstance(xmp, str):
        xmp = xmp.encode("utf-8", "replace")
    return _in_exif(exif) or _in_xmp(xmp)


def _in_exif(exif: bytes) -> int:
    """The orientation in an EXIF block; 0 if there is none."""
    while exif.startswith(_EXIF):
        exif = exif[len(_EXIF) :]
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        (place,) = struct.unpack_from(f"{order}L", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, place)
        for start in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, _ = struct.unpack_from(f"{order}HHL", exif, start)
            if tag == _ORIENTATION and kind in (_SHORT, _LONG):
                form = "H" if kind == _SHORT else "L"
                found = int(struct.unpack_from(order + form, exif, start + 8)[0])
                return found if found in _TURNS else 0
    except (KeyError, struct.error):
        pass
    return 0


def _in_xmp(xmp: bytes) -> int:
    """The orientation in XMP data; 0 if there is none."""
    said = re.search(rb'tiff:Orientation(?:="|>)([1-8])', xmp)
    return int(said[1]) if said else 0


def _exif_of_text(info: Mapping[str | tuple[int, int], Any]) -> bytes:
    """EXIF data as ImageMagick writes them into PNG: hexadecimal, below three heading lines."""
    text = str(info.get("Raw profile type exif", ""))
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _block(exif: bytes, xmp: bytes) -> bytes:
    """A new EXIF block with only the orientation from the given EXIF or XMP data."""
    found = _in_exif(exif) or _in_xmp(xmp)
    return b"II*\0" + struct.pack("<LHHHLHHL", 8, 1, _ORIENTATION, _SHORT, 1, found, 0, 0)


def _strip_jpeg(data: bytes) -> bytes | None:
    kept, place, exif, xmp = [data[:2]], 2, b"", b""
    while True:
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == 0xDA:  # the pixels begin
            break
        (length,) = struct.unpack_from(">H", data, place + 2)
        if not 2 <= length <= len(data) - place - 2:
            return None
        segment = data[place : place + 2 + length]
        place += 2 + length
        body = segment[4:]
        about = 0xE0 <= marker <= 0xEF or marker == 0xFE
        colours = (body.startswith(b"JFIF\0") and length >= 16) or (
            marker == 0xEE and body.startswith(b"Adobe") and length >= 14
        )
        if not about or colours:
            kept.append(segment)
        elif marker == 0xE1 and body.startswith(_EXIF):
            exif += body if not exif else body[len(_EXIF) :]
        elif marker == 0xE1:
            xmp += body
    body = _EXIF + _block(exif, xmp)
    kept.append(b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body)
    return b"".join([*kept, data[place:]])


def _strip_png(data: bytes) -> bytes | None:
    kept, place, exif, xmp = [_PNG], len(_PNG), b"", b""
    while place < len(data):
        (length,) = struct.unpack_from(">L", data, place)
        chunk = data[place : place + 12 + length]
        place += 12 + length
        kind = chunk[4:8]
        if kind in _PNG_PIXELS:
            kept.append(chunk)
        elif kind == b"eXIf":
            exif = chunk[8:-4]
        elif kind == b"iTXt":
            xmp += chunk
    body = b"eXIf" + _block(exif, xmp)
    kept.insert(2, struct.pack(">L", len(body) - 4) + body + struct.pack(">L", zlib.crc32(body)))
    return b"".join(kept)


def _strip_tiff(data: bytes) -> bytes | None:
    order = "<" if data.startswith(b"II") else ">"
    (place,) = struct.unpack_from(f"{order}L", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, place)
    kept = []
    for start in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHL", data, start)
        sound = tag != _ORIENTATION or (kind in (_SHORT, _LONG) and values == 1)
        if tag in _TIFF_PIXELS and sound:
            kept.append(data[start : start + 12])
    # Change it in place: everything else is found by its offset. The zero after the last entry says
    # that no other picture follows.
    head = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + bytes(4)
    return data[:place] + head + data[place + len(head) :]


_STRIPPERS: dict[bytes, Callable[[bytes], bytes | None]] = {
    b"\xff\xd8": _strip_jpeg,
    _PNG: _strip_png,
    b"II*\0": _strip_tiff,
    b"MM\0*": _strip_tiff,
}
