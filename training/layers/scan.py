"""A recurrence over time that differentiates in little more memory than its carries take.

Backwards, each step is taken again from the carry that was kept before it. A framework left to
itself keeps every intermediate of every step; TensorFlow's own gradient of a loop that reads a
sequence also takes time that grows with the square of its length under XLA. Both ways are one loop
that XLA compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any  # of the backend that Keras runs on
Tensors = tuple[Tensor, ...]
Step = Callable[..., Tensors]


def scan(
    step: Step, carry: Tensors, inputs: Tensors, constants: Tensors = (), *, shown: int = 1
) -> tuple[Tensors, Tensors]:
    """Take a step for each row of the inputs.

    Args:
        step: From the parts of a carry, a row of each input and the constants to the parts of the
            next carry, of the same shapes and types. It is pure: whatever is to be differentiated
            is an argument.
        carry: The first one.
        inputs: Floating-point tensors [T, ...].
        constants: What every step depends on besides, such as weights.
        shown: Of how many leading parts of the carry the history is wanted.

    Returns:
        These parts after each step, [T, ...], and the last carry.
    """
    if keras.backend.backend() == "tensorflow":
        return _tensorflow(step, carry, inputs, constants, shown)

    def body(carry: Tensors, row: Tensors) -> tuple[Tensors, Tensors]:
        after = step(*carry, *row, *constants)
        return after, after[:shown]

    if keras.backend.backend() == "jax":
        import jax

        body = jax.checkpoint(body)
    last, history = ops.scan(body, carry, inputs)
    return history, last


def _tensorflow(
    step: Step, carry: Tensors, inputs: Tensors, constants: Tensors, shown: int
) -> tuple[Tensors, Tensors]:
    import tensorflow as tf

    length = inputs[0].shape[0] or tf.shape(inputs[0])[0]
    parts, rows = len(carry), len(inputs)

    def arrays(like: Any) -> list[Any]:
        return [tf.TensorArray(x.dtype, length, element_shape=x.shape) for x in like]

    def written(arrays: list[Any], t: Tensor, values: Any) -> list[Any]:
        return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def forwards(*given: Tensor) -> tuple[Tensors, Callable[..., Tensors]]:
        carry, inputs, constants = given[:parts], given[parts : parts + rows], given[parts + rows :]

        def ahead(t: Tensor, carry: list[Tensor], kept: list[Any]) -> tuple[Any, ...]:
            after = step(*carry, *(x[t] for x in inputs), *constants)
            return t + 1, list(after), written(kept, t, carry)

        _, last, kept = tf.while_loop(
            lambda t, *_: t < length,
            ahead,
            (0, list(carry), arrays(carry)),
            maximum_iterations=length,
        )
        before = [array.stack() for array in kept]
        history = [
            tf.concat((earlier[1:], latest[None]), 0)
            for earlier, latest in zip(before[:shown], last[:shown], strict=True)
        ]

        def backwards(*wanted: Tensor) -> Tensors:
            of_history, of_last = wanted[:shown], wanted[shown:]

            def back(
                t: Tensor, of_carry: list[Tensor], to_constants: list[Tensor], kept: list[Any]
            ) -> tuple[Any, ...]:
                at = [*(x[t] for x in (*before, *inputs)), *constants]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(at)
                    after = step(*at)
                arriving = [g + h[t] for g, h in zip(of_carry, of_history, strict=False)]
                gradients = tape.gradient(
                    list(after),
                    at,
                    [*arriving, *of_carry[shown:]],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                more = gradients[parts + rows :]
                return (
                    t - 1,
                    gradients[:parts],
                    [c + m for c, m in zip(to_constants, more, strict=True)],
                    written(kept, t, gradients[parts : parts + rows]),
                )

            _, of_carry, to_constants, kept = tf.while_loop(
                lambda t, *_: t >= 0,
                back,
                (
                    length - 1,
                    list(of_last),
                    [tf.zeros_like(c) for c in constants],
                    arrays(x[0] for x in inputs),
                ),
                maximum_iterations=length,
            )
            return (*of_carry, *(array.stack() for array in kept), *to_constants)

        return (*history, *last), backwards

    # A variable is no argument to a custom gradient: its value is.
    given = [tf.identity(x) for x in (*carry, *inputs, *constants)]
    answer = forwards(*given)
    return tuple(answer[:shown]), tuple(answer[shown:])
