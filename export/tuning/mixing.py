"""The search for the mix of one format, from the first measurement to the choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from export.tuning.bench import Bench
from export.tuning.groups import Group, groups
from export.tuning.outcome import Found
from export.tuning.search import choose, search, sensitivity
from export.tuning.trial import Trial

CONFIRMED = 4  # of the mixes that fit, the best so many are timed again
LONGER = 4  # times the rounds


def search_mix(bench: Bench, max_ms: float | None, say: Callable[[str], None]) -> Found:
    """Measure, search, and time the best again.

    Args:
        bench: Of the format.
        max_ms: Of latency; None for no slower than in float.
        say: Receives what was found.
    """
    longer = replace(bench, rounds=bench.rounds * LONGER)
    float_ms = bench.float_ms()
    limit = 1.0 if max_ms is None else max_ms / float_ms
    (plain,) = longer.measure([[]])
    alone, trials, every = [plain], [plain], groups(bench.graph.operations)
    chosen: Trial | None = plain
    what = "plain 8 bits pass"
    if not plain.within(limit):
        alone = [plain, *sensitivity(every, bench.measure)]
        way, trials = search(every, alone, bench.measure, limit)
        chosen = _confirmed(longer, every, choose(way, trials, limit), limit)
        what = "nothing passes within the limit" if chosen is None else f"in float: {chosen.name}"
    for title, trial in (("plain 8 bits", plain), ("chosen", chosen)):
        if trial is not None:
            say(
                f"{bench.model_format} {title}: {trial.error:.3f} of the allowed error, "
                f"{trial.ratio:.2f} x float's latency"
            )
    say(f"{bench.model_format}: {what}")
    return Found(
        model_format=bench.model_format,
        operations=len(bench.graph.operations),
        legend=[f"{group.name} {group.begins}" for group in every if group.begins],
        float_ms=float_ms,
        float_size=len(bench.graph.data),
        limit=limit,
        alone=alone,
        trials=trials,
        chosen=chosen,
    )


def _confirmed(
    longer: Bench, every: Sequence[Group], fit: Sequence[Trial], limit: float
) -> Trial | None:
    """The first of the best few, and of the fastest, that is fast enough when timed for longer."""
    if not fit:
        return None
    few = list(dict.fromkeys([*fit[:CONFIRMED], min(fit, key=lambda t: t.ratio)]))
    by_name = {group.name: group for group in every}
    again = longer.measure([[by_name[name] for name in t.groups] for t in few])
    return next((trial for trial in again if trial.within(limit)), None)
