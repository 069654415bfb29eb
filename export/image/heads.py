"""What an exported graph answers besides the classes: where it looked, and whether it knows.

A classifier that ends in global average pooling and one dense layer gives a class-activation map
for nothing (Zhou et al., CVPR 2016, arXiv 1512.04150): the dense kernel, applied at every place
instead of to the mean. Its mean over the places, plus the bias, is the logit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

MAP = "activation_map"
FAMILIARITY = "familiarity"


@dataclass(frozen=True)
class Anatomy:
    """The end of a classifier, as symbolic tensors of it.

    Attributes:
        features: [B, F] what its last dense layer reads.
        kernel: [F, K] of that layer.
        maps: [B, h, w, F] whose mean over h and w the features are; None with another pooling.
    """

    features: Any
    kernel: NDArray[np.float32]
    maps: Any | None


@dataclass(frozen=True)
class Probe:
    """A linear reading of the features [F]: `features @ kernel + bias`."""

    kernel: NDArray[np.float32]
    bias: float


def output_names(model: keras.Model) -> tuple[str, ...]:
    """The outputs of `with_heads`, the classes' first: Keras sorts them when it predicts."""
    heads = [name for name in (MAP, FAMILIARITY) if name in model.output]
    return (*(name for name in model.output if name not in heads), *heads)


def dissect(model: keras.Model) -> Anatomy | None:
    """The end of a model, or None where that is not one dense layer, silent layers around it.

    Dropout may stand anywhere, a softmax behind the dense layer; both may lie in a Sequential.
    """
    made = _Made.by(model.outputs[0])
    while _is_dropout(made.layer) or _is_softmax(made.layer):
        made = _Made.by(made.source)
    layers = made.layer.layers if isinstance(made.layer, keras.Sequential) else [made.layer]
    layers = [layer for layer in layers if not _is_dropout(layer)]
    while layers and _is_softmax(layers[-1]):
        layers.pop()
    if len(layers) != 1 or not isinstance(layers[0], keras.layers.Dense):
        return None
    if layers[0].activation not in (keras.activations.linear, keras.activations.softmax):
        return None
    kernel = np.asarray(layers[0].get_weights()[0], np.float32)
    features = made.source
    pooled = _Made.by(features)
    while _is_dropout(pooled.layer):
        features = pooled.source
        pooled = _Made.by(features)
    pool = pooled.layer
    average = isinstance(pool, keras.layers.GlobalAveragePooling2D)
    flat = average and pool.data_format == "channels_last" and not pool.keepdims
    return Anatomy(features, kernel, pooled.source if flat else None)


@dataclass(frozen=True)
class _Made:
    """How a symbolic tensor came to be: the layer, and what this call of it read."""

    layer: Any
    source: Any

    @classmethod
    def by(cls, tensor: Any) -> _Made:
        history = tensor._keras_history
        # A layer may be called more than once; `layer.input` is that of the first call.
        sources = history.operation._inbound_nodes[history.node_index].input_tensors
        return cls(history.operation, sources[0] if sources else None)


def _is_dropout(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Dropout)


def _is_softmax(layer: Any) -> bool:
    activation = isinstance(layer, keras.layers.Activation)
    named = activation and layer.activation is keras.activations.softmax
    return named or isinstance(layer, keras.layers.Softmax)


def with_heads(
    model: keras.Model, output: str, anatomy: Anatomy | None, probe: Probe | None
) -> keras.Model:
    """The model that is exported: the same input, named outputs.

    Args:
        model: The classifier.
        output: What to call its output.
        anatomy: Of it; with maps, the output `activation_map` [B, h, w, K] is added.
        probe: With one, the output `familiarity` [B, 1] is added.
    """
    outputs = {output: model.outputs[0]}
    if anatomy is not None and anatomy.maps is not None:
        places = keras.layers.Conv2D(
            anatomy.kernel.shape[1], 1, use_bias=False, name=_unused(model, MAP)
        )
        outputs[MAP] = places(anatomy.maps)
        places.set_weights([anatomy.kernel[None, None]])
    if anatomy is not None and probe is not None:
        reading = keras.layers.Dense(1, name=_unused(model, FAMILIARITY))
        outputs[FAMILIARITY] = reading(anatomy.features)
        reading.set_weights([probe.kernel[:, None], np.array([probe.bias], np.float32)])
    return keras.Model(model.inputs, outputs)


def _unused(model: keras.Model, name: str) -> str:
    """A layer's name that the model has not: Keras's own counters know nothing of loaded models."""
    taken = {layer.name for layer in model.layers}
    while name in taken:
        name += "_"
    return name
