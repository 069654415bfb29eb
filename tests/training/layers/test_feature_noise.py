"""Feature noise: what passes, what is noise, what the share learns, and as a Keras layer."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from numpy.typing import NDArray

from models.errors import InputError
from training.layers.feature_noise import FeatureNoise
from training.layers.gradients import value_and_gradient

N = 10
Array = NDArray[Any]


def made(share: float, **options: Any) -> FeatureNoise:
    layer = FeatureNoise(**options)
    layer.build((None, N))
    layer.share.assign(share)
    return layer


def sample(rows: int = 4000) -> Array:
    return np.random.default_rng(0).gamma(2.0, 1.5, (rows, N)).astype(np.float32)


def test_with_all_channels_nothing_changes() -> None:
    layer, x = FeatureNoise(), sample(5)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_allclose(layer(x, training=True), x, rtol=1e-6)
    assert layer.width == N


def test_noise_keeps_mean_and_deviation_while_the_information_goes() -> None:
    layer, x = made(0.3, ramp=0.5), sample()
    y = np.asarray(layer(x, training=True))
    np.testing.assert_allclose(y[:, :3], x[:, :3], rtol=1e-5)
    np.testing.assert_allclose(y[:, 3:8].mean(axis=0), x[:, 3:8].mean(axis=0), atol=0.15)
    np.testing.assert_allclose(y[:, 3:8].std(axis=0), x[:, 3:8].std(axis=0), rtol=0.1)
    np.testing.assert_allclose(y[:, 8:], np.tile(x[:, 8:].mean(axis=0), (len(x), 1)), rtol=1e-5)
    told = [np.corrcoef(x[:, i], y[:, i])[0, 1] for i in range(3, 8)]
    expected = np.cos(0.5 * np.pi * (np.arange(3, 8) + 0.5 - 3) / 5)
    np.testing.assert_allclose(told, expected, atol=0.06)


def test_the_papers_ramp_is_one_channel() -> None:
    layer, x = made(0.45, ramp=0.0), sample()
    changed = np.any(np.abs(np.asarray(layer(x, training=True)) - x) > 1e-3, axis=0)
    np.testing.assert_array_equal(changed, np.arange(N) > 4)  # 4.5 channels: the fifth wholly
    constant = np.ptp(np.asarray(layer(x, training=True)), axis=0) == 0
    np.testing.assert_array_equal(constant, np.arange(N) > 4)


@settings(max_examples=25)
@given(st.floats(0.1, 1.0), st.floats(0.0, 1.0))
def test_inference_is_a_cut_at_the_running_mean(share: float, ramp: float) -> None:
    layer, x = made(share, ramp=ramp, momentum=0.0), sample(50)
    layer(x, training=True)
    y = np.asarray(layer(x))
    np.testing.assert_array_equal(y[:, : layer.width], x[:, : layer.width])
    rest = np.tile(x.mean(axis=0), (len(x), 1))[:, layer.width :]
    np.testing.assert_allclose(y[:, layer.width :], rest, rtol=1e-5)
    np.testing.assert_array_equal(layer(x), y)
    assert layer.width == pytest.approx(share * N, abs=0.51)


def test_noise_is_that_of_the_seed() -> None:
    x = sample(8)
    one, same, other = (np.asarray(made(0.2, seed=s)(x, training=True)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_each_place_has_noise_of_its_own() -> None:
    layer = FeatureNoise(ramp=1.0)
    layer.build((None, 4, 4, N))
    layer.share.assign(0.1)
    x = np.random.default_rng(1).normal(size=(2, 4, 4, N)).astype(np.float32)
    noise = np.asarray(layer(x, training=True))[..., 9].ravel()
    assert len(np.unique(noise)) == noise.size


def test_the_share_grows_where_noise_hurts_and_shrinks_where_it_costs() -> None:
    """Only six channels tell anything: a price for channels leaves about those."""
    x = sample(100)
    target = x[:, :6].sum(axis=1, keepdims=True)
    layer = made(1.0, ramp=0.2)
    read = np.ones((N, 1), np.float32)
    read[6:] = 0

    def loss() -> Any:
        error = ops.mean(ops.square(ops.matmul(layer(x, training=True), read) - target))
        return error + 5.0 * ops.convert_to_tensor(layer.share)

    for _ in range(60):
        _, (slope,) = value_and_gradient(loss, variables=[layer.share])
        share = float(ops.convert_to_numpy(layer.share)) - 8e-3 * float(slope)
        layer.share.assign(np.clip(share, 0.1, 1.0))
    share = float(ops.convert_to_numpy(layer.share))
    assert 0.5 <= share <= 0.7


def test_saved_and_loaded_it_answers_alike(tmp_path: Path) -> None:
    layer = FeatureNoise(ramp=0.3, momentum=0.5, seed=3)
    model = keras.Sequential([keras.Input((N,)), layer])
    layer.share.assign(0.5)
    x = sample(20)
    model(x, training=True)
    model.save(tmp_path / "noise.keras")
    loaded = keras.models.load_model(tmp_path / "noise.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.layers[0].get_config() == layer.get_config()
    assert loaded.layers[0].width == layer.width == 5


def test_the_share_stays_between_one_channel_and_all() -> None:
    layer = made(1.0)
    for value, width in ((2.0, N), (-1.0, 1)):
        layer.share.assign(layer.share.constraint(ops.convert_to_tensor(value)))
        assert layer.width == width


@pytest.mark.parametrize(
    ("options", "what"),
    [({"ramp": 1.5}, "ramp 1.5"), ({"momentum": 1.0}, "momentum 1.0")],
)
def test_what_it_cannot_be(options: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        FeatureNoise(**options)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    importlib.util.find_spec("jax") is None or keras.backend.backend() == "jax",
    reason="jax is not installed, or runs already",
)
def test_all_of_this_holds_on_jax() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
