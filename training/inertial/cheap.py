"""The shipped localizer on KITTI as cheap IMUs would have recorded it, and the page about it.

Unlike `training.inertial.report`, nothing is given at the start unless it is said: the localizer
finds its own first state, as it does on a robot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.bundle import Bundle
from models.errors import InputError
from models.files import write_text
from models.markdown import table_head, table_row
from models.progress import track
from robot.adapter import NetworkNoise
from robot.metrics import Relative, length_weighted
from robot.noise import ConstantNoise, NoiseModel
from robot.profile import Profile, profile_of
from robot.recording import Recording
from training.inertial import kitti
from training.inertial.emulate import Emulation, emulate, preset
from training.inertial.evaluate import localized

PAGE = "cheap-imus.md"
STILL, LAUNCH = 10.0, 2.0  # s, m/s^2


@dataclass(frozen=True)
class Case:
    """What is done to the drives.

    Attributes:
        name: As the page calls it.
        emulation: None leaves them as they are.
        given: Whether attitude and velocity are given at the start.
    """

    name: str
    emulation: Emulation | None
    given: bool


CASES = (
    Case("as recorded, start given", None, True),
    Case("white noise, start given", Emulation(preset("white")), True),
    Case("biases, start given", Emulation(preset("biased")), True),
    Case("biases, standing", Emulation(preset("biased"), still=STILL, launch=LAUNCH), False),
    Case("biases, moving", Emulation(preset("biased")), False),
)
Scores = dict[str, list[list[Relative]]]  # by method and case: of each seed, of each sequence


def write_report(bundle: Bundle, root: Path, out: Path, seeds: int) -> dict[str, float]:
    """Score the localizer of a bundle, with its network and with constants alone; write the page.

    Args:
        bundle: Of the task `imu-noise-adaptation`, trained without the scored sequences.
        root: The data folder.
        out: Folder of the page.
        seeds: How many draws of the IMU's errors.

    Returns:
        Length-weighted t_rel in %, the mean over the seeds, by case and method.

    Raises:
        InputError: The bundle has seen what it would be scored on, or data is missing.
    """
    profile = _unseen_by(bundle)
    models: dict[str, NoiseModel] = {
        "constants": ConstantNoise(profile.noise),
        "SNN": NetworkNoise(bundle, noise=profile.noise),
    }
    scores: Scores = {}
    jobs = [(case, seed) for case in CASES for seed in range(seeds if case.emulation else 1)]
    for case, seed in track(jobs, len(jobs), "cheap IMUs"):
        drives = [_drive(kitti.read_sequence(root, s), case, seed) for s in kitti.SCORED]
        for method, model in models.items():
            found = [_score(drive, case, profile, model) for drive in drives]
            scores.setdefault(f"{case.name}, {method}", []).append(found)
    lines = ["# Cheap IMUs", "", *_INTRODUCTION, "", *_table(scores), ""]
    lines += [f"Made by `bombus train localizer-cheap --seeds {seeds} --data DATA`.", ""]
    write_text(out / PAGE, "\n".join(lines))
    return {name: float(np.mean(_weighted(rows))) for name, rows in scores.items()}


def _unseen_by(bundle: Bundle) -> Profile:
    """The bundle's profile, if none of the scored sequences has taught it."""
    manifest = bundle.manifest
    taught = set(manifest.source.training.get("drives", ()))
    seen = [s for s in kitti.SCORED if kitti.SEQUENCES[s].drive in taught]
    if seen or not taught:
        raise InputError(
            f"{bundle.path}: learned from the drives of {', '.join(seen) or 'nobody knows what'}; "
            f"score one trained with --hold-out {' '.join(kitti.SCORED)}"
        )
    return profile_of(manifest.profile or {}, str(bundle.path))


def _drive(recording: Recording, case: Case, seed: int) -> Recording:
    return emulate(recording, case.emulation, seed).recording if case.emulation else recording


def _score(drive: Recording, case: Case, profile: Profile, model: NoiseModel) -> Relative:
    truth = drive.truth
    start = profile.start(truth.rotations[0], drive.velocities[0]) if case.given else None
    return localized(drive, profile.options(), model, start)[1]


def _weighted(seeds: list[list[Relative]]) -> list[float]:
    return [length_weighted(rows).percent for rows in seeds]


def _table(scores: Scores) -> list[str]:
    lines = list(table_head("t_rel, %", "seeds", *kitti.SCORED, "length-weighted"))
    for name, seeds in scores.items():
        each = np.mean([[r.percent for r in rows] for rows in seeds], axis=0)
        ends = _weighted(seeds)
        end = f"{np.mean(ends):.2f}" + (f" ± {np.std(ends, ddof=1):.2f}" if len(ends) > 1 else "")
        lines.append(table_row(name, str(len(seeds)), *(f"{e:.2f}" for e in each), end))
    return lines


_INTRODUCTION = (
    "KITTI odometry sequences as cheaper IMUs would have recorded them, by the KITTI metric (see",
    "[localization.md](localization.md)). The shipped bundle `localizer` has seen none of them.",
    "It knows the vehicle: mount, lever, wheels, axles. It is told nothing of the errors that were",
    "added.",
    "",
    "- *white noise*: 1e-2 rad/s and 1e-1 m/s² in a sample at 100 Hz.",
    "- *biases*: 0.02 rad/s and 0.5 m/s² on every axis, and white noise of 1e-3 rad/s and",
    "  1e-2 m/s².",
    "- *start given*: the true first attitude and velocity, with the covariance of an IMU whose",
    "  biases are known. Otherwise the localizer finds its own start, without any truth.",
    f"- *standing*: {STILL:g} s of standstill in front, then {LAUNCH:g} m/s² up to the recording's",
    "  first speed. Neither is scored.",
    "- *moving*: the first sample is one of the drive. The first seconds count, in which neither",
    "  speed nor biases can be known yet.",
    "- *constants*: the network is switched off.",
    "",
    "± is the deviation over draws of the errors.",
)
