"""Lines of text, JSON or a table's, as numbers: the same for files and streams.

Empty lines, and those that begin with # or %, say nothing, except that the first of a table's lines
may be its header behind such a sign. Everything else is a sample, or bad.
"""

from __future__ import annotations

import logging

from models.errors import InputError
from robot.frames import TIME_UNITS
from robot.sources.base import Reading
from robot.sources.border import SI, Border
from robot.sources.columns import BadLine, Layout, Numbers, find_layout
from robot.sources.message import json_numbers

_log = logging.getLogger(__name__)
_COMMENT = ("#", "%")


class LineParser:
    """Makes numbers of lines, in whatever form the first of them has."""

    def __init__(self, reading: Reading, name: str, *, strict: bool = False) -> None:
        """Begin before the first line.

        Args:
            reading: How to read.
            name: Of the source, for people.
            strict: Refuse, rather than warn of, a table whose rows are to be read by position
                although a header was there, of names that say nothing.

        Raises:
            InputError: The reading's axes or units are not known.
        """
        self.reading, self.name = reading, name
        self.layout: Layout | None = None
        self.border = Border(reading)
        self.complaint: InputError | None = None  # why a line was not taken for the first
        self._strict = strict
        self._per_second = TIME_UNITS[reading.time_unit or SI[0]]

    def parse(self, line: bytes | None) -> Numbers | None:
        """A line's numbers; None if it says nothing.

        Raises:
            BadLine: It is too long, or no sample.
            InputError: The table cannot be read by position, see `strict`.
        """
        if line is None:
            raise BadLine
        text = line.decode("utf-8", "replace").strip("\ufeff \t\v\f")
        if text.startswith("{"):
            return json_numbers(text, self.reading, self._per_second)
        comment = text.startswith(_COMMENT)
        first = self.layout is None and bool(text)
        if first:
            self._look(text, comment)
        if not text or comment or (first and self.layout is not None and self.layout.header):
            return None
        if self.layout is None:
            raise BadLine
        return self.layout.numbers(text)

    def _look(self, text: str, comment: bool) -> None:
        """Take a line for a table's first, if it can be that."""
        if comment and any(column.isdecimal() for column in self.reading.columns):
            return  # the numbers would fit any comment
        try:
            layout = find_layout(text, self.reading, self.name)
        except BadLine:
            return
        except InputError as error:
            self.complaint = self.complaint or (None if comment else error)
            return
        if comment and not layout.header:
            return
        if self.complaint and not layout.header and not self.reading.columns:
            if self._strict:
                raise self.complaint
            _log.warning("%s; its columns are taken to stand in that order", self.complaint)
        self.layout = layout
        self.border = Border(self.reading, units=layout.units)
