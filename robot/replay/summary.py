"""The few numbers that tell how a run went."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from robot.health import Health
from robot.metrics import Trajectory, absolute_errors, relative_errors
from robot.track import Track


class Fact(NamedTuple):
    """One number, for people: what, the value with its unit, and what it means."""

    what: str
    value: str
    meaning: str


def summarize(track: Track, truth: Trajectory | None) -> tuple[Fact, ...]:
    """The facts of a run.

    Args:
        track: The run.
        truth: At the same times; rows that are not known are NaN.
    """
    way = track.trajectory
    seconds, metres = float(way.times[-1] - way.times[0]), float(way.distances[-1])
    facts = [
        Fact("Time", f"{seconds:.1f} s", f"{len(way.times):,} samples"),
        Fact("Path", f"{metres:,.0f} m", "length of the estimated path"),
    ]
    if truth is not None:
        facts += _errors(track, truth)
    ill = int(np.count_nonzero(track.health))
    flags = [name for flag in Health if (name := flag.name) and track.had(flag)]
    share = f"{100 * ill / len(way.times):.1f} %"
    facts.append(Fact("Flagged samples", share, ", ".join(flags) or "all is well"))
    return tuple(facts)


def _errors(track: Track, truth: Trajectory) -> list[Fact]:
    placed = np.isfinite(truth.positions).all(axis=1)
    turned = placed & np.isfinite(truth.rotations).all(axis=(1, 2))
    facts = []
    if np.count_nonzero(turned) > 1:
        rows = np.flatnonzero(turned)
        score = relative_errors(truth.at(rows), track.trajectory.at(rows))
        if score.segments:
            over = f"3-D, over {score.segments:,} stretches of 100-800 m"
            facts += [
                Fact("Drift, t_rel", f"{score.percent:.2f} %", over),
                Fact(
                    "Turn, r_rel",
                    f"{score.degrees_per_100_m:.3f} °/100 m",
                    "over the same stretches",
                ),
            ]
    if np.count_nonzero(placed) > 1:
        rows = np.flatnonzero(placed)
        whole = absolute_errors(truth.at(rows), track.trajectory.at(rows))
        share = whole.final_fraction
        percent = f", {100 * share:.2f} % of the path" if math.isfinite(share) else ""
        facts += [
            Fact("Error at the end", f"{whole.final_horizontal:.2f} m", f"horizontal{percent}"),
            Fact("ATE", f"{whole.ate:.2f} m", "root mean square, best rigid alignment"),
        ]
    return facts
