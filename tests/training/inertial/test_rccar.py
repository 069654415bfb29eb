"""The RC car's reader: on a run that we made, and against the lags that were measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from training.inertial import rccar

# IMU minus RTK, s, measured with another program to 0.05 s; b and c are too straight to tell.
LAGS = {
    **{"d": 0.15, "e": -0.20, "f": 0.40, "g": 0.20, "h": -0.15},
    **{"i": 0.15, "j": 0.70, "k": -0.05, "l": 0.20, "m": -0.40},
}


def snake(folder: Path, lag: float, name: str = "run_x_imu1", bend: float = 1.0) -> None:
    """A run that winds for 40 s at 0.8 m/s from heading 0.5 rad, seen by RTK `lag` s too early."""
    fine = np.arange(0, 44, 1 / 1200) - 2
    rate = bend * 1.2 * np.sin(1.3 * fine) + 0.2 * np.sin(0.31 * fine)
    yaw = np.cumsum(rate) / 1200
    yaw += 0.5 - np.interp(0.0, fine, yaw)
    east, north = (np.cumsum(0.8 * f(yaw)) / 1200 for f in (np.cos, np.sin))
    times, place_times = np.arange(4800) / 120, np.arange(400) / 10 - lag
    zero = np.zeros(4800)
    gyro = np.stack((zero + 0.01, zero + 0.02, -np.interp(times, fine, rate) - 0.02), axis=1)
    accel = np.stack((zero, -0.8 * np.interp(times, fine, rate), zero - 9.8), axis=1)
    seen = [np.interp(place_times, fine, axis) for axis in (north, east)]
    ned = np.stack((*seen, np.zeros(400)), axis=1)
    ned += np.random.default_rng(0).normal(size=ned.shape) * 0.005
    (folder / rccar.FOLDER).mkdir(exist_ok=True)
    np.savez(
        folder / rccar.FOLDER / f"{name}.npz",
        **{"gyro": gyro.astype(np.float32), "acc": accel.astype(np.float32)},
        **{"imu_rate_hz": 120.0, "rtk_ned": ned.astype(np.float32), "rtk_rate_hz": 10.0},
    )


@pytest.mark.parametrize("lag", [-0.6, -0.1, 0.0, 0.35])
def test_the_lag_of_a_winding_run_is_found(tmp_path: Path, lag: float) -> None:
    # RTK's sample i was taken at i / 10 - lag of the IMU's clock.
    snake(tmp_path, lag)
    run = rccar.read(tmp_path, "run_x_imu1")
    assert run.lag == pytest.approx(-lag, abs=0.03)
    assert run.correlation > 0.99
    assert run.metres == pytest.approx(0.8 * (run.place_times[-1] - run.place_times[0]), rel=0.02)
    assert run.place_times[0] <= run.times[0]
    assert run.times[-1] <= run.place_times[-1]


def test_axes_are_flipped_to_ours(tmp_path: Path) -> None:
    snake(tmp_path, 0.0)
    run = rccar.read(tmp_path, "run_x_imu1")
    np.testing.assert_allclose(run.accel[:, 2], 9.8, rtol=1e-6)
    np.testing.assert_allclose(run.gyro[:, :2], [(0.01, -0.02)] * len(run.times), rtol=1e-5)
    # To the left both turn, and force is felt: the way that RTK saw turns with the gyro.
    assert np.corrcoef(run.gyro[:, 2], run.accel[:, 1])[0, 1] > 0.99
    turned = np.cumsum(run.gyro[:, 2] - 0.02) / 120
    start = run.places_at(run.times[:1])[0]
    place = start[:2] + 0.8 / 120 * np.stack(
        (np.cos(run.heading + turned).sum(), np.sin(run.heading + turned).sum())
    )
    np.testing.assert_allclose(place, run.places[-1, :2], atol=1.0)


def test_the_first_heading_is_found(tmp_path: Path) -> None:
    snake(tmp_path, 0.0)
    assert rccar.read(tmp_path, "run_x_imu1").heading == pytest.approx(0.5, abs=0.05)


def test_a_straight_run_has_no_lag_to_be_found(tmp_path: Path) -> None:
    snake(tmp_path, 0.5, bend=0.0)
    path = tmp_path / rccar.FOLDER / "run_x_imu1.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["gyro"] = np.random.default_rng(1).normal(size=(4800, 3)) * 0.05
    np.savez(path, **arrays)
    run = rccar.read(tmp_path, "run_x_imu1")
    assert run.correlation < rccar.SURE_ABOVE
    assert run.lag == 0.0


def test_a_missing_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such recording"):
        rccar.read(tmp_path, "run_z_imu1")
    with pytest.raises(InputError, match=r"no \.npz recordings"):
        rccar.runs(tmp_path)


def test_the_real_runs(bombus_data: Path) -> None:
    names = rccar.runs(bombus_data)
    assert len(names) == 24
    runs = {name: rccar.read(bombus_data, name) for name in names}
    for name, run in runs.items():
        letter = name[4]
        if letter in rccar.STRAIGHT:
            assert run.correlation < rccar.SURE_ABOVE
            assert run.lag == 0.0
        else:
            assert run.correlation > 0.99
            assert run.lag == pytest.approx(LAGS[letter], abs=0.1)
        low, high = (190, 223) if letter in rccar.LONG else (24, 28)
        assert low < run.metres < high
        assert run.accel[:, 2].mean() > 9.4
    for letter in "bcdefghijklm":
        one, two = (runs[f"run_{letter}_imu{imu}"] for imu in (1, 2))
        assert one.lag == pytest.approx(two.lag, abs=0.05)
        turn = one.heading - two.heading
        assert abs(np.angle(np.exp(1j * turn))) < np.radians(3)
