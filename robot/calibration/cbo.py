"""Consensus-based optimisation: a minimum without gradients, by a swarm that agrees on a place.

Each particle drifts towards the swarm's consensus, a mean that weighs a particle by exp(-alpha
cost), and is shaken in proportion to its distance from it, each coordinate by its own (Pinnau,
Totzeck, Tse and Martin, M3AS 27, 2017; anisotropic noise: Carrillo, Jin, Li and Zhu, ESAIM: COCV
27, 2021):

    x <- x - drift (x - c) dt + shake (x - c) * xi sqrt(dt),   xi ~ N(0, 1) for each coordinate

Where all agree, nothing moves any more. Anisotropic noise lets the swarm agree in any number of
coordinates, if (1 - drift dt)^2 + shake^2 dt < 1: the settings are just inside, lest it agree too
soon. The seed decides everything; a `Swarm` is all that there is to
remember, and goes on from where it was saved bit for bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array

# Costs [N] of places [N, D]; one that is not finite is the worst of all.
Costs = Callable[[Array], Array]


@dataclass(frozen=True)
class Settings:
    """How the swarm searches.

    Attributes:
        particles: How many.
        drift: Rate of the drift towards the consensus.
        shake: Size of the noise, relative to the distance from it.
        step: dt.
        sharpness: alpha, over the spread (interquartile) of the swarm's costs: a consensus does
            not depend on the costs' unit.
        spread: Standard deviation of the first swarm about its start, each coordinate.
        within: No coordinate goes further from the start than this.
    """

    particles: int = 24
    drift: float = 1.0
    shake: float = 1.2
    step: float = 0.5
    sharpness: float = 100.0
    spread: float = 1.5
    within: float = 6.0


SETTINGS = Settings()


@dataclass(frozen=True)
class Swarm:
    """A search on its way.

    Attributes:
        places: [N, D] of the particles.
        costs: [N] at those places.
        best: [D], the best place ever seen.
        least: The cost there.
        rounds: How many moves were made.
        random: State of the random generator, as JSON.
    """

    places: Array
    costs: Array
    best: Array
    least: float
    rounds: int
    random: str

    @property
    def disagreement(self) -> float:
        """Largest standard deviation of a coordinate over the swarm."""
        return float(self.places.std(axis=0).max())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, to be saved without pickle."""
        return {name: np.array(value) for name, value in vars(self).items()}

    @staticmethod
    def of_arrays(saved: Mapping[str, NDArray[Any]]) -> Swarm:
        """What `arrays` saved."""
        return Swarm(
            np.array(saved["places"]),
            np.array(saved["costs"]),
            np.array(saved["best"]),
            float(saved["least"]),
            int(saved["rounds"]),
            str(saved["random"]),
        )


def first_swarm(costs: Costs, start: Array, seed: int, settings: Settings = SETTINGS) -> Swarm:
    """A swarm about a place [D], of which one particle is that place itself."""
    rng = np.random.default_rng(seed)
    offsets = settings.spread * rng.normal(size=(settings.particles, len(start)))
    offsets[0] = 0.0
    places = start + np.clip(offsets, -settings.within, settings.within)
    return _judged(places, costs, Swarm(places, np.empty(0), start, math.inf, -1, _remember(rng)))


def move(swarm: Swarm, costs: Costs, start: Array, settings: Settings = SETTINGS) -> Swarm:
    """The swarm one round later.

    Args:
        swarm: Before.
        costs: What is to be least.
        start: [D], the place that `settings.within` is about.
        settings: How to search.
    """
    rng = _recall(swarm.random)
    off = swarm.places - consensus(swarm.places, swarm.costs, settings.sharpness)
    shake = settings.shake * math.sqrt(settings.step) * rng.normal(size=off.shape)
    places: Array = swarm.places + off * (shake - settings.drift * settings.step)
    places = start + np.clip(places - start, -settings.within, settings.within)
    return _judged(places, costs, replace(swarm, random=_remember(rng)))


def consensus(places: Array, costs: Array, sharpness: float) -> Array:
    """The mean [D] of places [N, D], weighed by exp(-alpha cost)."""
    sound = costs[np.isfinite(costs)]
    if not len(sound):
        return np.asarray(places.mean(axis=0))
    low, high = np.quantile(sound, (0.25, 0.75)).tolist()
    alpha = sharpness / max(high - low, 1e-300)
    weights = np.where(np.isfinite(costs), np.exp(-alpha * (costs - sound.min())), 0.0)
    return np.asarray(weights @ places / weights.sum())


def _judged(places: Array, costs: Costs, before: Swarm) -> Swarm:
    """The swarm at new places."""
    found = costs(places)
    found = np.where(np.isfinite(found), found, math.inf)
    first = int(np.argmin(found))
    best, least = before.best, before.least
    if found[first] < least:
        best, least = places[first].copy(), float(found[first])
    return Swarm(places, found, best, least, before.rounds + 1, before.random)


def _remember(rng: np.random.Generator) -> str:
    return json.dumps(rng.bit_generator.state)


def _recall(text: str) -> np.random.Generator:
    rng = np.random.default_rng()
    rng.bit_generator.state = json.loads(text)
    return rng
