"""The networks of the study, each by name: raw positive bands [B, n] in, logits out.

What the training rows decide beforehand (scales) is inside, as weights that are not trained, so a
network takes the values as they were measured. Two classes have one logit, of the second class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from models.errors import InputError
from training.layers.normalized_contrast import NormalizedContrast
from training.layers.normalized_difference import NormalizedDifference
from training.layers.scaling import Scaling
from training.spectral.samples import Array

Tensor = Any
EPSILON = 1e-6
CONTRAST_SHARE = 0.3  # of the large MLP's parameters


@dataclass(frozen=True)
class Kind:
    """A family of networks.

    Attributes:
        title: For the report.
        build: The logits, of an input tensor [B, n], training rows [N, n], a number of logits and
            a seed.
        control: Is it an MLP that a learned index has to beat?
    """

    title: str
    build: Callable[[Tensor, Array, int, int], Tensor]
    control: bool = False


def build(kind: str, rows: Array, classes: int, seed: int) -> keras.Model:
    """A network before its training.

    Args:
        kind: One of `KINDS`.
        rows: [N, n] training rows, for the scales.
        classes: How many.
        seed: Decides the first weights.

    Raises:
        InputError: There is no such kind.
    """
    if kind not in KINDS:
        raise InputError(f"kind {kind!r}: not one of {', '.join(KINDS)}")
    inputs = keras.Input((rows.shape[1],), name="bands")
    outputs = KINDS[kind].build(inputs, rows, logits(classes), seed)
    return keras.Model(inputs, outputs, name=kind.replace("-", "_"))


def logits(classes: int) -> int:
    """How many a network has for so many classes."""
    return 1 if classes == 2 else classes


def count_parameters(model: keras.Model) -> int:
    """Trained numbers: what a network is large by. Scales are constants."""
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def scaled(inputs: Tensor, rows: Array) -> Tensor:
    """Bands divided by the greatest value of the training rows: positive, ratios unchanged."""
    layer = Scaling(name="scaling")
    outputs = layer(inputs)
    layer.fit(0.0, rows.max())
    return outputs


def z_scored(inputs: Tensor, rows: Array) -> Tensor:
    """Bands with the mean 0 and deviation 1 on the training rows."""
    layer = Scaling(name="scaling")
    outputs = layer(inputs)
    layer.fit(rows.mean(axis=0), rows.std(axis=0))
    return outputs


def head(features: Tensor, outputs: int, seed: int) -> Tensor:
    """A linear classifier."""
    return _dense(outputs, seed, name="head")(features)


def _dense(units: int, seed: int, **options: Any) -> layers.Layer:
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return layers.Dense(units, kernel_initializer=initializer, **options)


def _ndl(*, learned: bool = True, normalized: bool = False) -> Callable[..., Tensor]:
    """All pairs of bands and a linear head: the paper's, as far as it says."""

    def build(inputs: Tensor, rows: Array, outputs: int, seed: int) -> Tensor:
        indices = NormalizedDifference(epsilon=EPSILON, trainable=learned, name="indices")
        found = indices(scaled(inputs, rows))
        if normalized:
            found = layers.BatchNormalization(name="normalization")(found)
        return head(found, outputs, seed)

    return build


def _contrast(inputs: Tensor, rows: Array, outputs: int, seed: int) -> Tensor:
    """Contrasts of all bands and a linear head, of 30 % of the large MLP's weights at most."""
    bands = rows.shape[1]
    pairs = comb(bands, 2)
    budget = int(CONTRAST_SHARE * (pairs * (bands + 1) + (pairs + 1) * outputs))
    units = max(1, (budget - outputs) // (bands + 1 + outputs))
    initializer = keras.initializers.GlorotUniform(seed=2 * seed)
    contrasts = NormalizedContrast(units, initializer=initializer, name="contrasts")
    found = contrasts(inputs)
    contrasts.fit(rows)
    return head(found, outputs, 2 * seed + 1)


def _mlp(scale: Callable[[Tensor, Array], Tensor], *, small: bool = False) -> Callable[..., Tensor]:
    """One hidden layer: a unit a pair, or so few that it has no more weights than `ndl`."""

    def build(inputs: Tensor, rows: Array, outputs: int, seed: int) -> Tensor:
        bands = rows.shape[1]
        width = pairs = comb(bands, 2)
        if small:
            budget = 2 * pairs + (pairs + 1) * outputs
            width = max(1, (budget - outputs) // (bands + 1 + outputs))
        hidden = _dense(width, 2 * seed, activation="relu", name="hidden")(scale(inputs, rows))
        return head(hidden, outputs, 2 * seed + 1)

    return build


def _shares(inputs: Tensor, rows: Array) -> Tensor:
    """Bands divided by their sum, which no common gain changes, then z-scored."""
    shares = inputs / ops.sum(inputs, axis=-1, keepdims=True)
    return z_scored(shares, rows / rows.sum(axis=-1, keepdims=True))


KINDS: dict[str, Kind] = {
    "ndl": Kind("NDL", _ndl()),
    "ndl-fixed": Kind("NDL, fixed", _ndl(learned=False)),
    "ndl-bn": Kind("NDL, batch norm", _ndl(normalized=True)),
    "contrast": Kind("Contrasts", _contrast),
    "mlp-z": Kind("MLP, z-scores", _mlp(z_scored), control=True),
    "mlp-raw": Kind("MLP, raw", _mlp(scaled), control=True),
    "mlp-small-z": Kind("small MLP, z-scores", _mlp(z_scored, small=True), control=True),
    "mlp-small-raw": Kind("small MLP, raw", _mlp(scaled, small=True), control=True),
    "mlp-sum": Kind("MLP, x / Σx", _mlp(_shares), control=True),
}
