"""The camera of a Pi or a laptop, or a film: frames in, a steady verdict out.

A frame is an upright photo like any other, so it goes through `models.preprocess` as photos do.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.classify import Reading, Recogniser, Verdict, fuse
from models.errors import InputError

TITLE = "bombus: q or Esc closes"
QUIT = {ord("q"), 27}
CONFIDENT = 0.6  # a reading that is this sure of another class starts a new mean; as in the app


@dataclass(frozen=True)
class Frame:
    """A picture with its place in the stream.

    Attributes:
        number: From 0.
        seconds: Since the first frame; of a film, in its own time.
        image: RGB uint8 [H, W, 3].
    """

    number: int
    seconds: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Sighting:
    """What the recogniser makes of the stream up to a frame.

    Attributes:
        verdict: Smoothed over the readings.
        milliseconds: What the frame took, from pixels to probabilities.
    """

    verdict: Verdict
    milliseconds: float


class Watcher:
    """Recognises frames, and smooths what it reads: single frames flicker, flowers do not."""

    def __init__(self, recogniser: Recogniser, top: int = 3) -> None:
        self._recogniser, self._top = recogniser, top
        self._mean: Reading | None = None

    def look(self, image: NDArray[np.uint8]) -> Sighting:
        """The verdict with one more frame, RGB uint8 [H, W, 3]."""
        start = time.perf_counter()
        reading = self._recogniser.read(image)
        milliseconds = 1000 * (time.perf_counter() - start)
        self._mean = smooth(self._mean, reading)
        return Sighting(self._recogniser.verdict(self._mean, self._top), round(milliseconds, 2))


def smooth(mean: Reading | None, reading: Reading) -> Reading:
    """The exponential mean with one more reading; a confident change of class starts anew."""
    best = int(reading.probabilities.argmax())
    sure = reading.probabilities[best] * reading.known >= CONFIDENT
    if mean is None or (sure and best != int(mean.probabilities.argmax())):
        return reading
    return fuse([mean, reading])  # half of what was, half of what is: an exponential mean


def camera_frames(device: str) -> Generator[Frame]:
    """The frames of a camera, for as long as it gives any.

    Args:
        device: Its number, or a path such as /dev/video0.

    Raises:
        InputError: It cannot be opened, or stops.
    """
    name = f"camera {device}"
    capture = _open(int(device) if device.isdecimal() else device)
    if not capture.isOpened():
        raise InputError(
            f"{name}: not there, in use by another program, or not permitted; "
            "check the plug and try another --device"
        )
    start: float | None = None
    for number, image in _images(capture):
        now = time.monotonic()
        start = now if start is None else start
        yield Frame(number, now - start, image)
    raise InputError(f"{name}: gives no more pictures; check the plug and start again")


def film_frames(film: Path) -> Generator[Frame]:
    """The frames of a film, to its end.

    Raises:
        InputError: It is not there, or nothing in it can be shown.
    """
    # A path that is no file could be a stream's address to OpenCV.
    if not film.is_file():
        raise InputError(f"{film}: no such file; check the path")
    capture = _open(str(film.resolve()))
    number = -1
    for number, image in _images(capture):
        yield Frame(number, capture.get(_cv2().CAP_PROP_POS_MSEC) / 1000, image)
    if number < 0:
        raise InputError(f"{film}: no film that OpenCV can read; convert it to MP4 or AVI")


def watch(
    frames: Iterable[Frame], look: Callable[[NDArray[np.uint8]], Sighting], every: float
) -> Generator[tuple[Frame, Sighting | None]]:
    """Each frame, with a sighting where `every` seconds have passed since the last."""
    due = 0.0
    for frame in frames:
        if frame.seconds + 1e-6 < due:
            yield frame, None
        else:
            due = frame.seconds + every
            yield frame, look(frame.image)


def show(
    stream: Iterable[tuple[Frame, Sighting | None]],
) -> Generator[tuple[Frame, Sighting | None]]:
    """Pass a stream on while it is shown in a window, until that is closed.

    Raises:
        InputError: There is no screen, or OpenCV was built without windows.
    """
    cv2 = _cv2()
    linux = sys.platform == "linux"
    # Qt would end the process, where it finds no screen.
    if linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError("no screen here to show the camera on; add --headless")
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise InputError("this OpenCV opens no windows; add --headless") from error
    text = ""
    try:
        for frame, sighting in stream:
            if sighting:
                verdict = sighting.verdict
                text = str(replace(verdict, guesses=verdict.guesses[:1]))
            cv2.imshow(TITLE, _labelled(frame.image, text))
            yield frame, sighting
            asked = cv2.waitKey(1) & 0xFF in QUIT
            if asked or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
                return
    finally:
        cv2.destroyAllWindows()


def _labelled(image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A frame as OpenCV shows it, the text on a dark band at its foot."""
    cv2 = _cv2()
    shown = np.ascontiguousarray(image[:, :, ::-1])
    height, scale = len(shown), max(len(shown) / 480, 0.4)
    shown[height - int(40 * scale) :] //= 3
    place = (int(10 * scale), height - int(12 * scale))
    cv2.putText(shown, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 2)
    return shown


def _cv2() -> Any:
    """OpenCV, or one line on what is missing."""
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            f"cameras are read by OpenCV, which does not load ({error}); "
            "run: pip install bombus[app]"
        ) from error
    return cv2


def _open(source: int | str) -> Any:
    """A `cv2.VideoCapture`."""
    cv2 = _cv2()
    cv2.setLogLevel(0)  # the errors here say it better
    return cv2.VideoCapture(source)


def _images(capture: Any) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Numbered RGB pictures, until there are no more; then the device is free again."""
    number = 0
    try:
        while True:
            there, bgr = capture.read()
            if not there:
                return
            yield number, np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)
            number += 1
    finally:
        capture.release()
