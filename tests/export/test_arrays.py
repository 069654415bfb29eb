"""Models of anything: series, steps with a memory, several inputs and outputs, in one path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from export.arrays import TARGETS, samples_of
from models.bundle import open_bundle
from models.errors import InputError
from models.runtime import open_runner

Bombus = Callable[..., tuple[int, str, str]]


def save_rows(path: Path, seed: int, **shapes: tuple[int, ...]) -> Path:
    rng = np.random.default_rng(seed)
    np.savez(path, **{n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()})
    return path


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaky sum of its inputs, and what it says of it."""
    keras.utils.set_random_seed(0)
    x, kept = keras.Input((3,), name="sample"), keras.Input((4,), name="sum")
    after = layers.Add()([layers.Rescaling(0.9)(kept), layers.Dense(4)(x)])
    said = layers.Dense(2)(after)
    model = keras.Model([x, kept], {"said": said, "next_sum": after})
    path = tmp_path_factory.mktemp("step") / "m.keras"
    model.save(path)
    return path


def convert(
    bombus: Bombus, model: Path, out: Path, rows: Path, *more: object
) -> tuple[int, str, str]:
    return bombus(
        "export", "convert", model, "--validate", rows, "--out", out, "--rounds", 0, *more
    )


def test_a_step_carries_its_state(bombus: Bombus, step: Path, tmp_path: Path) -> None:
    rows = save_rows(tmp_path / "rows.npz", 1, sample=(40, 3))
    some = ("--state", "next_sum=sum", "--schemes", "f32,f16")
    code, _, err = convert(bombus, step, tmp_path / "b", rows, *some)
    assert code == 0, err
    bundle = open_bundle(tmp_path / "b")
    assert {t.name: t.feeds for t in bundle.manifest.outputs} == {"said": None, "next_sum": "sum"}
    assert bundle.manifest.task == "general"
    model = keras.saving.load_model(step)
    for artefact in bundle.manifest.artefacts[1:]:
        runner = open_runner(bundle.read(artefact), artefact.format)
        state, truth = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
        for row in np.load(rows)["sample"]:
            answers = runner.run({"sample": row[None], "sum": state})
            wanted = model([row[None], truth])
            state, truth = answers["next_sum"], np.asarray(wanted["next_sum"])
            limit = 1e-5 if artefact.scheme == "f32" else 2e-2
            np.testing.assert_allclose(answers["said"], wanted["said"], atol=limit)
        assert set(artefact.parity) == {"said", "next_sum"}


def test_two_inputs_two_outputs_and_classes(bombus: Bombus, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    image, facts = keras.Input((8, 8, 3), name="image"), keras.Input((5,), name="facts")
    seen = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image))
    both = layers.Concatenate()([seen, facts])
    model = keras.Model(
        {"image": image, "facts": facts},
        {"height": layers.Dense(1)(facts), "kind": layers.Dense(3, activation="softmax")(both)},
    )
    model.save(tmp_path / "m.keras")

    def rows(name: str, seed: int) -> Path:
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
        measured = rng.normal(size=(40, 5)).astype(np.float32)
        truth = np.asarray(model({"image": pixels.astype("f4"), "facts": measured})["kind"])
        np.savez(tmp_path / name, image=pixels, facts=measured, y=truth.argmax(axis=1))
        return tmp_path / name

    (tmp_path / "labels.txt").write_text("ant\nbee\nmoth\n")
    some = ("--calibrate", rows("c.npz", 3), "--schemes", "f32,wi8_ai8")
    code, _, err = convert(
        bombus, tmp_path / "m.keras", tmp_path / "b", rows("v.npz", 2), *some, "--json"
    )
    assert code == 0, err
    bundle = open_bundle(tmp_path / "b")
    assert bundle.manifest.labels == ("ant", "bee", "moth")
    assert [t.name for t in bundle.manifest.outputs] == ["kind", "height"]
    assert bundle.manifest.outputs[0].meaning == "probabilities"
    assert {t.name: t.dtype for t in bundle.manifest.inputs} == {
        "image": "uint8",
        "facts": "float32",
    }
    assert bundle.manifest.source.calibration_data["distinct"] == 40
    for artefact in bundle.manifest.artefacts[1:]:
        assert artefact.quality is not None
        assert artefact.quality.top1 > 0.9


def test_free_sizes_are_those_of_the_samples(bombus: Bombus, tmp_path: Path) -> None:
    series = keras.Input((None, 4), name="series")
    mean = layers.GlobalAveragePooling1D()(layers.Conv1D(6, 3, padding="same")(series))
    keras.Model(series, layers.Dense(2, name="said")(mean)).save(tmp_path / "m.keras")
    rows = save_rows(tmp_path / "v.npz", 5, series=(8, 12, 4))
    code, _, err = convert(
        bombus, tmp_path / "m.keras", tmp_path / "b", rows, "--schemes", "f32", "--to", "onnx"
    )
    assert code == 0, err
    bundle = open_bundle(tmp_path / "b")
    assert bundle.manifest.inputs[0].shape == (1, 12, 4)
    code, _, err = bombus("export", "plan", tmp_path / "m.keras")
    assert (code, "series free" in err) == (2, True)
    code, out, _ = bombus(
        "export", "plan", tmp_path / "m.keras", "--input", "series=12,4", "--json"
    )
    assert code == 0
    planned = json.loads(out)
    assert planned["parameters"] == 6 * (3 * 4 + 1) + 2 * 7
    assert planned["macs"] == 12 * 6 * 3 * 4 + 6 * 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "arrays none"),
        ({"a": np.zeros((2, 3)), "b": np.zeros((3, 3))}, "all of one length"),
        ({"a": np.zeros((0, 3))}, "all of one length"),
        ({"a": np.zeros((2, 3)), TARGETS: np.zeros(2)}, "y has dtype float64"),
        ({"a": np.zeros((2, 3), complex)}, "a has dtype complex128; give real numbers"),
        ({"a": np.array(["1", "2"])}, "give real numbers"),
    ],
)
def test_odd_samples(arrays: dict[str, NDArray[Any]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        samples_of(arrays, "rows")


@pytest.mark.parametrize(
    ("shapes", "more", "code", "said"),
    [
        ({"sample": (9, 3)}, (), 2, "samples and states are given for sample"),
        ({"sample": (9, 2)}, ("--state", "next_sum=sum"), 2, "takes (3,) a sample, not (2,)"),
        ({"sample": (9, 3)}, ("--state", "after=sum"), 2, "no output after"),
        ({"sample": (9, 3)}, ("--state", "sum"), 2, "say OUTPUT=INPUT"),
        ({"sample": (9, 3), "sum": (9, 4)}, ("--unknown", "."), 2, "--unknown is for"),
    ],
)
def test_what_does_not_fit(  # noqa: PLR0917
    bombus: Bombus,
    step: Path,
    tmp_path: Path,
    shapes: dict[str, tuple[int, ...]],
    more: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    rows = save_rows(tmp_path / "v.npz", 6, **shapes)
    exit_code, _, err = convert(bombus, step, tmp_path / "b", rows, "--schemes", "f32", *more)
    assert (exit_code, said in err, err.count("\n")) == (code, True, 1), err
    assert not (tmp_path / "b").exists()


def test_nan_that_a_relu_swallows_is_told(bombus: Bombus, tmp_path: Path) -> None:
    x = keras.Input((3,), name="x")
    keras.Model(x, layers.Dense(2)(layers.ReLU()(x))).save(tmp_path / "m.keras")
    rows = np.ones((9, 3), np.float32)
    rows[4, 1] = np.nan
    np.savez(tmp_path / "v.npz", x=rows)
    given = (tmp_path / "m.keras", tmp_path / "b", tmp_path / "v.npz")
    code, _, err = convert(bombus, *given, "--schemes", "f32")
    assert (code, "x: 1 samples have NaN or infinity, at 4; mend" in err) == (2, True), err


@pytest.mark.parametrize(("given", "layer"), [("x y", "a"), ("x", "a b"), ("x", "_a"), ("_x", "a")])
def test_names_that_tensorflow_cannot_take(
    bombus: Bombus, tmp_path: Path, given: str, layer: str
) -> None:
    x = keras.Input((3,), name=given)
    keras.Model(x, layers.Dense(2, name=layer)(x)).save(tmp_path / "m.keras")
    code, _, err = bombus("export", "plan", tmp_path / "m.keras")
    assert (code, "no name for TensorFlow and a bundle" in err, err.count("\n")) == (2, True, 1), (
        err
    )


def test_sizes_that_no_machine_holds(bombus: Bombus, step: Path) -> None:
    code, _, err = bombus("export", "plan", step, "--input", "sample=99999999999,4")
    assert (code, "at most 268,435,456 numbers" in err) == (2, True), err


def test_an_output_that_never_varies_proves_nothing(bombus: Bombus, tmp_path: Path) -> None:
    x = keras.Input((3,), name="x")
    outputs = {"a": layers.Dense(2)(x), "b": layers.Dense(2, kernel_initializer="zeros")(x)}
    keras.Model(x, outputs).save(tmp_path / "m.keras")
    rows = save_rows(tmp_path / "v.npz", 7, x=(9, 3))
    code, _, err = convert(bombus, tmp_path / "m.keras", tmp_path / "b", rows, "--schemes", "f32")
    assert (code, "output b does not vary" in err) == (4, True), err


def test_keep_going_writes_what_passed(bombus: Bombus, tmp_path: Path) -> None:
    """A table has no kernel that ONNX could store in 8 bits where all its sums are one number's."""
    x = keras.Input((3,), name="x")
    keras.Model(x, layers.Rescaling(2.0, name="twice")(x)).save(tmp_path / "m.keras")
    rows = save_rows(tmp_path / "v.npz", 8, x=(9, 3))
    some = ("--schemes", "f32,wi8_afp32", "--to", "onnx")
    code, _, err = convert(bombus, tmp_path / "m.keras", tmp_path / "b", rows, *some)
    assert (code, "no kernel" in err) == (3, True), err
    assert not (tmp_path / "b").exists()
    code, out, err = convert(
        bombus, tmp_path / "m.keras", tmp_path / "b", rows, *some, "--keep-going"
    )
    assert (code, "1 artefacts that passed" in out) == (3, True), err
    assert [a.file for a in open_bundle(tmp_path / "b").manifest.artefacts[1:]] == ["b_f32.onnx"]
