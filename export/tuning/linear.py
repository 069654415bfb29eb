"""The linear layers of a Keras model, with the batch normalisation behind them folded in.

Folded in place: the kernel takes the scale, the normalisation keeps the shift and divides by one.
The graph stays as it is and computes the same; converters fold what is left, a bias.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Kernel = NDArray[np.float32]


@dataclass
class Linear:
    """A convolution or dense layer; its kernel and bias are Keras's own.

    Attributes:
        layer: Of Keras.
        norm: The batch normalisation folded into it, which holds the bias; None without.
        read: The symbolic tensor that it reads.
        given: What it gives, behind the normalisation.
    """

    layer: Any
    norm: Any
    read: Any
    given: Any

    @property
    def depthwise(self) -> bool:
        """Whether each channel has kernels of its own."""
        return isinstance(self.layer, keras.layers.DepthwiseConv2D)

    @property
    def kernel(self) -> Kernel:
        """[..., inputs, outputs]; of a depthwise layer [rows, columns, channels, multiplier]."""
        return np.array(self.layer.kernel, np.float32)

    @kernel.setter
    def kernel(self, values: Kernel) -> None:
        self.layer.kernel.assign(values)

    @property
    def bias(self) -> Kernel | None:
        """[outputs]; None where there is none and none can be added."""
        if self.norm is not None:
            return np.array(self.norm.beta, np.float32)
        return np.array(self.layer.bias, np.float32) if self.layer.use_bias else None

    @bias.setter
    def bias(self, values: Kernel) -> None:
        (self.layer.bias if self.norm is None else self.norm.beta).assign(values)

    def scaled(self, factors: Kernel) -> None:
        """Multiply each output channel by a factor."""
        kernel = self.kernel
        self.kernel = kernel * (factors.reshape(kernel.shape[2:]) if self.depthwise else factors)
        if self.bias is not None:
            self.bias = self.bias * factors

    def apply(self, values: Any, kernel: Kernel) -> Kernel:
        """[N, ..., inputs] -> [N, ..., outputs] with another kernel, without bias or activation."""
        layer = self.layer
        if isinstance(layer, keras.layers.Dense):
            return np.asarray(keras.ops.matmul(values, kernel))
        how = keras.ops.depthwise_conv if self.depthwise else keras.ops.conv
        return np.asarray(
            how(
                values,
                kernel,
                strides=layer.strides,
                padding=layer.padding,
                data_format=layer.data_format,
                dilation_rate=layer.dilation_rate,
            )
        )


def folded(model: keras.Model) -> Iterator[list[Linear]]:
    """Fold normalisations in place.

    Args:
        model: Functional or Sequential, others inside it included.

    Yields:
        The linear layers of each functional graph in it, in the order that they run; without
        those that are called several times.
    """
    for graph in functionals(model):
        calls = nodes(graph)
        counts = Counter(id(node.operation) for node in calls)
        readers = consumers(graph)
        found = []
        for node in calls:
            layer = node.operation
            if not _is_linear(layer) or counts[id(layer)] > 1:
                continue
            (given,) = node.outputs
            norm = _norm_behind(layer, given, readers, counts)
            if norm is not None:
                _fold(layer, norm.operation)
                (given,) = norm.outputs
            found.append(Linear(layer, norm and norm.operation, node.input_tensors[0], given))
        yield found


def functionals(model: Any) -> Iterator[Any]:
    """A model's functional graph and those of all models inside it."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    yield graph
    for layer in graph.layers:
        if isinstance(layer, keras.Model):
            yield from functionals(layer)


def nodes(graph: Any) -> list[Any]:
    """The calls of a functional graph in the order that they run."""
    depths = graph._nodes_by_depth
    return [node for depth in sorted(depths, reverse=True) for node in depths[depth]]


def consumers(graph: Any) -> dict[int, list[Any]]:
    """The calls that read a tensor, by its id; an output of the graph is read by None, too."""
    found = dict[int, list[Any]]()
    for node in nodes(graph):
        for tensor in node.input_tensors:
            found.setdefault(id(tensor), []).append(node)
    for tensor in graph.outputs:
        found.setdefault(id(tensor), []).append(None)
    return found


def _is_linear(layer: Any) -> bool:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    plain = type(layer) in kinds and getattr(layer, "groups", 1) == 1
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    return plain and last and layer.dtype_policy.compute_dtype == "float32"


def _norm_behind(
    layer: Any, given: Any, readers: dict[int, list[Any]], counts: Counter[int]
) -> Any:
    """The call of a normalisation that alone reads what a layer gives, or None."""
    (reader, *more) = readers.get(id(given), [None])
    if reader is None or more or layer.activation is not keras.activations.linear:
        return None
    norm = reader.operation
    fits = isinstance(norm, keras.layers.BatchNormalization) and norm.center
    return reader if fits and norm.axis in (-1, 3) and counts[id(norm)] == 1 else None


def _fold(layer: Any, norm: Any) -> None:
    deviation = np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
    scale = (np.asarray(norm.gamma) if norm.scale else 1.0) / deviation
    kernel = np.asarray(layer.kernel)
    shaped = scale
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        shaped = scale.reshape(kernel.shape[2:])
    layer.kernel.assign(kernel * shaped)
    bias = np.asarray(layer.bias) if layer.use_bias else 0.0
    norm.beta.assign(np.asarray(norm.beta) + (bias - np.asarray(norm.moving_mean)) * scale)
    if layer.use_bias:
        layer.bias.assign(np.zeros_like(bias))
    if norm.scale:
        norm.gamma.assign(np.ones_like(deviation))
    norm.moving_mean.assign(np.zeros_like(deviation))
    norm.moving_variance.assign(np.full_like(deviation, 1 - norm.epsilon))
