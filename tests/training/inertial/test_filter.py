"""The differentiable filter: the robot's numbers, and gradients that finite differences confirm."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.engine import make_step, pack, unpack
from robot.filter import Gate, World, chi_square_limit, update
from robot.lie import Array
from robot.measurements import forward_speed, no_motion, no_rotation
from robot.metrics import Trajectory, relative_errors
from robot.noise import Advice, Memory
from robot.pose import SLIP_GATE, Options
from robot.state import KITTI_NOISE, SLIP_RATE, Covariance, Noise, State
from robot.still import STILL_LIMITS
from robot.track import Track, track
from tests.robot.simulated import covariances, drive, states, vectors
from training.inertial import losses
from training.inertial.filter import densities, poses, run, step
from training.inertial.kitti import read_sequence

ROOT = Path(__file__).parents[3]
PLAIN = Options(still=None, slip_gate=None, engine="numpy")
LENGTHS = (10.0, 20.0, 40.0)
COVARIANCE = Covariance.of_deviations()
NOISE = Noise(gyro=0.01, accel=0.1, gyro_bias=0.02, accel_bias=0.03, mount=0.01, lever=0.05)


class Given:
    """A noise model that says what it was told beforehand: slip [T, 2], from the second sample."""

    def __init__(self, noise: Noise, slip: Array) -> None:
        self.noise, self.slip = noise, slip

    def start(self) -> Memory:
        return {"row": np.array(-1)}

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        row = int(memory["row"])
        lateral, vertical = self.slip[max(row, 0)].tolist()
        return {"row": np.array(row + 1)}, Advice(replace(self.noise, slip=(lateral, vertical)))


@dataclass(frozen=True)
class Log:
    """Samples from a known state, the slip to expect at each but the first, and the truth."""

    times: Array
    gyro: Array
    accel: Array
    slip: Array
    truth: Trajectory
    start: State
    covariance: Covariance = COVARIANCE
    noise: Noise = KITTI_NOISE

    @property
    def samples(self) -> Array:
        return np.hstack((self.gyro, self.accel))[1:]

    def followed(self, options: Options = PLAIN) -> Track:
        """What the robot makes of it."""
        start, model = (self.start, self.covariance), Given(self.noise, self.slip)
        made = track(self.times, self.gyro, self.accel, options=options, model=model, start=start)
        np.testing.assert_array_equal(made.trajectory.times, self.times)
        return made

    @property
    def score(self) -> float:
        return relative_errors(self.truth, self.followed().trajectory, LENGTHS).translation


def some_slip(seed: int, count: int) -> Array:
    spread = 10 ** np.random.default_rng(seed).normal(size=(count, 2))
    return np.asarray(spread * np.array((1.0, 10.0)))


def simulated(seed: int) -> Log:
    noise = Noise(gyro=2e-3, accel=2e-2)
    made = drive(10.0, speed=10.0).with_errors(noise, 2e-3, 0.05, seed)
    slip = some_slip(seed, len(made.times) - 1)
    start = State.at_rest(made.truth[0].rotation, made.truth[0].velocity)
    return Log(made.times, made.gyro, made.accel, slip, made.trajectory, start)


@dataclass(frozen=True)
class Learned:
    """Two logs of 1,000 steps through the differentiable filter."""

    logs: tuple[Log, Log]
    states: Array
    loss: float
    gradients: dict[str, Array]


@pytest.fixture(scope="module")
def learned() -> Learned:
    logs = simulated(0), simulated(1)
    pairs = losses.sub_sequences(
        np.stack([log.truth.positions[::10] for log in logs]),
        np.stack([log.truth.rotations[::10] for log in logs]),
        lengths=LENGTHS,
    )
    x0 = np.stack([pack(log.start) for log in logs])
    dt = np.stack([np.diff(log.times) for log in logs])

    @tf.function(jit_compile=True)
    def function(given: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(given)
            result = run(dt=dt, x0=x0, **given)
            loss = losses.mean(losses.displacements(*poses(x0, result.states), pairs), pairs)
        return result.states, loss, tape.gradient(loss, given)

    given = {
        "samples": np.stack([log.samples for log in logs]),
        "slip": np.stack([log.slip for log in logs]),
        "p0": np.stack([log.covariance.matrix for log in logs]),
        "noise": densities(),
    }
    states, loss, gradients = function({key: tf.constant(x) for key, x in given.items()})
    return Learned(
        logs, states.numpy(), float(loss), {key: x.numpy() for key, x in gradients.items()}
    )


def assert_same_states(states: Array, reference: Array) -> None:
    """To 1e-9 of what is largest in each part."""
    for part in np.split(np.arange(33), (9, 12, 15, 18, 21, 30)):
        most = np.abs(reference[:, part]).max()
        np.testing.assert_allclose(states[:, part], reference[:, part], rtol=0, atol=1e-9 * most)


def test_it_is_what_the_robot_makes_of_the_logs_and_the_loss_is_the_metric(
    learned: Learned,
) -> None:
    tracks = [log.followed() for log in learned.logs]
    for made, track_ in zip(learned.states, tracks, strict=True):
        assert_same_states(made, track_.packed[1:])
    scores = [
        relative_errors(log.truth, track_.trajectory, LENGTHS).translation
        for log, track_ in zip(learned.logs, tracks, strict=True)
    ]
    assert learned.loss == pytest.approx(np.mean(scores), rel=1e-9)


SLIPPED = (slice(5, 6), 1), (slice(300, 303), 0)


def changed(log: Log, what: str, by: float) -> Log:
    """A log of which something is different by so much, or so much of itself."""
    slip, lever = log.slip.copy(), log.covariance.matrix.copy()
    if what == "slip":
        for rows in SLIPPED:
            slip[rows] *= np.exp(by)
    lever[20, 20] += by
    return {
        "slip": replace(log, slip=slip),
        "samples": replace(log, gyro=log.gyro + by * np.array((0, 0, 1))),
        "p0": replace(log, covariance=Covariance(lever)),
        "noise": replace(log, noise=replace(log.noise, accel=log.noise.accel + by)),
    }[what]


@pytest.mark.parametrize(
    ("what", "by"), [("slip", 1e-3), ("samples", 1e-6), ("p0", 1e-5), ("noise", 1e-6)]
)
def test_its_gradient_is_that_of_the_robots_filter(learned: Learned, what: str, by: float) -> None:
    log = learned.logs[1]
    made = {
        "slip": lambda x: sum(np.sum(log.slip[row] * x[1][row]) for row in SLIPPED),
        "samples": lambda x: x[1, :, 2].sum(),
        "p0": lambda x: x[1, 20, 20],
        "noise": lambda x: x[1],
    }[what](learned.gradients[what])
    # The loss is the mean over both logs; but for the noise, which they share, one changes.
    both = learned.logs if what == "noise" else (log,)
    ahead, behind = (sum(changed(x, what, h).score for x in both) for h in (by, -by))
    found = (ahead - behind) / (4 * by)
    assert abs(found) > 1e-7
    assert made == pytest.approx(found, rel=1e-5)


WIDE = vectors(6).map(lambda x: x * np.array((1, 1, 1, 5, 5, 5)))


@given(
    some=st.lists(st.tuples(states(), covariances(), WIDE), min_size=2, max_size=2),
    slip=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
    dt=st.floats(1e-3, 0.2),
    gate=st.sampled_from([None, Gate(0.5, soften=True)]),
    drift=st.sampled_from([0.0, 0.005]),
)
@settings(max_examples=15)
def test_a_step_is_the_engines(
    some: list[tuple[State, Array, Array]],
    slip: tuple[float, float],
    dt: float,
    gate: Gate | None,
    drift: float,
) -> None:
    noise = replace(NOISE, slip=slip)
    limit = math.inf if gate is None else chi_square_limit(2, gate.probability)
    curves = drift * tf.ones(2, tf.float64) if drift else None
    xs, ps = after(some, noise, dt, limit=limit, drift=curves)
    reference = make_step("numpy", World(), gate, drift)
    for (state, matrix, sample), x, p in zip(some, xs, ps, strict=True):
        x_, p_, _ = reference(pack(state), matrix, sample, dt, noise, slip=True)
        assert_same_step(x, p, x_, p_)


def after(
    some: list[tuple[State, Array, Array]], noise: Noise, dt: float, **more: Any
) -> tuple[Array, Array]:
    x, p, sample = (
        np.stack(part) for part in zip(*((pack(s), p, u) for s, p, u in some), strict=True)
    )
    two = np.ones((2, 1))
    more |= {"variances": two * densities(noise) ** 2, "slip": two * noise.slip}
    xs, ps = step(*map(tf.constant, (x, p, sample, dt * two[:, 0])), **more)
    return xs.numpy(), ps.numpy()


def assert_same_step(x: Array, p: Array, x_: Array, p_: Array) -> None:
    np.testing.assert_allclose(p, p_, rtol=0, atol=1e-9 * np.abs(p_).max())
    assert np.abs(unpack(x).error_of(unpack(x_))).max() < 1e-8


@given(
    some=st.lists(st.tuples(states(), covariances(), WIDE), min_size=2, max_size=2),
    weight=st.floats(0.01, 1.0),
)
@settings(max_examples=8)
def test_stillness_and_speed_are_the_robots_updates(
    some: list[tuple[State, Array, Array]], weight: float
) -> None:
    dt, speed, variance = 0.02, 7.0, 0.1
    two = tf.ones(2, tf.float64)
    xs, ps = after(
        some, NOISE, dt, still=weight * two, speed=tf.constant([[speed, variance]] * 2, tf.float64)
    )
    reference, each = make_step("numpy", World(), None), 1 / (SLIP_RATE * dt * weight)
    rest = (NOISE.gyro**2 * SLIP_RATE + STILL_LIMITS.rotation**2) * each
    for (state, matrix, sample), x, p in zip(some, xs, ps, strict=True):
        x_, p_, _ = reference(pack(state), matrix, sample, dt, NOISE, slip=True)
        at, spread, gyro = unpack(x_), Covariance(p_), sample[:3]
        at, spread, _ = update(at, spread, no_motion(at, (STILL_LIMITS.speed**2 * each,)))
        at, spread, _ = update(at, spread, no_rotation(at, gyro, (rest,)))
        at, spread, _ = update(at, spread, forward_speed(at, gyro, speed, variance))
        assert_same_step(x, p, pack(at), spread.matrix)


def test_what_is_given_row_by_row_reaches_the_steps() -> None:
    log = simulated(0)
    x0, p0 = tf.constant(pack(log.start)[None]), log.covariance.matrix[None]
    rng, gate = np.random.default_rng(0), Gate(0.5, soften=True)
    count, slip = 3, log.slip[None, :3]
    still, rougher = rng.uniform(size=(1, count)), rng.uniform(1, 5, size=(1, count, 2))
    speed, noise = rng.uniform(1, 2, size=(1, count, 2)), densities(NOISE)
    samples, dt = log.samples[None, :count], np.array([[0.01, 0.02, 0.03]])
    drift = rng.uniform(0, 0.01, size=(1, count))
    more: dict[str, Any] = {"still": still, "speed": speed, "drift": drift}
    made = run(
        samples, dt, x0, tf.constant(p0), slip, gate=gate, noise=noise, rougher=rougher, **more
    )
    x, p, limit = x0, tf.constant(p0), chi_square_limit(2, gate.probability)
    for t in range(count):
        spread = noise * np.array((*rougher[0, t], 1, 1, 1, 1))
        row: dict[str, Any] = {"variances": spread[None] ** 2, "slip": slip[:, t]}
        row |= {name: values[:, t] for name, values in more.items()}
        x, p = step(x, p, samples[:, t], dt[:, t], **row, limit=limit)
        np.testing.assert_allclose(made.states[:, t], x, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(made.covariance, p, rtol=1e-9, atol=1e-15)


def test_a_weight_of_0_is_no_stillness() -> None:
    log = simulated(0)
    x0, p0 = pack(log.start)[None], log.covariance.matrix[None]
    given = log.samples[None, :5], 0.01, x0, p0, log.slip[None, :5]
    plain, still = run(*given), run(*given, still=np.zeros((1, 5)))
    np.testing.assert_allclose(still.states, plain.states, atol=1e-6)
    np.testing.assert_allclose(still.covariance, plain.covariance, atol=1e-9)


def test_one_period_and_one_slip_do_for_all_samples() -> None:
    log = simulated(0)
    x0, p0 = pack(log.start)[None], log.covariance.matrix[None]
    samples, slip = log.samples[None, :5], np.array((1.0, 10.0))
    once = run(samples, 0.01, x0, p0, slip)
    each = run(samples, np.full((1, 5), 0.01), x0, p0, np.tile(slip, (1, 5, 1)))
    for one, other in zip(once, each, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_gate_that_refuses_is_refused() -> None:
    x0, p0 = np.zeros((1, 33)), np.zeros((1, 21, 21))
    with pytest.raises(ValueError, match="softens"):
        run(np.zeros((1, 2, 6)), 0.01, x0, p0, np.ones((1, 2, 2)), gate=Gate())


@pytest.mark.slow
@pytest.mark.parametrize("gate", [None, SLIP_GATE])
def test_a_minute_of_kitti_is_what_the_robot_makes_of_it(
    bombus_data: Path, gate: Gate | None
) -> None:
    drive_ = read_sequence(bombus_data, "07").at(slice(2000, 8001))
    slip = some_slip(0, 6000)
    whole = drive_.truth, drive_.state()
    log = Log(drive_.times, drive_.gyro, drive_.accel, slip, *whole)

    @tf.function(jit_compile=True)
    def function(*given: Any) -> Any:
        return run(*given, gate=gate).states

    given = (log.samples, np.diff(log.times), pack(log.start), log.covariance.matrix, slip)
    made = function(*(tf.constant(x[None]) for x in given))
    reference = log.followed(replace(PLAIN, slip_gate=gate)).packed[1:]
    assert_same_states(made[0].numpy(), reference)


JAX = """
import jax, json, sys
import numpy as np
jax.config.update("jax_enable_x64", True)
from training.inertial.filter import run
given = [np.array(x) for x in json.load(sys.stdin)]
def last(slip):
    return run(*given, slip).states[:, -1, 12:15].sum()
print(json.dumps([np.asarray(x).tolist() for x in jax.jit(jax.value_and_grad(last))(given.pop())]))
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax_finds_the_same() -> None:
    log = simulated(0)
    count = 50
    given: list[Any] = [
        *(x.tolist() for x in (log.samples[None, :count], np.full((1, count), 0.01))),
        *(x[None].tolist() for x in (pack(log.start), log.covariance.matrix, log.slip[:count])),
    ]
    done = subprocess.run(
        [sys.executable, "-c", JAX],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    value, gradient = json.loads(done.stdout)
    samples, dt, x0, p0, slip = (tf.constant(x, tf.float64) for x in given)
    with tf.GradientTape() as tape:
        tape.watch(slip)
        last = run(samples, dt, x0, p0, slip).states[:, -1, 12:15]
    np.testing.assert_allclose(value, float(tf.reduce_sum(last)), rtol=1e-12)
    np.testing.assert_allclose(gradient, tape.gradient(last, slip), rtol=1e-6, atol=1e-15)
