"""The start of a moving body: what a filter cannot find out step by step, found all at once.

With a bias of 0.02 rad/s the course is off by ten degrees before the bias is known, and a filter
that linearizes about such a course becomes sure of what is not so. Hence, while the gyro's bias is
unknown, the samples are kept, and at a few moments, ever further apart, the first state is fitted
to all of them anew (Levenberg and Marquardt): the body does not slip, and begins within its prior.
The filter then goes on from the end of that course. As soon as it stands still, it needs no more
of this: at rest the gyro shows its bias.

The fit works on means over `Restart.block` and leaves out the IMU's noise, which does less than
its biases in so short a time; the course itself is integrated from every sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot.engine import Step, pack, unpack
from robot.lie import Array
from robot.state import GYRO_BIAS, SLIP_RATE, Covariance, Noise, State

Tried = tuple[float, Array, Array]
Loop = Callable[[Array, Array, Array, float, float], Tried]

# Columns of a kept sample, and of a block, which is a mean of them.
SAMPLE, DT, SLIP, COLUMNS = slice(0, 6), 6, slice(7, 9), 9


@dataclass(frozen=True)
class Restart:
    """When and how a start is fitted again.

    Attributes:
        at: After how long each time, s. From the last on, the filter is on its own: noise left out
            for much more than half a minute does more harm than the fit does good.
        unsure: Deviation of the gyro's bias above which it is done, rad/s.
        block: s.
        turning: Slip to expect in turns, beyond the noise's: m/s per rad/s.
        steps: Of the fit, at most.
    """

    at: tuple[float, ...] = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0)
    unsure: float = 1e-3
    block: float = 0.1
    turning: float = 3.0
    steps: int = 15


RESTART = Restart()


class Start:
    """A first state, its covariance, and the samples since."""

    def __init__(self, policy: Restart, state: State, spread: Covariance) -> None:
        """Begin to keep samples from a state on."""
        self._policy, self._state, self._spread = policy, state, spread
        self._root = _root(spread)
        self._found = np.zeros(self._root.shape[1])
        self._rows: list[Array] = []
        self._seconds, self._done = 0.0, 0

    @staticmethod
    def begun(policy: Restart, state: State, spread: Covariance) -> Start | None:
        """A start to be fitted again, if that is worth it."""
        start = Start(policy, state, spread)
        return start if policy.at and start.unsure(spread.matrix) else None

    def unsure(self, p: Array) -> bool:
        """Whether a covariance [21, 21] still leaves the gyro's bias open."""
        return bool(np.diag(p)[GYRO_BIAS].max() > self._policy.unsure**2)

    def take(self, sample: Array, dt: float, slip: tuple[float, float]) -> bool:
        """Keep a sample; whether it is time to fit.

        Args:
            sample: [6] gyro, rad/s, and accelerometer, m/s^2.
            dt: s since the last.
            slip: As of `Noise`.
        """
        self._rows.append(np.array((*sample, dt, *slip)))
        self._seconds += dt
        due = self._seconds > self._policy.at[self._done] - 0.5 * dt
        self._done += due
        return due

    @property
    def over(self) -> bool:
        """Whether the last fit is made."""
        return self._done == len(self._policy.at)

    def fitted(
        self, loop: Loop, step: Step, noise: Noise, constants: tuple[float, float]
    ) -> tuple[Array, Array]:
        """Packed state and covariance [21, 21] after the last sample, by a fit to all of them.

        Args:
            loop: `misfit`, or that compiled.
            step: The filter's.
            noise: Its densities; the slip is that of each sample.
            constants: Gravity, m/s^2, and the drift in curves (`measurements.no_slip`), s^2/m.
        """
        rows = np.array(self._rows)
        blocks = _blocks(rows, self._policy)

        def tried(z: Array) -> Tried:
            x = pack(self._state.moved(self._root @ z))
            cost, slope, curve = loop(x, blocks, self._root, *constants)
            return cost + float(z @ z), slope - z, curve + np.eye(len(z))

        self._found = _descended(tried, self._found, self._policy.steps)
        x = y = pack(self._state.moved(self._root @ self._found))
        p = first = self._spread.matrix
        for row in rows:
            slip = (float(row[SLIP][0]), float(row[SLIP][1]))
            if slip != noise.slip:
                noise = replace(noise, slip=slip)
            # The filter's covariance about a course that is now nearly right, but not its state,
            # which would count the prior twice.
            y, p, _ = step(y, p, row[SAMPLE], row[DT], noise, slip=True)
            x, _, _ = step(x, first, row[SAMPLE], row[DT], noise, slip=False)
        return x, p

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it but the policy, to be saved."""
        return {
            "start_x": pack(self._state),
            "start_p": self._spread.matrix,
            "start_rows": np.array(self._rows).reshape(-1, COLUMNS),
            "start_found": self._found,
            "start_done": np.array((self._seconds, self._done)),
        }

    @staticmethod
    def of_arrays(saved: Mapping[str, NDArray[Any]], policy: Restart) -> Start | None:
        """What `arrays` saved, if it did."""
        if "start_x" not in saved:
            return None
        start = Start(policy, unpack(saved["start_x"]), Covariance(saved["start_p"]))
        start._rows = list(np.array(saved["start_rows"]))
        start._found = np.array(saved["start_found"])
        seconds, done = saved["start_done"].tolist()
        start._seconds, start._done = seconds, int(done)
        return start


def _root(spread: Covariance) -> Array:
    """A matrix [21, K] of full rank, with root root' = the covariance."""
    values, vectors = np.linalg.eigh(spread.matrix)
    some = values > 1e-14 * values[-1]
    return np.ascontiguousarray(vectors[:, some] * np.sqrt(values[some]))


def _blocks(rows: Array, policy: Restart) -> Array:
    """Means of kept samples [N, 9] over blocks, [B, 9]; of the slip, inverse variances."""
    firsts = np.flatnonzero(np.diff(np.floor(np.cumsum(rows[:, DT]) / policy.block), prepend=-1.0))
    dt = np.add.reduceat(rows[:, DT], firsts)
    blocks = np.empty((len(firsts), COLUMNS))
    blocks[:, SAMPLE] = np.add.reduceat(rows[:, SAMPLE] * rows[:, DT, None], firsts) / dt[:, None]
    blocks[:, DT] = dt
    turning = policy.turning * np.linalg.norm(blocks[:, :3], axis=1)
    slip = np.maximum.reduceat(rows[:, SLIP], firsts)
    expected = slip + np.stack((turning**2, np.zeros(len(dt))), axis=1)
    blocks[:, SLIP] = SLIP_RATE * dt[:, None] / expected
    return blocks


def _descended(tried: Callable[[Array], Tried], z: Array, steps: int) -> Array:
    """Where a cost is least, by Levenberg and Marquardt's steps from z.

    Args:
        tried: Of a place: the cost, minus half its gradient, half its second derivative.
        z: Where to begin.
        steps: At most.
    """
    cost, slope, curve = tried(z)
    damping = 1e-3
    for _ in range(steps):
        while True:
            step = np.linalg.solve(curve + damping * np.diag(np.diag(curve)), slope)
            there = tried(z + step)
            if there[0] < cost:
                break
            damping *= 5
            if damping > 1e3:
                return z
        gain = cost - there[0]
        z, (cost, slope, curve) = z + step, there
        damping = max(damping / 10, 1e-9)
        if gain < 1e-3 * max(1.0, cost):
            break
    return z


def misfit(x: Array, blocks: Array, root: Array, gravity: float, drift: float) -> Tried:
    """How badly a first state fits, and how that depends on its error z: `root` z of the 21.

    R and v are integrated as `filter.propagate_state` does; their errors obey

        d e_R = -R e_bg dt    d e_v = g^ e_R dt - v^ R e_bg dt - R e_ba dt

    and the residuals are those of `measurements.no_slip`.

    Args:
        x: Packed state [33].
        blocks: [B, 9] of `_blocks`.
        root: [21, K].
        gravity: m/s^2.
        drift: As of `no_slip`, s^2/m.

    Returns:
        The weighted sum of squares, minus half its gradient [K], half its second derivative
        [K, K].
    """

    def hat(x: Array) -> Array:  # in here for numba's sake
        matrix = np.zeros((3, 3))
        matrix[0, 1], matrix[0, 2], matrix[1, 2] = -x[2], x[1], -x[0]
        matrix[1, 0], matrix[2, 0], matrix[2, 1] = x[2], -x[1], x[0]
        return matrix

    size = root.shape[1]
    curve, slope, cost = np.zeros((size, size)), np.zeros(size), 0.0
    turned, flow = root[0:3].copy(), root[3:6].copy()  # errors of R and v
    turning, pushing, mounted, levered = root[9:12], root[12:15], root[15:18], root[18:21]
    r, v = x[:9].copy().reshape(3, 3), x[9:12].copy()
    back = np.ascontiguousarray(x[21:30].reshape(3, 3).T)
    lever = hat(x[30:33])
    weight = np.zeros((3, size))
    for block in blocks:
        dt = block[6]
        rate, force = block[:3] - x[15:18], block[3:6] - x[18:21]
        turn = rate * dt
        angle = math.sqrt(turn[0] ** 2 + turn[1] ** 2 + turn[2] ** 2) + 1e-12  # never 0
        c1, c2 = math.sin(angle) / angle, 2 * (math.sin(0.5 * angle) / angle) ** 2
        once = r @ hat(turn)
        after = r + c1 * once + c2 * (once @ hat(turn))
        middle = 0.5 * (r + after)
        change = middle @ force
        change[2] -= gravity
        spin = dt * (middle @ turning)
        weight[0], weight[1] = gravity * turned[1], -gravity * turned[0]
        flow += dt * weight - hat(v + 0.5 * dt * change) @ spin - dt * (middle @ pushing)
        turned -= spin
        r, v = after, v + dt * change

        inverse = np.ascontiguousarray(r.T)
        own = inverse @ v + lever @ rate
        speed = back @ own
        speed[1] += drift * speed[0] ** 2 * (back[2] @ rate)
        slopes = back @ (
            inverse @ flow - lever @ turning + hat(own) @ mounted - hat(rate) @ levered
        )
        for axis in (1, 2):
            w, off = block[6 + axis], slopes[axis]
            cost += w * speed[axis] ** 2
            slope -= w * speed[axis] * off
            curve += w * np.outer(off, off)
    return cost, slope, curve
