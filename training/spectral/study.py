"""The study: every task, kind of network, augmentation and split, ten seeds each.

A run folder holds a JSON file for each finished cell of that grid, with what made it. A study that
was stopped goes on with what is missing; a kind that is added later only adds cells.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.files import write_text
from models.progress import progress_bar
from training.cells import CELLS, is_done
from training.memory import forget
from training.provenance import git_commit, package_versions
from training.spectral.networks import KINDS, count_parameters
from training.spectral.recipe import Study
from training.spectral.samples import Samples, fingerprint
from training.spectral.tasks import TASKS, load_task
from training.spectral.trial import try_kind


@dataclass(frozen=True)
class Cell:
    """One place of the grid."""

    task: str
    kind: str
    augmentation: str
    split: str

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.task}.{self.split}.{self.augmentation}.{self.kind}.json"


def grid(study: Study) -> Iterator[Cell]:
    """The cells in the order of their worth: without augmentation and by groups first.

    Raises:
        InputError: There is no such task or kind.
    """
    for names, known, what in ((study.tasks, TASKS, "task"), (study.kinds, KINDS, "kind")):
        for name in names:
            if name not in known:
                raise InputError(f"{what} {name!r}: not one of {', '.join(known)}")
    for augmentation in study.augmentations:
        for way in study.splits:
            for task in study.tasks or TASKS:
                for kind in study.kinds or KINDS:
                    if way == "random" or TASKS[task].grouped:
                        yield Cell(task, kind, augmentation, way)


def run(study: Study, root: Path, out: Path) -> dict[str, int]:
    """Run the cells that are not there yet.

    Args:
        study: What to do.
        root: The data folder.
        out: The run folder.

    Returns:
        How many cells there are, and how many were run now.

    Raises:
        InputError: Data is missing, or the folder holds cells that learned in another way.
    """
    cells = list(grid(study))
    how = {"seeds": study.seeds, "draws": study.draws, "training": asdict(study.training)}
    missing = [cell for cell in cells if not is_done(out / CELLS / cell.file, how)]
    tasks = {name: load_task(name, root) for name in {cell.task for cell in missing}}
    made = {"commit": git_commit(), "packages": package_versions()}
    with progress_bar() as bar:
        shown = bar.add_task("study", total=len(cells), note="")
        bar.advance(shown, len(cells) - len(missing))
        for cell in missing:
            bar.update(shown, note=f"{cell.task}, {cell.split}, {cell.augmentation}, {cell.kind}")
            samples = tasks[cell.task]
            begun = time.perf_counter()
            found = run_cell(cell, samples, study)
            facts = {
                **asdict(cell),
                "how": how,
                **found,
                "seconds": round(time.perf_counter() - begun, 2),
                "data_sha256": fingerprint(samples),
                **made,
            }
            write_text(out / CELLS / cell.file, json.dumps(facts, indent=1))
            bar.advance(shown)
            forget()
    return {"cells": len(cells), "run": len(missing)}


def run_cell(cell: Cell, samples: Samples, study: Study) -> dict[str, Any]:
    """Train and score all seeds of a cell.

    Returns:
        Samples, bands, classes, parameters, accuracies and drops by seed, and the seeds whose
        training diverged.
    """
    trial = try_kind(
        cell.kind,
        samples,
        study.training,
        augmentation=cell.augmentation,
        grouped=cell.split == "grouped",
        seeds=range(study.seeds),
        draws=study.draws,
    )
    return {
        "samples": len(samples),
        "bands": len(samples.bands),
        "classes": len(samples.classes),
        "parameters": count_parameters(trial.models[0]),
        **trial.scores,
    }
