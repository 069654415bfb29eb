"""Layers with a memory, one definition for whole sequences and for a single step.

A `Cell` says how its state moves on and what it shows. `run` does it for a sequence [B, T, F],
with everything that needs no memory taken out of the loop; `step` does it for one sample [B, F],
with the state in the caller's hands, and is what gets exported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from training.layers.scan import scan

Tensor = Any  # of whichever backend
State = dict[str, Tensor]
Fixed = dict[str, Tensor]  # what does not change along a sequence
Advance = Callable[[Tensor, State, Fixed], State]


def states_after(advance: Advance, inputs: Tensor, state: State, fixed: Fixed) -> State:
    """Carry a state along a sequence.

    Args:
        advance: (input [B, ...], state, fixed) -> next state of the same shapes.
        inputs: [B, T, ...].
        state: Before the first input, each [B, ...].
        fixed: All that `advance` depends on besides, and gradients may go to.

    Returns:
        The states after each input, each [B, T, ...].
    """

    def step(*given: Tensor) -> tuple[Tensor, ...]:
        parts, (current, *constants) = given[: len(state)], given[len(state) :]
        moved = advance(
            current,
            dict(zip(state, parts, strict=True)),
            dict(zip(fixed, constants, strict=True)),
        )
        return tuple(moved[name] for name in state)

    rows = (ops.swapaxes(inputs, 0, 1),)
    history, _ = scan(step, tuple(state.values()), rows, tuple(fixed.values()), shown=len(state))
    return {n: ops.swapaxes(h, 0, 1) for n, h in zip(state, history, strict=True)}


class Cell(keras.layers.Layer):  # type: ignore[misc]
    """A layer with a memory. Subclasses give `shapes`, `fixed`, `motion`, `show`.

    Steps that have no derivative are `smooth` when gradients are wanted: their values are the same.
    """

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each part of the state, without the batch; known once the layer is built."""
        raise NotImplementedError

    def fixed(self) -> Fixed:
        """What `motion` needs of the weights, computed once for a sequence."""
        return {}

    def motion(self, *, smooth: bool) -> Advance:
        """The function (prepared input, state, fixed) -> next state, of one sample."""
        raise NotImplementedError

    def prepare(self, inputs: Tensor) -> Tensor:
        """What can be done to inputs [..., F] without memory."""
        return inputs

    def show(self, current: Tensor, state: State, *, smooth: bool) -> Tensor:
        """The output, [..., units].

        Args:
            current: One prepared input or many.
            state: After each.
            smooth: Whether gradients are wanted.
        """
        raise NotImplementedError

    def start(self, batch: int = 1) -> State:
        """The state before the first input."""
        return {
            name: ops.zeros((batch, *shape), dtype=self.compute_dtype)
            for name, shape in self.shapes.items()
        }

    def step(self, inputs: Tensor, state: State, *, smooth: bool = False) -> tuple[Tensor, State]:
        """Take in one sample.

        Args:
            inputs: [B, F].
            state: Before it.
            smooth: Whether gradients are wanted; an exported step has none.

        Returns:
            [B, units], and the state after it.
        """
        current = self.prepare(inputs)
        state = self.motion(smooth=smooth)(current, state, self.fixed())
        return self.show(current, state, smooth=smooth), state

    def run(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Take in a sequence.

        Args:
            inputs: [B, T, F].
            state: Before it; zeros if None.

        Returns:
            [B, T, units], and the state after the last sample.
        """
        current, states = self.trace(inputs, state)
        last = {name: value[:, -1] for name, value in states.items()}
        return self.show(current, states, smooth=True), last

    def trace(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The prepared inputs of a sequence, and the state after each, all [B, T, ...]."""
        current = self.prepare(inputs)
        state = self.start(inputs.shape[0]) if state is None else state
        return current, states_after(self.motion(smooth=True), current, state, self.fixed())

    def call(self, inputs: Tensor) -> Tensor:
        """`run` from zeros, without the state."""
        return self.run(inputs)[0]
