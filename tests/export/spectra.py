"""Runs of `bombus train spectral` that nobody trained: scikit-learn fits the head."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.layers.normalized_difference import NormalizedDifference
from training.layers.scaling import Scaling

Array = NDArray[np.float64]
BANDS = ("B2", "B3", "B4", "B8", "B11")
CLASSES = ("water", "soil", "crop")
SHAPES = np.array(  # [class, band] reflectances
    [[0.06, 0.05, 0.03, 0.02, 0.01], [0.1, 0.14, 0.18, 0.24, 0.3], [0.03, 0.07, 0.04, 0.4, 0.2]]
)


def spectra(n: int, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Values [n, 5] of the classes' shapes in all sorts of light, noisy, and their classes."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, len(CLASSES), n)
    light = np.exp(rng.uniform(-1, 0.5, (n, 1)))
    return SHAPES[targets] * light * rng.normal(1, 0.12, (n, len(BANDS))), targets


def network(
    values: Array, targets: NDArray[np.int64], *, hidden: int = 0, differences: bool = True
) -> keras.Model:
    """Scaling, normalized differences (or not), a hidden layer by chance, and the fitted head.

    Of two classes it has one logit.
    """
    inputs = keras.Input((values.shape[1],), name="bands")
    scaling = Scaling()
    features = scaling(inputs)
    scaling.fit(0.0, values.max())
    if differences:
        features = NormalizedDifference(name="indices")(features)
    if hidden:
        chance = keras.initializers.RandomNormal(stddev=1.0, seed=0)
        features = keras.layers.Dense(
            hidden, activation="relu", kernel_initializer=chance, bias_initializer=chance
        )(features)
    known = keras.Model(inputs, features).predict(values, batch_size=4096, verbose=0)
    weights = fitted_head(known, targets)
    head = keras.layers.Dense(len(weights[1]), name="head")
    model = keras.Model(inputs, head(features))
    head.set_weights(weights)
    return model


def fitted_head(features: Array, targets: NDArray[np.int64]) -> list[Array]:
    """Kernel and bias of a linear classifier."""
    fitted = LogisticRegression(max_iter=1000).fit(features, targets)
    return [fitted.coef_.T, fitted.intercept_]


def write_run(
    folder: Path,
    model: keras.Model,
    learned: tuple[Array, NDArray[np.int64]],
    test: tuple[Array, NDArray[np.int64]],
    *,
    bands: tuple[str, ...] = BANDS,
    classes: tuple[str, ...] = CLASSES,
) -> Path:
    """The run folder."""
    folder.mkdir(parents=True)
    for name, (values, targets) in (("learned", learned), ("test", test)):
        np.savez_compressed(folder / f"{name}.npz", X=values, y=targets)
    contract = {
        "bands": bands,
        "classes": classes,
        "unit": "reflectance",
        "scale": 1e-4,
        "offset": -1000.0,
        "maximum": 1.0,
    }
    recipe = {"recipe": {"seed": 0}, "data": "fields", "data_sha256": "ab", "commit": "cd"}
    (folder / "contract.json").write_text(json.dumps(contract))
    (folder / "recipe.json").write_text(json.dumps(recipe))
    model.save(folder / "model.keras")
    return folder
