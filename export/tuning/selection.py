"""What the search judges mixes by: one half of the calibration data, never the validation data.

The other half is there to set ranges and correct biases. No labels are used: a mix is as good as
it is close to the Keras model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.conversion.quantize import Feeds, fed
from export.conversion.served import Served
from export.gate.exam import Exam, check_exam, judge_outputs, stream
from export.subject import Candidate, Judgement, Subject
from models.errors import InputError
from models.manifest import Format
from models.runtime import open_runner

LEAST = 16  # samples in either half


@dataclass(frozen=True)
class Halves:
    """The calibration data, split.

    Attributes:
        ranges: [N, ...] per input, to set ranges by.
        selection: The others, to judge by.
    """

    ranges: Feeds
    selection: Feeds

    @property
    def counts(self) -> tuple[int, int]:
        """Samples in each."""
        return _count(self.ranges), _count(self.selection)


def halves(calibration: Feeds, seed: int) -> Halves:
    """Split by chance.

    Raises:
        InputError: Too few samples.
    """
    count = _count(calibration)
    if count < 2 * LEAST:
        raise InputError(f"{count} samples in --calibrate; tuning needs {2 * LEAST} or more")
    order = np.random.default_rng(seed).permutation(count)
    first, second = np.sort(order[: count // 2]), np.sort(order[count // 2 :])
    return Halves(take(calibration, first), take(calibration, second))


def take(feeds: Feeds, rows: NDArray[np.int64]) -> Feeds:
    """Some rows of every input."""
    return {name: values[rows] for name, values in feeds.items()}


def exam_of(subject: Subject, selection: Feeds) -> Exam:
    """What the Keras model answers on the selection.

    Raises:
        GateError: Its answers prove nothing.
    """
    main = subject.contract.outputs[0]
    exam = Exam(
        name="selection",
        samples=selection,
        reference=_in_order(subject, answers(subject.served, selection)),
        weights=subject.served.model.count_params(),
        meaning=main.meaning if main.meaning in ("logits", "probabilities") else "",
    )
    check_exam(exam)
    return exam


def judge_file(data: bytes, model_format: Format, exam: Exam) -> Judgement:
    """A file in 8 bits, or partly, beside the Keras model."""
    runner = open_runner(data, model_format)
    return judge_outputs(Candidate(runner, "wi8_ai8", len(data)), exam)[0]


def error(judgement: Judgement) -> float:
    """Of the worst output: RMS difference to the Keras model, over what the gate allows."""
    return max(p.rms_error / p.rms_tolerance for p in judgement.parity.values())


def answers(served: Served, feeds: Feeds) -> dict[str, NDArray[Any]]:
    """What Keras answers, [N, ...] per output, a sample at a time."""
    names = [spec.name for spec in served.signature]
    call = tf.function(served.serve, input_signature=served.signature)

    def run(given: dict[str, NDArray[Any]]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call(*(tf.constant(fed(given[name])) for name in names))
        return found

    return stream(run, feeds, {}, {})


def _in_order(subject: Subject, found: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {tensor.name: found[tensor.name] for tensor in subject.contract.outputs}


def _count(feeds: Feeds) -> int:
    return len(next(iter(feeds.values())))
