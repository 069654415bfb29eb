"""Cross-layer equalisation: channels of like range, by moving scale from one layer to the next.

Behind a ReLU, f(s x) = s f(x): channel i of a layer may be divided by s_i if the next layer's
weights for it are multiplied. With s_i = sqrt(r1_i / r2_i), r the largest weights of the channel
on either side, both ranges become sqrt(r1_i r2_i), and 8 bits serve all channels alike (Nagel, van
Baalen, Blankevoort & Welling, "Data-free quantization through weight equalization and bias
correction", ICCV 2019, arXiv 1906.04721). The model computes the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np

from export.tuning.linear import Kernel, Linear, consumers, folded, functionals

MOST_ROUNDS = 50
SETTLED = 1e-3  # relative change of a scale
# A channel goes through these on its own, and its scale with it.
_KEEPS_SCALE = (
    keras.layers.ZeroPadding2D,
    keras.layers.Dropout,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
)


class Pair(NamedTuple):
    """Two linear layers, with nothing between them but what keeps a channel's scale."""

    first: Linear
    second: Linear


def equalise(model: keras.Model) -> int:
    """Equalise all that can be, in place; batch normalisation is folded.

    Returns:
        How many pairs of layers there are.
    """
    found = [
        pair
        for graph, layers in zip(functionals(model), list(folded(model)), strict=True)
        for pair in pairs(graph, layers)
    ]
    for _ in range(MOST_ROUNDS):
        settled = [_equalised(pair) for pair in found]
        if all(settled):
            break
    return len(found)


def pairs(graph: Any, layers: list[Linear]) -> list[Pair]:
    """All of a functional graph."""
    readers = consumers(graph)
    by_call = {id(linear.read): linear for linear in layers}
    found = []
    for first in layers:
        second = _next(first, readers, by_call)
        if second is not None:
            found.append(Pair(first, second))
    return found


def ranges(pair: Pair) -> tuple[Kernel, Kernel]:
    """Per channel between them, the largest weight on either side."""
    first, second = np.abs(pair.first.kernel), np.abs(pair.second.kernel)
    before = first.max(axis=(0, 1)).ravel() if pair.first.depthwise else _over(first, -1)
    return before, _over(second, 2 if pair.second.depthwise else -2)


def _over(values: Kernel, axis: int) -> Kernel:
    others = tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    return np.asarray(values.max(axis=others))


def _equalised(pair: Pair) -> bool:
    """Equalise once; whether there was nothing left to do."""
    before, after = ranges(pair)
    alive = (before > 0) & (after > 0)
    scale = np.sqrt(np.where(alive, before, 1) / np.where(alive, after, 1))
    pair.first.scaled((1 / scale).astype(np.float32))
    shape = (-1, 1)  # [..., inputs, outputs], depthwise or not
    pair.second.kernel = pair.second.kernel * scale.reshape(shape).astype(np.float32)
    return bool(np.abs(scale - 1).max() < SETTLED)


def _next(first: Linear, readers: dict[int, list[Any]], layers: dict[int, Linear]) -> Linear | None:
    activation = first.layer.activation
    if activation not in (keras.activations.linear, keras.activations.relu):
        return None
    tensor = first.given
    while True:
        (reader, *more) = readers.get(id(tensor), [None])
        if reader is None or more:
            return None
        if id(tensor) in layers and layers[id(tensor)].layer is reader.operation:
            return layers[id(tensor)]
        if not _keeps_scale(reader.operation):
            return None
        (tensor,) = reader.outputs


def _keeps_scale(layer: Any) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value is None and not layer.threshold and not layer.negative_slope
    if isinstance(layer, keras.layers.Activation):
        return layer.activation is keras.activations.relu
    return isinstance(layer, _KEEPS_SCALE)
