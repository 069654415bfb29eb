"""Consensus-based optimisation on functions whose minimum is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.calibration.cbo import SETTINGS, Costs, Settings, Swarm, consensus, first_swarm, move
from robot.lie import Array


def bowl(places: Array) -> Array:
    """Convex, a hundred times steeper one way than the other; least at 1.3."""
    return np.asarray(np.square(places - 1.3) @ np.logspace(0, 2, places.shape[1]))


def banana(places: Array) -> Array:
    """Rosenbrock's: a bent valley, least at (1, 1)."""
    x, y = places.T
    return np.asarray(100 * (y - x**2) ** 2 + (1 - x) ** 2)


def search(costs: Costs, size: int, rounds: int, settings: Settings, seed: int = 0) -> Swarm:
    origin = np.zeros(size)
    swarm = first_swarm(costs, origin, seed, settings)
    while swarm.rounds < rounds:
        swarm = move(swarm, costs, origin, settings)
    return swarm


@pytest.mark.parametrize("seed", range(4))
def test_a_convex_function_is_minimised(seed: int) -> None:
    found = search(bowl, 8, 150, Settings(particles=50), seed)
    np.testing.assert_allclose(found.best, 1.3, atol=1e-3)
    assert found.least < 1e-6
    assert found.disagreement < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_a_few_particles_come_near_in_the_rounds_of_a_tuning(seed: int) -> None:
    assert search(bowl, 8, 40, SETTINGS, seed).least < 2e-3 * bowl(np.zeros((1, 8)))[0]


@pytest.mark.parametrize("seed", range(4))
def test_a_bent_valley_is_followed(seed: int) -> None:
    found = search(banana, 2, 300, Settings(particles=100), seed)
    np.testing.assert_allclose(found.best, 1.0, atol=0.05)
    assert found.least < 1e-3


def test_the_same_seed_finds_the_same_and_another_not() -> None:
    once, again, other = (search(bowl, 3, 5, SETTINGS, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(once.places, again.places)
    assert not np.array_equal(once.places, other.places)


def test_it_goes_on_bit_for_bit_from_what_was_saved() -> None:
    half = search(bowl, 3, 10, SETTINGS)
    back = Swarm.of_arrays(half.arrays())
    for _ in range(10):
        back = move(back, bowl, np.zeros(3))
    whole = search(bowl, 3, 20, SETTINGS)
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], value)


def test_the_best_is_never_lost() -> None:
    swarm = first_swarm(banana, np.zeros(2), 0)
    least = [swarm.least]
    for _ in range(30):
        swarm = move(swarm, banana, np.zeros(2))
        least.append(swarm.least)
        assert banana(swarm.best[None])[0] == swarm.least
    assert least == sorted(least, reverse=True)


def test_the_start_is_one_of_the_first_places() -> None:
    swarm = first_swarm(bowl, np.full(2, 0.5), 3)
    np.testing.assert_array_equal(swarm.places[0], [0.5, 0.5])


def test_costs_that_are_none_are_the_worst() -> None:
    def partly(places: Array) -> Array:
        return np.where(places[:, 0] > 0, np.nan, bowl(places))

    found = search(partly, 2, 100, Settings(particles=50))
    assert found.best[0] <= 0
    assert found.least == pytest.approx(1.3**2, rel=0.05)


def test_where_nothing_is_known_it_goes_on() -> None:
    swarm = search(lambda places: np.full(len(places), np.nan), 2, 3, SETTINGS)
    assert swarm.least == np.inf
    assert np.isfinite(swarm.places).all()


def test_nothing_goes_further_than_it_may() -> None:
    found = search(lambda places: places.sum(axis=1), 2, 60, Settings(within=2.0))
    assert abs(found.places).max() <= 2.0
    np.testing.assert_allclose(found.best, -2.0)


@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_the_consensus_does_not_depend_on_the_unit_of_cost(scale: float, offset: float) -> None:
    places = np.random.default_rng(0).normal(size=(12, 3))
    costs = bowl(places)
    once, other = (consensus(places, c, 3.0) for c in (costs, scale * costs))
    np.testing.assert_allclose(once, other, rtol=1e-9)
    moved = consensus(places + offset, costs, 3.0)
    np.testing.assert_allclose(moved, once + offset, atol=1e-9 * (1 + abs(offset)))
