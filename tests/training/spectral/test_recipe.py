from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import InputError
from training.spectral.recipe import Recipe, Study, Training, load


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('kinds = ["ndl"]\nseeds = 3\n[training]\nepochs = 5\n')
    assert load(path, Study()) == Study(kinds=("ndl",), seeds=3, training=Training(epochs=5))
    assert load(None, Recipe()) == Recipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('augmentations = ["hail"]', "augmentations holds 'hail'; it is one of none, noise, gain"),
        ('splits = ["odd"]', "splits holds 'odd'"),
        ("seeds = 0", "seeds and draws must be 1 or more"),
        ("[training]\nepochs = 0", "epochs = 0 must be above 0"),
        ("[training]\nnoise = 2", "noise = 2.0 must be 0 to 1"),
        ("sedes = 3", "unknown key 'sedes'"),
        ('kinds = "ndl"', "kinds = 'ndl' must be of type tuple"),
    ],
)
def test_what_no_study_could_use(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        load(path, Study())


def test_what_no_training_could_use() -> None:
    with pytest.raises(InputError, match="augmentation holds 'hail'"):
        Recipe(augmentation="hail")
    with pytest.raises(InputError, match="seeds 0"):
        Recipe(seeds=0)
