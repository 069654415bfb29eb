"""The header reader against Pillow's encoders, cut files and arbitrary bytes."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.image_header import ImageHeader, read_header

PREFIXES = [
    b"",
    b"\xff\xd8\xff",
    b"\xff\xd8\xff\xe1\x00\x20Exif\0\0II*\0\x08\0\0\0",
    b"\xff\xd8\xff\xe1\xff\xffExif\0\0MM\0*\0\0\0\x08\xff\xff",
    b"\x89PNG\r\n\x1a\n",
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
    b"RIFF\x40\0\0\0WEBP",
    b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0",
    b"BM\x40\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    b"\0\0\0\x18ftyp",
    b"II*\0",
    b"GIF89a",
]
VARIANTS: list[tuple[str, dict[str, object]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"lossless": False}),
    ("BMP", {}),
]


def photo(width: int = 70, height: int = 40) -> Image.Image:
    levels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(levels)


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def known(data: bytes) -> ImageHeader:
    header = read_header(data)
    assert header is not None
    return header


@pytest.mark.parametrize(("format", "options"), VARIANTS)
@pytest.mark.parametrize(("width", "height"), [(70, 40), (1, 1), (33, 500)])
def test_size_of_a_whole_file(
    format: str, options: dict[str, object], width: int, height: int
) -> None:
    data = encode(photo(width, height), format, **options)
    assert read_header(data) == ImageHeader(format.lower(), width, height, complete=True)


@pytest.mark.parametrize(("format", "options"), VARIANTS)
def test_every_cut_is_incomplete(format: str, options: dict[str, object]) -> None:
    data = encode(photo(), format, **options)
    for end in range(20, len(data) - 1, 7):
        header = read_header(data[:end])
        assert header is None or not header.complete, end


@pytest.mark.parametrize(("format", "options"), VARIANTS)
def test_what_follows_the_image_does_not_matter(format: str, options: dict[str, object]) -> None:
    data = encode(photo(), format, **options)
    assert read_header(data + b"trailer" + data[:50]) == read_header(data)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(format: str, orientation: int) -> None:
    header = known(encode(photo(), format, exif=exif(orientation)))
    assert (header.width, header.height, header.orientation) == (70, 40, orientation)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_malformed_orientation_is_upright(value: int) -> None:
    assert known(encode(photo(), "JPEG", exif=exif(value))).orientation == 1


def test_orientation_in_big_endian_exif() -> None:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"
    data = encode(photo(), "JPEG")
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    assert known(data).orientation == 6


def test_a_jpeg_thumbnail_is_not_the_photo() -> None:
    block = b"Exif\0\0" + encode(photo(16, 16), "JPEG")
    data = encode(photo(), "JPEG")
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    assert known(data) == ImageHeader("jpeg", 70, 40, complete=True)
    assert not known(data[:-2]).complete


def test_two_sizes_of_animated_webp_are_one_canvas() -> None:
    data = encode(photo(), "WEBP", save_all=True, append_images=[photo().rotate(180)])
    assert known(data) == ImageHeader("webp", 70, 40, complete=True)


def test_bmp_rows_top_down_and_os2() -> None:
    data = bytearray(encode(photo(), "BMP"))
    data[22:26] = struct.pack("<i", -40)
    assert known(bytes(data)) == ImageHeader("bmp", 70, 40, complete=True)
    data[14:22] = struct.pack("<IHH", 12, 300, 200)
    assert known(bytes(data)) == ImageHeader("bmp", 300, 200, complete=True)


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (encode(photo(), "GIF"), "gif"),
        (encode(photo(), "TIFF"), "tiff"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "avif"),
    ],
)
def test_formats_known_by_name_only(data: bytes, format: str) -> None:
    assert read_header(data) == ImageHeader(format, None, None, complete=True)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"a text", b"BMW is a car maker.", b"\0\0\0\x18ftypisom", b"RIFF1234WAVE"],
)
def test_no_image(data: bytes) -> None:
    assert read_header(data) is None


@given(st.sampled_from(PREFIXES), st.binary(max_size=300))
@settings(deadline=None, max_examples=400)
def test_arbitrary_bytes_never_raise(prefix: bytes, rest: bytes) -> None:
    header = read_header(prefix + rest)
    if header is not None:
        assert 1 <= header.orientation <= 8
        assert (header.width is None) == (header.height is None)


@given(st.sampled_from(VARIANTS), st.data())
@settings(deadline=None, max_examples=200)
def test_damaged_photos_never_raise(
    variant: tuple[str, dict[str, object]], draw: st.DataObject
) -> None:
    format, options = variant
    data = bytearray(encode(photo(8, 8), format, **options))
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    header = read_header(bytes(data))
    assert header is None or 1 <= header.orientation <= 8


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff" * 5_000_000,
        b"\xff\xd8\xff" + b"\xe1\x00\x14Exif\0\0II*\0\x08\0\0\0\xff\xff\0\0\xff" * 20_000,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0teXt\0\0\0\0" * 50_000,
    ],
)
@pytest.mark.timeout(20)
def test_hostile_headers_take_linear_time(data: bytes) -> None:
    assert not known(data).complete
