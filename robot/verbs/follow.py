"""A log localized as `replay` and `evaluate` do it."""

from __future__ import annotations

from collections.abc import Callable

from robot.align import PRIOR
from robot.follow import Followed, Overheard, follow
from robot.localizer import Localizer
from robot.log import Log
from robot.options import LocalizeOptions, StartOptions
from robot.pose import Pose
from robot.reference import Reference, StartFrom
from robot.run import with_bar
from robot.verbs.model import choose

_SAID = {
    "truth": "attitude, velocity and place of the truth",
    "heading": "heading and place of the truth",
    "nothing": "nothing of the truth",
}


def follow_log(
    log: Log,
    how: LocalizeOptions,
    start: StartOptions,
    *,
    start_from: StartFrom | None,
    bundle: str,
    note: Callable[[str], None],
    on_pose: Callable[[Pose], None] = lambda pose: None,
) -> Followed:
    """Localize a log, from what its truth or the user knows of the start.

    Raises:
        InputError: The start cannot be had from the truth, or an option is wrong.
    """
    for hint in log.doubts():
        note(hint)
    sensor = how.sensor()
    chosen = choose(bundle, sensor, given=how.noise is not None, note=note)
    overheard = Overheard(chosen.model)
    known = None
    prior = PRIOR
    if isinstance(log, Reference):
        source = start_from or log.best_start
        note(f"{log.name}: starts from {_SAID[source]} (--start-from)")
        told = log.start(source, chosen.profile)
        known, prior = (told, PRIOR) if isinstance(told, tuple) else (None, told)
    options = chosen.options(how.options(start.prior(how.world, prior)))
    rows, count = log.without(sensor).rows(options.clock)
    localizer = Localizer(options, overheard, known)
    return follow(with_bar(rows, count, "localize"), localizer, overheard, on_pose=on_pose)
