"""A model as one graph of plain layers, and the channels in it that can be dropped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from models.errors import InputError
from training.layers.feature_noise import FeatureNoise

# What stands in the place of a layer, called one after another.
Make = Callable[[Any], list[Any]]

# Each channel of the output comes from the same channel of the input.
_CHANNELWISE = (
    FeatureNoise,
    layers.Activation,
    layers.AveragePooling2D,
    layers.BatchNormalization,
    layers.DepthwiseConv2D,
    layers.Dropout,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
    layers.ReLU,
    layers.ZeroPadding2D,
)


@dataclass(frozen=True)
class Group:
    """Channels that can be dropped without touching any others.

    Attributes:
        producer: Layer whose outputs they are.
        between: Layers that pass on each by itself, in order.
        consumer: The one layer that mixes them.
        channels: How many there are.
    """

    producer: str
    between: tuple[str, ...]
    consumer: str
    channels: int


def rebuild(
    model: keras.Model, make: Make, size: int | None = None
) -> tuple[keras.Model, list[tuple[Any, list[Any]]]]:
    """Build a model anew from other layers, the models within it opened.

    Args:
        model: Functional or Sequential.
        make: Gives new layers for each layer.
        size: Another side of the square image at its only input.

    Returns:
        The new model, whose weights are still to be set, and what was made of each layer.
    """
    pairs: dict[int, tuple[Any, list[Any]]] = {}

    def renewed(operation: Any) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if isinstance(operation, keras.Model):
                return run(operation, keras.tree.flatten(arguments))
            if not isinstance(operation, layers.Layer):
                return operation(*arguments, **options)
            if id(operation) not in pairs:
                pairs[id(operation)] = (operation, make(operation))
            for layer in pairs[id(operation)][1]:
                arguments, options = (layer(*arguments, **options),), {}
            return arguments[0]

        return call

    def run(inner: Any, tensors: list[Any]) -> Any:
        if isinstance(inner, keras.Sequential):
            (outcome,) = tensors
            for layer in inner.layers:
                outcome = renewed(layer)(outcome)
            return outcome
        if not hasattr(inner, "_run_through_graph"):
            raise InputError(
                f"model {inner.name!r} is no graph of layers; give a Functional or Sequential one"
            )
        return inner._run_through_graph(tensors, operation_fn=renewed)

    inputs = [
        keras.Input((size, size, *t.shape[3:]) if size else t.shape[1:], dtype=t.dtype, name=t.name)
        for t in model.inputs
    ]
    first = inputs[0] if len(inputs) == 1 else inputs  # as a caller will give them
    built = keras.Model(first, run(model, inputs), name=model.name)
    return built, list(pairs.values())


def flatten(model: keras.Model, size: int | None = None) -> keras.Model:
    """A copy of a model as one graph of layers with unique names, for another size of image."""
    names: set[str] = set()

    def make(layer: Any) -> list[Any]:
        name = layer.name
        while name in names:
            name += "_"
        names.add(name)
        return [renew(layer, name=name)]

    flat, pairs = rebuild(model, make, size)
    for old, (new,) in pairs:
        new.set_weights(old.get_weights())
    return flat


def renew(layer: Any, **changes: Any) -> Any:
    """A layer of the same kind with some of its configuration changed and no weights yet."""
    return type(layer).from_config(layer.get_config() | changes)


def find_groups(flat: keras.Model) -> list[Group]:
    """The channels that can be dropped, in the order of computation.

    A convolution's or dense layer's outputs are such a group where they pass through layers that
    treat each by itself to exactly one convolution or dense layer. Channels that meet others in an
    addition or a concatenation, and the model's outputs, are none.
    """
    readers: dict[str, list[Any]] = defaultdict(list)
    for layer in flat.layers:
        if not isinstance(layer, layers.InputLayer):
            for tensor in keras.tree.flatten(layer.input):
                readers[tensor._keras_history.operation.name].append(layer)
    for tensor in flat.outputs:
        readers[tensor._keras_history.operation.name].append(None)
    groups = []
    for producer in flat.layers:
        if not _mixes(producer) or _spreads(producer):
            continue
        between: list[str] = []
        layer = producer
        while len(readers[layer.name]) == 1:
            layer = readers[layer.name][0]
            if layer is None or not isinstance(layer, _CHANNELWISE) or not _by_channel(layer):
                break
            between.append(layer.name)
        if layer is not producer and _mixes(layer) and len(readers[producer.name]) == 1:
            channels = producer.output.shape[-1]
            groups.append(Group(producer.name, tuple(between), layer.name, channels))
    return groups


def _mixes(layer: Any) -> bool:
    """Is it a plain convolution or a dense layer?"""
    if isinstance(layer, layers.Conv2D):
        return bool(layer.groups == 1 and layer.data_format == "channels_last")
    return isinstance(layer, layers.Dense)


def _spreads(layer: Any) -> bool:
    """Does its activation mix channels?"""
    return getattr(layer, "activation", None) is keras.activations.softmax


def _by_channel(layer: Any) -> bool:
    if isinstance(layer, layers.BatchNormalization):
        return layer.axis in {-1, layer.input.ndim - 1}
    if isinstance(layer, layers.DepthwiseConv2D):
        return bool(layer.depth_multiplier == 1 and layer.data_format == "channels_last")
    return not _spreads(layer)
