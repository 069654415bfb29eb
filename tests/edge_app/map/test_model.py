"""Counts to classes: what has no class, what a model says, and the picture of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.map.model import NODATA, ROWS, Layers, PixelModel
from edge_app.map.picture import EMPTY, palette, picture
from edge_app.map.pixels import Pixel, Tally, check_plausible, to_values
from edge_app.map.scene import Scaling
from models.errors import InputError, IntegrityError
from models.metrics import softmax
from tests.edge_app.map.scenes import COUNTS, land
from tests.tiny_bundles import write_tiny
from tests.tiny_spectral import (
    BANDS,
    HEAD,
    indices_of,
    names_of,
    write_tiny_spectral,
)

SENTINEL = Scaling(1e-4, 0.0)
ALL = Layers(confidence=True, indices=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PixelModel:
    return PixelModel(write_tiny_spectral(tmp_path_factory.mktemp("bundles") / "tiny"))


def flat(counts: NDArray[Any]) -> NDArray[Any]:
    return counts.reshape(len(counts), -1)


def nowhere(counts: NDArray[Any]) -> NDArray[np.bool_]:
    return np.zeros(counts.shape[1], np.bool_)


# Values


def test_why_a_pixel_has_no_class() -> None:
    good, nan, inf = [900.0, 700, 500, 200], math.nan, math.inf
    cases = [
        (good, False, Pixel.GOOD),
        (good, True, Pixel.NODATA),
        ([0, 0, 0, 0], False, Pixel.ZERO),
        ([0, 0, 0, 0], True, Pixel.NODATA),
        ([0, 700, 500, 200], False, Pixel.GOOD),
        ([900, nan, 500, 200], False, Pixel.NOT_FINITE),
        ([900, 700, inf, 200], False, Pixel.NOT_FINITE),
        ([-inf, 700, 500, 200], False, Pixel.NOT_FINITE),
        ([900, 700, 500, 1e300], False, Pixel.NOT_FINITE),
        ([900, 700, 500, -1], False, Pixel.NEGATIVE),
        ([nan, 700, 500, -1], False, Pixel.NOT_FINITE),
    ]
    counts = np.array([case[0] for case in cases]).T
    read = to_values(counts, np.array([case[1] for case in cases]), SENTINEL)
    assert read.pixels.tolist() == [case[2] for case in cases]
    assert read.values.dtype == np.float32
    np.testing.assert_allclose(read.values[:, 0], [0.09, 0.07, 0.05, 0.02], rtol=1e-6)
    assert not read.values[:, read.pixels != Pixel.GOOD].any()


def test_the_offset_comes_before_the_scale() -> None:
    counts = np.array([[1900, 0, 1000, 500], [3000, 0, 1000, 3000]], np.uint16)
    read = to_values(counts, nowhere(counts), Scaling(1e-4, -1000))
    np.testing.assert_allclose(read.values[:, 0], [0.09, 0.2], rtol=1e-6)
    expected = [Pixel.GOOD, Pixel.ZERO, Pixel.ZERO, Pixel.NEGATIVE]
    assert read.pixels.tolist() == expected  # no count, or no reflectance: zero in every band


def tally(good: int, **others: int) -> Tally:
    pixels = [good, 0, 0, 0, others.pop("negative", 0)]
    return Tally(np.array(pixels), np.zeros(3, np.int64), **others)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (tally(40, negative=60), "60 % of its pixels are negative"),
        (tally(100, bright=51), "51 % of its pixels are above 2"),
        (tally(100, dark=100), "100 % of its pixels are below 0.002 in every band"),
        (tally(100, bright=50, dark=50), ""),
        (tally(60, negative=40), ""),
        (tally(0), ""),
    ],
)
def test_a_scaling_that_cannot_be(seen: Tally, words: str) -> None:
    if words:
        with pytest.raises(InputError, match=f"s: {words} as reflectance with scale 0.0001 and"):
            check_plausible(seen, SENTINEL, "s")
    else:
        check_plausible(seen, SENTINEL, "s")


# A model


def test_classes_and_indices_are_the_models(model: PixelModel) -> None:
    counts, classes = land(50, 60)
    mapped = model.map(flat(counts), nowhere(flat(counts)), SENTINEL, ALL)
    expected = indices_of(flat(counts).T * 1e-4)
    assert mapped.indices is not None
    assert mapped.confidence is not None
    np.testing.assert_allclose(mapped.indices.T, expected, atol=1e-5)
    np.testing.assert_array_equal(mapped.classes, classes.ravel())
    sure = 100 * softmax(expected @ HEAD).max(axis=1)
    np.testing.assert_allclose(mapped.confidence, sure, atol=0.51)
    assert mapped.tally.pixels.tolist() == [3000, 0, 0, 0, 0]
    np.testing.assert_array_equal(mapped.tally.classes, np.bincount(classes.ravel()))


@pytest.mark.slow  # imports TensorFlow
def test_litert_says_the_same(model: PixelModel, tmp_path: Path) -> None:
    other = PixelModel(write_tiny_spectral(tmp_path / "bundle", tflite=True))
    assert (model.runtime, other.runtime) == ("onnxruntime", "litert")
    counts = flat(land(50, 60)[0])
    one, same = (m.map(counts, nowhere(counts), SENTINEL, ALL) for m in (model, other))
    np.testing.assert_array_equal(one.classes, same.classes)
    assert one.indices is not None
    assert same.indices is not None
    np.testing.assert_allclose(one.indices, same.indices, atol=1e-5)


def test_confidence_is_calibrated(tmp_path: Path) -> None:
    model = PixelModel(write_tiny_spectral(tmp_path / "bundle", temperature=4.0))
    counts, _ = land(9, 9)
    mapped = model.map(flat(counts), nowhere(flat(counts)), SENTINEL, ALL)
    assert mapped.confidence is not None
    sure = 100 * softmax(indices_of(flat(counts).T * 1e-4) @ HEAD, 4.0).max(axis=1)
    np.testing.assert_allclose(mapped.confidence, sure, atol=0.51)


def test_what_has_no_class_is_nodata_everywhere(model: PixelModel) -> None:
    counts = flat(land(1, ROWS + 40)[0]).astype(np.float32)
    counts[:, 5], counts[1, 7], counts[2, ROWS + 3] = 0, math.nan, -1
    empty = nowhere(counts)
    empty[ROWS + 9] = True
    mapped = model.map(counts, empty, SENTINEL, ALL)
    gone = [5, 7, ROWS + 3, ROWS + 9]
    assert mapped.tally.reasons == {"nodata": 1, "zero": 1, "not finite": 1, "negative": 1}
    assert mapped.tally.classes.sum() == counts.shape[1] - 4
    assert mapped.confidence is not None
    assert mapped.indices is not None
    for layer in (mapped.classes == NODATA, mapped.confidence == NODATA):
        assert np.flatnonzero(layer).tolist() == gone
    assert np.flatnonzero(np.isnan(mapped.indices).all(axis=0)).tolist() == gone
    assert np.isnan(mapped.indices).sum() == 4 * len(names_of(BANDS))


def test_what_the_model_has_no_answer_to_has_no_class(tmp_path: Path) -> None:
    head = np.full_like(HEAD, 3e38)
    model = PixelModel(write_tiny_spectral(tmp_path / "bundle", head=head))
    counts = np.array([[100, 100, 100, 100], COUNTS[0], [100, 101, 100, 100]]).T
    mapped = model.map(counts, nowhere(counts), SENTINEL)
    assert mapped.classes.tolist() == [0, NODATA, 0]
    assert mapped.tally.reasons == {"not finite": 1}
    assert (mapped.confidence, mapped.indices) == (None, None)


def test_one_light_is_as_good_as_another(model: PixelModel) -> None:
    counts = flat(land(40, 40)[0])
    classes = [
        model.map(counts, nowhere(counts), Scaling(gain * 1e-4, 0.0)).classes
        for gain in (0.5, 1, 2)
    ]
    assert (classes[0] == classes[1]).mean() >= 0.995
    assert (classes[2] == classes[1]).mean() >= 0.995


def test_another_task(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its task is image-classification, not spectral"):
        PixelModel(write_tiny(tmp_path / "photos"))


def test_a_model_of_one_row_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="with any number of rows; export the bundle again"):
        PixelModel(write_tiny_spectral(tmp_path / "bundle", rows=1))


# A picture


def test_palette_has_distinct_colours() -> None:
    assert len(set(palette(60))) == 60
    assert palette(3) == palette(60)[:3]


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (500, 2), (700, 900)])
def test_picture(shape: tuple[int, int]) -> None:
    classes = np.full(shape, 1, np.uint8)
    classes[0, 0] = NODATA
    image = picture(classes, ["water 0.0 %", "Äcker 100.0 %", "no class"])
    assert image.dtype == np.uint8
    assert min(image.shape[:2]) > 80
    assert (image == EMPTY).all(axis=2).any()
    if shape != (1, 1):
        assert (image == palette(2)[1]).all(axis=2).sum() > 500
