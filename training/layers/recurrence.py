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

Tensor = Any  # of whichever backend
State = dict[str, Tensor]
Fixed = dict[str, Tensor]  # what does not change along a sequence
Advance = Callable[[Tensor, State, Fixed], State]


def scan(advance: Advance, inputs: Tensor, state: State, fixed: Fixed) -> State:
    """Carry a state along a sequence.

    Args:
        advance: (input [B, ...], state, fixed) -> next state of the same shapes.
        inputs: [B, T, ...].
        state: Before the first input, each [B, ...].
        fixed: All that `advance` depends on besides, and gradients may go to.

    Returns:
        The states after each input, each [B, T, ...].
    """
    inputs = ops.swapaxes(inputs, 0, 1)
    if keras.backend.backend() == "tensorflow":
        states = _tensorflow_scan(advance, inputs, state, fixed)
    else:

        def body(carry: State, current: Tensor) -> tuple[State, State]:
            carry = advance(current, carry, fixed)
            return carry, carry

        _, states = ops.scan(body, state, inputs)
    return {name: ops.swapaxes(value, 0, 1) for name, value in states.items()}


def _tensorflow_scan(advance: Advance, inputs: Tensor, state: State, fixed: Fixed) -> State:
    """The same with inputs [T, B, ...], differentiated as JAX does it: a loop back over the states.

    TensorFlow's own gradient of a loop that reads a sequence takes time that grows with the square
    of its length under XLA.
    """
    import tensorflow as tf

    names, fixed_names = list(state), list(fixed)
    length = inputs.shape[0] or tf.shape(inputs)[0]

    def array(like: Tensor) -> Any:
        return tf.TensorArray(like.dtype, size=length, element_shape=like.shape)

    def listed(values: Tensor) -> Any:
        return array(values[0]).unstack(values)

    def after(current: Tensor, before: list[Tensor], constants: list[Tensor]) -> list[Tensor]:
        moved = advance(
            current,
            dict(zip(names, before, strict=True)),
            dict(zip(fixed_names, constants, strict=True)),
        )
        return [moved[name] for name in names]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def carried(inputs: Tensor, first: list[Tensor], constants: list[Tensor]) -> Any:
        currents = listed(inputs)

        def forward(time: Tensor, carry: list[Tensor], seen: list[Any]) -> Any:
            carry = after(currents.read(time), carry, constants)
            return time + 1, carry, [s.write(time, c) for s, c in zip(seen, carry, strict=True)]

        _, _, seen = tf.while_loop(
            lambda time, *_: time < length,
            forward,
            (tf.constant(0), first, [array(value) for value in first]),
            maximum_iterations=length,
        )
        states = [s.stack() for s in seen]

        def gradient(*upstream: Tensor) -> Any:
            befores = [
                listed(tf.concat([f[None], s[:-1]], 0)) for f, s in zip(first, states, strict=True)
            ]
            arriving = [listed(g) for g in upstream]
            again = listed(inputs)

            def back(left: Tensor, down: Any, to_constants: Any, to_inputs: Any) -> Any:
                time = left - 1
                current, before = again.read(time), [b.read(time) for b in befores]
                sources = [current, *before, *constants]
                with tf.GradientTape() as tape:
                    tape.watch(sources)
                    moved = after(current, before, constants)
                total = [d + a.read(time) for d, a in zip(down, arriving, strict=True)]
                to = tape.gradient(moved, sources, total, tf.UnconnectedGradients.ZERO)
                down, more = to[1 : 1 + len(names)], to[1 + len(names) :]
                to_constants = [c + m for c, m in zip(to_constants, more, strict=True)]
                return time, down, to_constants, to_inputs.write(time, to[0])

            zeros = [[tf.zeros_like(v) for v in values] for values in (first, constants)]
            _, down, to_constants, to_inputs = tf.while_loop(
                lambda left, *_: left > 0,
                back,
                (tf.constant(length), *zeros, array(inputs[0])),
                maximum_iterations=length,
            )
            return to_inputs.stack(), down, to_constants

        return states, gradient

    first = [tf.convert_to_tensor(state[name]) for name in names]
    constants = [tf.identity(fixed[name]) for name in fixed_names]  # never a variable itself
    states = carried(inputs, first, constants)
    return dict(zip(names, states, strict=True))


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
        return current, scan(self.motion(smooth=True), current, state, self.fixed())

    def call(self, inputs: Tensor) -> Tensor:
        """`run` from zeros, without the state."""
        return self.run(inputs)[0]
