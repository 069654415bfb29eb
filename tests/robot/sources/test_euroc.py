"""EuRoC and TUM-VI folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot.lie import Array
from robot.sources import Reading, load, open_source
from tests.robot.sources.logs import Log, make_log, same_samples, same_truth

IMU = (
    "#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],"
    "a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]"
)
POSE = "#timestamp [ns], p_RS_R_x [m], .., q_RS_w [], q_RS_x [], .."


def write(file: Path, header: str, log: Log, columns: tuple[Array, ...], end: str) -> None:
    file.parent.mkdir(parents=True)
    lines = [header] if header else []
    for ns, row in zip(log.nanoseconds, np.hstack(columns).tolist(), strict=True):
        lines.append(",".join((str(ns), *map(repr, row))))
    file.write_bytes(end.join([*lines, ""]).encode())


@pytest.fixture(scope="module")
def log() -> Log:
    return make_log(start=1403636579.758)


@pytest.mark.parametrize("header", [IMU, ""])
@pytest.mark.parametrize("inner", ["", "mav0"])
def test_euroc(tmp_path: Path, log: Log, header: str, inner: str) -> None:
    mav0 = tmp_path / "mav0"
    write(mav0 / "imu0" / "data.csv", header, log, (log.gyro, log.accel), "\r\n")
    turns = log.quaternions[:, [3, 0, 1, 2]]
    more = np.zeros((len(turns), 6))
    columns = (log.truth.positions, turns, log.velocity, more)
    write(mav0 / "state_groundtruth_estimate0" / "data.csv", POSE, log, columns, "\r\n")
    source = open_source(str(tmp_path / inner))
    same_samples(source, log)
    same_truth(source, log, velocity=True)


def test_tum_vi(tmp_path: Path, log: Log) -> None:
    mav0 = tmp_path / "mav0"
    write(mav0 / "imu0" / "data.csv", IMU, log, (log.gyro, log.accel), "\n")
    turns = log.quaternions[:, [3, 0, 1, 2]]
    write(mav0 / "mocap0" / "data.csv", POSE, log, (log.truth.positions, turns), "\n")
    source = open_source(str(tmp_path))
    same_samples(source, log)
    same_truth(source, log)


def test_without_a_truth_and_in_other_axes(tmp_path: Path, log: Log) -> None:
    file = tmp_path / "mav0" / "imu0" / "data.csv"
    write(file, IMU, log, (log.gyro, log.accel), "\n")
    source = open_source(str(tmp_path), Reading(axes="urf"))
    assert source.truth() is None
    up, right, forward = log.gyro.T
    np.testing.assert_array_equal(load(source)[1], np.column_stack((forward, -right, up)))


def test_the_truth_turns_with_the_axes(tmp_path: Path, log: Log) -> None:
    mav0 = tmp_path / "mav0"
    write(mav0 / "imu0" / "data.csv", IMU, log, (log.gyro, log.accel), "\n")
    turns = log.quaternions[:, [3, 0, 1, 2]]
    write(mav0 / "mocap0" / "data.csv", POSE, log, (log.truth.positions, turns), "\n")
    source = open_source(str(tmp_path), Reading(axes="urf"))
    truth = source.truth()
    assert truth is not None
    # A vector in the world does not care in which axes it was measured.
    ours = np.einsum("nij,nj->ni", truth.rotations, load(source)[2])
    np.testing.assert_allclose(ours, np.einsum("nij,nj->ni", log.truth.rotations, log.accel))


def test_bad_rows_of_the_truth_are_left_out(tmp_path: Path, log: Log) -> None:
    mav0 = tmp_path / "mav0"
    write(mav0 / "imu0" / "data.csv", IMU, log, (log.gyro, log.accel), "\n")
    turns = log.quaternions[:, [3, 0, 1, 2]]
    file = mav0 / "mocap0" / "data.csv"
    write(file, POSE, log, (log.truth.positions, turns), "\n")
    file.write_text(file.read_text() + "garbage\n1,2,3\n\nnan,1,2,3,1,0,0,0\n")
    same_truth(open_source(str(tmp_path)), log)
