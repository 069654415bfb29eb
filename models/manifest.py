"""`manifest.json`: everything a phone or a robot must know of a bundle, checked on the way in.

Described for people in docs/bundle-format.md. Numbers are bounded and unknown keys refused, since
a manifest comes from outside and decides what the device does with its inputs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from models.errors import IntegrityError

SCHEMA = "bombus/bundle@1"
FORMATS = ("keras", "tflite", "onnx")

Format = Literal["keras", "tflite", "onnx"]
Scheme = Literal["f64", "f32", "f16", "wi8_afp32", "wi8_ai8"]
# Outputs of a noise adapter that a filter understands, and their widths.
ADAPTER_OUTPUTS = {"slip": 2, "still": 1, "speed": 2, "process": 2}
# What a localizer's graph gives at every sample, beside the states of its memory.
POSE_OUTPUTS = {"next_rotation": (1, 3, 3), "next_velocity": (1, 3), "next_position": (1, 3)}
SCHEMES: tuple[Scheme, ...] = ("f32", "f16", "wi8_afp32", "wi8_ai8")
Dtype = Literal["float64", "float32", "float16", "uint8", "int8", "int32", "int64", "bool"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tensor(_Part):
    """An input or output of the model.

    Attributes:
        name: The tensor's name in every artefact.
        shape: Sizes; the batch, first, is 1.
        dtype: What the caller has in hand. An artefact may take another; see `Artefact.dtypes`.
        meaning: In words, such as `logits` or `photo`.
        axes: One word an axis.
        units: Physical units, empty where there are none.
        range: Least and greatest value, where bounded.
        feeds: For a state of a streaming model: the input that takes this output next time.
    """

    name: Name
    shape: Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 24)], ...], Field(max_length=8)]
    dtype: Dtype
    meaning: str
    axes: tuple[str, ...] = ()
    units: str = ""
    range: tuple[Finite, Finite] | None = None
    feeds: Name | None = None


class ImagePreprocess(_Part):
    """How a photo becomes the input; `models.preprocess` is the reference implementation."""

    kind: Literal["image"] = "image"
    colour: Literal["RGB"] = "RGB"
    crop: Literal["centre-square"] = "centre-square"
    resize: Literal["antialiased-bilinear"] = "antialiased-bilinear"
    size: Annotated[int, Field(ge=1, le=4096)]


class ImuPreprocess(_Part):
    """How an IMU becomes the input, a sample at a time; scaling happens inside the graph.

    Attributes:
        rate_hz: One call stands for 1 / rate_hz seconds. A faster IMU is averaged over them, a
            slower one's sample is given again (`robot.adapter`).
        axes: Of the IMU: x forward, y left, z up.
        gyro_unit: Of the first three numbers.
        accel_unit: Of the last three, specific force: +9.8 on z at rest.
    """

    kind: Literal["imu"]
    rate_hz: Annotated[float, Field(ge=1, le=10_000)]
    axes: Literal["flu"] = "flu"
    gyro_unit: Literal["rad/s"] = "rad/s"
    accel_unit: Literal["m/s^2"] = "m/s^2"


def _kind(value: Any) -> str:
    """Which preprocess it is; photos came first and need not say so."""
    kind = value.get("kind", "image") if isinstance(value, dict) else getattr(value, "kind", "")
    return kind if isinstance(kind, str) else ""


Preprocess = Annotated[
    Annotated[ImagePreprocess, Tag("image")] | Annotated[ImuPreprocess, Tag("imu")],
    Discriminator(_kind),
]


class RejectionWeights(_Part):
    """Of the logistic model in `models.rejection`, one for each number it reads."""

    bias: Finite
    log_top: Finite
    margin: Finite
    log_sum: Finite
    familiarity: Finite = 0.0


class Rejection(_Part):
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


class Calibration(_Part):
    """What turns an artefact's logits into honest confidences: softmax(logits / temperature)."""

    temperature: Annotated[float, Field(ge=0.01, le=100)]
    rejection: Rejection | None = None
    data: str
    n: Annotated[int, Field(ge=1)]


class Parity(_Part):
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
        scale: None as it is; of an output that spans decades, `log10` of it was compared.
    """

    n: Annotated[int, Field(ge=1)]
    range: Positive
    max_error: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    rms_error: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    max_tolerance: Positive | None = None
    rms_tolerance: Positive
    agreement: Fraction | None = None
    scale: Literal["log10"] | None = None


class Way(_Part):
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


class Quality(_Part):
    """An artefact's scores on labelled data, as fractions; ECE after its calibration.

    `drop` is the top-1 lost against the Keras model on the same inputs, with a 95 % interval.
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


class Latency(_Part):
    """One-thread time a call where the bundle was made: compare artefacts, not machines."""

    runtime: str
    machine: str
    runs: Annotated[int, Field(ge=1)]
    min_ms: Positive
    median_ms: Positive
    p95_ms: Positive


class Artefact(_Part):
    """One model file.

    Attributes:
        file: Its name in the bundle's folder; it carries the scheme.
        dtypes: Per input and output, what this file takes and gives. Values are the manifest's:
            a float32 image input takes the same 0..255 as a uint8 one. A Keras file, from which
            the others are made, need not have the outputs that the export adds.
        parity: Per output.
        ways: Of what localizes, per drive.
    """

    file: Name
    format: Format
    scheme: Scheme
    bytes: Annotated[int, Field(ge=1, le=1 << 31)]
    sha256: Sha256
    dtypes: dict[Name, Dtype]
    parity: dict[Name, Parity] = {}
    ways: tuple[Way, ...] | None = None
    quality: Quality | None = None
    calibration: Calibration | None = None
    latency: Latency | None = None


class Source(_Part):
    """Where the bundle comes from."""

    keras_sha256: Sha256
    training: dict[str, Any] = {}
    calibration_data: dict[str, Any] = {}
    validation_data: dict[str, Any] = {}
    unknown_data: dict[str, Any] = {}
    versions: dict[str, str] = {}
    git_commit: str = ""


class Contract(_Part):
    """What every artefact of a bundle shares; also embedded in each, for files gone astray."""

    schema_: Annotated[Literal["bombus/bundle@1"], Field(alias="schema")] = SCHEMA  # type: ignore[assignment]
    name: Name
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+){0,2}[A-Za-z0-9.+-]{0,40}$")]
    task: Name
    license: str
    created: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    labels: tuple[str, ...] = ()
    labels_sha256: Sha256
    inputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    outputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    preprocess: Preprocess | None = None
    profile: dict[str, Any] | None = None  # of the vehicle learned on; `robot.profile` checks it

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        if labels_sha256(self.labels) != self.labels_sha256:
            raise ValueError("labels do not match labels_sha256")
        if self.task == "image-classification":
            self._check_classifier()
        if self.task == "imu-noise-adaptation":
            self._check_adapter()
        if self.task == "imu-localization":
            self._check_localizer()
        return self

    def _check_classifier(self) -> None:
        size = self.preprocess.size if isinstance(self.preprocess, ImagePreprocess) else 0
        if self.inputs[0].shape != (1, size, size, 3):
            raise ValueError(f"input shape {self.inputs[0].shape} is not that of preprocess")
        if self.outputs[0].shape != (1, len(self.labels)):
            raise ValueError(
                f"{len(self.labels)} labels for an output of shape {self.outputs[0].shape}"
            )
        for tensor in self.outputs[1:]:
            places = tensor.shape[1:3]
            shapes = {
                "class-activation-map": (1, *places, len(self.labels)),
                "familiarity": (1, 1),
            }
            if tensor.shape != shapes.get(tensor.meaning, tensor.shape) or (
                tensor.meaning == "class-activation-map" and len(tensor.shape) != 4
            ):
                raise ValueError(f"{tensor.name}: a {tensor.meaning} of shape {tensor.shape}")

    def _check_stream(self, given: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Hold a stream to what it is given first, and each state to its feeder.

        Returns:
            The shapes of its outputs.
        """
        if not isinstance(self.preprocess, ImuPreprocess):
            raise ValueError("preprocess must be of kind imu")
        first, states = self.inputs[: len(given)], self.inputs[len(given) :]
        if [(t.name, t.shape) for t in first] != list(given.items()):
            named = ", ".join(f"{name} {shape}" for name, shape in given.items())
            raise ValueError(f"the first inputs must be {named}")
        fed = sorted((t.feeds, t.shape, t.dtype) for t in self.outputs if t.feeds is not None)
        if fed != sorted((t.name, t.shape, t.dtype) for t in states):
            raise ValueError("each state must be fed by one output of its shape and dtype")
        return {t.name: t.shape for t in self.outputs}

    def _check_localizer(self) -> None:
        shapes = self._check_stream({"sample": (1, 6), "dt": (1, 1)})
        for name, shape in POSE_OUTPUTS.items():
            if shapes.get(name) != shape:
                raise ValueError(f"there is no output {name} of shape {shape}")

    def _check_adapter(self) -> None:
        shapes = self._check_stream({"sample": (1, 6)})
        if "slip" not in shapes:
            raise ValueError("there is no output slip")
        for name, width in ADAPTER_OUTPUTS.items():
            if shapes.get(name, (1, width)) != (1, width):
                raise ValueError(f"output {name} has shape {shapes[name]}, not (1, {width})")


class Manifest(Contract):
    """The whole `manifest.json`."""

    artefacts: Annotated[tuple[Artefact, ...], Field(min_length=1)]
    default: dict[Literal["x86", "arm", "web"], Name] = {}
    source: Source

    @model_validator(mode="after")
    def _files(self) -> Manifest:
        files = [artefact.file for artefact in self.artefacts]
        if len(set(files)) != len(files) or "manifest.json" in files:
            raise ValueError("artefacts must have distinct file names")
        for target, file in self.default.items():
            if file not in files:
                raise ValueError(f"default for {target} names {file}, which is no artefact")
        tensors = {tensor.name for tensor in (*self.inputs, *self.outputs)}
        for artefact in self.artefacts:
            keras_only = artefact.format == "keras" and artefact.dtypes.keys() < tensors
            if artefact.dtypes.keys() != tensors and not keras_only:
                raise ValueError(f"{artefact.file}: dtypes must be given for {sorted(tensors)}")
        return self

    def contract(self) -> Contract:
        """The part that is embedded in each artefact."""
        return Contract.model_validate(
            {
                field.alias or name: getattr(self, name)
                for name, field in Contract.model_fields.items()
            }
        )


def labels_sha256(labels: Sequence[str]) -> str:
    """Hash of the ordered labels, one a line."""
    return hashlib.sha256("".join(f"{label}\n" for label in labels).encode()).hexdigest()


def to_json(part: Contract) -> str:
    """JSON with keys in the schema's order, ending in a newline."""
    values = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def parse_manifest(text: str, name: str) -> Manifest:
    """Read a manifest.

    Raises:
        IntegrityError: Not JSON, or not a valid manifest; one line says where and why.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])[:100] or "manifest"
        reason = re.sub(r"^Value error, ", "", first["msg"])
        place = place if place.isprintable() else ascii(place)  # a key can be anything
        raise IntegrityError(f"{name}: {place}: {reason}; get the bundle again") from error
