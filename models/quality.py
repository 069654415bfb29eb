"""What was measured of an artefact, and what its answers are calibrated with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.schema import Finite, Fraction, Part, Positive


class RejectionWeights(Part):
    """Of the logistic model in `models.rejection`, one for each number it reads."""

    bias: Finite
    log_top: Finite
    margin: Finite
    log_sum: Finite
    familiarity: Finite = 0.0


class Rejection(Part):
    """What tells the classes from everything else (`models.rejection`).

    Attributes:
        weights: Of the logistic model.
        reject_below: Below this probability the photo shows none of the classes.
        sure_from: From here on the verdict is sure; between the two it is not.
        data: The photos of other things that it was fitted on.
        n: How many.
    """

    weights: RejectionWeights
    reject_below: Fraction
    sure_from: Fraction
    data: str
    n: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _ordered(self) -> Rejection:
        if self.reject_below > self.sure_from:
            raise ValueError("reject_below is above sure_from")
        return self


class Calibration(Part):
    """What turns an artefact's logits into honest confidences: softmax(logits / temperature)."""

    temperature: Annotated[float, Field(ge=0.01, le=100)]
    rejection: Rejection | None = None
    data: str
    n: Annotated[int, Field(ge=1)]


class Parity(Part):
    """An artefact's outputs beside the Keras model's on the same real inputs.

    Attributes:
        n: Inputs compared.
        range: Greatest less least reference output: what the errors are relative to.
        max_error: Greatest absolute difference over the range.
        rms_error: Root mean square difference over the range.
        max_tolerance: What `max_error` had to stay within; None where only the RMS is judged.
        rms_tolerance: What `rms_error` had to stay within.
        agreement: Share of inputs with the same top class; None for an output that is no vector
            of classes.
        decided: The same of the inputs that the reference decides, by a lead of more than three
            times `rms_tolerance`; None as before, or where there is no such input.
        agreement_tolerance: The least that `decided` had to be.
        scale: None as it is; of an output that spans decades, `log10` of it was compared.
    """

    n: Annotated[int, Field(ge=1)]
    range: Positive
    max_error: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    rms_error: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    max_tolerance: Positive | None = None
    rms_tolerance: Positive
    agreement: Fraction | None = None
    decided: Fraction | None = None
    agreement_tolerance: Fraction | None = None
    scale: Literal["log10"] | None = None


class Way(Part):
    """A drive localized with an artefact beside the same drive localized in float64.

    Attributes:
        drive: Its name.
        n: Samples.
        metres: Length of the drive.
        apart: Greatest distance between the two ways, m.
        turned: Greatest angle between their attitudes, rad.
        tolerance: What `apart` had to stay within, as a fraction of the length.
    """

    drive: str
    n: Annotated[int, Field(ge=1)]
    metres: Positive
    apart: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    turned: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    tolerance: Positive


class GainInvariance(Part):
    """An artefact's decisions when all bands are multiplied by one factor, as by more light.

    Attributes:
        data: The spectra.
        n: How many.
        gains: The factors.
        unchanged: Share of the spectra that keep their class under every one of them.
        tolerance: The least that `unchanged` had to be.
    """

    data: str
    n: Annotated[int, Field(ge=1)]
    gains: Annotated[tuple[Positive, ...], Field(min_length=1)]
    unchanged: Fraction
    tolerance: Fraction


class Quality(Part):
    """An artefact's scores on labelled data, as fractions; ECE after its calibration.

    `drop` is the top-1 lost against the Keras model on the same inputs, with a 95 % interval;
    `drop_tolerance` is what it had to stay within, unless the interval includes zero.
    """

    data: str
    n: Annotated[int, Field(ge=1)]
    top1: Fraction
    top1_interval: tuple[Fraction, Fraction]
    precision: Fraction
    recall: Fraction
    f1: Fraction
    ece: Fraction
    drop: Annotated[float, Field(ge=-1, le=1)]
    drop_interval: tuple[Finite, Finite]
    drop_tolerance: Annotated[float, Field(ge=0)] | None = None


class SecondReading(Part):
    """What a reader that had no part in the gate makes of a file, on made-up inputs.

    Attributes:
        reader: Its name and version.
        alike: Whether it answers as the first reader does; None where it cannot read the file,
            which is no fault of the file.
        error: Greatest difference, as a fraction of the greatest answer; None where there is none.
        tolerance: What `error` stays within if they are alike.
    """

    reader: str
    alike: bool | None = None
    error: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    tolerance: Positive | None = None

    def __str__(self) -> str:
        if self.alike is None:
            return f"{self.reader} cannot read it"
        if self.alike:
            return f"{self.reader} reads it alike"
        return f"{self.reader} reads it otherwise: do not run it there"


class Latency(Part):
    """One-thread time a call where the bundle was made: compare artefacts, not machines."""

    runtime: str
    machine: str
    runs: Annotated[int, Field(ge=1)]
    min_ms: Positive
    median_ms: Positive
    p95_ms: Positive
