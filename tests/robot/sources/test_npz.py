"""NumPy archives in the layouts of the data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import InputError
from robot.frames import NED
from robot.rotations import of_angles
from robot.sources import Reading, load, open_source
from tests.robot.sources.logs import make_log, same_samples


def write(folder: Path, **parts: Any) -> str:
    np.savez(folder / "log.npz", **parts)
    return str(folder / "log.npz")


def test_a_drive_with_its_truth(tmp_path: Path) -> None:
    log = make_log()
    rpy = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    truth = {"p_gt": log.truth.positions, "v_gt": log.velocity, "rpy_gt": rpy}
    source = open_source(write(tmp_path, t=log.times, gyro=log.gyro, acc=log.accel, **truth))
    same_samples(source, log)
    found = source.truth()
    assert found is not None
    np.testing.assert_array_equal(found.positions, log.truth.positions)
    np.testing.assert_allclose(found.rotations, of_angles(rpy))
    velocity = source.truth_velocity()
    assert velocity is not None
    np.testing.assert_array_equal(velocity, log.velocity)


def test_a_truth_comes_in_order_and_no_time_twice(tmp_path: Path) -> None:
    log = make_log()
    times = log.times.copy()
    times[10], times[20] = times[12], times[19]
    truth = {"p_gt": log.truth.positions, "rpy_gt": np.zeros((50, 3))}
    source = open_source(write(tmp_path, t=times, gyro=log.gyro, accel=log.accel, **truth))
    np.testing.assert_array_equal(load(source)[0], times)
    found = source.truth()
    assert found is not None
    assert (np.diff(found.times) > 0).all()
    assert len(found.times) == 48


def test_a_car_without_stamps_and_with_fixes_in_ned(tmp_path: Path) -> None:
    log = make_log(48, start=0.0)
    fixes = np.arange(12.0).reshape(4, 3)
    rates = {"imu_rate_hz": 100.0, "rtk_rate_hz": 10.0}
    parts = {"gyro": log.gyro, "acc": log.accel, "rtk_ned": fixes, **rates}
    source = open_source(write(tmp_path, **parts))
    times, gyro, accel = load(source)
    np.testing.assert_allclose(times, log.times)
    np.testing.assert_array_equal(gyro, log.gyro * (1, -1, -1))
    np.testing.assert_array_equal(accel, log.accel * (1, -1, -1))
    truth = source.truth()
    assert truth is not None
    np.testing.assert_allclose(truth.times, [0, 0.1, 0.2, 0.3])
    np.testing.assert_array_equal(truth.positions, fixes @ NED)
    assert np.isnan(truth.rotations).all()
    same_samples(open_source(write(tmp_path, **parts), Reading(axes="flu")), log)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"t": np.arange(3.0)}, "no 'gyro'"),
        ({"gyro": np.zeros((3, 3))}, "no 'acc'"),
        ({"gyro": np.zeros((3, 3)), "acc": np.zeros((3, 3))}, "no imu_rate_hz above 0"),
        ({"gyro": np.zeros((3, 2)), "acc": np.zeros((3, 3)), "t": np.arange(3.0)}, r"\(3, 3\)"),
        ({"gyro": np.zeros((3, 3)), "acc": np.zeros((3, 3)), "t": np.arange(2.0)}, r"\(3,\)"),
        ({"gyro": np.zeros((3, 3)), "acc": np.zeros((3, 3)), "imu_rate_hz": 0}, "above 0"),
        ({"gyro": np.zeros((3, 3)), "acc": np.array(["a"] * 3)}, "cannot be read"),
        ({"gyro": np.float64(1), "acc": np.zeros((3, 3)), "imu_rate_hz": 9}, "gyro is"),
    ],
)
def test_what_lacks_something_is_refused(tmp_path: Path, parts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_source(write(tmp_path, **parts))


def test_objects_and_damage_are_refused(tmp_path: Path) -> None:
    pickled = {"gyro": np.array([object()]), "acc": np.zeros((1, 3))}
    with pytest.raises(InputError, match="cannot be read"):
        open_source(write(tmp_path, **pickled))
    good = Path(write(tmp_path, gyro=np.zeros((9, 3))))
    good.write_bytes(good.read_bytes()[:-30])
    with pytest.raises(InputError, match="cannot be read"):
        open_source(str(good))


def test_the_real_sets(bombus_data: Path) -> None:
    drive = open_source(str(bombus_data / "kitti-imu/2011_09_30_drive_0016.npz"))
    truth = drive.truth()
    assert truth is not None
    assert truth.distances[-1] == pytest.approx(410, rel=0.05)
    _, _, accel = load(drive)
    assert accel[:, 2].mean() == pytest.approx(9.8, abs=0.1)
    car = open_source(str(bombus_data / "rccar-imu/run_h_imu1.npz"))
    assert load(car)[2][:, 2].mean() == pytest.approx(9.8, abs=0.3)
    way = car.truth()
    assert way is not None
    assert 190 < way.distances[-1] < 240
    assert car.truth_velocity() is None
