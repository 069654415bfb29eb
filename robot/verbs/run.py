"""`bombus robot run`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from models.errors import InputError
from models.files import refuse_existing
from robot.align import PRIOR, Prior
from robot.fixes import Fix, Fixes, read_fixes
from robot.localizer import Localizer
from robot.log import Row, read_log, rows_of_stream
from robot.options import LocalizeOptions, StartOptions
from robot.run import Interruptible, Keeper, Tally, localize, resume, with_bar
from robot.sinks import open_sinks
from robot.snapshot import mark_of
from robot.sources import Reading, open_source
from robot.verbs.model import choose
from robot.verbs.spare import spare_logs


def run_source(
    where: str,
    reading: Reading,
    how: LocalizeOptions,
    start: StartOptions,
    *,
    bundle: str,
    to: list[str],
    rate: float | None,
    fixes: Path | None,
    save: Path | None,
    save_every: float,
    resume_from: Path | None,
    force: bool,
    note: Callable[[str], None],
) -> Tally:
    """Localize a source into sinks; the options are told by the command's help.

    Raises:
        InputError: An option, a file or the source is not what it should be.
    """
    spare_logs([*(Path(one) for one in to), save], [where, fixes])
    if save is not None and save != resume_from:
        refuse_existing(save, force)
    sensor = how.sensor()
    said: list[str] = []  # only once the source is there
    chosen = choose(bundle, sensor, given=how.noise is not None, note=said.append)
    known = read_fixes(fixes, how.world) if fixes else []
    prior = start.prior(how.world, _begun(known) if start.position is None else PRIOR)
    options = chosen.options(how.options(prior))
    localizer = Localizer(options, chosen.model)
    same = replace(options, prior=PRIOR, align=0.0, engine="auto")
    mark = mark_of("localizer 2", same, sensor, chosen.mark)
    sink = open_sinks(to, world=how.world, force=force, rate=rate)
    with closing(open_source(where, reading)) as source:
        for line in said:
            note(line)
        later = -math.inf
        if resume_from is not None and resume_from == save and not resume_from.exists():
            note(f"{resume_from}: not there yet, so a fresh start")
        elif resume_from is not None:
            later = resume(localizer, resume_from, mark)
        rows: Iterable[Row]
        if source.live:
            rows = rows_of_stream(source, sensor)
        else:
            log = read_log(source)
            for hint in log.doubts():
                note(hint)
            rows, count = log.without(sensor).rows(options.clock, later)
            rows = rows if "-" in to else with_bar(rows, count, "localize")
        keeper = Keeper(save, mark, save_every)
        with Interruptible() as interrupt, sink:
            tally = localize(
                interrupt.until(rows),
                localizer,
                sink.write,
                fixes=(used := Fixes(known)),
                keeper=keeper,
            )
            if tally.last is None and source.live and not interrupt.asked:
                raise InputError(
                    f"{source.name}: no samples came, and {source.bad:,} lines that are none; send "
                    "rows of time, gyro x y z, accel x y z, or objects of them"
                )
            keeper.keep(localizer)
        if source.bad:
            note(f"{source.name}: {source.bad:,} rows skipped that are no samples")
    if known:
        note(f"{fixes}: {used.used:,} fixes used, {used.refused:,} disbelieved")
    if interrupt.asked and not source.live:
        note(f"interrupted before the end of {source.name}")
    if save is not None and not localizer.aligned:
        note(f"{save}: not written, since the start was not made yet")
    return tally


def _begun(fixes: list[Fix]) -> Prior:
    """At the first place that a fix knows."""
    first = min((f for f in fixes if f.kind == "position"), key=lambda f: f.time, default=None)
    if first is None:
        return PRIOR
    x, y, z = (*first.values, 0.0)[:3]
    return replace(PRIOR, position=(x, y, z), position_sigma=first.sigma)
