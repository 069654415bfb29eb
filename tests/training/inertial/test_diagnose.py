"""The diagnostic: right about gradients that are exact, and able to tell good from bad ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from tests.training.layers.precision import DOUBLE
from training.inertial.diagnose import Diagnosis, _agreement, diagnose
from training.inertial.heads import Outputs
from training.inertial.networks import CONFIGS, Kind, Network, NetworkConfig, build_network
from training.layers.gradients import compiled
from training.layers.recurrence import Tensor

T = 40


def small(kind: Kind = "snn", **changes: Any) -> Network:
    config = {"hidden": (8, 6) if kind == "snn" else (6,), "time_constants": (), **changes}
    network = Network(NetworkConfig(kind=kind, **config), dtype=DOUBLE)
    rng = np.random.default_rng(1)
    for weight in network.heads.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return network


def samples() -> NDArray[np.float64]:
    return np.cumsum(np.random.default_rng(0).normal(0, 0.3, (4, T, 6)), axis=1)


def loss(outputs: Outputs) -> Tensor:
    z = ops.log(outputs["slip"])
    target = ops.convert_to_tensor(np.sin(np.arange(z.shape[1]) / 10)[None, :, None], z.dtype)
    return ops.mean((z - target) ** 2)


def test_an_exact_gradient_is_found_right() -> None:
    network = small("lstm")
    x = ops.convert_to_tensor(samples(), DOUBLE)
    value = compiled(lambda: loss(network.run(x)[0]))
    cosine, error, descent = _agreement(network, value, 16, 1e-3, 0)
    assert cosine > 0.999
    assert error < 0.001
    assert descent == pytest.approx(1.0, abs=0.02)


@pytest.fixture(scope="module")
def good() -> Diagnosis:
    """Of a network that must end as it was."""
    network = small(surrogate="fast_sigmoid")
    before = network.get_weights()
    found = diagnose(network, samples(), loss, directions=48, size=0.05)
    for weight, old in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    return found


@pytest.mark.slow
def test_a_better_surrogate_is_told_from_a_worse(good: Diagnosis) -> None:
    network = small(surrogate="straight_through_estimator")
    bad = diagnose(network, samples(), loss, directions=48, size=0.05)
    assert good.cosine > 0.5
    assert all(0.0 <= share < 1.0 for share in good.silent.values())
    assert abs(bad.cosine) < good.cosine - 2 * (good.cosine_error + bad.cosine_error)
    assert good.descent > bad.descent
    assert good.active["lif_0"] < bad.active["lif_0"] == 1.0


def test_neurons_out_of_reach_are_seen() -> None:
    found = diagnose(small(threshold=1e3, surrogate="tent"), samples(), loss, directions=3)
    assert found.silent == {"lif_0": 1.0, "lif_1": 1.0}
    assert found.active == {"lif_0": 0.0, "lif_1": 0.0}
    assert found.cosine == found.descent == 0.0


@pytest.mark.slow
def test_a_short_memory_has_a_short_reach(good: Diagnosis) -> None:
    network = small(decay=(0.3, 0.31), readout=(0.3, 0.31))
    short = diagnose(network, samples(), loss, directions=3).reach
    assert short.shape == good.reach.shape == (T,)
    assert short.max() == good.reach.max() == 1.0
    assert short[30] < 1e-6
    assert good.reach[30] > 1e-2


@pytest.mark.parametrize("kind", [kind for kind in CONFIGS if kind != "snn"])
def test_what_has_no_surrogate_is_refused(kind: Kind) -> None:
    with pytest.raises(ValueError, match=f"of kind {kind} has no surrogate to diagnose"):
        diagnose(build_network(kind), samples(), loss)
