"""What every artefact of a bundle shares: its tensors, what to feed it, and what the task demands.

Described for people in docs/bundle-format.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from models.schema import Dtype, Finite, Name, Part, Positive, Sha256

Channel = Annotated[str, Field(min_length=1, max_length=100)]
SCHEMA = "bombus/bundle@1"
# Outputs of a noise adapter that a filter understands, and their widths.
ADAPTER_OUTPUTS = {"slip": 2, "still": 1, "speed": 2, "process": 2}
# What a localizer's graph gives at every sample, beside the states of its memory.
POSE_OUTPUTS = {"next_rotation": (1, 3, 3), "next_velocity": (1, 3), "next_position": (1, 3)}


class Tensor(Part):
    """An input or output of the model.

    Attributes:
        name: The tensor's name in every artefact.
        shape: Sizes; the batch, first, is 1, also where an artefact leaves it free.
        dtype: What the caller has in hand. An artefact may take another; see `Artefact.dtypes`.
        meaning: In words, such as `logits` or `photo`.
        axes: One word an axis.
        channels: Names along the last axis, such as a sensor's bands in their order.
        units: Physical units, empty where there are none.
        range: Least and greatest value, where bounded.
        feeds: For a state of a streaming model: the input that takes this output next time.
    """

    name: Name
    shape: Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 24)], ...], Field(max_length=8)]
    dtype: Dtype
    meaning: str
    axes: tuple[str, ...] = ()
    channels: tuple[Channel, ...] | None = None
    units: str = ""
    range: tuple[Finite, Finite] | None = None
    feeds: Name | None = None

    @model_validator(mode="after")
    def _named_once(self) -> Tensor:
        if self.channels is None:
            return self
        width = self.shape[-1] if self.shape else 0
        if len(self.channels) != width:
            raise ValueError(f"{self.name}: {len(self.channels)} channels on an axis of {width}")
        if len(set(self.channels)) != width:
            raise ValueError(f"{self.name}: a channel's name stands twice")
        return self


class ImagePreprocess(Part):
    """How a photo becomes the input; `models.preprocess` is the reference implementation."""

    kind: Literal["image"] = "image"
    colour: Literal["RGB"] = "RGB"
    crop: Literal["centre-square"] = "centre-square"
    resize: Literal["antialiased-bilinear"] = "antialiased-bilinear"
    size: Annotated[int, Field(ge=1, le=4096)]


class ImuPreprocess(Part):
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


class SpectralPreprocess(Part):
    """How a sensor's counts become the input: value = (count + offset) * scale, band by band.

    Attributes:
        scale: Of one count, in the input's unit.
        offset: Added to a count first: Sentinel-2's since processing baseline 04.00 is -1000. A
            light that is twice as strong doubles a value only when the offset is off.
        nodata: The count that stands for no measurement.
    """

    kind: Literal["spectral"]
    scale: Positive
    offset: Finite = 0.0
    nodata: Finite | None = None


def _kind(value: Any) -> str:
    """Which preprocess it is; photos came first and need not say so."""
    kind = value.get("kind", "image") if isinstance(value, dict) else getattr(value, "kind", "")
    return kind if isinstance(kind, str) else ""


Preprocess = Annotated[
    Annotated[ImagePreprocess, Tag("image")]
    | Annotated[ImuPreprocess, Tag("imu")]
    | Annotated[SpectralPreprocess, Tag("spectral")],
    Discriminator(_kind),
]


VERSION = r"^[0-9]+(\.[0-9]+){0,2}[A-Za-z0-9.+-]{0,40}$"


class Contract(Part):
    """What every artefact of a bundle shares; also embedded in each, for files gone astray."""

    schema_: Annotated[Literal["bombus/bundle@1"], Field(alias="schema")] = SCHEMA  # type: ignore[assignment]
    name: Name
    version: Annotated[str, Field(pattern=VERSION)]
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
        if self.task == "spectral-classification":
            self._check_spectral()
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

    def _check_spectral(self) -> None:
        if not isinstance(self.preprocess, SpectralPreprocess):
            raise ValueError("preprocess must be of kind spectral")
        if not _is_vector(self.inputs, "bands"):
            raise ValueError("the only input must be bands (1, n) with the names of its n channels")
        logits = self.outputs[0]
        if (logits.name, logits.shape) != ("logits", (1, len(self.labels))):
            raise ValueError(
                f"the first output must be logits (1, {len(self.labels)}), one a label, "
                f"not {logits.name} {logits.shape}"
            )
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must be two or more, and distinct")
        if self.outputs[1:] and not _is_vector(self.outputs[1:], "indices"):
            raise ValueError(
                "the other output must be indices (1, P) with the names of its P channels"
            )


def _is_vector(tensors: Sequence[Tensor], name: str) -> bool:
    """Whether they are one tensor of this name, [1, n] with names for the n."""
    (first, *others) = tensors
    vector = first.shape == (1, len(first.channels or ()))
    return not others and vector and first.name == name


def labels_sha256(labels: Sequence[str]) -> str:
    """Hash of the ordered labels, one a line."""
    return hashlib.sha256("".join(f"{label}\n" for label in labels).encode()).hexdigest()


def to_json(part: Contract) -> str:
    """JSON with keys in the schema's order, ending in a newline."""
    values = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"
