"""Models whose first axis is free take any number of rows, on every runtime."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.errors import InputError, IntegrityError
from models.runtime import RUNTIMES, Port, Runner, open_runner, run_each

ROOT = Path(__file__).parents[2]
LEFT = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]], np.float32)
RIGHT = np.array([[2.0, 0.0], [-0.5, 1.5]], np.float32)
FLOAT = np.dtype(np.float32)
PORTS = {"left": (-1, 3), "right": (-1, 2), "gain": (1, 1)}


def feeds_of(rows: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    shapes = {"left": (rows, 3), "right": (rows, 2), "gain": (1, 1)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def expected(feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray((feeds["left"] @ LEFT + feeds["right"] @ RIGHT) * feeds["gain"])


def onnx_sum() -> bytes:
    """(left @ LEFT + right @ RIGHT) * gain as ONNX."""
    shapes: dict[str, list[str | int]] = {"left": ["N", 3], "right": ["N", 2], "gain": [1, 1]}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["left", "L"], ["l"]),
            helper.make_node("MatMul", ["right", "R"], ["r"]),
            helper.make_node("Add", ["l", "r"], ["both"]),
            helper.make_node("Mul", ["both", "gain"], ["sum"]),
        ],
        "sum",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(LEFT, "L"), numpy_helper.from_array(RIGHT, "R")],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def tflite_sum() -> bytes:
    """The same as TFLite."""
    import tensorflow as tf

    spec = [tf.TensorSpec((None, 3)), tf.TensorSpec((None, 2)), tf.TensorSpec((1, 1))]

    class Sum(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=spec)
        def __call__(self, left: Any, right: Any, gain: Any) -> dict[str, Any]:
            return {"sum": (left @ tf.constant(LEFT) + right @ tf.constant(RIGHT)) * gain}

    model = Sum()
    function = model.__call__.get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert())


@pytest.fixture(params=["litert", "onnxruntime"])
def runner(request: pytest.FixtureRequest, tflite_sum: bytes) -> Runner:
    data = {"tflite": tflite_sum, "onnx": onnx_sum()}[RUNTIMES[request.param]]
    return open_runner(data, RUNTIMES[request.param], runtime=request.param)


def test_a_free_axis_is_told(runner: Runner) -> None:
    assert set(runner.inputs) == {Port(n, s, FLOAT) for n, s in PORTS.items()}
    assert runner.outputs == (Port("sum", (-1, 2), FLOAT),)
    assert runner.outputs[0].single == (1, 2)


def test_rows_come_as_they_like(runner: Runner) -> None:
    for rows in (1, 5, 5, 2, 300, 1):
        feeds = feeds_of(rows, seed=rows)
        (answer,) = runner.run(feeds).values()
        assert answer.shape == (rows, 2)
        np.testing.assert_allclose(answer, expected(feeds), rtol=1e-5, atol=1e-6)


def test_a_stream_of_rows(runner: Runner) -> None:
    feeds = feeds_of(4)
    (answer,) = runner.call([feeds[port.name] for port in runner.inputs])
    np.testing.assert_allclose(answer, expected(feeds), rtol=1e-5, atol=1e-6)


def test_results_of_other_rows_stay_the_callers(runner: Runner) -> None:
    first = runner.run(feeds_of(3))["sum"]
    kept = first.copy()
    runner.run(feeds_of(7, seed=1))
    assert np.array_equal(first, kept)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"left": np.zeros((4, 3))}, "4 of left, 3 of right; give every input the same number"),
        (feeds_of(0), "0 of left, 0 of right; give every input the same number, 1 or more"),
        ({"left": np.zeros((3, 4))}, r"left has shape \(3, 4\), the model takes \(-1, 3\)"),
        ({"left": np.zeros(3)}, r"left has shape \(3,\), the model takes \(-1, 3\)"),
        ({"left": np.zeros(()), "right": np.zeros((1, 2))}, r"left has shape \(\), the model"),
        ({"gain": np.zeros((3, 1))}, r"gain has shape \(3, 1\), the model takes \(1, 1\)"),
    ],
)
def test_other_rows_are_refused(
    runner: Runner, change: dict[str, NDArray[Any]], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        runner.run(feeds_of(3) | change)
    assert "\n" not in str(caught.value)
    assert runner.run(feeds_of(3))["sum"].shape == (3, 2)


def test_a_free_axis_that_is_not_the_first() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "W"])
    node = helper.make_node("Neg", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "W"])
    graph = helper.make_graph([node], "neg", [value], [out])
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    with pytest.raises(IntegrityError, match=r"m: .*x \(1, -1\): only its first axis may be free"):
        open_runner(model.SerializeToString(), "onnx", name="m")


@given(rows=st.lists(st.integers(1, 40), min_size=1, max_size=6))
@settings(max_examples=30)
def test_rows_do_not_touch_each_other(tflite_sum: bytes, rows: list[int]) -> None:
    for data, model_format in ((tflite_sum, "tflite"), (onnx_sum(), "onnx")):
        runner = open_runner(data, model_format)
        for count in rows:
            feeds = feeds_of(count, seed=count)
            whole = runner.run(feeds)["sum"]
            half = {n: v[: count // 2 + 1] if n != "gain" else v for n, v in feeds.items()}
            part = runner.run(half)["sum"]
            np.testing.assert_allclose(part, whole[: count // 2 + 1], rtol=1e-5, atol=1e-6)


def test_a_free_model_serves_one_row_at_a_time() -> None:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["left", "L"], ["l"])],
        "one",
        [helper.make_tensor_value_info("left", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("l", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(LEFT, "L")],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    rows = feeds_of(5)["left"]
    answers = run_each(open_runner(model.SerializeToString(), "onnx"), rows)
    np.testing.assert_allclose(answers["l"], rows @ LEFT, rtol=1e-5, atol=1e-6)


LEGACY = """
import json, sys
import numpy as np
from models.runtime import open_runner
runner = open_runner(open(sys.argv[1], "rb").read(), "tflite", runtime="tflite-runtime")
ports = [(p.name, p.shape) for p in (*runner.inputs, *runner.outputs)]
answers = [runner.run(dict(np.load(path)))["sum"].tolist() for path in sys.argv[2:]]
assert not {"tensorflow", "ai_edge_litert"} & sys.modules.keys()
print(json.dumps([ports, answers]))
"""


def test_the_legacy_runtime_takes_any_number_of_rows(tflite_sum: bytes, tmp_path: Path) -> None:
    if importlib.util.find_spec("tflite_runtime") is None:
        pytest.skip("tflite-runtime is not installed")
    (tmp_path / "sum.tflite").write_bytes(tflite_sum)
    paths = []
    for rows in (2, 50, 1):
        paths.append(tmp_path / f"{rows}.npz")
        np.savez(paths[-1], **feeds_of(rows))
    done = subprocess.run(  # never beside TensorFlow
        [sys.executable, "-c", LEGACY, str(tmp_path / "sum.tflite"), *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ports, answers = json.loads(done.stdout)
    assert {name: tuple(shape) for name, shape in ports} == PORTS | {"sum": (-1, 2)}
    for answer, rows in zip(answers, (2, 50, 1), strict=True):
        np.testing.assert_allclose(answer, expected(feeds_of(rows)), rtol=1e-5, atol=1e-6)
