"""A training run of a localizer that nobody trained: weights by chance, large enough to matter."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from robot.profile import Profile, plain
from robot.recording import Recording
from robot.simulation.simulate import simulate
from training.inertial.networks import SNN, Network

PROFILE = Profile(
    mount=(0.01, -0.02, 0.005),
    lever=(0.3, 0.1, 0.2),
    accel_bias=(0.01, 0.02, -0.03),
    drift=0.004,
)


@cache
def drive() -> Recording:
    """20 s through a town, with a stop."""
    return simulate("urban", seconds=19.0, still=1.0, grade="tactical", seed=5).recording


@cache
def network() -> Network:
    """A small network whose slip ranges over decades."""
    made = Network(replace(SNN, hidden=(16, 8)), dtype="float64")
    road, rng = drive(), np.random.default_rng(0)
    made.fit_features(np.hstack((road.gyro, road.accel))[None, ::10])
    for weight in made.heads.weights:
        weight.assign(rng.normal(size=weight.shape))
    return made


def write_run(folder: Path) -> Path:
    """The run folder."""
    folder.mkdir(parents=True)
    network().save(folder / "network.keras")
    (folder / "profile.json").write_text(json.dumps(plain(PROFILE)))
    told = {"recipe": {"seed": 0}, "data_sha256": "ab", "commit": "cd", "history": [0.5]}
    (folder / "run.json").write_text(json.dumps(told))
    return folder
