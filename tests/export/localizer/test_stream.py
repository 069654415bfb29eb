"""A step run over a sequence by its manifest's names, whatever its order of inputs and outputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from export.localizer.stream import run_stream, state_tensors
from models.runtime import open_runner
from robot.lie import Array
from tests.tiny_adapters import tiny_step

ROWS = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


def means(start: Array) -> NDArray[np.float32]:
    """The tiny step's running mean after each row, computed beside it."""
    kept, mean = [], start.astype(np.float32)
    for row in ROWS:
        mean = (mean + row) * np.float32(0.5)
        kept.append(mean)
    return np.array(kept)


def test_states_are_fed_back() -> None:
    runner = open_runner(tiny_step(), "onnx")
    found = run_stream(runner, {"sample": ROWS}, {}, ("slip", "spikes_0"))
    expected = means(np.zeros(6))
    np.testing.assert_allclose(found["slip"], np.exp(expected[:, :2]), rtol=1e-6)
    assert np.array_equal(found["spikes_0"], expected > 0)


def test_a_state_may_begin_with_something() -> None:
    runner, start = open_runner(tiny_step(), "onnx"), np.arange(6.0)
    found = run_stream(runner, {"sample": ROWS.astype(np.float64)}, {"mean": start}, ("next_mean",))
    assert np.array_equal(found["next_mean"], means(start))
    assert found["next_mean"].dtype == np.float64


def test_each_state_is_fed_by_its_next() -> None:
    inputs, outputs = state_tensors({"a": (1, 2), "b": (1, 3, 3)}, {"a": "one", "b": "two"})
    assert [(t.name, t.shape, t.meaning, t.feeds) for t in inputs] == [
        ("a", (1, 2), "one", None),
        ("b", (1, 3, 3), "two", None),
    ]
    assert [(t.name, t.shape, t.feeds) for t in outputs] == [
        ("next_a", (1, 2), "a"),
        ("next_b", (1, 3, 3), "b"),
    ]
