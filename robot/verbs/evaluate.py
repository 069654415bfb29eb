"""`bombus robot evaluate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models.errors import InputError
from robot.metrics import Relative
from robot.options import LocalizeOptions, ReadOptions, StartOptions
from robot.reference import StartFrom
from robot.score import Score, Window, score
from robot.sinks import read_trajectory
from robot.truth import is_trajectory, read_reference, read_truth
from robot.verbs.follow import follow_log


def evaluate_source(
    where: str,
    read: ReadOptions,
    how: LocalizeOptions,
    start: StartOptions,
    *,
    truth: str,
    start_from: StartFrom | None,
    bundle: str,
    lengths: str,
    window: Window,
    note: Callable[[str], None],
) -> Score:
    """Score a log or a trajectory; the options are told by the command's help.

    Raises:
        InputError: There is no truth, or nothing to compare it with.
    """
    metres = _lengths(lengths)
    if is_trajectory(where):
        if not truth:
            raise InputError(
                f"{where}: a trajectory carries no truth; say where it is with --truth"
            )
        known = read_truth(truth, read.reading(), how.world)
        estimate = read_trajectory(Path(where), world=how.world)
    else:
        reference = read_reference(where, read.reading(), truth, how.world)
        done = follow_log(reference, how, start, start_from=start_from, bundle=bundle, note=note)
        known, estimate = reference.truth, done.track.trajectory
    try:
        return score(known, estimate, metres, window)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def print_score(found: Score) -> None:
    """A table of KITTI's errors by length, and a line of the others."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("metres", "t_rel %", "horizontal %", "r_rel deg/100 m", "segments"):
        table.add_column(column, justify="right")
    for length, row in found.by_length.items():
        table.add_row(f"{length:g}", *_cells(row, attitude=found.attitude))
    table.add_row("all", *_cells(found.relative, attitude=found.attitude), style="bold")
    console = Console(width=max(Console().width, 80))
    console.print(table)
    whole = found.absolute
    console.print(
        f"ATE {whole.ate:.2f} m; at the end {whole.final:.2f} m off, horizontally "
        f"{whole.final_horizontal:.2f} m ({100 * whole.final_fraction:.2f} %); "
        f"{whole.metres:,.0f} m, {found.poses:,} poses",
        highlight=False,
        soft_wrap=True,
    )


def _cells(row: Relative, *, attitude: bool) -> tuple[str, ...]:
    return (
        f"{row.percent:.2f}",
        f"{100 * row.horizontal:.2f}",
        f"{row.degrees_per_100_m:.3f}" if attitude else "",
        f"{row.segments:,}",
    )


def _lengths(text: str) -> tuple[float, ...]:
    """Numbers above 0 between commas."""
    numbers: list[float] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        value = -1.0
        with suppress(ValueError):
            value = float(part)
        if not 0 < value < math.inf:
            raise InputError(f"--lengths: {part!r} must be a number of metres above 0")
        numbers.append(value)
    return tuple(numbers)
