"""Standard input: what another program prints."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Protocol, cast

from robot.sources.base import Reading
from robot.sources.live import Live

_CHUNK = 65_536  # bytes


class Pipe(Protocol):
    """What gives the bytes that are there, waiting for the first only."""

    def read1(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


def open_stdin(reading: Reading, pipe: Pipe | None = None) -> Live:
    """Read from standard input, or another pipe."""
    stream = pipe or cast("Pipe", sys.stdin.buffer)
    chunks: Iterator[bytes] = iter(lambda: stream.read1(_CHUNK), b"")
    return Live("standard input", chunks, reading)
