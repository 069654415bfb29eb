"""`bombus robot simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.files import refuse_existing
from robot.simulation.log import write_log
from robot.simulation.simulate import simulate


def simulate_log(
    out: Path,
    kind: str,
    *,
    grade: str,
    seconds: float,
    still: float,
    rate: float,
    seed: int,
    force: bool,
) -> dict[str, Any]:
    """Make up a drive and write it; the options are told by the command's help.

    Raises:
        InputError: An option is wrong, or a file is there already.
    """
    refuse_existing(out, force)  # before the work
    made = simulate(kind, seconds=seconds, rate=rate, still=still, grade=grade, seed=seed)
    files = [str(path) for path in write_log(made, out, force=force)]
    log = made.recording
    return {
        "files": files,
        "samples": len(log.times),
        "metres": float(log.truth.distances[-1]),
    }
