from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from training.layers.scaling import Scaling


def test_constants_are_taken_off_and_saved(tmp_path: Path) -> None:
    layer = Scaling()
    model = keras.Sequential([keras.Input((3,)), layer])
    x = np.array([[1.0, 4.0, 5.0]], np.float32)
    np.testing.assert_array_equal(model(x), x)
    layer.fit([1.0, 2.0, 5.0], [2.0, 0.5, 0.0])  # the last band is constant
    np.testing.assert_array_equal(model(x), [[0.0, 4.0, 0.0]])
    layer.fit(0.0, 4.0)
    np.testing.assert_array_equal(model(x), x / 4)
    model.save(tmp_path / "scaled.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "scaled.keras")(x), x / 4)
    assert model.trainable_variables == []


def test_half_precision_stays_half() -> None:
    layer = Scaling(dtype="mixed_float16")
    layer.build((None, 2))
    layer.fit(0.0, 1000.0)
    assert layer(np.array([[500.0, 250.0]])).dtype == "float16"
    assert layer.compute_output_shape((None, 2)) == (None, 2)
