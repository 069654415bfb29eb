"""Cells of a study that was never run, with figures that we choose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.cells import CELLS
from training.spectral.networks import KINDS
from training.spectral.recipe import AUGMENTATIONS
from training.spectral.study import Cell
from training.spectral.tasks import TASKS

HOW = {
    "seeds": 2,
    "draws": 1,
    "training": {
        "epochs": 1,
        "batch": 8,
        "learning_rate": 0.01,
        "noise": 0.1,
        "gain": 0.15,
    },
}


def cell_facts(cell: Cell, **figures: Any) -> dict[str, Any]:
    """All that a cell's file holds: controls lose 4 points to noise, forms lose 3."""
    control = KINDS[cell.kind].control
    drop = 4.0 if control else 3.0
    facts = {
        "task": cell.task,
        "split": cell.split,
        "augmentation": cell.augmentation,
        "kind": cell.kind,
        "how": HOW,
        "samples": 1000,
        "bands": {"cotton": 4, "soils": 4, "wilt": 3}.get(cell.task, 10),
        "classes": 2,
        "parameters": 541 if control else 136,
        "clean": [95.0, 96.0],
        "band": {"0.05": [1.0, 1.0], "0.1": [drop - 0.5, drop + 0.5], "0.2": [9.0, 9.0]},
        "gain": dict.fromkeys(("0.05", "0.1", "0.2"), [2.0 * control] * 2),
        "factor": dict.fromkeys(("0.5", "2.0"), [30.0 * control] * 2),
        "loss": [0.1, 0.1],
        "diverged": [],
    }
    return facts | figures


def all_cells() -> list[Cell]:
    """Of the whole grid."""
    return [
        Cell(task, kind, augmentation, split)
        for task, facts in TASKS.items()
        for split in (("grouped", "random") if facts.grouped else ("random",))
        for augmentation in AUGMENTATIONS
        for kind in KINDS
    ]


def write_cells(run: Path, cells: list[dict[str, Any]]) -> Path:
    """Write them as a study does."""
    (run / CELLS).mkdir(parents=True)
    for facts in cells:
        names = (facts[k] for k in ("task", "kind", "augmentation", "split"))
        (run / CELLS / Cell(*names).file).write_text(json.dumps(facts), encoding="utf-8")
    return run
