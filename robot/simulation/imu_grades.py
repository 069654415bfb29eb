"""Grades of IMUs, from fibre-optic gyros to hobby boards.

Round figures, chosen to span what such parts show in use; no part is meant in particular.
"""

from __future__ import annotations

import math
from types import MappingProxyType

from robot.simulation.imu_errors import PERFECT, Grade, Triad

DEGREE = math.pi / 180
MILLI_G = 9.80665e-3  # m/s^2

GRADES = MappingProxyType(
    {
        "perfect": PERFECT,
        "tactical": Grade(  # fibre-optic gyros
            Triad(
                turn_on=5e-6, noise=1.5e-5, instability=3e-6, walk=1e-7,
                scale=2e-4, misalignment=2e-4, drift=1e-7, step=1e-6, limit=490 * DEGREE,
            ),
            Triad(
                turn_on=1 * MILLI_G, noise=5e-4, instability=5e-4, walk=1e-5,
                scale=3e-4, misalignment=2e-4, drift=1e-4, step=5e-5, limit=10e3 * MILLI_G,
            ),
            warming=10.0,
        ),
        "automotive": Grade(  # for electronic stability control
            Triad(
                turn_on=0.2 * DEGREE, noise=0.007 * DEGREE, instability=3e-5, walk=2e-6,
                scale=5e-3, misalignment=5e-3, drift=0.005 * DEGREE,
                step=DEGREE / 200, limit=300 * DEGREE,
            ),
            Triad(
                turn_on=10 * MILLI_G, noise=0.1 * MILLI_G, instability=5e-4, walk=5e-5,
                scale=5e-3, misalignment=5e-3, drift=0.1 * MILLI_G,
                step=0.2 * MILLI_G, limit=5e3 * MILLI_G,
            ),
            warming=15.0,
        ),
        "consumer": Grade(  # phones
            Triad(
                turn_on=0.6 * DEGREE, noise=0.01 * DEGREE, instability=6e-5, walk=1e-5,
                scale=1e-2, misalignment=1e-2, drift=0.02 * DEGREE,
                step=DEGREE / 65.5, limit=500 * DEGREE,
            ),
            Triad(
                turn_on=25 * MILLI_G, noise=0.2 * MILLI_G, instability=1e-3, walk=1e-4,
                scale=1e-2, misalignment=1e-2, drift=0.3 * MILLI_G,
                step=MILLI_G / 8.192, limit=4e3 * MILLI_G,
            ),
            warming=15.0,
        ),
        "cheap": Grade(  # hobby boards
            Triad(
                turn_on=2 * DEGREE, noise=0.03 * DEGREE, instability=2e-4, walk=5e-5,
                scale=2e-2, misalignment=2e-2, drift=0.03 * DEGREE,
                step=DEGREE / 65.5, limit=500 * DEGREE,
            ),
            Triad(
                turn_on=50 * MILLI_G, noise=0.4 * MILLI_G, instability=3e-3, walk=3e-4,
                scale=2e-2, misalignment=2e-2, drift=0.6 * MILLI_G,
                step=MILLI_G / 8.192, limit=4e3 * MILLI_G,
            ),
            warming=15.0,
        ),
    }
)  # fmt: skip
