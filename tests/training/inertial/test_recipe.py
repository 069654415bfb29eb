from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import InputError
from training.inertial.networks import CNN
from training.inertial.recipe import Recipe, load_recipe, with_options


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_is_read_and_the_rest_is_the_default(tmp_path: Path) -> None:
    path = written(tmp_path, 'steps = 7\nhold_out = ["07"]\n[network]\nhidden = [8, 4]\n')
    recipe = load_recipe(path)
    assert (recipe.steps, recipe.hold_out, recipe.network.hidden) == (7, ("07",), (8, 4))
    assert recipe.batch == Recipe().batch


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stepps = 7", "stepps"),
        ("steps = 'many'", "steps"),
        ("steps = 0", "positive"),
        ('hold_out = ["03"]', "03"),
        ("length = 123", "multiple of 10"),
        ("wheelbase = -1", "wheelbase -1"),
        ("steps = ", "not TOML"),
        ("[network]\nkindness = 1", "network.kindness"),
    ],
)
def test_a_wrong_recipe_is_refused_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        load_recipe(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "recipe.toml" in str(caught.value)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_recipe(tmp_path / "no.toml")


def test_options_go_before_the_recipe() -> None:
    recipe = with_options(Recipe(), kind="cnn", hold_out=["00"], steps=5, seed=3)
    assert recipe.network == CNN
    assert (recipe.hold_out, recipe.steps, recipe.seed) == (("00",), 5, 3)
    assert with_options(recipe) == recipe
    for wrong in ({"kind": "rnn"}, {"hold_out": ["99"]}, {"steps": -1}):
        with pytest.raises(InputError):
            with_options(Recipe(), **wrong)
