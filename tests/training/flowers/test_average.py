"""Mean weights of two runs: between them, chosen on val, and told how."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.conftest import Trained

Bombus = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pair(trained: Trained, tmp_path: Path) -> tuple[Path, Path]:
    """A run, and the same with other weights."""
    runs = tmp_path / "first", tmp_path / "second"
    for run in runs:
        run.mkdir()
        for name in ("model.keras", "labels.txt", "training.json"):
            shutil.copy(trained.out / name, run)
    model = keras.saving.load_model(runs[1] / "model.keras", compile=False)
    model.set_weights([1.5 * w for w in model.get_weights()])
    model.save(runs[1] / "model.keras")
    return runs


def test_the_best_mean_on_val_is_written(
    pair: tuple[Path, Path], drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("train", "average", *pair, "--data", drawn_flowers, "--out", out)
    code, said, _ = bombus(*command, "--shares", "0,0.5,1", "--json")
    assert code == 0
    told = json.loads((out / "training.json").read_text())
    tried = told["average"]["tried"]
    assert json.loads(said) == tried
    assert told["val"]["top1"] == max(tried.values())
    share = told["average"]["share"]
    assert tried[str(share)] == max(tried.values())
    first, second, mean = (
        keras.saving.load_model(run / "model.keras", compile=False).get_weights()
        for run in (*pair, out)
    )
    for a, b, c in zip(first, second, mean, strict=True):
        assert np.allclose(c, (1 - share) * a + share * b, atol=1e-6)
    assert (out / "labels.txt").read_text() == (pair[0] / "labels.txt").read_text()
    code, _, err = bombus(*command)
    assert code == 2
    assert "already there" in err


def test_what_has_no_mean_is_refused(
    pair: tuple[Path, Path], drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("train", "average", *pair, "--data", drawn_flowers, "--out", out)
    for shares in ("2", "", "half"):
        code, _, err = bombus(*command, "--shares", shares)
        assert code == 2
        assert "shares" in err
    told = json.loads((pair[0] / "training.json").read_text())
    told["data_sha256"]["train"] = "0" * 64
    (pair[0] / "training.json").write_text(json.dumps(told))
    code, _, err = bombus(*command)
    assert code == 2
    assert "not the photos that both runs were trained on" in err
    assert not out.exists()
