"""Normalized contrasts: the guarantees of the index of two bands, of which they are many more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops
from numpy.typing import NDArray

from models.errors import InputError
from training.layers.gradients import value_and_gradient
from training.layers.normalized_contrast import NormalizedContrast, written
from training.layers.normalized_difference import NormalizedDifference

Array = NDArray[Any]
BANDS, UNITS = 4, 3
few = settings(max_examples=25)


def floats(low: float, high: float, width: Any = 32) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=width)


LARGEST = float(np.finfo(np.float32).max)
ANY = arrays(np.float32, (3, BANDS), elements=floats(-LARGEST, LARGEST))
HALF = arrays(np.float16, (3, BANDS), elements=floats(0.0, 65504.0, 16))
USUAL = arrays(np.float32, (3, BANDS), elements=st.just(0.0) | floats(2.0**-10, 2.0**14))
WILD = arrays(np.float32, (BANDS, UNITS), elements=floats(-(2.0**40), 2.0**40))
MILD = arrays(np.float32, (BANDS, UNITS), elements=floats(-4.0, 4.0))


def made(kernel: Array | None = None, **options: Any) -> NormalizedContrast:
    layer = NormalizedContrast(UNITS if kernel is None else kernel.shape[1], **options)
    layer.build((None, BANDS))
    if kernel is not None:
        layer.kernel.assign(kernel)
    return layer


def applied(layer: keras.layers.Layer, x: Array) -> Array:
    return np.asarray(ops.convert_to_numpy(layer(ops.convert_to_tensor(x))))


def sample(rows: int = 50, seed: int = 0) -> Array:
    """Spectra whose bands differ in level and vary together."""
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.5, 2.0, (rows, 1))
    levels = np.array([0.02, 0.1, 0.3, 0.25])
    values = light * levels * np.exp(0.2 * rng.normal(size=(rows, BANDS)))
    return np.asarray(values, np.float32)


# The guarantees


@few
@given(ANY, WILD)
def test_the_range_holds_for_any_number(x: Array, kernel: Array) -> None:
    assert np.all(np.abs(applied(made(kernel), x)) <= 1.0)  # false for NaN


@few
@given(ANY, WILD)
def test_gradients_are_finite_everywhere(x: Array, kernel: Array) -> None:
    layer = made(kernel)
    _, to = value_and_gradient(lambda v: ops.sum(layer(v)), [x], layer.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in to)


@few
@given(USUAL, MILD, st.integers(-20, 20))
def test_a_gain_of_a_power_of_two_changes_no_bit(x: Array, kernel: Array, power: int) -> None:
    layer = made(kernel)
    np.testing.assert_array_equal(applied(layer, x), applied(layer, x * np.float32(2.0**power)))


@few
@given(USUAL, MILD, floats(0.125, 8.0))
def test_no_gain_changes_more_than_roundings(x: Array, kernel: Array, gain: float) -> None:
    layer = made(kernel)
    change = np.abs(applied(layer, x * np.float32(gain)) - applied(layer, x))
    # Relative roundings of x move logarithms, and sums of weights |w| <= 8 times as much.
    assert change.max() <= 2.0**-24 * 16 * 8 * BANDS


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_half_precision_keeps_the_range_and_the_value(policy: str) -> None:
    kernel = np.random.default_rng(1).choice([-1.0, -0.5, 0.25, 0.5], (BANDS, UNITS))
    layer, exact = made(kernel, dtype=policy), made(kernel)

    @settings(max_examples=10)
    @given(HALF)
    def holds(x: Array) -> None:
        y = layer(ops.convert_to_tensor(x))
        assert ops.dtype(y) == layer.compute_dtype
        y = np.asarray(ops.convert_to_numpy(ops.cast(y, "float32")))
        assert np.all(np.abs(y) <= 1.0)
        spacing = 2.0**-11 if "bfloat" not in policy else 2.0**-8
        np.testing.assert_allclose(y, applied(exact, x), atol=spacing)

    holds()


@pytest.mark.parametrize("dark", [0.0, -1.0])
def test_a_pixel_without_light_is_0(dark: float) -> None:
    layer = made(np.eye(BANDS, UNITS, dtype=np.float32))
    layer.bias.assign(np.ones(UNITS))
    np.testing.assert_array_equal(applied(layer, np.full((1, BANDS), dark, np.float32)), 0.0)


def test_what_is_darker_than_the_floor_counts_as_the_floor() -> None:
    layer = made(np.eye(BANDS, UNITS, dtype=np.float32), floor=0.01)
    pixels = np.array([[0.0, 50, 100, 20], [-3, 50, 100, 20], [1, 50, 100, 20]], np.float32)
    y = applied(layer, pixels)
    np.testing.assert_array_equal(y, y[[2, 2, 2]])
    np.testing.assert_array_equal(applied(layer, 4 * pixels), y)


def test_counts_go_in_as_they_are() -> None:
    """65,535 is no number of float16."""
    counts = np.array([[65535, 21845, 500, 65535]], np.uint16)
    kernel = np.array([[0.5], [-0.5], [0.0], [0.0]])
    for policy in ("float32", "mixed_float16", "float16"):
        assert applied(made(kernel, dtype=policy), counts) == pytest.approx(0.5, abs=1e-3)


# What it computes


@few
@given(
    arrays(np.float32, (3, BANDS), elements=floats(2.0**-6, 2.0**6)),
    arrays(np.float32, (2, 6), elements=floats(-3.0, 3.0)),
)
def test_of_two_bands_it_is_the_normalized_difference(x: Array, raw: Array) -> None:
    pairs = NormalizedDifference(epsilon=0.0)
    pairs.build((None, BANDS))
    pairs.alpha.assign(raw[0])
    pairs.gamma.assign(raw[1])
    a, g = pairs.coefficients
    unit = np.eye(BANDS)
    layer = made(0.5 * (unit[:, pairs.first] - unit[:, pairs.second]), floor=2.0**-20)
    layer.bias.assign(0.5 * np.log(a / g))
    np.testing.assert_allclose(applied(layer, x), applied(pairs, x), atol=2e-6)


def test_it_compares_geometric_means() -> None:
    x = sample()
    y = applied(made(np.array([[0.25], [0.25], [-0.5], [0.0]])), x)
    p, q = np.sqrt(x[:, 0] * x[:, 1]), x[:, 2]
    np.testing.assert_allclose(y[:, 0], (p - q) / (p + q), atol=1e-6)


def test_a_constant_added_to_the_weights_of_a_unit_changes_nothing() -> None:
    kernel = np.random.default_rng(2).normal(size=(BANDS, UNITS))
    np.testing.assert_allclose(
        applied(made(kernel), sample()), applied(made(kernel + 3.0), sample()), atol=1e-5
    )


def test_noise_is_as_the_formula_says() -> None:
    layer, level = made(0.3 * np.random.default_rng(3).normal(size=(BANDS, UNITS))), 0.01
    x = sample(1)
    rng = np.random.default_rng(4)
    noisy = x * (1 + level * rng.normal(size=(40_000, BANDS))).astype(np.float32)
    w, _ = layer.coefficients
    expected = level * (1 - applied(layer, x)[0] ** 2) * np.linalg.norm(w, axis=1)
    np.testing.assert_allclose(applied(layer, noisy).std(axis=0), expected, rtol=0.05)


def test_the_jacobian_is_that_of_the_docstring() -> None:
    x = sample(1).astype(np.float64)
    layer = made(np.random.default_rng(5).normal(size=(BANDS, 1)))
    y = applied(layer, x)
    w, _ = layer.coefficients
    variables = [layer.kernel, layer.bias]
    _, (to_x, to_w, to_b) = value_and_gradient(lambda v: ops.sum(layer(v)), [x], variables)
    steep, logs = 1 - y**2, np.log(x)
    np.testing.assert_allclose(to_x, steep * w / x, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(to_w, (steep * (logs - logs.mean())).T, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(to_b, steep[0], rtol=1e-4)
    assert (to_x * x).sum() == pytest.approx(0.0, abs=1e-5)


def test_the_constants_standardise_and_fold_away() -> None:
    """Unit weights see log shares of mean 0 and deviation 1; `coefficients` tell what results."""
    x = sample(400)
    layer = made(np.eye(BANDS, dtype=np.float32))
    layer.fit(x)
    logs = np.log(x) - np.log(x).mean(axis=1, keepdims=True)
    spread = logs.std(axis=0)
    expected = np.tanh((logs - logs.mean(axis=0)) / spread)
    # The layer folds them first, so its weights have the mean 0: on log shares no difference.
    np.testing.assert_allclose(applied(layer, x), expected, atol=1e-4)
    w, b = layer.coefficients
    np.testing.assert_allclose(w.sum(axis=1), 0.0, atol=1e-4)
    np.testing.assert_allclose(np.tanh(np.log(x) @ w.T + b), expected, atol=1e-4)
    layer.fit(np.concatenate([x, np.zeros_like(x[:3])]))  # dark pixels tell nothing
    np.testing.assert_allclose(layer.spread, spread, rtol=1e-4)
    layer.fit(np.ones((5, BANDS)))
    np.testing.assert_array_equal(layer.spread, 1.0)


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5, 7)])
def test_pixels_images_and_series_are_alike(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).uniform(size=(*shape, BANDS)).astype(np.float32)
    layer = made()
    y = applied(layer, x)
    assert y.shape == (*shape, UNITS) == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(
        y.reshape(-1, UNITS), applied(layer, x.reshape(-1, BANDS)), atol=1e-6
    )


def test_it_is_written_as_products() -> None:
    bands = ("B4", "B5", "B8", "B8A")
    assert written(np.array([-0.5, 0.0, 0.5, 0.0]), bands) == "NC(B8, B4)"
    assert written(np.array([-0.9, -0.1, 0.6, 0.4]), bands) == "NC(B8^0.6 B8A^0.4, B4^0.9 B5^0.1)"
    assert written(np.array([-1.9, -0.1, 1.2, 0.8]), bands) == "NC(B8^0.6 B8A^0.4, B4^0.95)"


# Keras


def test_a_saved_layer_is_the_same(tmp_path: Path) -> None:
    x = sample()
    layer = NormalizedContrast(
        UNITS,
        floor=0.01,
        initializer=keras.initializers.RandomUniform(-1.0, 1.0, seed=1),
        regularizer=keras.regularizers.L2(0.1),
        constraint=keras.constraints.MaxNorm(3.0),
    )
    model = keras.Sequential([keras.Input((BANDS,)), layer])
    layer.fit(x)
    assert sum(int(np.prod(v.shape)) for v in layer.trainable_variables) == (BANDS + 1) * UNITS
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(again(x)))
    assert again.layers[0].get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("options", "bands", "message"),
    [
        ({"units": 0}, 4, "units 0: it is a number of 1 or more"),
        ({"units": 2, "floor": 1.0}, 4, "floor 1.0: it is a share of at least 9e-19 and below 1"),
        ({"units": 2, "floor": 0.0}, 4, "floor 0.0: it is a share of at least 9e-19 and below 1"),
        ({"units": 2}, 1, "1 bands on the last axis: a contrast needs 2 or more"),
        ({"units": 2}, None, "None bands on the last axis: a contrast needs 2 or more"),
    ],
)
def test_wrong_options_are_said_in_a_line(
    options: dict[str, Any], bands: int | None, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        NormalizedContrast(**options)(keras.Input((bands,)))
    assert str(caught.value) == message
