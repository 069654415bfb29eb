"""The benchmark measures what it says; how fast anything is, is no test's business."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.benchmark import CALLS, benchmark, machine
from models.errors import ConversionError
from models.runtime import available_runtimes


def test_times_every_runtime_in_turns(tiny_bundle: Path) -> None:
    contenders = [
        f"litert:{tiny_bundle / 'tiny_wi8_ai8.tflite'}",
        f"onnxruntime:{tiny_bundle / 'tiny_f32.onnx'}",
        f"keras-function:{tiny_bundle / 'tiny.keras'}",
    ]
    if "tflite-runtime" in available_runtimes("tflite"):
        contenders.append(f"tflite-runtime:{tiny_bundle / 'tiny_f32.tflite'}")
    timings = benchmark(contenders, rounds=2)
    assert [t.contender for t in timings] == contenders
    for t in timings:
        assert t.runs == 2 * CALLS
        assert 0 < t.min_ms <= t.median_ms <= t.p95_ms
        assert t.load_ms > 0
        assert t.peak_mb > 0
    # A process with TensorFlow holds more than one with LiteRT: memory is measured apart.
    assert timings[2].peak_mb > timings[0].peak_mb


def test_says_which_contender_failed(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    with pytest.raises(ConversionError, match=r"bad\.tflite failed"):
        benchmark([f"litert:{tmp_path / 'bad.tflite'}"], rounds=1)


def test_names_the_machine() -> None:
    assert machine()
