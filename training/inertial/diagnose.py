"""What surrogate gradients are worth for a network, its data and its loss.

A surrogate is no derivative, so it is asked four things. How many neurons does it reach: a neuron
far from its threshold learns nothing. How far back in time does it reach. Does it point downhill on
the loss as it is, with all its steps, once these are smoothed over small changes of the weights:
its projections on random directions are compared to finite differences along them, whose
correlation estimates the cosine between both gradients (for directions that are isotropic, it is
the cosine in the mean). And how much of the descent that it promises along itself comes true.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.inertial.heads import Outputs
from training.inertial.networks import Network
from training.layers.gradients import compiled, value_and_gradient
from training.layers.recurrence import Tensor
from training.layers.spiking import LIF

Array = NDArray[np.float64]
Loss = Callable[[Outputs], Tensor]
SHARES = tuple(np.linspace(0.1, 1.0, 10).tolist())
ACTIVE = 0.1  # of a surrogate's steepest slope


@dataclass(frozen=True)
class Diagnosis:
    """Of one network.

    Attributes:
        active: Per spiking layer, the share of neurons and times with a slope of at least a tenth
            of the surrogate's steepest.
        silent: Per spiking layer, the share of neurons that never fire.
        reach: [T] norm of the gradient of the last sample's loss to the currents of the first
            spiking layer, the last sample's first, relative to the greatest.
        cosine: Between surrogate and smoothed true gradient of the hidden weights, estimated.
        cosine_error: Its standard error.
        descent: The loss's smoothed slope along the surrogate gradient, over what it promises.
    """

    active: dict[str, float]
    silent: dict[str, float]
    reach: Array
    cosine: float
    cosine_error: float
    descent: float


def diagnose(
    network: Network,
    samples: NDArray[Any],
    loss: Loss,
    *,
    directions: int = 64,
    size: float = 0.02,
    seed: int = 0,
) -> Diagnosis:
    """Look at the surrogate gradients of a network.

    Args:
        network: An SNN whose heads are not all zero any more; its weights end as they were.
        samples: [B, T, 6] rad/s and m/s^2.
        loss: From outputs [B, T, ...] to a number.
        directions: Random ones to compare along; the error of the cosine falls with their root.
        size: Of the changes of each weight, relative to its matrix's root mean square.
        seed: Of the directions.

    Raises:
        ValueError: The network has no spiking layer.
    """
    if not any(isinstance(layer, LIF) for layer in network.hidden):
        raise ValueError(f"a network of kind {network.config.kind} has no surrogate to diagnose")
    dtype = network.compute_dtype
    features, _ = network.observe(ops.convert_to_tensor(samples, dtype))
    active, silent = _activity(network, features)
    cosine, error, descent = _agreement(
        network, compiled(lambda: loss(network.decide(features)[0])), directions, size, seed
    )
    return Diagnosis(active, silent, _reach(network, features, loss), cosine, error, descent)


def _activity(network: Network, features: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    active, silent, x = {}, {}, features
    for layer in network.hidden:
        if isinstance(layer, LIF):
            current, states = layer.trace(x)
            excess = ops.convert_to_numpy(layer.excess(states))
            slopes = _slopes(layer, excess)
            steepest = _slopes(layer, np.linspace(-1, 1, 2001)).max()
            active[layer.name] = float(np.mean(slopes >= ACTIVE * steepest))
            silent[layer.name] = float(np.mean(np.all(excess <= 0, axis=(0, 1))))
            x = layer.show(current, states, smooth=True)
        else:
            x = layer(x)
    return active, silent


def _slopes(layer: LIF, excess: NDArray[Any]) -> Array:
    dtype = layer.compute_dtype
    _, (slopes,) = value_and_gradient(lambda x: ops.sum(layer.spike(x)), [excess], dtype=dtype)
    return np.asarray(np.abs(slopes))


def _reach(network: Network, features: Tensor, loss: Loss) -> Array:
    """How the gradient of the loss of the last sample fades into the past."""
    layers = network.hidden
    first = next(i for i, layer in enumerate(layers) if isinstance(layer, LIF))
    currents = features
    for layer in layers[:first]:
        currents = layer(currents)

    def last(x: Tensor) -> Tensor:
        for layer in layers[first:]:
            x = layer(x)
        return loss(network.heads(x[:, -1:]))

    _, (to,) = value_and_gradient(
        compiled(last), [ops.convert_to_numpy(currents)], dtype=network.compute_dtype
    )
    norms = np.sqrt(np.sum(np.square(to, dtype=np.float64), axis=(0, 2)))[::-1]
    return np.asarray(norms / max(norms.max(), 1e-300))


def _agreement(
    network: Network, loss: Callable[[], Tensor], directions: int, size: float, seed: int
) -> tuple[float, float, float]:
    """Cosine, its error, and the share of the promised descent, about the weights as they are."""
    variables = [w for layer in network.hidden for w in layer.trainable_weights]
    weights = [np.asarray(ops.convert_to_numpy(v), np.float64) for v in variables]
    # A change is in units of each matrix's own size, and so is the gradient.
    units = [max(float(np.sqrt(np.mean(w**2))), 1e-2) for w in weights]
    _, gradients = value_and_gradient(loss, (), variables)
    scaled = [np.asarray(g, np.float64) * u for g, u in zip(gradients, units, strict=True)]
    norm = math.sqrt(sum(float(np.sum(g**2)) for g in scaled))

    def at(direction: list[Array], along: float) -> float:
        for v, w, u, d in zip(variables, weights, units, direction, strict=True):
            v.assign(w + along * u * d)
        return float(loss())

    def slope(direction: list[Array]) -> float:
        return (at(direction, size) - at(direction, -size)) / (2 * size)

    rng = np.random.default_rng(seed)
    promised, found, along = [], [], []
    root = math.sqrt(sum(w.size for w in weights))
    try:
        for _ in range(directions):
            direction = [rng.standard_normal(w.shape) for w in weights]
            pairs = zip(scaled, direction, strict=True)
            promised.append(sum(float(np.sum(g * d)) for g, d in pairs))
            found.append(slope(direction))
        # Along the gradient, at several lengths up to that of a random direction.
        for share in SHARES if norm > 0 else ():
            ahead = [g * (share * root / norm) for g in scaled]
            along.append(slope(ahead) / (share * root * norm))
    finally:
        for v, w in zip(variables, weights, strict=True):
            v.assign(w)
    both = math.sqrt(float(np.square(promised).sum() * np.square(found).sum()))
    cosine = float(np.dot(promised, found)) / both if both > 0 else 0.0
    return cosine, (1 - cosine**2) / math.sqrt(directions), float(np.mean(along or 0.0))
