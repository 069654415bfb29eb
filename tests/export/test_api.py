"""The stages of an export as functions, as README shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

import export
from export import convert, diff, inspect, plan, verify
from export.gate.recheck import Limits
from models.errors import InputError

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


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fold'"):
        _ = export.fold


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import export, sys; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
