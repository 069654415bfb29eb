"""Functions in processes of their own, several at a time: what crashes or hangs takes only itself.

Converters are native code, and some models end them: TFLite's dies of a signal on a recurrent
network in full int8. The processes are forked from a server that has imported the converters once,
since TensorFlow takes seconds to start.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import models.errors
from models.errors import BombusError, ConversionError, reason

PRELOADED = ["export.conversion.drafting"]
SECONDS = 1800.0  # for one function; the largest of keras.applications take a tenth of it

Call = Callable[[], Any]


class _Running(NamedTuple):
    process: Any
    answer: Connection
    until: float


def run_apart(
    calls: Mapping[str, Call], jobs: int = 1, seconds: float = SECONDS
) -> Iterator[tuple[str, Any]]:
    """Call functions, each in a process of its own.

    Args:
        calls: By name; what can be pickled, and gives what can be.
        jobs: How many may run at a time.
        seconds: That one may take.

    Yields:
        The name and what the function returned, or the `BombusError` that stopped it, as each
        ends: its own, or a `ConversionError` that tells how it crashed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    waiting, running = list(calls.items()), dict[str, _Running]()
    with tempfile.TemporaryDirectory(prefix="bombus-", ignore_cleanup_errors=True) as left:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    name, call = waiting.pop(0)
                    ours, theirs = context.Pipe(duplex=False)
                    process = context.Process(target=_serve, args=(call, theirs, left), daemon=True)
                    process.start()
                    theirs.close()
                    running[name] = _Running(process, ours, time.monotonic() + seconds)
                soonest = min(r.until for r in running.values()) - time.monotonic()
                wait([r.answer for r in running.values()], max(soonest, 0))
                for name, r in list(running.items()):
                    if r.answer.poll() or time.monotonic() >= r.until:
                        del running[name]
                        yield name, _end(name, r, seconds)
        finally:
            for r in running.values():
                r.process.kill()
                r.process.join()


def _end(name: str, running: _Running, seconds: float) -> Any:
    """What a process said, or how it ended without a word."""
    process, answer, _ = running
    said = None
    if answer.poll():
        with contextlib.suppress(EOFError):
            said = answer.recv()
    else:
        process.kill()
        said = "ConversionError", f"{name}: not converted in {seconds:g} s"
    process.join()
    answer.close()
    if said is None:
        code = process.exitcode
        end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ConversionError(f"{name}: the converter crashed ({end})")
    kind, value = said
    return value if kind == "returned" else getattr(models.errors, kind)(f"{value}")


def _serve(call: Call, answer: Connection, left: str) -> None:
    """The other side; `left` is a folder for what a process leaves that ends without tidying up."""
    tempfile.tempdir = left
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # converters chat
        os.dup2(nowhere, stream)
    try:
        said = "returned", call()
    except BombusError as error:
        said = type(error).__name__, str(error)
    except Exception as error:
        said = "ConversionError", reason(error)
    answer.send(said)
