"""The network on the robot: its step at its own rate, its states outside, and never a NaN."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from models.bundle import Bundle, write_bundle
from models.errors import InputError, IntegrityError
from robot.adapter import NetworkNoise
from robot.localizer import Localizer
from robot.noise import Advice, Memory, NoiseModel
from robot.state import Noise
from tests.tiny_adapters import (
    FILE,
    adapter_values,
    tiny_step,
    tiny_values,
    write_tiny_adapter,
)
from tests.tiny_bundles import parsed, write_tiny

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_adapter(tmp_path_factory.mktemp("adapter") / "tiny")


def samples(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 1, (count, 6))


def advices(model: NetworkNoise, rows: Array, dt: float | Array) -> list[Advice]:
    memory, said = model.start(), []
    for row, step in zip(rows, np.broadcast_to(dt, len(rows)), strict=True):
        memory, advice = model.step(memory, row, float(step))
        said.append(advice)
    return said


def means(rows: Array) -> Array:
    """The tiny network's state after each of the samples."""
    mean, seen = np.zeros(6), []
    for row in rows:
        mean = (mean + row) / 2
        seen.append(mean)
    return np.array(seen)


def slips(said: list[Advice]) -> Array:
    return np.array([advice.noise.slip for advice in said])


def test_every_output_says_something(bundle: Bundle) -> None:
    noise = Noise(gyro=0.25, accel=0.5, slip=(3.0, 4.0))
    model = NetworkNoise(bundle, noise=noise)
    rows = samples(20)
    expected = means(rows)
    said = advices(model, rows, 0.01)
    np.testing.assert_allclose(slips(said), np.exp(expected[:, :2]), rtol=1e-5)
    still = np.array([advice.still for advice in said])
    np.testing.assert_allclose(still, 1 / (1 + np.exp(-expected[:, 2])), rtol=1e-5)
    for advice, mean in zip(said, expected, strict=True):
        assert advice.noise.gyro == pytest.approx(0.25 * math.exp(0.5 * mean[3]), rel=1e-5)
        assert advice.noise.accel == pytest.approx(0.5 * math.exp(0.5 * mean[4]), rel=1e-5)
        assert advice.noise.gyro_bias == noise.gyro_bias
    np.testing.assert_array_equal(model.shown["spikes_0"], [expected[-1] > 0])
    assert model.rate == 100.0
    assert (model.artefact.file, model.runtime) == (FILE, "onnxruntime")


def test_what_is_not_said_is_as_without_a_network(tmp_path: Path) -> None:
    noise = Noise(gyro=0.25, accel=0.5)
    model: NoiseModel = NetworkNoise(write_tiny_adapter(tmp_path / "b", ("slip",)), noise=noise)
    _, advice = model.step(model.start(), samples(1)[0], 0.01)
    assert advice.still is None
    assert (advice.noise.gyro, advice.noise.accel) == (0.25, 0.5)
    assert advice.noise.slip != noise.slip


def test_a_memory_is_not_written_to(bundle: Bundle) -> None:
    model = NetworkNoise(bundle)
    memory = model.start()
    for row in samples(5):
        for dt in (0.01, 0.002):
            before = {name: value.copy() for name, value in memory.items()}
            after, _ = model.step(memory, row, dt)
            for name, value in before.items():
                np.testing.assert_array_equal(memory[name], value)
        memory = after


@given(split=st.integers(1, 29), seed=st.integers(0, 9))
@settings(max_examples=15)
def test_another_goes_on_from_a_memory_bit_for_bit(bundle: Bundle, split: int, seed: int) -> None:
    rows = samples(30, seed)
    dts = np.random.default_rng(seed).uniform(0.001, 0.03, 30)
    one, memory = NetworkNoise(bundle), dict(NetworkNoise(bundle).start())
    for row, dt in zip(rows[:split], dts[:split], strict=True):
        memory = dict(one.step(memory, row, float(dt))[0])
    other = NetworkNoise(bundle)
    copy: Memory = {name: np.array(value) for name, value in memory.items()}
    for row, dt in zip(rows[split:], dts[split:], strict=True):
        after, said = one.step(memory, row, float(dt))
        memory = dict(after)
        copy, again = other.step(copy, row, float(dt))
        assert said == again
        assert all(np.array_equal(copy[name], memory[name]) for name in memory)


def test_an_unchanged_advice_is_one_object(bundle: Bundle) -> None:
    said = advices(NetworkNoise(bundle), np.zeros((5, 6)), 0.01)
    assert all(advice.noise is said[0].noise for advice in said)


def test_a_faster_imu_is_averaged(bundle: Bundle) -> None:
    rows = samples(60)
    said = advices(NetworkNoise(bundle), rows, 0.01 / 3)
    # A period ends with the sample that is nearest to its end: here in the middle of three.
    groups = [rows[:2], *np.split(rows[2:], range(3, 58, 3))]
    called = [g.mean(axis=0) for g in groups if len(g) == 3 or g is groups[0]]
    expected = np.exp(means(np.array(called))[:, :2])
    got = slips(said)[1::3]
    np.testing.assert_allclose(got, expected[: len(got)], rtol=1e-4)
    assert said[2].noise is said[1].noise  # held in between
    assert said[0].noise.slip == Noise().slip  # nothing said yet


def test_a_slower_imu_is_repeated(bundle: Bundle) -> None:
    rows = samples(20)
    got = slips(advices(NetworkNoise(bundle), rows, 0.03))
    expected = np.exp(means(np.repeat(rows, 3, axis=0))[2::3, :2])
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@given(rate=st.floats(5.0, 1000.0), jitter=st.floats(0.0, 0.3))
@settings(max_examples=20)
def test_the_network_keeps_its_own_time(bundle: Bundle, rate: float, jitter: float) -> None:
    model, calls = NetworkNoise(bundle), 0
    run = model._runner.call

    def counted(arrays: Any) -> Any:
        nonlocal calls
        calls += 1
        return run(arrays)

    model._runner.call = counted  # type: ignore[method-assign]
    count = 200
    steps = np.random.default_rng(0).uniform(1 - jitter, 1 + jitter, count) / rate
    advices(model, samples(count), steps)
    assert abs(calls - 100.0 * steps.sum()) <= 1.0


def test_jitter_at_the_networks_own_rate_changes_nothing(bundle: Bundle) -> None:
    rows, rng = samples(200), np.random.default_rng(0)
    times = np.arange(201) * 0.01 + rng.uniform(-0.002, 0.002, 201)
    got = slips(advices(NetworkNoise(bundle), rows, np.diff(times)))
    np.testing.assert_allclose(got, np.exp(means(rows)[:, :2]), rtol=1e-5)


def test_a_long_pause_counts_as_a_second(bundle: Bundle) -> None:
    model = NetworkNoise(bundle)
    row = samples(1)[0]
    once, _ = model.step(model.start(), row, 1.0)
    again, _ = model.step(model.start(), row, 1e9)
    np.testing.assert_array_equal(once["mean"], again["mean"])


@pytest.mark.parametrize("place", [0, 1, 3, 4])
@pytest.mark.parametrize("size", [1e3, -1e3, 1e39, -1e39])
def test_nonsense_is_never_passed_on(bundle: Bundle, place: int, size: float) -> None:
    """Variances that overflow or vanish, and infinite states: the network starts anew."""
    noise = Noise(slip=(2.0, 3.0))
    model, row = NetworkNoise(bundle, noise=noise), np.zeros(6)
    memory, first = model.step(model.start(), row, 0.01)
    row[place] = size
    with np.errstate(over="ignore"):
        memory, advice = model.step(memory, row, 0.01)
    assert advice.noise == noise
    assert advice.still is None
    assert all(np.isfinite(value).all() for value in memory.values())
    _, after = model.step(memory, np.zeros(6), 0.01)
    assert after == first


def test_it_guides_a_localizer(bundle: Bundle) -> None:
    localizer = Localizer(model=NetworkNoise(bundle))
    rows = samples(300) * 0.01 + [0, 0, 0, 0, 0, 9.8]
    for time, row in enumerate(rows[:200]):
        pose = localizer.push(0.01 * time, row[:3], row[3:])
    other = Localizer(model=NetworkNoise(bundle))
    other.restore(localizer.save())
    for time, row in enumerate(rows[200:], 200):
        pose = localizer.push(0.01 * time, row[:3], row[3:])
        again = other.push(0.01 * time, row[:3], row[3:])
    np.testing.assert_array_equal(pose.packed, again.packed)
    assert np.isfinite(pose.packed).all()


def test_the_networks_own_runtime(tmp_path: Path) -> None:
    """A real network as TFLite says what Keras says."""
    import tensorflow as tf

    from export.conversion.quantize import tflite
    from export.conversion.served import saved_model
    from export.localizer.adapter_step import adapter_step
    from training.inertial.networks import build_network

    rng = np.random.default_rng(0)
    rows = rng.normal(0, [0.1, 0.1, 0.2, 1, 1, 1], (100, 6))
    rows[:, 5] += 9.8
    heads = ("slip", "still", "speed", "process")
    network = build_network("snn", hidden=(8, 4), heads=heads)
    network.fit_features(rows[None])
    for weight in network.heads.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    widths = {"slip": 2, "still": 1, "speed": 2, "process": 2, "spikes_0": 8, "spikes_1": 4}
    stream = adapter_step(network)
    states = {tensor.name: tensor.shape for tensor in stream.inputs[1:]}
    with saved_model(stream) as folder:
        data = tflite(folder, "f32", None)
    values = adapter_values("snn_f32.tflite", data, states, widths)
    bundle = write_bundle(tmp_path / "snn", parsed(values), {"snn_f32.tflite": data})

    model = NetworkNoise(bundle)
    assert model.runtime == "litert"
    memory, said, spikes = model.start(), [], []
    for row in rows:
        memory, advice = model.step(memory, row, 0.01)
        said.append(advice)
        spikes.append(model.shown["spikes_0"][0])
    outputs, _ = network.run(tf.constant(rows[None], tf.float32))
    np.testing.assert_allclose(slips(said), outputs["slip"][0], rtol=1e-4)
    np.testing.assert_allclose(
        np.array([a.still for a in said]), outputs["still"][0, :, 0], rtol=1e-4
    )
    np.testing.assert_array_equal(spikes, outputs["spikes_0"][0])
    assert 0.02 < np.mean(spikes) < 0.9
    assert {s.shape for s in model.shown.values()} == {(1, w) for w in widths.values()}


def test_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its task is image-classification, not imu-noise"):
        NetworkNoise(write_tiny(tmp_path / "tiny"))


def test_a_bundle_that_cannot_run_here_is_refused(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="runtime 'abacus' is unknown; one of litert"):
        NetworkNoise(bundle, runtime="abacus")
    with pytest.raises(InputError, match="no artefact here for litert; get the whole bundle"):
        NetworkNoise(bundle, runtime="litert")
    with pytest.raises(InputError, match=r"no artefact 'other\.onnx'"):
        NetworkNoise(bundle, artefact="other.onnx")


def test_the_default_is_taken(tmp_path: Path) -> None:
    values, data = tiny_values(), tiny_step()
    more = values["artefacts"][0] | {"file": "tiny_f16.onnx", "scheme": "f16"}
    values["artefacts"].append(more)
    values["default"] = dict.fromkeys(("x86", "arm"), "tiny_f16.onnx")
    bundle = write_bundle(tmp_path / "two", parsed(values), {FILE: data, "tiny_f16.onnx": data})
    assert NetworkNoise(bundle).artefact.file == "tiny_f16.onnx"
    assert NetworkNoise(bundle, artefact=FILE).artefact.file == FILE


def write(path: Path, values: dict[str, Any], data: bytes) -> Bundle:
    import hashlib

    values["artefacts"][0] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return write_bundle(path, parsed(values), {FILE: data})


def test_a_file_that_is_not_as_described_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="its inputs and outputs are not the manifest's"):
        NetworkNoise(write(tmp_path / "a", tiny_values(), tiny_step(("slip",))))
    with pytest.raises(InputError, match=r"sample, .* must be float32; quantize weights only"):
        NetworkNoise(write(tmp_path / "b", tiny_values(), tiny_step(kind=TensorProto.FLOAT16)))
