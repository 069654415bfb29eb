"""The sweep: every trial of a grid, resumable at any point, in this process or on a cluster.

A sweep's folder holds for each trial a run of `training.flowers.train` under `trials/` and, once it
has ended, a JSON file under `cells/`; for each optimizer the rates that were tried under `rates/`;
and `cache/`, the photos and features that trials share. What is there is not done again; a grid
that has grown only adds trials. One that diverges is a result, too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.files import read_record, remove_leftovers, write_text
from models.progress import progress_bar
from training.cells import CELLS, is_done
from training.engines import Engine, run_here
from training.flowers.dataset import Splits, load_splits
from training.flowers.fingerprint import decisions
from training.flowers.network import build_network, find_builder, set_fine_tuning
from training.flowers.optimizers import check_optimizer
from training.flowers.rates import SearchJob, read_rates, search, search_key
from training.flowers.recipe import Recipe
from training.flowers.stages import STAGES, DivergedError
from training.flowers.sweep_recipe import Axes, Sweep, name_of
from training.flowers.train import train
from training.flowers.views import halve
from training.memory import forget
from training.provenance import git_commit, machine, package_versions

TRIALS, RATES, SWEEP = "trials", "rates", "sweep.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """One combination of the grid.

    Attributes:
        axes: Its place.
        recipe: What it trains.
        how: All that decides it, for its fingerprint.
        data: Folder of photos.
        sweep: Folder of the sweep.
    """

    axes: Axes
    recipe: Recipe
    how: dict[str, Any]
    data: Path
    sweep: Path

    @property
    def name(self) -> str:
        """Of its folder and file."""
        return name_of(self.axes)

    @property
    def out(self) -> Path:
        """Its run."""
        return self.sweep / TRIALS / self.name

    @property
    def file(self) -> Path:
        """Its result."""
        return self.sweep / CELLS / f"{self.name}.json"


def run(
    sweep: Sweep, data: Path, out: Path, *, engine: Engine = run_here, say: Say = print
) -> dict[str, int]:
    """Train the trials that are not there yet.

    Args:
        sweep: Which.
        data: Folder with `train/` and `val/`.
        out: Folder of the sweep; with more machines than one, on a disk that they share.
        engine: Where they run.
        say: Receives a line for each trial.

    Returns:
        How many trials there are, how many were run now, and how many of all diverged.

    Raises:
        InputError: Unusable data or recipe, or the folder holds trials by another.
    """
    data, out = data.absolute(), out.absolute()  # nodes have their own working folders
    if not (data / "train").is_dir():
        raise InputError(f"{data}: a sweep needs train/ and val/, so that no trial splits anew")
    _check([sweep.recipe(axes) for axes in sweep.axes()])
    splits = load_splits(data, sweep.base.seed)
    hashes = {name: photos.sha256 for name, photos in splits.items()}
    remove_leftovers(out / "cache")
    rates = _find_rates(sweep, data, out, hashes, engine=engine, say=say)
    trials = []
    for axes, found in zip(sweep.axes(), rates, strict=True):
        recipe = _rooted(sweep.recipe(axes, found))
        how = {"recipe": decisions(recipe), "data_sha256": hashes}
        trials.append(Trial(axes, recipe, json.loads(json.dumps(how)), data, out))
    missing = [trial for trial in trials if not is_done(trial.file, trial.how)]
    _write_down(sweep, trials, splits, out)
    with progress_bar() as bar:
        shown = bar.add_task("sweep", total=len(trials), note="")
        bar.advance(shown, len(trials) - len(missing))
        for line in engine(try_one, missing):
            say(line)
            bar.advance(shown)
    _require_here([trial.file for trial in trials])
    ended = [read_record(trial.file, "status")["status"] for trial in trials]
    return {"trials": len(trials), "run": len(missing), "diverged": ended.count("diverged")}


def try_one(trial: Trial) -> str:
    """Train one, or go on with it; write its result, and return a line that says it."""
    trial.out.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {"name": trial.name, "axes": _plain(trial.axes), "how": trial.how}
    with (trial.out / "log.txt").open("a", encoding="utf-8") as log:

        def say(line: str) -> None:
            print(line, file=log, flush=True)

        try:
            summary = train(
                trial.data, trial.recipe, trial.out, cache=trial.sweep / "cache", say=say
            )
            keys = (
                "start",
                "val",
                "seconds",
                "parameters",
                "fresh_layers",
                "best_epoch",
                "backend",
            )
            facts |= {"status": "trained", **{key: summary[key] for key in keys}}
            line = f"{trial.name}: val top-1 {summary['val']['top1']:.4f}"
        except DivergedError as error:
            say(str(error))
            facts |= {"status": "diverged", "reason": str(error)}
            line = f"{trial.name}: {error}"
    facts |= {"commit": git_commit(), "packages": package_versions(), "machine": machine()}
    write_text(trial.file, json.dumps(facts, indent=1))
    shutil.rmtree(trial.out / "checkpoint", ignore_errors=True)  # of no more use, and large
    forget()
    return line


def _find_rates(
    sweep: Sweep, data: Path, out: Path, hashes: dict[str, str], *, engine: Engine, say: Say
) -> Sequence[dict[str, float] | None]:
    """Each trial's learning rates by stage, after the searches that are not there yet."""
    if (how := sweep.search) is None:
        return [None] * len(sweep.axes())
    recipes = [_rooted(sweep.recipe(axes)) for axes in sweep.axes()]
    files = [out / RATES / f"{search_key(recipe, how, hashes)}.json" for recipe in recipes]
    jobs = [
        SearchJob(recipe, how, data, out / "cache", file)
        for file, recipe in dict(zip(files, recipes, strict=True)).items()
        if not file.exists()
    ]
    for line in engine(search, jobs):
        say(line)
    _require_here(files)
    return [read_rates(file) for file in files]


def _require_here(files: Sequence[Path]) -> None:
    """Raise `InputError` where a node wrote a file to a disk of its own."""
    lost = [file for file in files if not file.exists()]
    if lost:
        raise InputError(
            f"{lost[0]}: is not there, though a node says it made it; --out must be on a disk that "
            "all nodes share"
        )


def _check(recipes: Sequence[Recipe]) -> None:
    """Raise `InputError` where a recipe names what is not there, before any trial begins."""
    cuts = dict[tuple[Any, ...], Recipe]()
    for recipe in recipes:
        for stage in STAGES:
            check_optimizer(getattr(recipe, stage).optimizer)
        find_builder(recipe)
        decisions(recipe)
        cuts[recipe.backbone, recipe.width, recipe.unfreeze_from, bool(recipe.views)] = recipe
    for recipe in cuts.values():
        if recipe.unfreeze_from:
            network = build_network(recipe, 2, load_weights=False)
            set_fine_tuning(network, recipe.unfreeze_from, recipe.batch_norm_frozen)
            if recipe.views:
                halve(network, recipe.unfreeze_from)


def _rooted(recipe: Recipe) -> Recipe:
    """The recipe with whole paths, since a node may work in another folder."""
    weights, distill = recipe.weights, recipe.distill
    if weights not in ("imagenet", "none"):
        weights = str(Path(weights).absolute())
    if distill.teacher:
        distill = replace(distill, teacher=str(Path(distill.teacher).absolute()))
    if distill.unlabelled:
        distill = replace(distill, unlabelled=str(Path(distill.unlabelled).absolute()))
    return replace(recipe, weights=weights, distill=distill)


def _write_down(sweep: Sweep, trials: Sequence[Trial], splits: Splits, out: Path) -> None:
    """What the sweep is, for its report."""
    facts = {
        "grid": {axis: [_shown(value) for value in values] for axis, values in sweep.grid.items()},
        "search": asdict(sweep.search) if sweep.search else None,
        "trials": [trial.name for trial in trials],
        "labels": list(splits.labels),
    }
    write_text(out / SWEEP, json.dumps(facts, indent=1))


def _plain(axes: Axes) -> Axes:
    return {axis: _shown(value) for axis, value in axes.items()}


def _shown(value: Any) -> Any:
    """A value of an axis as records have it: of a file its name, never its path."""
    return Path(value).name if isinstance(value, str) else value
