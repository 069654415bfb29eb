"""What the benchmark runs: one model in a process of its own, which does as it is told by lines."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.speed.benchmark import Contender
from models.errors import reason

WARM_UP = 5  # calls before the first that counts
CALLS = 5  # a turn
_MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "onnxruntime": "onnxruntime",
}


def _serve(contender: Contender) -> None:
    """The worker's side: load, then do what each line read says."""
    if hasattr(os, "sched_setaffinity"):
        # A core a thread: a runtime that takes more threads than it was given gains nothing by it.
        mine = sorted(os.sched_getaffinity(0))[-contender.threads :]
        os.sched_setaffinity(0, mine)
    base_mb = _peak_mb()
    model = _load(contender)
    for _ in range(WARM_UP):
        model.call()
    _say({"load_ms": model.load_ms, "base_mb": base_mb})
    for line in sys.stdin:
        _say(model.profile() if line == "profile\n" else _turn(model.call))


def _say(answer: Mapping[str, Any]) -> None:
    print("\n" + json.dumps(answer), flush=True)


def _turn(call: Callable[[], object]) -> dict[str, Any]:
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - started))
    return {"ms": times, "peak_mb": _peak_mb()}


@dataclass(frozen=True)
class _Loaded:
    """A model in the worker: how to run it once, what loading took, and where its time goes."""

    call: Callable[[], object]
    load_ms: float
    profile: Callable[[], Mapping[str, Any]]


def _load(contender: Contender) -> _Loaded:
    runtime, file = contender.runtime, contender.file
    rng = np.random.default_rng(0)
    if runtime.startswith("keras"):
        return _load_keras(runtime, file, rng)
    from models.runtime import RUNTIMES, open_runner

    data, threads = Path(file).read_bytes(), contender.threads
    importlib.import_module(_MODULES[runtime])
    started = time.perf_counter()
    runner = open_runner(
        data, RUNTIMES[runtime], runtime=runtime, threads=threads, name=Path(file).name
    )
    load_ms = 1e3 * (time.perf_counter() - started)
    feeds = {
        p.name: random_values(p.single, p.dtype, contender.ranges.get(p.name), rng)
        for p in runner.inputs
    }

    def profile() -> Mapping[str, Any]:
        from export.speed.profile import profile_of

        return asdict(profile_of(runtime, data, list(feeds.values()), threads))

    return _Loaded(lambda: runner.run(feeds), load_ms, profile)


def random_values(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    limits: Sequence[float] | None,
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Random values within limits, those of photos by default; else what a stream begins with."""
    if limits is None and len(shape) != 4:
        return np.zeros(shape, dtype)
    low, high = limits or (0, 255)
    if dtype.kind not in "iu":
        return rng.uniform(low, high, shape).astype(dtype)
    bounds = np.iinfo(dtype)
    low, high = max(int(low), bounds.min), min(int(high), bounds.max)
    return rng.integers(low, high, shape, dtype=dtype, endpoint=True)


def _load_keras(runtime: str, file: str, rng: np.random.Generator) -> _Loaded:
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    started = time.perf_counter()
    model = keras.saving.load_model(file, compile=False)
    load_ms = 1e3 * (time.perf_counter() - started)
    photo = rng.integers(0, 256, (1, *model.input_shape[1:])).astype(np.float32)
    if runtime == "keras-predict":
        return _Loaded(lambda: model.predict(photo, verbose=0), load_ms, dict)
    function = tf.function(lambda x: model(x, training=False))
    tensor = tf.constant(photo)
    return _Loaded(lambda: function(tensor).numpy(), load_ms, dict)


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


def _main() -> None:
    contender = Contender(**json.loads(sys.argv[1]))
    try:
        _serve(contender)
    except Exception as error:  # each runtime has its own types
        _say({"failed": reason(error).removeprefix(f"{Path(contender.file).name}: ")})
        sys.exit(1)


if __name__ == "__main__":
    _main()
