"""A recurrence over time that differentiates in little more memory than its carries take.

Backwards, each step is taken again from the carry that was kept before it. A framework left to
itself keeps every intermediate of every step. Both ways are one loop that XLA compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

Tensor = Any  # of the backend that Keras runs on
Tensors = tuple[Tensor, ...]


def scan(step: Callable[..., Tensors], carry: Tensors, inputs: Tensors) -> tuple[Tensor, Tensors]:
    """Take a step for each row of the inputs.

    Args:
        step: From the parts of a carry and a row of each input to the parts of the next carry, of
            the same shapes and types. It is pure: whatever is to be differentiated is an argument.
        carry: The first one.
        inputs: Floating-point tensors [T, ...]; T is known when the graph is made.

    Returns:
        The first part of the carry after each step, [T, ...], and the last carry.

    Raises:
        NotImplementedError: Keras runs on a backend other than TensorFlow and JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow(step, carry, inputs)
    if backend == "jax":
        return _jax(step, carry, inputs)
    raise NotImplementedError(f"Keras runs on {backend}: set KERAS_BACKEND=tensorflow or jax")


def _jax(step: Callable[..., Tensors], carry: Tensors, inputs: Tensors) -> tuple[Tensor, Tensors]:
    import jax

    @jax.checkpoint  # type: ignore[untyped-decorator]
    def body(carry: Tensors, row: Tensors) -> tuple[Tensors, Tensor]:
        after = step(*carry, *row)
        return after, after[0]

    last, history = jax.lax.scan(body, carry, inputs)
    return history, last


def _tensorflow(
    step: Callable[..., Tensors], carry: Tensors, inputs: Tensors
) -> tuple[Tensor, Tensors]:
    import tensorflow as tf

    count, parts = inputs[0].shape[0], len(carry)

    def arrays(like: Any) -> list[Any]:
        return [tf.TensorArray(x.dtype, count, element_shape=x.shape) for x in like]

    def written(arrays: list[Any], t: Tensor, rows: Any) -> list[Any]:
        return [array.write(t, row) for array, row in zip(arrays, rows, strict=True)]

    @tf.custom_gradient  # type: ignore[untyped-decorator,unused-ignore]
    def forwards(*given: Tensor) -> tuple[Tensors, Callable[..., Tensors]]:
        carry, inputs = given[:parts], given[parts:]

        def ahead(t: Tensor, carry: list[Tensor], kept: list[Any]) -> tuple[Any, ...]:
            after = step(*carry, *(x[t] for x in inputs))
            return t + 1, list(after), written(kept, t, carry)

        _, last, kept = tf.while_loop(
            lambda t, *_: t < count,
            ahead,
            (0, list(carry), arrays(carry)),
            maximum_iterations=count,
        )
        before = [array.stack() for array in kept]
        history = tf.concat((before[0][1:], last[0][None]), 0)

        def backwards(of_history: Tensor, *of_last: Tensor) -> Tensors:
            def back(t: Tensor, wanted: list[Tensor], kept: list[Any]) -> tuple[Any, ...]:
                at = [x[t] for x in (*before, *inputs)]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(at)
                    after = step(*at)
                gradients = tape.gradient(
                    list(after),
                    at,
                    [wanted[0] + of_history[t], *wanted[1:]],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                return t - 1, gradients[:parts], written(kept, t, gradients[parts:])

            _, of_carry, kept = tf.while_loop(
                lambda t, *_: t >= 0,
                back,
                (count - 1, list(of_last), arrays(x[0] for x in inputs)),
                maximum_iterations=count,
            )
            return (*of_carry, *(array.stack() for array in kept))

        return (history, *last), backwards

    history, *last = forwards(*carry, *inputs)
    return history, tuple(last)
