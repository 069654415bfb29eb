"""Normalized Difference Layers of four bands for tests, and their Jacobian by the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.layers.normalized_difference import NormalizedDifference

BANDS = 4
PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
Array = NDArray[Any]


def made(raw: Array | None = None, **options: Any) -> NormalizedDifference:
    """A layer of all pairs of four bands, with its raw weights [2, P] if given."""
    layer = NormalizedDifference(**options)
    layer.build((None, BANDS))
    if raw is not None:
        layer.alpha.assign(raw[0])
        layer.gamma.assign(raw[1])
    return layer


def applied(layer: NormalizedDifference, x: Array) -> Array:
    return np.asarray(ops.convert_to_numpy(layer(ops.convert_to_tensor(x))))


def jacobian(
    x: Array, a: Array, g: Array, epsilon: float, *, signed: bool
) -> tuple[Array, Array, Array, Array]:
    """y [B, P], dy/dx [B, P, n], dy/da and dy/dg [B, P], by the formulas of the docstring."""
    first, second = np.array(PAIRS).T
    i, j = x[:, first], x[:, second]
    si, sj = (np.sign(i), np.sign(j)) if signed else (1.0, 1.0)
    d = a * si * i + g * sj * j + epsilon
    y = (a * i - g * j) / d
    unit = np.eye(BANDS)
    to_x = (a * (1 - si * y) / d)[..., None] * unit[first]
    to_x -= (g * (1 + sj * y) / d)[..., None] * unit[second]
    return y, to_x, i * (1 - si * y) / d, -j * (1 + sj * y) / d


def sample(*, signed: bool) -> Array:
    draw = np.random.default_rng(3)
    x = draw.uniform(0.01, 1.0, (7, BANDS))
    return x * draw.choice([-1.0, 1.0], x.shape) if signed else x
