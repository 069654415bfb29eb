"""Multiply-accumulates (MACs) of a Keras model, layer by layer, for a batch of one.

Counted is what a kernel multiplies, as papers do: MobileNet at 224 px has 569 million. Biases,
normalisation, activations, pooling and look-ups are not; nor are products outside of layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import keras
from keras import layers

from models.errors import InputError

Shape = tuple[int, ...]  # without the batch
Shapes = list[Shape]

# Weights that scale, shift or are looked up, one operation an element.
_ELEMENTWISE = (
    layers.BatchNormalization,
    layers.Embedding,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
    layers.PReLU,
    layers.RMSNormalization,
)


@dataclass(frozen=True)
class Count:
    """MACs of one inference.

    Attributes:
        total: Of all counted layers.
        by_layer: Of each layer that has any, in the order of computation; `outer/inner` in a model
            within a model. A layer that is called twice counts twice.
        uncounted: Layers with weights of a kind that is not known here, or at a size that no layer
            before them declares.
    """

    total: int
    by_layer: dict[str, int]
    uncounted: tuple[str, ...]


def macs(model: keras.Model, sizes: Mapping[str, Sequence[int]] | None = None) -> Count:
    """Count a model's MACs.

    Args:
        model: Functional or Sequential; what is neither is listed as not counted.
        sizes: Of inputs with free dimensions, by name: all their dimensions but the batch.

    Raises:
        InputError: A dimension is free and not given, or a size does not fit.
    """
    by_layer: dict[str, int] = {}
    uncounted: dict[str, None] = {}  # a set that keeps the order
    for name, layer, inputs, outputs in _calls(model, _inputs(model, sizes or {})):
        if _uncountable(layer) or any(None in shape for shape in inputs if layer.weights):
            uncounted[name] = None
        elif count := _count(layer, inputs, outputs):
            by_layer[name] = by_layer.get(name, 0) + count
    return Count(sum(by_layer.values()), by_layer, tuple(uncounted))


def _inputs(model: keras.Model, sizes: Mapping[str, Sequence[int]]) -> list[Any]:
    """Symbolic inputs of a batch of one, with every dimension known."""
    if not _is_graph(model):
        return []
    tensors = []
    for tensor in model.inputs:
        declared = tuple(tensor.shape[1:])
        size = tuple(sizes.get(tensor.name, declared))
        if None in size:
            raise InputError(
                f"input {tensor.name!r}: dimensions {declared} are free; give its size to count"
            )
        if len(size) != len(declared) or any(
            d not in {None, s} for d, s in zip(declared, size, strict=True)
        ):
            raise InputError(f"input {tensor.name!r}: size {size} does not fit {declared}")
        tensors.append(keras.KerasTensor((1, *size), tensor.dtype))
    return tensors


def _is_graph(model: Any) -> bool:
    """Functional, or Sequential and built."""
    has_graph = isinstance(model, keras.Sequential) or hasattr(model, "_run_through_graph")
    return isinstance(model, keras.Model) and has_graph and hasattr(model, "inputs")


def _calls(
    model: keras.Model, tensors: list[Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Shapes, Shapes]]:
    """(name, layer, shapes in, shapes out) of every call of a layer, models within opened."""
    found: list[tuple[str, Any, Shapes, Shapes]] = []

    def shaped(operation: Any) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            name = prefix + operation.name
            if _is_graph(operation):
                inside = keras.tree.flatten(arguments)
                found.extend(_calls(operation, inside, f"{name}/"))
                return operation.compute_output_spec(*arguments, **options)
            given = [t for t in keras.tree.flatten((arguments, options)) if _is_tensor(t)]
            result = operation.compute_output_spec(*arguments, **options)
            if isinstance(operation, layers.Layer):
                made = [t for t in keras.tree.flatten(result) if _is_tensor(t)]
                found.append((name, operation, _shapes(given), _shapes(made)))
            return result

        return call

    if isinstance(model, keras.Sequential):
        outcome: Any = tensors[0]
        for layer in model.layers:
            outcome = shaped(layer)(outcome)
    elif _is_graph(model):
        model._run_through_graph(tensors, operation_fn=shaped)
    else:
        found.append((prefix + model.name, model, [], []))
    yield from found


def _is_tensor(value: Any) -> bool:
    return isinstance(value, keras.KerasTensor)


def _shapes(tensors: Sequence[Any]) -> Shapes:
    return [tuple(tensor.shape[1:]) for tensor in tensors]


def _uncountable(layer: Any) -> bool:
    if isinstance(layer, layers.Bidirectional):
        return _uncountable(layer.forward_layer)
    if isinstance(layer, layers.TimeDistributed):
        return _uncountable(layer.layer)
    return bool(layer.weights) and not isinstance(layer, (*_ELEMENTWISE, *_COUNTS))


def _count(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    for kind, count in _COUNTS.items():
        if isinstance(layer, kind):
            return count(layer, inputs, outputs)
    return 0


def _places(layer: Any, shape: Shape) -> int:
    """Pixels or samples of a map."""
    return prod(shape[1:] if layer.data_format == "channels_first" else shape[:-1])


def _convolution(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    return _places(layer, outputs[0]) * int(prod(layer.kernel.shape))


def _transposed(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    return _places(layer, inputs[0]) * int(prod(layer.kernel.shape))


def _separable(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    kernels = prod(layer.depthwise_kernel.shape) + prod(layer.pointwise_kernel.shape)
    return _places(layer, outputs[0]) * int(kernels)


def _dense(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    return prod(inputs[0][:-1]) * int(prod(layer.kernel.shape))


def _einsum(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    """Each element of the input meets the kernel along the axes that only the kernel has."""
    given, kernel = layer.equation.replace(" ", "").split("->")[0].split(",")
    sizes = zip(kernel, layer.kernel.shape, strict=True)
    return prod(inputs[0]) * int(prod(size for axis, size in sizes if axis not in given))


def _recurrent(gates: int) -> Callable[[Any, Shapes, Shapes], int]:
    def count(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
        steps, features = inputs[0]
        return int(steps * gates * layer.units * (features + layer.units))

    return count


def _bidirectional(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    return sum(_count(one, inputs, outputs) for one in (layer.forward_layer, layer.backward_layer))


def _each_step(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    steps = inputs[0][0]
    return steps * _count(layer.layer, [inputs[0][1:]], [outputs[0][1:]])


def _attention(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    """Projections of T queries, S values and keys, their two products, and the output's."""
    query, value = inputs[0], inputs[1]
    key = inputs[2] if len(inputs) > 2 and len(inputs[2]) == len(value) else value
    t, s = prod(query[:-1]), prod(value[:-1])
    heads, dk, dv = layer.num_heads, layer.key_dim, layer.value_dim
    projections = t * query[-1] * dk + s * (key[-1] * dk + value[-1] * dv) + t * dv * outputs[0][-1]
    return int(heads * (projections + t * s * (dk + dv)))


# Subclasses stand before their base classes.
_COUNTS: dict[Any, Callable[[Any, Shapes, Shapes], int]] = {
    (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose): _transposed,
    (layers.SeparableConv1D, layers.SeparableConv2D): _separable,
    (layers.DepthwiseConv1D, layers.DepthwiseConv2D): _convolution,
    (layers.Conv1D, layers.Conv2D, layers.Conv3D): _convolution,
    layers.Dense: _dense,
    layers.EinsumDense: _einsum,
    layers.SimpleRNN: _recurrent(1),
    layers.GRU: _recurrent(3),
    layers.LSTM: _recurrent(4),
    layers.Bidirectional: _bidirectional,
    layers.TimeDistributed: _each_step,
    layers.MultiHeadAttention: _attention,
}
