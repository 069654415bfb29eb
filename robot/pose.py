"""What goes into a localizer, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from robot.align import PRIOR, Prior
from robot.clock import CLOCK_POLICY, ClockPolicy
from robot.echo import Echo
from robot.engine import Engine, unpack
from robot.filter import WORLD, Gate, World
from robot.health import LIMITS, Health, Limits
from robot.lie import Array
from robot.start import RESTART, Restart
from robot.state import Covariance, State
from robot.still import STILL_LIMITS, StillLimits
from robot.tone import Tone

SLIP_GATE = Gate(1e-6, soften=True)


@dataclass(frozen=True)
class Options:
    """How a localizer works.

    Attributes:
        world: Gravity and the Earth's rotation.
        prior: What is known before the first sample, if no state is given.
        align: How long to watch before the start, s.
        clock: What to do about time.
        limits: What a sound sample and a sound estimate is.
        restart: When to fit the start of a moving body again; None for never.
        still: When to take the IMU for standing still; None for never.
        slip: Hold the body to no lateral and vertical velocity.
        slip_gate: When not to; it softens unless told otherwise. None: always believe it.
        drift: Of the body in curves, see `measurements.no_slip`, s^2/m.
        tone: Of the vehicle's wheels, which tells its speed; None: do not listen for it.
        echo: Of its axles, which does, too.
        engine: numba or numpy.
    """

    world: World = WORLD
    prior: Prior = PRIOR
    align: float = 1.0
    clock: ClockPolicy = CLOCK_POLICY
    limits: Limits = LIMITS
    restart: Restart | None = RESTART
    still: StillLimits | None = STILL_LIMITS
    slip: bool = True
    slip_gate: Gate | None = SLIP_GATE
    drift: float = 0.0
    tone: Tone | None = None
    echo: Echo | None = None
    engine: Engine = "auto"


OPTIONS = Options()


@dataclass(frozen=True)
class Pose:
    """An estimate at the time of a sample, in the source's clock.

    Attributes:
        time: s.
        packed: The state as [33] numbers, see `engine.pack`.
        covariance: Of the right-invariant error; `covariance.world(pose.state)` is plainer.
        health: What was wrong with the sample or the estimate.
    """

    time: float
    packed: Array
    covariance: Covariance
    health: Health

    @property
    def state(self) -> State:
        """All that is estimated."""
        return unpack(self.packed)

    @property
    def rotation(self) -> Array:
        """[3, 3] from the IMU's axes to the world's."""
        return self.packed[:9].reshape(3, 3)

    @property
    def velocity(self) -> Array:
        """[3] of the IMU in the world, m/s."""
        return self.packed[9:12]

    @property
    def position(self) -> Array:
        """[3] of the IMU in the world, m."""
        return self.packed[12:15]
