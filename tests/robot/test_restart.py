"""Killed without warning and started again from its last saved state, a stream goes on bit for bit.

It runs in a process of its own, which saves its state every two seconds, under the final name only
when it is whole.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.files import writing_to
from robot.localizer import Localizer
from robot.noise import ConstantNoise
from robot.pose import Options
from robot.state import Noise
from tests.robot.simulated import drive

ROOT = Path(__file__).parents[2]
NOISE = Noise(gyro=1e-3, accel=1e-2, slip=(0.01, 0.01))
SAVE_EVERY, KILLED_AT = 100, 537  # samples


def main(folder: Path, pause: int) -> None:
    """Push a drive from the state saved on; wait at a sample, as long as it takes, for the end.

    The save that counts falls into a stand-still, just before a hole that ends with a sample which
    is none: much has to be remembered.
    """
    made = drive(8.0, 50.0, still=11.0).with_errors(NOISE, gyro_bias=0.01, accel_bias=0.1)
    made.gyro[503] = math.nan
    rows = [i for i in range(len(made.times)) if not 500 <= i < 503]
    localizer, begin = Localizer(Options(engine="numpy"), ConstantNoise(NOISE)), 0
    if (folder / "state.npz").exists():
        with np.load(folder / "state.npz", allow_pickle=False) as file:
            begin = int(file["next"])
            localizer.restore({name: file[name] for name in file.files})
    for count, i in enumerate(rows[begin:], start=begin + 1):
        pose = localizer.push(made.times[i], made.gyro[i], made.accel[i])
        if count % SAVE_EVERY == 0:
            with writing_to(folder / "state.npz") as temporary:
                np.savez(temporary, next=count, **localizer.save())
        if count == pause:
            print(count, flush=True)
            sys.stdin.read()
    end = {"x": pose.packed, "p": pose.covariance.matrix, "health": np.array(pose.health.value)}
    np.savez(folder / "end.npz", begin=begin, **end)


def start(folder: Path, pause: int = -1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.robot.test_restart", str(folder), str(pause)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(folder: Path) -> dict[str, NDArray[np.float64]]:
    with np.load(folder / "end.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_a_stream_that_was_killed_goes_on_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    broken, whole = tmp_path_factory.mktemp("broken"), tmp_path_factory.mktemp("whole")
    with start(broken, KILLED_AT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{KILLED_AT}\n"
        process.kill()
    assert process.returncode != 0
    assert not (broken / "end.npz").exists()
    for folder in (broken, whole):
        with start(folder) as process:
            process.communicate()
        assert process.returncode == 0
    first, second = end(whole), end(broken)
    assert int(second["begin"]) == 500
    for name in ("x", "p", "health"):
        np.testing.assert_array_equal(second[name], first[name], err_msg=name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
