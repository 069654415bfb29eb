"""Simulated logs for the commands' tests, and references of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from bombus import run
from robot.log import Log
from robot.reference import Reference, with_truth
from robot.simulation.simulate import Simulation, simulate

QUIET = ("--bundle", "none")


@cache
def made() -> Simulation:
    """A short urban drive; do not change it."""
    return simulate("urban", seconds=12.0, still=2.0, grade="consumer", rate=50.0, seed=4)


def log() -> Log:
    """Its samples."""
    recording = made().recording
    return Log("drive", recording.times, recording.gyro, recording.accel)


def reference() -> Reference:
    """With the truth."""
    recording = made().recording
    return with_truth(log(), recording.truth, recording.velocities)


def write_drive(folder: Path) -> Path:
    """Put a simulated drive of 20 s into a folder: drive.csv, drive.truth.tum and drive.npz."""
    for name in ("drive.csv", "drive.npz"):
        words = ["--seconds", "15", "--still", "5", "--rate", "50", "--grade", "consumer"]
        assert run(["robot", "simulate", "--out", str(folder / name), *words]) == 0
    return folder


def refused(result: tuple[int, str, str], words: str) -> None:
    """A command line failed as a user's mistake is to: in a line."""
    code, out, err = result
    assert (code, out) == (2, ""), err
    assert err.startswith("bombus: ")
    assert words in err
    assert err.count("\n") == 1
