"""The picture: it is there, and what it shows is in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from robot.replay import draw_picture, make_view
from robot.replay.picture import ALARM, COLOURS
from robot.replay.view import View
from tests.robot.replay.runs import driven, seen

Image = NDArray[np.uint8]
matplotlib = pytest.importorskip("matplotlib")


def pixels(path: Path) -> Image:
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def share(image: Image, colour: str) -> int:
    """Pixels of exactly a colour."""
    return int((image == np.array(bytearray.fromhex(colour[1:]))).all(axis=2).sum())


@pytest.fixture(scope="module")
def draw(tmp_path_factory: pytest.TempPathFactory) -> Callable[[View], Image]:
    def made(view: View) -> Image:
        path = tmp_path_factory.mktemp("pictures") / "run.png"
        draw_picture(view, path)
        return pixels(path)

    return made


def test_all_that_is_seen_is_drawn(draw: Callable[[View], Image]) -> None:
    before = dict(matplotlib.rcParams)
    image = draw(seen("costs $5 and $6"))  # no formula
    assert dict(matplotlib.rcParams) == before
    assert image.shape == (1265, 1870, 3)
    for colour in (*COLOURS.values(), ALARM):
        assert share(image, colour) > 20
    raster = image[900:1100, 1400:1800]  # right column, last row
    assert (raster.max(axis=2) < 40).sum() > 200


def test_nothing_is_drawn_that_is_not_there(draw: Callable[[View], Image]) -> None:
    run, _ = driven()
    well = type(run)(
        run.trajectory, run.packed, run.deviations, np.zeros_like(run.health), run.filled
    )
    image = draw(make_view("x", well))
    assert share(image, COLOURS["truth"]) == 0
    assert share(image, ALARM) == 0
    assert share(image, COLOURS["estimate"]) > 500


def test_without_matplotlib_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match="needs matplotlib, which is missing; pip install"):
        draw_picture(seen(), tmp_path / "x.png")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        draw_picture(seen(), tmp_path / "file" / "x.png")
