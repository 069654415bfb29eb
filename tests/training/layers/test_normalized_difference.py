"""The Normalized Difference Layer: its guarantees, its pairs and coefficients, as a Keras layer."""

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

from models.errors import InputError
from tests.training.layers.differences import BANDS, PAIRS, Array, applied, made, sample
from training.layers.gradients import value_and_gradient
from training.layers.normalized_difference import CLASSICAL, Classical, NormalizedDifference

ROUNDING = 2.0**-24  # of float32


few = settings(max_examples=25)


def floats(low: float, high: float, width: Any = 32) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=width)


LARGEST = float(np.finfo(np.float32).max)
LIGHT = arrays(np.float32, (3, BANDS), elements=floats(0.0, LARGEST))
SIGNED = arrays(np.float32, (3, BANDS), elements=floats(-LARGEST, LARGEST))
HALF = arrays(np.float16, (3, BANDS), elements=floats(0.0, 65504.0, 16))
USUAL = arrays(np.float32, (3, BANDS), elements=st.just(0.0) | floats(2.0**-10, 2.0**14))
RAW = arrays(np.float32, (2, len(PAIRS)), elements=floats(-200.0, 200.0))
MILD = arrays(np.float32, (2, len(PAIRS)), elements=floats(-4.0, 4.0))
EPSILON = st.sampled_from([0.0, 1e-6, 1.0])


# The guarantees


@few
@given(LIGHT, RAW, EPSILON)
def test_the_range_holds_for_any_light(x: Array, raw: Array, epsilon: float) -> None:
    y = applied(made(raw, epsilon=epsilon), x)
    assert np.all(np.abs(y) <= 1.0)  # false for NaN


@few
@given(SIGNED, RAW, EPSILON)
def test_the_signed_range_holds_for_any_number(x: Array, raw: Array, epsilon: float) -> None:
    y = applied(made(raw, epsilon=epsilon, signed=True), x)
    assert np.all(np.abs(y) <= 1.0)


@few
@given(LIGHT, RAW, EPSILON)
def test_the_signed_form_is_the_plain_one_in_the_light(x: Array, raw: Array, eps: float) -> None:
    plain, signed = (applied(made(raw, epsilon=eps, signed=s), x) for s in (False, True))
    np.testing.assert_array_equal(plain, signed)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
def test_half_precision_keeps_the_range_and_the_value(policy: str, epsilon: float) -> None:
    layer, exact = made(dtype=policy, epsilon=epsilon), made(epsilon=epsilon)

    @settings(max_examples=10)
    @given(HALF)
    def holds(x: Array) -> None:
        y = layer(ops.convert_to_tensor(x))
        assert ops.dtype(y) == layer.compute_dtype
        y = np.asarray(ops.convert_to_numpy(ops.cast(y, "float32")))
        assert np.all(np.abs(y) <= 1.0)
        lit = (x[:, layer.first].astype(float) + x[:, layer.second]) > 2.0**-10
        spacing = 2.0**-11 if "bfloat" not in policy else 2.0**-8
        np.testing.assert_allclose(y[lit], applied(exact, x)[lit], atol=spacing)

    holds()


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "float16"])
def test_counts_go_in_as_they_are(policy: str) -> None:
    """65,535 is no number of float16."""
    y = applied(made(dtype=policy, epsilon=0.0), np.array([[65535, 21845, 0, 65535]], np.uint16))
    np.testing.assert_array_equal(y, [[0.5, 1.0, 0.0, 1.0, -0.5, -1.0]])


@few
@given(USUAL, MILD, st.integers(-20, 20), st.booleans())
def test_a_gain_of_a_power_of_two_changes_no_bit(
    x: Array, raw: Array, power: int, signed: bool
) -> None:
    layer = made(raw, epsilon=0.0, signed=signed)
    np.testing.assert_array_equal(applied(layer, x), applied(layer, x * np.float32(2.0**power)))


@few
@given(USUAL, MILD, floats(0.125, 8.0))
def test_any_gain_changes_six_roundings_at_most(x: Array, raw: Array, gain: float) -> None:
    layer = made(raw, epsilon=0.0)
    change = applied(layer, x * np.float32(gain)) - applied(layer, x)
    assert np.abs(change).max() <= 6 * ROUNDING


@few
@given(USUAL, MILD, floats(0.125, 8.0), st.sampled_from([1e-6, 1e-3, 0.1]))
def test_what_epsilon_makes_of_a_gain_is_known(
    x: Array, raw: Array, gain: float, epsilon: float
) -> None:
    layer = made(raw, epsilon=epsilon)
    a, g = layer.coefficients
    y = applied(layer, x)
    total = a * x[:, layer.first] + g * x[:, layer.second]
    expected = y * epsilon * (gain - 1) / (gain * total + epsilon)
    np.testing.assert_allclose(applied(layer, x * np.float32(gain)) - y, expected, atol=1e-6)


@few
@given(LIGHT, RAW, EPSILON, st.booleans())
def test_swapping_changes_the_sign_alone(x: Array, raw: Array, eps: float, signed: bool) -> None:
    there = made(raw, epsilon=eps, signed=signed)
    swapped = [(j, i) for i, j in PAIRS]
    back = made(raw[::-1], pairs=swapped, epsilon=eps, signed=signed)
    np.testing.assert_array_equal(applied(there, x), -applied(back, x))


@few
@given(SIGNED, RAW, EPSILON)
def test_gradients_are_finite_everywhere(x: Array, raw: Array, epsilon: float) -> None:
    for signed in (False, True):
        layer = made(raw, epsilon=epsilon, signed=signed)
        seen = x if signed else np.abs(x)
        _, to = value_and_gradient(lambda v: ops.sum(layer(v)), [seen], layer.trainable_variables)  # noqa: B023
        assert all(np.isfinite(gradient).all() for gradient in to)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_dark_pixel_is_0_and_has_a_gradient(dtype: str) -> None:
    layer = made(epsilon=0.0, signed=True, dtype=dtype)
    for x in (np.zeros((1, BANDS)), np.array([[0.0, 1e-6, 0.0, 0.0]])):
        value, to = value_and_gradient(
            lambda v: ops.sum(layer(v)), [x], layer.trainable_variables, dtype
        )
        assert np.isfinite(value)
        assert all(np.isfinite(gradient).all() for gradient in to)
    np.testing.assert_array_equal(applied(layer, np.zeros((1, BANDS), dtype)), np.zeros((1, 6)))


# Shapes, pairs, coefficients


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 4), (2, 3, 5, 7)])
def test_pixels_images_and_series_are_alike(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).uniform(size=(*shape, BANDS)).astype(np.float32)
    layer = made(initializer=Classical(0.3))
    y = applied(layer, x)
    assert y.shape == (*shape, 6) == layer.compute_output_shape(x.shape)
    np.testing.assert_array_equal(y.reshape(-1, 6), applied(layer, x.reshape(-1, BANDS)))


def test_chosen_pairs_are_those_of_all() -> None:
    x = sample(signed=False).astype(np.float32)
    chosen = [(2, 0), (1, 3)]
    layer = made(pairs=chosen)
    assert layer.pairs == tuple(chosen)
    y = applied(made(), x)
    assert made().pairs == PAIRS
    np.testing.assert_array_equal(applied(layer, x), np.stack([-y[:, 1], y[:, 4]], -1))
    assert layer.compute_output_shape((None, BANDS)) == (None, 2)


def test_it_starts_as_the_classical_index() -> None:
    x = sample(signed=False).astype(np.float32)
    layer = made(epsilon=0.0)
    np.testing.assert_allclose(layer.coefficients, 1.0, rtol=1e-6)
    i, j = x[:, layer.first], x[:, layer.second]
    np.testing.assert_allclose(applied(layer, x), (i - j) / (i + j), atol=4e-7)


def test_jitter_spreads_the_coefficients() -> None:
    many = Classical(0.2, seed=1)((2, 4000), "float32")
    np.testing.assert_array_equal(many, Classical(0.2, seed=1)((2, 4000), "float32"))
    spread = np.log(np.log1p(np.exp(np.asarray(many))))
    assert spread.std() == pytest.approx(0.2, rel=0.05)
    assert spread.mean() == pytest.approx(0.0, abs=0.01)
    np.testing.assert_allclose(Classical()((3,), "float32"), CLASSICAL, rtol=1e-6)
    ratios = np.divide(*made(initializer=Classical(0.2, seed=1)).coefficients)
    assert len(set(ratios)) == len(PAIRS)  # alpha and gamma do not draw alike


def test_a_shared_coefficient_goes_with_its_band() -> None:
    raw = np.array([-1.0, 0.0, 1.0, 2.0])
    layer = made(shared=True, epsilon=0.0)
    layer.alpha.assign(raw)
    assert layer.count_params() == BANDS
    c = np.log1p(np.exp(raw))
    np.testing.assert_allclose(layer.coefficients, [c[layer.first], c[layer.second]], rtol=1e-6)
    x = sample(signed=False)
    scaled = applied(made(epsilon=0.0), (x * c).astype(np.float32))
    np.testing.assert_allclose(applied(layer, x.astype(np.float32)), scaled, atol=4e-7)


def test_layers_stack_and_the_stack_keeps_the_gain_out() -> None:
    x = sample(signed=False).astype(np.float32)
    start = Classical(0.5)
    model = keras.Sequential(
        [
            made(epsilon=0.0, initializer=start),
            NormalizedDifference(epsilon=0.0, signed=True, initializer=start),
        ]
    )
    y = np.asarray(model(x))
    assert y.shape == (7, 15)
    assert (y < 0).any()
    assert np.all(np.abs(y) <= 1.0)
    np.testing.assert_array_equal(y, np.asarray(model(4.0 * x)))


def test_the_parameters_of_ten_bands() -> None:
    ours = keras.Sequential([keras.Input((10,)), NormalizedDifference(), keras.layers.Dense(1)])
    mlp = keras.Sequential(
        [keras.Input((10,)), keras.layers.Dense(45, "relu"), keras.layers.Dense(1)]
    )
    assert (ours.count_params(), mlp.count_params()) == (136, 541)


@pytest.mark.parametrize(
    ("pairs", "bands", "message"),
    [
        ([], 4, "no pairs: give one or more, or None for all"),
        ([(0, 4)], 4, "pair (0, 4): there are 4 bands, 0 to 3"),
        ([(0, -1)], 4, "pair (0, -1): it is the numbers of two bands, from 0"),
        ([(0, 1, 2)], 4, "pair (0, 1, 2): it is the numbers of two bands, from 0"),
        ([(2, 2)], 4, "pair (2, 2): a band differs from another one, not from itself"),
        ([(0, 1), (0, 1)], 4, "pair (0, 1): (0, 1) is there already; give each pair once"),
        ([(0, 1), (1, 0)], 4, "pair (1, 0): (0, 1) is there already; give each pair once"),
        (None, 1, "1 bands on the last axis: a difference needs 2 or more"),
        (None, None, "None bands on the last axis: a difference needs 2 or more"),
    ],
)
def test_wrong_pairs_are_said_in_a_line(pairs: Any, bands: int | None, message: str) -> None:
    with pytest.raises(InputError) as caught:
        NormalizedDifference(pairs)(keras.Input((bands,)))
    assert str(caught.value) == message


@pytest.mark.parametrize("epsilon", [-1e-6, float("nan"), float("inf")])
def test_a_wrong_epsilon_is_said_in_a_line(epsilon: float) -> None:
    with pytest.raises(InputError, match="it is a number of 0 or more"):
        NormalizedDifference(epsilon=epsilon)


# Keras


def test_a_saved_layer_is_the_same(tmp_path: Path) -> None:
    layer = NormalizedDifference(
        [(3, 1), (0, 2)],
        signed=True,
        epsilon=1e-3,
        initializer=Classical(0.4, seed=2),
        regularizer=keras.regularizers.L2(0.1),
        constraint=keras.constraints.NonNeg(),
    )
    model = keras.Sequential([keras.Input((BANDS,)), layer, NormalizedDifference(shared=True)])
    x = sample(signed=True).astype(np.float32)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(again(x)))
    for one, other in zip(model.layers, again.layers, strict=True):
        assert one.get_config() == other.get_config()
        assert one.pairs == other.pairs
    fresh = NormalizedDifference.from_config(layer.get_config())
    fresh.build((None, BANDS))
    np.testing.assert_array_equal(np.array(fresh.coefficients), np.array(layer.coefficients))


def test_it_learns_a_ratio_within_its_constraint_and_pays_its_penalty() -> None:
    x = np.random.default_rng(0).uniform(0.1, 1.0, (256, 2)).astype(np.float32)
    y = (x[:, :1] - 3.0 * x[:, 1:]) / (x[:, :1] + 3.0 * x[:, 1:])
    ratios = {}
    for constraint in (None, keras.constraints.NonNeg()):
        layer = NormalizedDifference(epsilon=0.0, constraint=constraint)
        layer.build((None, 2))
        weights, optimizer = layer.trainable_variables, keras.optimizers.Adam(0.2)
        for _ in range(40):
            _, to = value_and_gradient(lambda v: ops.mean((layer(v) - y) ** 2), [x], weights)  # noqa: B023
            optimizer.apply([ops.convert_to_tensor(gradient) for gradient in to[1:]], weights)
        a, g = layer.coefficients
        ratios[constraint] = float(g[0] / a[0])
        held = float(layer.alpha[0]) >= 0.0
        assert held == (constraint is not None)
    penalty = made(regularizer=keras.regularizers.L2(0.5)).losses
    assert sum(map(float, penalty)) == pytest.approx(0.5 * 2 * len(PAIRS) * CLASSICAL**2, rel=1e-5)
