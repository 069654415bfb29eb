"""Axis maps and units of the border."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

from models.errors import InputError
from robot.frames import (
    ACCEL_UNITS,
    FRD,
    GYRO_UNITS,
    NED,
    parse_axes,
    per_unit,
    quaternion_rotations,
)
from robot.lie import Array

POINTS = {
    **{"f": (1, 0, 0), "b": (-1, 0, 0), "l": (0, 1, 0), "r": (0, -1, 0)},
    **{"u": (0, 0, 1), "d": (0, 0, -1)},
}
NAMES = [
    "".join(n) for n in permutations("fblrud", 3) if len({"fblrud".index(c) // 2 for c in n}) == 3
]
MAPS = [
    ",".join(s + a for s, a in zip(signs, axes, strict=True))
    for axes in permutations("xyz")
    for signs in product(("", "-"), repeat=3)
]


def handed(matrix: Array) -> float:
    return float(np.linalg.det(matrix))


@pytest.mark.parametrize("name", NAMES)
def test_letters_say_where_each_of_the_sensors_axes_points(name: str) -> None:
    columns = np.array([POINTS[letter] for letter in name], np.float64).T
    if handed(columns) < 0:
        with pytest.raises(InputError, match="left-handed"):
            parse_axes(name)
    else:
        np.testing.assert_array_equal(parse_axes(name).matrix, columns)


@pytest.mark.parametrize("text", MAPS)
def test_a_map_says_what_the_insides_axes_are_in_the_sensors(text: str) -> None:
    sensor = np.array((1.0, 2.0, 3.0))
    wanted = [(-1 if p[0] == "-" else 1) * sensor["xyz".index(p[-1])] for p in text.split(",")]
    rows = np.array(
        [[(-1 if p[0] == "-" else 1) * (a == p[-1]) for a in "xyz"] for p in text.split(",")]
    )
    if handed(rows) < 0:
        with pytest.raises(InputError, match="left-handed"):
            parse_axes(text)
    else:
        np.testing.assert_array_equal(parse_axes(text).apply(sensor), wanted)


def test_the_two_ways_of_telling_agree() -> None:
    assert parse_axes("frd") == parse_axes("x,-y,-z") == parse_axes(" X , -y,-Z ")
    assert parse_axes("rfu") == parse_axes("y,-x,z")
    np.testing.assert_array_equal(parse_axes("flu").matrix, np.eye(3))
    np.testing.assert_array_equal(parse_axes("frd").matrix, FRD)


@pytest.mark.parametrize(
    "text", ["", "xyz", "flx", "ffu", "fbu", "x,y", "x,x,z", "x,y,w", "x,y,--z", "flur", "1,2,3"]
)
def test_what_is_no_axes_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InputError, match="flu, frd or rfu"):
        parse_axes(text)


@given(st.sampled_from(["frd", "rfu", "bld", "-y,x,z"]), st.integers(0, 2))
def test_a_missing_number_spoils_its_own_axis_only(name: str, axis: int) -> None:
    sensor = np.array((1.0, 2.0, 3.0))
    sensor[axis] = math.nan
    assert np.isnan(parse_axes(name).apply(sensor)).sum() == 1


def test_an_attitude_lifts_the_same_vector_after_the_turn_of_axes() -> None:
    rotation = Rotation.from_euler("xyz", (0.1, -0.4, 2.0)).as_matrix()
    axes, sensor = parse_axes("rfu"), np.array((0.3, -1.0, 2.0))
    np.testing.assert_allclose(
        axes.attitudes(rotation) @ axes.apply(sensor), rotation @ sensor, atol=1e-15
    )


def test_ned_and_frd_are_right_handed_and_their_own_inverses() -> None:
    for matrix in (NED, FRD):
        assert handed(matrix) == pytest.approx(1)
        np.testing.assert_array_equal(matrix @ matrix, np.eye(3))
    np.testing.assert_array_equal(NED @ (1.0, 2.0, 3.0), (2, 1, -3))  # north 1, east 2, down 3


def test_units() -> None:
    assert per_unit("deg/s", GYRO_UNITS, "the gyro") == pytest.approx(math.radians(1))
    assert per_unit("g", ACCEL_UNITS, "the accelerometer") == 9.80665
    with pytest.raises(InputError, match=r"furlong.*give m/s\^2, g"):
        per_unit("furlong", ACCEL_UNITS, "the accelerometer")


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4), st.floats(1e-3, 1e3))
def test_quaternions_of_any_length_are_those_of_scipy(numbers: list[float], scale: float) -> None:
    q = np.array(numbers)
    if np.linalg.norm(q) < 1e-3:
        return
    wanted = Rotation.from_quat(q).as_matrix()
    np.testing.assert_allclose(quaternion_rotations(scale * q[None])[0], wanted, atol=1e-12)


@pytest.mark.parametrize("bad", [(0, 0, 0, 0), (math.nan, 0, 0, 1), (math.inf, 0, 0, 1)])
def test_what_is_no_quaternion_gives_no_rotation(bad: tuple[float, ...]) -> None:
    assert np.isnan(quaternion_rotations(np.array([bad, (0, 0, 0, 1)]))[0]).all()


def test_a_huge_quaternion_does_not_overflow() -> None:
    np.testing.assert_allclose(quaternion_rotations(np.full((1, 4), 1e300))[0].sum(), 3)
