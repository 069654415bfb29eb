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

from export.annotate import annotate
from export.image.familiarity import REJECT_SHARE, UNSURE_SHARE
from models.bundle import Bundle, open_bundle
from models.classify import Recogniser
from models.contract import to_json
from models.manifest import SCHEMES, Artefact
from models.photos import scan_class_folders, scan_photos
from models.preprocess import load_photo, load_photos
from models.runtime import embedded_contract, open_runner, run_each
from tests.drawing import draw_others

Bombus = Callable[..., tuple[int, str, str]]
SHAPES = {"logits": (1, 4), "activation_map": (1, 6, 6, 4)}


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
        (image,), outputs = runner.inputs, {p.name: p for p in runner.outputs}
        assert (image.name, image.shape) == ("image", (1, 64, 64, 3))
        assert {name: p.shape for name, p in outputs.items()} == SHAPES
        assert {p.dtype.name for p in outputs.values()} == {"float32"}
        full_int8 = (a.format, a.scheme) == ("tflite", "wi8_ai8")
        assert image.dtype == (np.uint8 if full_int8 else np.float32)
        assert a.dtypes == {"image": image.dtype.name} | dict.fromkeys(SHAPES, "float32")
    assert {t.name: t.shape for t in bundle.manifest.outputs} == SHAPES
    assert bundle.manifest.outputs[0].name == "logits"  # what is no head comes first


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


def _made(bundle: Bundle) -> list[Artefact]:
    return [a for a in bundle.manifest.artefacts if a.format != "keras"]


def test_the_map_of_every_artefact_adds_up_to_its_logits(
    tiny_bundle: Path, tiny_classifier: Path, drawn_flowers: Path
) -> None:
    bias = keras.saving.load_model(tiny_classifier).get_weights()[-1]
    bundle = open_bundle(tiny_bundle)
    pixels = load_photos(scan_class_folders(drawn_flowers / "test").paths[::4], 64)
    for a in _made(bundle):
        assert a.parity.keys() == SHAPES.keys()
        assert a.parity["logits"].agreement is not None
        assert a.parity["activation_map"].agreement is None
        assert a.calibration is not None
        assert a.calibration.rejection is None
        answers = run_each(open_runner(bundle.read(a), a.format), pixels)
        summed = answers["activation_map"].mean(axis=(1, 2)) + bias
        off = np.abs(summed - answers["logits"]).max() / np.ptp(answers["logits"])
        assert off <= {"f32": 1e-5, "f16": 1e-2}.get(a.scheme, 0.1), a.file


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of ten other things, 12 of each."""
    return draw_others(tmp_path_factory.mktemp("others"), 12)


@pytest.fixture(scope="module")
def rejecting(
    tiny_classifier: Path,
    drawn_flowers: Path,
    others: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    """The tiny classifier as a bundle that turns other things away; f32 and wi8_ai8."""
    from bombus import run

    out = tmp_path_factory.mktemp("bundles") / "rejecting"
    folders = ("--calibrate", drawn_flowers / "train", "--validate", drawn_flowers / "val")
    command = ["export", "convert", tiny_classifier, "--out", out, *folders, "--unknown", others]
    assert run([str(a) for a in (*command, "--rounds", 0, "--schemes", "f32,wi8_ai8")]) == 0
    return open_bundle(out)


HEADED = SHAPES | {"familiarity": (1, 1)}


def test_rejection_is_written_into_every_artefact(rejecting: Bundle, others: Path) -> None:
    first, second = scan_photos(others).halves()
    assert min(len(first), len(second)) >= 24  # else the tests below show little
    manifest = rejecting.manifest
    assert {t.name: t.shape for t in manifest.outputs} == HEADED
    meanings = ["logits", "class-activation-map", "familiarity"]
    assert [t.meaning for t in manifest.outputs] == meanings
    artefacts = _made(rejecting)
    assert len(artefacts) == 4
    weights = set()
    for a in artefacts:
        assert a.parity.keys() == HEADED.keys()
        assert a.calibration is not None
        rejection = a.calibration.rejection
        assert rejection is not None
        assert rejection.n == len(first)
        assert rejection.data == "/".join(others.parts[-2:])
        assert 0 < rejection.reject_below <= rejection.sure_from < 1
        weights.add(rejection.weights.model_dump_json())
    assert len(weights) == 1  # fitted once; the thresholds are each artefact's own
    source = next(a for a in manifest.artefacts if a.format == "keras")
    assert source.dtypes.keys() == {"image", "logits"}
    assert manifest.source.unknown_data["n"] == 120
    assert manifest.source.unknown_data["sha256"] == scan_photos(others).sha256
    assert manifest.source.unknown_data["name"] == "/".join(others.parts[-2:])


def test_all_outputs_agree_across_formats(rejecting: Bundle, drawn_flowers: Path) -> None:
    pixels = load_photos(scan_class_folders(drawn_flowers / "test").paths[::2], 64)
    answers = {
        (a.format, a.scheme): run_each(open_runner(rejecting.read(a), a.format), pixels)
        for a in _made(rejecting)
    }
    reference = answers["tflite", "f32"]
    for (model_format, scheme), outputs in answers.items():
        assert outputs.keys() == HEADED.keys()
        for name, values in outputs.items():
            assert values.shape == (len(pixels), *HEADED[name][1:])
            off = np.abs(values - reference[name]).max() / np.ptp(reference[name])
            limit = 1e-4 if scheme == "f32" else 0.15
            assert off <= limit, (model_format, scheme, name)


def test_unseen_things_are_turned_away_and_flowers_are_not(
    rejecting: Bundle, drawn_flowers: Path, others: Path
) -> None:
    flowers = load_photos(scan_class_folders(drawn_flowers / "val").paths, 64)
    strangers = load_photos(scan_photos(others).halves()[1].paths, 64)
    for a in _made(rejecting):
        recogniser = Recogniser(rejecting, artefact=a.file)
        kinds = [recogniser.classify(photo).kind for photo in flowers]
        # Set on these photos, with answers that are no surer than the artefact's here.
        assert kinds.count("unknown") <= REJECT_SHARE * len(kinds) + 1, a.file
        assert kinds.count("sure") >= (1 - UNSURE_SHARE) * len(kinds) - 1, a.file
        kinds = [recogniser.classify(photo).kind for photo in strangers]
        assert kinds.count("unknown") >= len(kinds) / 2, a.file


def test_a_softmax_model_has_all_heads(
    bombus: Bombus, tiny_classifier: Path, drawn_flowers: Path, others: Path, tmp_path: Path
) -> None:
    model = keras.saving.load_model(tiny_classifier)
    layers = [keras.Input((64, 64, 3)), *model.layers, keras.layers.Softmax()]
    keras.Sequential(layers).save(tmp_path / "m.keras")
    some = ("--to", "onnx", "--schemes", "f32", "--unknown", others)
    code, _, err = _convert(bombus, tmp_path / "m.keras", drawn_flowers, tmp_path / "b", *some)
    assert code == 0, err
    bundle = open_bundle(tmp_path / "b")
    names = ["probabilities", "activation_map", "familiarity"]
    assert [t.name for t in bundle.manifest.outputs] == names
    recogniser = Recogniser(bundle)
    photos = load_photos(scan_photos(others).halves()[1].paths[::3], 64)
    kinds = [recogniser.classify(photo).kind for photo in photos]
    # Probabilities don't tell how large the logits were; still far more than of its own (4 %).
    assert kinds.count("unknown") >= len(kinds) / 4


def test_a_model_without_a_map_is_told_of(
    bombus: Bombus, tiny_classifier: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    model = keras.saving.load_model(tiny_classifier)
    keras.Sequential([model, keras.layers.Rescaling(2.0)]).save(tmp_path / "m.keras")
    some = ("--to", "onnx", "--schemes", "f32")
    code, out, err = _convert(bombus, tmp_path / "m.keras", drawn_flowers, tmp_path / "b", *some)
    assert (code, "no class-activation map" in out) == (0, True), err
    assert [t.name for t in open_bundle(tmp_path / "b").manifest.outputs] == ["logits"]


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


def test_a_wrong_artefact_is_rejected_and_kept_aside(  # noqa: PLR0917
    bombus: Bombus,
    tiny_classifier: Path,
    tiny_bundle: Path,
    drawn_flowers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A converter that loses precision is played by one that hands out the int8 file as f32."""
    coarse = (tiny_bundle / "tiny_wi8_ai8.tflite").read_bytes()
    monkeypatch.setattr("export.making.annotate", lambda _, *rest: annotate(coarse, *rest))
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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--max-mb", "nan"), "--max-mb nan: give a number above 0"),
        (("--max-ms", "-1"), "--max-ms -1.0: give a number above 0"),
        (("--max-ms", "5", "--rounds", "0"), "nothing is measured with --rounds 0"),
        (("--max-drop", "nan"), "--max-drop nan: give points from 0 to 100"),
        (("--name", "ü x"), "name 'ü x': give letters, digits"),
        (("--version", "one"), "version 'one': give one such as 1.2.0"),
        (("--onnxruntime", "old"), "--onnxruntime old: give a version from 1.7 on"),
    ],
)
def test_an_order_that_could_not_be_filled_is_refused_at_once(
    options: tuple[str, ...], words: str, *, bombus: Bombus, tiny_classifier: Path,
    drawn_flowers: Path, tmp_path: Path,
) -> None:  # fmt: skip
    code, _, err = _convert(bombus, tiny_classifier, drawn_flowers, tmp_path / "b", *options)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


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
    names = ["CARD.md", "manifest.json", "tiny.keras", "tiny_f32.onnx"]
    assert sorted(p.name for p in out.iterdir()) == names
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
