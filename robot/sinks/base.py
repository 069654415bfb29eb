"""What every sink is, and how one that writes a file keeps half a file out of sight."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from models.errors import InputError
from models.files import writing_to
from robot.pose import Pose

Write = Callable[[Pose], object]
Writer = Callable[[Path], AbstractContextManager[Write]]


class Sink(Protocol):
    """Where poses go; a context manager, written to while it is entered."""

    def write(self, pose: Pose) -> None:
        """Take in a pose.

        Raises:
            InputError: The place cannot be written any more.
        """
        ...

    def __enter__(self) -> Sink:
        """Make ready."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what was written; an interrupt keeps it, another error may discard it."""
        ...


class _DiscardedError(Exception):
    """Tells `writing_to` to leave nothing, whatever the reason."""


class FileSink:
    """A file that gets its final name once it is closed, by Ctrl-C too, but not by an error."""

    def __init__(self, path: Path, writer: Writer) -> None:
        """Make a sink.

        Args:
            path: The final name.
            writer: Opens a file of the format and gives what writes a pose to it.
        """
        self._path, self._writer = path, writer
        self._stack = ExitStack()
        self._write: Write

    def __enter__(self) -> FileSink:
        """Open the file under a temporary name."""
        with ExitStack() as stack:
            temporary = stack.enter_context(writing_to(self._path))
            self._write = stack.enter_context(self._writer(temporary))
            self._stack = stack.pop_all()
        return self

    def write(self, pose: Pose) -> None:
        """Write a pose."""
        try:
            self._write(pose)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"{self._path}: cannot be written ({reason}); free space or choose another place"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, or discard it."""
        if error is None or isinstance(error, KeyboardInterrupt):
            self._stack.close()
            return
        # An error of whatever stands in the `with` must not be told as one of this file: what is
        # wrong here, if anything, is a consequence.
        with suppress(_DiscardedError, InputError):
            self._stack.__exit__(_DiscardedError, _DiscardedError(), None)


class Tee:
    """Several sinks at once."""

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks
        self._stack = ExitStack()

    def __enter__(self) -> Tee:
        """Make all ready, or none."""
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.enter_context(sink)
            self._stack = stack.pop_all()
        return self

    def write(self, pose: Pose) -> None:
        """Write a pose to each."""
        for sink in self._sinks:
            sink.write(pose)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish each."""
        self._stack.__exit__(kind, error, trace)
