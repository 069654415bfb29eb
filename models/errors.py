"""The errors a user can cause or meet, each with its documented exit code.

A `BombusError` carries one line for a person: what, the value, the limit, what to do.
The command line prints that line and exits with `exit_code`; only unforeseen errors exit with 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pydantic import ValidationError


class BombusError(Exception):
    """Base of all errors meant for people; raise one of its subclasses."""

    exit_code: ClassVar[int] = 1


class InputError(BombusError):
    """Wrong usage, bad input, or a place that cannot be read or written."""

    exit_code: ClassVar[int] = 2


class ConversionError(BombusError):
    """A converter could not turn the model into the requested format."""

    exit_code: ClassVar[int] = 3


class GateError(BombusError):
    """An artefact does not match its source model closely enough to be shipped."""

    exit_code: ClassVar[int] = 4


class BudgetError(BombusError):
    """An artefact is larger or slower than the caller allows."""

    exit_code: ClassVar[int] = 5


class IntegrityError(BombusError):
    """A file is not the one its manifest describes."""

    exit_code: ClassVar[int] = 6


def reason(error: Exception) -> str:
    """The first line of what another library said, or the error's type where it said nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def first_fault(error: ValidationError, whole: str) -> str:
    """Where a table is wrong first, and how; `whole` is what to call the table itself."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or whole}: {first['msg']}"
