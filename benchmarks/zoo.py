"""Models of every kind that people export: networks of photos, series, tables, states, spectra.

Their weights are random, by a seed, but their statistics are those of data: batch normalisation
knows what it meets, and the outputs vary, so that a comparison of answers says something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from robot.simulation.simulate import simulate
from training.inertial.networks import SNN, Network
from training.spectral.networks import build

Feeds = Mapping[str, NDArray[Any]]
CLASSES = 10
ROWS = 32  # of each input
STEPS, CHANNELS = 32, 8  # of a series
NEXT = "next_"  # before a state's name: what the state is at the next call


@dataclass(frozen=True)
class Specimen:
    """A model, and data that it is at home with.

    Attributes:
        model: Functional, its inputs named; one output, or several in a dictionary.
        feeds: [N, ...] by input that is no state: photos uint8 0..255, all else float32. Rows of a
            step follow each other.
        states: Of a step: the input that each output feeds.
    """

    model: keras.Model
    feeds: Feeds
    states: Mapping[str, str] = field(default_factory=dict)


def photos(size: int, rows: int = ROWS) -> NDArray[np.uint8]:
    """[N, S, S, 3]: patches of colour, large and small, under grain."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 12, (rows, size, size, 3))
    for tiles in (1, 3, 9):
        coarse = rng.normal(0, 45, (rows, tiles, tiles, 3))
        places = np.arange(size) * tiles // size
        values += coarse[:, places][:, :, places]
    return np.clip(values + 128, 0, 255).astype(np.uint8)


def series(rows: int = ROWS) -> NDArray[np.float32]:
    """[N, T, C]: random walks that return, each at its own pace and level."""
    rng = np.random.default_rng(1)
    steps, keep = rng.normal(size=(STEPS, rows, CHANNELS)), rng.uniform(0.3, 0.98, (rows, 1))
    walk = [rng.normal(size=(rows, CHANNELS))]
    for step in steps[1:]:
        walk.append(keep * walk[-1] + np.sqrt(1 - keep**2) * step)
    return np.asarray(np.stack(walk, axis=1), np.float32)


def photo_network(make: Callable[..., keras.Model], size: int, *, scaled: bool = False) -> Specimen:
    """One of `keras.applications`.

    Args:
        make: Its builder.
        size: Of its photos, a side.
        scaled: Whether it scales pixels itself.
    """
    image = keras.Input((size, size, 3), name="image")
    model = make(
        weights=None,
        input_tensor=image if scaled else layers.Rescaling(1 / 127.5, -1.0)(image),
        classes=CLASSES,
        classifier_activation=None,
    )
    pixels = photos(size)
    _meet(model, pixels)
    return Specimen(model, {"image": pixels})


def _meet(model: keras.Model, rows: NDArray[Any]) -> None:
    """Let batch normalisation take its statistics from rows [N, ...], in one pass."""
    found = [x for x in model.layers if isinstance(x, layers.BatchNormalization)]
    usual = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0
    model(ops.convert_to_tensor(rows, "float32"), training=True)
    for layer, momentum in zip(found, usual, strict=True):
        layer.momentum = momentum


def recurrent(kind: type[keras.layers.Layer]) -> Specimen:
    """A loop over a series, which converters meet as control flow."""
    given = keras.Input((STEPS, CHANNELS), name="series")
    return Specimen(
        keras.Model(given, layers.Dense(CLASSES)(kind(32)(given))), {"series": series()}
    )


def two_inputs(size: int) -> Specimen:
    """A photo and six measurements of the same thing; two outputs."""
    image, facts = keras.Input((size, size, 3), name="image"), keras.Input((6,), name="facts")
    x = layers.Rescaling(1 / 127.5, -1.0)(image)
    for filters in (8, 16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    seen = layers.GlobalAveragePooling2D()(x)
    known = layers.Dense(16, activation="relu")(facts)
    scores = layers.Dense(CLASSES, name="scores")(layers.Concatenate()([seen, known]))
    height = layers.Dense(1, name="height")(known)
    measured = np.random.default_rng(2).normal(size=(ROWS, 6)).astype(np.float32)
    return Specimen(
        keras.Model([image, facts], {"scores": scores, "height": height}),
        {"image": photos(size), "facts": measured},
    )


def transformer() -> Specimen:
    """Two blocks of attention over a series."""
    given = keras.Input((STEPS, CHANNELS), name="series")
    width, heads = 32, 4
    x = layers.Dense(width)(given)
    for _ in range(2):
        near = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(heads, width // heads)(near, near)])
        inner = layers.Dense(2 * width, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(width)(inner)])
    scores = layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(x))
    return Specimen(keras.Model(given, scores), {"series": series()})


@keras.saving.register_keras_serializable(package="bombus")
class Step(layers.Layer):  # type: ignore[misc]
    """A localizer's network as a layer: a sample and states in, outputs and next states out."""

    def __init__(self, network: Network, **options: Any) -> None:
        super().__init__(**options)
        self.network = network

    def call(self, sample: Any, states: dict[str, Any]) -> dict[str, Any]:
        """One sample [B, 6]; see `Network.step`."""
        said, after = self.network.step(sample, states)
        return dict(said) | {NEXT + name: value for name, value in after.items()}

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {"network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Step:
        """What `get_config` saved."""
        network = keras.saving.deserialize_keras_object(config.pop("network"))
        return cls(network, **config)


def spiking_step() -> Specimen:
    """The spiking network of a localizer, its memory in the caller's hands."""
    drive = simulate("urban", seconds=4.0, still=1.0, grade="tactical", seed=5).recording
    samples = np.hstack((drive.gyro, drive.accel)).astype(np.float32)
    network = Network(SNN)
    network.fit_features(samples[None, ::10])
    rng = np.random.default_rng(3)
    for weight in network.heads.weights:  # they begin at 0, where the outputs do not vary
        weight.assign(rng.normal(size=weight.shape))
    sample = keras.Input((6,), name="sample")
    start = network.start()
    states = {name: keras.Input(value.shape[1:], name=name) for name, value in start.items()}
    outputs = Step(network, name="step")(sample, states)
    return Specimen(
        keras.Model([sample, *states.values()], outputs),
        {"sample": samples[80 : 80 + 4 * ROWS]},  # it sets out after 100
        {NEXT + name: name for name in states},
    )


def spectral() -> Specimen:
    """Normalized differences of eight bands: a division, which 8 bits cannot hold."""
    bands = np.random.default_rng(4).uniform(0.02, 0.6, (ROWS, 8))
    model = build("ndl", bands, CLASSES, seed=0)
    return Specimen(model, {"bands": bands.astype(np.float32)})


def _photos_of(name: str, *, scaled: bool = False) -> Callable[[int], Specimen]:
    return partial(_named, name, scaled=scaled)


def _named(name: str, size: int, *, scaled: bool) -> Specimen:
    return photo_network(getattr(keras.applications, name), size, scaled=scaled)


ZOO: dict[str, Callable[[int], Specimen]] = {
    "MobileNet": _photos_of("MobileNet"),
    "MobileNetV2": _photos_of("MobileNetV2"),
    "MobileNetV3Small": _photos_of("MobileNetV3Small", scaled=True),
    "EfficientNetB0": _photos_of("EfficientNetB0", scaled=True),
    "DenseNet121": _photos_of("DenseNet121"),
    "Xception": _photos_of("Xception"),
    "ResNet50": _photos_of("ResNet50"),
    "lstm": lambda size: recurrent(layers.LSTM),
    "gru": lambda size: recurrent(layers.GRU),
    "two-inputs": two_inputs,
    "transformer": lambda size: transformer(),
    "snn-step": lambda size: spiking_step(),
    "ndl": lambda size: spectral(),
}


def specimen(name: str, size: int = 224) -> Specimen:
    """One of the zoo, always the same.

    Args:
        name: Its name in `ZOO`.
        size: Of photos, a side; what takes no photo heeds it not.
    """
    keras.utils.set_random_seed(0)
    return ZOO[name](size)
