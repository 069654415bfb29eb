"""Many rotations at once, against those made one at a time and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

from robot import rotations
from robot.lie import Array, so3_exp, so3_log


def some_vectors(scale: float) -> Array:
    return np.random.default_rng(1).normal(size=(50, 3)) * scale


def test_angles_turn_as_roll_then_pitch_then_yaw() -> None:
    rpy = some_vectors(1.5)
    expected = Rotation.from_euler("ZYX", rpy[:, ::-1]).as_matrix()
    np.testing.assert_allclose(rotations.of_angles(rpy), expected, atol=1e-14)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-6, 1e-3, 0.5])
def test_exp_and_log_equal_those_of_one_rotation(scale: float) -> None:
    x = some_vectors(scale)
    made = rotations.exp(x)
    np.testing.assert_allclose(made, [so3_exp(row) for row in x], atol=1e-15)
    np.testing.assert_allclose(rotations.log(made), [so3_log(row) for row in made], atol=1e-14)
