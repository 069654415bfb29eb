"""What is known of one sensor, as a TOML file: `calibrate` and `tune` write it, `run` takes it.

[noise]             # `robot.state.Noise`; what is left out keeps its default
gyro = 0.0014       # rad/s per sqrt(Hz)
slip = [1.0, 10.0]  # m^2/s^2

[bias]              # what the sensor shows too much, IMU axes; subtracted from each sample
gyro = [0.01, 0.0, -0.002]  # rad/s
accel = [0.0, 0.0, 0.0]     # m/s^2
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from models.errors import InputError
from robot.lie import Vector
from robot.state import KITTI_NOISE, Noise

_UNITS = {
    "gyro": "rad/s per sqrt(Hz)",
    "accel": "m/s^2 per sqrt(Hz)",
    "gyro_bias": "rad/s per sqrt(s)",
    "accel_bias": "m/s^2 per sqrt(s)",
    "mount": "rad per sqrt(s)",
    "lever": "m per sqrt(s)",
    "slip": "m^2/s^2, lateral and vertical, 100 times a second",
}


@dataclass(frozen=True)
class Sensor:
    """One sensor.

    Attributes:
        noise: What to expect of it, and of the body that carries it.
        gyro_bias: rad/s, IMU axes.
        accel_bias: m/s^2, IMU axes.
    """

    noise: Noise = KITTI_NOISE
    gyro_bias: Vector = (0.0, 0.0, 0.0)
    accel_bias: Vector = (0.0, 0.0, 0.0)


SENSOR = Sensor()


def load_sensor(path: Path) -> Sensor:
    """Read such a file.

    Raises:
        InputError: It cannot be read, is not TOML, or has an unknown key or an impossible value.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML noise file ({error}); mend that line") from error
    _only(tables, ("noise", "bias"), str(path))
    noise, bias = _table(tables, "noise", path), _table(tables, "bias", path)
    _only(noise, tuple(f.name for f in fields(Noise)), f"{path} [noise]")
    _only(bias, ("gyro", "accel"), f"{path} [bias]")
    densities: dict[str, Any] = {
        key: _numbers(value, 2, f"{path} [noise] {key}", above=0.0)
        if key == "slip"
        else _numbers([value], 1, f"{path} [noise] {key}", above=0.0)[0]
        for key, value in noise.items()
    }
    biases: dict[str, Any] = {
        f"{key}_bias": _numbers(value, 3, f"{path} [bias] {key}") for key, value in bias.items()
    }
    return Sensor(Noise(**densities), **biases)


def dump_sensor(sensor: Sensor, remark: str) -> str:
    """The file's text, which `load_sensor` reads back to an equal sensor, under a remark."""
    lines = [f"# {line}" for line in remark.splitlines()]
    lines += ["", "[noise]"]
    for key, value in vars(sensor.noise).items():
        number = f"[{value[0]!r}, {value[1]!r}]" if key == "slip" else repr(value)
        lines.append(f"{key} = {number}  # {_UNITS[key]}")
    biases = {"gyro": (sensor.gyro_bias, "rad/s"), "accel": (sensor.accel_bias, "m/s^2")}
    known = {key: told for key, told in biases.items() if any(told[0])}
    if known:
        lines += ["", "[bias]"]
        lines += [f"{key} = {list(value)!r}  # {unit}" for key, (value, unit) in known.items()]
    return "\n".join(lines) + "\n"


def _only(table: dict[str, Any], keys: tuple[str, ...], origin: str) -> None:
    for key in table:
        if key not in keys:
            raise InputError(f"{origin}: unknown key {key!r}; one of {', '.join(keys)}")


def _table(tables: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    found = tables.get(name, {})
    if not isinstance(found, dict):
        raise InputError(f"{path}: {name} = {found!r} must be a table [{name}]")
    return found


def _numbers(value: Any, count: int, what: str, above: float = -math.inf) -> tuple[float, ...]:
    wanted = f"{count} numbers" if count > 1 else "a number"
    limit = " above 0" if above == 0 else ""
    sound = isinstance(value, list) and len(value) == count
    if not sound or not all(
        type(x) in (int, float) and math.isfinite(x) and x > above for x in value
    ):
        shown = value[0] if count == 1 else value
        raise InputError(f"{what} = {shown!r} must be {wanted}{limit}")
    return tuple(float(x) for x in value)
