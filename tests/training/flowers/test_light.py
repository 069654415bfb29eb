"""Changed light: what it does to pixels, and who wins under it."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bombus import run
from models.errors import InputError
from models.metrics import paired_drop
from training.flowers.light import (
    ALL,
    CHANGES,
    UNCHANGED,
    Change,
    brightness,
    cast,
    difference,
    gamma,
    predictions,
    relit,
)
from training.flowers.light_page import Arm, verdicts, winners
from training.flowers.light_report import write_report
from training.flowers.network import build_network
from training.flowers.recipe import Augmentation, Recipe, Stage
from training.flowers.train import train

PHOTOS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
EVERY = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)


@given(st.tuples(*[st.floats(0, 4)] * 3), st.floats(0.2, 5))
def test_a_change_of_light_keeps_the_order_of_levels(
    gains: tuple[float, float, float], power: float
) -> None:
    curve = Change("any", "", gains, power).curve()
    assert curve.shape == (256, 3)
    assert (np.diff(curve.astype(int), axis=0) >= 0).all()
    assert (curve[0] == 0).all()


def test_pixels_become_what_the_formula_says() -> None:
    assert np.array_equal(relit(PHOTOS, UNCHANGED), PHOTOS)
    values = PHOTOS.astype(float)
    assert np.array_equal(relit(PHOTOS, brightness(0.6)), np.rint(values * 0.6))
    assert np.array_equal(relit(PHOTOS, brightness(1.6)), np.rint(np.minimum(values * 1.6, 255)))
    assert np.allclose(relit(PHOTOS, gamma(2)), values**2 / 255, atol=0.5)
    warm = relit(PHOTOS, cast("", "", (1.44, 1.0, 0.56), 0.5)).astype(float)
    assert np.allclose(warm, np.minimum(values * np.sqrt([1.44, 1, 0.56]), 255), atol=0.5)


def test_a_negative_strength_undoes_a_cast_where_nothing_was_clipped() -> None:
    there = relit(EVERY, cast("", "", (0.8, 1.0, 0.5), 1.0))
    back = relit(there, cast("", "", (0.8, 1.0, 0.5), -1.0))
    assert np.abs(back.astype(int) - EVERY).max() <= 1


def test_the_changes_are_distinct_and_none_is_idle() -> None:
    assert len({(c.kind, c.level) for c in ALL}) == len(ALL)
    curves = {c.curve().tobytes() for c in ALL}
    assert len(curves) == len(ALL)
    assert {c.kind for c in CHANGES} == {"brightness", "gamma", "colour temperature", "tint"}


def test_each_change_reaches_the_model() -> None:
    """A model that tells by the mean of green which of 256 classes a grey photo is."""
    image = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    levels = keras.layers.Dense(256)
    model = keras.Model(image, levels(mean))
    kernel = np.zeros((3, 256))
    kernel[1] = 2.0 * np.arange(256)  # -(mean - k)^2 but for what is the same for all k
    levels.set_weights([kernel, -(np.arange(256.0) ** 2)])
    grey = np.full((2, 8, 8, 3), 100, np.uint8)
    grey[1] = 40
    found = predictions(model, grey, [UNCHANGED, brightness(0.4), gamma(2.0)])
    assert found.tolist() == [[100, 40], [40, 16], [39, 6]]


def test_a_difference_has_the_interval_of_its_photos() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((5, 400)) < 0.8, rng.random((5, 400)) < 0.7
    centre, low, high = difference(a, b)
    assert centre == pytest.approx(a.mean() - b.mean())
    assert low < centre < high
    # Five copies of one answer are one answer.
    assert difference(a[:1].repeat(5, 0), b[:1].repeat(5, 0)) == pytest.approx(
        difference(a[:1], b[:1])
    )
    drop, drop_low, drop_high = paired_drop(b[0], a[0])
    assert difference(a[:1], b[:1]) == pytest.approx((-drop, -drop_high, -drop_low), abs=2e-3)
    assert difference(a, a) == (0, 0, 0)


def arm(stem: str, plain: float, changed: float) -> Arm:
    """An arm right on the first of 1000 photos."""
    right = np.zeros((len(ALL), 1000), bool)
    right[0, : int(1000 * plain)] = True
    right[1:, : int(1000 * changed)] = True
    return Arm(Path(stem), Recipe(stem=stem), {}, right)


@pytest.mark.parametrize(
    ("plain", "changed", "wins"),
    [(0.9, 0.8, True), (0.9, 0.7, False), (0.87, 0.8, False), (0.9, 0.75, False)],
)
def test_a_stem_wins_only_against_all_and_at_no_cost(
    plain: float, changed: float, wins: bool
) -> None:
    arms = [arm("none", 0.9, 0.6), arm("none", 0.88, 0.75), arm("contrast", plain, changed)]
    found = verdicts(arms)
    assert len(found) == 2
    assert winners(found) == (arms[2:] if wins else [])


@pytest.fixture(scope="module")
def runs(drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run with all that this adds to a recipe, and as its plain twin what was never trained."""
    root, stage = tmp_path_factory.mktemp("light"), Stage(1, "adam", 1e-3, batch_size=48)
    plain = Recipe(width=0.25, image_size=32, weights="none", head=stage, fine_tune=stage)
    plain = replace(plain, augmentation=Augmentation(rotation=0, zoom=0, translation=0))
    coloured = replace(plain.augmentation, gamma=1.0, cast=0.6)
    stem = replace(plain, stem="contrast+rgb", augmentation=coloured)
    summary = train(drawn_flowers, stem, root / "stem", say=lambda line: None)
    (root / "plain").mkdir()
    build_network(plain, 4).model.save(root / "plain" / "model.keras")
    text = json.dumps(summary | {"recipe": asdict(plain)})
    (root / "plain" / "training.json").write_text(text)
    return [root / "plain", root / "stem"]


def test_the_page_states_what_the_models_answer(
    runs: list[Path], drawn_flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = write_report(runs, drawn_flowers, tmp_path)
    page = (tmp_path / "flowers-light.md").read_text()
    assert [a.name for a in arms] == ["RGB", "RGB + contrasts, colour augmentation"]
    for a in arms:
        assert f"| {a.name} | {100 * a.top1('none'):.2f} | {100 * a.top1('brightness'):.2f}" in page
        assert a.top1() == pytest.approx(a.right[1:].mean())
    assert sum(line.startswith("| brightness | ") for line in page.splitlines()) == 5
    assert "powers between 0.50 and 2, random gains of each channel between 0.62 and 1.6" in page
    assert (tmp_path / "flowers-light.png").read_bytes().startswith(b"\x89PNG")

    def nothing(*_: Any) -> None:
        raise AssertionError("scored twice")

    monkeypatch.setattr("training.flowers.light_report.predictions", nothing)
    write_report(runs, drawn_flowers, tmp_path)
    assert (tmp_path / "flowers-light.md").read_text() == page


def test_another_model_in_the_folder_is_scored_anew(
    runs: list[Path], drawn_flowers: Path, tmp_path: Path
) -> None:
    write_report(runs, drawn_flowers, tmp_path)
    plain = shutil.copytree(runs[0], tmp_path / "plain")
    image = keras.Input((32, 32, 3))
    sunflower = keras.layers.Dense(4, kernel_initializer="zeros")
    model = keras.Model(image, sunflower(keras.layers.GlobalMaxPooling2D()(image)))
    sunflower.bias.assign([0, 0, 1, 0])
    model.save(plain / "model.keras")
    arms = write_report([plain, runs[1]], drawn_flowers, tmp_path)
    assert (arms[0].right.mean(axis=1) == 0.25).all()


def test_what_cannot_be_compared(
    runs: list[Path], drawn_flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(runs[1], tmp_path / "other")
    summary = (other / "training.json").read_text()
    (other / "training.json").write_text(summary.replace('"batch_size": 48', '"batch_size": 47'))
    for folders, words in [
        ([runs[0], tmp_path], f"{tmp_path}: no finished run"),
        ([runs[0]], "nothing to compare; give runs with a stem and runs without one"),
        ([runs[0], other], f"{other}: differs from {runs[0]} in head, fine_tune; runs to compare"),
    ]:
        with pytest.raises(InputError) as caught:
            write_report(folders, drawn_flowers, tmp_path)
        assert str(caught.value).startswith(words)
        assert "\n" not in str(caught.value)
    command = ["train", "flowers-light", str(runs[0]), "--data", str(drawn_flowers)]
    assert run([*command, "--out", str(tmp_path)]) == 2
    assert "nothing to compare" in capsys.readouterr().err
    assert not (tmp_path / "flowers-light.md").exists()
