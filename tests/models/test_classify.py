"""The recogniser: which artefact, which runtime, and confidences that mean something."""

from __future__ import annotations

import importlib.util
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle import Bundle, open_bundle, write_bundle
from models.classify import Recogniser
from models.errors import InputError, IntegrityError
from models.manifest import Calibration, labels_sha256
from models.metrics import softmax
from tests.drawing import SPECIES, draw_flower
from tests.tiny_bundles import (
    LABELS,
    SIZE,
    artefact_values,
    logits_of,
    manifest_values,
    parsed,
    tiny_onnx,
    write_tiny,
)

ROOT = Path(__file__).parents[2]
IMAGE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def calibrated(bundle: Bundle, temperature: float) -> Bundle:
    """The same bundle with another temperature in its manifest."""
    calibration = Calibration(temperature=temperature, data="val", n=10)
    artefacts = tuple(
        a.model_copy(update={"calibration": calibration}) for a in bundle.manifest.artefacts
    )
    return Bundle(bundle.path, bundle.manifest.model_copy(update={"artefacts": artefacts}))


def confidences(bundle: Bundle, image: NDArray[np.uint8] = IMAGE) -> dict[str, float]:
    guesses = Recogniser(bundle).classify(image, top=100)
    return {guess.label: guess.confidence for guess in guesses}


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@pytest.mark.parametrize("temperature", [None, 0.5, 1.0, 3.0])
def test_confidence_is_the_softmax_of_logits_over_the_temperature(
    tmp_path: Path, output: str, temperature: float | None
) -> None:
    bundle = write_tiny(tmp_path / "tiny", output)
    if temperature is not None:
        bundle = calibrated(bundle, temperature)
    expected = softmax(logits_of(IMAGE), temperature or 1.0)
    got = confidences(bundle)
    assert [got[label] for label in LABELS] == pytest.approx(expected, abs=1e-4)


def test_a_probability_of_zero_is_no_trouble(tmp_path: Path) -> None:
    weights = np.diag([9.0, 0.0, 0.0]).astype(np.float32)
    got = confidences(write_tiny(tmp_path / "t", "probabilities", weights=weights))
    assert got["ant"] == pytest.approx(1)
    assert 0 <= got["bee"] < 1e-9


def test_the_best_come_first_and_no_more_than_asked(tmp_path: Path) -> None:
    recogniser = Recogniser(write_tiny(tmp_path / "tiny"))
    order = [LABELS[i] for i in np.argsort(-logits_of(IMAGE))]
    for top in (1, 2, 3, 99):
        guesses = recogniser.classify(IMAGE, top)
        assert [g.label for g in guesses] == order[:top]
    assert sum(g.confidence for g in guesses) == pytest.approx(1)
    assert len(recogniser.classify(IMAGE)) == 3


def test_a_tie_goes_by_the_order_of_labels(tmp_path: Path) -> None:
    labels = [f"species {i}" for i in range(40)]
    weights = np.tile(np.array([0.01, 0], np.float32), (3, 20))  # every other label is likelier
    files = {"tiny.onnx": tiny_onnx(weights=weights)}
    values = manifest_values(files) | {"labels": labels, "labels_sha256": labels_sha256(labels)}
    values["outputs"][0]["shape"] = [1, 40]
    guesses = Recogniser(write_bundle(tmp_path / "tie", parsed(values), files)).classify(IMAGE, 40)
    assert [g.label for g in guesses] == labels[::2] + labels[1::2]
    assert len({g.confidence for g in guesses}) == 2


def test_a_photo_of_any_size_is_prepared(tmp_path: Path) -> None:
    bundle = write_tiny(tmp_path / "tiny")
    large = np.kron(IMAGE, np.ones((5, 5, 1), np.uint8))
    assert confidences(bundle, large) == pytest.approx(confidences(bundle), abs=0.02)


def test_other_tasks_are_refused(tmp_path: Path) -> None:
    bundle = write_tiny(tmp_path / "tiny")
    other = bundle.manifest.model_copy(update={"task": "imu-noise-adaptation"})
    with pytest.raises(InputError, match="task is imu-noise-adaptation"):
        Recogniser(Bundle(bundle.path, other))


@pytest.mark.parametrize("options", [{"size": 16}, {"output": "scores"}])
def test_an_artefact_that_is_not_as_described_is_refused(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    files = {"tiny.onnx": tiny_onnx(**options)}
    bundle = write_bundle(tmp_path / "tiny", parsed(manifest_values(files)), files)
    with pytest.raises(IntegrityError, match="not the manifest's"):
        Recogniser(bundle)


def test_a_damaged_artefact_is_refused(tmp_path: Path) -> None:
    bundle = write_tiny(tmp_path / "tiny")
    file = bundle.path / bundle.manifest.artefacts[0].file
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(IntegrityError, match="SHA-256"):
        Recogniser(bundle)


def several(tmp_path: Path, default: dict[str, str]) -> Bundle:
    """The classifier as ONNX three times, under names of three schemes."""
    files = {f"tiny_{scheme}.onnx": tiny_onnx() for scheme in ("f16", "f32", "wi8_ai8")}
    values = manifest_values(files) | {"default": default}
    values["artefacts"] = [
        artefact_values(file, data) | {"scheme": file[5:-5]} for file, data in files.items()
    ]
    return write_bundle(tmp_path / "several", parsed(values), files)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("x86_64", "tiny_f16.onnx"),
        ("AMD64", "tiny_f16.onnx"),
        ("aarch64", "tiny_f32.onnx"),
        ("arm64", "tiny_f32.onnx"),
        ("armv7l", "tiny_f32.onnx"),
    ],
)
def test_the_default_is_that_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, expected: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    bundle = several(tmp_path, {"x86": "tiny_f16.onnx", "arm": "tiny_f32.onnx"})
    assert Recogniser(bundle).artefact.file == expected


def test_the_choice_without_a_default(tmp_path: Path) -> None:
    bundle = several(tmp_path, {})
    assert Recogniser(bundle).artefact.file == "tiny_wi8_ai8.onnx"
    assert Recogniser(bundle, runtime="onnxruntime").artefact.file == "tiny_wi8_ai8.onnx"
    assert Recogniser(bundle, artefact="tiny_f32.onnx").artefact.file == "tiny_f32.onnx"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runtime": "abacus"}, "runtime 'abacus' is unknown; one of litert, "),
        ({"runtime": "litert"}, "no artefact here for litert"),
        ({"artefact": "x.onnx"}, "no artefact 'x.onnx'"),
        ({"artefact": "tiny_f32.onnx", "runtime": "litert"}, "no runtime 'litert' is installed"),
    ],
)
def test_a_choice_that_cannot_be_met_is_told(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Recogniser(several(tmp_path, {"x86": "tiny_f32.onnx"}), **options)


def flowers() -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(5)
    return {species: draw_flower(species, rng, 200) for species in SPECIES}


def test_the_exported_bundle_runs_its_default(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    recogniser = Recogniser(bundle)
    target = "arm" if platform.machine().lower().startswith(("arm", "aarch")) else "x86"
    assert {target: recogniser.artefact.file}.items() <= bundle.manifest.default.items()
    assert recogniser.runtime == "litert"
    for species, image in flowers().items():
        assert recogniser.classify(image)[0].label == species


def test_every_runnable_artefact_says_about_the_same(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    image = flowers()["poppy"]
    runnable = [a.file for a in bundle.manifest.artefacts if a.format != "keras"]
    assert len(runnable) >= 4
    got = [Recogniser(bundle, artefact=file).classify(image)[0] for file in runnable]
    assert {guess.label for guess in got} == {"poppy"}
    sure = [guess.confidence for guess in got]
    assert max(sure) - min(sure) < 0.1


def test_the_source_model_is_not_run_here(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    source = next(a.file for a in bundle.manifest.artefacts if a.format == "keras")
    with pytest.raises(InputError, match="no runtime reads keras"):
        Recogniser(bundle, artefact=source)


LEGACY = """
import json, sys
from pathlib import Path
import numpy as np
from models.bundle import open_bundle
from models.classify import Recogniser
recogniser = Recogniser(open_bundle(Path(sys.argv[1])), runtime="tflite-runtime")
images = np.load(sys.argv[2])
labels = [recogniser.classify(image)[0].label for image in images]
print(json.dumps([recogniser.runtime, recogniser.artefact.scheme, labels]))
"""


def test_the_legacy_runtime_takes_the_float_artefact(tiny_bundle: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("tflite_runtime") is None:
        pytest.skip("tflite-runtime is not installed")
    np.save(tmp_path / "images.npy", np.stack(list(flowers().values())))
    done = subprocess.run(  # never beside TensorFlow
        [sys.executable, "-c", LEGACY, str(tiny_bundle), str(tmp_path / "images.npy")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["tflite-runtime", "f32", list(SPECIES)]
