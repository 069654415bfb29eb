"""Samples as they are made: lines that come through a pipe, a socket or a serial port.

A stream never fails because of what comes: a line that is no sample is counted in `bad` and
skipped, and memory is bounded whatever the lines' lengths. It ends when the other side hangs up.

Whether lines bear times is settled by the first sample; later ones that differ are bad. Samples
without time get that of their arrival, by a clock that is never set back; those that arrive
together are taken to have been made evenly since the arrival before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from robot.lie import Array
from robot.metrics import Trajectory
from robot.sources.base import Reading, Sample
from robot.sources.columns import BadLine, Numbers
from robot.sources.lines import Lines
from robot.sources.parser import LineParser


class Live:
    """A stream of lines."""

    count = None
    live = True

    def __init__(
        self,
        name: str,
        chunks: Iterator[bytes],
        reading: Reading,
        close: Callable[[], None] = lambda: None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Begin before the first byte.

        Args:
            name: For people.
            chunks: The bytes as they arrive.
            reading: How to read.
            close: Lets go of where they come from.
            clock: Of arrival, s; None: the computer's, as it was at the start, and steady.

        Raises:
            InputError: The reading's axes or units are not known.
        """
        self.name = name
        self.bad = 0
        self._chunks = chunks
        self._close = close
        self._parser = LineParser(reading, name)
        self._lines = Lines()
        self._now = clock or steady_clock()
        self._timed: bool | None = None
        self._before: float | None = None  # when samples arrived last

    def __iter__(self) -> Iterator[Sample]:
        for chunk in self._chunks:
            yield from self._samples(self._lines.feed(chunk))
        yield from self._samples(self._lines.end())

    def truth(self) -> Trajectory | None:
        """A stream carries none."""
        return None

    def truth_velocity(self) -> Array | None:
        """A stream carries none."""
        return None

    def close(self) -> None:
        """Let go of where the bytes come from."""
        self._close()

    def _samples(self, lines: list[bytes | None]) -> Iterator[Sample]:
        now = self._now()
        found = [numbers for line in lines if (numbers := self._numbers(line))]
        before = now if self._before is None else self._before
        for i, (stamp, values) in enumerate(found, start=1):
            arrival = before + (now - before) * i / len(found)
            seconds = arrival if stamp is None else self._parser.border.seconds(stamp)
            if seconds is None:
                self.bad += 1
            else:
                yield self._parser.border.sample(seconds, values)
        if found:
            self._before = now

    def _numbers(self, line: bytes | None) -> Numbers | None:
        """A line's numbers, or None, and counted if that is bad."""
        try:
            found = self._parser.parse(line)
            if found is not None:
                self._settle(found[0] is not None)
        except BadLine:
            self.bad += 1
            return None
        return found

    def _settle(self, timed: bool) -> None:
        """Whether samples bear times is settled by the first, and binds the others."""
        if self._timed is None:
            self._timed = timed
        elif timed != self._timed:
            raise BadLine


def steady_clock() -> Callable[[], float]:
    """The computer's clock, s since 1970, as if it were never set."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()
