"""The clock of a log: order, twins, holes and rate, by one policy for whole logs and for streams.

The policy, in the order in which it is applied:

1. A sample whose stamp is not a finite number is dropped.
2. A whole log is sorted by stamp, samples of equal stamps in their order. A stream cannot be: there
   a sample older than the last is dropped, and after `restart_after` of them in a row the clock is
   taken to have been set back, which is a jump.
3. Of samples less than `same_below` apart, the first stays.
4. A whole log loses its first samples, if fewer than `lone` stand before a first hole.
5. The period is the median of the steps: of all of them in a log, of the last 32 in a stream.
6. A step of more than `hole_above` periods is a hole. Up to `fill_up_to` it is filled with samples
   a period apart, on the straight line between its ends; never is it one long step.
7. A longer step is a jump: nothing is known of the time between, and nothing is made up. In a
   stream the first sample after it is dropped: one alone may be a stamp gone wrong, and the jump is
   believed once another follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array


@dataclass(frozen=True)
class ClockPolicy:
    """The numbers of the policy.

    Attributes:
        period: s, assumed of a stream until it has shown its own.
        same_below: s.
        hole_above: Periods.
        fill_up_to: s.
        lone: Samples.
        restart_after: Samples.
    """

    period: float = 0.01
    same_below: float = 1e-3
    hole_above: float = 1.5
    fill_up_to: float = 3.0
    lone: int = 10
    restart_after: int = 10


CLOCK_POLICY = ClockPolicy()


@dataclass(frozen=True)
class Cleaned:
    """A log in order.

    Attributes:
        times: [M] s, strictly increasing.
        values: [M, K], of the same rows.
        filled: [M] whether a row was made up to fill a hole.
        jumps: [J] rows before which there is a jump.
        period: s.
        dropped: Samples of the log that are not here.
        disordered: Steps of the log that went backwards.
    """

    times: Array
    values: Array
    filled: NDArray[np.bool_]
    jumps: NDArray[np.intp]
    period: float
    dropped: int
    disordered: int


def clean(times: Array, values: Array, policy: ClockPolicy = CLOCK_POLICY) -> Cleaned:
    """A whole log, by the policy above.

    Args:
        times: [N] stamps, s.
        values: [N, K] what was measured at each.
        policy: Its numbers.

    Raises:
        ValueError: Fewer than two samples are left.
    """
    sound = np.isfinite(times)
    t, v = times[sound].astype(np.float64), values[sound].astype(np.float64)
    disordered = int((np.diff(t) < 0).sum())
    order = np.argsort(t, kind="stable")
    t, v = t[order], v[order]
    keep = _apart(t, policy.same_below)
    t, v = t[keep], v[keep]
    if len(t) < 2:
        raise ValueError(
            f"{len(t)} samples of {len(times)} have a stamp of their own: 2 are needed"
        )
    period = float(np.median(np.diff(t)))
    first = np.flatnonzero(np.diff(t[: policy.lone + 1]) > policy.hole_above * period)
    if len(first) and len(t) - first[-1] > 2:
        t, v = t[first[-1] + 1 :], v[first[-1] + 1 :]
    steps = np.diff(t)
    jump = steps > policy.fill_up_to
    hole = (steps > policy.hole_above * period) & ~jump
    parts = np.where(hole, np.maximum(np.rint(steps / period), 1), 1).astype(np.intp)
    # Row i of the log becomes row at[i]; rows between two of them are made up.
    at = np.concatenate((np.zeros(1, np.intp), np.cumsum(parts)))
    rows = np.arange(at[-1] + 1)
    left = np.minimum(np.searchsorted(at, rows, side="right") - 1, len(t) - 2)
    share = (rows - at[left]) / parts[left]
    filled = np.ones(len(rows), np.bool_)
    filled[at] = False
    new_t = t[left] + share * steps[left]
    new_v = v[left] + share[:, None] * (v[left + 1] - v[left])
    new_t[at], new_v[at] = t, v
    dropped = len(times) - len(t)
    return Cleaned(new_t, new_v, filled, at[1:][jump], period, dropped, disordered)


def _apart(times: Array, least: float) -> NDArray[np.intp]:
    """The rows that stay of sorted times, if each is to be `least` after the one kept before it."""
    close = np.flatnonzero(np.diff(times) < least)
    if len(close) == 0:
        return np.arange(len(times))
    keep, last = np.ones(len(times), np.bool_), -math.inf
    for row in range(int(close[0]), len(times)):
        if times[row] - last < least:
            keep[row] = False
        else:
            last = float(times[row])
    return np.flatnonzero(keep)


class Step(Enum):
    """What a stream's next stamp means."""

    FIRST = "first"
    NEXT = "next"
    HOLE = "hole"
    JUMP = "jump"
    SAME = "same"  # dropped
    LATE = "late"  # dropped: before the last one, or far ahead of it and alone


@dataclass(frozen=True)
class Tick:
    """What to do about a stamp.

    Attributes:
        step: What it means.
        dt: s since the last sample; 0 if the sample is dropped, or its clock was set back.
        parts: How many equal steps to take: above 1 for a hole.
    """

    step: Step
    dt: float = 0.0
    parts: int = 1


_SAME, _LATE, _FIRST = Tick(Step.SAME), Tick(Step.LATE), Tick(Step.FIRST)
_BLOCK = 32  # steps that tell the period
_FIRST_BLOCK = 8


@dataclass(frozen=True)
class Clock:
    """A stream's clock: the policy, the last stamp kept, and what the steps have shown.

    Attributes:
        policy: Its numbers.
        last: s; NaN before the first sample.
        period: s.
        recent: The steps since the period was last estimated.
        late: Samples in a row that were too old.
        known: Whether the period was estimated at all.
        ahead: s, of a last sample dropped since it is a jump ahead, or a stamp gone wrong.
    """

    policy: ClockPolicy = CLOCK_POLICY
    last: float = math.nan
    period: float = 0.0
    recent: tuple[float, ...] = ()
    late: int = 0
    known: bool = False
    ahead: float = -math.inf

    def tick(self, time: float) -> tuple[Clock, Tick]:
        """The clock after a stamp, s, and what that stamp means."""
        policy = self.policy
        dt = time - self.last
        if not math.isfinite(time):
            return self, _LATE
        if math.isnan(dt):
            return Clock(policy, time, policy.period), _FIRST
        if dt < policy.same_below:
            return self._back(time, dt)
        if dt > policy.fill_up_to:
            return self._far(time, dt)
        recent, period, known = (*self.recent, dt), self.period, self.known
        if len(recent) >= (_BLOCK if known else _FIRST_BLOCK):
            period, recent, known = sorted(recent)[len(recent) // 2], (), True
        after = Clock(policy, time, period, recent, 0, known)
        # Until the period is known, a slow log must not look like one of holes.
        if dt > policy.hole_above * period and (known or dt > 0.5):
            return after, Tick(Step.HOLE, dt, max(1, round(dt / period)))
        return after, Tick(Step.NEXT, dt)

    def _far(self, time: float, dt: float) -> tuple[Clock, Tick]:
        """`tick` of a stamp far above the last one: a jump, once a second stamp follows it."""
        if self.policy.same_below <= time - self.ahead <= self.policy.fill_up_to:
            return replace(self, last=time, late=0, ahead=-math.inf), Tick(Step.JUMP, dt)
        return replace(self, ahead=time), _LATE

    def _back(self, time: float, dt: float) -> tuple[Clock, Tick]:
        """`tick` of a stamp that is not above the last one."""
        if dt > -self.policy.same_below:
            return self, _SAME
        if self.late + 1 < self.policy.restart_after:
            return replace(self, late=self.late + 1), _LATE
        return replace(self, last=time, late=0, recent=()), Tick(Step.JUMP)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it but the policy, to be saved."""
        return {
            "clock": np.array((self.last, self.period, self.late, self.known, self.ahead)),
            "clock_recent": np.array(self.recent),
        }

    @staticmethod
    def of_arrays(saved: dict[str, NDArray[Any]], policy: ClockPolicy) -> Clock:
        """What `arrays` saved."""
        last, period, late, known, ahead = saved["clock"].tolist()
        recent = tuple(saved["clock_recent"].tolist())
        return Clock(policy, last, period, recent, int(late), bool(known), ahead)
