"""The picture of a calibration: Allan deviations of the six axes, and what was read from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.files import writing_to
from robot.calibration.calibrate import AXES, Calibration
from robot.replay.picture import COLOURS, DASHES, STYLE

_ROLES = ("first", "second", "third")


def draw_allan(calibration: Calibration, name: str, path: Path) -> None:
    """Write the picture as PNG; needs matplotlib.

    Raises:
        InputError: The place cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    taus = calibration.curve.taus
    with rc_context(STYLE):
        figure = Figure(figsize=(12, 5.2), dpi=110, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(f"{name}: {calibration.still:,.0f} s at rest, {calibration.rate:.0f} Hz")
        for axis, first, title, unit in zip(
            figure.subplots(1, 2),
            (0, 3),
            ("Gyro", "Accelerometer"),
            ("rad/s", "m/s²"),
            strict=True,
        ):
            for i, (letter, role) in enumerate(zip(AXES, _ROLES, strict=True), first):
                colour, told = COLOURS[role], calibration.noise[i]
                axis.loglog(
                    taus,
                    calibration.curve.deviations[:, i],
                    color=colour,
                    ls=DASHES[role],
                    marker="o",
                    ms=3,
                    label=f"{letter}: {told}",
                )
                fitted = told.deviation(taus)
                axis.loglog(
                    taus, np.where(fitted > 0, fitted, np.nan), color=colour, lw=4, alpha=0.2
                )
            for side in (axis.xaxis, axis.yaxis):
                side.set_major_formatter("{x:g}")
            axis.set_title(f"{title}, Allan deviation")
            axis.set_xlabel("averaged over, s")
            axis.set_ylabel(unit)
            axis.legend()
        with writing_to(path) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": "bombus"})
