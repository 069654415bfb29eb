"""A step whose memory is in the caller's hands: how it is described, converted and run.

States begin with zeros. The output `next_STATE` is what the input `STATE` takes at the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.contract import Tensor
from models.runtime import Runner

Values = Mapping[str, Any]
Step = Callable[[Values], dict[str, Any]]
NEXT = "next_"


@dataclass(frozen=True)
class Stream:
    """A step, for `export.conversion.served`.

    Attributes:
        model: What holds its weights.
        step: From inputs to outputs by name.
        inputs: What is given at each call, then the states.
        outputs: What it says, then the states' next values.
        dtype: Of all of them.
    """

    model: keras.Model
    step: Step
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    dtype: str

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """The inputs."""
        return [tf.TensorSpec(t.shape, self.dtype, name=t.name) for t in self.inputs]

    # Nothing in it branches or loops on tensors, and to look for that takes seconds.
    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def serve(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step."""
        return self.step({t.name: v for t, v in zip(self.inputs, values, strict=True)})


def state_tensors(
    shapes: Mapping[str, tuple[int, ...]], meanings: Mapping[str, str]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """States as inputs, and as the outputs that feed them.

    Args:
        shapes: Of each, the batch included.
        meanings: Of each, in words.
    """
    inputs = tuple(
        Tensor(name=name, shape=shape, dtype="float32", meaning=meanings[name])
        for name, shape in shapes.items()
    )
    outputs = tuple(t.model_copy(update={"name": NEXT + t.name, "feeds": t.name}) for t in inputs)
    return inputs, outputs


def run_stream(
    runner: Runner,
    rows: Mapping[str, NDArray[Any]],
    start: Mapping[str, NDArray[Any]],
    wanted: tuple[str, ...],
) -> dict[str, NDArray[Any]]:
    """Run a step over a sequence.

    Args:
        runner: Of the step.
        rows: [N, ...] of each input that is no state.
        start: [...] first values of states that do not begin with zeros.
        wanted: Outputs to keep.

    Returns:
        [N, ...] of each wanted output, in float64.
    """
    names, answered = ([p.name for p in ports] for ports in (runner.inputs, runner.outputs))
    states = [(i, answered.index(NEXT + n)) for i, n in enumerate(names) if n not in rows]
    given = [
        (names.index(n), v.astype(runner.inputs[names.index(n)].dtype)) for n, v in rows.items()
    ]
    places = {name: answered.index(name) for name in wanted}
    arrays: list[Any] = [np.zeros(p.shape, p.dtype) for p in runner.inputs]
    for name, value in start.items():
        arrays[names.index(name)][0] = value
    count = len(given[0][1])
    kept = {
        name: np.empty((count, *runner.outputs[place].shape[1:])) for name, place in places.items()
    }
    for row in range(count):
        for i, values in given:
            arrays[i] = values[row : row + 1]
        answers = runner.call(arrays)
        for i, place in states:
            arrays[i] = answers[place]
        for name, place in places.items():
            kept[name][row] = answers[place][0]
    return kept
