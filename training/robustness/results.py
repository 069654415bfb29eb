"""What the answers to corrupted and to equally sharp photos come to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import Artefact
from models.metrics import confusion_matrix, paired_drop, wilson_interval
from training.flowers.light import difference
from training.robustness.cells import UNCHANGED, Answers
from training.robustness.corruptions import CORRUPTIONS

Interval = tuple[float, float, float]  # centre, and the ends at 95 % confidence


@dataclass(frozen=True)
class Robustness:
    """An artefact on N corrupted photos; fractions, not per cent.

    Attributes:
        artefact: Which.
        targets: [N] their classes.
        answers: By corruption and severity, `UNCHANGED` among them.
    """

    artefact: Artefact
    targets: NDArray[np.int64]
    answers: dict[tuple[str, int], Answers]

    def top1(self, name: str = UNCHANGED.name, severity: int = UNCHANGED.severity) -> Interval:
        """Of photos as they are, or of one corruption at one severity; Wilson's interval."""
        right = self._right(name, severity)
        return float(right.mean()), *wilson_interval(int(right.sum()), len(right))

    def accuracy(self, name: str) -> float:
        """Mean top-1 over a corruption's severities."""
        return float(np.mean([self._right(name, s) for n, s in self.answers if n == name]))

    def at(self, severity: int) -> float:
        """Mean top-1 over all corruptions at a severity."""
        return float(np.mean([self._right(n, s) for n, s in self.answers if s == severity]))

    def unknown(self, name: str, severity: int) -> float:
        """The share of photos that were turned away as none of the classes."""
        return float(self.answers[name, severity].unknown.mean())

    @property
    def mean(self) -> float:
        """The mean corruption accuracy, over all corruptions and severities."""
        return float(self._corrupted().mean())

    @property
    def distance(self) -> Interval:
        """Clean top-1 less the mean corruption accuracy, with the interval over photos."""
        clean = self._right(UNCHANGED.name, UNCHANGED.severity)
        return difference(clean[None], self._corrupted())

    def as_json(self) -> dict[str, Any]:
        """Every figure."""
        centre, low, high = self.distance
        return {
            "artefact": self.artefact.file,
            "n": len(self.targets),
            "top1": self.top1(),
            "mean_corruption_accuracy": self.mean,
            "distance": {"points": 100 * centre, "low": 100 * low, "high": 100 * high},
            "corruptions": {
                c.name: {
                    "accuracy": self.accuracy(c.name),
                    "levels": c.levels,
                    "top1": [self.top1(c.name, s + 1) for s in range(len(c.levels))],
                    "unknown": [self.unknown(c.name, s + 1) for s in range(len(c.levels))],
                }
                for c in CORRUPTIONS
            },
        }

    def _corrupted(self) -> NDArray[np.bool_]:
        """[C, N]."""
        return np.stack([self._right(*key) for key in self.answers if key[0] != UNCHANGED.name])

    def _right(self, name: str, severity: int) -> NDArray[np.bool_]:
        return np.asarray(self.answers[name, severity].top == self.targets)


@dataclass(frozen=True)
class EqualSharpness:
    """An artefact on N photos as they are, and blurred to the sharpness of the dullest class.

    Attributes:
        artefact: Which.
        labels: K names.
        targets: [N] their classes.
        medians: [K] sharpness of each class, NaN of one without photos.
        blurred: The share of photos that was blurred.
        before: The answers to photos as they are.
        after: To blurred ones.
    """

    artefact: Artefact
    labels: tuple[str, ...]
    targets: NDArray[np.int64]
    medians: NDArray[np.float64]
    blurred: float
    before: Answers
    after: Answers

    @property
    def target(self) -> float:
        """The sharpness that no blurred photo exceeds: the lowest median."""
        return float(np.nanmin(self.medians))

    @property
    def present(self) -> list[int]:
        """The classes that have photos, the sharpest first."""
        order = np.argsort(-self.medians, kind="stable")  # NaN come last
        return [int(i) for i in order if not np.isnan(self.medians[i])]

    def recall(self, answers: Answers) -> NDArray[np.float64]:
        """Of each class [K], NaN of one without photos."""
        matrix = self._matrix(answers)
        actual = matrix.sum(axis=1)
        return np.where(actual > 0, np.diag(matrix) / np.maximum(actual, 1), np.nan)

    def precision(self, answers: Answers) -> NDArray[np.float64]:
        """Of each class [K], 0 of one never answered."""
        matrix = self._matrix(answers)
        return np.asarray(np.diag(matrix) / np.maximum(matrix.sum(axis=0), 1))

    def top1(self, answers: Answers) -> float:
        """Of all photos."""
        return float((answers.top == self.targets).mean())

    def excess(self, label: int) -> Interval:
        """How much more recall a class loses by the blur than all other photos do.

        The 95 % interval of the difference of two losses is had from theirs (MOVER: Zou and Donner
        2008), which stay sane where few photos or none are answered otherwise (`paired_drop`).
        """
        right = [answers.top == self.targets for answers in (self.before, self.after)]
        own = self.targets == label
        lost, low, high = paired_drop(right[0][own], right[1][own])
        rest, rest_low, rest_high = paired_drop(right[0][~own], right[1][~own])
        centre = lost - rest
        return (
            centre,
            centre - math.hypot(lost - low, rest_high - rest),
            centre + math.hypot(high - lost, rest - rest_low),
        )

    def as_json(self) -> dict[str, Any]:
        """Every figure."""
        sides = (self.before, self.after)
        return {
            "artefact": self.artefact.file,
            "n": len(self.targets),
            "target": self.target,
            "blurred": self.blurred,
            "top1": [self.top1(side) for side in sides],
            "classes": {
                self.labels[i]: {
                    "sharpness": float(self.medians[i]),
                    "recall": [float(self.recall(side)[i]) for side in sides],
                    "precision": [float(self.precision(side)[i]) for side in sides],
                    "excess": self.excess(i),
                }
                for i in self.present
            },
        }

    def _matrix(self, answers: Answers) -> NDArray[np.int64]:
        return confusion_matrix(self.targets, answers.top, len(self.medians))
