"""What a localizer's artefacts are judged by: drives, and the way that the filter makes of them.

The reference is `robot.localizer.Localizer` in float64, told at each sample what the Keras network
said of it, and nothing but that: no screen, no gate, no stand-still, no wheels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import GateError, InputError
from models.quality import Way
from robot.clock import clean
from robot.health import Limits
from robot.lie import Array
from robot.metrics import Trajectory
from robot.pose import Options
from robot.profile import Profile
from robot.recording import Recording
from robot.reference import resampled
from robot.simulation.simulate import simulate
from robot.sources import Reading
from robot.track import track
from robot.truth import read_reference
from training.inertial.evaluate import Foretold, outputs
from training.inertial.networks import Network

LEAST_SAID = 0.01  # decades between its greatest slip and its least
_UNSCREENED = Limits(math.inf, math.inf, stuck_after=1 << 40, spike_hold=0)


def read_drive(where: str) -> Recording:
    """A log that carries its truth, attitudes included.

    Raises:
        InputError: It cannot be read, or has no such truth.
    """
    reference = read_reference(where, Reading(), "", "enu")
    if not reference.has_attitude:
        raise InputError(f"{where}: its truth has no attitudes, so there is no start; give another")
    log = clean(reference.times, np.hstack((reference.gyro, reference.accel)))
    truth = resampled(reference.truth, log.times)
    known = reference.velocity
    if known is None:
        velocities = np.gradient(truth.positions, log.times, axis=0)
    else:
        columns = [np.interp(log.times, reference.truth.times, v) for v in known.T]
        velocities = np.stack(columns, axis=1)
    gyro, accel = np.hsplit(log.values, 2)
    sound = np.ones(len(log.times), np.bool_)
    name = Path(where).stem
    return Recording(name, log.times, gyro, accel, truth, velocities, log.filled, sound)


def made_up_drive(seconds: float = 120.0) -> Recording:
    """A simulated drive through a town, for want of a real one."""
    return simulate("urban", seconds=seconds, still=2.0, grade="tactical", seed=7).recording


@dataclass(frozen=True)
class Judge:
    """A drive, and what the reference makes of it.

    Attributes:
        drive: The drive.
        profile: The constants.
        slip: [N, 2] what the network says in float32 of each sample, m^2/s^2.
        way: Where the localizer goes with the network in float64.
    """

    drive: Recording
    profile: Profile
    slip: Array
    way: Trajectory

    @property
    def samples(self) -> Array:
        """[N, 6]."""
        return np.hstack((self.drive.gyro, self.drive.accel))

    def compare(self, way: Trajectory, tolerance: float) -> Way:
        """A way beside the reference's."""
        off = np.linalg.norm(way.positions - self.way.positions, axis=1)
        turns = np.linalg.norm(way.rotations - self.way.rotations, axis=(1, 2)) / math.sqrt(2)
        return Way(
            drive=self.drive.name,
            n=len(self.drive.times),
            metres=round(float(self.drive.truth.distances[-1]), 3),
            apart=float(off.max()),
            turned=float(turns.max()),
            tolerance=tolerance,
        )


def judge_by(drive: Recording, network: Network, single: Network, profile: Profile) -> Judge:
    """Make a judge.

    Args:
        drive: A drive.
        network: As it was trained.
        single: The same in float32.
        profile: The constants.

    Raises:
        GateError: The network says the same all along.
    """
    way = localize(drive, profile, outputs(network, drive)["slip"])
    slip = outputs(single, drive)["slip"].astype(np.float64)
    if not np.ptp(np.log10(slip), axis=0).max() >= LEAST_SAID:
        raise GateError(
            f"the network says the same all along {drive.name}: what compares well with that "
            "proves nothing; train it, or give another drive"
        )
    return Judge(drive, profile, slip, way)


def localize(drive: Recording, profile: Profile, slip: Array) -> Trajectory:
    """Where the localizer goes, told the slip's variances [N, 2] at each sample."""
    return track(
        drive.times,
        drive.gyro,
        drive.accel,
        options=Options(still=None, slip_gate=None, drift=profile.drift, limits=_UNSCREENED),
        model=Foretold(profile.noise, slip.astype(np.float64)),
        start=profile.start(drive.truth.rotations[0], drive.velocities[0]),
    ).trajectory
