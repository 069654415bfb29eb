"""The exported bundle: parity on every runtime, contract in every file, gate in force."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from models.bundle import open_bundle
from models.manifest import SCHEMES, to_json
from models.photos import scan_class_folders
from models.preprocess import load_photo
from models.runtime import embedded_contract, open_runner

Bombus = Callable[..., tuple[int, str, str]]


def _convert(
    bombus: Bombus, model: Path, flowers: Path, out: Path, *more: object
) -> tuple[int, str, str]:
    folders = ("--calibrate", flowers / "train", "--validate", flowers / "val")
    return bombus("export", "convert", model, "--out", out, *folders, "--rounds", 0, *more)


def test_every_format_and_scheme_is_there(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    made = {(a.format, a.scheme) for a in manifest.artefacts if a.format != "keras"}
    assert made == {(f, s) for f in ("tflite", "onnx") for s in SCHEMES}
    for a in manifest.artefacts:
        suffix = "" if a.format == "keras" else f"_{a.scheme}"
        assert a.file == f"tiny{suffix}.{a.format}"


def test_parity_of_every_artefact(
    tiny_bundle: Path, tiny_classifier: Path, drawn_flowers: Path
) -> None:
    photos = scan_class_folders(drawn_flowers / "test")
    pixels = np.stack([load_photo(path, 64) for path in photos.paths])
    model = keras.saving.load_model(tiny_classifier)
    reference = model.predict(pixels.astype(np.float32), verbose=0)
    spread = np.ptp(reference)
    assert (reference.argmax(axis=1) == photos.targets).mean() > 0.9
    bundle = open_bundle(tiny_bundle)
    worst = {"f32": 1e-4, "f16": 2e-2, "wi8_afp32": 0.1, "wi8_ai8": 0.15}
    for a in bundle.manifest.artefacts:
        if a.format == "keras":
            continue
        runner = open_runner(bundle.read(a), a.format)
        outputs = np.stack([runner.run({"image": p[None]})["logits"][0] for p in pixels])
        assert np.abs(outputs - reference).max() <= worst[a.scheme] * spread, a.file
        assert (outputs.argmax(axis=1) == reference.argmax(axis=1)).mean() >= 0.95, a.file


def test_names_batch_and_types(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    for a in bundle.manifest.artefacts:
        if a.format == "keras":
            continue
        runner = open_runner(bundle.read(a), a.format)
        (image,), (logits,) = runner.inputs, runner.outputs
        assert (image.name, image.shape) == ("image", (1, 64, 64, 3))
        assert (logits.name, logits.shape, logits.dtype.name) == ("logits", (1, 4), "float32")
        full_int8 = (a.format, a.scheme) == ("tflite", "wi8_ai8")
        assert image.dtype == (np.uint8 if full_int8 else np.float32)
        assert a.dtypes == {"image": image.dtype.name, "logits": "float32"}


def test_the_contract_is_in_every_file(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    for a in bundle.manifest.artefacts:
        if a.format == "keras":
            continue
        text = embedded_contract(bundle.read(a), a.format)
        assert text is not None
        assert json.loads(text) == json.loads(to_json(bundle.manifest.contract()))
    with zipfile.ZipFile(tiny_bundle / "tiny_wi8_ai8.tflite") as archive:
        assert archive.read("labels.txt").decode().split() == list(bundle.manifest.labels)


def test_onnx_files_are_tidy(tiny_bundle: Path) -> None:
    for path in tiny_bundle.glob("*.onnx"):
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert model.producer_name == "bombus"
        assert model.ir_version <= 10
        assert {o.domain: o.version for o in model.opset_import}[""] == 18


def test_the_manifest_says_where_it_comes_from(tiny_bundle: Path, drawn_flowers: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    assert manifest.source.validation_data["n"] == 40
    assert manifest.source.calibration_data["n"] == 96
    assert (
        manifest.source.validation_data["sha256"]
        == scan_class_folders(drawn_flowers / "val").sha256
    )
    assert manifest.source.versions.keys() >= {"keras", "tensorflow", "onnx", "tf2onnx"}
    assert str(drawn_flowers.parent) not in (tiny_bundle / "manifest.json").read_text()


def test_an_untrained_model_is_refused(bombus: Bombus, drawn_flowers: Path, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    model.add(keras.layers.Dense(4, kernel_initializer="zeros"))
    model.save(tmp_path / "m.keras")
    code, _, err = _convert(bombus, tmp_path / "m.keras", drawn_flowers, tmp_path / "b")
    assert code == 4
    assert "does not vary" in err
    assert not (tmp_path / "b").exists()


def test_a_model_that_gives_nan_is_refused(
    bombus: Bombus, tiny_classifier: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    model = keras.saving.load_model(tiny_classifier)
    weights = model.get_weights()
    weights[-1][:] = np.nan
    model.set_weights(weights)
    model.save(tmp_path / "m.keras")
    code, _, err = _convert(bombus, tmp_path / "m.keras", drawn_flowers, tmp_path / "b")
    assert (code, "NaN" in err) == (4, True)


def test_a_wrong_artefact_is_rejected_and_kept_aside(
    bombus: Bombus,
    tiny_classifier: Path,
    drawn_flowers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A converter that loses precision is played by one that hands out the int8 file as f32."""
    from export.quantize import tflite

    monkeypatch.setattr(
        "export.pipeline.tflite", lambda folder, _, photos: tflite(folder, "wi8_ai8", photos)
    )
    out = tmp_path / "b"
    arguments = ("--to", "tflite", "--schemes", "f32")
    code, _, err = _convert(bombus, tiny_classifier, drawn_flowers, out, *arguments)
    assert code == 4
    assert err.count("\n") == 1
    assert "max error" in err
    assert not out.exists()
    assert [p.name for p in (tmp_path / "b.rejected").iterdir()] == ["b_f32.tflite.rejected"]
    code, text, _ = _convert(bombus, tiny_classifier, drawn_flowers, out, *arguments, "--no-gate")
    assert code == 0
    assert "NOT GATED" in text


def test_budgets(
    bombus: Bombus, tiny_classifier: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    some = ("--to", "tflite", "--schemes", "f32")
    out = tmp_path / "b"
    code, _, err = _convert(bombus, tiny_classifier, drawn_flowers, out, *some, "--max-mb", 0.001)
    assert (code, "the limit is 0.001 MB" in err) == (5, True)
    code, _, err = _convert(
        bombus, tiny_classifier, drawn_flowers, out, *some, "--rounds", 1, "--max-ms", 1e-6
    )
    assert (code, "the limit is 1e-06 ms" in err) == (5, True)
    assert not out.exists()


def test_force_replaces_and_nothing_else_does(
    bombus: Bombus, tiny_classifier: Path, tiny_bundle: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tiny"
    shutil.copytree(tiny_bundle, out)
    before = (out / "manifest.json").read_bytes()
    some = ("--to", "onnx", "--schemes", "f32")
    code, _, err = _convert(bombus, tiny_classifier, drawn_flowers, out, *some)
    assert (code, "--force" in err) == (2, True)
    assert (out / "manifest.json").read_bytes() == before
    code, _, _ = _convert(bombus, tiny_classifier, drawn_flowers, out, *some, "--force")
    assert code == 0
    assert sorted(p.name for p in out.iterdir()) == ["manifest.json", "tiny.keras", "tiny_f32.onnx"]
    assert [p.name for p in tmp_path.iterdir()] == ["tiny"]


def test_softmax_models_are_exported_as_probabilities(
    bombus: Bombus, tiny_classifier: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    model = keras.saving.load_model(tiny_classifier)
    keras.Sequential([model, keras.layers.Softmax()]).save(tmp_path / "m.keras")
    code, out, err = _convert(
        bombus, tmp_path / "m.keras", drawn_flowers, tmp_path / "b", "--to", "onnx", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["outputs"][0]["meaning"] == "probabilities"
    photo = drawn_flowers / "test" / "poppy" / "003.png"
    code, out, _ = bombus("app", "classify", photo, "--bundle", tmp_path / "b", "--json")
    guesses = json.loads(out)[0]["guesses"]
    assert (code, guesses[0]["label"]) == (0, "poppy")
