"""Every optimizer by name, and the learning rate that it follows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from training.flowers.optimizers import (
    DEFAULT_RATES,
    OPTIMIZERS,
    WarmupDecay,
    build_optimizer,
    check_optimizer,
    rescaled_rate,
)
from training.flowers.recipe import Stage


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_each_optimizer_lowers_a_loss(name: str) -> None:
    weight = keras.Variable(np.array([5.0, -2.0], np.float32))
    goal = np.array([1.0, 1.0], np.float32)
    optimizer = build_optimizer(Stage(5, name, 0.05, schedule="cosine", warmup=0.2), 8)
    optimizer.build([weight])
    losses = []
    for _ in range(40):
        difference = np.asarray(weight) - goal
        losses.append(float((difference**2).sum()))
        optimizer.apply([keras.ops.convert_to_tensor(2 * difference)], [weight])
    assert losses[-1] < losses[20] < losses[1] < losses[0]
    assert int(optimizer.iterations) == 40


def test_an_unknown_optimizer_is_refused_in_one_line() -> None:
    for refuse in (check_optimizer, lambda name: build_optimizer(Stage(1, name, 0.1), 1)):
        with pytest.raises(InputError) as caught:
            refuse("lion")
        message = str(caught.value)
        assert "'lion' is unknown" in message
        assert all(name in message for name in OPTIMIZERS)
        assert "\n" not in message


def test_a_larger_batch_takes_a_larger_rate() -> None:
    assert rescaled_rate("sgd", 0.1, 32, 128) == pytest.approx(0.4)
    assert rescaled_rate("sgd", 0.1, 32, 16) == pytest.approx(0.05)
    assert DEFAULT_RATES.keys() == OPTIMIZERS.keys()
    for name in OPTIMIZERS.keys() - {"sgd"}:
        assert rescaled_rate(name, 0.1, 32, 128) == pytest.approx(0.2)
        assert rescaled_rate(name, 0.1, 32, 32) == 0.1


def expected_rate(step: int, peak: float, warmup: int, steps: int, shape: str) -> float:
    """The rate of the step-th update, counted from 1."""
    if step <= warmup:
        return peak * step / warmup
    done = min(1.0, (step - warmup) / (steps - warmup))
    cosine = float(np.cos(np.pi * done / 2)) ** 2
    return peak * {"constant": 1.0, "linear": 1 - done, "cosine": cosine}[shape]


@given(
    st.sampled_from(["constant", "linear", "cosine"]),
    st.integers(1, 5000),
    st.floats(0, 0.99),
    st.floats(1e-5, 1.0),
    st.data(),
)
@settings(deadline=None, max_examples=60)
def test_the_rate_rises_then_decays(
    shape: str, steps: int, share: float, peak: float, draw: st.DataObject
) -> None:
    warmup = int(share * steps)
    schedule = WarmupDecay(peak, warmup, steps, shape)
    for step in {1, max(1, warmup), warmup + 1, steps, draw.draw(st.integers(1, steps + 10))}:
        expected = expected_rate(step, peak, warmup, max(steps, warmup + 1), shape)
        assert float(schedule(step - 1)) == pytest.approx(expected, rel=1e-4, abs=1e-6 * peak)


def test_a_stage_spreads_its_schedule_over_all_its_steps() -> None:
    stage = Stage(4, "sgd", 0.4, schedule="linear", warmup=0.25)
    optimizer = build_optimizer(stage, 10)
    rates = []
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer.build([weight])
    for _ in range(40):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.zeros(1)], [weight])
    assert rates == pytest.approx([expected_rate(s, 0.4, 10, 40, "linear") for s in range(1, 41)])
    assert max(rates) == rates[9] == pytest.approx(0.4)
    assert rates[-1] == pytest.approx(0, abs=1e-7)


def test_a_constant_rate_without_warmup_is_just_a_number() -> None:
    optimizer = build_optimizer(Stage(3, "adam", 0.02), 7)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
def test_a_schedule_survives_serialisation(shape: str) -> None:
    schedule = WarmupDecay(0.3, 5, 50, shape)
    config = keras.saving.serialize_keras_object(schedule)
    assert config["registered_name"] == "bombus>WarmupDecay"
    for copy in (
        keras.saving.deserialize_keras_object(config),
        WarmupDecay.from_config(schedule.get_config()),
    ):
        assert copy.get_config() == schedule.get_config()
        assert [float(copy(s)) for s in range(60)] == [float(schedule(s)) for s in range(60)]
