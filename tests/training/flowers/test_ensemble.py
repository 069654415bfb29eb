"""An ensemble: the mean of what its members say, as a model like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from models.errors import InputError
from training.flowers.distill import load_teacher
from training.flowers.ensemble import ensemble, joined

Bombus = Callable[..., tuple[int, str, str]]
LABELS = ("daisy", "iris", "poppy")
PHOTOS = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.float32)


def classifier(seed: int, size: int = 16) -> keras.Model:
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3), name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3)(pooled), name="alike")


def run(folder: Path, seed: int, size: int = 16, labels: tuple[str, ...] = LABELS) -> Path:
    folder.mkdir()
    classifier(seed, size).save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    return folder


def test_answers_with_the_mean() -> None:
    members = [classifier(seed) for seed in (0, 1, 2)]
    expected = np.mean([np.asarray(m(PHOTOS)) for m in members], axis=0)
    model = joined(members)
    assert np.allclose(model(PHOTOS), expected, atol=1e-6)
    assert model.count_params() == 3 * members[0].count_params()


def test_members_of_other_sizes_see_the_same_photo() -> None:
    small, large = classifier(0, 16), classifier(0, 32)
    large.set_weights(small.get_weights())
    flat = np.full((1, 16, 16, 3), 90, np.float32)
    assert np.allclose(joined([small, large])(flat), small(flat), atol=1e-5)


def test_what_is_written_is_a_teacher(bombus: Bombus, tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), seed) for seed in (0, 1)]
    code, out, _ = bombus("train", "ensemble", *runs, "--out", tmp_path / "both")
    assert code == 0
    assert "2 runs" in out
    ask = load_teacher(tmp_path / "both" / "model.keras", LABELS)
    expected = joined([classifier(0), classifier(1)])(PHOTOS)
    assert np.allclose(ask(PHOTOS), expected, atol=1e-6)
    code, _, err = bombus("train", "ensemble", *runs, "--out", tmp_path / "both")
    assert code == 2
    assert "already there" in err


def test_runs_that_do_not_go_together(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one", 0), run(tmp_path / "other", 1, labels=LABELS[::-1])
    with pytest.raises(InputError, match="1 run is no ensemble"):
        ensemble([one], tmp_path / "out")
    with pytest.raises(InputError, match=r"other: knows other labels \(poppy, iris, daisy\)"):
        ensemble([one, other], tmp_path / "out")
    with pytest.raises(InputError, match=r"labels.txt: cannot be read"):
        ensemble([one, tmp_path / "none"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
