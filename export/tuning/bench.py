"""The bench of one format: mixes of float and 8 bits, made, judged and timed side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from export.gate.exam import Exam
from export.tuning.calibrated import Calibrated, FloatGraph
from export.tuning.groups import Group
from export.tuning.latency import ratios
from export.tuning.selection import error, judge_file
from export.tuning.trial import Trial
from models.manifest import Format
from models.progress import track

# From the model in float, files, their format and the rounds.
Timed = Callable[[bytes, Sequence[bytes], str, int], tuple[float, list[float]]]


@dataclass(frozen=True)
class Bench:
    """What mixes are measured with.

    Attributes:
        model_format: `tflite` or `onnx`.
        graph: The model in float.
        ranges: The same, calibrated.
        exam: The selection data.
        rounds: Turns of five calls, to time them.
        always: Operations that every mix leaves in float.
        timed: Times files, as `export.tuning.latency.ratios` does.
    """

    model_format: Format
    graph: FloatGraph
    ranges: Calibrated
    exam: Exam
    rounds: int
    always: frozenset[str] = frozenset()
    timed: Timed = ratios

    def float_ms(self) -> float:
        """Median latency of the model in float."""
        return self.timed(self.graph.data, [self.graph.data], self.model_format, self.rounds)[0]

    def measure(self, mixes: Sequence[Sequence[Group]]) -> list[Trial]:
        """Measure mixes, each given by the groups that it leaves in float."""
        spared = [self.always.union(*(group.members for group in mix)) for mix in mixes]
        files, verdicts = [], []
        for names in track(spared, len(spared), f"{self.model_format}: quantize and judge"):
            files.append(self.ranges.quantized(names))
            verdicts.append(judge_file(files[-1], self.model_format, self.exam))
        _, times = self.timed(self.graph.data, files, self.model_format, self.rounds)
        return [
            Trial(
                groups=tuple(group.name for group in mix),
                spared=names,
                error=error(verdict),
                agreement=next(iter(verdict.parity.values())).agreement,
                ratio=ratio,
                size=len(data),
                failures=verdict.failures,
            )
            for mix, names, data, verdict, ratio in zip(
                mixes, spared, files, verdicts, times, strict=True
            )
        ]
