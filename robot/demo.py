"""`bombus demo`, the robot's part: find the way of a drive from its IMU, and draw it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import typer

from models.bundle import MANIFEST, SHIPPED
from models.errors import InputError
from robot.options import LocalizeOptions, ReadOptions, StartOptions

KITTI_07 = "kitti-imu/2011_09_30_drive_0027.npz"
BUNDLE = "localizer"


def show() -> None:
    """Localize KITTI 07 where BOMBUS_DATA has it, else a simulated drive; write the pictures.

    Raises:
        InputError: BOMBUS_DATA is set, but has no such drive.
    """
    from robot.score import score
    from robot.sinks import read_trajectory
    from robot.truth import read_reference
    from robot.verbs.evaluate import print_score
    from robot.verbs.replay import replay_log
    from robot.verbs.simulate import simulate_log

    out = Path(tempfile.gettempdir(), "bombus-demo")
    root = os.environ.get("BOMBUS_DATA")
    with tempfile.TemporaryDirectory(prefix="bombus-demo-") as folder:
        if root:
            drive, bundle = Path(root) / KITTI_07, BUNDLE
            if not drive.is_file():
                raise InputError(f"{drive}: not there; unset BOMBUS_DATA or mend it")
            if not (SHIPPED / BUNDLE / MANIFEST).is_file():
                bundle = "none"
            typer.echo(f"localizing KITTI 07 by its IMU alone, noise by {bundle}")
        else:
            # The shipped network is of KITTI's car: another one is localized with constants.
            drive, bundle = Path(folder) / "drive.npz", "none"
            simulate_log(
                drive,
                "urban",
                grade="automotive",
                seconds=120,
                still=10,
                rate=100,
                seed=0,
                force=False,
            )
            typer.echo("localizing a simulated drive by its IMU alone, constant noise")
        replay_log(
            str(drive),
            ReadOptions(),
            LocalizeOptions(),
            StartOptions(),
            out,
            truth="",
            start_from=None,
            bundle=bundle,
            force=True,
            note=lambda _: None,
        )
        truth = read_reference(str(drive), ReadOptions().reading(), "", "enu").truth
        print_score(score(truth, read_trajectory(out / "way.tum")))
    typer.echo(f"  the way: {out / 'replay.png'} and {out / 'replay.html'}")
