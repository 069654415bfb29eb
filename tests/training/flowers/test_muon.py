"""Muon: its iteration against a singular value decomposition, and which weights it moves how."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.flowers.muon import Muon
from training.flowers.network import build_network
from training.flowers.optimizers import OPTIMIZERS
from training.flowers.recipe import Recipe

RATE = 0.01


def polar(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The nearest matrix whose singular values are all 1."""
    left, _, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    return np.asarray(left @ right)


def first_step(weight: NDArray[np.float32], gradient: NDArray[np.float32]) -> NDArray[np.float32]:
    """How the first step moves a weight of this gradient; no decay."""
    variable = keras.Variable(weight)
    optimizer = Muon(RATE, weight_decay=None, adam_weight_decay=None)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return np.asarray(variable) - weight


@given(
    st.integers(0, 2**31),
    st.integers(2, 24),
    st.integers(2, 24),
    st.sampled_from([1e-4, 1.0, 1e3]),
)
@settings(max_examples=40)
def test_the_iteration_comes_near_the_polar_factor(
    seed: int, rows: int, columns: int, size: float
) -> None:
    """Its constants trade exactness for speed: singular values end between 0.68 and 1.13."""
    rng = np.random.default_rng(seed)
    rank = min(rows, columns)
    left, _ = np.linalg.qr(rng.normal(size=(rows, rank)))
    right, _ = np.linalg.qr(rng.normal(size=(columns, rank)))
    matrix = (size * left * rng.uniform(0.1, 1, rank) @ right.T).astype(np.float32)
    found = np.asarray(Muon().zeropower_via_newtonschulz5(keras.ops.convert_to_tensor(matrix), 5))
    relative = polar(matrix).T @ found if rows >= columns else found @ polar(matrix).T
    # What turns the polar factor into it is symmetric, and near the identity: no turn, no mirror.
    assert np.abs(relative - relative.T).max() < 1e-3
    values = np.linalg.eigvalsh((relative + relative.T) / 2)
    assert 0.66 < values.min() <= values.max() < 1.15


def test_a_kernel_of_four_axes_moves_as_a_matrix() -> None:
    rng = np.random.default_rng(0)
    weight, gradient = rng.normal(size=(2, 3, 3, 4, 6)).astype(np.float32)
    moved = first_step(weight, gradient).reshape(36, 6)
    wanted = -RATE * 0.2 * np.sqrt(36) * polar(gradient.reshape(36, 6))
    cosine = (moved * wanted).sum() / np.linalg.norm(moved) / np.linalg.norm(wanted)
    assert cosine > 0.95
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(wanted), rel=0.25)
    flat = first_step(weight.reshape(36, 6), gradient.reshape(36, 6))
    np.testing.assert_allclose(moved, flat, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3, 8, 1), (8,), (1, 1, 1, 5)], ids=str)
def test_what_is_no_matrix_moves_by_adamw(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    weight, gradient = rng.normal(size=(2, *shape)).astype(np.float32)
    np.testing.assert_allclose(
        first_step(weight, gradient), -RATE * np.sign(gradient), rtol=0.01
    )  # Adam's first step


def test_of_a_network_the_convolutions_but_not_the_head() -> None:
    network = build_network(Recipe(width=0.25, image_size=32, weights="none"), 4)
    optimizer = OPTIMIZERS["muon"](RATE)
    variables = network.model.trainable_variables
    by_muon = [v.path for v in variables if not optimizer._should_use_adamw(v)]
    assert by_muon == ["conv1/kernel", *(f"conv_pw_{i}/kernel" for i in range(1, 14))]
    assert all(optimizer._should_use_adamw(v) for v in network.head.trainable_variables)


def test_it_survives_serialisation() -> None:
    optimizer = OPTIMIZERS["muon"](RATE)
    config = keras.saving.serialize_keras_object(optimizer)
    assert config["registered_name"] == "bombus>Muon"
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == optimizer.get_config()
    assert copy.exclude_layers == ["(^|/)logits/"]
