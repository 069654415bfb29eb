"""`bombus app camera`: films that we write, a camera and a window that we play."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.camera import (
    Frame,
    Sighting,
    Watcher,
    camera_frames,
    film_frames,
    show,
    smooth,
    watch,
)
from models.classify import Guess, Reading, Recogniser, Verdict
from models.errors import InputError
from models.preprocess import MIN_SIDE, prepare
from tests.preprocess_vectors import FOLDER, VECTORS, fingerprints, read_pixels
from tests.tiny_bundles import LABELS, SIZE, logits_of, write_tiny

Bombus = Callable[..., tuple[int, str, str]]
Image = NDArray[np.uint8]
ANT, BEE = (250, 20, 60), (10, 250, 30)  # colours that the tiny classifier knows by


def write_film(path: Path, images: list[Image], codec: str = "MJPG", fps: float = 10) -> Path:
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for image in images:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def noise(count: int, shape: tuple[int, int] = (90, 120)) -> list[Image]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (*shape, 3), np.uint8) for _ in range(count)]


def plain(colour: tuple[int, int, int], count: int) -> list[Image]:
    return [np.full((64, 96, 3), colour, np.uint8)] * count


@pytest.fixture
def recogniser(tmp_path: Path) -> Recogniser:
    return Recogniser(write_tiny(tmp_path / "tiny"))


def test_frames_come_as_they_were_filmed(tmp_path: Path) -> None:
    images = noise(5)
    frames = list(film_frames(write_film(tmp_path / "film.avi", images, "FFV1")))
    assert [f.number for f in frames] == [0, 1, 2, 3, 4]
    assert [f.seconds for f in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    for frame, image in zip(frames, images, strict=True):
        assert np.array_equal(frame.image, image)  # RGB again: FFV1 loses nothing
        assert frame.image.flags.c_contiguous


@pytest.mark.parametrize("shape", [(48, 64), (90, 120), (240, 136), (480, 640)])
def test_the_model_sees_what_it_sees_of_photos(
    tmp_path: Path,
    recogniser: Recogniser,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, int],
) -> None:
    (image,) = noise(1, shape)
    seen: list[Image] = []
    run = recogniser._runner.run

    def listen(feeds: Mapping[str, Image]) -> dict[str, NDArray[Any]]:
        seen.append(feeds["image"])
        return run(feeds)

    monkeypatch.setattr(recogniser._runner, "run", listen)
    (frame,) = film_frames(write_film(tmp_path / "film.avi", [image], "FFV1"))
    sighting = Watcher(recogniser).look(frame.image)
    (tensor,) = seen
    assert tensor.dtype == np.uint8
    assert np.array_equal(tensor[0], prepare(image, SIZE))
    expected = np.exp(logits_of(tensor[0]))
    expected /= expected.sum()
    for guess in sighting.verdict.guesses:
        assert guess.confidence == pytest.approx(expected[LABELS.index(guess.label)], abs=1e-5)


def can_be_filmed(photo: Mapping[str, Any]) -> bool:
    """The sides of a film are even."""
    sides = photo["width"], photo["height"]
    return min(sides) >= MIN_SIDE and not any(side % 2 for side in sides)


FILMED = [photo for photo in json.loads(VECTORS.read_text())["photos"] if can_be_filmed(photo)]
assert len(FILMED) >= 8


@pytest.mark.parametrize("photo", FILMED, ids=lambda photo: str(photo["file"]))
def test_frames_are_prepared_as_the_shared_vectors_say(
    photo: dict[str, Any], tmp_path: Path
) -> None:
    image = read_pixels(FOLDER / photo["upright"])
    (frame,) = film_frames(write_film(tmp_path / "film.avi", [image], "FFV1"))
    assert fingerprints(frame.image) == photo["sha256"]


def reading(*probabilities: float, known: float = 1.0) -> Reading:
    return Reading(np.array(probabilities), known)


def test_readings_are_smoothed() -> None:
    first = reading(0.6, 0.3, 0.1, known=0.8)
    assert smooth(None, first) is first
    second = smooth(first, reading(0.8, 0.1, 0.1, known=0.4))
    assert second.probabilities == pytest.approx([0.7, 0.2, 0.1])
    assert second.known == pytest.approx(0.6)
    doubtful = smooth(second, reading(0.3, 0.4, 0.3))  # another class, without confidence
    assert doubtful.probabilities == pytest.approx([0.5, 0.3, 0.2])
    other = reading(0.2, 0.7, 0.1, known=0.9)
    assert smooth(doubtful, other) is other
    stranger = reading(0.8, 0.1, 0.1, known=0.5)  # sure, were it one of the classes
    assert smooth(other, stranger).probabilities == pytest.approx([0.5, 0.4, 0.1])


def frames_at(*seconds: float) -> list[Frame]:
    return [Frame(i, s, np.zeros((32, 32, 3), np.uint8)) for i, s in enumerate(seconds)]


SIGHTING = Sighting(Verdict("unsure", 1.0, (Guess("bee", 0.4), Guess("ant", 0.3))), 1.0)


@pytest.mark.parametrize(
    ("every", "looked_at"), [(0, [0, 1, 2, 3, 4]), (0.2, [0, 2, 4]), (0.25, [0, 3]), (9, [0])]
)
def test_looks_every_so_often(every: float, looked_at: list[int]) -> None:
    frames = frames_at(0, 0.1, 0.2, 0.1 + 0.2, 0.4)
    stream = list(watch(frames, lambda image: SIGHTING, every))
    assert [f for f, _ in stream] == frames
    assert [f.number for f, sighting in stream if sighting] == looked_at


class Camera:
    """What OpenCV gives for a camera that gives three pictures."""

    def __init__(self, source: object) -> None:
        self.source, self.left, self.released = source, 3, False
        opened.append(self)

    def isOpened(self) -> bool:
        return self.source != 7

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return self.left >= 0, np.full((48, 64, 3), ANT[::-1], np.uint8)

    def release(self) -> None:
        self.released = True


opened: list[Camera] = []


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> list[Camera]:
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    opened.clear()
    return opened


def test_a_camera_that_is_unplugged(camera: list[Camera]) -> None:
    frames = camera_frames("0")
    seen = [next(frames) for _ in range(3)]
    assert [f.number for f in seen] == [0, 1, 2]
    assert seen[0].seconds == 0
    assert seen[2].seconds >= seen[1].seconds >= 0
    assert tuple(seen[0].image[0, 0]) == ANT
    with pytest.raises(InputError, match="camera 0: gives no more pictures"):
        next(frames)
    assert camera[0].released


def test_a_device_by_number_or_path(camera: list[Camera]) -> None:
    for device in ("2", "/dev/video2"):
        next(camera_frames(device))
    assert [c.source for c in camera] == [2, "/dev/video2"]
    with pytest.raises(InputError, match="camera 7: not there, in use"):
        next(camera_frames("7"))


def test_the_command_on_a_camera(bombus: Bombus, camera: list[Camera], tmp_path: Path) -> None:
    bundle = write_tiny(tmp_path / "tiny").path
    options = ("app", "camera", "--headless", "--bundle", bundle, "--every", 0)
    code, out, err = bombus(*options, "--count", 2)
    assert (code, err) == (0, "")
    assert [json.loads(line)["frame"] for line in out.splitlines()] == [0, 1]
    assert camera[0].released
    code, out, err = bombus(*options)
    assert code == 2
    assert out.count("\n") == 3  # what was seen before it was unplugged
    assert err == "bombus: camera 0: gives no more pictures; check the plug and start again\n"


def test_the_command_on_a_film(bombus: Bombus, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.avi", plain(ANT, 8) + plain(BEE, 8))
    bundle = write_tiny(tmp_path / "tiny").path
    code, out, err = bombus(
        *("app", "camera", "--video", film, "--headless", "--bundle", bundle),
        *("--every", 0.4, "--top", 2, "--runtime", "onnxruntime", "--artefact", "tiny_f32.onnx"),
    )
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["time"], line["frame"]) for line in lines] == [
        (0, 0),
        (0.4, 4),
        (0.8, 8),
        (1.2, 12),
    ]
    assert [line["guesses"][0]["label"] for line in lines] == ["ant", "ant", "bee", "bee"]
    for line in lines:
        assert line.keys() == {"time", "frame", "kind", "known", "guesses", "milliseconds"}
        assert (line["kind"], line["known"], len(line["guesses"])) == ("sure", 1.0, 2)
        assert line["milliseconds"] > 0


@pytest.mark.parametrize("what", ["gone", "text", "empty", "folder", "address"])
def test_no_film(bombus: Bombus, tmp_path: Path, what: str) -> None:
    film = tmp_path / "film.avi"
    if what == "text":
        film.write_text("Dear gardener,\n" * 100)
    elif what == "empty":
        film.touch()
    elif what == "folder":
        film.mkdir()
    named = "tcp://127.0.0.1:1/film" if what == "address" else film
    bundle = write_tiny(tmp_path / "tiny").path
    code, out, err = bombus("app", "camera", "--video", named, "--headless", "--bundle", bundle)
    assert (code, out) == (2, "")
    assert "film" in err
    assert err.count("\n") == 1


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A screen that we play: what is shown, which key is pressed, whether it is still there."""
    state: dict[str, Any] = {"shown": [], "key": -1, "visible": 1.0, "closed": False}
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, image: state["shown"].append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda _: state["key"])
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: state["visible"])
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: state.update(closed=True))
    return state


def test_a_window_shows_every_frame(window: dict[str, Any]) -> None:
    frames = frames_at(0, 0.1, 0.2)
    for i, frame in enumerate(frames):
        frame.image[:] = (10 * i, 200, 90)
    stream = list(show(watch(frames, lambda image: SIGHTING, 0.2)))
    assert [f.number for f, sighting in stream if sighting] == [0, 2]
    assert [tuple(image[0, 0]) for image in window["shown"]] == [
        (90, 200, 0),
        (90, 200, 10),
        (90, 200, 20),
    ]
    assert window["closed"]


@pytest.mark.parametrize("way", [{"key": ord("q")}, {"key": 27}, {"visible": 0.0}])
def test_a_window_can_be_closed(window: dict[str, Any], way: dict[str, float]) -> None:
    window.update(way)
    assert len(list(show(watch(frames_at(0, 1, 2), lambda image: SIGHTING, 0)))) == 1
    assert window["closed"]


def test_the_command_with_a_window(bombus: Bombus, window: dict[str, Any], tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.avi", plain(BEE, 6))
    bundle = write_tiny(tmp_path / "tiny").path
    assert bombus("app", "camera", "--video", film, "--bundle", bundle) == (0, "", "")
    assert len(window["shown"]) == 6
    assert window["closed"]


def test_no_screen_and_no_windows(window: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise cv2.error("The function is not implemented")

    monkeypatch.setattr(cv2, "namedWindow", refuse)
    with pytest.raises(InputError, match="add --headless"):
        next(show([]))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match="no screen here"):
        next(show([]))
