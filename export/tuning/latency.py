"""How long mixes take: all in turns, beside the float graph, so that a busy machine is fair."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.speed.benchmark import benchmark
from models.progress import track
from models.runtime import available_runtimes

TOGETHER = 6  # processes at a time, the float graph's not counted


def ratios(
    reference: bytes, files: Sequence[bytes], model_format: str, rounds: int
) -> tuple[float, list[float]]:
    """Median latencies over that of a reference, one thread.

    Not all files can run side by side, and a machine's speed drifts: the reference runs beside
    each few of them.

    Args:
        reference: The model in float.
        files: Others.
        model_format: `tflite` or `onnx`.
        rounds: Turns of each.

    Returns:
        The reference's own median in ms, and the others' ratios.
    """
    references, found = [], list[float]()
    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        runtime = available_runtimes(model_format)[0]

        def contender(number: int, data: bytes) -> str:
            path = Path(folder, f"{number}.{model_format}")
            path.write_bytes(data)
            return f"{runtime}:{path}"

        first = contender(0, reference)
        starts = range(0, len(files), TOGETHER)
        for start in track(starts, len(starts), f"{model_format}: time"):
            part = files[start : start + TOGETHER]
            others = [contender(number, data) for number, data in enumerate(part, 1)]
            beside, *timings = benchmark([first, *others], rounds)
            references.append(beside.median_ms)
            found += [timing.median_ms / beside.median_ms for timing in timings]
    return float(np.median(references)), found
