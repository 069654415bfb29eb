"""Line-JSON: one object a pose, to a file, to standard output, or as datagrams over UDP."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

from models.errors import InputError
from robot.pose import Pose
from robot.sinks.base import Writer
from robot.sinks.record import record
from robot.sinks.rows import text_writer
from robot.sinks.world import World


def line(pose: Pose, world: World) -> str:
    """A pose as one line of JSON, all its numbers finite."""
    told = record(pose, world).as_dict()
    return json.dumps(told, separators=(",", ":"), allow_nan=False) + "\n"


def writer(world: World) -> Writer:
    """Writes a file of such lines."""
    return text_writer(lambda pose: line(pose, world))


class StandardOutput:
    """Lines for the next program of a pipe, each at once."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> StandardOutput:
        """Nothing to open."""
        return self

    def write(self, pose: Pose) -> None:
        """Write a line."""
        try:
            sys.stdout.write(line(pose, self._world))
            sys.stdout.flush()
        except BrokenPipeError as error:
            # Python would flush what is left at its end, and fail once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise InputError(
                "standard output: its reader has gone; keep it reading, or write to a file"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close."""


class Datagrams:
    """A line a datagram. Whether anyone listens does not matter, nor does it hold up the poses."""

    def __init__(self, where: str, world: World) -> None:
        """Make a sink.

        Args:
            where: `udp://HOST:PORT`.
            world: What to write in.

        Raises:
            InputError: That is no address.
        """
        self._world = world
        try:
            parts = urlsplit(where)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or not port:
            raise InputError(f"{where}: no address; give udp://HOST:PORT with a port from 1 on")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise InputError(
                f"{where}: {host} is not known ({error.strerror}); check the name or give a number"
            ) from error
        family, kind, protocol, _, address = found[0]
        self._family = (family, kind, protocol)
        self._address: tuple[object, ...] = address
        self._socket: socket.socket

    def __enter__(self) -> Datagrams:
        """Open a socket."""
        self._socket = socket.socket(*self._family)
        self._socket.setblocking(False)
        return self

    def write(self, pose: Pose) -> None:
        """Send a line."""
        # A network that is away or busy for a moment loses datagrams: UDP promises no more.
        with suppress(OSError):
            self._socket.sendto(line(pose, self._world).encode(), self._address)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the socket."""
        self._socket.close()
