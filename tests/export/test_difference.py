"""`bombus export diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bombus import run
from export.difference import Change, differences
from models.bundle import find_bundle, write_bundle
from tests.tiny_bundles import full_values, manifest_values, parsed, tiny_onnx, write_tiny


def test_a_bundle_does_not_differ_from_itself() -> None:
    assert differences(find_bundle("localizer"), find_bundle("localizer")) == []


def test_another_task_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, other = write_tiny(tmp_path / "one"), find_bundle("localizer")
    found = differences(one, other)
    assert Change("contract", "task", "image-classification", "imu-noise-adaptation") in found
    assert Change("tflite f32", "artefact", None, "localizer_f32.tflite") in found
    assert run(["export", "diff", str(one.path), "localizer"]) == 0
    shown = capfd.readouterr().out
    assert "contract: task: image-classification -> imu-noise-adaptation" in shown
    assert run(["export", "diff", str(one.path), "localizer", "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)) == len(found)


def test_the_graphs_and_sizes_are_told() -> None:
    found = differences(find_bundle("localizer"), find_bundle("localizer-graph"))
    (size,) = [c for c in found if (c.part, c.what) == ("tflite f32", "MB")]
    assert size.before < size.after
    (additions,) = [c for c in found if (c.part, c.what) == ("tflite f32", "ADD")]
    assert additions.before < additions.after


def test_quality_and_speed_are_told(tmp_path: Path) -> None:
    data = tiny_onnx()
    files = {"tiny_f32.onnx": data}
    values = manifest_values(files)
    plain = write_bundle(tmp_path / "plain", parsed(values), files)
    full = full_values()["artefacts"][0]
    values["artefacts"][0] |= {key: full[key] for key in ("quality", "latency", "parity")}
    scored = write_bundle(tmp_path / "scored", parsed(values), files)
    assert set(map(str, differences(plain, scored))) == {
        "onnx f32: top-1 %: nothing -> 90.0",
        "onnx f32: F1 %: nothing -> 90.0",
        "onnx f32: ECE: nothing -> 0.1",
        "onnx f32: RMS error: nothing -> 0.001",
        "onnx f32: median ms: nothing -> 0.2",
    }


def test_other_weights_in_the_same_graph_are_told(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(tiny_onnx())
    weights = model.graph.initializer[0]
    weights.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(weights), weights.name))
    bundles = []
    for name, data in (("a", tiny_onnx()), ("b", model.SerializeToString())):
        files = {"tiny_f32.onnx": data}
        bundles.append(write_bundle(tmp_path / name, parsed(manifest_values(files)), files))
    (change,) = differences(*bundles)
    assert change.what == "weights"
