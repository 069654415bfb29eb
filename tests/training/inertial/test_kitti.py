"""KITTI's reader: on files that we made, and on the real drives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from robot.lie import so3_exp
from training.inertial import kitti
from training.inertial.files import data_root

STATIC_SPEED = 2.0  # m/s, mean


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A data folder with two drives of 10 s, one under the name of sequence 04's drive."""
    folder = tmp_path / kitti.FOLDER
    folder.mkdir()
    count = 4000
    times = np.arange(count) * 0.01
    yaw = (times + np.pi) % (2 * np.pi) - np.pi  # it wraps round
    zero = np.zeros(count)
    columns = {
        "gyro": np.stack((zero, zero, zero + 1), axis=1),
        "acc": np.stack((zero, times, zero + 9.81), axis=1),
        "p_gt": np.stack((times, zero, zero), axis=1),
        "v_gt": np.stack((zero + 1, zero, zero), axis=1),
        "rpy_gt": np.stack((zero, zero + 0.1, yaw), axis=1),
    }
    kept = np.r_[0:1000, 1100:1500, 1503:count]  # two holes, of a second and of 30 ms
    for name in ("2011_09_26_drive_0093", kitti.SEQUENCES["04"].drive):
        arrays = {key: value[kept].astype(np.float32) for key, value in columns.items()}
        np.savez(folder / f"{name}.npz", t=times[kept], **arrays)
    return tmp_path


def test_a_drive_is_whole_its_holes_filled_and_marked(made: Path) -> None:
    drive = kitti.read(made, "2011_09_26_drive_0093")
    np.testing.assert_allclose(drive.times, np.arange(4000) * 0.01, atol=1e-9)
    assert np.flatnonzero(drive.filled).tolist() == [*range(1000, 1100), *range(1500, 1503)]
    assert np.flatnonzero(drive.holes()).tolist() == list(range(1000, 1100))
    assert np.flatnonzero(drive.holes(0.02)).tolist() == np.flatnonzero(drive.filled).tolist()
    assert not drive.holes(2.0).any()
    np.testing.assert_allclose(drive.accel[1050], (0, 10.5, 9.81), atol=1e-5)
    np.testing.assert_allclose(drive.truth.positions[:, 0], drive.times, atol=1e-5)
    turn = so3_exp(np.array((0, 0, 10.5))) @ so3_exp(np.array((0, 0.1, 0)))
    np.testing.assert_allclose(drive.truth.rotations[1050], turn, atol=1e-5)
    np.testing.assert_allclose(drive.speeds, 1.0)


def test_bad_truth_is_not_trusted(made: Path) -> None:
    assert not kitti.read(made, "2011_09_26_drive_0093").trusted.any()
    assert kitti.read(made, kitti.SEQUENCES["04"].drive).trusted.all()


def test_a_sequence_is_its_drive_up_to_its_last_sample(made: Path) -> None:
    sequence = kitti.read_sequence(made, "04")
    assert sequence.name == "04"
    assert sequence.scored == slice(0, None)
    assert sequence.times[-1] == pytest.approx(0.01 * (2949 + 103))


def test_the_drives_are_listed(made: Path) -> None:
    assert kitti.drives(made) == ("2011_09_26_drive_0093", "2011_09_30_drive_0016")


def test_a_window_is_cut_and_told_how_it_begins(made: Path) -> None:
    window = kitti.read(made, "2011_09_30_drive_0016").at(slice(1000, 1200))
    assert len(window.times) == len(window.truth.positions) == len(window.filled) == 200
    assert window.filled.sum() == 100
    state = window.state()
    np.testing.assert_array_equal(state.position, window.truth.positions[0])
    np.testing.assert_allclose(state.velocity, (1, 0, 0))


def test_what_is_missing_is_told_in_one_line(made: Path, tmp_path: Path) -> None:
    np.savez(made / kitti.FOLDER / "short.npz", t=np.arange(3.0))
    (made / kitti.FOLDER / "torn.npz").write_bytes(b"PK")
    for name, said in (
        ("none", "no such recording"),
        ("short", "gyro"),
        ("torn", "not a readable"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            kitti.read(made, name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"no \.npz recordings"):
        kitti.drives(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="sequence 03: not one of 00, 01"):
        kitti.read_sequence(made, "03")


def test_the_data_root_is_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOMBUS_DATA", str(tmp_path))
    assert data_root() == tmp_path
    monkeypatch.setenv("BOMBUS_DATA", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="no such folder"):
        data_root()
    monkeypatch.delenv("BOMBUS_DATA")
    with pytest.raises(InputError, match="BOMBUS_DATA is not set"):
        data_root()


def test_reading_needs_no_keras() -> None:
    line = (
        "import sys, training.inertial.kitti, training.inertial.rccar, training.inertial.emulate;"
        "sys.exit(any(n.split('.')[0] in ('keras', 'tensorflow') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0


def test_every_real_drive_reads(bombus_data: Path) -> None:
    names = kitti.drives(bombus_data)
    assert len(names) == 41
    assert {*kitti.BAD_TRUTH, *kitti.ALMOST_STATIC} <= set(names)
    assert {sequence.drive for sequence in kitti.SEQUENCES.values()} <= set(names)
    minutes = 0.0
    for name in names:
        drive = kitti.read(bombus_data, name)
        steps = np.diff(drive.times)
        assert steps.min() > 0.002
        assert steps.max() < 0.016
        minutes += (drive.times[-1] - drive.times[0]) / 60
        assert (drive.speeds.mean() < STATIC_SPEED) or name not in kitti.ALMOST_STATIC
        # Where it is trusted, places are the integral of velocities, second by second.
        moves = 0.5 * steps[:, None] * (drive.velocities[1:] + drive.velocities[:-1])
        drift = drive.truth.positions[1:] - np.cumsum(moves, axis=0)
        apart = np.linalg.norm(drift[100:] - drift[:-100], axis=1)
        trusted = drive.trusted[1:-100] & drive.trusted[101:]
        assert apart[trusted].max(initial=0.0) < 2.5
        assert (apart.max() > 20) == (name in kitti.BAD_TRUTH)
        slip = np.einsum("nij,ni->nj", drive.truth.rotations, drive.velocities)[:, 1:]
        assert np.abs(slip[drive.trusted]).max(initial=0.0) < 1.0
        back = np.swapaxes(drive.truth.rotations, 1, 2)
        assert np.abs(back @ drive.truth.rotations - np.eye(3)).max() < 1e-12
    assert minutes == pytest.approx(66.0, abs=0.5)


def test_the_window_of_08_begins_within_its_drive(bombus_data: Path) -> None:
    sequence = kitti.read_sequence(bombus_data, "08")
    scored = sequence.times[sequence.scored]
    assert scored[0] - sequence.times[0] == pytest.approx(112, abs=2)
    assert scored[-1] - scored[0] == pytest.approx(424.2, abs=0.5)
    assert sequence.times[~sequence.trusted][[0, -1]] == pytest.approx((60, 140), abs=0.02)
