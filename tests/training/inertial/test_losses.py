"""The losses: the metric's numbers, their gradients, and what is left out of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.lie import Array, so3_exp
from robot.metrics import LENGTHS, Trajectory, relative_errors, rotation_angles
from robot.rotations import of_angles
from training.inertial import losses

Windows = tuple[Array, Array]


def ways(count: int, seed: int, poses: int = 600, speed: float = 12.0) -> Windows:
    """Positions and rotations of winding ways at 10 Hz, some of them slow."""
    rng = np.random.default_rng(seed)
    yaw = np.cumsum(0.05 * rng.normal(size=(count, poses)), axis=1)
    angles = np.stack((0.02 * np.sin(yaw), 0.05 * np.cos(yaw), yaw), axis=-1)
    pace = 0.1 * speed * rng.uniform(0.3, 1.7, (count, 1)) * (1 + 0.3 * np.sin(yaw))
    ahead = np.stack((np.cos(yaw), np.sin(yaw), 0.1 * np.sin(3 * yaw)), axis=-1)
    rotations = np.stack([of_angles(rows) for rows in angles])
    return np.cumsum(pace[..., None] * ahead, axis=1), rotations


def estimates(truth: Windows, seed: int) -> Windows:
    """Ways that drift from the true ones, and turn away."""
    positions, rotations = truth
    rng = np.random.default_rng(seed)
    drift = np.cumsum(0.1 * rng.normal(size=positions.shape), axis=1)
    turn = np.stack([so3_exp(x) for x in 0.2 * rng.normal(size=(len(positions), 3))])
    bend = of_angles(0.001 * np.arange(positions.shape[1])[:, None] * rng.normal(size=3))
    return positions @ np.swapaxes(turn, 1, 2) + drift, turn[:, None] @ rotations @ bend


def trajectory(window: Windows, row: int) -> Trajectory:
    positions, rotations = window
    return Trajectory(0.1 * np.arange(positions.shape[1]), positions[row], rotations[row])


def listed(pairs: losses.Pairs) -> list[list[tuple[int, int, float]]]:
    """Start, end and length of the pairs of each window."""
    rows = zip(pairs.starts, pairs.ends, pairs.metres, pairs.weights, strict=True)
    return [[(s, e, m) for s, e, m, w in zip(*row, strict=True) if w] for row in rows]


@given(seed=st.integers(0, 2**32 - 1), speed=st.floats(3.0, 30.0))
@settings(max_examples=10)
def test_means_are_the_metrics(seed: int, speed: float) -> None:
    truth = ways(3, seed, speed=speed)
    made = estimates(truth, seed)
    pairs = losses.sub_sequences(*truth)
    scores = [relative_errors(trajectory(truth, i), trajectory(made, i)) for i in range(3)]
    counts = np.array([score.segments for score in scores])
    np.testing.assert_array_equal(pairs.weights.sum(axis=1), counts)
    for errors, name in (
        (losses.displacements(*made, pairs), "translation"),
        (losses.turns(made[1], pairs), "rotation"),
    ):
        each = [c * getattr(s, name) for s, c in zip(scores, counts, strict=True) if c]
        expected = sum(each) / max(1, counts.sum())
        assert float(losses.mean(errors, pairs)) == pytest.approx(expected, rel=1e-12)


def test_squares_and_hubers_are_those_of_the_lengths() -> None:
    truth = ways(2, 0)
    pairs = losses.sub_sequences(*truth)
    errors = losses.displacements(*estimates(truth, 1), pairs)
    size = np.linalg.norm(errors, axis=-1)[pairs.weights > 0]
    knee = float(np.median(size))
    assert float(losses.squared(errors, pairs)) == pytest.approx(np.mean(size**2))
    assert float(losses.huber(errors, pairs, 1e9)) == pytest.approx(np.mean(size**2))
    bent = np.where(size < knee, size**2, 2 * knee * size - knee**2)
    assert float(losses.huber(errors, pairs, knee)) == pytest.approx(np.mean(bent))


def test_straight_errors_are_over_the_distance_of_the_ends() -> None:
    truth = ways(2, 0)
    long, straight = (losses.sub_sequences(*truth, straight=s) for s in (False, True))
    there = long.weights > 0
    apart = np.linalg.norm(long.displacements, axis=-1)
    np.testing.assert_allclose(straight.metres[there], apart[there])
    made = estimates(truth, 1)
    errors = [np.asarray(losses.displacements(*made, pairs)) for pairs in (long, straight)]
    ratio = (long.metres / straight.metres)[there][:, None]
    np.testing.assert_allclose(errors[1][there], errors[0][there] * ratio)


def test_a_pair_needs_its_truth_from_end_to_end() -> None:
    truth = ways(1, 3)
    everything = losses.sub_sequences(*truth)
    trusted = np.ones((1, 600), np.bool_)
    trusted[0, 305] = False
    pairs = losses.sub_sequences(*truth, trusted)
    (whole,), (kept,) = listed(everything), listed(pairs)
    assert kept == [pair for pair in whole if not pair[0] <= 305 <= pair[1]]
    assert 0 < len(kept) < len(whole)
    nothing = losses.sub_sequences(*truth, np.zeros((1, 600), np.bool_))
    assert nothing.weights.sum() == 0
    assert float(losses.mean(losses.displacements(*estimates(truth, 0), nothing), nothing)) == 0


def test_a_size_pads_and_thins() -> None:
    truth = ways(2, 4)
    free = losses.sub_sequences(*truth)
    most = free.starts.shape[1]
    assert most == free.weights.sum(axis=1).max()
    wide, narrow = (losses.sub_sequences(*truth, size=n) for n in (most + 7, 20))
    np.testing.assert_array_equal(wide.weights[:, :most], free.weights)
    assert wide.weights[:, most:].sum() == 0
    assert narrow.weights.sum(axis=1).tolist() == [20, 20]
    for kept, whole in zip(listed(narrow), listed(free), strict=True):
        assert len({*kept}) == 20
        assert kept[0] == whole[0]
        assert kept[-1] == whole[-1]
        assert {*kept} < {*whole}


def test_turns_are_rotation_vectors() -> None:
    poses, rng = 300, np.random.default_rng(0)
    positions, rotations = ways(1, 5, poses)
    angles = np.concatenate((rng.uniform(0, 3.1, poses - 2), (0.0, 1e-9)))
    axes = rng.normal(size=(poses, 3))
    off = axes / np.linalg.norm(axes, axis=1)[:, None] * angles[:, None]
    made = rotations @ np.stack([so3_exp(x) for x in off])[None]
    made[0, 0] = rotations[0, 0]
    row = np.arange(1, poses)
    ones, back = np.ones((1, poses - 1)), rotations[:, :1].swapaxes(-1, -2)
    pairs = losses.Pairs(
        np.zeros((1, poses - 1), np.int32),
        row[None].astype(np.int32),
        ones,
        ones,
        (back @ (positions[:, 1:] - positions[:, :1])[..., None])[..., 0],
        back @ rotations[:, 1:],
    )
    np.testing.assert_allclose(losses.turns(made, pairs)[0], off[1:], atol=1e-9)
    found = rotation_angles(np.swapaxes(rotations[0], 1, 2) @ made[0])[1:]
    np.testing.assert_allclose(
        np.linalg.norm(losses.turns(made, pairs)[0], axis=1), found, atol=1e-12
    )


@pytest.mark.parametrize("kind", ["mean", "squared", "huber"])
@pytest.mark.parametrize("perfect", [False, True])
def test_gradients_are_those_of_finite_differences(kind: str, perfect: bool) -> None:
    truth = ways(2, 6)
    made = truth if perfect else estimates(truth, 7)
    pairs = losses.sub_sequences(*truth, lengths=LENGTHS[:3])
    function: Callable[..., tf.Tensor] = {
        "mean": losses.mean,
        "squared": losses.squared,
        "huber": lambda errors, pairs: losses.huber(errors, pairs, 0.02),
    }[kind]

    def loss(positions: tf.Tensor, rotations: tf.Tensor) -> tf.Tensor:
        moved = function(losses.displacements(positions, rotations, pairs), pairs)
        return moved + 10 * function(losses.turns(rotations, pairs), pairs)

    given = [tf.constant(x) for x in made]
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = loss(*given)
    gradients = tape.gradient(value, given)
    if perfect:
        assert all(np.abs(g).max() < 1e-9 for g in gradients)
        return
    rng = np.random.default_rng(0)
    for i, gradient in enumerate(gradients):
        way, h = rng.normal(size=gradient.shape), 1e-6
        ends = [
            float(loss(*(x + s * h * way if i == j else x for j, x in enumerate(made))))
            for s in (1, -1)
        ]
        slope = (ends[0] - ends[1]) / (2 * h)
        assert float(np.sum(gradient * way)) == pytest.approx(slope, rel=1e-5)
