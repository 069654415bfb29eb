"""A serial port: an IMU or a microcontroller that prints rows of numbers or line-JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

from models.errors import InputError, reason
from robot.sources.base import INSTALL, Reading
from robot.sources.live import Live

_log = logging.getLogger(__name__)
BAUD = 115_200
_WAIT = 0.2  # s, after which a wait looks whether it was interrupted


def open_serial(where: str, reading: Reading, clock: Callable[[], float] | None = None) -> Live:
    """Listen to a serial port.

    Args:
        where: `serial:DEVICE?baud=115200`, as `serial:/dev/ttyUSB0` or `serial:COM3`.
        reading: How; columns by number, unless the device prints a header.
        clock: Of arrival, s; None: the computer's.

    Raises:
        InputError: There is no such port, or it is taken.
    """
    try:
        import serial  # type: ignore[import-untyped]
    except ImportError as error:
        raise InputError(f"{where}: needs the package pyserial; {INSTALL}") from error
    device, _, query = where.removeprefix("serial:").partition("?")
    told = parse_qs(query)
    baud = told.pop("baud", [str(BAUD)])[-1]
    if not device or told or not baud.isdecimal():
        raise InputError(f"{where}: not understood; give serial:DEVICE?baud={BAUD}")
    try:
        port = serial.Serial(device, int(baud), timeout=_WAIT)
    # Of a device: OSError, SerialException; of a rate that it does not know: ValueError.
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: cannot be opened ({reason(error)})") from error
    return Live(f"serial:{device}", _chunks(port), reading, port.close, clock)


def _chunks(port: Any) -> Iterator[bytes]:
    """What comes, from the first whole line on, until the device is gone or the port closed."""
    begun = False
    with port:
        while port.is_open:
            try:
                data = port.read(port.in_waiting or 1)
            # pyserial meets a port that is closed under its hands with TypeError.
            except (OSError, TypeError) as error:
                if port.is_open:
                    _log.warning("%s: lost (%s)", port.name, reason(error))
                return
            if not begun:  # the first line was under way when the port was opened
                _, end, data = data.partition(b"\n")
                begun = bool(end)
            if data:
                yield data
