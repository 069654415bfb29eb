"""A stream's last seconds, and what is heard in them of the speed.

The filter knows how its speed changed over the last seconds far better than it knows the speed. So
its own speeds are taken for right but for one number, and wheels and axles are asked for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot import echo as axles
from robot import tone as wheels
from robot.echo import Echo
from robot.hearing import Heard, Hint, carried, weigh
from robot.lie import Array
from robot.tone import Tone

Window = tuple[Array, Array, Array]  # samples, s between them, speeds

EVERY = 1.0  # s from one time of listening to the next


class Ear:
    """What a localizer listens with."""

    def __init__(self, tone: Tone | None, echo: Echo | None) -> None:
        """Make one that has heard nothing yet; at least one of both is to be listened for."""
        self.tone, self.echo = tone, echo
        self._window = max(part.window for part in (tone, echo) if part is not None)
        self._rows: deque[tuple[Array, float, Array, float]] = deque()
        self._seconds = 0.0
        self._since = 0.0
        self._added = 0.0  # to the speed, by all that was heard up to now
        self._faint: Hint | None = None  # heard, but not yet told

    def take(self, sample: Array, dt: float, x: Array) -> bool:
        """Take in a sample [6] and the packed state [33] after it; whether it is time to listen."""
        self._rows.append((sample, dt, x, self._added))
        self._seconds += dt
        self._since += dt
        full = self._seconds >= self._window
        if full:
            self._seconds -= self._rows.popleft()[1]
        return full and self._since >= EVERY

    def listen(self, variance: float, drift: float) -> Heard | None:
        """What is to be added to the forward speed.

        Args:
            variance: Of the filter's forward speed, m^2/s^2.
            drift: Deviation of its rate, m/s^2: so fast may the speed go wrong.
        """
        elapsed, self._since = self._since, 0.0
        samples, dt, states, added = (np.array(part) for part in zip(*self._rows, strict=True))
        speeds = forward_speeds(states) + (self._added - added)
        before, self._faint = self._faint, None
        hints = list(_hints(self.tone, self.echo, samples, dt, speeds))
        if not hints:
            return None
        offsets, likelihood = hints[0]
        for other in hints[1:]:
            likelihood = likelihood + carried(other, offsets, 0.0)
        if before is not None:
            likelihood = likelihood + carried(before, offsets, drift * elapsed)
        heard = weigh(Hint(offsets, likelihood), variance)
        if heard is None:
            self._faint = Hint(offsets, likelihood)
        return heard

    def heeded(self, more: float) -> None:
        """Tell by how much the filter's speed was changed, m/s: earlier speeds were wrong by it."""
        self._added += more

    def forget(self) -> None:
        """Begin anew, after a jump in time."""
        self._rows.clear()
        self._seconds = 0.0
        self._faint = None

    def save(self) -> dict[str, NDArray[Any]]:
        """The memory, as arrays."""
        rows = [np.concatenate((s, (dt,), x, (added,))) for s, dt, x, added in self._rows]
        return {
            "ear_rows": np.array(rows).reshape(-1, 41),
            "ear": np.array((self._seconds, self._since, self._added)),
            "ear_faint": np.array(self._faint or ((), ())),
        }

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Go on from what was saved."""
        self._rows.clear()
        for row in saved["ear_rows"]:
            self._rows.append((row[:6].copy(), float(row[6]), row[7:40].copy(), float(row[40])))
        self._seconds, self._since, self._added = saved["ear"].tolist()
        faint = Hint(*saved["ear_faint"].copy())
        self._faint = faint if len(faint.offsets) else None


def _hints(
    tone: Tone | None, echo: Echo | None, samples: Array, dt: Array, speeds: Array
) -> Iterator[Hint]:
    """What each tells of the last seconds, each over a window of its own."""
    ago = np.cumsum(dt[::-1])[::-1]

    def late(window: float, slowest: float) -> Window | None:
        at = ago <= window + 0.5 * dt[-1]
        fast = speeds[at].min() >= slowest
        return (samples[at], dt[at], speeds[at]) if fast else None

    if echo is not None and (heard := late(echo.window, echo.slowest)):
        yield axles.listen(echo, *heard)
    if tone is not None and (heard := late(tone.window, tone.slowest)):
        yield wheels.listen(tone, *heard)


def forward_speeds(states: Array) -> Array:
    """[N] along the body's x axis, m/s, of packed states [N, 33]; the lever's share is left out."""
    rotations, mounts = states[:, :9].reshape(-1, 3, 3), states[:, 21:30].reshape(-1, 3, 3)
    return np.asarray(np.einsum("nij,ni,njk->nk", rotations, states[:, 9:12], mounts)[:, 0])
