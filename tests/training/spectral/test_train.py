from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.spectral.spectra import spectra
from training.spectral.train import CONTRACT, LEARNED, METRICS, MODEL, RECIPE, TEST

Bombus = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Counts with Sentinel-2's offset, ten fields of three crops."""
    samples = spectra(180, classes=3, groups=10)
    assert samples.groups is not None
    lines = ["blue,green,red,nir,field,label"]
    for row, group, target in zip(samples.values, samples.groups, samples.targets, strict=True):
        counts = ",".join(str(round(10_000 * v) + 1000) for v in row)
        lines.append(f"{counts},{group},{'abc'[target]}")
    path = tmp_path / "fields.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_run_from_a_table(table: Path, tmp_path: Path, bombus: Bombus) -> None:
    recipe, out = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text("seeds = 2\ncompare = []\n[training]\nepochs = 40\nbatch = 32\n")
    options = ("--groups", "field", "--classes", "c=c", "--classes", "rest=*")
    units = ("--scale", 1e-4, "--offset", -1000)
    command = ("train", "spectral", "--data", table, "--recipe", recipe, *options, *units)
    code, said, err = bombus(*command, "--out", out, "--json")
    assert (code, err) == (0, "")
    metrics = json.loads(said)
    assert metrics == json.loads((out / METRICS).read_text(encoding="utf-8"))
    assert (metrics["split"], metrics["seeds"]) == ("grouped", [0, 1])
    found = metrics["kinds"]["ndl"]
    assert found["parameters"] == 6 * 2 + 7
    assert found["clean"]["mean"] > 95
    assert found["factor 0.5"]["mean"] == 0

    contract = json.loads((out / CONTRACT).read_text(encoding="utf-8"))
    assert contract["bands"] == ["blue", "green", "red", "nir"]
    assert contract["classes"] == ["c", "rest"]
    assert (contract["scale"], contract["offset"]) == (1e-4, -1000)
    assert contract["unit"] == "reflectance"
    with np.load(out / TEST) as test, np.load(out / LEARNED) as learned:
        rows, targets = test["X"], test["y"]
        assert len(rows) + len(learned["X"]) == 180
        assert contract["maximum"] == learned["X"].max() < 1.2
    model = keras.models.load_model(out / MODEL)
    right = (model(rows.astype(np.float32)).numpy()[:, 0] > 0) == targets
    assert 100 * right.mean() == pytest.approx(found["clean"]["first"], abs=1e-3)
    made = json.loads((out / RECIPE).read_text(encoding="utf-8"))
    assert made["recipe"]["training"]["epochs"] == 40
    assert {"data_sha256", "packages", "commit"} <= set(made)

    code, _, err = bombus(*command, "--out", out)
    assert code == 2
    assert "already there" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "tree"), "kind 'tree': not one of"),
        (("--label", "crop"), "no column 'crop'"),
        (("--bands", "blue,swir"), "no column 'swir'"),
        (("--groups", "tile"), "no column 'tile'"),
        (("--offset", -2000), "is negative"),
        (("--classes", "x"), "write NEW=OLD"),
        (("--augmentation", "hail"), "augmentation holds 'hail'"),
    ],
)
def test_a_mistake_is_one_line(
    table: Path, tmp_path: Path, bombus: Bombus, options: tuple[object, ...], words: str
) -> None:
    out = tmp_path / "run"
    code, _, err = bombus("train", "spectral", "--data", table, "--out", out, *options)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert not out.exists()
