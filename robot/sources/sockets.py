"""Line-JSON or a table's rows over UDP (listening) and TCP (calling)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from models.errors import InputError, reason
from robot.sources.base import Reading
from robot.sources.live import Live

_log = logging.getLogger(__name__)
_CHUNK = 65_536  # bytes; no datagram is longer
_WAIT = 0.2  # s, after which a wait looks whether it was interrupted or closed
_CONNECT = 5.0  # s


def open_udp(where: str, reading: Reading) -> Live:
    """Listen for datagrams, each of one or more lines.

    Args:
        where: `udp://HOST:PORT`, of this computer; 0.0.0.0 is every network it is in. Port 0 is any
            that is free, told in the source's name.
        reading: How.

    Raises:
        InputError: That is no address, or not free.
    """
    host, port = _address(where)
    link = _socket(where, host, port, socket.SOCK_DGRAM)
    try:
        link.bind((host, port))
    except OSError as error:
        link.close()
        raise InputError(f"{where}: cannot listen ({error.strerror or error})") from error
    # A line needs an end, and a datagram is one.
    chunks = (data + b"\n" for data in _received(where, link))
    return Live(f"udp://{host}:{link.getsockname()[1]}", chunks, reading, link.close)


def open_tcp(where: str, reading: Reading) -> Live:
    """Call a server and read what it says until it hangs up.

    Args:
        where: `tcp://HOST:PORT`.
        reading: How.

    Raises:
        InputError: That is no address, or nobody answers.
    """
    host, port = _address(where)
    try:
        link = socket.create_connection((host, port), timeout=_CONNECT)
    except OSError as error:
        raise InputError(f"{where}: nobody answers ({error.strerror or error})") from error
    return Live(where, _until_closed(where, link), reading, link.close)


def _address(where: str) -> tuple[str, int]:
    try:
        parts = urlsplit(where)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None:
        raise InputError(f"{where}: no address; give {where.partition(':')[0]}://HOST:PORT")
    return host, port


def _socket(where: str, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=kind)[0][0]
        return socket.socket(family, kind)
    except OSError as error:
        raise InputError(f"{where}: {host} is not known ({error.strerror or error})") from error


def _until_closed(name: str, link: socket.socket) -> Iterator[bytes]:
    for data in _received(name, link):
        if not data:
            return
        yield data


def _received(name: str, link: socket.socket) -> Iterator[bytes]:
    """What comes, until the socket is closed here or the line breaks."""
    link.settimeout(_WAIT)
    with link:
        while True:
            try:
                data = link.recv(_CHUNK)
            except TimeoutError:
                continue
            except OSError as error:
                if link.fileno() >= 0:  # else it was closed here
                    _log.warning("%s: lost (%s)", name, reason(error))
                return
            yield data
