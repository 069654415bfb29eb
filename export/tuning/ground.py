"""What tuning stands on: the split data, the Keras model's answers, the float graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.conversion.quantize import Feeds
from export.gate.exam import Exam
from export.subject import Subject
from export.tuning.bench import Bench
from export.tuning.calibrated import FloatGraph, float_graphs
from export.tuning.selection import Halves, error, exam_of, halves, judge_file, take
from models.errors import InputError
from models.manifest import Format


@dataclass(frozen=True)
class Ground:
    """Of one model.

    Attributes:
        subject: The model.
        split: Its calibration data.
        exam: Of the selection data: what the model answered before any correction.
        graphs: The model in float.
    """

    subject: Subject
    split: Halves
    exam: Exam
    graphs: Mapping[Format, FloatGraph]

    def converted_anew(self) -> Ground:
        """With graphs of the model as it is now."""
        return replace(self, graphs=float_graphs(self.subject.served, tuple(self.graphs)))

    def given(self, rows: NDArray[np.int64]) -> Feeds:
        """Rows of the half that ranges are set by."""
        return take(self.split.ranges, rows)

    def plain(self, name: Format, rows: NDArray[np.int64]) -> bytes:
        """8 bits, ranges set by these rows."""
        graph = self.graphs[name]
        return graph.calibrated(self.given(rows)).quantized(self._always(graph))

    def errors(self, rows: NDArray[np.int64]) -> dict[str, float]:
        """Of `plain`, by format."""
        return {
            name: error(judge_file(self.plain(name, rows), name, self.exam)) for name in self.graphs
        }

    def bench(self, name: Format, rows: NDArray[np.int64], rounds: int) -> Bench:
        """To measure mixes with, ranges set by these rows."""
        graph = self.graphs[name]
        ranges = graph.calibrated(self.given(rows))
        return Bench(name, graph, ranges, self.exam, rounds, self._always(graph))

    def _always(self, graph: FloatGraph) -> frozenset[str]:
        """What the subject itself leaves in float."""
        spare = self.subject.spare
        return frozenset(spare(graph.operations) if spare else ())


def ground_of(subject: Subject, formats: Sequence[Format], seed: int) -> Ground:
    """Split the data and convert the model.

    Raises:
        InputError: Not enough calibration data.
        ConversionError: A converter failed.
        GateError: The Keras model's answers prove nothing.
    """
    if not subject.calibration:
        raise InputError("tuning needs --calibrate: data like those the model will see")
    split = halves(subject.calibration, seed)
    exam = exam_of(subject, split.selection)
    return Ground(subject, split, exam, float_graphs(subject.served, formats))
