from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from training.spectral.splits import split
from training.spectral.tasks import TASKS, load_task


def test_every_set_is_asked() -> None:
    assert len({task.file for task in TASKS.values()}) == 7
    assert sum(task.grouped for task in TASKS.values()) == 7


def test_no_such_task(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="task 'oats': not one of corn-and-soya"):
        load_task("oats", tmp_path)
    with pytest.raises(InputError, match=r"wilt\.npz: no such file"):
        load_task("wilt", tmp_path)


@pytest.mark.parametrize(
    ("name", "rows", "bands", "second"),
    [
        ("corn-and-soya", 10249, 10, 2495 + 4020),
        ("woods", 10249, 10, 1265),
        ("corn-v-soya", 2495 + 4020, 10, 2495),
        ("fallow", 1237 + 617 + 1005, 10, 1005),
        ("village", 2370, 10, 614),
        ("crop-3", 7713, 6, 1972),
        ("crops", 7713, 6, 1172),
        ("cotton", 6435, 4, 703),
        ("soils", 6435, 4, 703),
        ("wilt", 4839, 3, 261),
        ("land-cover", 120, 7, 46),
    ],
)
def test_tasks_of_the_real_data(
    bombus_data: Path, name: str, rows: int, bands: int, second: int
) -> None:
    samples = load_task(name, bombus_data)
    assert samples.values.shape == (rows, bands)
    assert np.count_nonzero(samples.targets == 1) == second
    assert (samples.groups is not None) == TASKS[name].grouped
    assert not {"B1", "B01", "B9", "B09"} & set(samples.bands)
    for seed in range(10 if samples.groups is not None else 1):
        found = split(samples, seed, grouped=samples.groups is not None)
        assert 0.1 < len(found.test) / len(samples) < 0.35
