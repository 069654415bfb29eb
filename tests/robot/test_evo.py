"""A second opinion on the metrics: evo (Grupp), run as the program that it is."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from robot.lie import Array, so3_exp
from robot.metrics import START_EVERY, Trajectory, absolute_errors, relative_errors, rows_at_rate
from robot.pose import Options
from tests.robot.kitti import follow
from tests.robot.simulated import drive
from training.inertial.kitti import read_sequence


@dataclass(frozen=True)
class Verdict:
    """What evo says: its statistics, and the error of each pose or pair, [N]."""

    statistics: dict[str, float]
    errors: Array


def write_tum(path: Path, trajectory: Trajectory) -> None:
    from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

    attitudes = Rotation.from_matrix(trajectory.rotations).as_quat()
    rows = np.column_stack((trajectory.times, trajectory.positions, attitudes))
    np.savetxt(path, rows, fmt="%.17g")


def evo(
    program: str, truth: Trajectory, estimate: Trajectory, folder: Path, *options: str
) -> Verdict:
    """Run `evo_ape` or `evo_rpe`; what it writes, its settings included, goes into the folder."""
    write_tum(folder / "truth.tum", truth)
    write_tum(folder / "estimate.tum", estimate)
    home = {name: str(folder) for name in ("HOME", "USERPROFILE", "MPLCONFIGDIR")}
    command = [str(Path(sys.executable).parent / program), "tum", "truth.tum", "estimate.tum"]
    done = subprocess.run(
        [*command, *options, "--no_warnings", "--save_results", "result.zip"],
        cwd=folder,
        env=os.environ | home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(folder / "result.zip") as result:
        errors = np.load(io.BytesIO(result.read("error_array.npy")), allow_pickle=False)
        return Verdict(json.loads(result.read("stats.json")), errors)


@pytest.fixture(scope="module", params=["simulated", "KITTI 04"])
def driven(request: pytest.FixtureRequest) -> tuple[Trajectory, Trajectory]:
    """A truth and an estimate that begin together, at 10 Hz."""
    if request.param == "KITTI 04":
        recording = read_sequence(request.getfixturevalue("bombus_data"), "04")
        truth = recording.truth
        estimate = follow(recording, Options(still=None, slip_gate=None, engine="numpy"))[0]
        shift = truth.positions[0] - estimate.trajectory.positions[0]
        rows = rows_at_rate(truth.times)
        return truth.at(rows), moved(estimate.trajectory, shift).at(rows)
    truth = drive(60.0, 50.0).trajectory
    rows = rows_at_rate(truth.times)
    return truth.at(rows), drifting(truth).at(rows)


def moved(trajectory: Trajectory, shift: Array) -> Trajectory:
    return Trajectory(trajectory.times, trajectory.positions + shift, trajectory.rotations)


def drifting(truth: Trajectory) -> Trajectory:
    """The same way by odometry with 2 % too much length, and a heading and a tilt that drift."""
    drift = np.array([so3_exp(np.array((2e-4 * t, 0.0, 3e-3 * t))) for t in truth.times])
    steps = 1.02 * (drift[:-1] @ np.diff(truth.positions, axis=0)[:, :, None])[:, :, 0]
    places = truth.positions[0] + np.concatenate((np.zeros((1, 3)), np.cumsum(steps, axis=0)))
    return Trajectory(truth.times, places, drift @ truth.rotations)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_aligned_absolute_error_is_evos(
    driven: tuple[Trajectory, Trajectory], scaled: bool, tmp_path: Path
) -> None:
    verdict = evo("evo_ape", *driven, tmp_path, "--align", *["--correct_scale"] * scaled)
    ours = absolute_errors(*driven, scaled=scaled).ate
    assert ours > 0.1
    assert ours == pytest.approx(verdict.statistics["rmse"], rel=1e-9)


PACE = 1.003  # m from pose to pose: the first beyond 100 m is the hundredth after


@pytest.fixture
def even() -> tuple[Trajectory, Trajectory]:
    """A screw line of even pace, on which evo's pairs by count are KITTI's by length."""
    turn = np.array((0.0, 0.002, 0.01))
    rotations = [np.eye(3)]
    for _ in range(600):
        rotations.append(rotations[-1] @ so3_exp(turn))
    steps = np.array(rotations)[:-1] @ (PACE, 0.0, 0.0)
    places = np.concatenate((np.zeros((1, 3)), np.cumsum(steps, axis=0)))
    truth = Trajectory(np.arange(601) / 10, places, np.array(rotations))
    return truth, drifting(truth)


def test_the_error_at_the_end_is_evos(even: tuple[Trajectory, Trajectory], tmp_path: Path) -> None:
    verdict = evo("evo_ape", *even, tmp_path)
    assert absolute_errors(*even).final == pytest.approx(verdict.errors[-1], rel=1e-9)
    assert verdict.errors[0] == pytest.approx(0.0, abs=1e-9)


def test_relative_errors_are_evos_where_the_pairs_are(
    even: tuple[Trajectory, Trajectory], tmp_path: Path
) -> None:
    by = ("--delta", "100", "--delta_unit", "f", "--all_pairs")
    ours = relative_errors(*even, [100.0])
    for relation, value in (("trans_part", ours.translation), ("angle_rad", ours.rotation)):
        verdict = evo("evo_rpe", *even, tmp_path, *by, "--pose_relation", relation)
        theirs = verdict.errors[::START_EVERY]
        assert len(theirs) == ours.segments
        assert value == pytest.approx(theirs.mean() / 100, rel=1e-9)


def test_relative_errors_are_near_evos_on_any_drive(
    driven: tuple[Trajectory, Trajectory], tmp_path: Path
) -> None:
    """Evo ends a pair at the pose nearest to the length, we at the first beyond it."""
    by = ("--delta", "100", "--delta_unit", "m", "--pairs_from_reference", "--all_pairs")
    verdict = evo("evo_rpe", *driven, tmp_path, *by, "--delta_tol", "0.01")
    ours = relative_errors(*driven, [100.0])
    theirs = verdict.errors[::START_EVERY]
    assert abs(len(theirs) - ours.segments) <= 1
    assert 100 * ours.translation == pytest.approx(theirs.mean(), rel=0.02)
