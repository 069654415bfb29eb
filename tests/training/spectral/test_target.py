from __future__ import annotations

from typing import Any

import pytest

from tests.training.spectral.cells import all_cells, cell_facts
from training.spectral.target import Cells, Key, judge, target_tasks

FORM = Key("woods", "grouped", "noise", "ndl")


def study(**figures: Any) -> dict[Key, dict[str, Any]]:
    """Every cell, of which one form has other figures."""
    cells = {Key(c.task, c.split, c.augmentation, c.kind): cell_facts(c) for c in all_cells()}
    cells[FORM] = cells[FORM] | figures
    return cells


def failed(cells: Cells) -> str:
    verdict = judge(cells, FORM.task, FORM.augmentation, FORM.kind)
    assert verdict is not None
    assert verdict.met == (verdict.failed == "")
    return verdict.failed


@pytest.mark.parametrize(
    ("figures", "wrong"),
    [
        ({}, ""),
        ({"clean": [94.0, 95.0]}, ""),  # a point less
        ({"clean": [93.9, 95.0]}, "clean"),
        ({"parameters": 162}, ""),
        ({"parameters": 163}, "parameters"),
        ({"gain": {"0.1": [0.0, 0.02]}}, "gain"),
        ({"factor": {"0.5": [-0.02, 0.0]}}, "gain"),  # a gain of accuracy is a change, too
        ({"band": {"0.1": [4.0, 4.0]}}, ""),
        ({"band": {"0.1": [4.0, 4.02]}}, "noise"),
        ({"clean": [float("nan")] * 2}, "clean"),
    ],
)
def test_each_condition(figures: dict[str, Any], wrong: str) -> None:
    assert failed(study(**figures)) == wrong


def test_every_control_without_augmentation_counts() -> None:
    cells = study()
    best = Key("woods", "grouped", "none", "mlp-small-raw")
    cells[best]["band"] = {"0.1": [2.9, 2.9]}
    assert failed(cells) == "noise"
    augmented = study()
    augmented[best._replace(augmentation="noise")]["band"] = {"0.1": [0.0, 0.0]}
    assert failed(augmented) == ""
    del cells[best]
    assert judge(cells, FORM.task, FORM.augmentation, FORM.kind) is None


def test_seven_tasks_have_groups_and_six_bands() -> None:
    assert len(target_tasks(study())) == 7
    assert "land-cover" not in target_tasks(study())
