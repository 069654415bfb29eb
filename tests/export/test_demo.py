"""`bombus demo`, the main job, on real input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.bundle import SHIPPED, open_bundle
from models.manifest import SCHEMES

Bombus = Callable[..., tuple[int, str, str]]
ALL = {f"flowers_{scheme}.{suffix}" for scheme in SCHEMES for suffix in ("tflite", "onnx")}


def test_exports_and_recognises_without_data(
    bombus: Bombus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every shipped weight goes through every scheme; crops of two sample photos are the input."""
    monkeypatch.delenv("BOMBUS_DATA", raising=False)
    out = tmp_path / "fresh"
    code, text, err = bombus("demo", "--out", out)
    assert code == 0, err
    assert "PASSED: 8 artefacts" in text
    assert "flower.jpg: " in text
    fresh = open_bundle(out)
    assert fresh.verify() == ()
    made = {a.file: a for a in fresh.manifest.artefacts if a.format != "keras"}
    assert made.keys() == ALL
    for a in made.values():
        assert a.parity.keys() == {"logits", "activation_map"}
        assert a.quality is None  # nobody knows the classes of crops
    for a in (made["flowers_f32.tflite"], made["flowers_f32.onnx"]):
        assert a.parity["logits"].max_error <= 1e-4


def test_a_photo_of_ones_own_that_is_none(bombus: Bombus, tmp_path: Path) -> None:
    (tmp_path / "rose.jpg").write_text("a rose is a rose")
    code, out, err = bombus("demo", "--photo", tmp_path / "rose.jpg")
    assert (code, out) == (2, "")
    assert "rose.jpg" in err


def test_the_shipped_bundle_is_whole() -> None:
    bundle = open_bundle(SHIPPED / "flowers")
    assert bundle.verify() == ()
    assert sum(a.bytes for a in bundle.manifest.artefacts) < 60e6
    training = bundle.manifest.source.training
    assert training["recipe"]["backbone"] == "MobileNet"
    assert "/" not in json.dumps(training["recipe"])


def test_float_parity_on_real_photos(bombus_data: Path, tmp_path: Path) -> None:
    """The promise of the f32 artefacts: 1e-4 of the logit range, on 208 photos."""
    import numpy as np

    from export.conversion.quantize import onnx_model, tflite
    from export.conversion.served import INPUT, Named, saved_model, to_onnx
    from export.gate.judge import check_reference
    from export.image.heads import with_heads
    from export.load import load_keras
    from models.photos import scan_class_folders
    from models.preprocess import load_photos
    from models.runtime import open_runner, run_each

    shipped = open_bundle(SHIPPED / "flowers")
    (tmp_path / "flowers.keras").write_bytes(shipped.read(shipped.artefact("flowers.keras")))
    source = load_keras(tmp_path / "flowers.keras")
    endpoint = Named(with_heads(source.model, "logits", None, None), (INPUT,))
    with saved_model(endpoint) as folder:
        files = {"tflite": tflite(folder, "f32", None)}
    files["onnx"] = onnx_model(to_onnx(endpoint), "f32", None)
    photos = scan_class_folders(bombus_data / "flowers16" / "val").stratified(208)
    pixels = load_photos(photos.paths, 224)
    reference = np.asarray(source.model.predict(pixels, verbose=0))
    check_reference(reference)
    for model_format, data in files.items():
        outputs = run_each(open_runner(data, model_format, threads=2), pixels)["logits"]
        assert np.abs(outputs - reference).max() <= 1e-4 * np.ptp(reference), model_format


def test_the_shipped_bundle_on_real_photos(bombus_data: Path) -> None:
    """A spot check of the published scores: 320 test photos, a few standard errors of slack."""
    from models.photos import scan_class_folders
    from models.preprocess import load_photos
    from models.runtime import open_runner, run_each

    bundle = open_bundle(SHIPPED / "flowers")
    labels = bundle.manifest.labels
    photos = scan_class_folders(bombus_data / "flowers16" / "test", labels).stratified(320)
    pixels = load_photos(photos.paths, 224)
    for file in ("flowers_wi8_ai8.tflite", "flowers_wi8_ai8.onnx"):
        artefact = bundle.artefact(file)
        assert artefact.bytes <= 4.5e6
        runner = open_runner(bundle.read(artefact), artefact.format, threads=2)
        outputs = run_each(runner, pixels)["logits"]
        assert (outputs.argmax(axis=1) == photos.targets).mean() >= 0.92, file
