"""Stage 6: latency and memory, honestly: each contender in its own process, all in turns.

A contender is `RUNTIME:FILE`, with RUNTIME one of `models.runtime.RUNTIMES`, `keras-predict` or
`keras-function`. Workers load one model each and wait; the benchmark lets one at a time run a few
calls, round after round, so that whatever else the machine does falls on all alike. Separate
processes also keep their memory apart, and TensorFlow away from tflite-runtime.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ConversionError

WARM_UP = 5  # calls before the first that counts
CALLS = 5  # a turn


@dataclass(frozen=True)
class Timing:
    """One contender's figures; milliseconds a call, one thread.

    Attributes:
        contender: `RUNTIME:FILE`.
        runs: Calls measured.
        min_ms: Least.
        median_ms: Median.
        p95_ms: 95th percentile.
        load_ms: From an imported runtime to a model ready to run.
        peak_mb: Peak resident memory of the process, less that before the runtime was imported.
    """

    contender: str
    runs: int
    min_ms: float
    median_ms: float
    p95_ms: float
    load_ms: float
    peak_mb: float


def benchmark(contenders: Sequence[str], rounds: int = 20) -> list[Timing]:
    """Time contenders in turns; one thread, batch 1, the same random photo.

    Raises:
        ConversionError: A contender could not load or run.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(c)) for c in contenders]
        for _ in range(rounds):
            for worker in workers:
                worker.turn()
        return [worker.timing() for worker in workers]


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

    def __init__(self, contender: str) -> None:
        self.contender = contender
        self.milliseconds: list[float] = []

    def __enter__(self) -> _Worker:
        environment = os.environ | {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "export.benchmark", self.contender],
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
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # _answer tells why
        answer = self._answer()
        self.milliseconds += answer["ms"]
        self.peak_mb = answer["peak_mb"]

    def timing(self) -> Timing:
        ms = np.array(self.milliseconds)
        return Timing(
            contender=self.contender,
            runs=len(ms),
            min_ms=float(ms.min()),
            median_ms=float(np.median(ms)),
            p95_ms=float(np.percentile(ms, 95)),
            load_ms=self.start["load_ms"],
            peak_mb=self.peak_mb - self.start["base_mb"],
        )

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):  # runtimes also talk on standard output
                return dict(json.loads(line))
        _, errors = self.process.communicate()
        reason = (errors.strip().splitlines() or ["no reason given"])[-1]
        raise ConversionError(f"benchmark of {self.contender} failed ({reason})")


def _serve(contender: str) -> None:
    """The worker's side: load, then run a turn for each line read."""
    if hasattr(os, "sched_setaffinity"):
        # One core: a runtime that takes more threads than it was given gains nothing by it.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    base_mb = _peak_mb()
    call, load_ms = _load(contender)
    for _ in range(WARM_UP):
        call()
    print(json.dumps({"load_ms": load_ms, "base_mb": base_mb}), flush=True)
    for _ in sys.stdin:
        times = []
        for _ in range(CALLS):
            started = time.perf_counter()
            call()
            times.append(1e3 * (time.perf_counter() - started))
        print(json.dumps({"ms": times, "peak_mb": _peak_mb()}), flush=True)


def _load(contender: str) -> tuple[Callable[[], object], float]:
    """A function that runs the model once, and the milliseconds it took to load it."""
    runtime, _, file = contender.partition(":")
    rng = np.random.default_rng(0)
    if runtime.startswith("keras"):
        return _load_keras(runtime, file, rng)
    from models.runtime import RUNTIMES, open_runner

    data, model_format = Path(file).read_bytes(), RUNTIMES[runtime]
    _import_runtime(runtime)
    started = time.perf_counter()
    runner = open_runner(data, model_format, runtime=runtime, threads=1, name=file)
    load_ms = 1e3 * (time.perf_counter() - started)
    feeds = {p.name: _values(p.single, rng).astype(p.dtype) for p in runner.inputs}
    return lambda: runner.run(feeds), load_ms


def _values(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """A photo's pixels; of a stream, the numbers that it begins with."""
    return rng.integers(0, 256, shape) if len(shape) == 4 else np.zeros(shape)


def _import_runtime(runtime: str) -> None:
    import importlib

    names = {
        "litert": "ai_edge_litert.interpreter",
        "tflite-runtime": "tflite_runtime.interpreter",
        "onnxruntime": "onnxruntime",
    }
    importlib.import_module(names[runtime])


def _load_keras(
    runtime: str, file: str, rng: np.random.Generator
) -> tuple[Callable[[], object], float]:
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    started = time.perf_counter()
    model = keras.saving.load_model(file, compile=False)
    load_ms = 1e3 * (time.perf_counter() - started)
    photo = rng.integers(0, 256, (1, *model.input_shape[1:])).astype(np.float32)
    if runtime == "keras-predict":
        return lambda: model.predict(photo, verbose=0), load_ms
    function = tf.function(lambda x: model(x, training=False))
    tensor = tf.constant(photo)
    return lambda: function(tensor).numpy(), load_ms


def _peak_mb() -> float:
    """Peak resident memory in MB (10^6 bytes) of this process alone.

    `ru_maxrss` also counts the parent before exec on Linux, where /proc tells better.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    _serve(sys.argv[1])
