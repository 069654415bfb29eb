"""How artefacts of any model are judged: beside the Keras model, on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.conversion.quantize import Feeds
from export.gate.judge import MAX_DROP, check_reference, judge, judge_head, lost_weights
from export.subject import Candidate, Judgement
from models.errors import GateError
from models.runtime import Runner

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Exam:
    """What artefacts are judged by.

    Attributes:
        name: Of the data.
        samples: [N, ...] per input that is no state.
        reference: [N, ...] per output, the Keras model's answers; the main one first.
        weights: Number of weights in the Keras model.
        meaning: Of the main output: `logits` or `probabilities`; empty when it is no vector of
            classes.
        targets: [N] true classes; None where nobody knows them.
        feeds: For a stream, whose samples follow each other: the state that each output feeds.
        max_drop: Top-1 that may be lost, as a fraction.
    """

    name: str
    samples: Feeds
    reference: Arrays
    weights: int
    meaning: str = ""
    targets: NDArray[np.int64] | None = None
    feeds: Mapping[str, str] = field(default_factory=dict)
    max_drop: float = MAX_DROP


def check_exam(exam: Exam) -> None:
    """Refuse an exam that a wrong artefact could pass.

    Raises:
        GateError: An output of the Keras model is not finite, or the same for all samples.
    """
    main, *others = exam.reference
    if exam.meaning:
        check_reference(exam.reference[main])
    for name in others if exam.meaning else (main, *others):
        values = np.asarray(exam.reference[name], np.float64)
        if not np.isfinite(values).all():
            raise GateError(f"the Keras model's output {name} has NaN or infinity; retrain")
        if not np.ptp(values, axis=0).max() > 1e-6 * np.abs(values).max():
            raise GateError(
                f"the Keras model's output {name} does not vary over {len(values)} samples: "
                "parity would prove nothing; train it or give other data"
            )


def judge_outputs(candidate: Candidate, exam: Exam) -> tuple[Judgement, Arrays]:
    """Run an artefact on the exam's samples and compare every output.

    Returns:
        What was found, and the answers.
    """
    answers = run_samples(candidate.runner, exam)
    main, *heads = exam.reference
    if exam.meaning:
        verdict = judge(
            reference=exam.reference[main],
            candidate=answers[main].astype(np.float32),
            targets=exam.targets,
            scheme=candidate.scheme,
            size=candidate.size,
            weights=exam.weights,
            meaning=exam.meaning,
            data=exam.name,
            max_drop=exam.max_drop,
        )
        found = Judgement(
            parity={main: verdict.parity},
            quality=verdict.quality,
            calibration=verdict.calibration,
            failures=verdict.failures,
            warnings=verdict.warnings,
        )
    else:
        heads = [main, *heads]
        found = Judgement({}, failures=lost_weights(*candidate[1:], exam.weights))
    parity, failures = dict(found.parity), list(found.failures)
    for head in heads:
        parity[head], why = judge_head(
            np.asarray(exam.reference[head], np.float32), answers[head], candidate.scheme
        )
        failures += [f"{head}: {line}" for line in why]
    return (
        Judgement(
            parity,
            quality=found.quality,
            calibration=found.calibration,
            failures=tuple(failures),
            warnings=found.warnings,
        ),
        answers,
    )


def run_samples(runner: Runner, exam: Exam) -> Arrays:
    """An artefact's answers [N, ...] per output, a sample at a time as a device runs it."""
    ports = {port.name: port for port in runner.inputs}
    states: Arrays = {
        name: np.zeros(ports[name].single, ports[name].dtype) for name in exam.feeds.values()
    }
    return stream(runner.run, exam.samples, states, exam.feeds)


def stream(
    run: Callable[[Arrays], Mapping[str, Any]],
    samples: Feeds,
    states: Arrays,
    feeds: Mapping[str, str],
) -> Arrays:
    """Call a model sample by sample, its states carried over.

    Args:
        run: From arrays [1, ...] by input to arrays [1, ...] by output.
        samples: [N, ...] per input that is no state.
        states: [1, ...] first values; none for a model that keeps none.
        feeds: The state that each output feeds.

    Returns:
        [N, ...] per output.
    """
    answers = []
    for row in range(len(next(iter(samples.values())))):
        given = {name: values[row : row + 1] for name, values in samples.items()}
        answers.append({name: np.asarray(a) for name, a in run(given | states).items()})
        states = {state: answers[-1][output] for output, state in feeds.items()}
    return {name: np.concatenate([a[name] for a in answers]) for name in answers[0]}
