"""Which of the localizer's poses are worth writing."""

from __future__ import annotations

import math
from dataclasses import replace
from types import TracebackType

import numpy as np

from models.errors import InputError
from robot.health import Health
from robot.pose import Pose
from robot.sinks.base import Sink


class Thinned:
    """A sink that takes each time once, at no more than a rate, and nothing that is not finite.

    What was wrong with a pose that is left out is told with the next one.
    """

    def __init__(self, sink: Sink, rate: float | None = None) -> None:
        """Make a sink.

        Args:
            sink: What takes the rest.
            rate: At most so many poses a second of the source's clock; None for all.

        Raises:
            InputError: The rate is not positive.
        """
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise InputError(f"rate {rate:g}: more than 0 poses a second are needed")
        self._sink, self._rate = sink, rate
        self._first = self._last = math.nan
        self._tick = -1
        self._unsaid = Health.OK

    def __enter__(self) -> Thinned:
        """Make ready."""
        self._sink.__enter__()
        return self

    def write(self, pose: Pose) -> None:
        """Write a pose, or leave it out."""
        if self._due(pose):
            if self._unsaid is not Health.OK:
                pose = replace(pose, health=pose.health | self._unsaid)
                self._unsaid = Health.OK
            self._sink.write(pose)
        else:
            self._unsaid |= pose.health

    def _due(self, pose: Pose) -> bool:
        if pose.time == self._last or not _is_finite(pose):
            return False
        self._last = pose.time
        if self._rate is None:
            return True
        if math.isnan(self._first):
            self._first = pose.time
        # A clock of that rate from the first pose on; stamps may be a rounding early.
        tick = math.floor((pose.time - self._first) * self._rate + 1e-6)
        due, self._tick = tick != self._tick, tick
        return due

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish."""
        self._sink.__exit__(kind, error, trace)


def _is_finite(pose: Pose) -> bool:
    """Whether time, state and covariance are; before the first sound stamp there is no time."""
    return (
        math.isfinite(pose.time)
        and bool(np.isfinite(pose.packed).all())
        and bool(np.isfinite(pose.covariance.matrix).all())
    )
