"""The search: a few groups into float, greedily, until the gate passes within the budget.

First for speed, while the mix is slower than the limit: the groups that save most. Then for
accuracy: those that take away the most error for what they cost in time and size. Past the gate
it goes on only where that costs next to nothing of what 8 bits saved. What a group is worth is
known from a graph in which it alone was spared; groups don't add up exactly, so the best few are
measured before one is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from export.tuning.groups import Group
from export.tuning.trial import Trial

BEST_FEW = 3
ENOUGH = 0.9  # of the error; a group that leaves more is not worth sparing
FASTER = 0.98  # of the latency; what leaves more might be noise
ROOM = 1.1  # of plain 8 bits' size, for what is spared though the gate has passed
LEAST_COST = 0.01  # of plain 8 bits' latency and size: below, costs are noise

# Measure mixes side by side, each given by its groups.
Measure = Callable[[Sequence[Sequence[Group]]], list[Trial]]


def sensitivity(groups: Sequence[Group], measure: Measure) -> list[Trial]:
    """Each group alone in float: what that leaves of the error, and what of the time."""
    return measure([[group] for group in groups])


def search(
    groups: Sequence[Group], alone: Sequence[Trial], measure: Measure, limit: float
) -> tuple[list[Trial], list[Trial]]:
    """Spare groups one after another.

    Args:
        groups: All that may be spared.
        alone: Plain 8 bits, then what `sensitivity` found.
        measure: Measures mixes.
        limit: Of latency, as a multiple of float's.

    Returns:
        The way: plain 8 bits, and the mix after each group that was taken; and all mixes
        measured, `alone` first.
    """
    plain, singles = alone[0], list(alone[1:])
    way, taken, seen = [plain], list[Group](), list(alone)
    whole = frozenset[str]().union(*(group.members for group in groups))
    worth = {g: t for g, t in zip(groups, singles, strict=True) if g.members != whole}
    while worth and not plain.within(limit):
        few = _ranked(worth, plain, way[-1], limit)[:BEST_FEW]
        if not few:
            break
        known = not taken  # a single group was measured already
        trials = [worth[g] for g in few] if known else measure([[*taken, g] for g in few])
        seen += [] if known else trials
        best, group = min(zip(trials, few, strict=True), key=lambda p: _key(p[0], limit))
        if not _better(best, way[-1], plain, limit):
            break
        way.append(best)
        taken.append(group)
        worth = {
            g: t
            for g, t in worth.items()
            if not g.members <= best.spared and g.members | best.spared != whole
        }
    return way, seen


def choose(way: Sequence[Trial], seen: Sequence[Trial], limit: float) -> list[Trial]:
    """What to choose, the best first: of what passes within the limit.

    Args:
        way: Of `search`; where it ends is where sparing more was not worth it.
        seen: All mixes measured, if the way leads nowhere, by their error.
        limit: Of latency.
    """
    others = sorted(seen, key=lambda t: (t.error, t.ratio))
    return list(dict.fromkeys(t for t in (*reversed(way), *others) if t.within(limit)))


def _ranked(worth: dict[Group, Trial], plain: Trial, current: Trial, limit: float) -> list[Group]:
    """What to try next, the most promising first; without what promises nothing."""
    if current.ratio > limit:
        saving = {g: plain.ratio - t.ratio for g, t in worth.items()}
        return sorted((g for g in worth if saving[g] > 0), key=lambda g: -saving[g])
    gain = {g: plain.error**2 - t.error**2 for g, t in worth.items()}
    slower = {g: t.ratio - plain.ratio for g, t in worth.items()}
    larger = {g: t.size / plain.size - 1 for g, t in worth.items()}
    cost = {g: max(slower[g] / plain.ratio + larger[g], LEAST_COST) for g in worth}
    room = _room(current, plain, limit) - current.size
    fitting = [
        g
        for g in worth
        if gain[g] > 0 and current.ratio + slower[g] <= limit and larger[g] * plain.size <= room
    ]
    return sorted(fitting, key=lambda g: -gain[g] / cost[g])


def _key(trial: Trial, limit: float) -> tuple[float, float]:
    return max(0.0, trial.ratio - limit), trial.error


def _room(current: Trial, plain: Trial, limit: float) -> float:
    """How large the next mix may be."""
    return ROOM * plain.size if current.within(limit) else float("inf")


def _better(trial: Trial, current: Trial, plain: Trial, limit: float) -> bool:
    if trial.size > _room(current, plain, limit):
        return False
    if current.ratio > limit:
        return trial.ratio < FASTER * current.ratio or trial.ratio <= limit
    return trial.ratio <= limit and trial.error < ENOUGH * current.error
