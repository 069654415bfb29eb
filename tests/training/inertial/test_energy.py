"""Costs: NeuroBench's own counts on the same weights, and sums that can be done by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.training.inertial.neurobench_vectors import BETAS, HIDDEN, STEPS, VECTORS
from tests.training.layers.precision import DOUBLE
from training.inertial.energy import Connections, Cost, measure
from training.inertial.networks import CONFIGS, Kind, Network, NetworkConfig

NEUROBENCH: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))


def network_of(kind: Kind) -> Network:
    """A network with the weights that NeuroBench saw."""
    hidden = HIDDEN[-1:] if kind == "lstm" else HIDDEN
    config = NetworkConfig(kind=kind, hidden=hidden, time_constants=())
    network = Network(config, dtype=DOUBLE)
    *inner, head = (np.array(w) for w in NEUROBENCH["weights"][kind])
    network.heads.weights[1].assign(head)
    if kind == "lstm":
        network.stages[0].kernel.assign(inner[0])
        network.stages[0].recurrent.assign(inner[1])
        network.stages[0].bias.assign(np.ones(16))
    elif kind == "cnn":
        for layer, kernel in zip(network.stages, inner, strict=True):
            layer.kernel.assign(kernel)
    else:
        for layer, kernel in zip(network.stages[:3:2], inner, strict=True):
            layer.kernel.assign(kernel)
        for layer, beta in zip(network.cells(), BETAS, strict=True):
            layer.logit.assign(np.full(layer.units, np.log(beta / (1 - beta))))
    return network


@pytest.mark.parametrize("kind", ["snn", "cnn", "lstm"])
def test_counts_are_neurobenchs(kind: Kind) -> None:
    expected = NEUROBENCH["counts"][kind]
    cost = measure(network_of(kind), np.array(NEUROBENCH["samples"])[None])
    # NeuroBench leaves out products with the LSTM's first state, zeros, and those of its cell even
    # where zeros count.
    units = HIDDEN[-1] if kind == "lstm" else 0
    assert cost.macs == pytest.approx(expected["macs"] + units / STEPS)
    assert cost.acs == pytest.approx(expected["acs"])
    assert cost.dense == pytest.approx(expected["dense"] + (4 * units**2 + units) / STEPS)
    if kind == "lstm":
        assert cost.activation_sparsity is None
    else:
        assert cost.activation_sparsity == pytest.approx(expected["activation_sparsity"])
    assert (cost.acs > 0) == (kind == "snn")
    every = np.concatenate([np.ravel(w) for w in NEUROBENCH["weights"][kind]])
    assert cost.connection_sparsity == pytest.approx(np.mean(every == 0))


def test_spike_rates_and_sparsity_tell_the_same() -> None:
    cost = measure(network_of("snn"), np.array(NEUROBENCH["samples"])[None])
    (first, second), rates = HIDDEN, list(cost.spike_rates.values())
    mean = (first * rates[0] + second * rates[1]) / (first + second)
    assert cost.activation_sparsity == pytest.approx(1 - mean)
    assert cost.picojoules == pytest.approx(4.6 * cost.macs + 0.9 * cost.acs)


def test_the_default_networks_by_hand() -> None:
    samples = np.random.default_rng(0).normal(size=(1, 30, 6))
    costs: dict[Kind, Cost] = {kind: measure(Network(c), samples) for kind, c in CONFIGS.items()}
    assert costs["snn"].dense == 54 * 64 + 64 * 32 + 32 * 2
    assert costs["cnn"].dense == 5 * (6 * 32 + 32 * 32) + 32 * 2
    assert costs["lstm"].dense == 4 * 36 * (6 + 36) + 3 * 36 + 36 * 2
    assert costs["constant"].dense == costs["constant"].picojoules == 0
    assert costs["cnn"].parameters == 6210  # AI-IMU's
    assert costs["constant"].parameters == 2
    for kind, cost in costs.items():
        assert cost.macs + cost.acs <= cost.dense
        assert cost.footprint >= 4 * cost.parameters
        assert kind == "constant" or 5000 < cost.parameters < 7000


def test_only_spikes_are_free_of_products() -> None:
    weights = np.array([[1.0, 0.0], [2.0, 3.0]])
    spikes = Connections(np.array([[1.0, 0.0], [0.0, -1.0]]), weights)
    reals = Connections(np.array([[1.0, 0.0], [0.0, 0.5]]), weights)
    assert spikes.spiking
    assert not reals.spiking
    assert spikes.effective == reals.effective == (1 + 2) / 2
