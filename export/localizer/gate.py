"""The gate of a localizer: an artefact that leads astray is not shipped.

Each localizes whole drives and is held to the way of the reference (`export.localizer.ways`). What
the network says is compared too, so that a fault is found where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export.localizer.stream import run_stream
from export.localizer.ways import Judge, localize
from export.subject import Judgement
from models.manifest import Scheme
from models.quality import Parity, Way
from models.runtime import Runner
from robot.lie import Array
from robot.metrics import Trajectory

# How far the way may part from the reference's, as a fraction of its length. Most of it comes from
# the network: in single precision a membrane that just reached its threshold may just not.
APART: dict[Scheme, float] = {"f64": 1e-8, "f32": 1e-3, "f16": 1e-3, "wi8_afp32": 1e-3}
# Largest RMS difference of the slip's logarithm from Keras in float32, as a fraction of its range.
SAID: dict[Scheme, float] = {"f32": 5e-3, "f16": 5e-2, "wi8_afp32": 1e-1}


def judge_step(runner: Runner, scheme: Scheme, judges: Sequence[Judge]) -> Judgement:
    """A step, by what it says over all drives, and where the localizer goes with that."""
    slips = [run_stream(runner, {"sample": j.samples}, {}, ("slip",))["slip"] for j in judges]
    bad = sum(int((~(np.isfinite(slip) & (slip > 0))).any(axis=1).sum()) for slip in slips)
    if bad:
        return Judgement({}, failures=(f"slip: no variance, NaN or infinity at {bad} samples",))
    tracks = [localize(j.drive, j.profile, slip) for j, slip in zip(judges, slips, strict=True)]
    ways = _ways(judges, tracks, scheme)
    parity = _parity(np.concatenate([j.slip for j in judges]), np.concatenate(slips), SAID[scheme])
    failures = _astray(ways)
    if not parity.rms_error <= parity.rms_tolerance:
        worst = f"{parity.rms_error:.2g} of the range > {parity.rms_tolerance}"
        failures += (f"slip: RMS error {worst}",)
    return Judgement({"slip": parity}, ways=ways, failures=failures)


def judge_whole(runner: Runner, scheme: Scheme, judges: Sequence[Judge]) -> Judgement:
    """A graph, by where it goes."""
    tracks = []
    for judge in judges:
        truth, times = judge.drive.truth, judge.drive.times
        steps = np.diff(times, prepend=times[0])
        start = {"rotation": truth.rotations[0], "velocity": judge.drive.velocities[0]}
        wanted = ("next_position", "next_rotation")
        rows = {"sample": judge.samples, "dt": steps[:, None]}
        found = run_stream(runner, rows, start, wanted)
        numbers = np.hstack([found[name].reshape(len(times), -1) for name in wanted])
        bad = int((~np.isfinite(numbers)).any(axis=1).sum())
        if bad:
            return Judgement(
                {}, failures=(f"{judge.drive.name}: NaN or infinity at {bad} samples",)
            )
        tracks.append(Trajectory(times, *(found[name] for name in wanted)))
    ways = _ways(judges, tracks, scheme)
    return Judgement({}, ways=ways, failures=_astray(ways))


def _ways(judges: Sequence[Judge], tracks: Sequence[Trajectory], scheme: Scheme) -> tuple[Way, ...]:
    return tuple(j.compare(t, APART[scheme]) for j, t in zip(judges, tracks, strict=True))


def _astray(ways: Sequence[Way]) -> tuple[str, ...]:
    return tuple(
        f"{way.drive}: {way.apart:.3g} m apart in {way.metres:.0f} m > {100 * way.tolerance:.2g} %"
        for way in ways
        if not way.apart <= way.tolerance * way.metres
    )


def _parity(reference: Array, candidate: Array, tolerance: float) -> Parity:
    """Errors of variances, in decades, as fractions of the reference's range."""
    reference, candidate = np.log10(reference), np.log10(candidate)
    extent = float(np.ptp(reference))
    error = np.abs(candidate - reference) / extent
    return Parity(
        n=len(reference),
        range=extent,
        max_error=float(error.max()),
        rms_error=float(np.sqrt(np.mean(error**2))),
        rms_tolerance=tolerance,
        scale="log10",
    )
