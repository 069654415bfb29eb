"""What an adapter is made of besides spikes: running statistics, causal convolution, an LSTM."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.layers.recurrence import Advance, Cell, Fixed, State, Tensor


@keras.saving.register_keras_serializable(package="bombus")
class Standardise(keras.layers.Layer):  # type: ignore[misc]
    """(x - shift) / scale per channel, constants that `fit` takes from data."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the constants, 0 and 1."""
        width = (int(shape[-1] or 0),)
        self.shift = self.add_weight(
            name="shift", shape=width, initializer="zeros", trainable=False
        )
        self.scale = self.add_weight(name="scale", shape=width, initializer="ones", trainable=False)
        self.built = True

    def fit(self, values: NDArray[Any]) -> None:
        """Take mean and standard deviation of values [..., F]; a constant channel keeps scale 1."""
        rows = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        spread = rows.std(axis=0)
        self.shift.assign(rows.mean(axis=0))
        self.scale.assign(np.where(spread > 1e-9, spread, 1.0))

    def call(self, inputs: Tensor) -> Tensor:
        """[..., F] of mean 0 and deviation 1, as far as they are like what was fitted."""
        return (inputs - self.shift) / self.scale

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return shape


@keras.saving.register_keras_serializable(package="bombus")
class Traces(Cell):
    """What a signal does on several time scales: bands and their energies.

    Running means m_k of the K time constants, from the fastest, split a signal into the bands
    x - m_1, m_1 - m_2, ..., and the level m_K that is left. To these come the logarithms of the
    running mean squares of x - m_k. Means are divided by the weight they have gathered, as in
    Adam, so the first sample counts in full and a constant offset shows in the level alone.
    """

    def __init__(
        self,
        time_constants: tuple[float, ...],
        rate: float,
        *,
        level: bool = True,
        floor: float = 1e-6,
        **options: Any,
    ) -> None:
        """Make the layer.

        Args:
            time_constants: s, increasing.
            rate: Samples a second.
            level: Whether to show the level too; without it no constant offset is seen.
            floor: Added to energies before the logarithm.
            options: Keras's.
        """
        super().__init__(**options)
        self.time_constants = tuple(time_constants)
        self.rate = rate
        self.level = level
        self.floor = floor

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Note the number of channels; nothing is learned."""
        self.channels = int(shape[-1] or 0)
        self.built = True

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Sums of samples, of squares and of weights, that decay."""
        scales = len(self.time_constants)
        return {
            "mean": (scales, self.channels),
            "energy": (scales, self.channels),
            "weight": (scales, 1),
        }

    def fixed(self) -> Fixed:
        """What is kept of each sum, and what a sample adds to it."""
        rates = np.array([[1.0 / (self.rate * tau)] for tau in self.time_constants])
        keep, share = np.exp(-rates), -np.expm1(-rates)
        return {
            "keep": ops.convert_to_tensor(keep, self.compute_dtype),
            "share": ops.convert_to_tensor(share, self.compute_dtype),
        }

    def motion(self, *, smooth: bool) -> Advance:
        """Decay, and add the sample and its squared distance to each mean."""

        def advance(sample: Tensor, state: State, fixed: Fixed) -> State:
            keep, share, sample = fixed["keep"], fixed["share"], sample[:, None, :]
            weight = keep * state["weight"] + share
            mean = keep * state["mean"] + share * sample
            energy = keep * state["energy"] + share * ops.square(sample - mean / weight)
            return {"mean": mean, "energy": energy, "weight": weight}

        return advance

    def show(self, current: Tensor, state: State, *, smooth: bool) -> Tensor:
        """[..., F]: bands from the fastest, the level, then log energies."""
        means = state["mean"] / state["weight"]
        energies = ops.log(state["energy"] / state["weight"] + self.floor)
        levels = ops.concatenate([current[..., None, :], means], axis=-2)
        bands = levels[..., :-1, :] - levels[..., 1:, :]
        parts = [bands, levels[..., -1:, :], energies] if self.level else [bands, energies]
        values = ops.concatenate(parts, axis=-2)
        rows = values.shape[-2]
        return ops.reshape(values, (*ops.shape(current)[:-1], rows * self.channels))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Of the features."""
        return (*shape[:-1], (2 * len(self.time_constants) + self.level) * int(shape[-1] or 0))

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "time_constants": self.time_constants,
            "rate": self.rate,
            "level": self.level,
            "floor": self.floor,
        }


@keras.saving.register_keras_serializable(package="bombus")
class CausalConv(Cell):
    """A dilated convolution over the past, with ReLU; its state is the samples it looks back on."""

    def __init__(
        self, units: int, width: int, dilation: int = 1, seed: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.units = units
        self.width = width
        self.dilation = dilation
        self.seed = seed

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make kernel [width, channels, units], the oldest sample first, and bias."""
        self.channels = int(shape[-1] or 0)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.width, self.channels, self.units),
            initializer=keras.initializers.GlorotUniform(self.seed),
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.built = True

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The last samples, the oldest first."""
        return {"past": (self.dilation * (self.width - 1), self.channels)}

    def step(self, inputs: Tensor, state: State, *, smooth: bool = False) -> tuple[Tensor, State]:
        """As `run`, of a sequence of one."""
        outputs, state = self.run(inputs[:, None, :], state)
        return outputs[:, 0], state

    def run(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """A product of matrices a tap, which every backend compiles well in any precision."""
        state = self.start(inputs.shape[0]) if state is None else state
        length = inputs.shape[1]
        known = ops.concatenate([state["past"], inputs], axis=1)
        total = self.bias
        for tap in range(self.width):
            first = tap * self.dilation
            total = total + ops.matmul(known[:, first : first + length], self.kernel[tap])
        return ops.relu(total), {"past": known[:, length:]}

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Units in place of channels."""
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "units": self.units,
            "width": self.width,
            "dilation": self.dilation,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="bombus")
class LSTM(Cell):
    """Hochreiter and Schmidhuber's, with forget gates that start open; gates i, f, g, o."""

    def __init__(self, units: int, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.seed = seed

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the kernels and the bias."""
        wide = 4 * self.units
        self.kernel = self.add_weight(
            name="kernel",
            shape=(int(shape[-1] or 0), wide),
            initializer=keras.initializers.GlorotUniform(self.seed),
        )
        self.recurrent = self.add_weight(
            name="recurrent",
            shape=(self.units, wide),
            initializer=keras.initializers.Orthogonal(seed=self.seed + 1),
        )
        open_forget = np.repeat([0.0, 1.0, 0.0, 0.0], self.units)
        self.bias = self.add_weight(
            name="bias",
            shape=(wide,),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(open_forget, dtype),
        )
        self.built = True

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Output and cell."""
        return {"output": (self.units,), "cell": (self.units,)}

    def fixed(self) -> Fixed:
        """The kernel from output to gates."""
        return {"recurrent": ops.convert_to_tensor(self.recurrent)}

    def prepare(self, inputs: Tensor) -> Tensor:
        """The gates' inputs from outside."""
        return ops.matmul(inputs, self.kernel) + self.bias

    def motion(self, *, smooth: bool) -> Advance:
        """One step of the recurrence."""

        def advance(current: Tensor, state: State, fixed: Fixed) -> State:
            gates = current + ops.matmul(state["output"], fixed["recurrent"])
            enter, keep, new, leave = ops.split(gates, 4, axis=-1)
            cell = ops.sigmoid(keep) * state["cell"] + ops.sigmoid(enter) * ops.tanh(new)
            return {"output": ops.sigmoid(leave) * ops.tanh(cell), "cell": cell}

        return advance

    def show(self, current: Tensor, state: State, *, smooth: bool) -> Tensor:
        """[..., units]."""
        return state["output"]

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Units in place of channels."""
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {"units": self.units, "seed": self.seed}
