"""An ensemble: the mean of what its members say, as a model like any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from export.image.heads import dissect, with_heads
from models.errors import InputError
from training.flowers.distill import load_teacher, read_run
from training.flowers.ensemble import ensemble, joined

Bombus = Callable[..., tuple[int, str, str]]
LABELS = ("daisy", "iris", "poppy")
PHOTOS = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.float32)


def classifier(seed: int, size: int = 16, *, flat: bool = False) -> keras.Model:
    """As `training.flowers.network` ends them, round a small backbone of its own."""
    keras.utils.set_random_seed(seed)
    inner = keras.Input((size, size, 3))
    maps = keras.layers.Conv2D(4, 3, activation="relu")(inner)
    image = keras.Input((size, size, 3), name="image")
    scaled = keras.layers.Rescaling(1 / 255)(image)
    pool = keras.layers.Flatten if flat else keras.layers.GlobalAveragePooling2D
    features = pool(name="pool")(keras.Model(inner, maps, name="backbone")(scaled))
    head = keras.Sequential([keras.layers.Dropout(0.2), keras.layers.Dense(3)], name="head")
    return keras.Model(image, head(features), name="alike")


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
    # One bias a class, where each member has its own.
    assert model.count_params() == 3 * members[0].count_params() - 2 * 3


@pytest.mark.parametrize("flat", [False, True])
def test_a_mirrored_ensemble_answers_for_both_views(flat: bool) -> None:
    member = classifier(0, flat=flat)
    expected = (np.asarray(member(PHOTOS)) + np.asarray(member(PHOTOS[:, :, ::-1]))) / 2
    model = joined([member], mirrored=True)
    assert np.allclose(model(PHOTOS), expected, atol=1e-6)
    assert np.allclose(model(PHOTOS[:, :, ::-1]), expected, atol=1e-6)
    assert model.count_params() == member.count_params()


def test_an_ensemble_shows_where_it_looked() -> None:
    members = [classifier(seed) for seed in (0, 1)]
    model = joined(members, mirrored=True)
    served = with_heads(model, "logits", dissect(model), None)
    answers = served.predict(PHOTOS, verbose=0)
    bias = model.get_layer("head").get_weights()[1]
    seen = np.asarray(answers["activation_map"]).mean(axis=(1, 2)) + bias
    assert np.allclose(seen, answers["logits"], atol=1e-5)


def test_a_run_sees_larger_photos_with_the_same_weights(bombus: Bombus, tmp_path: Path) -> None:
    one = run(tmp_path / "one", 0)
    options = ("--image-size", 24, "--out", tmp_path / "large")
    assert bombus("train", "ensemble", one, *options)[0] == 0
    model, labels = read_run(tmp_path / "large" / "model.keras")
    large = classifier(1, 24)
    large.set_weights(classifier(0).get_weights())
    photos = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3)).astype(np.float32)
    assert labels == LABELS
    assert np.allclose(model(photos), large(photos), atol=1e-6)
    told = json.loads((tmp_path / "large" / "training.json").read_text())["ensemble"]
    assert (told["image_size"], told["mirrored"], len(told["of"])) == (24, False, 1)


def test_an_ensemble_is_a_member_of_another() -> None:
    first, second, third = (classifier(seed) for seed in (0, 1, 2))
    pair = joined([first, second])
    expected = (np.asarray(pair(PHOTOS)) + np.asarray(third(PHOTOS))) / 2
    assert np.allclose(joined([pair, third])(PHOTOS), expected, atol=1e-6)


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
    (one / "training.json").write_text("half a ")
    with pytest.raises(InputError, match=r"training.json: not JSON .* mend or remove it"):
        ensemble([one], tmp_path / "out", mirrored=True)
    (one / "training.json").unlink()
    flat = tmp_path / "flat"
    flat.mkdir()
    classifier(0, flat=True).save(flat / "model.keras")
    (flat / "labels.txt").write_text("\n".join(LABELS))
    with pytest.raises(InputError, match=r"cannot see photos of 24 px.*leave out --image-size"):
        ensemble([flat], tmp_path / "out", image_size=24)
    image = keras.Input((16, 16, 3))
    keras.Model(image, keras.layers.Flatten()(image), name="strange").save(flat / "model.keras")
    with pytest.raises(InputError, match=r"strange: has no layers 'pool' and 'head'"):
        ensemble([one, flat], tmp_path / "out")
    with pytest.raises(InputError, match=r"other: knows other labels \(poppy, iris, daisy\)"):
        ensemble([one, other], tmp_path / "out")
    with pytest.raises(InputError, match=r"labels.txt: cannot be read"):
        ensemble([one, tmp_path / "none"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
