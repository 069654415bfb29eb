"""The filter: its Jacobians, its invariances, its covariance, its gate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.filter import (
    EARTH_RATE,
    Gate,
    World,
    chi_square_limit,
    propagate,
    propagate_state,
    transition,
    update,
)
from robot.lie import Array
from robot.measurements import heading, no_motion, no_slip, position
from robot.state import SIZE, Covariance, State
from tests.robot.simulated import covariances, drive, states, vectors

WORLDS = st.sampled_from([World(), World(9.8, (1e-3, -2e-3, 1e-3)), World.turning(0.9)])


def frozen(state: State, spread: Array) -> tuple[State, Covariance]:
    """The two, with arrays that raise if anything writes into them."""
    for part in (*vars(state).values(), spread):
        part.setflags(write=False)
    return state, Covariance(spread)


@given(states(), vectors(largest=2.0), vectors(largest=15.0), WORLDS)
@settings(max_examples=30)
def test_transition_is_the_derivative_of_the_propagation(
    state: State, gyro: Array, accel: Array, world: World
) -> None:
    dt, h = 0.01, 1e-6
    after = propagate_state(state, gyro, accel, dt, world)
    phi = np.eye(SIZE)
    phi[:9, :15] = transition(state, after, dt, world)
    for i in range(SIZE):
        error = np.zeros(SIZE)
        error[i] = h
        forth = propagate_state(state.moved(error), gyro, accel, dt, world)
        back = propagate_state(state.moved(-error), gyro, accel, dt, world)
        change = (after.error_of(forth) - after.error_of(back)) / (2 * h)
        # Left out: the third power of dt in the bias blocks, its square with the Earth's rate.
        slack = 1e-3 if 9 <= i < 12 else 3e-5 if 12 <= i < 15 else 1e-7
        slack += 100 * dt * float(np.linalg.norm(world.earth)) * 0.01
        np.testing.assert_allclose(phi[:, i], change, atol=slack, err_msg=str(i))


@given(states(), vectors(9, 1.0), vectors(largest=2.0), vectors(largest=15.0))
def test_errors_of_the_pose_go_their_way_whatever_the_drive(
    state: State, error: Array, gyro: Array, accel: Array
) -> None:
    """Log-linear (Barrau and Bonnabel 2017): exact for large errors, Phi free of the state."""
    truth = state.moved(np.concatenate((error, np.zeros(12))))
    after = propagate_state(state, gyro, accel, 0.02)
    phi = transition(state, after, 0.02)[:, :9]
    found = after.error_of(propagate_state(truth, gyro, accel, 0.02))
    np.testing.assert_allclose(found[:9], phi @ error, atol=1e-10)


def test_propagation_follows_a_simulated_drive_exactly() -> None:
    made = drive(5.0)
    state = made.truth[0]
    for i in range(1, len(made.times)):
        state = propagate_state(state, made.gyro[i], made.accel[i], 0.01)
    assert np.abs(state.error_of(made.truth[-1])).max() < 1e-10


def test_a_free_fall_and_a_turntable() -> None:
    state = State.at_rest()
    for _ in range(100):
        state = propagate_state(state, np.zeros(3), np.zeros(3), 0.01, World(10.0))
    np.testing.assert_allclose(state.velocity, (0, 0, -10), atol=1e-12)
    np.testing.assert_allclose(state.position, (0, 0, -5), atol=1e-12)
    state = State.at_rest()
    for _ in range(100):
        state = propagate_state(state, np.array((0, 0, math.pi / 2)), np.array((0, 0, 9.0)), 0.01)
    np.testing.assert_allclose(state.rotation @ (1, 0, 0), (0, 1, 0), atol=1e-12)


def test_a_gyro_on_the_turning_earth_shows_its_rate_and_stays_level() -> None:
    world = World.turning(math.radians(49))
    assert math.hypot(*world.earth) == pytest.approx(EARTH_RATE)
    state = State.at_rest()
    for _ in range(1000):
        state = propagate_state(
            state, np.array(world.earth), np.array((0, 0, world.gravity)), 0.1, world
        )
    np.testing.assert_allclose(state.rotation, np.eye(3), atol=1e-12)
    assert np.abs(state.position).max() < 1e-9


OPERATION = st.sampled_from(["propagate", "slip", "still", "position", "heading"])


@given(states(), covariances(), st.lists(OPERATION, min_size=1, max_size=12), vectors(6, 2.0))
@settings(max_examples=50)
def test_covariance_stays_symmetric_and_positive_and_nothing_is_written_to(
    state: State, matrix: Array, operations: list[str], sample: Array
) -> None:
    gyro, accel = sample[:3], 5 * sample[3:]
    largest = float(np.trace(matrix))
    for operation in operations:
        state, spread = frozen(state, matrix)
        if operation == "propagate":
            state, spread = propagate(state, spread, gyro, accel, 0.05)
        else:
            measured = {
                "slip": no_slip(state, gyro, (1e-4, 10.0)),
                "still": no_motion(state, (1e-8,)),
                "position": position(state, state.position + 1.0, (1e-6,)),
                "heading": heading(state, 0.3, 1e-6),
            }[operation]
            before = np.trace(spread.matrix)
            state, spread, said = update(state, spread, measured)
            assert said.accepted
            assert said.nis >= 0
            assert np.trace(spread.matrix) <= before * (1 + 1e-9)
        matrix = spread.matrix
        largest = max(largest, float(np.trace(matrix)))
        np.testing.assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix)[0] > -1e-14 * largest
        for rotation in (state.rotation, state.mount):
            assert np.abs(rotation.T @ rotation - np.eye(3)).max() < 1e-12


@given(states(), covariances())
@settings(max_examples=30)
def test_joseph_agrees_with_the_textbook(state: State, matrix: Array) -> None:
    measured = no_slip(state, np.ones(3), (0.5, 2.0))
    h, n = measured.jacobian, measured.noise
    gain = matrix @ h.T @ np.linalg.inv(h @ matrix @ h.T + n)
    moved, spread, said = update(state, Covariance(matrix), measured)
    np.testing.assert_allclose(spread.matrix, (np.eye(SIZE) - gain @ h) @ matrix, atol=1e-9)
    expected = state.moved(gain @ measured.residual)
    np.testing.assert_allclose(expected.error_of(moved), 0.0, atol=1e-8)
    assert said.size == 2


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("probability", [0.5, 0.05, 1e-3, 1e-6])
def test_chi_square_limits_are_scipys(size: int, probability: float) -> None:
    from scipy.special import chdtri  # type: ignore[import-untyped]

    expected = chdtri(size, probability)
    assert chi_square_limit(size, probability) == pytest.approx(expected, rel=1e-9)


def test_the_gate_refuses_or_softens_an_outlier() -> None:
    state, spread = State.at_rest(), Covariance.of_deviations(position=(1.0, 1.0, 1.0))
    outlier = position(state, np.array((50.0, 0, 0)), (1.0,))
    same, kept, said = update(state, spread, outlier, Gate(1e-3))
    assert same is state
    assert kept is spread
    assert not said.accepted
    assert said.nis == pytest.approx(50**2 / 2)
    moved, less, said = update(state, spread, outlier, Gate(1e-3, soften=True))
    assert said.accepted
    assert said.softened
    # As if it had stood at the gate's limit, with the covariance that this takes.
    limit = chi_square_limit(3, 1e-3)
    assert moved.position[0] == pytest.approx(25 * limit / said.nis)
    assert spread.deviations[6] * 0.95 < less.deviations[6] < spread.deviations[6]
    near = position(state, np.array((0.5, 0, 0)), (1.0,))
    assert not update(state, spread, near, Gate(1e-3, soften=True))[2].softened


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e200])
def test_a_measurement_that_is_no_number_changes_nothing(value: float) -> None:
    state, spread = State.at_rest(), Covariance.of_deviations(position=(1.0, 1.0, 1.0))
    measured = position(state, np.array((value, 0.0, 0.0)), (1.0,))
    with np.errstate(over="ignore", invalid="ignore"):
        same, kept, said = update(state, spread, measured)
    assert same is state
    assert kept is spread
    assert not said.accepted
