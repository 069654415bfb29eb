"""Where an error comes from: the operation that was broken is the one that is named."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.gate.localise import (
    CEILING,
    FLOOR,
    JUMP,
    Layer,
    Localisation,
    Tally,
    first_jump,
    localise,
)
from export.gate.tensors import Computed, Values, matched, open_inside
from models.bundle import open_bundle
from models.contract import to_json
from models.errors import InputError
from models.manifest import SCHEMES, Scheme
from models.photos import scan_class_folders
from models.preprocess import load_photos
from models.runtime import open_runner, run_each
from tests.sabotage import kernels, with_kernel, with_scale

Bombus = Callable[..., tuple[int, str, str]]
FORMATS = ("tflite", "onnx")


@pytest.fixture(scope="module")
def photos(drawn_flowers: Path) -> list[Values]:
    # Of those that set the ranges of 8 bits: beyond a range, an operation does stand out.
    pixels = load_photos(scan_class_folders(drawn_flowers / "train").paths[::24], 64)
    return [{"image": photo[None]} for photo in pixels]


def _read(bundle: Path, scheme: str, model_format: str) -> bytes:
    return (bundle / f"tiny_{scheme}.{model_format}").read_bytes()


def _layer(own: float) -> Layer:
    return Layer("name", "operation", "Conv", own, own, 0.0)


@given(
    st.lists(st.floats(1, 1.9), min_size=3, max_size=30),
    st.integers(0, 29),
    st.sampled_from([1e-6, 1e-4, 1e-3]),
)
def test_one_that_stands_out_is_named_and_none_else(
    errors: list[float], place: int, unit: float
) -> None:
    layers = [_layer(unit * error) for error in errors]
    assert first_jump(layers) is None
    place %= len(layers)
    layers[place] = _layer(max(2 * JUMP * unit, 2 * FLOOR))
    assert first_jump(layers) is layers[place]


def test_the_first_of_several_is_named() -> None:
    layers = [_layer(own) for own in (0.0, 1e-6, 2 * CEILING, 0.5, math.inf)]
    assert first_jump(layers) is layers[2]
    assert first_jump([_layer(0.0), _layer(math.inf)]) is not None
    assert first_jump([]) is None


def test_errors_are_relative_to_the_references_range() -> None:
    tally = Tally()
    exact = np.array([[-1.0, 3.0]], np.float32)
    tally.add(exact, exact + 1, exact)
    tally.add(exact, exact - 1, np.array([[-1.0, 5.0]]))
    assert tally.relative() == pytest.approx((1 / 4, 1 / 4))  # of 4, the range
    assert tally.sqnr() == pytest.approx(10 * math.log10(5))
    tally.add(exact, exact * np.nan, exact)
    assert tally.relative()[0] == math.inf
    assert tally.sqnr() == -math.inf


@pytest.mark.parametrize("error", [0.0, 0.5, math.inf])
def test_a_localisation_survives_json(error: float) -> None:
    sqnr = {0.0: math.inf, 0.5: 6.0, math.inf: -math.inf}[error]
    found = Localisation((Layer("n", "o", "k", error, error, sqnr),), 3, 2)
    assert Localisation.from_json(json.loads(json.dumps(found.as_json()))) == found


def test_tensors_match_by_name_and_by_turn() -> None:
    def computed(*names: str) -> list[Computed]:
        return [
            Computed(n, n, "k", (n.rstrip("0123456789"), n.strip("ab0123456789"))) for n in names
        ]

    def names(first: list[Computed], second: list[Computed]) -> list[tuple[str, str]]:
        return [(there.name, here.name) for there, here in matched(first, second)]

    assert names(computed("a", "a1", "b"), computed("a2", "b", "a3")) == [
        *(("a", "a2"), ("b", "b"), ("a1", "a3"))
    ]
    # One too many: only the same name is the same tensor.
    assert names(computed("a", "c"), computed("a", "a1", "c5")) == [("a", "a"), ("c", "c5")]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model_format", FORMATS)
def test_nothing_stands_out_in_a_sound_file(
    tiny_bundle: Path, photos: list[Values], model_format: str, scheme: Scheme
) -> None:
    data = _read(tiny_bundle, scheme, model_format)
    reference = _read(tiny_bundle, "f32", model_format)
    found = localise(open_inside(reference, "f32"), open_inside(data, scheme), photos)
    assert found.jump is None, found.jump
    assert found.samples == len(photos)
    # Integers go through fewer operations: scaling or activations are part of others.
    assert len(found.layers) == found.of or scheme == "wi8_ai8"
    assert len(found.layers) >= 6
    worst = max(layer.own for layer in found.layers)
    assert (worst == 0) == (scheme == "f32")
    assert worst < CEILING
    # The last of the layers is an output, which any runtime reads as well. It may fuse more when
    # it need not show what is inside: half precision is then rounded less often.
    first, second = (
        run_each(open_runner(d, model_format), [feeds["image"][0] for feeds in photos])
        for d in (reference, data)
    )
    for name, exact in first.items():
        error = float(np.sqrt(np.mean((second[name] - exact) ** 2)) / np.ptp(exact))
        wanted = pytest.approx(error, rel=0.3, abs=1e-6)
        assert any(layer.error == wanted for layer in found.layers), name


def _negated(values: NDArray[Any]) -> NDArray[Any]:
    return -values


def _with_nan(values: NDArray[Any]) -> NDArray[Any]:
    broken = values.copy()
    broken.flat[0] = np.nan
    return broken


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model_format", FORMATS)
def test_the_operation_with_the_broken_kernel_is_named(
    tiny_bundle: Path, photos: list[Values], model_format: str, scheme: Scheme
) -> None:
    data = _read(tiny_bundle, scheme, model_format)
    reference = open_inside(_read(tiny_bundle, "f32", model_format), "f32")
    for operation in kernels(data, model_format):
        broken = with_kernel(data, model_format, operation, _negated)
        found = localise(reference, open_inside(broken, "broken"), photos)
        assert found.jump is not None
        assert found.jump.operation == operation
        assert found.worst(1) == [found.jump]


@pytest.mark.parametrize("model_format", FORMATS)
def test_the_operation_with_the_wrong_scale_is_named(
    tiny_bundle: Path, photos: list[Values], model_format: str
) -> None:
    data = _read(tiny_bundle, "wi8_ai8", model_format)
    reference = open_inside(_read(tiny_bundle, "f32", model_format), "f32")
    operation = kernels(data, model_format)[1]
    broken = with_scale(data, model_format, operation, 2.0)
    found = localise(reference, open_inside(broken, "broken"), photos)
    assert found.jump is not None
    assert found.jump.operation == operation


@pytest.mark.parametrize("model_format", FORMATS)
def test_nan_is_traced_through_the_command_line(
    bombus: Bombus, tiny_bundle: Path, drawn_flowers: Path, tmp_path: Path, model_format: str
) -> None:
    data = _read(tiny_bundle, "f16", model_format)
    operation = kernels(data, model_format)[1]
    stray = tmp_path / f"b_f16.{model_format}.rejected"
    stray.write_bytes(with_kernel(data, model_format, operation, _with_nan))
    reference = tiny_bundle / f"tiny_f32.{model_format}"
    common = [
        *("export", "verify", stray, "--reference", reference),
        *("--samples", drawn_flowers / "val", "--count", 3),
    ]
    out = tmp_path / "layers"
    code, text, err = bombus(*common, "--json", "--out", out)
    assert code == 0, err
    report = json.loads(text)
    assert report["jump"] == operation
    assert report["samples"] == 3
    assert {layer["own"] for layer in report["layers"] if layer["operation"] == operation} == {None}
    assert json.loads((out / "layers.json").read_text()) == report
    assert (out / "layers.png").read_bytes()[:4] == b"\x89PNG"
    code, _, err = bombus(*common, "--out", out)
    assert (code, "--force" in err) == (2, True)
    code, text, _ = bombus(*common)
    assert code == 0
    assert "the error jumps first at" in text


def test_arrays_serve_as_samples(
    bombus: Bombus, tiny_bundle: Path, photos: list[Values], tmp_path: Path
) -> None:
    arrays = tmp_path / "samples.npz"
    np.savez(arrays, image=np.concatenate([feeds["image"] for feeds in photos]))
    common = ("export", "verify", tiny_bundle, "--layers", "tiny_wi8_ai8.onnx", "--samples")
    code, text, err = bombus(*common, arrays, "--count", 2)
    assert code == 0, err
    assert "of tiny_f32.onnx found again, 2 samples" in text
    assert "no operation stands out" in text
    np.savez(arrays, picture=np.zeros((2, 64, 64, 3)))
    assert bombus(*common, arrays)[0] == 2
    np.savez(arrays, image=np.zeros((2, 32, 32, 3)))
    code, _, err = bombus(*common, arrays)
    assert (code, "takes (64, 64, 3)" in err) == (2, True)


def test_a_stream_keeps_its_states(bombus: Bombus, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shaken = rng.normal([0, 0, 0, 0, 0, 9.8], [0.05] * 3 + [0.5] * 3, (60, 6))
    np.savez(tmp_path / "drive.npz", sample=shaken)
    common = [
        *("export", "verify", "localizer", "--layers", "localizer_wi8_afp32.tflite"),
        *("--json", "--samples", tmp_path / "drive.npz", "--count"),
    ]
    current, membrane = dict[int, float](), dict[int, float]()
    for count in (1, 60):
        code, text, err = bombus(*common, count)
        assert code == 0, err
        report = json.loads(text)
        assert report["samples"] == count
        assert report["matched"] == report["of"]
        errors = {layer["name"].split("/")[-1]: layer["error"] for layer in report["layers"]}
        current[count], membrane[count] = errors["BiasAdd1"], errors["add_4"]
    # From rest, a neuron's membrane is its current; later it holds those of before, too.
    assert current[1] > 0
    assert membrane[1] == pytest.approx(current[1], rel=0.01)
    assert membrane[60] < 0.8 * current[60]


def test_what_cannot_be_compared_is_refused_in_one_line(
    bombus: Bombus, tiny_bundle: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    file, samples = "tiny_f16.tflite", ("--samples", drawn_flowers / "val")
    empty = tmp_path / "empty.onnx"
    empty.write_bytes(b"")
    for words, code in (
        (("--layers", file), 2),
        (("--samples", drawn_flowers), 2),
        (("--layers", "tiny.keras", *samples), 2),
        (("--layers", "absent.tflite", *samples), 2),
        (("--layers", file, "--max-drop", 1, *samples), 2),
        (("--layers", file, "--reference", tiny_bundle / "tiny_f32.onnx", *samples), 2),
        (("--layers", file, "--reference", empty, *samples), 2),
        (("--layers", file, "--reference", tiny_bundle / "manifest.json", *samples), 6),
    ):
        got, _, err = bombus("export", "verify", tiny_bundle, *words)
        assert (got, err.count("\n")) == (code, 1), (words, err)
    copy = tmp_path / "tiny"
    shutil.copytree(tiny_bundle, copy)
    (copy / file).write_bytes((copy / file).read_bytes()[::-1])
    assert bombus("export", "verify", copy, "--layers", file, *samples)[0] == 6


def test_two_files_with_nothing_in_common(tiny_bundle: Path, photos: list[Values]) -> None:
    first = open_inside(_read(tiny_bundle, "f32", "onnx"), "first")
    second = open_inside(_read(tiny_bundle, "f32", "tflite"), "second")
    with pytest.raises(InputError, match="0 tensors"):
        localise(first, second, photos)
    with pytest.raises(InputError, match="0 samples"):
        localise(first, first, [])


@pytest.mark.slow
@pytest.mark.parametrize("model_format", FORMATS)
def test_a_missing_float_file_is_made_of_the_keras_model(
    bombus: Bombus, tiny_bundle: Path, drawn_flowers: Path, tmp_path: Path, model_format: str
) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(tiny_bundle, copy)
    manifest = open_bundle(copy).manifest
    kept = tuple(a for a in manifest.artefacts if a.scheme != "f32" or a.format == "keras")
    (copy / "manifest.json").write_text(
        to_json(manifest.model_copy(update={"artefacts": kept, "default": {}, "card": None}))
    )
    (copy / "CARD.md").unlink()
    for f in FORMATS:
        (copy / f"tiny_f32.{f}").unlink()
    file = f"tiny_wi8_ai8.{model_format}"
    code, text, err = bombus(
        *("export", "verify", copy, "--layers", file, "--samples", drawn_flowers / "val", "--json")
    )
    assert code == 0, err
    report = json.loads(text)
    assert report["reference"] == "f32 made of tiny.keras"
    assert report["jump"] is None
    assert report["matched"] >= 6
