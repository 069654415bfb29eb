"""Normalized contrasts: learned indices of all bands at once, as blind to light as one of two.

The index of two bands is (P - Q) / (P + Q) with P = a x_i and Q = g x_j. Here P and Q are any
products of powers of the n bands, of the same degree, so that a common gain still cancels:

    y = (P - Q) / (P + Q) = tanh z,    z = log(P / Q) / 2 = Σ w_i log x_i + b,    Σ w_i = 0

with a weight a band, free parameters less their mean, and a bias a unit. Weights of 1/2 and -1/2
at i and j, with b = log(a / g) / 2, make `NormalizedDifference`'s index of that pair; equal weights
on each side compare the geometric means of two sets of bands.

What is trained is w times the spread of each band's log share on the training rows, and the bias at
their mean spectrum: both are constants that `fit` takes, since neighbouring bands vary together and
what tells them apart is small beside what they have in common.

**Range and gain** are the index's: |y| <= 1 in floating point too, and a common gain k changes
nothing: to the bit if k is a power of two, else within the rounding of x. There is no ε.

**Noise.** If each band is multiplied by 1 + s n_i with n_i independent and of deviation 1, then to
first order y has the deviation

    s (1 - y²) ‖w‖,    ‖w‖² = Σ w_i².

It is s (1 - y²) / √2 for two bands, whatever their coefficients, and s (1 - y²) / √(2 m) for
the means of m bands on each side: training that sees noise learns to average.

**Jacobian.** dy/dx_i = (1 - y²) w_i / x_i and, with L_i = log x_i - mean log x,
dy/dw_i = (1 - y²) L_i, dy/db = 1 - y². The sum of x_i dy/dx_i is 0, which is invariance to gain.

**Arithmetic.** Bands are divided by the brightest of their pixel before the logarithm, in float32
at least. What is darker than `floor` of that, zero or negative too, counts as `floor`: a bound that
moves with the light. A pixel without light has y = 0, and gradients are finite everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.errors import InputError
from training.layers.normalized_difference import FLOOR

Tensor = Any  # of whichever backend


@keras.saving.register_keras_serializable(package="bombus")
class NormalizedContrast(keras.layers.Layer):  # type: ignore[misc]
    """Learned contrasts of the bands on the last axis: [..., n] to [..., units].

    Attributes:
        kernel: Weights of the standardised log shares [n, units].
        bias: [units].
        centre, spread: Of the log shares [n], not trained.
    """

    def __init__(
        self,
        units: int,
        *,
        floor: float = 1e-3,
        initializer: Any = "glorot_uniform",
        regularizer: Any = None,
        constraint: Any = None,
        **options: Any,
    ) -> None:
        """Make the layer.

        Args:
            units: How many contrasts.
            floor: Least share of a pixel's brightest band that a band counts as.
            initializer: Of the weights, Keras's.
            regularizer: Of the weights, Keras's.
            constraint: Of the weights, Keras's.
            options: Keras's.

        Raises:
            InputError: There is no unit, or no floor between 0 and 1.
        """
        super().__init__(autocast=False, **options)  # a count of 65,535 is infinite in float16
        if units < 1:
            raise InputError(f"units {units}: it is a number of 1 or more")
        if not FLOOR <= floor < 1.0:
            raise InputError(f"floor {floor}: it is a share of at least {FLOOR:.1g} and below 1")
        self.units = units
        self.floor = floor
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)
        self.supports_masking = True

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights of n bands.

        Raises:
            InputError: n < 2.
        """
        bands = shape[-1]
        if bands is None or bands < 2:
            raise InputError(f"{bands} bands on the last axis: a contrast needs 2 or more")
        self.computed = keras.backend.result_type(self.compute_dtype, "float32")
        self.kernel = self.add_weight(
            name="kernel",
            shape=(bands, self.units),
            initializer=self.initializer,
            regularizer=self.regularizer,
            constraint=self.constraint,
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.centre, self.spread = (
            self.add_weight(name=name, shape=(bands,), initializer=start, trainable=False)
            for name, start in (("centre", "zeros"), ("spread", "ones"))
        )
        self.built = True

    def fit(self, values: NDArray[Any]) -> None:
        """Take mean and deviation of log shares of values [..., n]; a constant keeps spread 1."""
        rows = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        brightest = rows.max(axis=-1, keepdims=True)
        lit = rows[brightest[:, 0] > 0] / brightest[brightest[:, 0] > 0]
        logs = np.log(np.maximum(lit, self.floor))
        logs -= logs.mean(axis=-1, keepdims=True)
        spread = logs.std(axis=0)
        self.centre.assign(logs.mean(axis=0))
        self.spread.assign(np.where(spread > 1e-6, spread, 1.0))

    def _folded(self) -> tuple[Tensor, Tensor]:
        """Weights w [n, units] of the log shares, and b [units]."""
        kernel, bias, centre, spread = (
            ops.cast(v, self.computed) for v in (self.kernel, self.bias, self.centre, self.spread)
        )
        exponents = kernel / spread[:, None]
        exponents = exponents - ops.mean(exponents, axis=0, keepdims=True)
        return exponents, bias - ops.matmul(centre[None], exponents)[0]

    @property
    def coefficients(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of each unit w [units, n], which sum up to 0, and b [units]."""
        exponents, bias = (ops.convert_to_numpy(v) for v in self._folded())
        return exponents.T, bias

    def call(self, inputs: Tensor) -> Tensor:
        """[..., units] in [-1, 1], of the policy's compute type, for bands [..., n] of any type."""
        bands = ops.maximum(ops.cast(inputs, self.computed), 0.0)
        brightest = ops.max(bands, axis=-1, keepdims=True)
        shares = ops.maximum(bands / ops.maximum(brightest, FLOOR), self.floor)
        exponents, bias = self._folded()
        z = ops.matmul(ops.log(shares), exponents) + bias
        # Some runtimes' tanh goes a rounding beyond 1.
        y = ops.where(brightest > 0.0, ops.clip(ops.tanh(z), -1.0, 1.0), 0.0)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Units in place of bands."""
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "units": self.units,
            "floor": self.floor,
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "constraint": keras.constraints.serialize(self.constraint),
        }


def written(exponents: NDArray[Any], bands: Sequence[str], least: float = 0.1) -> str:
    """A contrast as in `NC(B8^0.6 B8A^0.4, B4^0.9 B5^0.1)`: what raises it, then what lowers it.

    Args:
        exponents: w [n] of a unit; written as shares of the greater side's sum.
        bands: Their names.
        least: Smaller shares are left out.
    """
    shares = exponents / max(np.abs(exponents).sum() / 2, FLOOR)
    sides = []
    for sign in (1, -1):
        order = [k for k in np.argsort(-sign * shares, kind="stable") if sign * shares[k] >= least]
        sides.append(" ".join(f"{bands[k]}^{sign * shares[k]:.2g}" for k in order))
    return f"NC({sides[0]}, {sides[1]})".replace("^1 ", " ").replace("^1,", ",").replace("^1)", ")")
