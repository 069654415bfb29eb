"""Tuning on a short simulated drive: better than the start, resumable, and the same by seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import InputError
from robot.calibration.cbo import SETTINGS, Swarm
from robot.calibration.tune import PARAMETERS, Task, pool, search
from robot.noise import ConstantNoise
from robot.pose import Options
from robot.score import score
from robot.state import Noise
from robot.track import track
from tests.robot.logs import reference

SMALL = replace(SETTINGS, particles=6)


def task(**options: Any) -> Task:
    return Task((reference(),), None, **options)


def run(what: Task, checkpoint: Path, rounds: int = 3, seed: int = 0) -> Swarm:
    with pool(what, 1) as costs:
        return search(what, costs, seed=seed, rounds=rounds, checkpoint=checkpoint, settings=SMALL)


def test_every_number_of_the_noise_can_be_moved() -> None:
    base = Noise()
    what = task(base=base)
    place = np.log(np.arange(2.0, 2.0 + len(PARAMETERS)))
    moved = what.noise(place)
    assert what.noise(np.zeros(len(PARAMETERS))) == base
    found = [*(getattr(moved, n) / getattr(base, n) for n in PARAMETERS[:-2])]
    found += [a / b for a, b in zip(moved.slip, base.slip, strict=True)]
    np.testing.assert_allclose(found, np.exp(place))


def test_only_what_is_free_is_moved() -> None:
    moved = task(names=("slip_vertical",)).noise(np.array((1.0,)))
    assert moved == replace(Noise(), slip=(1.0, 10.0 * np.e))


def test_the_cost_is_the_drift_and_pulls_to_the_start() -> None:
    what = task()
    (error,) = what.errors(Noise())
    assert what.cost(np.zeros(8)) == pytest.approx(error.translation, rel=1e-12)
    place = np.full(8, 0.3)
    (moved,) = what.errors(what.noise(place))
    assert what.cost(place) == pytest.approx(moved.translation * (1 + 1e-3 * 0.09))


def test_the_error_is_that_of_the_localizer() -> None:
    known = reference()
    told = known.start("heading")
    assert not isinstance(told, tuple)
    noise = Noise(slip=(0.1, 0.1))
    result = track(
        known.times,
        known.gyro,
        known.accel,
        options=Options(prior=told),
        model=ConstantNoise(noise),
    )
    (error,) = Task((known,), "heading").errors(noise)
    assert error == score(known.truth, result.trajectory).relative


@pytest.mark.parametrize(
    ("base", "least"), [(Noise(), 0.0), (Noise(gyro=0.1, slip=(1e3, 1e3)), 0.3)]
)
def test_it_improves_on_the_start(tmp_path: Path, base: Noise, least: float) -> None:
    what = task(base=base)
    found = run(what, tmp_path / "search.npz", rounds=4)
    (before,), (after,) = what.errors(what.base), what.errors(what.noise(found.best))
    assert after.translation < (1 - least) * before.translation
    assert found.least == pytest.approx(what.cost(found.best))


def test_it_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    what = task(names=("slip_lateral", "accel_bias"))
    whole = run(what, tmp_path / "whole.npz")
    run(what, tmp_path / "stopped.npz", rounds=1)
    resumed = run(what, tmp_path / "stopped.npz")
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(resumed.arrays()[name], value)


def test_another_search_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "search.npz"
    run(task(names=("gyro",)), path, rounds=1)
    with pytest.raises(InputError, match="saved with other options"):
        run(task(names=("accel",)), path)
    with pytest.raises(InputError, match="saved with other options"):
        run(task(names=("gyro",)), path, seed=1)


@pytest.mark.slow
def test_several_processes_find_the_same() -> None:
    what = task(names=("gyro", "accel"))
    places = np.random.default_rng(0).normal(size=(5, 2))
    with pool(what, 1) as one, pool(what, 2) as two:
        np.testing.assert_array_equal(one(places), two(places))


@pytest.mark.parametrize("names", [("giro",), ()])
def test_parameters_that_are_none_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="slip_lateral"):
        task(names=names)


def test_a_way_without_length_cannot_be_tuned_on(tmp_path: Path) -> None:
    known = reference()
    still = replace(known, truth=replace(known.truth, positions=0 * known.truth.positions))
    with pytest.raises(InputError, match="no error can be measured"):
        run(Task((still,), None), tmp_path / "search.npz")
