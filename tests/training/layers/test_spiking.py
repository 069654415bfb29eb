"""Neurons: snntorch's numbers, one definition for sequence and step, and what ALIF adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from numpy.typing import NDArray

from tests.training.layers.precision import DOUBLE, within
from tests.training.layers.snntorch_vectors import NEURONS, VECTORS
from training.layers.gradients import value_and_gradient
from training.layers.recurrence import Cell
from training.layers.spiking import ALIF, LIF, LeakyIntegrator, decays

Array = NDArray[np.float64]
SNNTORCH: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))


def built(cell: Cell, units: int) -> Any:
    cell.build((None, None, units))
    return cell


def logits(beta: Array) -> Array:
    return np.asarray(np.log(beta / (1 - beta)))


@pytest.mark.parametrize(("reset", "surrogate"), NEURONS)
def test_lif_is_snntorchs_leaky(reset: Any, surrogate: str) -> None:
    expected = next(
        n for n in SNNTORCH["neurons"] if (n["reset"], n["surrogate"]) == (reset, surrogate)
    )
    beta = np.array(SNNTORCH["beta"])
    lif = built(
        LIF(threshold=SNNTORCH["threshold"], reset=reset, surrogate=surrogate, dtype=DOUBLE),
        len(beta),
    )
    lif.logit.assign(logits(beta))
    current = np.array(SNNTORCH["current"])[None]
    prepared, states = lif.trace(ops.convert_to_tensor(current, DOUBLE))
    membranes = ops.convert_to_numpy(states["membrane"])[0]
    spikes = ops.convert_to_numpy(lif.show(prepared, states, smooth=True))[0]
    np.testing.assert_allclose(membranes, expected["membrane"], rtol=0, atol=within(1e-12))
    np.testing.assert_array_equal(spikes, expected["spikes"])
    assert 0.1 < spikes.mean() < 0.9

    def loss(currents: Any) -> Any:
        prepared, states = lif.trace(currents)
        fired = lif.show(prepared, states, smooth=True)
        pairs = ((fired, "to_spikes"), (states["membrane"], "to_membrane"))
        return sum(ops.sum(x * ops.convert_to_tensor(SNNTORCH[to], DOUBLE)) for x, to in pairs)

    value, (to_current, to_logit) = value_and_gradient(loss, [current], [lif.logit], DOUBLE)
    assert value == pytest.approx(expected["loss"], rel=within(1e-12))
    rtol, atol = 100 * within(1e-11), 100 * within(1e-14)
    np.testing.assert_allclose(to_current[0], expected["to_current"], rtol=rtol, atol=atol)
    to_beta = to_logit / (beta * (1 - beta))  # the chain rule of the sigmoid
    np.testing.assert_allclose(to_beta, expected["to_beta"], rtol=rtol, atol=atol)


CELLS: dict[str, Callable[[str], Cell]] = {
    "subtract": lambda dtype: LIF(decay=(0.5, 0.99), dtype=dtype),
    "zero": lambda dtype: LIF(decay=(0.5, 0.99), reset="zero", dtype=dtype),
    "alif": lambda dtype: ALIF(decay=(0.5, 0.99), adaptation=(0.8, 0.99), dtype=dtype),
    "leaky": lambda dtype: LeakyIntegrator(decay=(0.5, 0.99), dtype=dtype),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, within(1e-12)), ("float32", 1e-6)])
def test_sequence_and_step_are_one(name: str, dtype: str, tolerance: float) -> None:
    cell = built(CELLS[name](dtype), 5)
    x = ops.convert_to_tensor(np.random.default_rng(1).normal(0.3, 1.0, (2, 50, 5)), dtype)
    outputs, last = cell.run(x)
    state = cell.start(2)
    for time in range(50):
        output, state = cell.step(x[:, time], state)
        np.testing.assert_allclose(output, outputs[:, time], rtol=0, atol=tolerance)
    assert state.keys() == last.keys() == cell.shapes.keys()
    for part, value in state.items():
        assert keras.backend.standardize_dtype(value.dtype) == dtype
        np.testing.assert_allclose(value, last[part], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_can_be_cut(name: str) -> None:
    cell = built(CELLS[name](DOUBLE), 5)
    x = ops.convert_to_tensor(np.random.default_rng(2).normal(0.3, 1.0, (2, 40, 5)), DOUBLE)
    whole, last = cell.run(x)
    first, state = cell.run(x[:, :13])
    second, state = cell.run(x[:, 13:], state)
    np.testing.assert_allclose(ops.concatenate([first, second], 1), whole, atol=within(1e-14))
    for part, value in state.items():
        np.testing.assert_allclose(value, last[part], atol=within(1e-14))


@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_through_time_is_that_of_the_steps(name: str) -> None:
    cell = built(CELLS[name](DOUBLE), 3)
    rng = np.random.default_rng(3)
    x, weights = rng.normal(0.3, 1.0, (2, 12, 3)), rng.normal(size=(2, 12, 3))
    start = {k: np.full((2, *s), 0.3) for k, s in cell.shapes.items()}

    def sequence(x: Any, *parts: Any) -> Any:
        outputs, last = cell.run(x, dict(zip(start, parts, strict=True)))
        return ops.sum(outputs * weights) + sum(ops.sum(part**2) for part in last.values())

    def steps(x: Any, *parts: Any) -> Any:
        state, total = dict(zip(start, parts, strict=True)), 0.0
        for time in range(12):
            output, state = cell.step(x[:, time], state, smooth=True)
            total = total + ops.sum(output * weights[:, time])
        return total + sum(ops.sum(part**2) for part in state.values())

    arrays, variables = [x, *start.values()], cell.trainable_variables
    one, to_one = value_and_gradient(sequence, arrays, variables, DOUBLE)
    other, to_other = value_and_gradient(steps, arrays, variables, DOUBLE)
    assert one == pytest.approx(other, rel=within(1e-12))
    for got, expected in zip(to_one, to_other, strict=True):
        scale = np.abs(expected).max()
        assert scale > 1e-3
        np.testing.assert_allclose(got / scale, expected / scale, atol=within(1e-12))


def test_a_constant_current_is_a_rate() -> None:
    """Reset by subtraction loses nothing: what flowed in has left, leaked, or is there."""
    lif = built(LIF(decay=0.95, dtype=DOUBLE), 1)
    x = ops.full((1, 400, 1), 0.4, dtype=DOUBLE)
    current, states = lif.trace(x)
    spikes = np.asarray(lif.show(current, states, smooth=False))[0, :, 0]
    membranes = np.asarray(states["membrane"])[0, :, 0]
    flowed, leaked = 0.4 * 400, 0.05 * membranes[:-1].sum()
    assert flowed == pytest.approx(spikes[:-1].sum() + leaked + membranes[-1], rel=within(1e-10))
    assert 0.3 < spikes.mean() < 0.4


def test_alif_without_strength_is_lif() -> None:
    x = ops.convert_to_tensor(np.random.default_rng(4).normal(0.5, 1.0, (1, 60, 4)), DOUBLE)
    plain = built(LIF(decay=0.9, dtype=DOUBLE), 4).run(x)[0]
    same = built(ALIF(decay=0.9, strength=0.0, dtype=DOUBLE), 4).run(x)[0]
    tired = built(ALIF(decay=0.9, adaptation=0.9, strength=4.0, dtype=DOUBLE), 4).run(x)[0]
    np.testing.assert_array_equal(plain, same)
    assert 0 < np.mean(tired) < 0.8 * np.mean(plain)


def test_alif_recovers() -> None:
    alif = built(ALIF(decay=0.5, adaptation=0.9, strength=3.0, dtype=DOUBLE), 1)
    _, state = alif.run(ops.full((1, 100, 1), 2.0, dtype=DOUBLE))
    fatigue = float(state["fatigue"][0, 0])
    _, rested = alif.run(ops.zeros((1, 100, 1), dtype=DOUBLE), state)
    assert fatigue > 0.2
    assert float(rested["fatigue"][0, 0]) < 1e-3 * fatigue


@given(ends=st.tuples(st.floats(0.01, 0.9999), st.floats(0.01, 0.9999)), units=st.integers(2, 40))
@settings(max_examples=50)
def test_decays_span_their_ends(ends: tuple[float, float], units: int) -> None:
    values = decays(ends, units)
    assert values[0] == pytest.approx(ends[0])
    assert values[-1] == pytest.approx(ends[1])
    steps = np.diff(np.log(-1 / np.log(values)))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6, atol=1e-12)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="decay 1: it lies between 0 and 1"):
        decays(1, 3)
    with pytest.raises(ValueError, match="reset 'none': it is subtract or zero"):
        LIF(reset="none")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CELLS)
def test_a_layer_is_remade_from_its_config(name: str) -> None:
    cell = CELLS[name](DOUBLE)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(cell))
    assert type(again) is type(cell)
    assert again.get_config() == cell.get_config()
    assert again.dtype_policy.name == DOUBLE
