"""What the last hidden layer of an adapter means, in units that the filter knows."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from models.contract import ADAPTER_OUTPUTS
from training.layers.recurrence import Tensor

HEADS = tuple(ADAPTER_OUTPUTS)
Outputs = dict[str, Tensor]


@keras.saving.register_keras_serializable(package="bombus")
class Heads(keras.layers.Layer):  # type: ignore[misc]
    """One matrix an output; all weights start at 0, which puts the outputs at their bases."""

    def __init__(
        self,
        heads: tuple[str, ...],
        base: tuple[float, float],
        span: float,
        *,
        constant: bool = False,
        **options: Any,
    ) -> None:
        """Make the layer.

        Args:
            heads: Outputs, of `HEADS`.
            base: Variances of `slip` at 0, m^2/s^2.
            span: Powers of ten by which they can go up and down.
            constant: Whether to learn biases only, and heed no input.
            options: Keras's.

        Raises:
            ValueError: There is no such output.
        """
        super().__init__(**options)
        unknown = set(heads) - set(HEADS)
        if unknown:
            raise ValueError(f"no output {', '.join(sorted(unknown))}; one of {', '.join(HEADS)}")
        self.heads = tuple(heads)
        self.base = tuple(base)
        self.span = span
        self.constant = constant

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make bias and kernel of each output."""
        self.parts = {}
        for head in self.heads:
            width = ADAPTER_OUTPUTS[head]
            bias = self.add_weight(name=f"{head}_bias", shape=(width,), initializer="zeros")
            kernel = None
            if not self.constant:
                kernel = self.add_weight(
                    name=f"{head}_kernel", shape=(int(shape[-1] or 0), width), initializer="zeros"
                )
            self.parts[head] = (kernel, bias)
        self.built = True

    def call(self, inputs: Tensor) -> Outputs:
        """[..., units] to the outputs by name, [..., 1 or 2] each."""
        return {head: self._output(head, inputs) for head in self.heads}

    def _output(self, head: str, inputs: Tensor) -> Tensor:
        kernel, bias = self.parts[head]
        raw = ops.zeros_like(inputs[..., :1]) if kernel is None else ops.matmul(inputs, kernel)
        z = raw + bias
        if head == "slip":
            return ops.convert_to_tensor(np.array(self.base), z.dtype) * _decades(self.span, z)
        if head == "still":
            return ops.sigmoid(z - 3.0)  # to stand still is rare
        if head == "speed":
            return ops.concatenate([10.0 * z[..., :1], 100.0 * _decades(3.0, z[..., 1:])], axis=-1)
        return _decades(2.0, z)

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        own = {"heads": self.heads, "base": self.base, "span": self.span, "constant": self.constant}
        return config | own


def _decades(span: float, z: Tensor) -> Tensor:
    """10^(span tanh z)."""
    return ops.exp((span * math.log(10.0)) * ops.tanh(z))
