"""The Allan deviation of a signal at rest, and the noise densities that its slopes tell.

Of a rate with means over tau, sigma(tau)^2 = <(mean after - mean before)^2> / 2. On a log-log plot
white noise falls with slope -1/2, a bias that flickers is flat, one that walks rises with +1/2
(IEEE Std 952-2020, annex C):

    sigma^2 = N^2 / tau  +  (2 ln 2 / pi) B^2  +  K^2 tau / 3

Pure functions: signals are [N, C], C channels of any unit u, sampled evenly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot.lie import Array

PAIRS = 10  # intervals of the longest tau in a log: fewer tell little
NEAR = 0.2  # from a slope's ideal
MODEL_ERROR = 0.05
RUN = 3  # points in a row that make a slope believed

# Each term of sigma^2 by its slope: what it multiplies the squared coefficient with.
_TERMS: dict[float, Callable[[Array], Array]] = {
    -0.5: lambda tau: 1 / tau,
    0.0: lambda tau: np.full_like(tau, 2 * math.log(2) / math.pi),
    0.5: lambda tau: tau / 3,
}


@dataclass(frozen=True)
class Curve:
    """Overlapping Allan deviations.

    Attributes:
        taus: [M] s, an octave apart.
        deviations: [M, C] u.
        seconds: Length of the log.
    """

    taus: Array
    deviations: Array
    seconds: float


@dataclass(frozen=True)
class Coefficients:
    """What a channel's curve shows; None where it has no such slope.

    Attributes:
        white: N, u per sqrt(Hz): of a gyro the angular random walk, of an accelerometer the
            velocity random walk.
        instability: B, u.
        walk: K, u per sqrt(s).
    """

    white: float | None
    instability: float | None
    walk: float | None

    def __str__(self) -> str:
        """What is shown, in few words."""
        parts = zip("NBK", (self.white, self.instability, self.walk), strict=True)
        return ", ".join(f"{k} {v:.2g}" for k, v in parts if v is not None) or "no clear slope"

    def deviation(self, taus: Array) -> Array:
        """The curve [M] of these terms alone, u."""
        parts = zip(_TERMS.values(), (self.white, self.instability, self.walk), strict=True)
        return np.sqrt(
            sum(((c or 0.0) ** 2 * term(taus) for term, c in parts), np.zeros(len(taus)))
        )


def allan_curve(signals: Array, period: float, pairs: int = PAIRS) -> Curve:
    """The overlapping Allan deviation.

    Args:
        signals: [N, C].
        period: s from sample to sample.
        pairs: The longest tau is at most the log over this.

    Raises:
        ValueError: The log is too short for a single tau.
    """
    count = len(signals)
    most = count // max(pairs, 2)
    if most < 1:
        raise ValueError(f"{count} samples are too few for an Allan deviation: {pairs} are needed")
    sizes = 2 ** np.arange(int(math.log2(most)) + 1)
    # Sums of the signal about its mean: those of a large bias would lose digits.
    centred = signals - signals.mean(axis=0)
    angle = np.vstack((np.zeros((1, signals.shape[1])), np.cumsum(centred, axis=0)))
    squares = [
        np.square(angle[2 * m :] - 2 * angle[m:-m] + angle[: -2 * m]).mean(axis=0) / (2.0 * m * m)
        for m in sizes.tolist()
    ]
    return Curve(sizes * period, np.sqrt(squares), count * period)


def coefficients(curve: Curve, channel: int) -> Coefficients:
    """N, B and K of one channel.

    The slopes tell which of them the curve shows, and where; least squares of sigma^2 over the
    points that show one tell how large, so that neighbours do not count for each other. Neither
    a flat stretch nor a rise counts before the curve's lowest point: it is a vibration there.
    """
    taus, deviations = curve.taus, curve.deviations[:, channel]
    none = Coefficients(None, None, None)
    if len(taus) < RUN or not (deviations > 0).all():
        return none
    slopes = np.gradient(np.log(deviations), np.log(taus))
    shown = {slope: _longest_run(np.abs(slopes - slope) < NEAR) for slope in _TERMS}
    lowest = int(np.argmin(deviations))
    reached = {-0.5: True, 0.0: lowest in shown[0.0], 0.5: bool((shown[0.5] >= lowest).all())}
    found = [slope for slope, rows in shown.items() if len(rows) and reached[slope]]
    if not found:
        return none
    rows = np.unique(np.concatenate([shown[slope] for slope in found]))
    # Of sigma^2, relatively: of some T / tau independent intervals, and no model is quite right.
    error = np.sqrt(MODEL_ERROR**2 + 2 * taus[rows] / curve.seconds)
    terms = [_TERMS[s](taus[rows]) for s in found]
    squares = _fit(terms, np.square(deviations[rows]), error)
    value = {s: math.sqrt(x) for s, x in zip(found, squares, strict=True) if x > 0}
    return Coefficients(*(value.get(slope) for slope in _TERMS))


def _longest_run(wanted: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The rows of the longest run of True, none if it is shorter than `RUN`."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], wanted, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts) or (ends - starts).max() < RUN:
        return np.empty(0, np.intp)
    longest = int(np.argmax(ends - starts))
    return np.arange(starts[longest], ends[longest])


def _fit(terms: list[Array], target: Array, error: Array) -> list[float]:
    """Factors, 0 or more, of a few terms whose sum comes closest to a target of relative errors."""
    basis = np.stack(terms, axis=1) / (target * error)[:, None]
    ones = 1 / error
    best, least = [0.0] * len(terms), math.inf
    for size in range(1, len(terms) + 1):
        for chosen in combinations(range(len(terms)), size):
            factors: NDArray[Any] = np.linalg.lstsq(basis[:, chosen], ones, rcond=None)[0]
            off = float(np.square(basis[:, chosen] @ factors - ones).sum())
            if (factors > 0).all() and off < least:
                best, least = [0.0] * len(terms), off
                for column, factor in zip(chosen, factors.tolist(), strict=True):
                    best[column] = factor
    return best
