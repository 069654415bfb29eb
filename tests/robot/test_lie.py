"""SO(3) and SE_2(3): the group laws, SciPy's answers, and all of it near 0 and near half a turn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.lie import (
    Array,
    polish_rotation,
    project_to_rotation,
    se23,
    se23_adjoint,
    se23_exp,
    se23_inverse,
    se23_left_jacobian,
    se23_left_jacobian_inverse,
    se23_log,
    skew,
    so3_exp,
    so3_left_jacobian,
    so3_left_jacobian_inverse,
    so3_log,
    vee,
)
from tests.robot.simulated import vectors, wedge

# Around every angle at which the code takes another branch.
ANGLES = [
    *(0.0, 1e-300, 1e-160, 1e-15, 1e-8, 1e-4, 0.0999, 0.1, 0.1001, 0.9999, 1.0, 1.0001, 2.0, 3.0),
    *(math.pi - 1e-3, math.pi - 1e-7, math.pi - 1e-12),
]
AXES = [(1, 0, 0), (0, -1, 0), (0, 0, 1), (1, 1, 0), (1, -2, 3), (-0.3, 0.2, 1e-9)]
each_angle = pytest.mark.parametrize("angle", ANGLES)


def along(axis: tuple[float, float, float], angle: float) -> Array:
    unit = np.array(axis, np.float64)
    return angle * unit / np.linalg.norm(unit)


def series(step: Callable[[int], float], generator: Array) -> Array:
    """The sum of step(n) * generator^n, n from 0."""
    total, power = np.zeros_like(generator), np.eye(len(generator))
    for n in range(60):
        total = total + step(n) * power
        power = power @ generator
    return total


def small_adjoint(x: Array) -> Array:
    """ad [9, 9] of a tangent vector of SE_2(3)."""
    ad = np.zeros((9, 9))
    ad[:3, :3] = ad[3:6, 3:6] = ad[6:, 6:] = skew(x[:3])
    ad[3:6, :3], ad[6:, :3] = skew(x[3:6]), skew(x[6:])
    return ad


@given(vectors(), vectors())
def test_skew_is_the_cross_product_and_vee_its_inverse(x: Array, y: Array) -> None:
    np.testing.assert_allclose(skew(x) @ y, np.cross(x, y), atol=1e-12)
    np.testing.assert_array_equal(vee(skew(x)), x)


@each_angle
def test_so3_agrees_with_scipy(angle: float) -> None:
    from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

    for axis in AXES:
        x = along(axis, angle)
        rotation = so3_exp(x)
        np.testing.assert_allclose(rotation, Rotation.from_rotvec(x).as_matrix(), atol=1e-15)
        np.testing.assert_allclose(so3_log(rotation), x, rtol=1e-12, atol=4e-16)


def test_the_logarithm_of_half_a_turn_has_its_axis() -> None:
    for axis in AXES:
        unit = along(axis, 1.0)
        half_turn = 2 * np.outer(unit, unit) - np.eye(3)
        np.testing.assert_allclose(np.abs(so3_log(half_turn) @ unit), math.pi, rtol=1e-12)


@given(vectors(largest=1.7))
def test_so3_round_trip(x: Array) -> None:
    np.testing.assert_allclose(so3_log(so3_exp(x)), x, atol=1e-14)


@given(vectors(largest=10.0), vectors(largest=10.0))
def test_rotations_form_a_group(x: Array, y: Array) -> None:
    a, b = so3_exp(x), so3_exp(y)
    for rotation in (a, a @ b, a @ a.T):
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(a @ skew(y) @ a.T, skew(a @ y), atol=1e-12)
    np.testing.assert_allclose(a @ b @ a.T, so3_exp(a @ y), atol=1e-13)


@each_angle
def test_se23_exp_is_the_matrix_exponential(angle: float) -> None:
    for axis in AXES:
        x = np.concatenate((along(axis, angle), (3.0, -2.0, 0.5), (-40.0, 7.0, 1.0)))
        expected = series(lambda n: 1 / math.factorial(n), wedge(x))
        np.testing.assert_allclose(se23_exp(x), expected, atol=1e-12)
        np.testing.assert_allclose(se23_log(se23_exp(x)), x, atol=1e-11)


@each_angle
def test_jacobians_are_their_series(angle: float) -> None:
    for axis in AXES:
        x = np.concatenate((along(axis, angle), (3.0, -2.0, 0.5), (-4.0, 7.0, 1.0)))

        def step(n: int) -> float:
            return 1 / math.factorial(n + 1)

        np.testing.assert_allclose(so3_left_jacobian(x[:3]), series(step, skew(x[:3])), atol=1e-14)
        np.testing.assert_allclose(
            se23_left_jacobian(x), series(step, small_adjoint(x)), atol=1e-13
        )
        product = so3_left_jacobian_inverse(x[:3]) @ so3_left_jacobian(x[:3])
        np.testing.assert_allclose(product, np.eye(3), atol=1e-14)
        product = se23_left_jacobian_inverse(x) @ se23_left_jacobian(x)
        np.testing.assert_allclose(product, np.eye(9), atol=1e-13)


@given(vectors(9, 1.5), vectors(9, 1.0))
def test_the_left_jacobian_is_the_derivative_of_exp(x: Array, y: Array) -> None:
    h = 1e-6
    moved = se23_log(se23_exp(x + h * y) @ se23_inverse(se23_exp(x))) / h
    np.testing.assert_allclose(moved, se23_left_jacobian(x) @ y, atol=2e-5)


@given(vectors(9, 1.7), vectors(9, 1.7), vectors(9, 1.7))
def test_extended_poses_form_a_group(x: Array, y: Array, z: Array) -> None:
    a, b, c = se23_exp(x), se23_exp(y), se23_exp(z)
    np.testing.assert_allclose((a @ b) @ c, a @ (b @ c), atol=1e-12)
    np.testing.assert_allclose(a @ se23_inverse(a), np.eye(5), atol=1e-13)
    np.testing.assert_allclose(se23_exp(-x), se23_inverse(a), atol=1e-13)
    np.testing.assert_array_equal((a @ b)[3:], np.eye(5)[3:])
    np.testing.assert_array_equal(se23(a[:3, :3], a[:3, 3], a[:3, 4]), a)


@given(vectors(9, 2.0), vectors(9, 1.7))
def test_adjoint_identity(x: Array, y: Array) -> None:
    pose = se23_exp(x)
    moved = pose @ se23_exp(y)
    np.testing.assert_allclose(se23_exp(se23_adjoint(pose) @ y) @ pose, moved, atol=1e-11)
    both = se23_adjoint(pose) @ se23_adjoint(se23_exp(y))
    np.testing.assert_allclose(se23_adjoint(moved), both, atol=1e-11)


@given(vectors(), st.integers(0, 2**32 - 1))
def test_projection_finds_the_rotation_again(x: Array, seed: int) -> None:
    rotation = so3_exp(x)
    off = rotation + 1e-5 * np.random.default_rng(seed).normal(size=(3, 3))
    nearest = project_to_rotation(off)
    np.testing.assert_allclose(nearest @ nearest.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(nearest, rotation, atol=1e-4)
    # One Newton step squares the error.
    np.testing.assert_allclose(polish_rotation(off), nearest, atol=1e-8)
    np.testing.assert_allclose(project_to_rotation(-rotation) @ rotation.T, np.eye(3), atol=3.0)
    assert np.linalg.det(project_to_rotation(-rotation)) == pytest.approx(1.0)
