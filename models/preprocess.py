"""The image contract: how the bytes of a photo become the square every model sees.

Photo -> upright RGB -> largest centred square -> antialiased bilinear resize -> uint8. Training,
export, the robot and the phones all follow it, so every step is exact: `resize` is integer
arithmetic in effect, the same on every machine, and equal to Pillow's. Only `decode` needs
OpenCV; a robot that gets frames from its camera needs NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files import read_bytes
from models.image_header import ImageHeader, read_header
from models.progress import track

MIN_SIDE = 32
MAX_SIDE = 16_384
MAX_PIXELS = 2**28

# What every OpenCV build decodes. Others would be read on one machine and not on the next.
_DECODABLE = frozenset({"jpeg", "png", "webp", "bmp"})

# Phones take these; some OpenCV builds decode them, those on PyPI do not.
_WHERE_OPENCV_CAN = frozenset({"heic", "avif"})

# Weights are multiples of 2**-22, as in Pillow: sums of them times 8-bit levels are exact.
_WEIGHT_UNIT = float(2**22)

# Input pixels per step of the resize: few enough to stay in the cache and skip most zero weights.
_STRIDE = 64


def load_photo(path: Path, size: int) -> NDArray[np.uint8]:
    """Read a photo file into the square a model takes.

    Args:
        path: A JPEG, PNG, WebP or BMP file.
        size: Side of the result in pixels, at least 1.

    Returns:
        RGB uint8 [size, size, 3], contiguous, levels 0 to 255.

    Raises:
        InputError: The file cannot be read, or `decode` refuses it.
        ValueError: `size` is less than 1.
    """
    return prepare(decode(read_bytes(path), str(path)), size)


def load_photos(paths: Sequence[Path], size: int, what: str = "read photos") -> NDArray[np.uint8]:
    """Many photos as `load_photo` reads them, [N, size, size, 3], behind a progress bar."""
    return np.stack([load_photo(path, size) for path in track(paths, len(paths), what)])


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a photo to upright RGB.

    The EXIF orientation is applied. Alpha is dropped, not blended: a transparent pixel shows the
    colour stored under it. Of 16-bit levels the high byte is kept. Grey and CMYK become RGB, CMYK
    by Adobe's inverted convention. Colour profiles are ignored. Of an animation the first frame
    is taken.

    Args:
        data: The whole encoded file.
        name: What to call the photo in errors, such as its path.

    Returns:
        RGB uint8 [H, W, 3], contiguous, levels 0 to 255, MIN_SIDE <= H, W <= MAX_SIDE.

    Raises:
        InputError: The data is empty, in no format read here, outside the size limits (told from
            the header, before anything is allocated; of HEIC and AVIF, which some builds of
            OpenCV read, once decoded), cut short or damaged; or OpenCV is missing.
    """
    header = _checked_header(data, name)
    try:
        import cv2  # Late: a robot may have no OpenCV.
    except ImportError as error:
        raise InputError(
            f"{name}: photos are decoded by OpenCV, which does not load ({error}); "
            "run: pip install bombus[app]"
        ) from error

    # The errors below say it better than OpenCV's own lines. The level is not put back: it belongs
    # to the process, and other threads may be decoding too.
    cv2.setLogLevel(0)
    try:
        bgr = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        bgr = None
    if bgr is None and header.format in _WHERE_OPENCV_CAN:
        raise InputError(
            f"{name}: {header.format.upper()} photos are not read by this OpenCV; "
            "convert it to JPEG"
        )
    if bgr is None:
        raise InputError(
            f"{name}: the {header.format} data is damaged and cannot be decoded; "
            "copy or export the photo again"
        )
    _check_size(bgr.shape[1], bgr.shape[0], name)
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return np.ascontiguousarray(_upright(rgb, header.orientation))


def prepare(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Cut the centred square out of an image and resize it.

    Args:
        image: RGB uint8 [H, W, 3], H and W at least 1.
        size: Side of the result in pixels, at least 1.

    Returns:
        RGB uint8 [size, size, 3], contiguous, levels 0 to 255.

    Raises:
        ValueError: The image is not uint8 [H, W, 3], or `size` is less than 1.
    """
    return resize(centre_square(image), size)


def centre_square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest centred square, from offset (long - short) // 2 along the longer side.

    Args:
        image: uint8 [H, W, 3].

    Returns:
        A view, uint8 [S, S, 3] with S = min(H, W).
    """
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def resize(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize a square image with an antialiased bilinear (triangle) filter.

    Equal, level for level, to Pillow's `Image.resize((size, size), BILINEAR)`. Written out, with
    all real numbers IEEE doubles, for output pixel i of o from n input pixels along one axis:

        s = n / o;  f = max(s, 1);  c = (i + 0.5) * s
        taps x from max(0, trunc(c - f + 0.5)) to min(n, trunc(c + f + 0.5)) - 1
        v[x] = max(0, 1 - abs(x - c + 0.5) / f)
        w[x] = floor(v[x] / sum(v) * 2**22 + 0.5)               (an integer)
        out  = floor((sum(w[x] * in[x]) + 2**21) / 2**22)       (an integer, 0 to 255)

    The rows are resized first (along x) and rounded to 8 bits as above, then the columns (along
    y), every channel by itself. All sums stay below 2**31. If o = n the image is left as it is.

    Args:
        image: uint8 [N, N, 3], N at least 1; it need not be contiguous.
        size: Side of the result in pixels, at least 1.

    Returns:
        uint8 [size, size, 3], contiguous; the image itself if it is all that already.

    Raises:
        ValueError: The image is not a square of that kind, or `size` is less than 1.
    """
    side = len(image)
    if image.dtype != np.uint8 or image.shape != (side, side, 3) or side < 1:
        raise ValueError(f"resize takes uint8 [N, N, 3], not {image.dtype} {image.shape}")
    if size < 1:
        raise ValueError(f"resize makes 1 pixel or more, not {size}")
    if size == side:
        return np.ascontiguousarray(image)
    rows = _resample(image, size)
    return _resample(rows.reshape(side, size * 3), size).reshape(size, size, 3)


def _checked_header(data: bytes, name: str) -> ImageHeader:
    """The header of a photo worth handing to a decoder; else InputError, as `decode` says."""
    if not data:
        raise InputError(f"{name}: the file is empty (0 bytes); copy or export the photo again")
    header = read_header(data)
    if header is None:
        raise InputError(
            f"{name}: not a photo in a known format; give a JPEG, PNG, WebP or BMP file"
        )
    if header.format in _WHERE_OPENCV_CAN:
        return header  # its size is known once it is decoded
    if header.format not in _DECODABLE:
        raise InputError(
            f"{name}: {header.format.upper()} photos are not read here; convert it to JPEG"
        )
    if header.width is not None and header.height is not None:
        _check_size(header.width, header.height, name)
    if not header.complete or header.width is None:
        raise InputError(
            f"{name}: the {header.format} data is cut short at {len(data)} bytes; "
            "copy or export the photo again"
        )
    return header


def _check_size(width: int, height: int, name: str) -> None:
    """Raise `InputError` for a photo beyond the limits."""
    shape = f"{width} x {height} pixels"
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"{name}: {shape} is too large; the limit is {MAX_SIDE} a side and "
            f"{MAX_PIXELS} in all: scale it down"
        )
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"{name}: {shape} is too small; the limit is {MIN_SIDE} a side: give a larger photo"
        )


def _upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A view of [H, W, 3] turned as an EXIF orientation of 1 to 8 asks."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _resample(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize the last axis but one, [..., n, k] to [..., size, k], both uint8."""
    n = image.shape[-2]
    result = np.empty((*image.shape[:-2], size, image.shape[-1]), np.uint8)
    step = min(max(_STRIDE * size // n, 1), _STRIDE)
    for start in range(0, size, step):
        first, weights = _weights(n, size, np.arange(start, min(start + step, size)))
        taps = image[..., first : first + weights.shape[1], :].astype(np.float64)
        # Storing as uint8 cuts off the fraction, so adding a half rounds.
        result[..., start : start + step, :] = weights @ taps + 0.5
    return result


def _weights(n: int, size: int, outputs: NDArray[np.int_]) -> tuple[int, NDArray[np.float64]]:
    """The filter of neighbouring output pixels, as `resize` defines it.

    Args:
        n: Input pixels.
        size: Output pixels.
        outputs: Consecutive output pixels, int [b].

    Returns:
        The first input pixel any of them uses, and weights float64 [b, m] on the m pixels from it.
    """
    scale = n / size
    reach = max(scale, 1.0)
    centres = (outputs[:, None] + 0.5) * scale
    first = np.maximum(np.trunc(centres - reach + 0.5), 0)
    last = np.minimum(np.trunc(centres + reach + 0.5), n)
    x = np.arange(first[0, 0], last[-1, 0])
    weights = np.maximum(1 - np.abs(x - centres + 0.5) / reach, 0) * ((x >= first) & (x < last))
    weights /= weights.sum(axis=1, keepdims=True)
    return int(first[0, 0]), np.floor(weights * _WEIGHT_UNIT + 0.5) / _WEIGHT_UNIT
