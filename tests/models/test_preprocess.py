"""The image contract: decoding against Pillow, refusals in one line, exact resizing."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from models.errors import InputError
from models.preprocess import MAX_SIDE, MIN_SIDE, centre_square, decode, load_photo, prepare, resize

Levels = NDArray[np.uint8]
CONTENTS = ["gradient", "noise", "checkerboard", "white"]


def content(kind: str, height: int, width: int, seed: int = 0) -> Levels:
    if kind == "noise":
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    y, x = np.mgrid[:height, :width]
    channels = {
        "gradient": (x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)),
        "checkerboard": ((x // 3 + y // 3) % 2 * 255,) * 3,
        "white": (np.full_like(x, 255),) * 3,
    }
    return np.asarray(np.stack(channels[kind], -1), np.uint8)


def photo(width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(content("gradient", height, width))


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def pillow(data: bytes) -> Levels:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(image.convert("RGB"), np.uint8)


def deviation(a: Levels, b: Levels) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        decode(data, "x.jpg")
    message = str(caught.value)
    assert message.startswith("x.jpg: ")
    assert "\n" not in message
    return message


def png_of_size(width: int, height: int) -> bytes:
    def chunk(name: bytes, payload: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + payload))
        return struct.pack(">I", len(payload)) + name + payload + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    chunks = (b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    data = encode(photo(), format, exif=exif, **options)
    image = decode(data, "x")
    assert image.shape == ((64, 48, 3) if orientation >= 5 else (48, 64, 3))
    assert image.flags.c_contiguous
    assert deviation(image, pillow(data)) <= (2 if format == "JPEG" else 0)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGBA"])
def test_png_modes_become_rgb(mode: str) -> None:
    data = encode(photo().quantize(16) if mode == "P" else photo().convert(mode), "PNG")
    assert deviation(decode(data, "x"), pillow(data)) == 0


@pytest.mark.parametrize(
    ("format", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})]
)
def test_alpha_is_dropped_not_blended(format: str, options: dict[str, object]) -> None:
    image = photo()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    assert deviation(decode(encode(image, format, **options), "x"), np.asarray(photo())) == 0


def test_16_bits_become_8() -> None:
    levels = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    image = decode(encode(Image.fromarray(levels), "PNG"), "x")
    assert deviation(image[..., 0], (levels >> 8).astype(np.uint8)) == 0


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_jpeg_grey_and_progressive(options: dict[str, object]) -> None:
    for image in (photo(), photo().convert("L")):
        data = encode(image, "JPEG", **options)
        assert deviation(decode(data, "x"), pillow(data)) <= 2


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_jpeg(adobe: bool) -> None:
    y, x = np.mgrid[:48, :64]
    inks = np.stack([x * 4, y * 5, (x + y) * 2, (63 - x) * 2], -1).astype(np.uint8)
    data = encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=98)
    assert data[6:11] == b"Adobe"
    if not adobe:
        data = data[:2] + data[18:]
    assert deviation(decode(data, "x"), pillow(data)) <= 4


def test_no_photo() -> None:
    assert "the file is empty" in refusal(b"")
    for data in (b"roses are red\n", b"BM is how this text begins", b"\0" * 500):
        assert "not a photo in a known format" in refusal(data)


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF"),
        (encode(photo(), "TIFF"), "TIFF"),
        (encode(photo(), "GIF"), "GIF"),
    ],
)
def test_other_formats_are_named(data: bytes, format: str) -> None:
    message = refusal(data)
    assert format in message
    assert "convert it to JPEG" in message


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (MIN_SIDE - 1, 500), (500, MIN_SIDE - 1)])
def test_too_small(format: str, width: int, height: int) -> None:
    assert f"{width} x {height} pixels is too small" in refusal(
        encode(photo(width, height), format)
    )


def test_smallest_and_longest_are_read() -> None:
    image = photo(MAX_SIDE, MIN_SIDE)
    assert decode(encode(image, "BMP"), "x").shape == (MIN_SIDE, MAX_SIDE, 3)


def test_too_large_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)  # Reaching the decoder would say so.
    for format in ("PNG", "JPEG"):
        assert "20000 x 40 pixels is too large" in refusal(encode(photo(20_000, 40), format))
    assert "too large" in refusal(png_of_size(100_000, 100_000))
    assert "too large" in refusal(png_of_size(2**32 - 1, 40))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("part", [0.004, 0.1, 0.5, 0.9, 0.99])
def test_cut_short(format: str, part: float) -> None:
    data = encode(Image.fromarray(content("noise", 60, 80)), format)
    cut = data[: int(len(data) * part)]
    assert f"cut short at {len(cut)} bytes" in refusal(cut)


def test_damaged_inside(capfd: pytest.CaptureFixture[str]) -> None:
    assert "damaged" in refusal(png_of_size(64, 64))
    capfd.readouterr()  # libpng prints a line of its own.
    data = bytearray(encode(photo(), "BMP"))
    data[30:34] = b"\x7f" * 4  # No such compression.
    assert "damaged" in refusal(bytes(data))
    assert capfd.readouterr().err == ""


def test_no_exception_of_opencv_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", Mock(side_effect=cv2.error("Insufficient memory")))
    assert "cannot be decoded" in refusal(encode(photo(), "PNG"))


@given(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]), st.data())
@settings(deadline=None, max_examples=150)
def test_damaged_photos_give_an_image_or_an_input_error(format: str, draw: st.DataObject) -> None:
    data = bytearray(encode(photo(), format))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with suppress(InputError):
        image = decode(bytes(data), "x.jpg")
        assert image.dtype == np.uint8
        assert image.shape[2:] == (3,)


def test_missing_opencv_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "pip install bombus[app]" in refusal(encode(photo(), "PNG"))


def test_resizing_loads_no_opencv() -> None:
    code = (
        "import sys, numpy; from models.preprocess import prepare; "
        "prepare(numpy.zeros((50, 40, 3), numpy.uint8), 32); assert 'cv2' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.mark.parametrize(
    ("height", "width", "top", "left"),
    [(4, 4, 0, 0), (4, 7, 0, 1), (7, 4, 1, 0), (4, 8, 0, 2), (5, 6, 0, 0)],
)
def test_centre_square(height: int, width: int, top: int, left: int) -> None:
    image = content("noise", height, width)
    square = centre_square(image)
    side = min(height, width)
    assert square.shape == (side, side, 3)
    assert np.shares_memory(square, image)
    assert np.array_equal(square[0, 0], image[top, left])


@given(st.integers(1, 400), st.integers(1, 300), st.sampled_from(CONTENTS), st.integers(0, 99))
@settings(deadline=None, max_examples=150)
def test_resize_equals_pillow(n: int, size: int, kind: str, seed: int) -> None:
    image = content(kind, n, n, seed)
    expected = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
    assert deviation(resize(image, size), expected) == 0


@pytest.mark.parametrize("kind", ["gradient", "noise"])
def test_phone_photo_equals_pillow(kind: str) -> None:
    image = content(kind, 3024, 4032)
    square = Image.fromarray(image).crop((504, 0, 504 + 3024, 3024))
    expected = np.asarray(square.resize((224, 224), Image.Resampling.BILINEAR))
    assert deviation(prepare(image, 224), expected) == 0


def test_resize_as_its_docstring_says() -> None:
    n, o = 37, 9
    line = content("noise", 1, n)[0, :, 0].tolist()
    image = np.broadcast_to(np.array(line, np.uint8)[:, None], (n, n, 3))
    s = n / o
    f = max(s, 1)
    for i, pixel in enumerate(resize(image, o)[0, :, 0].tolist()):
        c = (i + 0.5) * s
        taps = range(max(0, int(c - f + 0.5)), min(n, int(c + f + 0.5)))
        v = [max(0, 1 - abs(x - c + 0.5) / f) for x in taps]
        w = [int(value / sum(v) * 2**22 + 0.5) for value in v]
        assert pixel == (sum(a * line[x] for a, x in zip(w, taps, strict=True)) + 2**21) >> 22


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 120))
@settings(deadline=None)
def test_prepare_gives_a_contiguous_square(height: int, width: int, size: int) -> None:
    image = content("noise", height, width)
    square = prepare(image, size)
    assert square.dtype == np.uint8
    assert square.shape == (size, size, 3)
    assert square.flags.c_contiguous
    assert np.array_equal(prepare(image, min(height, width)), centre_square(image))


def test_resize_refuses_what_is_no_square() -> None:
    for image in (content("noise", 4, 5), content("noise", 4, 4)[..., 0]):
        with pytest.raises(ValueError, match="takes uint8"):
            resize(image, 8)
    with pytest.raises(ValueError, match="1 pixel or more"):
        resize(content("noise", 4, 4), 0)


def test_load_photo(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encode(photo(100, 60), "PNG"))
    image = load_photo(path, 48)
    assert np.array_equal(image, prepare(np.asarray(photo(100, 60)), 48))


def test_load_photo_names_what_it_cannot_read(tmp_path: Path) -> None:
    text = tmp_path / "note.jpg"
    text.write_text("roses are red", encoding="utf-8")
    for path in (tmp_path / "missing.jpg", tmp_path, text):
        with pytest.raises(InputError) as caught:
            load_photo(path, 32)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
