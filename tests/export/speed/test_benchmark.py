"""The benchmark measures what it says; how fast anything is, is no test's business."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from export.conversion.graphs import tflite_operations
from export.speed.benchmark import Contender, Failure, Timing, attempts, benchmark, cores, machine
from export.speed.profile import WARM_UP, parts, profile_of, read_events
from export.speed.rows import (
    Candidate,
    Row,
    beside_float,
    over_budget,
    ranges_of,
    slower_than_float,
)
from export.speed.worker import CALLS, random_values
from models.bundle import SHIPPED
from models.contract import Contract
from models.errors import ConversionError
from models.runtime import available_runtimes
from tests.tiny_bundles import SIZE, contract_values, tiny_onnx, write_tiny

STEP = SHIPPED / "localizer" / "localizer_f32.tflite"


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


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    bad, missing, good = attempts(
        [
            Contender("litert", str(tmp_path / "bad.tflite")),
            Contender("onnxruntime", str(tmp_path / "missing.onnx"), threads=cores()),
            Contender("litert", str(STEP), threads=cores()),
        ],
        rounds=1,
    )
    assert isinstance(bad, Failure)
    assert bad.why.startswith("litert cannot load it (")
    assert isinstance(missing, Failure)
    assert "No such file" in missing.why
    assert isinstance(good, Timing)
    assert good.runs == CALLS


def test_names_the_machine() -> None:
    assert machine()
    assert cores() >= 1


def test_random_values_keep_to_their_range() -> None:
    rng = np.random.default_rng(0)
    photo = random_values((1, 8, 8, 3), np.dtype("uint8"), None, rng)
    assert photo.dtype == np.uint8
    assert np.ptp(photo) > 100
    state = random_values((1, 64), np.dtype("float32"), None, rng)
    assert not state.any()
    bounded = random_values((1000,), np.dtype("float32"), (-2.0, 3.0), rng)
    assert bounded.dtype == np.float32
    assert -2 <= bounded.min() < -1.9
    assert 2.9 < bounded.max() <= 3
    tokens = random_values((1000,), np.dtype("int32"), (0, 3), rng)
    assert set(tokens.tolist()) == {0, 1, 2, 3}
    quantized = random_values((1000,), np.dtype("int8"), (0, 255), rng)
    assert (quantized.min(), quantized.max()) == (0, 127)


def test_ranges_are_those_of_inputs_that_are_no_state() -> None:
    values = contract_values() | {"task": "else"}
    state = {"name": "state", "shape": [1, 2], "dtype": "float32", "meaning": "m", "range": [0, 9]}
    values["inputs"].append(state)
    values["outputs"].append(state | {"name": "next_state", "feeds": "state"})
    assert ranges_of(Contract.model_validate(values)) == {"image": (0, 255)}


def _row(scheme: str, ms: float, runtime: str = "litert", threads: int = 1) -> Row:
    artefact = Candidate(Path(f"a_{scheme}.tflite"), "tflite", scheme, "a", {}, scheme == "f32")
    timing = Timing("", 1, ms, ms, ms, 1.0, 1.0)
    return Row(artefact, runtime, threads, timing if ms else Failure("", "too old"))


def test_ratios_and_warnings_compare_like_with_like() -> None:
    rows = beside_float(
        [
            _row("f32", 2.0),
            _row("wi8_ai8", 1.0),
            _row("f32", 2.0, threads=2),
            _row("wi8_ai8", 3.0, threads=2),
            _row("f16", 5.0, "tflite-runtime"),
            _row("wi8_ai8", 10.0, "tflite-runtime"),
            _row("wi8_afp32", 0.0),
        ]
    )
    assert [row.ratio for row in rows] == [1.0, 0.5, 1.0, 1.5, None, None, None]
    two_threads, by_half = slower_than_float(rows)
    assert two_threads == (
        "int8 is slower than float here: a_wi8_ai8.tflite (litert, 2 threads) takes 3 ms against "
        "2 ms of a_f32.tflite"
    )
    assert "(tflite-runtime, 1 thread) takes 10 ms against 5 ms of a_f16.tflite" in by_half
    assert rows[-1].why == "too old"


def test_budgets_are_for_what_is_preferred(tmp_path: Path) -> None:
    bundle = write_tiny(tmp_path / "tiny")
    path = bundle.path / "tiny_f32.onnx"

    def row(ms: float, default: bool = True) -> Row:
        made = _row("f32", ms)
        return replace(made, artefact=replace(made.artefact, path=path, default=default))

    assert not over_budget([row(2.0)], 2.0, 1.0)
    assert not over_budget([row(2.0)], None, None)
    (slow,) = over_budget([row(2.0)], 1.5, 1.0)
    assert slow.startswith("tiny_f32.onnx: 2 ms (median, litert, 1 thread), the limit is 1.5 ms")
    slow, large = over_budget([row(2.0)], 1.5, 1e-5)[::-1]
    assert "MB, the limit is 1e-05 MB" in large
    assert over_budget([row(float("nan"))], 1.5, None)
    assert "did not run" in over_budget([row(0.0)], 1.5, None)[0]
    other = row(2.0, default=False)
    assert not over_budget([other], 1.0, 1e-5)
    assert len(over_budget([other], 1.0, 1e-5, every=True)) == 2
    # The first runtime of a file is the one that it will run on.
    assert not over_budget([row(1.0), replace(row(9.0), runtime="tflite-runtime")], 2.0, None)
    assert not over_budget([replace(row(9.0), threads=2)], 2.0, None)


def test_the_parts_of_a_graph_compute_what_the_whole_does() -> None:
    data = STEP.read_bytes()
    whole = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    whole.allocate_tensors()
    rng = np.random.default_rng(0)
    for port in whole.get_input_details():
        whole.set_tensor(port["index"], rng.normal(size=port["shape"]).astype(np.float32))
    whole.invoke()
    numbers = {op.name: op.outputs[0] for op in tflite_operations(data)}
    found = list(parts(schema.ModelT.InitFromPackedBuf(data, 0)))
    assert 40 < len(found) <= len(numbers)
    for name, _, inputs, part in found:
        alone = Interpreter(model_content=part)
        alone.allocate_tensors()
        for port, index in zip(alone.get_input_details(), inputs, strict=True):
            alone.set_tensor(port["index"], whole.get_tensor(index))
        alone.invoke()
        answer = alone.get_tensor(alone.get_output_details()[0]["index"])
        np.testing.assert_allclose(answer, whole.get_tensor(numbers[name]), rtol=1e-5, atol=1e-6)


def test_constants_that_are_computed_once_are_no_operation_of_a_run() -> None:
    half = (SHIPPED / "localizer" / "localizer_f16.tflite").read_bytes()
    kinds = [op.kind for op in tflite_operations(half)]
    left = [kind for _, kind, _, _ in parts(schema.ModelT.InitFromPackedBuf(half, 0))]
    assert "DEQUANTIZE" in kinds
    assert left == [kind for kind in kinds if kind != "DEQUANTIZE"]


@pytest.mark.parametrize("runtime", available_runtimes("tflite"))
def test_profiles_what_runs_in_tflite(runtime: str) -> None:
    (timing,) = attempts([Contender(runtime, str(STEP))], rounds=1, profile=True)
    assert isinstance(timing, Timing)
    found = timing.profile
    assert found is not None
    operations = parts(schema.ModelT.InitFromPackedBuf(STEP.read_bytes(), 0))
    assert [(c["name"], c["kind"]) for c in found["operations"]] == [op[:2] for op in operations]
    assert all(cost["ms"] >= 0 for cost in found["operations"])
    assert found["whole_ms"] > 0
    assert "alone" in found["how"]


def test_profiles_what_runs_in_onnx() -> None:
    found = profile_of("onnxruntime", tiny_onnx(), [np.ones((1, SIZE, SIZE, 3), np.float32)], 1)
    assert {"ReduceMean", "MatMul"} <= {cost.kind for cost in found.operations}
    assert 0 < sum(cost.ms for cost in found.operations) <= found.whole_ms


def test_a_profile_leaves_out_the_warm_up_and_adds_up_loops() -> None:
    def node(name: str, us: int) -> dict[str, object]:
        args = {"op_name": "Mul"}
        return {"cat": "Node", "name": f"{name}_kernel_time", "dur": us, "args": args}

    events: list[dict[str, object]] = [{"cat": "Session", "name": "model_loading", "dur": 5}]
    for run in range(WARM_UP + 2):
        us = 100 if run < WARM_UP else 10
        events += [node("once", us), node("inner", us), node("inner", us)]
        events.append({"cat": "Session", "name": "model_run", "dur": 4 * us})
    found = read_events(events)
    assert found.whole_ms == pytest.approx(0.04)
    assert {cost.name: cost.ms for cost in found.operations} == pytest.approx(
        {"once": 0.01, "inner": 0.02}
    )
