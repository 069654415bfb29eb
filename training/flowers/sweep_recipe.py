"""A sweep as frozen data and as TOML: what its trials share, and the grid in which they differ."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.errors import InputError
from training.flowers.recipe import Recipe
from training.recipe import read_toml, with_values

Axes = dict[str, Any]
Grid = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Search:
    """The search for learning rates (`training.flowers.rates`), the same for each optimizer.

    Attributes:
        factors: Times the optimizer's documented rate: what the classifier alone tries.
        epochs: For each, on cached features.
        fine_tune_factors: What fine-tuning tries.
        fine_tune_epochs: For each.
    """

    factors: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0, 100.0)
    epochs: int = 5
    fine_tune_factors: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0, 100.0)
    fine_tune_epochs: int = 1

    def __post_init__(self) -> None:
        """Refuse values no search could use."""
        values: tuple[Any, ...] = (*self.factors, *self.fine_tune_factors)
        for value in values:
            if not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise InputError(f"sweep: search has {value!r}; factors must be above 0 and finite")
        if any(len(set(some)) < len(some) for some in (self.factors, self.fine_tune_factors)):
            raise InputError("sweep: search has a factor twice; name each once")
        every = (self.factors, self.fine_tune_factors, self.epochs > 0, self.fine_tune_epochs > 0)
        if not all(every):
            raise InputError("sweep: search needs factors, and 1 epoch or more, of both stages")


@dataclass(frozen=True)
class Sweep:
    """Which trials to train.

    Attributes:
        base: What they share.
        grid: For each axis its values; every combination is a trial. An axis is a key of the
            recipe, with a dot inside tables (`fine_tune.mixup`), or `optimizer`, of both stages.
        also: More grids, for questions beside the first one's.
        when: Axis -> value -> what else of the recipe goes with it, such as a backbone's weights.
        search: How the learning rates are found; None: they stand in the recipe.
    """

    base: Recipe = field(default_factory=Recipe)
    grid: Grid = field(default_factory=dict)
    also: tuple[Grid, ...] = ()
    when: Mapping[str, Mapping[str, dict[str, Any]]] = field(default_factory=dict)
    search: Search | None = None

    def __post_init__(self) -> None:
        """Refuse a grid without trials, trials of one name, and conditions on no axis."""
        grids = (self.grid, *self.also)
        for axis, values in (pair for grid in grids for pair in grid.items()):
            if not values or len(set(map(_word, values))) < len(values):
                raise InputError(f"sweep: grid.{axis} = {list(values)} must be different values")
        if not all(grids):
            raise InputError("sweep: no trials; name values to try in a table [grid]")
        names = [name_of(axes) for axes in self.axes()]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"sweep: two trials {name}; take one from [grid] or [[also]]")
        for axis, cases in self.when.items():
            known = [str(value) for grid in grids for value in grid.get(axis, ())]
            for value in cases:
                if value not in known:
                    has = f"has {', '.join(known)}" if known else "has no such axis"
                    raise InputError(f"sweep: when.{axis}.{value}: the grid {has}")

    def axes(self) -> list[Axes]:
        """Each trial's place in its grid, the first axis slowest."""
        return [
            dict(zip(grid, values, strict=True))
            for grid in (self.grid, *self.also)
            for values in itertools.product(*grid.values())
        ]

    def recipe(self, axes: Axes, rates: Mapping[str, float] | None = None) -> Recipe:
        """A trial's recipe; what is more special wins: base, rates, when, grid.

        Args:
            axes: Its place.
            rates: Learning rates by stage, as they were found.

        Raises:
            InputError: A key that the recipe lacks, or a value that no training could use.
        """
        recipe = self.base
        for stage, rate in (rates or {}).items():
            recipe = with_values(recipe, {stage: {"learning_rate": rate}}, "search")
        for axis, value in axes.items():
            more = self.when.get(axis, {}).get(str(value), {})
            recipe = with_values(recipe, more, f"sweep: when.{axis}.{value}")
        for axis, value in axes.items():
            recipe = with_values(recipe, _nested(axis, value), f"sweep: grid.{axis}")
        return recipe


def name_of(axes: Axes) -> str:
    """A trial's name, good for a folder."""
    return "-".join(map(_word, axes.values()))


def load_sweep(path: Path, weights: Mapping[str, str] | None = None) -> Sweep:
    """Read a sweep.

    Args:
        path: TOML with tables `base`, `grid`, `when` and `search`, and an array of tables `also`,
            all but `grid` optional.
        weights: Start weights by backbone, instead of those that the file says.

    Raises:
        InputError: The file cannot be read, or has an unknown key or a wrong type.
    """
    values = read_toml(path)
    also = values.pop("also", [])
    unknown = values.keys() - {"base", "grid", "when", "search"}
    parts = [*values.values(), *(also if isinstance(also, list) else [also, None])]
    if unknown or not all(isinstance(part, dict) for part in parts):
        raise InputError(
            f"{path}: must be made of the tables base, grid, when and search, and of [[also]]"
        )
    grid, when = values.get("grid", {}), values.get("when", {})
    for axis, wanted in (pair for table in (grid, *also) for pair in table.items()):
        if not isinstance(wanted, list):
            raise InputError(f"{path}: grid.{axis} = {wanted!r} must be a list")
    for axis, cases in when.items():
        if not isinstance(cases, dict) or not all(isinstance(c, dict) for c in cases.values()):
            raise InputError(f"{path}: when.{axis} must be tables, one for each value it speaks of")
    base = with_values(Recipe(), values.get("base", {}), f"{path} [base]")
    for backbone, file in (weights or {}).items():
        if "backbone" not in grid and backbone == base.backbone:
            base = replace(base, weights=file)
        else:
            when.setdefault("backbone", {}).setdefault(backbone, {})["weights"] = file
    search = with_values(Search(), values.get("search", {}), f"{path} [search]")
    return Sweep(
        base,
        _grid(grid),
        tuple(map(_grid, also)),
        when,
        search if "search" in values else None,
    )


def _grid(table: Mapping[str, list[Any]]) -> Grid:
    return {axis: tuple(wanted) for axis, wanted in table.items()}


def _nested(axis: str, value: Any) -> dict[str, Any]:
    if axis == "optimizer":
        return {"head": {"optimizer": value}, "fine_tune": {"optimizer": value}}
    for key in reversed(axis.split(".")):
        value = {key: value}
    return dict(value)


def _word(value: Any) -> str:
    """A value as a part of a name: of a path its file's name, of an empty one `none`."""
    return re.sub(r"[^A-Za-z0-9.+]+", "_", str(value).rpartition("/")[2]) or "none"
