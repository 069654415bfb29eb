"""Stage 6: latency and memory, honestly: each contender in its own process, all in turns.

Workers load one model each and wait; the benchmark lets one at a time run a few calls, round after
round, so that whatever else the machine does falls on all alike. Separate processes also keep
their memory apart, TensorFlow away from tflite-runtime, and a crash where it happened.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ConversionError
from models.progress import track

Ranges = Mapping[str, Sequence[float]]  # least and greatest value by input name
NOTABLE = 1.05  # times another's latency; what is less may be chance


@dataclass(frozen=True)
class Contender:
    """What to time.

    Attributes:
        runtime: One of `models.runtime.RUNTIMES`, `keras-predict` or `keras-function`.
        file: The model's.
        threads: That the runtime may use; its process gets as many cores.
        ranges: Of the inputs that random values go to; of others photos (four axes) are random
            pixels, and all else begins with zeros.
    """

    runtime: str
    file: str
    threads: int = 1
    ranges: Ranges = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.runtime}:{self.file}"


@dataclass(frozen=True)
class Timing:
    """One contender's figures; milliseconds a call.

    Attributes:
        contender: `RUNTIME:FILE`.
        runs: Calls measured.
        min_ms: Least.
        median_ms: Median.
        p95_ms: 95th percentile.
        load_ms: From an imported runtime to a model ready to run.
        peak_mb: Peak resident memory of the process, less that before the runtime was imported.
        profile: Of `export.speed.profile`, where it was asked for.
    """

    contender: str
    runs: int
    min_ms: float
    median_ms: float
    p95_ms: float
    load_ms: float
    peak_mb: float
    profile: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Failure:
    """A contender that could not load or run, and why in a line."""

    contender: str
    why: str


def benchmark(contenders: Sequence[str], rounds: int = 20) -> list[Timing]:
    """Time contenders, each `RUNTIME:FILE`, in turns; one thread, batch 1, the same random photo.

    Raises:
        ConversionError: A contender could not load or run.
    """
    parts = [contender.partition(":") for contender in contenders]
    timings = []
    for outcome in attempts([Contender(runtime, file) for runtime, _, file in parts], rounds):
        if isinstance(outcome, Failure):
            raise ConversionError(f"benchmark of {outcome.contender} failed ({outcome.why})")
        timings.append(outcome)
    return timings


def attempts(
    contenders: Sequence[Contender], rounds: int, *, profile: bool = False
) -> list[Timing | Failure]:
    """Time contenders in turns; what cannot load or run comes back as why.

    Args:
        contenders: All run at once, in turns.
        rounds: Of a few calls each.
        profile: Whether to look where the time goes, once all are timed, with as few threads as
            any has.
    """
    with ExitStack() as stack:
        every = len(contenders)
        workers = [
            stack.enter_context(_Worker(contender))
            for contender in track(contenders, every, "load")
        ]
        for _ in track(range(rounds), rounds, "time"):
            for worker in workers:
                worker.turn()
        if profile:
            least = min(contender.threads for contender in contenders)
            for worker in track(workers, every, "profile"):
                if worker.contender.threads == least:
                    worker.look()
        return [worker.outcome() for worker in workers]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """The processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class _Worker:
    """The parent's side of one contender."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.milliseconds: list[float] = []
        self.peak_mb = 0.0
        self.profile: dict[str, Any] | None = None
        self.failure: Failure | None = None

    def __enter__(self) -> _Worker:
        environment = os.environ | {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": str(self.contender.threads),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "export.speed.worker", json.dumps(asdict(self.contender))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.start = self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def turn(self) -> None:
        answer = self._ask("turn")
        self.milliseconds += answer.get("ms", [])
        self.peak_mb = answer.get("peak_mb", 0.0)

    def look(self) -> None:
        self.profile = self._ask("profile") or None

    def outcome(self) -> Timing | Failure:
        if self.failure is not None:
            return self.failure
        ms = np.array(self.milliseconds)
        return Timing(
            contender=str(self.contender),
            runs=len(ms),
            min_ms=float(ms.min()),
            median_ms=float(np.median(ms)),
            p95_ms=float(np.percentile(ms, 95)),
            load_ms=self.start["load_ms"],
            peak_mb=self.peak_mb - self.start["base_mb"],
            profile=self.profile,
        )

    def _ask(self, what: str) -> dict[str, Any]:
        if self.failure is not None:
            return {}
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{what}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # _answer tells why
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        """What the worker says; nothing, and `failure` is set, where it failed."""
        assert self.process.stdout is not None
        why = ""
        for line in self.process.stdout:
            if line.startswith("{"):  # runtimes also talk on standard output
                said: dict[str, Any] = json.loads(line)
                if "failed" not in said:
                    return said
                why = said["failed"]
                break
        self.failure = Failure(str(self.contender), why or self._end())
        return {}

    def _end(self) -> str:
        """How the process ended, which did not say so itself."""
        _, errors = self.process.communicate()
        if self.process.returncode < 0:
            return f"it ended with {signal.Signals(-self.process.returncode).name}"
        return (errors.strip().splitlines() or ["no reason given"])[-1]
