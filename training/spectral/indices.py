"""Read a trained Normalized Difference Layer back as spectral indices, ranked and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from training.spectral import catalogue

Array = NDArray[np.float64]

# A learned index equals a known one if they cannot differ by more anywhere; is near it if their
# rank correlation on the samples is at least this.
EQUAL, NEAR = 0.01, 0.95


class Layer(Protocol):
    """What is read of a `NormalizedDifference`; TensorFlow is not needed for it."""

    pairs: Sequence[tuple[int, int]]

    @property
    def coefficients(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of each pair a and g, [P] each."""


@dataclass(frozen=True)
class Index:
    """A learned index (alpha first - gamma second) / (alpha first + gamma second)."""

    first: str
    second: str
    alpha: float
    gamma: float

    @property
    def ratio(self) -> float:
        """Alpha / gamma: all that counts of them."""
        return self.alpha / self.gamma

    @property
    def name(self) -> str:
        """As in `ND(B8A, 1.32 B5)`, the weight of the second band if that of the first is 1."""
        weight = f"{1.0 / self.ratio:.3g}"
        return f"ND({self.first}, {'' if weight == '1' else f'{weight} '}{self.second})"


@dataclass(frozen=True)
class Match:
    """What a learned index is known as.

    Attributes:
        names: Known indices, more than one if they are one function; those of two bands first.
        sign: -1 if it is their negative.
        correlation: |Spearman| with them on the samples; 1 for the same two bands, whose weights
            bend the scale but do not change the order.
        difference: The greatest from them; for `equal` over all spectra, else on the samples.
        equal: Whether it is these rather than near them.
    """

    names: tuple[str, ...]
    sign: int
    correlation: float
    difference: float
    equal: bool

    @property
    def short(self) -> str:
        """As in `≈ −NDREI`."""
        return f"{'=' if self.equal else '≈'} {'−' if self.sign < 0 else ''}{self.names[0]}"

    def __str__(self) -> str:
        others = f" ({', '.join(self.names[1:])})" if len(self.names) > 1 else ""
        return f"{self.short}{others}"


@dataclass(frozen=True)
class Learned:
    """An index with its importance and, if there is one, a known one that it is or is near."""

    index: Index
    importance: float
    match: Match | None

    def __str__(self) -> str:
        return f"{self.index.name} {self.match}" if self.match else self.index.name


def read_layer(layer: Layer, bands: Sequence[str]) -> tuple[Index, ...]:
    """The indices of a trained layer, in its order.

    Raises:
        InputError: There are fewer names than bands.
    """
    if max(map(max, layer.pairs)) >= len(bands):
        raise InputError(f"{len(bands)} names of bands: the layer takes more; name each in order")
    return tuple(
        Index(bands[i], bands[j], float(alpha), float(gamma))
        for (i, j), alpha, gamma in zip(layer.pairs, *layer.coefficients, strict=True)
    )


def evaluate(indices: Sequence[Index], values: Array, bands: Sequence[str]) -> Array:
    """[N, P] of band values [N, n], non-negative; 0 where both bands are 0. No ε."""
    columns = {band: np.asarray(values[:, k], np.float64) for k, band in enumerate(bands)}
    p = np.stack([index.alpha * columns[index.first] for index in indices], axis=-1)
    q = np.stack([index.gamma * columns[index.second] for index in indices], axis=-1)
    y: Array = np.divide(p - q, p + q, out=np.zeros_like(p), where=p + q > 0.0)
    return y


def importance(weights: NDArray[Any], y: Array) -> Array:
    """How much each index moves the logits: |weight| x its standard deviation over samples.

    Args:
        weights: A linear head's, [P] or [P, K]; of K > 1 logits, whose common part decides
            nothing, the root mean square of the weights less their mean.
        y: [N, P] values on the samples.
    """
    weights = np.asarray(weights, np.float64).reshape(y.shape[1], -1)
    if weights.shape[1] > 1:
        weights = weights - weights.mean(axis=1, keepdims=True)
    scores: Array = np.sqrt(np.square(weights).mean(axis=1)) * y.std(axis=0)
    return scores


def ranked(
    indices: Sequence[Index],
    importances: Array,
    values: Array,
    bands: Sequence[str],
    platform: str | None = None,
) -> tuple[Learned, ...]:
    """Indices from the most important on, each with what it is known as.

    Args:
        indices: [P].
        importances: [P], by `importance` or of the caller's own kind, more is more.
        values: Samples [N, n], non-negative, in any unit.
        bands: Names of the n bands.
        platform: The sensor, see `catalogue.symbols`.

    Raises:
        InputError: There is no such sensor, or not an importance for each index.
    """
    if len(importances) != len(indices):
        raise InputError(f"{len(importances)} importances for {len(indices)} indices; give as many")
    symbols = catalogue.symbols(bands, platform)
    lit = values[(values > 0.0).all(axis=1)]
    bearers = [*symbols.values()]
    columns = {
        symbol: np.asarray(lit[:, list(bands).index(band)], np.float64)
        for band, symbol in symbols.items()
        if bearers.count(symbol) == 1
    }
    known = catalogue.computed(columns) if columns and len(lit) > 1 else {}
    near = _nearest(evaluate(indices, lit, bands), known)
    learned = [
        Learned(index, float(score), _equal(index, symbols) or match)
        for index, score, match in zip(indices, importances, near, strict=True)
    ]
    return tuple(sorted(learned, key=lambda one: -one.importance))


def _equal(index: Index, symbols: dict[str, str]) -> Match | None:
    """The known differences of the same bands and weights."""
    first, second = symbols.get(index.first), symbols.get(index.second)
    weight = index.gamma / index.alpha
    found = []
    for known in catalogue.differences():
        if (known.first, known.second) == (first, second):
            found.append((catalogue.apart(weight, known.weight), 1, known.name))
        elif (known.first, known.second) == (second, first):
            found.append((catalogue.apart(1.0 / weight, known.weight), -1, known.name))
    least = min((difference for difference, _, _ in found), default=np.inf)
    if least > EQUAL:
        return None
    best = [(sign, name) for difference, sign, name in found if difference <= least + 1e-9]
    sign = max(sign for sign, _ in best)
    return Match(tuple(sorted(n for s, n in best if s == sign)), sign, 1.0, least, equal=True)


def _nearest(y: Array, known: dict[str, Array]) -> list[Match | None]:
    """For each column of y [N, P] the known index of highest |Spearman|, if that is near.

    Of several with one correlation, such as all functions of one ratio, that which differs least.
    """
    if not known:
        return [None] * y.shape[1]
    names, values = np.array([*known]), np.stack([*known.values()], axis=-1)
    correlations = _standardised_ranks(y).T @ _standardised_ranks(values)
    plain = {difference.name for difference in catalogue.differences()}
    matches: list[Match | None] = []
    for column, row in zip(y.T, correlations, strict=True):
        highest = float(np.abs(row).max())
        if highest < NEAR:
            matches.append(None)
            continue
        tied = np.flatnonzero(np.abs(row) >= highest - 1e-6)
        signs = np.sign(row[tied])
        gaps = np.abs(column[:, None] - signs * values[:, tied]).max(axis=0)
        best = gaps <= gaps.min() + 1e-9
        sign = signs[best].max()
        chosen = sorted(
            names[tied][best & (signs == sign)].tolist(), key=lambda name: (name not in plain, name)
        )
        gap = float(gaps.min())
        matches.append(Match(tuple(chosen), int(sign), min(highest, 1.0), gap, equal=False))
    return matches


def _standardised_ranks(values: Array) -> Array:
    """Ranks down each column [N, M], ties at their mean, of mean 0 and norm 1; 0 if constant."""
    ranks = np.empty_like(values)
    for k, column in enumerate(values.T):
        _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
        ranks[:, k] = (np.cumsum(counts) - 0.5 * (counts + 1))[places]
    ranks -= ranks.mean(axis=0)
    norms = np.sqrt(np.square(ranks).sum(axis=0))
    return np.divide(ranks, norms, out=np.zeros_like(ranks), where=norms > 0.0)
