"""The tasks of the study: which rows, bands and classes of which data set, and its groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from training.spectral.readers import Arrays, read_arrays
from training.spectral.samples import OTHERS, Samples, numbered

Bands = tuple[NDArray[Any], Sequence[str]]  # values [N, n] and the names of the n

BLOCK = 12  # side, in pixels, of the squares that pixels of a scene are grouped by
COASTAL_AND_VAPOUR = ("B1", "B01", "B9", "B09")  # 60 m bands for the atmosphere, not the ground
_CORN = ("Corn-notill", "Corn-mintill", "Corn")
_SOYA = ("Soybean-notill", "Soybean-mintill", "Soybean-clean")


@dataclass(frozen=True)
class Task:
    """A question to a data set.

    Attributes:
        file: Name of the data set.
        title: For the report.
        classes: Names of the classes, in order, each with the set's classes it takes; empty: the
            set's own.
        columns: The X to use, where it has more than the bands [N, n] of one look.
        group: What keeps rows together, if anything.
    """

    file: str
    title: str
    classes: Mapping[str, Sequence[str]]
    columns: Callable[[Arrays], Bands] | None = None
    group: Callable[[Arrays], NDArray[Any]] | None = None

    @property
    def grouped(self) -> bool:
        """Can its rows be split by groups?"""
        return self.group is not None


def _blocks(arrays: Arrays) -> NDArray[Any]:
    """Squares of the scene."""
    rows, columns = (arrays[k].astype(np.int64) // BLOCK for k in ("row", "col"))
    return np.asarray(rows * (columns.max() + 1) + columns)


def _last_date(arrays: Arrays) -> Bands:
    return arrays["X"][:, -1], arrays["bands"].tolist()


def _centre(arrays: Arrays) -> Bands:
    """The middle one of 3 x 3 pixels."""
    return arrays["X"][:, 16:20], [f"b{k}" for k in range(1, 5)]


def _without_textures(arrays: Arrays) -> Bands:
    return arrays["X"][:, :3], arrays["bands"][:3].tolist()


def _pines(title: str, classes: Mapping[str, Sequence[str]]) -> Task:
    return Task("indian_pines_s2", title, classes, group=_blocks)


def _maipo(title: str, classes: Mapping[str, Sequence[str]]) -> Task:
    return Task("maipo_landsat8", title, classes, _last_date, lambda arrays: arrays["field"])


TASKS: dict[str, Task] = {
    "corn-and-soya": _pines(
        "Indian Pines: corn and soya v rest",
        {"rest": (OTHERS,), "corn and soya": (*_CORN, *_SOYA)},
    ),
    "woods": _pines("Indian Pines: woods v rest", {"rest": (OTHERS,), "woods": ("Woods",)}),
    "corn-v-soya": _pines("Indian Pines: corn v soya", {"soya": _SOYA, "corn": _CORN}),
    "fallow": Task(
        "agrifieldnet_india",
        "AgriFieldNet: no crop v wheat and mustard",
        {"wheat and mustard": ("Wheat", "Mustard"), "no crop": ("No Crop",)},
        group=lambda arrays: arrays["tile"],
    ),
    "village": Task(
        "rstoolbox_sen2",
        "RStoolbox: village v rest",
        {"rest": (OTHERS,), "village": ("village",)},
        group=lambda arrays: arrays["polygon"],
    ),
    "crop-3": _maipo("Maipo: crop 3 v rest", {"rest": (OTHERS,), "crop3": ("crop3",)}),
    "crops": _maipo("Maipo: 4 crops", {}),
    "cotton": Task(
        "statlog_landsat",
        "Statlog: cotton v rest",
        {"rest": (OTHERS,), "cotton crop": ("cotton crop",)},
        _centre,
    ),
    "soils": Task("statlog_landsat", "Statlog: 6 soils", {}, _centre),
    "wilt": Task("wilt", "Wilt: wilted v other, without textures", {}, _without_textures),
    "land-cover": Task("spyndex_l8", "Spyndex: 3 covers", {}),
}


def load_task(name: str, root: Path) -> Samples:
    """The samples of a task.

    Args:
        name: One of `TASKS`.
        root: The data folder.

    Raises:
        InputError: There is no such task, or its data set cannot be read.
    """
    if name not in TASKS:
        raise InputError(f"task {name!r}: not one of {', '.join(TASKS)}")
    task = TASKS[name]
    arrays = read_arrays(root / "spectral" / f"{task.file}.npz")
    values, bands = (
        task.columns(arrays) if task.columns else (arrays["X"], arrays["bands"].tolist())
    )
    samples = Samples(
        name,
        values.astype(np.float64),
        arrays["y"].astype(np.int64),
        tuple(bands),
        tuple(str(c) for c in arrays["classes"]),
        numbered(task.group(arrays))[0] if task.group else None,
    )
    samples = samples.with_bands([b for b in samples.bands if b not in COASTAL_AND_VAPOUR])
    samples = samples.with_classes(task.classes) if task.classes else samples
    return replace(samples, name=name).checked()
