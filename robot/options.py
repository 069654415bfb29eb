"""Options that several commands share, each set a dataclass: how to read a log, how to localize."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np
import typer

from models.errors import InputError
from robot import reference
from robot.align import PRIOR, Prior
from robot.lie import Array
from robot.noise_file import SENSOR, Sensor, load_sensor
from robot.pose import OPTIONS, Options
from robot.sinks.world import World, to_world
from robot.sources.base import Reading
from robot.still import STILL_LIMITS

READ = "How to read the log"
LOCALIZE = "How to localize"
START = "What is known at the start"


Log = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A log (.csv .tsv .txt .jsonl .npz .bag .db3 .mcap), a folder (KITTI drive, EuRoC, "
        "TUM-VI, ROS 2 bag), - for standard input, udp://HOST:PORT, tcp://HOST:PORT or "
        "serial:DEVICE?baud=115200.",
    ),
]
Truth = Annotated[
    str,
    typer.Option(
        help="True poses: .tum, .kitti, .csv, a log that carries them, or position fixes "
        "(time,x,y,z,sigma). Default: in the log itself."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]
Seed = Annotated[int, typer.Option(min=0, help="Decides every random choice.")]
Bundle = Annotated[
    str,
    typer.Option(
        help="Network that sets the noise, with what is known of its vehicle: a bundle's name or "
        "folder. 'localizer' is shipped, and is of KITTI's car. Default: none, constants.",
        rich_help_panel=LOCALIZE,
    ),
]


StartFrom = Annotated[
    reference.StartFrom | None,
    typer.Option(
        help="What to take from the truth: truth (attitude, velocity, place, and that the biases "
        "are a good IMU's, as KITTI's results are made), heading (and place), or nothing. "
        "Default: truth where the log begins on the move, else heading.",
        rich_help_panel=START,
    ),
]


@dataclass(frozen=True)
class ReadOptions:
    """How to read a log; None is what its format or header says."""

    axes: Annotated[
        str | None,
        typer.Option(
            help="The sensor's axes: flu, frd, rfu, or a map as x,-y,-z.", rich_help_panel=READ
        ),
    ] = None
    gyro_unit: Annotated[
        str | None, typer.Option(help="rad/s, deg/s or mdeg/s.", rich_help_panel=READ)
    ] = None
    accel_unit: Annotated[
        str | None, typer.Option(help="m/s^2, g or mg.", rich_help_panel=READ)
    ] = None
    time_unit: Annotated[
        str | None, typer.Option(help="s, ms, us or ns.", rich_help_panel=READ)
    ] = None
    columns: Annotated[
        str,
        typer.Option(
            help="Columns (names, numbers from 1, JSON paths) of time, gyro x y z, accel x y z, "
            "with commas; time may be - or left out.",
            rich_help_panel=READ,
        ),
    ] = ""
    sample_rate: Annotated[
        float | None,
        typer.Option(help="Hz, of a log whose rows bear no time.", rich_help_panel=READ),
    ] = None
    delimiter: Annotated[
        str | None, typer.Option(help="Of a table; default: found out.", rich_help_panel=READ)
    ] = None
    topic: Annotated[
        str,
        typer.Option(help="Of a bag or MCAP file; default: its only IMU.", rich_help_panel=READ),
    ] = ""
    truth_topic: Annotated[
        str, typer.Option(help="Poses of a bag to take for the truth.", rich_help_panel=READ)
    ] = ""

    def reading(self) -> Reading:
        """For `robot.sources`."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        columns = [name.strip() for name in values.pop("columns").split(",") if name.strip()]
        return Reading(columns=columns, rate=values.pop("sample_rate"), **values)


@dataclass(frozen=True)
class LocalizeOptions:
    """How to localize."""

    noise: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of noise and biases, from calibrate or tune.", rich_help_panel=LOCALIZE
        ),
    ] = None
    slip: Annotated[
        bool,
        typer.Option(
            help="Whether the body is a vehicle that rolls, without slipping sideways.",
            rich_help_panel=LOCALIZE,
        ),
    ] = True
    still: Annotated[
        bool, typer.Option(help="Look for standing still.", rich_help_panel=LOCALIZE)
    ] = True
    align: Annotated[
        float, typer.Option(min=0, help="s to watch before the start.", rich_help_panel=LOCALIZE)
    ] = OPTIONS.align
    world: Annotated[
        World,
        typer.Option(help="Axes of what goes in and out.", rich_help_panel=LOCALIZE),
    ] = "enu"

    def __post_init__(self) -> None:
        """Refuse what no log could meet."""
        _require("align", self.align, 86_400)

    def options(self, prior: Prior = PRIOR) -> Options:
        """For `robot.localizer`."""
        return replace(
            OPTIONS,
            prior=prior,
            align=self.align,
            slip=self.slip,
            still=STILL_LIMITS if self.still else None,
        )

    def sensor(self) -> Sensor:
        """What is known of the sensor."""
        return load_sensor(self.noise) if self.noise else SENSOR


@dataclass(frozen=True)
class StartOptions:
    """What is known at the start."""

    heading: Annotated[
        float | None,
        typer.Option(
            help="deg from east to north; in a NED world from north to east. Default: east.",
            rich_help_panel=START,
        ),
    ] = None
    heading_sigma: Annotated[
        float, typer.Option(min=0, help="How sure of it, deg.", rich_help_panel=START)
    ] = 0.0
    position: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="m, in the world's axes. Default: its origin.", rich_help_panel=START),
    ] = None
    position_sigma: Annotated[
        float, typer.Option(min=0, help="How sure of it, m.", rich_help_panel=START)
    ] = 0.0
    speed: Annotated[
        float | None,
        typer.Option(help="Forward, m/s, if it moves already.", rich_help_panel=START),
    ] = None
    speed_sigma: Annotated[
        float, typer.Option(min=0, help="How sure of it, m/s.", rich_help_panel=START)
    ] = PRIOR.speed_sigma

    def __post_init__(self) -> None:
        """Refuse what no vehicle on Earth could start from."""
        for name, most in _MOST.items():
            known = getattr(self, name)
            for value in known if isinstance(known, tuple) else (known,):
                if value is not None:
                    _require(name, value, most)

    def prior(self, world: World, base: Prior = PRIOR) -> Prior:
        """What was said, above what is known otherwise."""
        known: dict[str, Any] = {}
        if self.heading is not None:
            turn = math.radians(self.heading)
            known["heading"] = math.pi / 2 - turn if world == "ned" else turn
        if self.position is not None:
            place: Array = to_world(np.array(self.position), world)
            known["position"] = tuple(place.tolist())
        if self.speed is not None:
            known["speed"] = self.speed
        return replace(
            base,
            heading_sigma=math.radians(self.heading_sigma),
            position_sigma=self.position_sigma,
            speed_sigma=self.speed_sigma,
            **known,
        )


# deg, m and m/s: how far a start may be from zero.
_MOST = {"heading": 360.0, "position": 1e8, "speed": 1e3}
_MOST |= {f"{name}_sigma": most for name, most in _MOST.items()}


def _require(name: str, value: float, most: float) -> None:
    if not abs(value) <= most:  # nor NaN
        option = "--" + name.replace("_", "-")
        raise InputError(f"{option} {value:g}: give a number of at most {most:,.0f}")


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters of dataclass types become the options that are their fields."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[Any, list[str]]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind):
            parameters.append(parameter.replace(annotation=kind))
            continue
        types = get_type_hints(kind, include_extras=True)
        groups[name] = (kind, [f.name for f in fields(kind)])
        parameters += [
            inspect.Parameter(
                f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=types[f.name]
            )
            for f in fields(kind)
        ]

    def call(**given: Any) -> None:
        for name, (kind, keys) in groups.items():
            given[name] = kind(**{key: given.pop(key) for key in keys})
        command(**given)

    plain = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    made: Any = call
    made.__name__, made.__doc__ = command.__name__, command.__doc__
    made.__signature__ = inspect.Signature(plain)
    made.__annotations__ = {p.name: p.annotation for p in plain}
    return call
