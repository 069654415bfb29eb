"""Distillation: what the teacher is asked, what the student learns, and what is shipped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.bundle import find_bundle
from models.errors import InputError
from models.metrics import softmax
from tests.training.conftest import Trained
from tests.training.flowers.test_resume import train_until
from training.flowers.dataset import UNLABELLED, Batches, load_splits
from training.flowers.distill import (
    Taught,
    build_student,
    load_teacher,
    merge_heads,
    with_unlabelled,
)
from training.flowers.fingerprint import decisions
from training.flowers.network import Network, build_network
from training.flowers.optimizers import OPTIMIZERS
from training.flowers.recipe import Distill, Recipe, identity
from training.flowers.train import train

LABELS = ("daisy", "iris", "poppy")
RNG = np.random.default_rng(0)
PHOTOS = RNG.integers(0, 256, (4, 32, 32, 3)).astype(np.float32)


def saved(folder: Path, size: int = 32) -> Path:
    """A teacher that knows the mean colour."""
    image = keras.Input((size, size, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 64)(image))
    model = keras.Model(image, keras.layers.Dense(3, kernel_initializer="identity")(features))
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    return folder / "model.keras"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("teacher") / "run")


def small() -> Network:
    keras.utils.set_random_seed(0)
    return build_network(Recipe(width=0.25, image_size=32, weights="none"), 3)


@pytest.mark.parametrize(("temperature", "weight"), [(1.0, 1.0), (4.0, 0.5)])
def test_the_loss_is_that_of_the_paper(temperature: float, weight: float) -> None:
    labels, second, wanted = (RNG.normal(size=(4, 3)).astype(np.float32) for _ in range(3))
    taught = Taught(lambda photos: wanted, temperature, weight)
    assert np.array_equal(taught(PHOTOS, labels, second, training=True), labels)
    said = np.log(softmax(second, temperature))
    entropy = -(softmax(wanted, temperature) * said).sum(axis=1).mean()
    assert [float(x) for x in taught.losses] == [
        pytest.approx(weight * temperature**2 * entropy, rel=1e-5)
    ]
    assert np.allclose(taught(PHOTOS, labels, second), (labels + second) / 2)
    assert taught.losses == []


def test_a_teacher_of_another_size_sees_the_same_photo(teacher: Path, tmp_path: Path) -> None:
    exact, coarse = (load_teacher(p, LABELS) for p in (teacher, saved(tmp_path / "small", 16)))
    mean = PHOTOS.mean(axis=(1, 2)) / 64
    assert np.allclose(exact(PHOTOS), mean, atol=1e-4)
    assert np.allclose(coarse(PHOTOS), mean, atol=1e-3)  # bilinear by halves: the same mean


def test_the_second_classifier_learns_the_teacher(teacher: Path) -> None:
    network = small()
    student = build_student(network, Distill(str(teacher), temperature=1.0), LABELS)
    assert np.allclose(student(PHOTOS), network.model(PHOTOS), atol=1e-6)  # both start alike
    network.trunk.trainable = False
    student.compile(
        keras.optimizers.Adam(0.05), keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    blue = np.zeros_like(PHOTOS)
    blue[..., 2] = 255  # "poppy", says the teacher
    student.fit(blue, np.eye(3)[[0, 0, 0, 0]], epochs=40, verbose=0)
    features = network.trunk(blue)
    first, second = (
        softmax(np.asarray(head(features)))
        for head in (network.head, student.get_layer("teacher_head"))
    )
    wanted = softmax(np.asarray(load_teacher(teacher, LABELS)(blue)))
    assert np.allclose(second, wanted, atol=0.1)
    assert (first[:, 0] > 0.9).all()


def test_what_is_shipped_answers_as_the_student_did(teacher: Path) -> None:
    network = small()
    student = build_student(network, Distill(str(teacher)), LABELS)
    second = student.get_layer("teacher_head")
    second.set_weights([RNG.normal(size=w.shape) for w in second.get_weights()])
    expected = np.asarray(student(PHOTOS))
    assert not np.allclose(expected, network.model(PHOTOS))
    merge_heads(network, student)
    assert np.allclose(network.model(PHOTOS), expected, atol=1e-5)
    assert network.head.count_params() == (256 + 1) * 3


def test_the_teacher_is_not_trained_nor_kept_in_checkpoints(teacher: Path) -> None:
    network = small()
    student = build_student(network, Distill(str(teacher)), LABELS)
    own = network.model.count_params() + network.head.count_params()
    assert student.count_params() == own


def test_muon_moves_neither_classifier(teacher: Path) -> None:
    student = build_student(small(), Distill(str(teacher)), LABELS)
    optimizer = OPTIMIZERS["muon"](0.001)
    by_muon = [v.path for v in student.trainable_variables if not optimizer._should_use_adamw(v)]
    assert by_muon == ["conv1/kernel", *(f"conv_pw_{i}/kernel" for i in range(1, 14))]


def test_without_a_teacher_the_network_is_the_student() -> None:
    network = small()
    assert build_student(network, Distill(), LABELS) is network.model


def test_teachers_that_cannot_teach(teacher: Path, tmp_path: Path) -> None:
    def refusal(path: Path, labels: tuple[str, ...] = LABELS) -> str:
        with pytest.raises(InputError) as caught:
            load_teacher(path, labels)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "knows other labels than the data (daisy, iris, poppy)" in refusal(teacher, LABELS[:2])
    assert "labels.txt: cannot be read" in refusal(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    (tmp_path / "model.keras").write_bytes(b"roses are red")
    assert "Keras cannot load it" in refusal(tmp_path / "model.keras")


def test_a_shipped_model_can_teach() -> None:
    bundle = find_bundle("flowers")
    ask = load_teacher(bundle.path / "flowers.keras", tuple(bundle.manifest.labels))
    assert ask(np.zeros((1, 64, 64, 3), np.float32)).shape == (1, len(bundle.manifest.labels))


def test_a_run_without_a_teacher_keeps_its_fingerprint() -> None:
    assert "distill" not in identity(Recipe())
    assert identity(Recipe(distill=Distill("model.keras")))["distill"]["temperature"] == 2.0


def test_photos_without_labels_come_last_and_are_of_no_class(
    drawn_flowers: Path, tmp_path: Path
) -> None:
    photos = load_splits(drawn_flowers, 0).train
    more = tmp_path / "more"
    more.mkdir()
    for path in photos.paths[:3]:
        (more / path.name).write_bytes(path.read_bytes())
    joined = with_unlabelled(photos, str(more))
    assert len(joined) == len(photos) + 3
    assert [path.name for path in joined.paths[-3:]] == sorted(p.name for p in photos.paths[:3])
    assert np.array_equal(joined.targets[:-3], photos.targets)
    assert set(joined.targets[-3:]) == {UNLABELLED}
    assert joined.sha256 != photos.sha256
    rows = np.zeros((len(joined), 2), np.uint8)
    _, shares = Batches(rows, joined.targets, len(joined.labels), len(joined))[0]
    assert np.array_equal(shares.sum(axis=1), [1.0] * len(photos) + [0.0] * 3)
    assert with_unlabelled(photos, "") is photos
    with pytest.raises(InputError, match="no such folder"):
        with_unlabelled(photos, str(tmp_path / "none"))


def test_photos_without_labels_decide_a_run(teacher: Path, tmp_path: Path) -> None:
    photo = tmp_path / "more" / "photo.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"one")
    taught = Recipe(weights="none", distill=Distill(str(teacher)))
    assert "unlabelled" not in decisions(taught)["distill"]  # as before there was such a key
    more = replace(taught, distill=Distill(str(teacher), unlabelled=str(photo.parent)))
    first = decisions(more)
    assert first["distill"]["unlabelled"] == "more"
    photo.write_bytes(b"another")
    assert decisions(more)["unlabelled_sha256"] != first["unlabelled_sha256"]
    with pytest.raises(InputError, match="empty without a teacher"):
        Recipe(distill=Distill(unlabelled="more"))


def comparable(summary: dict[str, Any]) -> list[dict[str, float]]:
    epochs: list[dict[str, float]] = json.loads(json.dumps(summary["history"]["fine_tune"]))
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in epochs]


@pytest.mark.slow
def test_a_run_with_a_teacher_resumes_to_the_same_model(
    trained: Trained, small_recipe: Recipe, drawn_flowers: Path, tmp_path: Path
) -> None:
    """Tolerance: none, as in test_resume. Here it stops between two epochs."""
    teacher = trained.out / "model.keras"
    recipe = replace(
        small_recipe,
        distill=Distill(str(teacher), unlabelled=str(drawn_flowers / "train")),
        head=replace(small_recipe.head, epochs=0),
        fine_tune=replace(small_recipe.fine_tune, epochs=2),
    )

    whole = train(drawn_flowers, recipe, tmp_path / "whole", say=lambda line: None)
    train_until("fine_tune 1/2", drawn_flowers, recipe, tmp_path / "broken")
    resumed = train(drawn_flowers, recipe, tmp_path / "broken", say=lambda line: None)
    assert comparable(resumed) == comparable(whole)
    ours, theirs = (
        keras.models.load_model(tmp_path / f / "model.keras") for f in ("broken", "whole")
    )
    assert all(np.array_equal(a, b) for a, b in zip(ours.weights, theirs.weights, strict=True))
    best = max(e["val_accuracy"] for e in whole["history"]["fine_tune"])
    assert whole["val"]["top1"] == pytest.approx(best)  # merged, it is what was validated
    assert whole["recipe"]["distill"]["teacher"] == "model.keras"
    assert len(whole["teacher_sha256"]) == 64
    with pytest.raises(InputError, match="another recipe or data"):
        train(drawn_flowers, replace(recipe, distill=Distill()), tmp_path / "whole")
