"""A function in a process of its own, so that a crash, a hang or a hunger of it stays there.

Parsers and converters are native code: what they meet in a damaged file can end the process.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

import models.errors
from models.errors import BombusError, InputError, IntegrityError


def in_child(
    target: str, *arguments: str, megabytes: int = 4096, seconds: float = 120, name: str = ""
) -> Any:
    """Call a function elsewhere.

    Args:
        target: `module:function`; what it returns must be JSON.
        arguments: Texts that it is called with.
        megabytes: Of address space that it may take.
        seconds: That it may take.
        name: What to call its work in errors; default: its first argument.

    Returns:
        What the function returned.

    Raises:
        BombusError: The function raised it; it comes back as it was.
        IntegrityError: It crashed, ran out of memory, or took too long.
    """
    name = name or (arguments[0] if arguments else target)
    command = [sys.executable, "-m", "export.child", str(megabytes), target, *arguments]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",  # each thread of a math library takes address space
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise IntegrityError(
            f"{name}: not read in {seconds:g} s, as if made to hang readers; do not trust it"
        ) from error
    answer = next((line for line in done.stdout.splitlines() if line.startswith('{"child"')), None)
    if answer is None:
        raise IntegrityError(f"{name}: its reader ended with {_end(done)}; do not trust the file")
    said = json.loads(answer)
    if said["child"] == "returned":
        return said["value"]
    kind = getattr(models.errors, said["child"], InputError)
    raise kind(said["value"])


def _end(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def _serve(megabytes: str, target: str, *arguments: str) -> None:
    """The child's side."""
    if sys.platform == "linux":
        import resource

        limit = int(megabytes) << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    module, _, function = target.partition(":")
    try:
        value = getattr(importlib.import_module(module), function)(*arguments)
        said = {"child": "returned", "value": value}
    except BombusError as error:
        said = {"child": type(error).__name__, "value": str(error)}
    print("\n" + json.dumps(said), flush=True)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
