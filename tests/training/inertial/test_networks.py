"""The adapters: one network as sequence and as step, causal, at its bases, saved and remade."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from tests.training.layers.precision import DOUBLE, within
from training.inertial.heads import HEADS
from training.inertial.networks import CONFIGS, Kind, Network, build_network
from training.layers.gradients import value_and_gradient

KINDS: list[Kind] = list(CONFIGS)
T = 40


def samples(seed: int = 0, batch: int = 2) -> NDArray[np.float64]:
    """Like an IMU's in a car."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, [0.1, 0.1, 0.2, 1, 1, 1], (batch, T, 6))
    rows[..., 5] += 9.8
    return rows


def network_of(kind: Kind, dtype: str = DOUBLE, **changes: Any) -> Network:
    """One that has something to say."""
    network = Network(replace(CONFIGS[kind], heads=HEADS, **changes), dtype=dtype)
    network.fit_features(samples())
    rng = np.random.default_rng(1)
    for weight in network.heads.weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return network


def tensor(rows: NDArray[Any], dtype: str = DOUBLE) -> Any:
    return ops.convert_to_tensor(rows, dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_network_says_its_bases(kind: Kind) -> None:
    network = Network(replace(CONFIGS[kind], heads=HEADS, base=(0.5, 7.0)), dtype=DOUBLE)
    network.fit_features(samples())
    outputs = network(tensor(samples()))
    np.testing.assert_allclose(outputs["slip"], np.broadcast_to([0.5, 7.0], (2, T, 2)), rtol=1e-6)
    np.testing.assert_allclose(outputs["process"], 1.0)
    np.testing.assert_allclose(outputs["still"], 1 / (1 + np.exp(3)), rtol=1e-6)
    np.testing.assert_allclose(outputs["speed"], np.broadcast_to([0.0, 100.0], (2, T, 2)))


def stepped(network: Network, x: Any) -> tuple[dict[str, NDArray[Any]], Any]:
    """What a network says sample by sample, [B, T, ...], and its last state."""
    state, said = network.start(x.shape[0]), []
    for time in range(x.shape[1]):
        outputs, state = network.step(x[:, time], state)
        said.append(outputs)
    return {name: np.stack([s[name] for s in said], axis=1) for name in said[0]}, state


@pytest.mark.skipif(DOUBLE != "float64", reason="this backend has no double precision in Keras")
@pytest.mark.parametrize("kind", KINDS)
def test_sequence_and_step_are_one(kind: Kind) -> None:
    network, x = network_of(kind), tensor(samples())
    outputs, last = network.run(x)
    said, state = stepped(network, x)
    assert said.keys() == outputs.keys()
    assert state.keys() == last.keys() == network.start().keys()
    for name, value in (*said.items(), *state.items()):
        expected = (outputs | last)[name]
        np.testing.assert_allclose(value, expected, rtol=within(1e-12), atol=within(1e-12))


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_in_single_precision_too(kind: Kind) -> None:
    """But for a spike or two: a membrane that meets its threshold may fall to either side."""
    network, x = network_of(kind, "float32"), tensor(samples(), "float32")
    outputs, _ = network.run(x)
    said, _ = stepped(network, x)
    for name, value in said.items():
        if name.startswith("spikes"):
            assert np.mean(value != np.asarray(outputs[name])) < 1e-3
        else:
            assert keras.backend.standardize_dtype(outputs[name].dtype) == "float32"
            np.testing.assert_allclose(value, outputs[name], rtol=2e-2 if kind == "snn" else 1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_not_see_the_future(kind: Kind) -> None:
    network, x = network_of(kind), samples()
    other = x.copy()
    other[:, 25:] += 3.0
    before, after = network(tensor(x)), network(tensor(other))
    for name in before:
        np.testing.assert_array_equal(before[name][:, :25], after[name][:, :25])
    differs = not np.allclose(before["slip"][:, 25:], after["slip"][:, 25:])
    assert differs == (kind != "constant")


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_can_be_cut(kind: Kind) -> None:
    network, x = network_of(kind), tensor(samples())
    whole, _ = network.run(x)
    first, state = network.run(x[:, :11])
    features, observed = network.observe(x[:, 11:], state)
    second, decided = network.decide(features, state)
    assert (observed | decided).keys() == state.keys()
    for name, value in whole.items():
        joined = ops.concatenate([first[name], second[name]], axis=1)
        np.testing.assert_allclose(joined, value, rtol=within(1e-10), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns(kind: Kind) -> None:
    network, x = network_of(kind), tensor(samples())

    def loss() -> Any:
        outputs = network(x, training=True)
        return sum(ops.sum(outputs[name] ** 2) for name in HEADS)

    names = [w.path for w in network.trainable_weights]
    _, gradients = value_and_gradient(loss, (), network.trainable_weights)
    assert [n for n, g in zip(names, gradients, strict=True) if not np.abs(g).max() > 0] == []
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1e3, 1e6])
def test_a_wild_sample_gives_no_nonsense(kind: Kind, size: float) -> None:
    network = network_of(kind, "float32")
    rows = samples()
    rows[:, 10] *= size
    for name, value in network(tensor(rows, "float32")).items():
        values = np.asarray(value)
        assert np.isfinite(values).all(), name
        assert (values[..., -1] >= 0).all(), name  # variances, factors, probabilities, spikes


def test_without_its_level_a_network_sees_no_constant_offset() -> None:
    bias = np.array([0.02, -0.02, 0.02, 0.5, -0.5, 0.5])
    for level in (True, False):
        network = network_of("snn", level=level)
        plain, biased = (network(tensor(samples() + b))["slip"] for b in (0.0, bias))
        assert np.allclose(plain, biased, rtol=1e-4) != level


@pytest.mark.parametrize(
    "changes", [{"neuron": "alif"}, {"reset": "zero"}, {"dropout": 0.5}, {"hidden": (5,)}]
)
def test_variants_of_the_snn(changes: dict[str, Any]) -> None:
    network, x = network_of("snn", **changes), tensor(samples())
    outputs, _ = network.run(x)
    spikes = np.asarray(outputs["spikes_0"])
    assert set(np.unique(spikes)) == {0.0, 1.0}
    assert 0.01 < spikes.mean() < 0.9
    said, _ = stepped(network, x)
    np.testing.assert_allclose(said["slip"], outputs["slip"], rtol=within(1e-10))


def test_dropout_is_for_training() -> None:
    network, x = network_of("cnn", dropout=0.5), tensor(samples())
    once, again = network(x)["slip"], network(x)["slip"]
    np.testing.assert_array_equal(once, again)
    assert not np.allclose(network(x, training=True)["slip"], once)


def test_a_seed_makes_the_weights() -> None:
    one, same, other = (build_network("snn", seed=seed).get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_network_is_the_same(kind: Kind, tmp_path: Path) -> None:
    network = network_of(kind)
    network.save(tmp_path / "n.keras")
    again = keras.models.load_model(tmp_path / "n.keras")
    assert again.config == network.config
    assert again.dtype_policy.name == DOUBLE
    x = tensor(samples())
    np.testing.assert_array_equal(again(x)["slip"], network(x)["slip"])
    single = network.in_float32()
    rounded = single(tensor(samples(), "float32"))["slip"]
    np.testing.assert_allclose(rounded, network(x)["slip"], rtol=1e-3)


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(ValueError, match="no output colour; one of slip, still, speed, process"):
        build_network("snn", heads=("slip", "colour"))
