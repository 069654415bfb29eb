"""All that tuning found, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from export.tuning.correcting import Correction
from export.tuning.drawing import Draw
from export.tuning.trial import Trial
from models.manifest import Format
from models.quality import Latency, Parity, Quality


@dataclass(frozen=True)
class Found:
    """Of one format.

    Attributes:
        model_format: `tflite` or `onnx`.
        operations: How many there are.
        legend: The blocks among the groups, and what each begins with.
        float_ms: Median latency of the model in float.
        float_size: Its bytes.
        limit: Of latency, as a multiple of that.
        alone: Plain 8 bits, then each group alone in float.
        trials: All mixes measured.
        chosen: What goes into the bundle; None if nothing passed within the limit.
    """

    model_format: Format
    operations: int
    legend: Sequence[str]
    float_ms: float
    float_size: int
    limit: float
    alone: Sequence[Trial]
    trials: Sequence[Trial]
    chosen: Trial | None


@dataclass(frozen=True)
class Final:
    """A file as the validation data judge it.

    Attributes:
        name: `float`, `plain 8 bits` or `tuned`.
        model_format: `tflite` or `onnx`.
        size: Bytes.
        parity: Of the main output.
        quality: On labelled data.
        failures: What the gate says against it.
        latency: Beside all the others.
    """

    name: str
    model_format: Format
    size: int
    parity: Parity
    quality: Quality | None
    failures: tuple[str, ...]
    latency: Latency


@dataclass(frozen=True)
class Splits:
    """What was used for what.

    Attributes:
        ranges: Samples that ranges may be set by.
        drawn: Of these, how many are.
        selection: Samples that chose between mixes.
        validation: Samples that judged the final files, and their name.
    """

    ranges: int
    drawn: int
    selection: int
    validation: tuple[int, str]


@dataclass(frozen=True)
class Outcome:
    """Of a whole run; `finals` is empty where nothing could be chosen."""

    name: str
    splits: Splits
    draws: Sequence[Draw]
    corrections: Sequence[Correction]
    found: Sequence[Found]
    finals: Sequence[Final] = ()
