"""What the header bytes of a photo say, read before any decoder sees its pixels.

A photo from a stranger may claim a billion pixels, end half way, or be no photo at all. Walking
the few header bytes answers that without allocating anything. The EXIF orientation is read here
too, because OpenCV applies it for some formats and releases and not for others.

No function raises on any bytes: a slice past the end is short, and a short number reads as a
smaller one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Formats told by their first bytes alone: they are named to the user, not decoded.
_NAMED_ONLY = {b"GIF8": "gif", b"II*\0": "tiff", b"MM\0*": "tiff"}
_BRANDS = {b"avif": "avif", b"avis": "avif"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heic"
)

# A marker is the last 0xFF before a code; decoders skip fill bytes and strays, and so do we.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff]")
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0-7, SOI
_JPEG_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # all but DHT, JPG, DAC
_JPEG_APP1, _JPEG_SOS, _JPEG_EOI = 0xE1, 0xDA, 0xD9
_EXIF_PREFIX = b"Exif\0\0"

_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class ImageHeader:
    """The header of one photo.

    Attributes:
        format: "jpeg", "png", "webp", "bmp", "gif", "tiff", "heic" or "avif".
        width: Stored pixels per row, before the orientation is applied; None where the header
            does not tell, and always for gif, tiff, heic and avif.
        height: Stored rows, likewise.
        complete: False if the file ends before its format says; True where that is unknown.
        orientation: EXIF orientation, 1 to 8; 1 (upright) where there is none.
    """

    format: str
    width: int | None
    height: int | None
    complete: bool
    orientation: int = 1


def read_header(data: bytes) -> ImageHeader | None:
    """Read the format, size, completeness and orientation of an encoded photo.

    Args:
        data: The whole file, any bytes of any length.

    Returns:
        The header, or None if the bytes are in no image format known here.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_PNG_SIGNATURE):
        return _png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    # Any text may start with "BM": the header length that follows tells a bitmap from it.
    if data.startswith(b"BM") and _number(data, 14, 4, "little") in (12, 40, 52, 56, 64, 108, 124):
        return _bmp(data)
    named = _BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else _NAMED_ONLY.get(data[:4])
    return ImageHeader(named, None, None, complete=True) if named else None


def _number(data: bytes, at: int, count: int, order: Literal["little", "big"]) -> int:
    """The unsigned integer in `count` bytes from `at`; bytes past the end are left out."""
    return int.from_bytes(data[at : at + count], order)


def _jpeg(data: bytes) -> ImageHeader:
    width = height = None
    complete, orientation, position = False, 1, 2
    while marker := _JPEG_MARKER.search(data, position):
        position = marker.end()
        code = data[position - 1]
        if code == _JPEG_EOI:
            break
        if code in _JPEG_WITHOUT_LENGTH:
            continue
        if code == _JPEG_SOS:
            # A thumbnail's EOI lies in a segment before this scan, a phone's extras after ours.
            complete = data.find(b"\xff\xd9", position) >= 0
            break
        end = position + _number(data, position, 2, "big")
        payload = data[position + 2 : end]
        if code in _JPEG_SOF and len(payload) >= 5:
            height, width = _number(payload, 1, 2, "big"), _number(payload, 3, 2, "big")
        elif code == _JPEG_APP1 and payload.startswith(_EXIF_PREFIX):
            orientation = _orientation(payload)
        position = max(position, end)
    return ImageHeader("jpeg", width, height, complete, orientation)


def _png(data: bytes) -> ImageHeader:
    width = height = None
    complete, orientation = False, 1
    # A chunk: length, name, payload, checksum.
    position = len(_PNG_SIGNATURE)
    while (start := position + 8) <= len(data):
        name, length = data[position + 4 : start], _number(data, position, 4, "big")
        position = start + length + 4
        if position > len(data):
            break
        if name == b"IHDR" and length >= 8:
            width, height = _number(data, start, 4, "big"), _number(data, start + 4, 4, "big")
        elif name == b"eXIf":
            orientation = _orientation(data[start : start + length])
        elif name == b"IEND":
            complete = True
            break
    return ImageHeader("png", width, height, complete, orientation)


def _webp(data: bytes) -> ImageHeader:
    width = height = None
    complete, orientation = len(data) >= 8 + _number(data, 4, 4, "little"), 1
    for name, payload in _riff_chunks(data):
        if name == b"EXIF":
            orientation = _orientation(payload)
        elif width is not None:
            continue  # The first chunk with a size is the canvas; the rest are its frames.
        elif name == b"VP8X" and len(payload) >= 10:
            width = 1 + _number(payload, 4, 3, "little")
            height = 1 + _number(payload, 7, 3, "little")
        elif name == b"VP8L" and len(payload) >= 5:
            bits = _number(payload, 1, 4, "little")
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif name == b"VP8 " and len(payload) >= 10:
            # The two bits above each side are a display hint, not a part of the size.
            width = _number(payload, 6, 2, "little") & 0x3FFF
            height = _number(payload, 8, 2, "little") & 0x3FFF
    return ImageHeader("webp", width, height, complete, orientation)


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and payload of each chunk; the last payload is short in a file cut off."""
    position = 12
    while (start := position + 8) <= len(data):
        length = _number(data, position + 4, 4, "little")
        yield data[position : position + 4], data[start : start + length]
        position = start + length + length % 2


def _bmp(data: bytes) -> ImageHeader:
    complete = len(data) >= _number(data, 2, 4, "little")
    if len(data) < 26:
        return ImageHeader("bmp", None, None, complete=False)
    if _number(data, 14, 4, "little") == 12:  # The OS/2 header has short sides.
        return ImageHeader(
            "bmp", _number(data, 18, 2, "little"), _number(data, 20, 2, "little"), complete
        )
    # A negative height says that the rows come top down.
    height = int.from_bytes(data[22:26], "little", signed=True)
    return ImageHeader("bmp", _number(data, 18, 4, "little"), abs(height), complete)


def _orientation(exif: bytes) -> int:
    """The orientation tag, 1 to 8, of an EXIF block; 1 if it is absent or malformed."""
    tiff = exif.removeprefix(_EXIF_PREFIX)
    order: Literal["little", "big"] = "big" if tiff.startswith(b"MM") else "little"
    directory = _number(tiff, 4, 4, order)
    # Fewer entries fit than a malformed count may claim; reading those would take for ever.
    for entry in range(min(_number(tiff, directory, 2, order), len(tiff) // 12)):
        at = directory + 2 + 12 * entry
        if _number(tiff, at, 2, order) == _ORIENTATION_TAG:
            value = _number(tiff, at + 8, 2, order)
            return value if 1 <= value <= 8 else 1
    return 1
