"""KITTI's raw folders, written here from numbers that are known."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from robot.lie import Array
from robot.sources import load, open_source
from robot.sources.kitti import EARTH_RADIUS, mercator, seconds_of_day

BEGIN = datetime(2011, 9, 30, 12, 40, 25)
LATITUDE, LONGITUDE, ALTITUDE = 48.98, 8.39, 116.4


def places(positions: Array) -> Array:
    """Latitude, longitude and altitude of positions in m, whose first is 0: Mercator undone."""
    radius = EARTH_RADIUS * np.cos(np.radians(LATITUDE))
    north = np.log(np.tan(np.radians(45 + LATITUDE / 2))) + positions[:, 1] / radius
    latitude = 2 * np.degrees(np.arctan(np.exp(north))) - 90
    longitude = LONGITUDE + np.degrees(positions[:, 0] / radius)
    return np.column_stack((latitude, longitude, ALTITUDE + positions[:, 2]))


def stamp(seconds: float) -> str:
    whole = BEGIN + timedelta(seconds=int(np.floor(seconds)))
    return f"{whole:%Y-%m-%d %H:%M:%S}.{round(seconds % 1 * 1e9) % 10**9:09d}"


def write_drive(
    folder: Path,
    *,
    times: Array,
    samples: Array,
    positions: Array,
    velocity: Array,
    rpy: Array,
) -> None:
    """A drive as KITTI has it; the levelled rates and accelerations are there to be confused."""
    data = folder / "oxts" / "data"
    data.mkdir(parents=True)
    (folder / "oxts" / "timestamps.txt").write_text("\n".join(map(stamp, times.tolist())) + "\n")
    levelled = np.full((len(times), 3), 77.0)
    east, north, up = velocity.T
    packets = np.column_stack(
        (
            *(places(positions), rpy, north, east, levelled[:, :2], up),
            *(samples[:, 3:], levelled, samples[:, :3], levelled),
            np.full((len(times), 7), 3.0),
        )
    )
    for i, packet in enumerate(packets):
        (data / f"{i:010d}.txt").write_text(" ".join(f"{x:.15g}" for x in packet))


def drawn(count: int = 40) -> dict[str, Array]:
    rng = np.random.default_rng(3)
    positions = rng.normal(0, 50, (count, 3))
    return {
        "times": np.arange(count) / 100 + 0.25,
        "samples": rng.normal(size=(count, 6)),
        "positions": positions - positions[0],
        "velocity": rng.normal(size=(count, 3)),
        "rpy": rng.uniform(-1, 1, (count, 3)),
    }


@pytest.mark.parametrize("inner", ["", "oxts"])
def test_a_drive_or_its_oxts(tmp_path: Path, inner: str) -> None:
    told = drawn()
    write_drive(tmp_path / "2011_09_30_drive_0001_extract", **told)
    source = open_source(str(tmp_path / "2011_09_30_drive_0001_extract" / inner))
    times, gyro, accel = load(source)
    midday = (BEGIN - datetime(2011, 9, 30)).total_seconds()
    np.testing.assert_allclose(times, midday + told["times"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.hstack((gyro, accel)), told["samples"], rtol=1e-13)
    truth = source.truth()
    assert truth is not None
    np.testing.assert_allclose(truth.positions, told["positions"], atol=1e-6)
    velocity = source.truth_velocity()
    assert velocity is not None
    np.testing.assert_allclose(velocity, told["velocity"], rtol=1e-13)


def test_a_drive_says_what_its_npz_says(tmp_path: Path, bombus_data: Path) -> None:
    where = bombus_data / "kitti-imu" / "2011_09_26_drive_0018.npz"
    with np.load(where) as file:
        rows = slice(0, 800)
        parts = {name: file[name][rows].astype(np.float64) for name in file.files if name != "t0"}
    samples = np.hstack((parts["gyro"], parts["acc"]))
    write_drive(
        tmp_path,
        times=parts["t"],
        samples=samples,
        positions=parts["p_gt"],
        velocity=parts["v_gt"],
        rpy=parts["rpy_gt"],
    )
    raw, ready = open_source(str(tmp_path)), open_source(str(where))
    for ours, theirs in zip(load(raw)[1:], load(ready)[1:], strict=True):
        np.testing.assert_allclose(ours, theirs[rows], rtol=1e-13)
    clock = load(raw)[0]
    np.testing.assert_allclose(clock - clock[0], parts["t"] - parts["t"][0], rtol=0, atol=2e-9)
    told, wanted = raw.truth(), ready.truth()
    assert told is not None
    assert wanted is not None
    inside = np.isin(wanted.times, parts["t"])
    np.testing.assert_allclose(told.positions, wanted.positions[inside], atol=1e-6)
    np.testing.assert_allclose(told.rotations, wanted.rotations[inside], atol=1e-12)


def test_the_projection_is_scaled_at_the_first_latitude() -> None:
    near = mercator(np.array([(49.0, 8.0, 100.0), (49.0, 8.001, 101.0), (49.001, 8.0, 100.0)]))
    degree = EARTH_RADIUS * np.pi / 180
    np.testing.assert_array_equal(near[0], 0)
    np.testing.assert_allclose(near[1], (1e-3 * degree * np.cos(np.radians(49)), 0, 1), atol=1e-6)
    np.testing.assert_allclose(near[2, 1], 1e-3 * degree, rtol=2e-5)


def test_a_drive_over_midnight_goes_on_counting() -> None:
    stamps = ["2011-09-30 23:59:59.5", "no stamp", "2011-10-01 00:00:00.123456789"]
    np.testing.assert_allclose(seconds_of_day(stamps), [86399.5, np.nan, 86400.123456789])


def test_bad_packets_are_counted_and_missing_ones_shift_nothing(tmp_path: Path) -> None:
    told = drawn()
    write_drive(tmp_path, **told)
    data = tmp_path / "oxts" / "data"
    (data / "0000000003.txt").unlink()
    (data / "0000000005.txt").write_text("1 2 3")
    (data / "0000000007.txt").write_bytes(b"\x00\xff garbage " * 30)
    (data / "notes.txt").write_text("by hand")
    source = open_source(str(tmp_path))
    assert source.bad == 2
    left = np.setdiff1d(np.arange(40), (3, 5, 7))
    np.testing.assert_allclose(load(source)[1], told["samples"][left, :3], rtol=1e-13)


def test_a_drive_beyond_repair(tmp_path: Path) -> None:
    write_drive(tmp_path, **drawn())
    (tmp_path / "oxts" / "timestamps.txt").write_text("")
    with pytest.raises(InputError, match=r"40 bad rows.*0000000000\.txt"):
        open_source(str(tmp_path))
    for file in (tmp_path / "oxts" / "data").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="2 at different times"):
        open_source(str(tmp_path))
