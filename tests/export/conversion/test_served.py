"""What a model serves, as ONNX: its inputs, its outputs and nothing else."""

from __future__ import annotations

import keras
import numpy as np

from export.conversion.served import Named, restored, saved_model, to_onnx
from models.runtime import open_runner


def test_constants_that_are_no_weights_stay_inside() -> None:
    """tf2onnx makes inputs of them where a function is given them, as a SavedModel's is."""
    keras.utils.set_random_seed(0)
    wide, tall = keras.Input((3,), name="wide"), keras.Input((2,), name="tall")
    scaled = keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0])(wide)
    said = keras.layers.Dense(2, name="said")(keras.layers.Concatenate()([scaled, tall]))
    served = Named(keras.Model([wide, tall], {"said": said, "again": 2 * said}))
    with saved_model(served) as folder:
        model = to_onnx(restored(folder, ["wide", "tall"]))
    assert [v.name for v in model.graph.input] == ["wide", "tall"]
    rows = np.random.default_rng(0).normal(size=(1, 5)).astype(np.float32)
    given = {"wide": rows[:, :3], "tall": rows[:, 3:]}
    answers = open_runner(model.SerializeToString(), "onnx").run(given)
    expected = served.model(list(given.values()))
    for name in ("said", "again"):
        np.testing.assert_allclose(answers[name], expected[name], rtol=1e-5)
