"""The Normalized Difference Layer: spectral indices whose coefficients are learned.

Lotfi et al., arXiv 2601.06777. Of a pair of bands (i, j) and its coefficients a, g > 0,

    y = (a x_i - g x_j) / D,    D = a x_i + g x_j + ε            (signed: D = a|x_i| + g|x_j| + ε)

with a = softplus(alpha), g = softplus(gamma) of raw weights; a = g is the classical index.

**Range.** |y| <= 1 in floating point too, since rounding keeps the order |a x_i - g x_j| <= D. The
plain form asks for x >= 0, as light is; the signed one takes any x, so that layers stack, and is
the same function where x >= 0.

**Gain.** With ε = 0 only x_i / x_j counts: a gain k common to all bands changes nothing, to the bit
if k is a power of two, else within 6 roundings, 4e-7 in float32. With S = D - ε, exactly

    y(kx) - y(x) = y(x) ε (k - 1) / (k S + ε).

Antisymmetry is to the bit: the pair (j, i) with coefficients g, a gives -y.

**Jacobian**, of the signed form, s = sign x (the plain one has s = 1; at x = 0, where the signed
form has a kink, TensorFlow takes s = 0 and JAX s = 1):

    dy/dx_i =  a (1 - s_i y) / D    dy/da =  x_i (1 - s_i y) / D    dy/dalpha = sigmoid(alpha) dy/da
    dy/dx_j = -g (1 + s_j y) / D    dy/dg = -x_j (1 + s_j y) / D    dy/dgamma = sigmoid(gamma) dy/dg

For x >= 0, 1 - y = (2 g x_j + ε) / D and 1 + y = (2 a x_i + ε) / D: the paper's form at ε = 0. By
Euler x_i dy/dx_i + x_j dy/dx_j = a dy/da + g dy/dg = ε y / D: at ε = 0 one of the coefficients is
redundant, only a / g is learned.

**Arithmetic.** Both coefficients and ε are divided by 2 (a + g), which leaves y as it is; the two
terms are then at most half of the largest band, so nothing overflows that was finite. Half
precision is computed in float32. D so divided is kept above a floor, far below any light: a pixel
of zeros has y = 0 and a finite gradient at ε = 0 too, and invariance holds above it. A band that is
NaN or infinite makes all indices of its pixel NaN. Where float32 products run as TF32, as on many
GPUs, coefficients and bands count to 11 bits; range and powers of two hold there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import e, log
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.errors import InputError

Tensor = Any  # of whichever backend
Pair = tuple[int, int]

CLASSICAL = log(e - 1.0)  # softplus of it is 1
# Below it there is no light to compare, and no coefficient. JAX differentiates a quotient through
# D^-2, which must stay finite; and of half precision what is less is subnormal.
FLOOR, HALF_FLOOR = 2.0**-60, 2.0**-14


@keras.saving.register_keras_serializable(package="bombus")
class Classical(keras.initializers.Initializer):  # type: ignore[misc]
    """Raw weights of coefficients about 1: exp(jitter n), n standard normal; the same each call."""

    def __init__(self, jitter: float = 0.0, seed: int = 0) -> None:
        self.jitter = jitter
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Tensor:
        """Raw weights, equal on all backends."""
        noise = np.random.default_rng(self.seed).normal(size=tuple(shape))
        return ops.convert_to_tensor(np.log(np.expm1(np.exp(self.jitter * noise))), dtype)

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        return {"jitter": self.jitter, "seed": self.seed}


@keras.saving.register_keras_serializable(package="bombus")
class NormalizedDifference(keras.layers.Layer):  # type: ignore[misc]
    """Learned normalized differences of bands on the last axis: [..., n] to [..., P].

    Written as two products with constant selections of bands, which every exporter knows and which
    are faster than gathering.

    Attributes:
        pairs: P pairs (i, j) of bands, once built.
        alpha: Raw weights of x_i [P]; shared, one a band [n].
        gamma: Raw weights of x_j; shared, the same variable.
    """

    def __init__(
        self,
        pairs: Sequence[Sequence[int]] | None = None,
        *,
        signed: bool = False,
        epsilon: float = 1e-6,
        shared: bool = False,
        initializer: Any = "classical",
        regularizer: Any = None,
        constraint: Any = None,
        **options: Any,
    ) -> None:
        """Make the layer.

        Args:
            pairs: Bands (i, j) of each index; all i < j in lexicographic order if None.
            signed: Whether x may be negative, as a layer's outputs are.
            epsilon: ε >= 0, in x's unit times that of the coefficients, which are about 1.
            shared: Whether a band has one coefficient in all its pairs rather than one in each.
            initializer: Of the raw weights: Keras's, `Classical(...)`, or "classical".
            regularizer: Of the raw weights, Keras's. L2 pulls towards a = g = ln 2.
            constraint: Of the raw weights, Keras's.
            options: Keras's.

        Raises:
            InputError: ε is negative, or a pair is not two different bands or stands twice.
        """
        super().__init__(autocast=False, **options)  # a count of 65,535 is infinite in float16
        if not 0.0 <= epsilon < float("inf"):
            raise InputError(f"epsilon {epsilon}: it is a number of 0 or more")
        self.chosen = None if pairs is None else _checked(pairs)
        self.signed = signed
        self.epsilon = epsilon
        self.shared = shared
        self.initializer = (
            Classical() if initializer == "classical" else keras.initializers.get(initializer)
        )
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)
        self.supports_masking = True

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make raw weights and selections for n bands.

        Raises:
            InputError: n < 2, or a pair names a band that is not there.
        """
        bands = shape[-1]
        if bands is None or bands < 2:
            raise InputError(f"{bands} bands on the last axis: a difference needs 2 or more")
        self.pairs = tuple(combinations(range(bands), 2)) if self.chosen is None else self.chosen
        for pair in self.pairs:
            if max(pair) >= bands:
                raise InputError(f"pair {pair}: there are {bands} bands, 0 to {bands - 1}")
        self.first, self.second = np.array(self.pairs).T
        self.computed = keras.backend.result_type(self.compute_dtype, "float32")
        unit = np.eye(bands, dtype=bool)
        self.selections = unit[:, self.first], unit[:, self.second]
        width = bands if self.shared else len(self.pairs)
        self.alpha = self._weights("alpha", 0, width)
        self.gamma = self.alpha if self.shared else self._weights("gamma", 1, width)
        self.built = True

    def _weights(self, name: str, place: int, width: int) -> Any:
        # Both are rows of one draw, since a seeded initializer draws the same each time.
        return self.add_weight(
            name=name,
            shape=(width,),
            initializer=lambda shape, dtype=None: self.initializer((2, *shape), dtype)[place],
            regularizer=self.regularizer,
            constraint=self.constraint,
        )

    def _coefficients(self) -> tuple[Tensor, Tensor]:
        alpha, gamma = (
            ops.maximum(ops.softplus(ops.cast(raw, self.computed)), FLOOR)
            for raw in (self.alpha, self.gamma)
        )
        if self.shared:
            alpha, gamma = ops.take(alpha, self.first), ops.take(gamma, self.second)
        return alpha, gamma

    @property
    def coefficients(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of each pair a and g, [P] each."""
        alpha, gamma = self._coefficients()
        return ops.convert_to_numpy(alpha), ops.convert_to_numpy(gamma)

    def call(self, inputs: Tensor) -> Tensor:
        """[..., P] in [-1, 1], of the policy's compute type, for bands [..., n] of any type."""
        bands = ops.cast(inputs, self.computed)
        floor = HALF_FLOOR if self.compute_dtype == "float16" else FLOOR
        alpha, gamma = self._coefficients()
        total = 2.0 * (alpha + gamma)
        # By choice, not by product with 0: gradients of what is not selected may be infinite.
        p = ops.matmul(bands, ops.where(self.selections[0], alpha / total, 0.0))
        q = ops.matmul(bands, ops.where(self.selections[1], gamma / total, 0.0))
        size = ops.abs(p) + ops.abs(q) if self.signed else p + q
        y = (p - q) / ops.maximum(size + self.epsilon / total, floor)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Pairs in place of bands."""
        bands = int(shape[-1] or 0)
        return (*shape[:-1], bands * (bands - 1) // 2 if self.chosen is None else len(self.chosen))

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "pairs": self.chosen,
            "signed": self.signed,
            "epsilon": self.epsilon,
            "shared": self.shared,
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "constraint": keras.constraints.serialize(self.constraint),
        }


def _checked(pairs: Sequence[Sequence[int]]) -> tuple[Pair, ...]:
    """Pairs as tuples, each of two different bands and once, in either order."""
    if len(pairs) == 0:
        raise InputError("no pairs: give one or more, or None for all")
    seen: dict[frozenset[int], Pair] = {}
    for given in pairs:
        pair = tuple(int(band) for band in given)
        if len(pair) != 2 or min(pair) < 0:
            raise InputError(f"pair {pair}: it is the numbers of two bands, from 0")
        if pair[0] == pair[1]:
            raise InputError(f"pair {pair}: a band differs from another one, not from itself")
        if (other := seen.get(frozenset(pair))) is not None:
            raise InputError(f"pair {pair}: {other} is there already; give each pair once")
        seen[frozenset(pair)] = (pair[0], pair[1])
    return tuple(seen.values())
