"""`bombus export spectral`: what the exported files compute, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.spectral.graph import spectral_graph
from models.bundle import Bundle, open_bundle
from models.contract import SpectralPreprocess
from models.errors import InputError
from models.runtime import Runner, open_runner
from tests.export.spectra import BANDS, CLASSES, fitted_head, network, spectra, write_run
from training.layers.normalized_contrast import NormalizedContrast

Bombus = Callable[..., tuple[int, str, str]]
LEARNED, TEST = spectra(300, 0), spectra(150, 1)
FRESH = spectra(400, 2)[0].astype(np.float32)  # what the gate has not seen
INDICES = ("ND(B2,B3)", "ND(B2,B4)", "ND(B2,B8)", "ND(B2,B11)", "ND(B3,B4)")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return network(*LEARNED, hidden=8)


@pytest.fixture(scope="module")
def made(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and beside it its bundle."""
    from bombus import run

    folder = write_run(tmp_path_factory.mktemp("spectral") / "run", model, LEARNED, TEST)
    out = folder.with_name("found")
    assert run(["export", "spectral", str(folder), "--out", str(out), "--rounds", "0"]) == 0
    return folder


@pytest.fixture(scope="module")
def bundle(made: Path) -> Bundle:
    return open_bundle(made.with_name("found"))


@pytest.fixture(scope="module")
def runners(bundle: Bundle) -> dict[str, Runner]:
    """Of every artefact but the Keras one, by file name."""
    return {
        a.file: open_runner(bundle.read(a), a.format)
        for a in bundle.manifest.artefacts
        if a.format != "keras"
    }


@pytest.fixture(scope="module")
def reference(model: keras.Model) -> NDArray[np.float32]:
    return np.asarray(model.predict(FRESH, batch_size=400, verbose=0))


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_the_bundle(bombus: Bombus, bundle: Bundle) -> None:
    assert bombus("models", "verify", bundle.path)[0] == 0
    manifest = bundle.manifest
    assert {(a.format, a.scheme) for a in manifest.artefacts} == {
        ("tflite", "f32"),
        ("tflite", "f16"),
        ("tflite", "wi8_ai8"),
        ("onnx", "f32"),
        ("onnx", "wi8_ai8"),
        ("keras", "f32"),
    }
    assert manifest.labels == CLASSES
    assert manifest.inputs[0].channels == BANDS
    assert manifest.outputs[1].channels is not None
    assert manifest.outputs[1].channels[:5] == INDICES
    assert isinstance(manifest.preprocess, SpectralPreprocess)
    assert (manifest.preprocess.scale, manifest.preprocess.offset) == (1e-4, -1000)
    assert manifest.source.git_commit == "cd"
    assert manifest.source.validation_data == {"name": "fields", "n": 450, "held_out": 150}
    for artefact in manifest.artefacts[1:]:
        assert artefact.invariance is not None
        assert artefact.invariance.unchanged >= 0.995
        assert (min(artefact.invariance.gains), max(artefact.invariance.gains)) == (0.5, 2.0)
        assert artefact.quality is not None
        assert artefact.quality.n == 150
        assert artefact.parity["logits"].n == 450


def test_parity(runners: dict[str, Runner], reference: NDArray[np.float32]) -> None:
    limits = {"f32": 1e-5, "f16": 2e-3, "wi8_ai8": 0.05}
    spread = np.ptp(reference)
    best = np.sort(reference, axis=1)
    for file, runner in runners.items():
        scheme = file.removeprefix("found_").partition(".")[0]
        logits = runner.run({"bands": FRESH})["logits"]
        assert np.abs(logits - reference).max() <= limits[scheme] * spread, file
        sure = best[:, -1] - best[:, -2] > 2 * limits[scheme] * spread
        assert sure.any()
        assert (logits.argmax(axis=1) == reference.argmax(axis=1))[sure].all()


def test_indices_are_as_in_float(runners: dict[str, Runner]) -> None:
    values = FRESH.astype(np.float64)
    first, second = values[:, 0], values[:, 1]
    expected = (first - second) / (first + second)  # as in a layer before its training
    for file, runner in runners.items():
        indices = runner.run({"bands": FRESH})["indices"]
        assert indices.shape == (400, 10)
        atol = 1e-3 if "f16" in file else 1e-5
        np.testing.assert_allclose(indices[:, 0], expected, atol=atol, err_msg=file)


def test_any_number_of_rows(runners: dict[str, Runner], bundle: Bundle) -> None:
    for runner in runners.values():
        assert [port.shape for port in runner.inputs] == [(-1, 5)]
        assert {p.name: p.shape for p in runner.outputs} == {"logits": (-1, 3), "indices": (-1, 10)}
        whole = runner.run({"bands": FRESH})["logits"]
        for rows in (1, 7, 1, 256):
            part = runner.run({"bands": FRESH[:rows]})["logits"]
            np.testing.assert_allclose(part, whole[:rows], atol=1e-5 * np.ptp(whole))
    for file in ("found_f32.onnx", "found_wi8_ai8.onnx"):
        graph = onnx.load(bundle.path / file).graph
        ports = (*graph.input, *graph.output)
        assert {p.type.tensor_type.shape.dim[0].dim_param for p in ports} == {"N"}


@given(gain=st.floats(0.5, 2.0))
@settings(max_examples=15)
def test_light_changes_no_decision(runners: dict[str, Runner], gain: float) -> None:
    for file, runner in runners.items():
        before, after = (
            runner.run({"bands": values})["logits"].argmax(axis=1)
            for values in (FRESH, FRESH * np.float32(gain))
        )
        assert np.mean(before == after) >= 0.995, file


AWKWARD = st.sampled_from([0.0, 1e-38, 1e-30, 1e-12, 1e-4, 0.3, 1.0, 1e4, 1e12])


@given(rows=st.lists(st.tuples(*[AWKWARD] * 5), min_size=1, max_size=20))
@settings(max_examples=40)
def test_indices_stay_within_one(runners: dict[str, Runner], rows: list[tuple[float, ...]]) -> None:
    for file, runner in runners.items():
        answers = runner.run({"bands": np.array(rows, np.float32)})
        assert np.isfinite(answers["logits"]).all()
        assert np.abs(answers["indices"]).max() <= 1, file


def test_only_dense_layers_are_in_8_bits(bundle: Bundle) -> None:
    data = (bundle.path / "found_wi8_ai8.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (graph,) = model.subgraphs
    kinds = {code: kind for kind, code in vars(schema.BuiltinOperator).items()}
    integer = [
        graph.tensors[o.inputs[0]].type == schema.TensorType.INT8
        for o in graph.operators
        if kinds[model.operatorCodes[o.opcodeIndex].builtinCode] == "FULLY_CONNECTED"
    ]
    assert sorted(integer) == [False, False, True, True]
    nodes = onnx.load(bundle.path / "found_wi8_ai8.onnx").graph.node
    makers = {name: node.op_type for node in nodes for name in node.output}
    fed = {node.op_type: makers.get(node.input[0]) for node in nodes}
    assert fed["MatMul"] != "DequantizeLinear"
    assert fed["Div"] == "Sub"
    assert [makers[n.input[0]] for n in nodes if n.op_type == "Gemm"] == ["DequantizeLinear"] * 2
    assert makers["indices"] == "Div"
    assert makers["logits"] == "Gemm"


def test_one_logit_becomes_two() -> None:
    two = LEARNED[1] > 0
    model = network(LEARNED[0], two.astype(np.int64))
    graph = spectral_graph(model, BANDS, 2)
    logits = graph.model.predict(FRESH, verbose=0)["logits"]
    single = model.predict(FRESH, verbose=0)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], single[:, 0], rtol=1e-6)
    np.testing.assert_allclose(logits.sum(axis=1), 0, atol=1e-6)


def test_a_network_without_differences_has_no_indices() -> None:
    graph = spectral_graph(network(*LEARNED, differences=False), BANDS, 3)
    assert graph.indices == ()
    assert graph.model.predict(FRESH, verbose=0).keys() == {"logits"}


def test_contrasts_are_indices(bombus: Bombus, tmp_path: Path) -> None:
    """Named by their bands; the gate sees that they stay within 1 and blind to the light."""
    inputs = keras.Input((len(BANDS),), name="bands")
    contrasts = NormalizedContrast(3, initializer=keras.initializers.RandomNormal(stddev=2, seed=0))
    head = keras.layers.Dense(len(CLASSES))
    model = keras.Model(inputs, head(contrasts(inputs)))
    contrasts.fit(LEARNED[0])
    head.set_weights(fitted_head(np.asarray(contrasts(LEARNED[0])), LEARNED[1]))
    run, out = write_run(tmp_path / "run", model, LEARNED, TEST), tmp_path / "bundle"
    options = ("--schemes", "f32", "--rounds", "0")
    assert bombus("export", "spectral", str(run), "--out", str(out), *options)[0] == 0
    channels = open_bundle(out).manifest.outputs[1].channels
    assert channels is not None
    assert len(channels) == 3
    assert all(name.startswith("NC(") for name in channels)


@pytest.mark.parametrize(("bands", "classes"), [(4, 3), (6, 3), (5, 2), (5, 4)])
def test_a_network_of_other_bands_or_classes(bands: int, classes: int) -> None:
    with pytest.raises(InputError, match=rf"of {bands} bands and {classes} classes") as caught:
        spectral_graph(network(*LEARNED), [f"b{i}" for i in range(bands)], classes)
    assert "\n" not in str(caught.value)


def failed(bombus: Bombus, run: Path, code: int, *words: str, schemes: str = "f32") -> None:
    out = run.parent / "out"
    arguments = ("--out", out, "--schemes", schemes, "--rounds", 0)
    got, _, err = bombus("export", "spectral", run, *arguments)
    assert got == code, err
    assert err.startswith("bombus: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert not out.exists()


def test_what_heeds_the_light_is_not_written(bombus: Bombus, run: Path) -> None:
    network(*LEARNED, hidden=30, differences=False).save(run / "model.keras")
    failed(bombus, run, 4, "keep their class under gains of 0.5 to 2 < 99.5 %", "out_f32.onnx")
    kept = {path.name for path in (run.parent / "out.rejected").iterdir()}
    assert kept == {"out_f32.tflite.rejected", "out_f32.onnx.rejected"}


def test_classes_in_another_order_are_not_written(bombus: Bombus, run: Path) -> None:
    for name, (values, targets) in (("learned", LEARNED), ("test", TEST)):
        np.savez(run / f"{name}.npz", X=values, y=(targets + 1) % len(CLASSES))
    failed(bombus, run, 4, "the labels are in another order than it was trained with")


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


SPOILERS: list[tuple[str, Callable[[Path], object], str]] = [
    ("no run", shutil.rmtree, "model.keras"),
    ("no model", lambda run: (run / "model.keras").unlink(), "model.keras"),
    ("no contract", lambda run: (run / "contract.json").unlink(), "contract.json"),
    ("no JSON", lambda run: (run / "contract.json").write_text("["), "not JSON"),
    ("no table", lambda run: (run / "recipe.json").write_text("[]"), "a list, not a record"),
    ("no rows", lambda run: (run / "test.npz").unlink(), "test.npz: no such file"),
    ("rows of text", lambda run: (run / "learned.npz").write_text("X"), "learned.npz: not an npz"),
    (
        "a band less",
        lambda run: rewrite(run / "contract.json", bands=BANDS[1:]),
        "learned.npz: X (300, 5) is not (300, 4) numbers",
    ),
    (
        "a class less",
        lambda run: rewrite(run / "contract.json", classes=CLASSES[1:]),
        "is not a number of one of the 2 classes",
    ),
    (
        "a band twice",
        lambda run: rewrite(run / "contract.json", bands=[*BANDS[:4], BANDS[0]]),
        "bands: a channel's name stands twice",
    ),
    ("no scale", lambda run: rewrite(run / "contract.json", scale=0), "contract.json: scale"),
    (
        "a class that is none",
        lambda run: np.savez(run / "test.npz", X=TEST[0], y=TEST[1] + 1),
        "is not a number of one of the 3 classes",
    ),
    (
        "rows of fewer bands",
        lambda run: np.savez(run / "test.npz", X=TEST[0][:, 1:], y=TEST[1]),
        "X (150, 4) is not (150, 5) numbers",
    ),
    (
        "rows without numbers",
        lambda run: np.savez(run / "test.npz", X=TEST[0] * np.nan, y=TEST[1]),
        "X (150, 5) is not (150, 5) numbers",
    ),
    ("other arrays", lambda run: np.savez(run / "test.npz", values=TEST[0]), "must hold X and y"),
    ("a file in place", lambda run: (run.parent / "out").mkdir(), "already there"),
]


@pytest.mark.parametrize(
    ("spoil", "words"), [s[1:] for s in SPOILERS], ids=[s[0] for s in SPOILERS]
)
def test_bad_runs(bombus: Bombus, run: Path, spoil: Callable[[Path], object], words: str) -> None:
    spoil(run)
    before = set(run.parent.rglob("*"))
    code, _, err = bombus("export", "spectral", run, "--out", run.parent / "out")
    assert code == 2, err
    assert err.startswith("bombus: ")
    assert err.count("\n") == 1
    assert words in err
    assert set(run.parent.rglob("*")) == before


def test_another_scheme(bombus: Bombus, run: Path) -> None:
    code, _, err = bombus("export", "spectral", run, "--out", run.parent / "out", "--schemes", "i4")
    assert code == 2
    assert "--schemes 'i4': f32, f16, wi8_ai8 are known" in err


@pytest.fixture
def real(bombus_data: Path, tmp_path: Path) -> tuple[Path, NDArray[np.float32]]:
    """A run on Sentinel-2 spectra of land cover, and all of them."""
    with np.load(bombus_data / "spectral" / "rstoolbox_sen2.npz") as file:
        sensed = [str(band) for band in file["bands"]]
        columns = [i for i, band in enumerate(sensed) if band not in ("B1", "B9")]
        values, targets = file["X"][:, columns] * 1e-4, file["y"].astype(np.int64)
        classes = tuple(str(name) for name in file["classes"])
        held = file["polygon"] % 5 == 0
    learned, test = (values[~held], targets[~held]), (values[held], targets[held])
    bands = tuple(sensed[i] for i in columns)
    run = write_run(
        tmp_path / "run", network(*learned), learned, test, bands=bands, classes=classes
    )
    return run, values.astype(np.float32)


def test_real_spectra(bombus: Bombus, real: tuple[Path, NDArray[np.float32]]) -> None:
    run, values = real
    out = run.parent / "real"
    arguments = ("--out", out, "--schemes", "f32,wi8_ai8", "--rounds", 0)
    code, _, err = bombus("export", "spectral", run, *arguments)
    assert code == 0, err
    bundle = open_bundle(out)
    for artefact in bundle.manifest.artefacts[1:]:
        assert artefact.invariance is not None
        assert artefact.invariance.n == len(values) == 2370
        runner = open_runner(bundle.read(artefact), artefact.format)
        before = runner.run({"bands": values})["logits"].argmax(axis=1)
        kept = np.ones(len(values), np.bool_)
        for gain in np.linspace(0.5, 2.0, 13, dtype=np.float32):
            after = runner.run({"bands": gain * values})
            kept &= after["logits"].argmax(axis=1) == before
            assert np.abs(after["indices"]).max() <= 1
        assert kept.mean() >= 0.995
