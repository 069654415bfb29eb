"""Sabotage: whatever is broken on purpose is caught by the gate that is there for it.

Through the command line, with the exit code, and nothing is left under its final name. Budgets
(exit 5) are in test_pipeline; signatures, which guard the manifest itself, in test_sign; the
Keras model's own faults in test_pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import export.making
from export.annotate import annotate
from export.localizer.gate import judge_step
from export.localizer.stream import run_stream
from export.localizer.ways import Judge, localize
from export.spectral.gate import Exam, judge_spectral
from export.subject import Candidate
from models.bundle import write_bundle
from models.contract import Contract, labels_sha256
from models.runtime import open_runner
from tests.export.runs import PROFILE, drive
from tests.sabotage import kernels, with_constant, with_input_scaled, with_kernel, with_scale
from tests.tiny_adapters import tiny_step
from tests.tiny_bundles import LABELS, contract_values, full_values, manifest_values, parsed
from tests.tiny_bundles import tiny_onnx as classifier
from tests.tiny_spectral import EPSILON
from tests.tiny_spectral import tiny_onnx as spectral

Bombus = Callable[..., tuple[int, str, str]]
Array = NDArray[Any]
Spoil = Callable[[bytes, str], bytes]


def _kernel(place: int, change: Callable[[Array], Array]) -> Spoil:
    """Change the kernel of an operation, by its place among those that have one."""
    return lambda data, kind: with_kernel(data, kind, kernels(data, kind)[place], change)


def _one_flipped(values: Array) -> Array:
    changed = values.copy()
    place = np.abs(changed.astype(np.float64)).argmax()
    changed.flat[place] = -changed.flat[place]
    return changed


def _one_nan(values: Array) -> Array:
    changed = values.copy()
    changed.flat[7] = np.nan
    return changed


# By file: how it is broken, and what the gate must say of it. TFLite's kernels are [out, row,
# column, in], those of its last [class, feature].
BROKEN: dict[str, tuple[Spoil, str]] = {
    "b_f16.tflite": (_kernel(0, lambda k: k[..., ::-1]), "RMS error"),  # swapped channels
    "b_wi8_afp32.tflite": (_kernel(-1, lambda k: k[::-1]), "top-1 drop"),  # other classes
    "b_wi8_ai8.tflite": (_kernel(-1, np.zeros_like), "top-1 agreement"),  # a constant
    "b_f32.onnx": (_kernel(1, _one_flipped), "RMS error"),
    "b_f16.onnx": (_kernel(1, _one_nan), "NaN or infinity on 40 of 40 inputs"),
    "b_wi8_afp32.onnx": (  # pixels of 0..1
        lambda data, _: with_input_scaled(data, 1 / 255),
        "top-1 agreement on decided inputs",
    ),
    "b_wi8_ai8.onnx": (
        lambda data, kind: with_scale(data, kind, kernels(data, kind)[1], 2.0),
        "RMS error",
    ),
}


@pytest.fixture
def convert(
    bombus: Bombus, tiny_classifier: Path, drawn_flowers: Path, tmp_path: Path
) -> Callable[..., tuple[int, str]]:
    """Convert the tiny classifier to tmp_path / "b": exit code and error output."""
    folders = ("--calibrate", drawn_flowers / "train", "--validate", drawn_flowers / "val")
    fixed = ("export", "convert", tiny_classifier, "--out", tmp_path / "b", *folders)

    def call(*more: object) -> tuple[int, str]:
        code, _, err = bombus(*fixed, "--rounds", 0, *more)
        return code, err

    return call


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Spoil]], None]:
    """Break what a converter made, before it is judged."""
    judged = export.making.judged

    def install(spoils: dict[str, Spoil]) -> None:
        def broken(contract: Any, judge: Any, file: str, kind: Any, draft: bytes) -> Any:
            return judged(contract, judge, file, kind, spoils[file](draft, kind[0]))

        monkeypatch.setattr("export.making.judged", broken)

    return install


def test_files_broken_before_the_gate(
    convert: Callable[..., tuple[int, str]],
    breaks: Callable[[dict[str, Spoil]], None],
    tiny_bundle: Path,
    tmp_path: Path,
) -> None:
    small = (tiny_bundle / "tiny_wi8_afp32.tflite").read_bytes()
    broken = BROKEN | {"b_f32.tflite": (lambda *_: small, "the file has lost weights")}
    breaks({file: spoil for file, (spoil, _) in broken.items()})
    code, err = convert()
    assert (code, err.count("\n")) == (4, 1), err
    assert "8 of 8 artefacts rejected" in err
    for file, (_, words) in broken.items():
        said = err.partition(f"{file}: ")[2].partition(";")[0]
        assert words in said, (file, said)
    kept = {f"{file}.rejected" for file in broken}
    assert {path.name for path in tmp_path.rglob("*")} == kept | {"b.rejected"}


def test_a_file_let_through_fails_whoever_checks_it(
    bombus: Bombus,
    convert: Callable[..., tuple[int, str]],
    breaks: Callable[[dict[str, Spoil]], None],
    tmp_path: Path,
) -> None:
    breaks({"b_f32.tflite": _kernel(1, _one_nan)})
    assert convert("--to", "tflite", "--schemes", "f32", "--no-gate")[0] == 0
    assert bombus("models", "verify", tmp_path / "b")[0] == 0  # it is what the manifest says
    code, _, err = bombus("export", "verify", tmp_path / "b")
    assert (code, "1 of 1 artefacts fail" in err) == (4, True)


def test_labels_in_another_order(
    convert: Callable[..., tuple[int, str]], tiny_classifier: Path, tmp_path: Path
) -> None:
    """Parity can't show it: the Keras model is as wrong as its files."""
    names = tiny_classifier.with_name("labels.txt").read_text().split()
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join([names[1], names[0], *names[2:]]))
    code, err = convert("--labels", labels, "--no-gate")
    assert (code, err.count("\n")) == (4, 1), err
    assert f"{names[0]} as {names[1]}" in err
    assert "another order" in err
    assert list(tmp_path.iterdir()) == [labels]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Two files that are what their manifest says, with what was measured of them."""
    contract = Contract.model_validate(contract_values())
    measured = full_values()["artefacts"][0]
    files = {
        "tiny_f32.onnx": annotate(classifier(), "onnx", contract, "1"),
        "tiny_wi8_ai8.onnx": annotate(classifier(), "onnx", contract, "2"),
    }
    values = manifest_values(files)
    for artefact in values["artefacts"]:
        artefact |= {"scheme": "wi8_ai8", "parity": measured["parity"]}
    write_bundle(tmp_path / "tiny", parsed(values), files)
    return tmp_path / "tiny"


def _rewrite(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((bundle / "manifest.json").read_text())
    change(values)
    (bundle / "manifest.json").write_text(json.dumps(values))


def _flip(bundle: Path) -> None:
    file = bundle / "tiny_f32.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _relabel(values: dict[str, Any]) -> None:
    values["labels"] = list(reversed(LABELS))
    values["labels_sha256"] = labels_sha256(values["labels"])


def _copied(bundle: Path) -> None:
    (bundle / "tiny_f32.onnx").write_bytes((bundle / "tiny_wi8_ai8.onnx").read_bytes())


def _linked(bundle: Path) -> None:
    file = bundle / "tiny_f32.onnx"
    file.rename(bundle.parent / "elsewhere.onnx")
    file.symlink_to(bundle.parent / "elsewhere.onnx")


def _first(name: str, value: object) -> Callable[[Path], None]:
    return lambda bundle: _rewrite(bundle, lambda v: v["artefacts"][0].update({name: value}))


LATER: dict[str, Callable[[Path], object]] = {
    "a flipped bit": _flip,
    "a file cut short": lambda bundle: (bundle / "tiny_f32.onnx").write_bytes(b"\x08"),
    "another file of the same length": _copied,
    "a link": _linked,
    "a file too many": lambda bundle: (bundle / "more.onnx").write_bytes(b""),
    "a stale hash": _first("sha256", "0" * 64),
    "a stale size": _first("bytes", 7),
    "labels in another order": lambda bundle: _rewrite(bundle, _relabel),
    "labels and not their hash": lambda bundle: _rewrite(
        bundle, lambda values: values.update(labels=list(reversed(LABELS)))
    ),
    "another range": lambda bundle: _rewrite(
        bundle, lambda values: values["inputs"][0].update(range=[0, 1])
    ),
    "a measured NaN": lambda bundle: _rewrite(
        bundle, lambda values: values["artefacts"][0]["parity"]["logits"].update(rms_error=np.nan)
    ),
    "no manifest any more": lambda bundle: (bundle / "manifest.json").write_text("{"),
}


@pytest.mark.parametrize("name", LATER)
def test_a_bundle_broken_later(bombus: Bombus, bundle: Path, name: str) -> None:
    for command in (("models", "verify"), ("export", "verify")):
        assert bombus(*command, bundle)[0] == 0
    LATER[name](bundle)
    commands = [("models", "verify"), ("export", "verify"), ("export", "inspect")]
    if name in ("labels in another order", "another range"):
        commands.pop()  # it says what stands in files, not whether the manifest says the same
    for command in commands:
        code, out, err = bombus(*command, bundle)
        assert (code, out, err.count("\n")) == (6, "", 1), (command, err)
        assert err.startswith("bombus: ")


def test_an_artefact_that_heeds_the_light() -> None:
    """With another term in the denominators of normalized differences, twice the light matters."""
    sound = spectral()
    values = np.random.default_rng(0).uniform(0.02, 0.5, (400, 4)).astype(np.float32)
    reference = open_runner(sound, "onnx").run({"bands": values})
    targets = reference["logits"].argmax(axis=1)
    exam = Exam("made", values, targets, np.arange(400), reference)
    for epsilon, passes in ((EPSILON, True), (-0.3, False)):
        data = with_constant(sound, "epsilon", np.array(epsilon, np.float32))
        candidate = Candidate(open_runner(data, "onnx"), "f32", len(data))
        found = judge_spectral(candidate, exam=exam, weights=100, max_drop=1.0)
        assert any("keep their class under gains" in f for f in found.failures) != passes
        assert bool(found) == passes


def test_an_artefact_that_goes_astray() -> None:
    """A step that speaks of other axes, and the localizer ends up elsewhere."""
    sound = tiny_step()
    road = drive()
    samples = np.hstack((road.gyro, road.accel))

    def said(data: bytes) -> Array:
        return run_stream(open_runner(data, "onnx"), {"sample": samples}, {}, ("slip",))["slip"]

    slip = said(sound)
    judge = Judge(road, PROFILE, slip, localize(road, PROFILE, slip))
    for first, passes in ((0, True), (4, False)):
        data = with_constant(sound, "slip_first", np.array([first]))
        data = with_constant(data, "slip_last", np.array([first + 2]))
        verdict = judge_step(open_runner(data, "onnx"), "f32", [judge])
        assert any("m apart in" in failure for failure in verdict.failures) != passes
        assert bool(verdict.failures) != passes
