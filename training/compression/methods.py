"""The ways to a narrower model, each from the same trained one to the same budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.progress import track
from training.compression.budget import Cost
from training.compression.fit import Augmented, Photos, fit, renormalise
from training.compression.graph import Group, find_groups
from training.compression.moments import Reading, read
from training.compression.prune import errors, ranking, refit
from training.compression.recipe import Compression
from training.compression.slim import Cut, plain_cut, slim
from training.compression.width import noise_losses, shares_worth_their_cost, with_noise

Widths = NDArray[np.int64]

_PROBES = 40  # photos on which noise is measured


@dataclass(frozen=True)
class Start:
    """A trained model and what was measured on it, once for all budgets.

    Attributes:
        flat: The model, from `flatten`.
        groups: Channels that can be dropped.
        readings: Of the groups.
        cost: Of their widths.
        photos: Training photos.
        measured: `noise_losses` by seed.
    """

    flat: keras.Model
    groups: Sequence[Group]
    readings: Sequence[Reading]
    cost: Cost
    photos: Photos
    measured: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    @cached_property
    def ranked(self) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Of each group the order by convex pruning, and what is lost with the first k of it."""
        found = []
        for r in track(self.readings, len(self.readings), "convex pruning"):
            order = ranking(r.covariance, r.kernel)
            found.append((order, errors(r.covariance, r.kernel, order)))
        return found

    def noise_losses(self, how: Compression, seed: int) -> NDArray[np.float64]:
        """What is lost by noise in each group; measured once a seed."""
        if seed not in self.measured:
            ordered = slim(self.flat, _first(self, self.cost.channels))
            noisy, noises = with_noise(ordered, self.groups, ramp=how.ramp, seed=1000 * seed)
            order = Augmented(self.photos, _PROBES // 2, (seed, 1))
            self.measured[seed] = noise_losses(noisy, noises, [order[0][0], order[1][0]])
        return self.measured[seed]


@dataclass(frozen=True)
class Narrowed:
    """What a method made of it.

    Attributes:
        model: The narrower model, its batch normalisation set anew; not fine-tuned.
        widths: Channels by producer.
        macs: Of an inference.
        learned_from: Photos that the method has trained on.
    """

    model: keras.Model
    widths: dict[str, int]
    macs: int
    learned_from: int


def begin(flat: keras.Model, photos: Photos, how: Compression) -> Start:
    """Measure a model.

    Raises:
        InputError: It has no channels that could be dropped.
    """
    groups = find_groups(flat)
    if not groups:
        raise InputError(f"model {flat.name!r} has no chain of layers with channels to drop")
    readings = read(flat, groups, photos.some(how.calibration))
    return Start(flat, groups, readings, Cost(flat, groups), photos)


def narrow_uniform(start: Start, fraction: float, how: Compression, seed: int) -> Narrowed:
    """The same share of channels in every group, those of the largest norm."""
    widths = start.cost.within(np.ones(len(start.groups)), fraction, how.multiple)
    return _finish(start, _first(start, widths), how)


def narrow_refit(start: Start, fraction: float, how: Compression, seed: int) -> Narrowed:
    """As uniform, but what reads the channels that stay is fitted to its old answers."""
    widths = start.cost.within(np.ones(len(start.groups)), fraction, how.multiple)
    cuts = [
        _refitted(start.flat, group, reading, reading.order[:width])
        for group, reading, width in zip(start.groups, start.readings, widths, strict=True)
    ]
    return _finish(start, cuts, how)


def narrow_width(start: Start, fraction: float, how: Compression, seed: int) -> Narrowed:
    """The shares that noise in the features says the budget should go to."""
    shares = shares_worth_their_cost(start.noise_losses(how, seed), start.cost, fraction)
    widths = start.cost.within(shares, fraction, how.multiple)
    return _finish(start, _first(start, widths), how, int(how.search * how.training.photos))


def narrow_convex(start: Start, fraction: float, how: Compression, seed: int) -> Narrowed:
    """One bound on the relative error of every layer: the largest that meets the budget."""
    cost, multiple = start.cost, how.multiple

    def widths(bound: float) -> Widths:
        least = [int(np.argmax(curve <= bound)) for _, curve in start.ranked]
        steps = np.maximum(np.ceil(np.array(least) / multiple), 1) * multiple
        return np.minimum(steps.astype(np.int64), cost.channels)

    low, high = 0.0, 1.0
    if cost.of(widths(high)) > fraction * cost.full:
        raise InputError(f"MACs {fraction:g} of all: fewer than the least widths need")
    for _ in range(30):
        middle = (low + high) / 2
        fits = cost.of(widths(middle)) <= fraction * cost.full
        low, high = (low, middle) if fits else (middle, high)
    cuts = [
        _refitted(start.flat, group, reading, order[:width])
        for group, reading, (order, _), width in zip(
            start.groups, start.readings, start.ranked, widths(high), strict=True
        )
    ]
    return _finish(start, cuts, how)


NARROW: dict[str, Callable[[Start, float, Compression, int], Narrowed]] = {
    "uniform": narrow_uniform,
    "width": narrow_width,
    "refit": narrow_refit,
    "convex": narrow_convex,
}


def tune(narrowed: Narrowed, photos: Photos, how: Compression, seed: int) -> None:
    """Train a narrowed model on the photos that its method has left of the recipe's number."""
    left = how.training.photos - narrowed.learned_from
    if left >= how.training.batch:
        fit(narrowed.model, photos, how.training, left, (seed, 2))


def _first(start: Start, widths: Widths) -> list[Cut]:
    return [
        plain_cut(start.flat, group, reading.order[:width], reading.mean)
        for group, reading, width in zip(start.groups, start.readings, widths, strict=True)
    ]


def _refitted(flat: keras.Model, group: Group, reading: Reading, kept: NDArray[np.int64]) -> Cut:
    """The kept inputs' kernel by least squares; a kernel beyond 1x1 is only cut."""
    kernel = np.asarray(flat.get_layer(group.consumer).kernel, np.float64)
    if kernel.ndim == 4 and kernel.shape[:2] != (1, 1):
        return plain_cut(flat, group, kept, reading.mean)
    rows = kernel.reshape(group.channels, -1)
    fitted = refit(reading.covariance, rows, kept)
    shift = reading.mean @ rows - reading.mean[kept] @ fitted
    return Cut(group, kept, fitted.reshape(*kernel.shape[:-2], *fitted.shape), shift)


def _finish(start: Start, cuts: Sequence[Cut], how: Compression, learned_from: int = 0) -> Narrowed:
    model = slim(start.flat, cuts)
    renormalise(model, start.photos.some(min(256, how.calibration)))
    widths = np.array([len(cut.kept) for cut in cuts])
    named = {c.group.producer: len(c.kept) for c in cuts}
    return Narrowed(model, named, round(start.cost.of(widths)), learned_from)
