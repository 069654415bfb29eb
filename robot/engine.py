"""The step that the localizer takes for each sample, by numba or by numpy, alike to rounding."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from functools import cache
from typing import Literal, Protocol, TypeVar

import numpy as np

from robot.filter import Gate, World, chi_square_limit, propagate, update
from robot.lie import Array
from robot.measurements import no_slip
from robot.state import SLIP_RATE, Covariance, Noise, State, per_sample

Engine = Literal["auto", "numba", "numpy"]

PACKED = 33  # R (9, by rows), v, p, gyro bias, accelerometer bias, mount (9, by rows), lever


BIASES = slice(15, 21)  # of a packed state: the gyro's, rad/s, and the accelerometer's, m/s^2


def pack(state: State) -> Array:
    """A state as [33] numbers."""
    return np.concatenate([part.ravel() for part in vars(state).values()])


def unpack(x: Array) -> State:
    """The state of [33] numbers, as views of them."""
    rotation, mount = x[:9].reshape(3, 3), x[21:30].reshape(3, 3)
    return State(rotation, x[9:12], x[12:15], x[15:18], x[18:21], mount, x[30:33])


class Step(Protocol):
    """Propagation, then the no-slip update unless `slip` is False."""

    def __call__(
        self, x: Array, p: Array, sample: Array, dt: float, noise: Noise, *, slip: bool
    ) -> tuple[Array, Array, float]:
        """Take one step.

        Args:
            x: Packed state [33].
            p: Covariance [21, 21].
            sample: [6] gyro, rad/s, and accelerometer, m/s^2.
            dt: s.
            noise: What to expect.
            slip: Whether to hold the body to no slip.

        Returns:
            State and covariance, new ones, and the normalized innovation squared of the slip: 0
            without an update.
        """
        ...


def numba_is_there() -> bool:
    """Whether the compiled step can be had."""
    return importlib.util.find_spec("numba") is not None


F = TypeVar("F", bound=Callable[..., object])


@cache
def _compiled(function: F) -> F:
    import numba  # type: ignore[import-not-found,unused-ignore]

    made: F = numba.njit(cache=True, error_model="numpy")(function)
    return made


def compiled(engine: Engine, function: F) -> F:
    """A function of `robot.loops`, compiled if the engine is numba's."""
    return _compiled(function) if uses_numba(engine) else function


def uses_numba(engine: Engine) -> bool:
    """Whether an engine compiles."""
    return engine == "numba" or (engine == "auto" and numba_is_there())


def make_step(engine: Engine, world: World, gate: Gate | None, drift: float = 0.0) -> Step:
    """The step for a world and a gate of the slip.

    Args:
        engine: `auto` takes numba where it is installed. Its first step compiles for some ten
            seconds, unless an earlier process has done so.
        world: Gravity and the Earth's rotation.
        gate: None believes every no-slip update.
        drift: Of the body in curves, see `measurements.no_slip`, s^2/m.
    """
    return (_CompiledStep if uses_numba(engine) else _NumpyStep)(world, gate, drift)


class _NumpyStep:
    """`robot.filter`, step by step."""

    def __init__(self, world: World, gate: Gate | None, drift: float) -> None:
        self._world, self._gate, self._drift = world, gate, drift

    def __call__(
        self, x: Array, p: Array, sample: Array, dt: float, noise: Noise, *, slip: bool
    ) -> tuple[Array, Array, float]:
        gyro, accel = sample[:3], sample[3:]
        state, spread = propagate(
            unpack(x), Covariance(p), gyro, accel, dt, noise=noise, world=self._world
        )
        nis = 0.0
        if slip:
            measured = no_slip(state, gyro, per_sample(noise.slip, dt), self._drift)
            state, spread, innovation = update(state, spread, measured, self._gate)
            nis = innovation.nis
        return pack(state), spread.matrix, nis


class _CompiledStep:
    """`robot.kernel.step` with its parameters filled in."""

    def __init__(self, world: World, gate: Gate | None, drift: float) -> None:
        from robot.kernel import PARAMETERS, step  # late: it loads numba

        self._step = step
        self._noise: Noise | None = None
        self._parameters = np.zeros(PARAMETERS)
        limit = math.inf if gate is None else chi_square_limit(2, gate.probability)
        soften = gate is not None and gate.soften
        self._parameters[8:] = (limit, soften, world.gravity, *world.earth, drift)

    def __call__(
        self, x: Array, p: Array, sample: Array, dt: float, noise: Noise, *, slip: bool
    ) -> tuple[Array, Array, float]:
        parameters = self._parameters
        if noise is not self._noise:
            self._noise = noise
            densities = (noise.gyro, noise.accel, noise.gyro_bias, noise.accel_bias)
            parameters[:6] = np.square((*densities, noise.mount, noise.lever))
        if slip:
            each = 1.0 / (SLIP_RATE * dt)
            parameters[6] = noise.slip[0] * each
            parameters[7] = noise.slip[1] * each
        else:
            parameters[6] = 0.0
        return self._step(x, p, sample, dt, parameters)
