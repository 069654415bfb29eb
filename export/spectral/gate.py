"""The gate of a spectral classifier: an artefact decides as Keras does, and so in any light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.gate.judge import Outputs, Tolerance, judge, judge_head
from export.spectral.graph import BANDS, INDICES, LOGITS
from export.subject import Candidate, Judgement
from models.manifest import Scheme
from models.quality import GainInvariance
from models.runtime import Runner

TOLERANCES: dict[Scheme, Tolerance] = {
    "f32": Tolerance(1e-5, 2e-6, 1.0, 4),
    "f16": Tolerance(2e-3, 5e-4, 0.999, 2),
    "wi8_ai8": Tolerance(None, 1e-2, 0.98, 1),
}
# Of the indices, which stay in float: with 8 bits as without.
PRECISION: dict[Scheme, Tolerance] = TOLERANCES | {"wi8_ai8": TOLERANCES["f32"]}
GAINS = tuple(float(2.0**power) for power in np.linspace(-1, 1, 9) if power != 0)
UNCHANGED = 0.995  # least share of samples that keep their class under every gain


@dataclass(frozen=True)
class Exam:
    """What artefacts are judged by.

    Attributes:
        name: Of the data.
        values: [N, n] as the network takes them.
        targets: [N] true classes.
        held_out: Rows that the network did not learn from, by number: they tell the quality.
        reference: Per output, the Keras model's answers [N, ...].
    """

    name: str
    values: NDArray[np.float32]
    targets: NDArray[np.int64]
    held_out: NDArray[np.int64]
    reference: dict[str, Outputs]


def judge_spectral(candidate: Candidate, *, exam: Exam, weights: int, max_drop: float) -> Judgement:
    """Judge an artefact.

    Args:
        candidate: The artefact; its scheme chooses the tolerances.
        exam: What to judge by.
        weights: Number of weights in the Keras model.
        max_drop: Top-1 that may be lost on samples held out.
    """
    runner, scheme, size = candidate
    answers = runner.run({BANDS: exam.values})
    facts: dict[str, Any] = {
        "scheme": scheme,
        "size": size,
        "weights": weights,
        "meaning": LOGITS,
        "data": exam.name,
        "tolerances": TOLERANCES,
    }
    reference, given = exam.reference[LOGITS], answers[LOGITS]
    whole = judge(reference=reference, candidate=given, targets=None, **facts)
    unseen = judge(
        reference=reference[exam.held_out],
        candidate=given[exam.held_out],
        targets=exam.targets[exam.held_out],
        max_drop=max_drop,
        **facts,
    )
    parity = {LOGITS: whole.parity}
    failures = list(whole.failures or unseen.failures)
    if scheme == "f32" and whole.parity.agreement != 1:
        other = np.count_nonzero(reference.argmax(axis=1) != given.argmax(axis=1))
        failures.append(f"{other} of {len(reference)} samples decided otherwise than by Keras")
    if INDICES in exam.reference:
        parity[INDICES], why = judge_head(
            exam.reference[INDICES], answers[INDICES], scheme, PRECISION
        )
        failures += [f"{INDICES}: {line}" for line in why]
    invariance, why = _judge_light(runner, exam, answers)
    return Judgement(
        parity,
        quality=unseen.quality,
        calibration=unseen.calibration,
        invariance=invariance,
        failures=(*failures, *why),
        warnings=unseen.warnings,
    )


def _judge_light(
    runner: Runner, exam: Exam, answers: dict[str, Outputs]
) -> tuple[GainInvariance, list[str]]:
    """Do samples keep their class in another light, and indices their range?"""
    classes = answers[LOGITS].argmax(axis=1)
    kept = np.ones(len(classes), np.bool_)
    seen = [answers]
    for gain in GAINS:
        seen.append(runner.run({BANDS: exam.values * np.float32(gain)}))
        kept &= seen[-1][LOGITS].argmax(axis=1) == classes
    found = GainInvariance(
        data=exam.name,
        n=len(kept),
        gains=GAINS,
        unchanged=float(kept.mean()),
        tolerance=UNCHANGED,
    )
    failures = []
    if not found.unchanged >= UNCHANGED:
        failures.append(
            f"{100 * found.unchanged:.2f} % of {found.n} samples keep their class under gains of "
            f"{GAINS[0]:g} to {GAINS[-1]:g} < {100 * UNCHANGED:g} %"
        )
    largest = max((float(np.abs(a[INDICES]).max()) for a in seen if INDICES in a), default=0.0)
    if not largest <= 1:
        failures.append(f"{INDICES}: {largest} is beyond 1")
    return found, failures
