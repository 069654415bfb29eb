"""A log is never written over, whatever `--force` says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.errors import InputError


def spare_logs(outputs: Sequence[Path | None], inputs: Sequence[str | Path | None]) -> None:
    """Raise `InputError` where a file to write is one that is read."""
    read = [Path(one) for one in inputs if one is not None and Path(one).exists()]
    for out in outputs:
        if out is not None and out.exists() and any(out.samefile(one) for one in read):
            raise InputError(f"{out}: is read from, and would be lost; choose another name")
