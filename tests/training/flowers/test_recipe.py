"""Recipes: TOML there and back, and one line for every mistake in one."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from training.flowers.optimizers import OPTIMIZERS
from training.flowers.recipe import (
    STEMS,
    Augmentation,
    Distill,
    Recipe,
    Stage,
    dump_recipe,
    identity,
    load_recipe,
)
from training.recipe import with_values

SHIPPED = Path(__file__).parents[3] / "training" / "flowers" / "recipes"
SHARES = st.floats(0, 1, exclude_max=True)
STAGES = st.builds(
    Stage,
    epochs=st.integers(0, 1000),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    learning_rate=st.floats(0, 1e6, exclude_min=True),
    schedule=st.sampled_from(["constant", "linear", "cosine"]),
    warmup=SHARES,
    batch_size=st.integers(1, 4096),
    label_smoothing=SHARES,
    patience=st.integers(0, 100),
)
RECIPES = st.builds(
    Recipe,
    backbone=st.text(),
    width=st.floats(0, 4, exclude_min=True),
    image_size=st.integers(32, 1024),
    stem=st.sampled_from(STEMS),
    weights=st.text(),
    pooling=st.sampled_from(["gap", "flatten"]),
    dropout=SHARES,
    mixed_precision=st.booleans(),
    unfreeze_from=st.text(),
    freeze_batch_norm=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
    head=STAGES,
    fine_tune=STAGES,
    augmentation=st.builds(Augmentation, st.booleans(), *[SHARES] * 5, *[st.floats(0, 1)] * 3),
    distill=st.builds(Distill, st.text(), *[st.floats(0, 1e6, exclude_min=True)] * 2),
)


def load(text: str, folder: Path) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def refusal(text: str, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load(text, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(RECIPES)
def test_a_dumped_recipe_is_read_back_equal(recipe: Recipe) -> None:
    values = tomllib.loads(dump_recipe(recipe))
    assert with_values(Recipe(), values, "dump") == recipe


def test_what_a_recipe_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    recipe = load('dropout = 0.5\nweights = "ä\\\\b"\n[fine_tune]\nepochs = 3', tmp_path)
    assert (recipe.dropout, recipe.weights, recipe.fine_tune.epochs) == (0.5, "ä\\b", 3)
    assert recipe.fine_tune.optimizer == Recipe().fine_tune.optimizer
    assert (recipe.head, recipe.augmentation) == (Recipe().head, Recipe().augmentation)
    assert load("", tmp_path) == Recipe()


def test_a_whole_number_serves_where_a_fraction_may_stand(tmp_path: Path) -> None:
    recipe = load("width = 1\n[head]\nlearning_rate = 1", tmp_path)
    assert recipe.width == 1.0
    assert [type(v) for v in (recipe.width, recipe.head.learning_rate)] == [float, float]


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_load(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe != Recipe()
    assert {recipe.head.optimizer, recipe.fine_tune.optimizer} <= OPTIMIZERS.keys()


def test_the_mobilenet_recipe_is_shipped() -> None:
    assert load_recipe(SHIPPED / "mobilenet.toml").backbone == "MobileNet"


def test_runs_from_before_a_key_keep_their_fingerprint() -> None:
    text = json.dumps(identity(load_recipe(SHIPPED / "mobilenet.toml")), sort_keys=True)
    before = "11211f1e7aeecbf6086f417b1d6992b45ce95f1e51842e556acedacbf00ebfde"
    assert hashlib.sha256(text.encode()).hexdigest() == before


@pytest.mark.parametrize(
    "changes",
    [{"stem": "contrast"}, {"augmentation": {"gamma": 0.5}}, {"augmentation": {"cast": 1}}],
)
def test_what_a_recipe_changes_is_in_its_fingerprint(changes: dict[str, Any]) -> None:
    assert identity(with_values(Recipe(), changes, "test")) != identity(Recipe())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = 3", "unknown key 'epochs'; one of backbone,"),
        ("[head]\nepoch = 3", "[head]: unknown key 'epoch'; one of epochs,"),
        ("[tail]\nepochs = 3", "unknown key 'tail'"),
        ("seed = 1.5", "seed = 1.5 must be of type int"),
        ("seed = true", "seed = True must be of type int"),
        ("dropout = false", "dropout = False must be of type float"),
        ('mixed_precision = "yes"', "mixed_precision = 'yes' must be of type bool"),
        ("backbone = 2024-05-01", "must be of type str"),
        ("head = 5", "head = 5 must be a table [head]"),
        ("[seed]\nvalue = 1", "must be of type int"),
        ("seed = ", "not a TOML recipe"),
        ("seed = 1\nseed = 2", "not a TOML recipe"),
    ],
)
def test_mistakes_are_named(text: str, words: str, tmp_path: Path) -> None:
    message = refusal(text, tmp_path)
    assert message.startswith(f"{tmp_path / 'recipe.toml'}")
    assert words in message


@pytest.mark.parametrize(
    ("table", "key", "value", "limit"),
    [
        ("", "pooling", '"max"', "gap or flatten"),
        ("", "stem", '"indices"', "none or contrast or contrast+rgb"),
        ("", "image_size", "31", "32 to 1024"),
        ("", "image_size", "1025", "32 to 1024"),
        ("", "dropout", "1.0", "0 to below 1"),
        ("", "dropout", "nan", "0 to below 1"),
        ("", "width", "0.0", "above 0, at most 4"),
        ("", "views", "65", "0 to 64"),
        ("", "seed", "-1", "0 to 2147483647"),
        ("", "seed", "2147483648", "0 to 2147483647"),
        ("head", "epochs", "-1", "0 or more"),
        ("head", "patience", "-1", "0 or more"),
        ("head", "batch_size", "0", "1 or more"),
        ("fine_tune", "learning_rate", "0.0", "above 0 and finite"),
        ("fine_tune", "learning_rate", "inf", "above 0 and finite"),
        ("fine_tune", "learning_rate", "nan", "above 0 and finite"),
        ("fine_tune", "warmup", "1.0", "0 to below 1"),
        ("fine_tune", "schedule", '"step"', "constant, linear or cosine"),
        ("fine_tune", "label_smoothing", "-0.1", "0 to below 1"),
        ("fine_tune", "mixup", "1.5", "0 to 1"),
        ("augmentation", "rotation", "-0.1", "0 to 1"),
        ("augmentation", "zoom", "1.0", "below 1"),
        ("augmentation", "shrink", "0.6", "at most 0.5"),
        ("augmentation", "brightness", "1.5", "0 to 1"),
        ("augmentation", "erasing", "nan", "0 to 1"),
        ("augmentation", "gamma", "1.5", "0 to 1"),
        ("augmentation", "cast", "-0.1", "0 to 1"),
        ("distill", "temperature", "0.0", "above 0 and finite"),
        ("distill", "weight", "inf", "above 0 and finite"),
    ],
)
def test_values_no_training_could_use(
    table: str, key: str, value: str, limit: str, tmp_path: Path
) -> None:
    text = f"[{table}]\n{key} = {value}" if table else f"{key} = {value}"
    name = f"{table}.{key}" if table else key
    assert f"recipe: {name} = {value}".replace('"', "'") in (message := refusal(text, tmp_path))
    assert message.endswith(f"must be {limit}")


def test_no_stem_stands_in_front_of_views_that_are_kept(tmp_path: Path) -> None:
    text = 'stem = "contrast"\nviews = 2\nunfreeze_from = "conv_pad_12"'
    assert refusal(text, tmp_path).endswith("stem = 'contrast' must be none where views are kept")


def test_a_recipe_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'backbone = "\xe9"')
    for path, words in [
        (tmp_path / "missing.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "not a TOML recipe"),
    ]:
        with pytest.raises(InputError) as caught:
            load_recipe(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
