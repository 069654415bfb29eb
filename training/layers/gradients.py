"""Functions and their gradients on whichever backend Keras runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

Tensor = Any  # of whichever backend


def value_and_gradient(
    function: Callable[..., Tensor],
    arrays: Sequence[NDArray[Any]] = (),
    variables: Sequence[keras.Variable] = (),
    dtype: str = "float32",
) -> tuple[float, list[NDArray[Any]]]:
    """A scalar function's value, and its gradient to its arguments and to variables.

    Args:
        function: Of the arrays, as tensors; it may read the variables.
        arrays: Its arguments.
        variables: Of a layer, say.
        dtype: Of the tensors that the arrays become.
    """
    sources = [ops.convert_to_tensor(array, dtype) for array in arrays]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(sources)
            value = function(*sources)
        wanted = [*sources, *(variable.value for variable in variables)]
        to = tape.gradient(value, wanted, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return float(value), [np.asarray(gradient) for gradient in to]
    import jax

    def pure(sources: list[Tensor], weights: list[Tensor]) -> Tensor:
        with keras.StatelessScope(list(zip(variables, weights, strict=True))):
            return function(*sources)

    weights = [variable.value for variable in variables]
    value, (first, second) = jax.value_and_grad(pure, (0, 1))(sources, weights)
    return float(value), [np.asarray(gradient) for gradient in (*first, *second)]


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of tensors as a graph, which on TensorFlow makes loops bearable."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    graph: Callable[..., Tensor] = tf.function(function)
    return graph
