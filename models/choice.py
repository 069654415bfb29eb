"""Which artefact of a bundle to run here."""

from __future__ import annotations

import platform
from typing import NamedTuple

from models.bundle import Bundle
from models.errors import InputError
from models.manifest import Artefact
from models.runtime import RUNTIMES, available_runtimes


class Candidates(NamedTuple):
    """What can be run here, never nothing, and the file that the bundle prefers on this machine."""

    runnable: list[Artefact]
    default: str | None


def candidates(bundle: Bundle, runtime: str) -> Candidates:
    """The artefacts of a bundle that are here and can be run.

    Args:
        bundle: Whose.
        runtime: One of `models.runtime.RUNTIMES`; empty for any that is installed.

    Raises:
        InputError: There is no such runtime, or nothing for it.
    """
    if runtime and runtime not in RUNTIMES:
        raise InputError(f"runtime {runtime!r} is unknown; one of {', '.join(RUNTIMES)}")
    wanted = [RUNTIMES[runtime]] if runtime else list(RUNTIMES.values())
    runnable = [
        a
        for a in bundle.manifest.artefacts
        if a.format in wanted and bundle.has(a) and available_runtimes(a.format)
    ]
    if not runnable:
        raise InputError(
            f"{bundle.path}: no artefact here for {runtime or 'any runtime that is installed'}; "
            "get the whole bundle, or pip install ai-edge-litert or onnxruntime"
        )
    arm = platform.machine().lower().startswith(("arm", "aarch"))
    return Candidates(runnable, bundle.manifest.default.get("arm" if arm else "x86"))
