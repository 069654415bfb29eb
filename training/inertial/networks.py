"""The networks that tell the filter what to expect of the next sample: an SNN, and its rivals.

All are causal and keep one contract. As a sequence, `network.run(samples)` takes IMU samples
[B, T, 6] (gyro rad/s, accelerometer m/s^2, axes forward-left-up, not normalised) to named outputs
[B, T, ...]; as a step, `network.step(sample, state)` takes one sample and a state of named arrays
to the same outputs and the next state. Outputs (`robot.adapter` reads them on the robot):

    slip     [2] variances of the lateral and vertical velocity, m^2/s^2
    still    [1] probability that the IMU stands still
    speed    [2] forward speed, m/s, and its variance, m^2/s^2
    process  [2] factors on the variances of gyro and accelerometer noise
    spikes_* of each spiking layer, 0 or 1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import keras
from keras import ops
from numpy.typing import NDArray

from training.inertial.heads import Heads, Outputs
from training.layers.causal import LSTM, CausalConv, Standardise, Traces
from training.layers.recurrence import Cell, State, Tensor
from training.layers.spiking import ALIF, LIF, LeakyIntegrator, Reset

Move = Callable[[Cell, Tensor, State], tuple[Tensor, State]]
Kind = Literal["snn", "cnn", "lstm", "constant"]


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is made of.

    Attributes:
        kind: SNN, causal CNN, LSTM, or learned constants.
        hidden: Units of each hidden layer.
        rate: Samples a second that it is trained for.
        time_constants: Of the features, s; none for the bare samples.
        level: Whether the features show constant offsets.
        heads: Outputs, of `heads.HEADS`.
        base: Variances of `slip` where the network says nothing.
        span: It can change them by a factor of 10^span either way.
        neuron: Of the SNN.
        decay: Least and greatest decay a step of the SNN's neurons at the start.
        readout: The same, of its readout.
        threshold: Of its neurons.
        reset: Of its neurons.
        surrogate: Of its spikes, a name in `training.layers.surrogates`.
        dropout: After each hidden layer.
        seed: Of the weights.
    """

    kind: Kind = "snn"
    hidden: tuple[int, ...] = (64, 32)
    rate: float = 100.0
    time_constants: tuple[float, ...] = (0.05, 0.25, 1.0, 4.0)
    level: bool = True
    heads: tuple[str, ...] = ("slip",)
    base: tuple[float, float] = (1.0, 10.0)
    span: float = 3.0
    neuron: Literal["lif", "alif"] = "lif"
    decay: tuple[float, float] = (0.8, 0.98)
    readout: tuple[float, float] = (0.9, 0.99)
    threshold: float = 1.0
    reset: Reset = "subtract"
    surrogate: str = "atan"
    dropout: float = 0.0
    seed: int = 0


# About 6,000 parameters each. The CNN is AI-IMU's with all of its padding on the left.
SNN = NetworkConfig()
CNN = NetworkConfig(kind="cnn", hidden=(32, 32), time_constants=())
LSTM_ADAPTER = NetworkConfig(kind="lstm", hidden=(36,), time_constants=())
CONSTANT = NetworkConfig(kind="constant", hidden=(), time_constants=())
CONFIGS: dict[Kind, NetworkConfig] = {
    "snn": SNN,
    "cnn": CNN,
    "lstm": LSTM_ADAPTER,
    "constant": CONSTANT,
}
CONV_WIDTH = 5
CONV_DILATIONS = (1, 3)


def _hidden(config: NetworkConfig, options: dict[str, Any]) -> Iterator[keras.layers.Layer]:
    """The hidden layers in order; layers that are no `Cell` work on each sample by itself."""
    for place, units in enumerate(config.hidden):
        seed = config.seed * 1000 + 10 * place
        if config.kind == "snn":
            yield keras.layers.Dense(
                units,
                kernel_initializer=keras.initializers.GlorotUniform(seed),
                name=f"dense_{place}",
                **options,
            )
            neurons = {"lif": LIF, "alif": ALIF}[config.neuron]
            yield neurons(
                decay=config.decay,
                threshold=config.threshold,
                reset=config.reset,
                surrogate=config.surrogate,
                name=f"{config.neuron}_{place}",
                **options,
            )
        elif config.kind == "cnn":
            dilation = CONV_DILATIONS[min(place, len(CONV_DILATIONS) - 1)]
            yield CausalConv(
                units, CONV_WIDTH, dilation, seed=seed, name=f"conv_{place}", **options
            )
        elif config.kind == "lstm":
            yield LSTM(units, seed=seed, name=f"lstm_{place}", **options)
        if config.dropout:
            yield keras.layers.Dropout(config.dropout, seed=seed + 1, **options)
    if config.kind == "snn":
        yield LeakyIntegrator(decay=config.readout, name="readout", **options)


@keras.saving.register_keras_serializable(package="bombus")
class Network(keras.Model):  # type: ignore[misc]
    """An adapter; see the module for its contract."""

    def __init__(self, config: NetworkConfig = SNN, **options: Any) -> None:
        super().__init__(**options)
        self.config = config
        parts = {"dtype": self.dtype_policy}
        self.normaliser = Standardise(name="normaliser", **parts)
        self.stages: list[keras.layers.Layer] = []
        if config.time_constants:
            self.features = Traces(
                config.time_constants, config.rate, level=config.level, name="traces", **parts
            )
            self.standard = Standardise(name="standard", **parts)
            self.stages += [self.features, self.standard]
        self.stages += _hidden(config, parts)
        self.heads = Heads(
            config.heads,
            config.base,
            config.span,
            constant=config.kind == "constant",
            name="heads",
            **parts,
        )
        self.build((None, None, 6))

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make all weights."""
        for layer in self._chain():
            layer.build(shape)
            shape = shape if layer is self.heads else layer.compute_output_shape(shape)
        self.built = True

    def _chain(self) -> list[keras.layers.Layer]:
        return [self.normaliser, *self.stages, self.heads]

    def fit_features(self, samples: NDArray[Any]) -> None:
        """Normalise by the mean and deviation of samples [N, T, 6], before training."""
        self.normaliser.fit(samples)
        if self.config.time_constants:
            x = self.normaliser(ops.convert_to_tensor(samples, self.compute_dtype))
            self.standard.fit(ops.convert_to_numpy(self.features(x)))

    @property
    def front(self) -> list[keras.layers.Layer]:
        """The layers that learn nothing."""
        features = [self.features, self.standard] if self.config.time_constants else []
        return [self.normaliser, *features]

    @property
    def hidden(self) -> list[keras.layers.Layer]:
        """The layers between those and the heads."""
        return self.stages[len(self.front) - 1 :]

    def start(self, batch: int = 1) -> State:
        """The state before the first sample: arrays by name, `LAYER_PART` each."""
        return {
            f"{cell.name}_{name}": value
            for cell in self.cells()
            for name, value in cell.start(batch).items()
        }

    def cells(self) -> list[Cell]:
        """The layers with a memory, in order."""
        return [stage for stage in self.stages if isinstance(stage, Cell)]

    def step(self, sample: Tensor, state: State, *, smooth: bool = False) -> tuple[Outputs, State]:
        """Take in one sample [B, 6].

        Args:
            sample: rad/s and m/s^2.
            state: From `start`, or the last step.
            smooth: Whether gradients are wanted.

        Returns:
            Outputs [B, ...] by name, and the next state.
        """

        def move(cell: Cell, x: Tensor, part: State) -> tuple[Tensor, State]:
            return cell.step(x, part, smooth=smooth)

        features, after = _through(self.front, move, sample, state)
        outputs, more = self._decide(move, features, state, training=False)
        return outputs, after | more

    def run(
        self, samples: Tensor, state: State | None = None, *, training: bool = False
    ) -> tuple[Outputs, State]:
        """Take in a sequence [B, T, 6], with gradients.

        Args:
            samples: rad/s and m/s^2.
            state: Before it; that of a beginning if None.
            training: Whether to drop out.

        Returns:
            Outputs [B, T, ...] by name, and the state after it.
        """
        features, after = self.observe(samples, state)
        outputs, more = self.decide(features, state, training=training)
        return outputs, after | more

    def observe(self, samples: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The first half of `run`: features [B, T, F], which no training changes."""
        state = self.start(samples.shape[0]) if state is None else state
        return _through(self.front, _run, samples, state)

    def decide(
        self, features: Tensor, state: State | None = None, *, training: bool = False
    ) -> tuple[Outputs, State]:
        """The second half of `run`: what features [B, T, F] mean."""
        state = self.start(features.shape[0]) if state is None else state
        return self._decide(_run, features, state, training=training)

    def call(self, inputs: Tensor, training: bool = False) -> Outputs:
        """`run` from the beginning, without the state."""
        return self.run(inputs, training=training)[0]

    def _decide(
        self, move: Move, x: Tensor, state: State, *, training: bool
    ) -> tuple[Outputs, State]:
        spikes: Outputs = {}
        after: State = {}
        for layer in self.hidden:
            if isinstance(layer, keras.layers.Dropout):
                x = layer(x, training=training)
            else:
                x, more = _through([layer], move, x, state)
                after |= more
            if isinstance(layer, LIF):
                spikes[f"spikes_{len(spikes)}"] = x
        return self.heads(x) | spikes, after

    def in_float32(self) -> Network:
        """The same network in single precision, for export."""
        other = Network(self.config, dtype="float32")
        other.set_weights(self.get_weights())
        return other

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        return {"config": asdict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Network:
        """What `get_config` saved; JSON has lists for tuples."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in config["config"].items()
        }
        return cls(NetworkConfig(**values), name=config["name"], dtype=config["dtype"])


def _run(cell: Cell, x: Tensor, part: State) -> tuple[Tensor, State]:
    return cell.run(x, part)


def _through(
    layers: list[keras.layers.Layer], move: Move, x: Tensor, state: State
) -> tuple[Tensor, State]:
    """The output of layers, one after another, and the next state of those that have one."""
    after: State = {}
    for layer in layers:
        if isinstance(layer, Cell):
            part = {name: state[f"{layer.name}_{name}"] for name in layer.shapes}
            x, part = move(layer, x, part)
            after |= {f"{layer.name}_{name}": value for name, value in part.items()}
        else:
            x = layer(x)
    return x, after


def build_network(kind: Kind, **changes: Any) -> Network:
    """A network of about 6,000 parameters, with changes to its `NetworkConfig`."""
    return Network(replace(CONFIGS[kind], **changes))
