"""What a network costs per IMU sample, by NeuroBench's definitions, and the energy by convention.

Definitions are those of the NeuroBench harness 2.3 (Yik et al., arXiv 2304.04640). The energy is
4.6 pJ for a multiply-accumulate and 0.9 pJ for an accumulate, 32-bit float at 45 nm (Horowitz,
ISSCC 2014). It is no measurement: it leaves out memory, which dominates on real hardware, the leak
of membranes, and the features. It claims nothing of a CPU or a phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.inertial.heads import Heads
from training.inertial.networks import Network
from training.layers.causal import LSTM, CausalConv
from training.layers.spiking import LIF

Array = NDArray[Any]
MAC_PJ = 4.6
AC_PJ = 0.9


@dataclass(frozen=True)
class Cost:
    """Of one network on some samples; operations are means per IMU sample.

    Attributes:
        parameters: Weights and biases that are learned.
        footprint: Bytes of all weights and constants in float32.
        connection_sparsity: Share of zeros among the weights of connections.
        activation_sparsity: Share of zeros among the outputs of neurons and ReLUs; None if there
            are neither.
        spike_rates: Spikes per neuron and sample of each spiking layer.
        macs: Synaptic operations that a real-valued input takes, zeros not counted.
        acs: Those that a spike takes.
        dense: All of them, zeros counted.
    """

    parameters: int
    footprint: int
    connection_sparsity: float
    activation_sparsity: float | None
    spike_rates: dict[str, float]
    macs: float
    acs: float
    dense: float

    @property
    def picojoules(self) -> float:
        """By the 45 nm convention, per IMU sample."""
        return MAC_PJ * self.macs + AC_PJ * self.acs


@dataclass(frozen=True)
class Connections:
    """One set of weights and what went through it.

    Attributes:
        inputs: [N, n].
        weights: [n, units].
        more: Further multiplications a sample, between units.
    """

    inputs: Array
    weights: Array
    more: int = 0

    @property
    def spiking(self) -> bool:
        """Whether the inputs are spikes, so that nothing is multiplied."""
        return bool(np.isin(self.inputs, (-1.0, 0.0, 1.0)).all())

    @property
    def effective(self) -> float:
        """Operations per sample of inputs and weights that are not 0."""
        fan_out = np.count_nonzero(self.weights, axis=1)
        return float(np.mean((self.inputs != 0) @ fan_out)) + self.more

    @property
    def dense(self) -> int:
        """Operations per sample."""
        return self.weights.size + self.more


def measure(network: Network, samples: Array) -> Cost:
    """What a network costs on samples [B, T, 6], from the beginning of a stream."""
    connections, activations, rates = [], list[Array](), {}
    for layer, inputs, outputs in _passes(network, samples):
        connections += list(_connections(layer, inputs, outputs))
        if isinstance(layer, LIF | CausalConv):
            activations.append(outputs)
        if isinstance(layer, LIF):
            rates[layer.name] = float(outputs.mean())
    weights = np.concatenate([c.weights.ravel() for c in connections] or [np.ones(1)])
    flat = np.concatenate([a.ravel() for a in activations]) if activations else None
    return Cost(
        parameters=sum(int(np.prod(w.shape)) for w in network.trainable_weights),
        footprint=4 * int(network.count_params()),
        connection_sparsity=float(np.mean(weights == 0)),
        activation_sparsity=None if flat is None else float(np.mean(flat == 0)),
        spike_rates=rates,
        macs=sum(c.effective for c in connections if not c.spiking),
        acs=sum(c.effective for c in connections if c.spiking),
        dense=sum(c.dense for c in connections),
    )


def _passes(network: Network, samples: Array) -> Iterator[tuple[keras.layers.Layer, Array, Array]]:
    """Each hidden layer and the heads, with what goes in and comes out, [B, T, ...]."""
    x, _ = network.observe(ops.convert_to_tensor(samples, network.compute_dtype))
    for layer in network.hidden:
        y = layer(x)
        yield layer, ops.convert_to_numpy(x), ops.convert_to_numpy(y)
        x = y
    yield network.heads, ops.convert_to_numpy(x), np.zeros(0)


def _connections(layer: keras.layers.Layer, inputs: Array, outputs: Array) -> Iterator[Connections]:
    """What a layer multiplies with; nothing for one without synapses."""

    def rows(values: Array) -> Array:
        return values.reshape(-1, values.shape[-1])

    def weights(variable: Any) -> Array:
        return np.asarray(ops.convert_to_numpy(variable))

    if isinstance(layer, keras.layers.Dense):
        yield Connections(rows(inputs), weights(layer.kernel))
    elif isinstance(layer, CausalConv):
        kernel, length = weights(layer.kernel), inputs.shape[1]
        past = layer.dilation * (layer.width - 1)
        known = np.pad(inputs, ((0, 0), (past, 0), (0, 0)))
        taps = [known[:, d : d + length] for d in range(0, past + 1, layer.dilation)]
        yield Connections(rows(np.concatenate(taps, axis=-1)), kernel.reshape(-1, layer.units))
    elif isinstance(layer, LSTM):
        before = np.pad(outputs, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        joint = np.concatenate((inputs, before), axis=-1)
        stacked = np.concatenate((weights(layer.kernel), weights(layer.recurrent)))
        yield Connections(rows(joint), stacked, more=3 * layer.units)
    elif isinstance(layer, Heads):
        kernels = [kernel for kernel, _ in layer.parts.values() if kernel is not None]
        if kernels:
            joint = np.concatenate([weights(kernel) for kernel in kernels], axis=1)
            yield Connections(rows(inputs), joint)
