"""`bombus robot calibrate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models.files import refuse_existing, write_text
from robot.calibration.calibrate import AXES, LONG, Calibration, calibrate
from robot.log import read_log
from robot.noise_file import dump_sensor
from robot.sources import Reading, open_source
from robot.verbs.spare import spare_logs

MOSTLY = 0.9  # of a log that is to be at rest


def calibrate_log(
    where: str,
    reading: Reading,
    *,
    out: Path | None,
    plot: Path | None,
    level: bool,
    margin: float,
    force: bool,
    note: Callable[[str], None],
) -> Calibration:
    """Calibrate from a log at rest; the options are told by the command's help.

    Raises:
        InputError: The log is never at rest, or a file is not what it should be.
    """
    spare_logs([out, plot], [where])
    for path in filter(None, (out, plot)):
        refuse_existing(path, force)
    with closing(open_source(where, reading)) as source:
        log = read_log(source)
    for hint in log.doubts():
        note(hint)
    found = calibrate(log.times, log.gyro, log.accel)
    if plot is not None:
        from robot.calibration.allan_plot import draw_allan  # late: it needs the extra `robot`

        draw_allan(found, Path(where).name, plot)
    if out is not None:
        remark = (
            f"bombus robot calibrate: {found.still:.0f} s at rest at {found.rate:.0f} Hz; noise "
            f"{margin:g} times that at rest\nnot seen, so left at the default: "
            f"{', '.join(found.missing()) or 'nothing'}; slip is not of the sensor"
        )
        write_text(out, dump_sensor(found.sensor(level=level, margin=margin), remark))
    return found


def warnings(found: Calibration) -> list[str]:
    """What speaks against a calibration, a line each."""
    told = []
    if found.still < MOSTLY * found.whole:
        told.append(
            f"the log moves: only {found.begin:.1f} to {found.end:.1f} s, {found.still:.0f} of "
            f"{found.whole:.0f} s, is used"
        )
    if found.still < LONG:
        told.append(
            f"{found.still:.0f} s at rest do not tell the noise well; an hour is better, "
            f"{LONG:.0f} s the least"
        )
    if found.filled:
        told.append(f"{found.filled:,} samples were missing and made up")
    return told


def print_calibration(found: Calibration, *, level: bool) -> None:
    """Tables of the biases and of the noise."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("axis", "mean", "± s.e.", "N (white)", "B (instability)", "K (walk)"):
        table.add_column(column, justify="left" if column == "axis" else "right")
    rows = zip(
        [f"{sensor} {axis}" for sensor in ("gyro", "accel") for axis in AXES],
        (*found.gyro.tolist(), *found.accel.tolist()),
        (*found.gyro_error.tolist(), *found.accel_error.tolist()),
        found.noise,
        strict=True,
    )
    for name, mean, error, noise in rows:
        told = (noise.white, noise.instability, noise.walk)
        shown = ("–" if value is None else f"{value:.2e}" for value in told)
        table.add_row(name, f"{mean:+.5f}", f"{error:.1e}", *shown)
    console = Console(width=max(Console().width, 80))
    console.print(table)
    console.print("gyro in rad/s, accel in m/s², N per √Hz, K per √s; –: the log does not show it")
    roll, pitch = (math.degrees(angle) for angle in found.tilt)
    lay = f"roll {roll:+.2f}°, pitch {pitch:+.2f}° if that is all its bias (--level: it lay level)"
    console.print(
        f"the accelerometer shows {found.excess:+.4f} m/s² more than gravity; "
        f"{'all that is not up is its bias' if level else lay}",
        highlight=False,
        soft_wrap=True,
    )
