"""The stages of an export as functions, as README shows them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

import export
from export import convert, diff, inspect, plan, sign, tune, verify
from export.gate.recheck import Limits
from export.tuning.settings import Settings
from models.errors import InputError
from tests.keys import write_pair

Bombus = Callable[..., tuple[int, str, str]]
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    series = keras.Input((16, 3), name="series")
    x = layers.GlobalMaxPooling1D()(layers.Conv1D(8, 3, activation="relu")(series))
    return keras.Model(series, layers.Dense(2, name="said")(x))


def rows(seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(40, 16, 3)).astype(np.float32)


def test_from_a_model_in_memory_to_a_bundle(model: keras.Model, tmp_path: Path) -> None:
    planned = plan(model, name="pump", schemes=("f32", "wi8_ai8"))
    bundle = convert(
        model,
        tmp_path / "pump",
        validate={"series": rows(1)},
        calibrate={"series": rows(2)},
        schemes=("f32", "wi8_ai8"),
        rounds=0,
    )
    files = [a.file for a in bundle.manifest.artefacts[1:]]
    assert files == [p.file for p in planned.files]
    assert all(verify(bundle))
    assert all(verify(tmp_path / "pump"))
    strict = verify(bundle, Limits({"rms-error": {"wi8_ai8": 1e-9}}))
    assert [bool(found) for found in strict] == ["wi8_ai8" not in file for file in files]
    assert {s.path.name for s in inspect(bundle.path)} == {*files, "pump.keras"}
    assert diff(bundle.path, bundle.path) == []
    with pytest.raises(InputError, match="already there"):
        convert(model, tmp_path / "pump", validate={"series": rows(1)}, schemes=("f32",))


def test_a_signature_is_that_of_the_command(
    bombus: Bombus, tiny_bundle: Path, tmp_path: Path
) -> None:
    private, public = write_pair(tmp_path, "mine")
    written = sign(tiny_bundle, private, tmp_path / "tiny.sig")
    assert written == tmp_path / "tiny.sig"
    with pytest.raises(InputError, match="already there"):
        sign(tiny_bundle, private, written)
    words = ("models", "verify", tiny_bundle, "--key", public, "--signature", written)
    assert bombus(*words)[0] == 0


def test_tuning_writes_a_bundle_and_a_report(model: keras.Model, tmp_path: Path) -> None:
    bundle, outcome = tune(
        model,
        tmp_path / "pump",
        calibrate={"series": np.concatenate([rows(seed) for seed in (3, 4)])},
        validate={"series": rows(1)},
        settings=Settings(draw=16, draws=1, rounds=1),
        formats=("onnx",),
        max_ms=1000.0,
        rounds=1,
    )
    assert [a.file for a in bundle.manifest.artefacts] == ["pump.keras", "pump_wi8_ai8.onnx"]
    assert [found.model_format for found in outcome.found] == ["onnx"]
    assert (tmp_path / "pump-tuning" / "tuning.md").exists()


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fold'"):
        _ = export.fold


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import export, sys; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
