"""The target that a form of the layer has to meet, and which one meets it where.

Against the MLPs without augmentation, on the split by groups: within a point of the large MLP's
accuracy with 70 % fewer parameters, nothing lost to a common gain, and no more lost to 10 % band
noise than any MLP loses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from training.spectral.networks import KINDS
from training.spectral.tasks import TASKS

LARGE = "mlp-z"
LEVEL = "0.1"
POINTS, SHARE = 1.0, 0.3  # of accuracy, and of the large MLP's parameters
LEAST_BANDS, TASKS_WANTED = 6, 4
NOTHING = 0.005  # points, on average: what rounds to 0.00


class Key(NamedTuple):
    """Where a cell stands in the study."""

    task: str
    split: str
    augmentation: str
    kind: str


Cells = Mapping[Key, dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """Each condition, met or not."""

    clean: bool
    parameters: bool
    gain: bool
    noise: bool

    @property
    def met(self) -> bool:
        """All of them?"""
        return self.clean and self.parameters and self.gain and self.noise

    @property
    def failed(self) -> str:
        """Those that are not met, in words."""
        names = ("clean", "parameters", "gain", "noise")
        return ", ".join(name for name in names if not getattr(self, name))


def mean(values: list[float]) -> float:
    """Over the seeds."""
    return float(np.mean(values))


def target_tasks(cells: Cells) -> list[str]:
    """Those with groups and six bands at least, as far as the study has them."""
    wide = {key.task for key, cell in cells.items() if cell["bands"] >= LEAST_BANDS}
    return [name for name, task in TASKS.items() if task.grouped and name in wide]


def judge(cells: Cells, task: str, augmentation: str, kind: str) -> Verdict | None:
    """Does a kind, trained so, meet the target on a task? None while cells are missing."""
    controls = [
        cells.get(Key(task, "grouped", "none", name)) for name, k in KINDS.items() if k.control
    ]
    large = cells.get(Key(task, "grouped", "none", LARGE))
    cell = cells.get(Key(task, "grouped", augmentation, kind))
    if cell is None or large is None or None in controls:
        return None
    least = min(mean(control["band"][LEVEL]) for control in controls if control)
    changes = [*cell["gain"].values(), *cell["factor"].values()]
    return Verdict(
        clean=mean(cell["clean"]) >= mean(large["clean"]) - POINTS,
        parameters=cell["parameters"] <= SHARE * large["parameters"],
        gain=max(abs(mean(drops)) for drops in changes) < NOTHING,
        noise=mean(cell["band"][LEVEL]) <= least,
    )
