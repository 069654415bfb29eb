"""Push one IMU sample, get a pose: the filter with its clock, screen, start and stand-stills.

    localizer = Localizer()
    for time, gyro, accel in imu:  # s, rad/s, m/s^2; x forward, y left, z up
        pose = localizer.push(time, gyro, accel)

Memory does not grow with the log. A pose never holds a NaN; its `health` tells what was wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot import loops
from robot.align import doubted, is_still, moving_start, static_start
from robot.clock import Clock, Step, Tick
from robot.ear import Ear
from robot.engine import BIASES, compiled, make_step, pack, unpack
from robot.filter import GATE, Gate, Innovation, chi_square_limit, update
from robot.health import FAULTS, Health, Screen
from robot.hearing import Heard
from robot.lie import Array
from robot.measurements import Measurement, forward_drift, forward_speed
from robot.noise import ConstantNoise, Memory, NoiseModel, restored_memory, saved_memory
from robot.pose import OPTIONS, Options, Pose
from robot.start import Start, misfit
from robot.state import Covariance, Noise, State
from robot.still import Rest

Numbers = Sequence[float] | Array


class Localizer:
    """A stream of IMU samples in, poses out.

    Attributes:
        options: How it works.
        model: What sets the noise.
        heard: Forward speed heard in the wheels at the last sample, m/s; None if none was.
    """

    _x: Array  # packed state
    _p: Array  # its covariance
    _start: Start | None  # while it is still to be fitted again

    def __init__(
        self,
        options: Options = OPTIONS,
        model: NoiseModel | None = None,
        start: tuple[State, Covariance] | None = None,
    ) -> None:
        """Make a localizer.

        Args:
            options: How it works.
            model: What sets the noise; the constants for KITTI if None.
            start: State and covariance at the first sample; without them the first
                `options.align` seconds are watched, and then gone through again from their start.
        """
        self.options = options
        self.model: NoiseModel = model or ConstantNoise()
        self._step = make_step(options.engine, options.world, options.slip_gate, options.drift)
        self._clock = Clock(options.clock, period=options.clock.period)
        self._screen = Screen(options.limits, compiled(options.engine, loops.screen))
        self._rest = Rest(options.still, compiled(options.engine, loops.still))
        self.heard: Heard | None = None
        hears = options.tone is not None or options.echo is not None
        self._ear = Ear(options.tone, options.echo) if hears else None
        self._memory: Memory = self.model.start()
        self._waiting: list[tuple[float, Array, Health]] | None = None if start else []
        self._corrects = start is None
        self._previous = np.zeros(6)
        self._refused = 0.0  # running share of no-slip updates that the gate disbelieved
        gate = options.slip_gate
        self._slip_limit = math.inf if gate is None else chi_square_limit(2, gate.probability)
        self._set(*(start or (State.at_rest(), Covariance.of_deviations())))

    def push(self, time: float, gyro: Numbers, accel: Numbers) -> Pose:
        """Take in a sample.

        Args:
            time: s, in any clock; a dropped sample's pose bears the last time kept.
            gyro: [3] rad/s, IMU axes.
            accel: [3] specific force, m/s^2, IMU axes.
        """
        time = float(time)
        self._clock, tick = self._clock.tick(time)
        if tick.step is Step.SAME or tick.step is Step.LATE:
            health = Health.REPEATED if tick.step is Step.SAME else Health.LATE
            if self._waiting is not None:
                health |= Health.ALIGNING
            return self._pose(self._clock.last, health)
        raw = [float(x) for x in (*gyro, *accel)]
        if len(raw) != 6:
            raise ValueError(f"a sample has 3 rates and 3 forces, not {len(raw)} numbers in all")
        sample, health = self._screen.check(np.array(raw))
        if self._waiting is not None:
            return self._wait(time, tick, sample, health)
        found = self._advance(tick, sample, health)
        # Both are OK nearly always, and to join two flags takes longer than to look.
        return self._pose(time, health if found is Health.OK else health | found)

    def fix(self, measurement: Measurement, gate: Gate | None = GATE) -> Innovation:
        """Correct the estimate by something else measured at the time of the last sample.

        Args:
            measurement: From `robot.measurements`, of `self.state`.
            gate: When to disbelieve it; None for never.
        """
        innovation = self._correct(measurement, gate)
        if innovation.accepted:
            self._start = None  # which knows nothing of it
        return innovation

    def _correct(self, measurement: Measurement, gate: Gate | None) -> Innovation:
        """`fix`."""
        state, spread, innovation = update(self.state, Covariance(self._p), measurement, gate)
        if innovation.accepted:
            self._x, self._p = pack(state), spread.matrix
        return innovation

    @property
    def state(self) -> State:
        """The estimate at the last sample."""
        return unpack(self._x)

    @property
    def aligned(self) -> bool:
        """Whether the start is made."""
        return self._waiting is None

    def _pose(self, time: float, health: Health) -> Pose:
        return Pose(time, self._x, Covariance(self._p), health)

    def _wait(self, time: float, tick: Tick, sample: Array, health: Health) -> Pose:
        """Gather the first second, then start from its beginning."""
        waiting = self._waiting
        assert waiting is not None
        if tick.step is Step.JUMP:
            waiting.clear()
            health |= Health.TIME_JUMP
        waiting.append((time, sample, health))
        if len(waiting) < 2 or time - waiting[0][0] < self.options.align:
            if len(waiting) == 1:  # a first guess, for poses to be had at once
                self._align(sample[None], moving=True)
            return self._pose(time, health | Health.ALIGNING)
        self._waiting = None
        self._align(np.array([s for _, s, _ in waiting]))
        result, clock = Health.OK, Clock(self.options.clock, period=self._clock.period)
        for at, row, its_health in waiting:
            clock, again = clock.tick(at)
            result = its_health | self._advance(again, row, its_health)
        return self._pose(time, result)

    def _align(self, window: Array, *, moving: bool = False) -> None:
        """Start from samples [N, 6]; `moving` if it is not to be asked whether they are still."""
        imu, known = (window[:, :3], window[:, 3:]), (self.options.prior, self.options.world)
        if moving or not is_still(*imu):
            self._set(*moving_start(*imu, *known))
            return
        self._set(*static_start(*imu, *known))
        self._rest.fit(window, self._clock.period)

    def _set(self, state: State, spread: Covariance) -> None:
        """Start from a state."""
        self._x, self._p = pack(state), spread.matrix
        restart = self.options.restart if self.options.slip else None
        self._start = None if restart is None else Start.begun(restart, state, spread)

    def _advance(self, tick: Tick, sample: Array, health: Health) -> Health:
        """Move the estimate on to a screened sample; what went wrong on the way."""
        previous, self._previous = self._previous, sample
        if tick.step is Step.FIRST:
            shown = self._corrected(sample)
            self._memory, _ = self.model.step(self._memory, shown, self._clock.period)
            return Health.OK
        if tick.step is Step.JUMP:
            # A clock that was set back does not tell how long it took: a second at least.
            self._p = doubted(self.state, Covariance(self._p), max(tick.dt, 1.0)).matrix
            self._start = None
            self._rest.forget()
            if self._ear is not None:
                self._ear.forget()
            return Health.TIME_JUMP
        if tick.parts == 1:
            return self._take(sample, tick.dt, health)
        found = Health.FILLED
        for part in range(1, tick.parts + 1):
            share = part / tick.parts
            between = previous + share * (sample - previous)
            found |= self._take(between, tick.dt / tick.parts, health)
        return found

    def _corrected(self, sample: Array) -> Array:
        """What the noise model is shown of a sample.

        Of a start of its own the biases are open, and may be such as no network has learned from.
        """
        return sample - self._x[BIASES] if self._corrects else sample

    def _take(self, sample: Array, dt: float, health: Health) -> Health:
        """One step of the filter."""
        self.heard = None
        self._memory, advice = self.model.step(self._memory, self._corrected(sample), dt)
        noise = advice.noise
        if health is not Health.OK and health & FAULTS:
            noise = noise.rougher(self.options.limits.rougher)
        x, p, nis = self._step(self._x, self._p, sample, dt, noise, slip=self.options.slip)
        found = self._judge(x, p, nis)
        if seconds := self._rest.take(sample, dt, advice.still):
            known, density = (self.state, Covariance(self._p)), advice.noise.gyro
            state, spread = self._rest.held(*known, seconds, density)
            self._x, self._p = pack(state), spread.matrix
        if self._ear is not None and self._ear.take(sample, dt, self._x):
            self._listen(sample[:3], self._ear)
        if self._start is not None and self._refit(self._start, sample, dt, noise):
            return found | Health.REFITTED
        return found

    def _refit(self, start: Start, sample: Array, dt: float, noise: Noise) -> bool:
        """Go on from the start as it looks by now, if it is time to."""
        due = start.take(sample, dt, noise.slip)
        if start.over or (self._rest.sure and not start.unsure(self._p)):
            self._start = None
        if not due or self._rest.sure:
            return False
        options = self.options
        loop, constants = compiled(options.engine, misfit), (options.world.gravity, options.drift)
        self._x, self._p = start.fitted(loop, self._step, noise, constants)
        if self._ear is not None:
            self._ear.forget()
        return True

    def _judge(self, x: Array, p: Array, nis: float) -> Health:
        """Keep a new estimate if it is possible, else go on from the last one, in doubt."""
        limit = self.options.limits.speed
        velocity, flat = x[9:12], p.ravel()
        if not (math.isfinite(x.dot(x) + flat.dot(flat)) and velocity.dot(velocity) < limit**2):
            state = self.state
            slow = min(1.0, 0.1 * limit / max(1e-9, float(np.linalg.norm(state.velocity))))
            state = replace(state, velocity=state.velocity * slow)
            self._x, self._p = pack(state), doubted(state, Covariance(self._p), 1.0).matrix
            return Health.DIVERGED
        self._x, self._p = x, p
        refused = nis > self._slip_limit
        self._refused += 0.01 * (refused - self._refused)
        if self._refused > 0.5:
            return Health.DIVERGED | (Health.SLIPPING if refused else Health.OK)
        return Health.SLIPPING if refused else Health.OK

    def _listen(self, gyro: Array, ear: Ear) -> None:
        """Correct the speed by the sound of wheels and axles, where it is heard."""
        believed = forward_speed(self.state, gyro, 0.0, 0.0)
        row, speed = believed.jacobian[0], -float(believed.residual[0])
        drift = forward_drift(self.state, self.options.world.gravity)
        variance = max(0.0, float(drift @ self._p @ drift))
        heard = ear.listen(float(row @ self._p @ row), math.sqrt(variance))
        if heard is None:
            return
        self.heard = Heard(speed + heard.speed, heard.variance)
        # No gate: how likely it is beside what the filter knew has been weighed already.
        self._correct(forward_speed(self.state, gyro, *self.heard), None)
        ear.heeded(-float(forward_speed(self.state, gyro, 0.0, 0.0).residual[0]) - speed)

    def save(self) -> dict[str, NDArray[Any]]:
        """Everything that a stream has learned, as arrays: `np.savez` keeps it without pickle.

        Raises:
            ValueError: The start is not made yet (`aligned`).
        """
        if self._waiting is not None:
            raise ValueError("there is nothing to save before the start: wait until it is aligned")
        return {
            "x": self._x.copy(),
            "p": self._p.copy(),
            "previous": self._previous.copy(),
            "refused": np.array(self._refused),
            "corrects": np.array(self._corrects),
            "screen": self._screen.memory.copy(),
            **self._rest.arrays(),
            **self._clock.arrays(),
            **({} if self._ear is None else self._ear.save()),
            **saved_memory(self._memory),
            **(self._start.arrays() if self._start else {}),
        }

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Go on, bit for bit, from what another localizer of the same options and model saved."""
        self._x, self._p = np.array(saved["x"]), np.array(saved["p"])
        self._previous = np.array(saved["previous"])
        self._refused = float(saved["refused"])
        self._corrects = bool(saved["corrects"])
        self._clock = Clock.of_arrays(saved, self.options.clock)
        self._screen.memory = np.array(saved["screen"])
        self._rest.restore(saved)
        if self._ear is not None:
            self._ear.restore(saved)
        self._memory = restored_memory(saved)
        restart = self.options.restart
        self._start = None if restart is None else Start.of_arrays(saved, restart)
        self._waiting = None
