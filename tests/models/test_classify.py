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
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.bundle import Bundle, open_bundle, write_bundle
from models.classify import Guess, Reading, Recogniser, Verdict, fuse
from models.contract import labels_sha256
from models.errors import InputError, IntegrityError
from models.metrics import softmax
from models.quality import Calibration
from models.rejection import known
from tests.drawing import SPECIES, draw_flower
from tests.tiny_bundles import (
    FAMILIAR,
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
    guesses = Recogniser(bundle).classify(image, top=100).guesses
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
        guesses = recogniser.classify(IMAGE, top).guesses
        assert [g.label for g in guesses] == order[:top]
    assert sum(g.confidence for g in guesses) == pytest.approx(1)
    assert len(recogniser.classify(IMAGE).guesses) == 3


def test_a_tie_goes_by_the_order_of_labels(tmp_path: Path) -> None:
    labels = [f"species {i}" for i in range(40)]
    weights = np.tile(np.array([0.01, 0], np.float32), (3, 20))  # every other label is likelier
    files = {"tiny.onnx": tiny_onnx(weights=weights)}
    values = manifest_values(files) | {"labels": labels, "labels_sha256": labels_sha256(labels)}
    values["outputs"][0]["shape"] = [1, 40]
    recogniser = Recogniser(write_bundle(tmp_path / "tie", parsed(values), files))
    guesses = recogniser.classify(IMAGE, 40).guesses
    assert [g.label for g in guesses] == labels[::2] + labels[1::2]
    assert len({g.confidence for g in guesses}) == 2


def rejecting(**weights: float) -> dict[str, Any]:
    """A calibration that turns photos away; what weighs nothing is not named."""
    nothing = dict.fromkeys(("bias", "log_top", "margin", "log_sum", "familiarity"), 0.0)
    thresholds = {"reject_below": 0.3, "sure_from": 0.6}
    rejection = {"weights": nothing | weights, "data": "others", "n": 20} | thresholds
    return {"temperature": 2.0, "data": "val", "n": 10, "rejection": rejection}


def plain_colour(*rgb: int) -> NDArray[np.uint8]:
    return np.full((SIZE, SIZE, 3), rgb, np.uint8)


RED, GREY, BLUE = plain_colour(255, 0, 0), plain_colour(9, 9, 9), plain_colour(0, 0, 255)


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_the_familiarity_output_decides_where_it_weighs(tmp_path: Path, output: str) -> None:
    calibration = rejecting(familiarity=1.0)
    recogniser = Recogniser(write_tiny(tmp_path / "t", output, heads=True, calibration=calibration))
    for image, kind in ((RED, "sure"), (GREY, "unsure"), (BLUE, "unknown")):
        verdict = recogniser.classify(image)
        assert verdict.kind == kind
        assert verdict.known == pytest.approx(1 / (1 + np.exp(image[0, 0] @ -FAMILIAR)), abs=1e-6)
        expected = softmax(logits_of(image), 2.0)  # the guesses come whatever the kind
        best = int(expected.argmax())
        assert verdict.guesses[0].label == LABELS[best]
        assert verdict.guesses[0].confidence == pytest.approx(expected[best], abs=1e-4)


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_known_is_that_of_the_logits_before_the_temperature(tmp_path: Path, output: str) -> None:
    calibration = rejecting(bias=-1.0, log_top=0.5, margin=0.25)
    bundle = write_tiny(tmp_path / "tiny", output, calibration=calibration)
    fitted = bundle.manifest.artefacts[0].calibration
    assert fitted is not None
    assert fitted.rejection is not None
    reading = Recogniser(bundle).read(IMAGE)
    assert reading.known == pytest.approx(known(fitted.rejection, logits_of(IMAGE)[None])[0])
    assert reading.probabilities == pytest.approx(softmax(logits_of(IMAGE), 2.0), abs=1e-4)


def test_without_rejection_everything_counts_as_known(tmp_path: Path) -> None:
    recogniser = Recogniser(write_tiny(tmp_path / "tiny", heads=True))
    assert recogniser.read(BLUE).known == 1
    assert recogniser.classify(GREY).kind == "unsure"  # about a third each
    assert recogniser.classify(RED).kind == "sure"


def test_a_fused_verdict_goes_by_the_mean(tmp_path: Path) -> None:
    calibration = rejecting(familiarity=1.0)
    recogniser = Recogniser(write_tiny(tmp_path / "t", heads=True, calibration=calibration))
    red, blue = recogniser.read(RED), recogniser.read(BLUE)
    verdict = recogniser.verdict(fuse([red, blue]))
    assert verdict.kind == "unsure"
    assert verdict.known == pytest.approx(0.5)
    assert recogniser.verdict(fuse([red, red, blue])).kind == "sure"
    assert recogniser.verdict(fuse([red, blue, blue, blue])).kind == "unknown"
    means = (red.probabilities + blue.probabilities) / 2
    got = {guess.label: guess.confidence for guess in verdict.guesses}
    assert [got[label] for label in LABELS] == pytest.approx(means)
    assert recogniser.verdict(red) == recogniser.classify(RED)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("sure", "iris 97.1 %, tulip 1.2 %"),
        ("unsure", "not sure: iris 97.1 %, tulip 1.2 %"),
        ("unknown", "none of these; nearest are iris, tulip"),
    ],
)
def test_a_verdict_is_a_line(kind: Any, text: str) -> None:
    guesses = (Guess("iris", 0.97051), Guess("tulip", 0.012))
    assert str(Verdict(kind, 0.5, guesses)) == text


@st.composite
def readings(draw: st.DrawFn) -> list[Reading]:
    """1 to 6 readings of as many classes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes = draw(st.integers(2, 5))
    return [
        Reading(softmax(rng.normal(0, 5, classes)), float(rng.uniform()))
        for _ in range(draw(st.integers(1, 6)))
    ]


@given(readings(), st.randoms(use_true_random=False))
def test_fusing_takes_the_mean_in_any_order(several: list[Reading], random: Any) -> None:
    fused = fuse(several)
    assert fused.probabilities.sum() == pytest.approx(1)
    assert fused.known == pytest.approx(sum(r.known for r in several) / len(several))
    shuffled = fuse(random.sample(several, len(several)))
    assert np.allclose(shuffled.probabilities, fused.probabilities, atol=1e-12)
    assert shuffled.known == pytest.approx(fused.known)
    twice = fuse(several * 2)
    assert np.allclose(twice.probabilities, fused.probabilities, atol=1e-12)


@given(readings())
def test_one_reading_fused_is_itself(several: list[Reading]) -> None:
    fused = fuse(several[:1])
    assert np.array_equal(fused.probabilities, several[0].probabilities)
    assert fused.known == several[0].known


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
        assert recogniser.classify(image).guesses[0].label == species


def test_every_runnable_artefact_says_about_the_same(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    image = flowers()["poppy"]
    runnable = [a.file for a in bundle.manifest.artefacts if a.format != "keras"]
    assert len(runnable) >= 4
    got = [Recogniser(bundle, artefact=file).classify(image).guesses[0] for file in runnable]
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
labels = [recogniser.classify(image).guesses[0].label for image in images]
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
