from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from tests.training.spectral.spectra import spectra
from training.cells import read_cells
from training.spectral.networks import KINDS
from training.spectral.recipe import Study, Training
from training.spectral.study import grid, run
from training.spectral.tasks import TASKS

SMALL = Study(
    tasks=("land-cover",),
    kinds=("ndl-fixed",),
    augmentations=("none",),
    splits=("grouped", "random"),
    seeds=2,
    draws=1,
    training=Training(epochs=60, batch=16),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a set of ours under the name of one of the study's."""
    samples = spectra(90, classes=3)
    root = tmp_path_factory.mktemp("data")
    (root / "spectral").mkdir()
    arrays = {"X": samples.values, "y": samples.targets}
    names = {"bands": np.array(samples.bands), "classes": np.array(samples.classes)}
    np.savez(root / "spectral" / "spyndex_l8.npz", **arrays, **names)
    return root


def test_a_study_goes_on_with_what_is_missing(root: Path, tmp_path: Path) -> None:
    assert run(SMALL, root, tmp_path) == {"cells": 1, "run": 1}
    (cell,) = before = read_cells(tmp_path, "spectral-study")
    assert (cell["samples"], cell["bands"], cell["classes"]) == (90, 4, 3)
    assert cell["parameters"] == 6 * 3 + 3
    assert cell["diverged"] == []
    assert len(cell["clean"]) == len(cell["band"]["0.1"]) == 2
    assert min(cell["clean"]) > 80
    assert set(cell["packages"]) >= {"keras", "tensorflow"}
    more = replace(SMALL, augmentations=("none", "gain"))
    assert run(more, root, tmp_path) == {"cells": 2, "run": 1}
    assert [
        c for c in read_cells(tmp_path, "spectral-study") if c["augmentation"] == "none"
    ] == before
    with pytest.raises(InputError, match="made by another recipe"):
        run(replace(SMALL, seeds=3), root, tmp_path)


def test_the_grid_leaves_nothing_out_and_begins_with_the_target() -> None:
    cells = list(grid(Study()))
    assert len(cells) == len(set(cells)) == len(KINDS) * 3 * (len(TASKS) + 7)
    first = cells[: 7 * len(KINDS)]
    assert all(cell.split == "grouped" and cell.augmentation == "none" for cell in first)


def test_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="task 'oats'"):
        list(grid(Study(tasks=("oats",))))
    with pytest.raises(InputError, match="kind 'tree'"):
        list(grid(Study(kinds=("tree",))))
    with pytest.raises(InputError, match="no study; run bombus train spectral-study"):
        read_cells(tmp_path, "spectral-study")
