"""Whole lines of a stream of bytes, in bounded memory whatever comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LONGEST = 65_536  # bytes


class Lines:
    """Cuts what is fed into lines; one that is too long comes out as None, once."""

    def __init__(self, longest: int = LONGEST) -> None:
        """Begin with nothing fed.

        Args:
            longest: Bytes of a line, beyond which it is dropped as it comes.
        """
        self._longest = longest
        self._rest = b""
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """The lines that a chunk completes, without their ends."""
        first, *more = chunk.split(b"\n")
        if not more:
            self._keep(first)
            return []
        self._keep(first)
        whole = [self._line(self._rest), *(self._line(line) for line in more[:-1])]
        self._rest, self._skipping = b"", False
        self._keep(more[-1])
        return whole

    def end(self) -> list[bytes | None]:
        """The last line, if it had no end."""
        return self.feed(b"\n") if self._rest or self._skipping else []

    def _keep(self, part: bytes) -> None:
        """Add to the line that is not whole yet."""
        if self._skipping or len(self._rest) + len(part) > self._longest:
            self._rest, self._skipping = b"", True
        else:
            self._rest += part

    def _line(self, line: bytes) -> bytes | None:
        if self._skipping:  # only ever the first of a chunk's lines
            self._skipping = False
            return None
        return line.rstrip(b"\r") if len(line) <= self._longest else None


def lines_of(chunks: Iterable[bytes], longest: int = LONGEST) -> Iterator[bytes | None]:
    """All lines of chunks."""
    lines = Lines(longest)
    for chunk in chunks:
        yield from lines.feed(chunk)
    yield from lines.end()
