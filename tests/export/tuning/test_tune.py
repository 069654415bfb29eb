"""Tuning a network with a planted culprit: plain 8 bits fail, and the culprit is left in float."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.arrays import Samples, network
from export.subject import Order, Subject
from export.tuning.correcting import Correction
from export.tuning.drawing import Draw
from export.tuning.features import features
from export.tuning.ground import Ground, ground_of
from export.tuning.mixing import search_mix
from export.tuning.outcome import Found, Outcome, Splits
from export.tuning.report import page, write_report
from models.bundle import open_bundle
from models.errors import InputError
from models.manifest import Format
from models.runtime import open_runner
from tests.export.tuning.planted import CULPRIT, planted_data, planted_model, write_planted

Bombus = Callable[..., tuple[int, str, str]]
FORMATS: tuple[Format, ...] = ("tflite", "onnx")
ROWS = np.arange(48)


def _subject() -> Subject:
    model = planted_model()
    validation = planted_data(40, 1)
    return network(
        model,
        b"its bytes",
        Order(name="planted"),
        validation=Samples("val", {"image": validation}, np.asarray(model(validation)).argmax(1)),
        calibration=Samples("train", {"image": planted_data(96, 0)}),
    )


@pytest.fixture(scope="module")
def ground() -> Ground:
    return ground_of(_subject(), FORMATS, 0)


def _all_alike(
    reference: bytes, files: Sequence[bytes], model_format: str, rounds: int
) -> tuple[float, list[float]]:
    """A machine on which everything takes as long as in float."""
    return 1.0, [1.0] * len(files)


def _found(ground: Ground, model_format: Format) -> Found:
    bench = ground.bench(model_format, ROWS, 1)
    return search_mix(replace(bench, timed=_all_alike), None, lambda line: None)


@pytest.mark.parametrize("model_format", FORMATS)
def test_the_culprit_is_left_in_float_and_little_else(ground: Ground, model_format: Format) -> None:
    found = _found(ground, model_format)
    plain, chosen = found.alone[0], found.chosen
    assert not plain.passed
    assert chosen is not None
    assert chosen.passed
    assert chosen.error < 0.5 * plain.error
    assert any(CULPRIT in name for name in chosen.spared)
    assert 0 < len(chosen.spared) < found.operations


def test_what_is_measured_is_what_is_converted(ground: Ground) -> None:
    """The graph with its ranges cached gives the bytes that the converters give in one go."""
    from export.conversion.drafting import draft_onnx, draft_tflite
    from export.conversion.served import saved_model
    from export.tuning.spared import Choice, Spared

    given = ground.given(ROWS)
    sample = planted_data(1, 5)
    for name, graph in ground.graphs.items():
        spared = [o.name for o in graph.operations if CULPRIT in o.name]
        assert spared
        spare = Spared((Choice.of(graph.operations, spared),))
        ours = graph.calibrated(given).quantized(spared)
        if name == "tflite":
            with saved_model(ground.subject.served) as folder:
                theirs = draft_tflite(folder, "wi8_ai8", given, spare)
        else:
            theirs = draft_onnx(graph.data, "wi8_ai8", given, spare)
        first, second = (open_runner(data, name).run({"image": sample}) for data in (ours, theirs))
        assert np.array_equal(first["logits"], second["logits"])


def test_the_halves_of_the_calibration_data_share_nothing(ground: Ground) -> None:
    split = ground.split
    assert split.counts == (48, 48)
    both = np.concatenate([split.ranges["image"], split.selection["image"]])
    assert len(np.unique(both.reshape(96, -1), axis=0)) == 96


def test_features_are_what_the_last_layer_reads(ground: Ground) -> None:
    given = ground.split.ranges
    rows = features(ground.subject.served, given)
    assert rows.shape == (48, 8)
    inner = next(layer for layer in ground.subject.served.model.layers if hasattr(layer, "layers"))
    kernel, bias = inner.get_layer("logits").get_weights()
    assert np.allclose(rows @ kernel + bias, np.asarray(inner(given["image"])), atol=1e-4)


def test_too_few_to_split_are_refused() -> None:
    few = replace(_subject(), calibration={"image": planted_data(20, 0)})
    with pytest.raises(InputError, match="32 or more"):
        ground_of(few, ("onnx",), 0)


def test_the_report_tells_splits_draws_and_choice(ground: Ground, tmp_path: Path) -> None:
    draws = [
        Draw(way, ROWS, {"onnx": error})
        for way, error in (("leverage", 1.0), ("chance", 2.0), ("leverage", 3.0), ("chance", 2.0))
    ]
    correction = Correction("bias correction", 4, {"onnx": 1.0}, {"onnx": 0.5}, True)
    found = _found(ground, "onnx")
    outcome = Outcome("planted", Splits(48, 48, 48, (40, "val")), draws, [correction], [found])
    text = page(outcome)
    assert "| leverage | 2.000 ± 1.414 |" in text
    assert "| bias correction | 4 | onnx 1.000 | onnx 0.500 | yes |" in text
    assert "48 others choose" in text
    assert f"**{found.chosen and found.chosen.name}**" in text
    write_report(outcome, tmp_path / "report")
    assert {p.name for p in (tmp_path / "report").iterdir()} == {
        "tuning.md",
        "tuning.json",
        "onnx.png",
    }
    told = json.loads((tmp_path / "report" / "tuning.json").read_text())
    assert len(told["formats"]["onnx"]["trials"]) == len(found.trials)


@pytest.mark.slow
def test_a_whole_run(tmp_path: Path, bombus: Bombus) -> None:
    folder = write_planted(tmp_path)
    out = tmp_path / "tuned"
    more = ("--max-ms", 1000, "--rounds", 1, "--draws", 2, "--draw", 32)
    data = ("--calibrate", folder / "calibrate.npz", "--validate", folder / "validate.npz")
    code, said, errors = bombus(
        "export", "tune", folder / "model.keras", "--out", out, *data, *more
    )
    assert code == 0, errors
    assert "PASSED" in said
    manifest = open_bundle(out).manifest
    made = {(a.format, a.scheme) for a in manifest.artefacts}
    assert made == {("keras", "f32"), ("tflite", "wi8_ai8"), ("onnx", "wi8_ai8")}
    told = json.loads((tmp_path / "tuned-tuning" / "tuning.json").read_text())
    for model_format in FORMATS:
        groups = told["formats"][model_format]["chosen"]["in_float"]
        assert groups
        assert manifest.source.calibration_data["in_float"][model_format] == groups
    finals = {(final["name"], final["format"]): final for final in told["finals"]}
    for model_format in FORMATS:
        assert finals["plain 8 bits", model_format]["failures"]
        assert not finals["tuned", model_format]["failures"]
    code, _, errors = bombus("export", "tune", folder / "model.keras", "--out", out, *data, *more)
    assert code == 2
    assert "already there" in errors
