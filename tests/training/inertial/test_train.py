"""The whole training on drives that we made, cut short and taken up again. Compiling takes long."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.files import write_text
from robot.profile import profile_of
from robot.simulation.simulate import simulate
from training.inertial import train as training
from training.inertial.networks import SNN
from training.inertial.recipe import Recipe
from training.inertial.report import open_run
from training.inertial.train import train

RECIPE = Recipe(
    network=replace(SNN, hidden=(6,)),
    hold_out=("07",),
    steps=20,
    batch=2,
    length=600,
    pairs=16,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three drives of a highway."""
    folder = tmp_path_factory.mktemp("data") / "kitti-imu"
    folder.mkdir()
    for seed in range(3):
        log = simulate("highway", seconds=25, rate=100, still=0, grade="tactical", seed=seed)
        r = log.recording
        turns = r.truth.rotations
        roll = np.arctan2(turns[:, 2, 1], turns[:, 2, 2])
        pitch = -np.arcsin(turns[:, 2, 0])
        yaw = np.arctan2(turns[:, 1, 0], turns[:, 0, 0])
        np.savez(
            folder / f"2011_09_26_drive_{seed:04d}.npz",
            t=r.times,
            gyro=r.gyro.astype(np.float32),
            acc=r.accel.astype(np.float32),
            p_gt=r.truth.positions.astype(np.float32),
            v_gt=r.velocities.astype(np.float32),
            rpy_gt=np.stack((roll, pitch, yaw), axis=1).astype(np.float32),
        )
    return folder.parent


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(RECIPE, root, tmp_path / "whole")
    assert np.isfinite(whole["history"]).all()
    assert whole["drives"] == [f"2011_09_26_drive_{k:04d}" for k in range(3)]

    def killed(path: Path, text: str) -> None:
        if path.name == "history.json" and len(json.loads(text)) == 2:
            raise KeyboardInterrupt
        write_text(path, text)

    monkeypatch.setattr("training.inertial.train.write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, root, tmp_path / "cut")
    monkeypatch.undo()
    assert not (tmp_path / "cut" / training.KERAS_FILE).exists()
    again = train(RECIPE, root, tmp_path / "cut")
    np.testing.assert_allclose(again["history"], whole["history"], rtol=1e-6)
    (_, one, first), (_, two, second) = (open_run(tmp_path / n) for n in ("whole", "cut"))
    assert one.drift == pytest.approx(two.drift, rel=1e-4, abs=1e-9)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)
    # It learned: the constants and the network moved, and the network is in m^2/s^2.
    assert profile_of({}, "x").noise != one.noise
    assert first.config.base == pytest.approx(one.noise.slip)

    with pytest.raises(InputError, match="another recipe"):
        train(replace(RECIPE, seed=1), root, tmp_path / "whole")


def test_no_drive_of_a_sequence_held_out_is_read(root: Path) -> None:
    names = [r.name for r in training.read_drives(root, RECIPE)]
    assert names == [f"2011_09_26_drive_{k:04d}" for k in range(3)]
    target = root / "kitti-imu" / "2011_09_30_drive_0027.npz"  # sequence 07
    target.write_bytes((root / "kitti-imu" / "2011_09_26_drive_0000.npz").read_bytes())
    try:
        assert [r.name for r in training.read_drives(root, RECIPE)] == names
        unheld = replace(RECIPE, hold_out=())
        assert len(training.read_drives(root, unheld)) == 4
    finally:
        target.unlink()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run"):
        open_run(tmp_path)
