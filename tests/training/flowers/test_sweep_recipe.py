"""The grid of a sweep: its trials in order, what goes with them, and mistakes in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import InputError
from training.flowers import optimizers
from training.flowers.network import find_builder
from training.flowers.optimizers import OPTIMIZERS
from training.flowers.recipe import Recipe
from training.flowers.sweep_recipe import Search, Sweep, load_sweep, name_of

TOML = """
[base]
image_size = 160
[base.fine_tune]
schedule = "linear"
warmup = 0.1
[grid]
backbone = ["MobileNet", "DenseNet121"]
optimizer = ["sgd", "muon"]
"fine_tune.mixup" = [0.2]
[when.backbone.DenseNet121]
weights = "start/dense.npz"
image_size = 96
[when.optimizer.sgd.fine_tune]
learning_rate = 0.05
[search]
factors = [0.1, 1]
"""


def load(text: str, folder: Path, **options: dict[str, str]) -> Sweep:
    path = folder / "sweep.toml"
    path.write_text(text)
    return load_sweep(path, **options)


def test_every_combination_is_a_trial(tmp_path: Path) -> None:
    sweep = load(TOML, tmp_path)
    names = [name_of(axes) for axes in sweep.axes()]
    backbones = ("MobileNet", "DenseNet121")
    assert names == [f"{b}-{o}-0.2" for b in backbones for o in ("sgd", "muon")]
    assert sweep.search == Search(factors=(0.1, 1.0))


def test_more_grids_add_trials(tmp_path: Path) -> None:
    more = '[[also]]\nbackbone = ["DenseNet121"]\npooling = ["flatten"]\n'
    sweep = load(TOML + more, tmp_path)
    assert [name_of(axes) for axes in sweep.axes()[4:]] == ["DenseNet121-flatten"]
    recipe = sweep.recipe(sweep.axes()[-1])
    assert (recipe.pooling, recipe.weights) == ("flatten", "start/dense.npz")


def test_a_trial_of_an_empty_value_has_a_name_too() -> None:
    assert name_of({"distill.teacher": "", "seed": 1}) == "none-1"


def test_what_is_more_special_wins(tmp_path: Path) -> None:
    sweep = load(TOML, tmp_path, weights={"MobileNet": "mine.npz"})
    found = {"head": 0.3, "fine_tune": 0.03}
    recipes = [sweep.recipe(axes, found) for axes in sweep.axes()]
    assert [r.image_size for r in recipes] == [160, 160, 96, 96]
    assert [r.weights for r in recipes] == ["mine.npz"] * 2 + ["start/dense.npz"] * 2
    assert [r.head.optimizer for r in recipes] == ["sgd", "muon"] * 2
    assert [r.fine_tune.optimizer for r in recipes] == ["sgd", "muon"] * 2
    assert [r.head.learning_rate for r in recipes] == [0.3] * 4
    assert [r.fine_tune.learning_rate for r in recipes] == [0.05, 0.03] * 2  # stated, found
    assert {(r.fine_tune.mixup, r.fine_tune.warmup) for r in recipes} == {(0.2, 0.1)}


def test_the_table_of_the_paper_is_shipped() -> None:
    sweep = load_sweep(Path(optimizers.__file__).parent / "sweeps" / "table.toml")
    recipes = [sweep.recipe(axes) for axes in sweep.axes()]
    assert len(recipes) == 27 + 3
    assert [recipe.pooling for recipe in recipes] == ["gap"] * 27 + ["flatten"] * 3
    assert {recipe.fine_tune.optimizer for recipe in recipes} == OPTIMIZERS.keys() - {"adamw"}
    assert {recipe.backbone for recipe in recipes} == {"MobileNet", "DenseNet121", "Xception"}
    for recipe in {recipe.backbone: recipe for recipe in recipes}.values():
        backbone = find_builder(recipe)(weights=None, include_top=False)
        assert recipe.unfreeze_from in [layer.name for layer in backbone.layers]


def test_fine_tuning_decays_linearly_after_a_warm_up_unless_told() -> None:
    stage = Sweep(grid={"optimizer": ("sgd",)}).recipe({"optimizer": "sgd"}).fine_tune
    assert (stage.schedule, stage.warmup > 0) == ("linear", True)
    assert stage == Recipe().fine_tune


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no trials; name values to try in a table [grid]"),
        ("[grids]\nseed = [1]", "must be made of the tables base, grid, when and search"),
        ("grid = 3", "must be made of the tables"),
        ("[grid]\nseed = [1]\n[when]\nseed = 3", "when.seed must be tables"),
        ("[grid]\nseed = [1]\n[when.seed]\n1 = 3", "when.seed must be tables"),
        ("[grid]\nseed = 1", "grid.seed = 1 must be a list"),
        ("[grid]\nseed = []", "grid.seed = [] must be different values"),
        ("[grid]\nseed = [1, 1]", "must be different values"),
        ('[grid]\nweights = ["a/w.npz", "b/w.npz"]', "must be different values"),
        ("[grid]\nspeed = [1]", "sweep: grid.speed: unknown key 'speed'"),
        ('[grid]\nseed = ["one"]', "seed = 'one' must be of type int"),
        ("[grid]\nseed = [1]\n[when.seed.2]\nwidth = 1", "when.seed.2: the grid has 1"),
        ("[grid]\nseed = [1]\n[when.width.1]\nseed = 2", "when.width.1: the grid has no such axis"),
        ("[grid]\nseed = [1]\n[when.seed.1]\nspeed = 2", "when.seed.1: unknown key 'speed'"),
        ("[grid]\nseed = [1]\n[search]\nepochs = 0", "search needs factors, and 1 epoch"),
        ("[grid]\nseed = [1]\n[search]\nfine_tune_factors = []", "search needs factors, and"),
        ("[grid]\nseed = [1]\n[search]\nfactors = [0]", "factors must be above 0"),
        ("[grid]\nseed = [1]\n[search]\nfactors = ['x']", "factors must be above 0"),
        ("[grid]\nseed = [1]\n[search]\nfine_tune_factors = [1, 1.0]", "a factor twice"),
        ("also = 3\n[grid]\nseed = [1]", "must be made of the tables"),
        ("[grid]\nseed = [1]\n[[also]]\nwidth = 1", "grid.width = 1 must be a list"),
        ("[grid]\nseed = [1]\n[[also]]\nwidth = [1.0]\n[[also]]", "no trials"),
        ("[grid]\nseed = [1, 2]\n[[also]]\nseed = [2]", "two trials 2; take one"),
        ("[base]\nspeed = 1", "[base]: unknown key 'speed'"),
    ],
)
def test_mistakes_are_named(text: str, words: str, tmp_path: Path) -> None:
    def recipes() -> list[Recipe]:
        sweep = load(text, tmp_path)
        return [sweep.recipe(axes) for axes in sweep.axes()]

    with pytest.raises(InputError) as caught:
        recipes()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
