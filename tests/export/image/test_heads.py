"""What is added to an exported graph, beside the model that it is added to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from export.image.heads import FAMILIARITY, MAP, Probe, dissect, output_names, with_heads
from models.metrics import softmax

SIZE, CLASSES = 12, 4
PIXELS = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 3)).astype(np.float32)

Build = Callable[[], keras.Model]


def photo() -> keras.KerasTensor:
    return keras.Input((SIZE, SIZE, 3))


def end(**options: object) -> keras.layers.Layer:
    bias = keras.initializers.RandomNormal(stddev=1, seed=2)
    return layers.Dense(CLASSES, **{"bias_initializer": bias} | options)


def trunk(image: keras.KerasTensor, strides: int | tuple[int, int] = 2) -> keras.KerasTensor:
    x = layers.Rescaling(1 / 127.5, -1)(image)
    return layers.Conv2D(7, 3, strides=strides, activation="relu")(x)


def sequential(*last: keras.layers.Layer) -> keras.Model:
    return keras.Sequential(
        [
            photo(),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(7, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            *last,
        ]
    )


def functional() -> keras.Model:
    image = photo()
    x = layers.GlobalAveragePooling2D()(trunk(image, (1, 3)))
    return keras.Model(image, end()(layers.Dropout(0.2)(layers.Dropout(0.3)(x))))


def nested(head: keras.Model) -> keras.Model:
    """As `training` makes them: a backbone in the model, a head in the model."""
    inner = photo()
    backbone = keras.Model(inner, layers.BatchNormalization()(trunk(inner)))
    image = photo()
    return keras.Model(image, head(layers.GlobalAveragePooling2D()(backbone(image))))


def branched() -> keras.Model:
    """Maps of two branches; another pooling of one of them goes nowhere near the end."""
    image = photo()
    maps = trunk(image)
    gate = layers.Dense(7, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(maps))
    both = layers.Concatenate()([layers.Multiply()([maps, gate]), maps])
    return keras.Model(image, end()(layers.GlobalAveragePooling2D()(both)))


def one_pooling_for_two() -> keras.Model:
    """The pooling layer is used on other maps first, of which the end sees nothing."""
    image, pool = photo(), layers.GlobalAveragePooling2D()
    other, maps = pool(trunk(image)), trunk(image)
    return keras.Model(image, end()(pool(maps)) + 0 * keras.ops.sum(other))


def shared_pooling() -> keras.Model:
    image, pool = photo(), layers.GlobalAveragePooling2D()
    pool(trunk(image))  # called, and not used
    return keras.Model(image, end()(pool(trunk(image))))


MAPPED: dict[str, Build] = {
    "sequential": lambda: sequential(end()),
    "dropout": lambda: sequential(layers.Dropout(0.5), end()),
    "no bias": lambda: sequential(end(use_bias=False)),
    "functional": functional,
    "nested": lambda: nested(keras.Sequential([layers.Dropout(0.2), end()])),
    "nested, input": lambda: nested(
        keras.Sequential([keras.Input((7,)), layers.Dropout(0.2), end()])
    ),
    "nested, dropout last": lambda: nested(keras.Sequential([end(), layers.Dropout(0.2)])),
    "branched": branched,
    "shared pooling": shared_pooling,
}
PROBABLE: dict[str, Build] = {
    "layer": lambda: sequential(end(), layers.Softmax()),
    "activation": lambda: sequential(layers.Dropout(0.2), end(activation="softmax")),
    "in the head": lambda: nested(keras.Sequential([end(), layers.Softmax()])),
    "after the head": lambda: nested(keras.Sequential([end(activation="softmax")])),
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(0)


def answers(model: keras.Model, pixels: NDArray[np.float32] = PIXELS) -> NDArray[np.float32]:
    return np.asarray(model(keras.ops.convert_to_tensor(pixels), training=False))


def named_answers(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    outputs = model(keras.ops.convert_to_tensor(PIXELS), training=False)
    return {name: np.asarray(value) for name, value in outputs.items()}


def bias_of(model: keras.Model) -> NDArray[np.float32]:
    """That of the last layer, the only variable so short; else 0."""
    last = np.asarray(model.get_weights()[-1])
    return last if last.shape == (CLASSES,) else np.zeros(CLASSES, np.float32)


def reloaded(model: keras.Model, folder: Path) -> keras.Model:
    model.save(folder / "m.keras")
    return keras.saving.load_model(folder / "m.keras")


@pytest.mark.parametrize("build", MAPPED.values(), ids=MAPPED.keys())
def test_the_mean_of_the_map_and_the_bias_are_the_logits(build: Build, tmp_path: Path) -> None:
    built = build()
    for model in (built, reloaded(built, tmp_path)):
        anatomy = dissect(model)
        assert anatomy is not None
        assert anatomy.maps is not None
        got = named_answers(with_heads(model, "logits", anatomy, None))
        assert got.keys() == {"logits", MAP}
        assert np.array_equal(got["logits"], answers(built))
        assert got[MAP].shape == (len(PIXELS), *anatomy.maps.shape[1:3], CLASSES)
        assert np.ptp(got[MAP], axis=(1, 2)).min() > 0  # it does say where
        logits = got[MAP].mean(axis=(1, 2)) + bias_of(model)
        assert np.allclose(logits, got["logits"], atol=1e-5)


@pytest.mark.parametrize("build", PROBABLE.values(), ids=PROBABLE.keys())
def test_the_map_of_a_softmax_model_is_of_its_logits(build: Build, tmp_path: Path) -> None:
    built = build()
    for model in (built, reloaded(built, tmp_path)):
        anatomy = dissect(model)
        got = named_answers(with_heads(model, "probabilities", anatomy, None))
        assert np.allclose(got["probabilities"].sum(axis=1), 1, atol=1e-5)
        logits = got[MAP].mean(axis=(1, 2)) + bias_of(model)
        assert np.allclose(softmax(logits), got["probabilities"], atol=1e-5)


def flat() -> keras.Model:
    return keras.Sequential([photo(), layers.AveragePooling2D(4), layers.Flatten(), end()])


def two_dense() -> keras.Model:
    return sequential(layers.Dense(5, activation="relu"), end())


def greatest() -> keras.Model:
    image = photo()
    return keras.Model(image, end()(layers.GlobalMaxPooling2D()(trunk(image))))


def kept_axes() -> keras.Model:
    image = photo()
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(trunk(image))
    return keras.Model(image, end()(layers.Flatten()(pooled)))


UNMAPPED: dict[str, Build] = {
    "flatten": flat,
    "two dense": two_dense,
    "greatest": greatest,
    "kept axes": kept_axes,
}


@pytest.mark.parametrize("build", UNMAPPED.values(), ids=UNMAPPED.keys())
def test_another_pooling_has_features_but_no_map(build: Build) -> None:
    model = build()
    anatomy = dissect(model)
    assert anatomy is not None
    assert anatomy.maps is None
    scale = 1 / 255  # of flat pixels; keeps the sums short
    features = answers(keras.Model(model.inputs, anatomy.features), PIXELS * scale)
    logits = features @ anatomy.kernel + bias_of(model)
    assert np.allclose(logits, answers(model, PIXELS * scale), atol=1e-5)
    probe = Probe(np.ones(anatomy.kernel.shape[0], np.float32), 0.5)
    assert with_heads(model, "logits", anatomy, probe).output.keys() == {"logits", FAMILIARITY}


def channels_first() -> keras.Model:
    image = photo()
    maps = layers.Permute((3, 1, 2))(trunk(image))
    return keras.Model(
        image, end()(layers.GlobalAveragePooling2D(data_format="channels_first")(maps))
    )


def test_maps_with_channels_first_are_left_alone() -> None:
    anatomy = dissect(channels_first())
    assert anatomy is not None
    assert anatomy.maps is None


def without_dense() -> keras.Model:
    image = photo()
    return keras.Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(CLASSES, 3)(image)))


def whole_in_another() -> keras.Model:
    image = photo()
    return keras.Model(image, layers.Rescaling(2.0)(sequential(end())(image)))


OTHER_ENDS: dict[str, Build] = {
    "sigmoid": lambda: sequential(end(activation="sigmoid")),
    "relu": lambda: sequential(end(activation="relu")),
    "no dense": without_dense,
    "rescaled": whole_in_another,
    "added": one_pooling_for_two,
    "two dense in the head": lambda: nested(keras.Sequential([layers.Dense(5), end()])),
    "batch norm after": lambda: sequential(end(), layers.BatchNormalization()),
}


@pytest.mark.parametrize("build", OTHER_ENDS.values(), ids=OTHER_ENDS.keys())
def test_another_end_has_no_anatomy(build: Build) -> None:
    model = build()
    assert dissect(model) is None
    probe = Probe(np.ones(7, np.float32), 0.0)
    exported = with_heads(model, "logits", None, probe)
    assert exported.output.keys() == {"logits"}
    assert np.array_equal(named_answers(exported)["logits"], answers(model))


SOFTMAX_FIRST: dict[str, Build] = {
    "layer": lambda: sequential(layers.Softmax(), end()),
    "in the head": lambda: nested(keras.Sequential([layers.Softmax(), end()])),
}


@pytest.mark.parametrize("build", SOFTMAX_FIRST.values(), ids=SOFTMAX_FIRST.keys())
def test_a_softmax_before_the_dense_layer_is_not_passed_over(build: Build) -> None:
    model = build()
    anatomy = dissect(model)
    if anatomy is not None:
        assert anatomy.maps is None
        features = answers(keras.Model(model.inputs, anatomy.features))
        assert np.allclose(features @ anatomy.kernel + bias_of(model), answers(model), atol=1e-5)


@pytest.mark.parametrize("build", MAPPED.values(), ids=MAPPED.keys())
def test_familiarity_is_a_linear_reading_of_the_features(build: Build) -> None:
    model = build()
    anatomy = dissect(model)
    assert anatomy is not None
    kernel = np.random.default_rng(1).normal(size=len(anatomy.kernel)).astype(np.float32)
    got = named_answers(with_heads(model, "logits", anatomy, Probe(kernel, -1.25)))
    assert got[FAMILIARITY].shape == (len(PIXELS), 1)
    features = answers(keras.Model(model.inputs, anatomy.maps)).mean(axis=(1, 2))
    assert np.allclose(got[FAMILIARITY][:, 0], features @ kernel - 1.25, atol=1e-5)
    assert np.array_equal(got["logits"], answers(model))


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_the_outputs_are_named_the_classes_first(output: str) -> None:
    model = sequential(end())
    anatomy, probe = dissect(model), Probe(np.ones(7, np.float32), 0.0)
    names = {
        (output,): with_heads(model, output, None, None),
        (output, MAP): with_heads(model, output, anatomy, None),
        (output, MAP, FAMILIARITY): with_heads(model, output, anatomy, probe),
    }
    for expected, exported in names.items():
        assert output_names(exported) == expected
    unmapped = greatest()
    exported = with_heads(unmapped, output, dissect(unmapped), probe)
    assert output_names(exported) == (output, FAMILIARITY)


def test_predicting_keeps_the_names() -> None:
    model = sequential(end())
    exported = with_heads(model, "logits", dissect(model), Probe(np.ones(7, np.float32), 0.0))
    got = exported.predict(PIXELS, verbose=0)
    assert got.keys() == set(output_names(exported))
    for name, value in named_answers(exported).items():
        assert np.allclose(got[name], value, atol=1e-5), name


def test_a_layer_may_have_the_name_of_a_head() -> None:
    image = photo()
    maps = layers.Conv2D(7, 3, name=MAP)(image)
    features = layers.Activation("linear", name=FAMILIARITY)(layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(image, end()(features))
    exported = with_heads(model, "logits", dissect(model), Probe(np.ones(7, np.float32), 0.0))
    assert "logits" in exported.output
