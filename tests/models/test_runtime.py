"""One model on every runtime: the same names, the same numbers, the same refusals."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.annotate import annotate
from models.contract import Contract, to_json
from models.errors import InputError, IntegrityError
from models.runtime import (
    CONTRACT_LIMIT,
    RUNTIMES,
    Port,
    Runner,
    available_runtimes,
    embedded_contract,
    open_runner,
    run_each,
)
from tests.tiny_bundles import (
    FAMILIAR,
    HEADS,
    LABELS,
    SIZE,
    WEIGHTS,
    contract_values,
    logits_of,
    tiny_onnx,
)

ROOT = Path(__file__).parents[2]
IMAGE = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
EXPECTED = logits_of(IMAGE[0])
CONTRACT = Contract.model_validate(contract_values())


@pytest.fixture(scope="module")
def tflites() -> dict[str, bytes]:
    """The classifier as TFLite, float and with uint8 input."""
    import tensorflow as tf

    class Classifier(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32, name="image")])
        def __call__(self, image: Any) -> dict[str, Any]:
            return {"logits": tf.matmul(tf.reduce_mean(image, [1, 2]), tf.constant(WEIGHTS))}

    model = Classifier()

    def converter() -> Any:
        function = model.__call__.get_concrete_function()
        return tf.lite.TFLiteConverter.from_concrete_functions([function], model)

    quantizing = converter()
    quantizing.optimizations = [tf.lite.Optimize.DEFAULT]
    levels = np.linspace(0, 255, 12, dtype=np.float32).reshape(4, 1, 1, 3)
    shown = [np.broadcast_to(row, IMAGE.shape).copy() for row in levels]
    quantizing.representative_dataset = lambda: ([image] for image in shown)
    quantizing.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    quantizing.inference_input_type = tf.uint8
    return {"float": bytes(converter().convert()), "uint8": bytes(quantizing.convert())}


@pytest.fixture(params=["litert", "onnxruntime"])
def float_runner(request: pytest.FixtureRequest, tflites: dict[str, bytes]) -> Runner:
    data = {"tflite": tflites["float"], "onnx": tiny_onnx()}[RUNTIMES[request.param]]
    return open_runner(data, RUNTIMES[request.param], runtime=request.param)


def logits(runner: Runner, image: NDArray[Any] = IMAGE) -> NDArray[np.float32]:
    results = runner.run({"image": image})
    assert list(results) == ["logits"]
    assert results["logits"].dtype == np.float32
    return results["logits"]


def test_names_shapes_and_types(float_runner: Runner) -> None:
    float32 = np.dtype(np.float32)
    assert float_runner.inputs == (Port("image", (1, SIZE, SIZE, 3), float32),)
    assert float_runner.outputs == (Port("logits", (1, len(LABELS)), float32),)


def test_every_runtime_gives_the_same(float_runner: Runner) -> None:
    assert np.allclose(logits(float_runner)[0], EXPECTED, atol=1e-4)


def test_a_uint8_image_serves_float_inputs(float_runner: Runner) -> None:
    assert np.array_equal(logits(float_runner), logits(float_runner, IMAGE.astype(np.float32)))
    assert np.array_equal(logits(float_runner), logits(float_runner, IMAGE.astype(np.int64)))


def test_any_memory_layout_will_do(float_runner: Runner) -> None:
    flipped = np.ascontiguousarray(IMAGE[:, ::-1, :, ::-1])[:, ::-1, :, ::-1]
    assert not flipped.flags.c_contiguous
    assert np.array_equal(logits(float_runner), logits(float_runner, flipped))


def test_results_belong_to_the_caller(float_runner: Runner) -> None:
    first = logits(float_runner)
    kept = first.copy()
    assert not np.allclose(logits(float_runner, 255 - IMAGE), kept, atol=1e-2)
    assert np.array_equal(first, kept)
    first[:] = 0  # and may be written to
    assert np.array_equal(logits(float_runner), kept)


def test_a_stream_calls_without_names(float_runner: Runner) -> None:
    image = IMAGE.astype(np.float32)
    (answer,) = float_runner.call([image])
    kept = answer.copy()
    assert np.array_equal(answer, logits(float_runner))
    float_runner.call([255 - image])
    assert np.array_equal(answer, kept)
    for wrong in ([], [image, image]):
        with pytest.raises(ValueError, match="zip"):
            float_runner.call(wrong)


def test_threads_do_not_change_the_result(tflites: dict[str, bytes]) -> None:
    for data, model_format in ((tflites["float"], "tflite"), (tiny_onnx(), "onnx")):
        one, two = (logits(open_runner(data, model_format, threads=n)) for n in (1, 2))
        assert np.allclose(one, two, atol=1e-6)


def test_an_integer_input_takes_the_same_image(tflites: dict[str, bytes]) -> None:
    runner = open_runner(tflites["uint8"], "tflite")
    assert runner.runtime == "litert"
    assert runner.inputs[0].name == "image"
    assert runner.inputs[0].dtype == np.uint8
    got = logits(runner)
    assert np.allclose(got[0], EXPECTED, atol=0.25)  # steps of 8 bits
    assert np.array_equal(got, logits(runner, IMAGE.astype(np.float32)))


LEGACY = """
import json, sys
import numpy as np
from models.runtime import open_runner
results = []
for path in sys.argv[2:]:
    runner = open_runner(open(path, "rb").read(), "tflite", runtime="tflite-runtime")
    ports = [(p.name, p.shape, p.dtype.name) for p in (*runner.inputs, *runner.outputs)]
    logits = runner.run({"image": np.load(sys.argv[1])})["logits"]
    results.append((runner.runtime, ports, logits.tolist()))
assert not {"tensorflow", "ai_edge_litert"} & sys.modules.keys()
print(json.dumps(results))
"""


def test_the_legacy_runtime_gives_the_same(tflites: dict[str, bytes], tmp_path: Path) -> None:
    if importlib.util.find_spec("tflite_runtime") is None:
        pytest.skip("tflite-runtime is not installed")
    np.save(tmp_path / "image.npy", IMAGE)
    paths = [tmp_path / f"{kind}.tflite" for kind in tflites]
    for path, data in zip(paths, tflites.values(), strict=True):
        path.write_bytes(annotate(data, "tflite", CONTRACT, "0.1.0"))
    done = subprocess.run(  # never beside TensorFlow
        [sys.executable, "-c", LEGACY, str(tmp_path / "image.npy"), *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for (runtime, ports, values), kind in zip(json.loads(done.stdout), tflites, strict=True):
        runner = open_runner(tflites[kind], "tflite", runtime="litert")
        assert runtime == "tflite-runtime"
        assert [tuple(port) for port in ports] == [
            (p.name, list(p.shape), p.dtype.name) for p in (*runner.inputs, *runner.outputs)
        ]
        step = 1e-4 if kind == "float" else 0.1
        assert np.allclose(values, logits(runner), atol=step)


def test_rows_are_run_one_at_a_time(float_runner: Runner) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)
    answers = run_each(float_runner, rows)
    assert answers.keys() == {"logits"}
    assert answers["logits"].shape == (5, len(LABELS))
    expected = np.concatenate([logits(float_runner, row[None]) for row in rows])
    assert np.array_equal(answers["logits"], expected)
    assert np.array_equal(run_each(float_runner, iter(rows))["logits"], expected)


def test_rows_are_run_for_every_output() -> None:
    rows = np.random.default_rng(1).integers(0, 256, (4, SIZE, SIZE, 3), np.uint8)
    answers = run_each(open_runner(tiny_onnx(heads=True), "onnx"), rows)
    assert answers.keys() == {"logits", *HEADS}
    for name, (shape, _) in HEADS.items():
        assert answers[name].shape == (4, *shape[1:])
    assert np.allclose(answers["activation_map"], rows @ WEIGHTS, atol=1e-4)
    means = rows.mean(axis=(1, 2))
    assert np.allclose(answers["familiarity"][:, 0], means @ FAMILIAR, atol=1e-4)


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({}, "model inputs are image, not "),
        ({"photo": IMAGE}, "model inputs are image, not photo"),
        ({"image": IMAGE, "more": IMAGE}, "model inputs are image, not image, more"),
        ({"image": IMAGE[0]}, "the model takes"),
        ({"image": IMAGE[:, :-1]}, "the model takes"),
        ({"image": np.concatenate([IMAGE, IMAGE])}, "the model takes"),
    ],
)
def test_other_inputs_are_refused(
    float_runner: Runner, feeds: dict[str, NDArray[Any]], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        float_runner.run(feeds)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model_format", ["tflite", "onnx"])
@given(data=st.binary(max_size=200) | st.binary(max_size=90).map(lambda b: b"\x1c\0\0\0TFL3" + b))
@settings(deadline=None, max_examples=60)
def test_garbage_is_refused(model_format: str, data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"^x\.bin: ") as caught:
        open_runner(data, model_format, name="x.bin")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_cut_model_is_refused(tflites: dict[str, bytes], part: float) -> None:
    for data, model_format in ((tflites["float"], "tflite"), (tiny_onnx(), "onnx")):
        with pytest.raises(IntegrityError, match="cannot load it"):
            open_runner(data[: int(part * len(data))], model_format)


def test_a_model_of_the_other_format_is_refused(tflites: dict[str, bytes]) -> None:
    for data, model_format in ((tflites["float"], "onnx"), (tiny_onnx(), "tflite")):
        with pytest.raises(IntegrityError, match="cannot load it"):
            open_runner(data, model_format)


def test_external_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # even where the other file would be found
    model = onnx.load_model_from_string(tiny_onnx(CONTRACT))
    onnx.save_model(
        model, "two.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    data = Path("two.onnx").read_bytes()
    with pytest.raises(IntegrityError, match=r"two\.onnx: .*weights in other files"):
        open_runner(data, "onnx", name="two.onnx")
    with pytest.raises(IntegrityError, match=r"two\.onnx: .*weights in other files"):
        embedded_contract(data, "onnx", "two.onnx")


def test_only_known_runtimes_of_the_format() -> None:
    for runtime, model_format in (
        ("abacus", "onnx"),
        ("litert", "onnx"),
        ("onnxruntime", "tflite"),
    ):
        with pytest.raises(InputError, match=f"m: no runtime '{runtime}' is installed"):
            open_runner(tiny_onnx(), model_format, runtime=runtime, name="m")
    with pytest.raises(InputError, match="no runtime reads keras"):
        open_runner(b"", "keras")


@pytest.mark.parametrize(
    ("model_format", "packages"),
    [("onnx", ["onnxruntime"]), ("tflite", ["ai-edge-litert", "tflite-runtime"])],
)
def test_a_missing_runtime_is_told_with_its_package(
    monkeypatch: pytest.MonkeyPatch, model_format: str, packages: list[str]
) -> None:
    for package in ("onnxruntime", "ai_edge_litert", "tflite_runtime"):
        monkeypatch.setitem(sys.modules, package, None)
    assert available_runtimes(model_format) == ()
    with pytest.raises(InputError, match=f"pip install one of {', '.join(packages)}$"):
        open_runner(tiny_onnx(), model_format)


def test_a_stray_file_knows_its_contract(tflites: dict[str, bytes]) -> None:
    for plain, model_format in ((tflites["float"], "tflite"), (tiny_onnx(), "onnx")):
        assert embedded_contract(plain, model_format) is None
        data = annotate(plain, model_format, CONTRACT, "0.1.0")
        assert embedded_contract(data, model_format) == to_json(CONTRACT)
        assert np.allclose(logits(open_runner(data, model_format))[0], EXPECTED, atol=1e-4)


def archive(name: str, content: bytes) -> bytes:
    buffer = BytesIO(b"a model")
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"PK\5\6" + bytes(4) + b"\1\0\1\0" + b"\xff" * 10,
        archive("bombus.json", b"text").replace(b"bombus.json", b"BOMBUS.JSON", 1),
        archive("bombus.json", b"\xff\xfe"),
        archive("bombus.json", bytes(CONTRACT_LIMIT + 1)),
    ],
    ids=["directory", "header", "not UTF-8", "bomb"],
)
def test_a_damaged_contract_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"^x\.tflite: its contract cannot be read"):
        embedded_contract(data, "tflite", "x.tflite")
    assert len(data) < 10_000


def test_another_archive_has_no_contract() -> None:
    assert embedded_contract(archive("labels.txt", b"ant\n"), "tflite") is None


@given(data=st.binary(max_size=200))
@settings(deadline=None)
@pytest.mark.parametrize("model_format", ["tflite", "onnx"])
def test_a_contract_is_sought_in_garbage_without_harm(model_format: str, data: bytes) -> None:
    with suppress(IntegrityError):
        assert embedded_contract(data, model_format) is None
