"""What was measured of one mix of float and 8 bits, and which mixes no other surpasses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """A mix, measured on the selection data.

    Attributes:
        groups: Names of what it leaves in float; none in plain 8 bits.
        spared: The operations in them.
        error: Of the worst output: RMS difference to the Keras model, over what the gate allows.
        agreement: Share of the inputs with the Keras model's top class; None without classes.
        ratio: Median latency over that of the model in float, measured beside it.
        size: Bytes.
        failures: What the gate says against it.
    """

    groups: tuple[str, ...]
    spared: frozenset[str]
    error: float
    agreement: float | None
    ratio: float
    size: int
    failures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the gate has nothing against it."""
        return not self.failures

    @property
    def name(self) -> str:
        """What it leaves in float, for people."""
        return " + ".join(self.groups) or "plain 8 bits"

    def within(self, limit: float) -> bool:
        """Whether it passed, and its ratio is at most this."""
        return self.passed and self.ratio <= limit


def front(trials: Sequence[Trial]) -> list[Trial]:
    """The Pareto front: those with no other at least as good in error, latency and size.

    Returns:
        In the order of their latency; of equals, the first.
    """
    kept = list[Trial]()
    for trial in sorted(trials, key=_figures):
        if not any(_no_worse(other, trial) for other in kept):
            kept.append(trial)
    return sorted(kept, key=lambda t: t.ratio)


def _no_worse(a: Trial, b: Trial) -> bool:
    return all(x <= y for x, y in zip(_figures(a), _figures(b), strict=True))


def _figures(trial: Trial) -> tuple[float, float, int]:
    return trial.error, trial.ratio, trial.size
