"""How exact the backend is that Keras runs on."""

from __future__ import annotations

import keras

# Keras computes in double precision on TensorFlow only: on JAX it makes float32 of float64.
DOUBLE = "float64" if keras.backend.backend() == "tensorflow" else "float32"


def within(double: float) -> float:
    """A tolerance for numbers about 1, of double precision where there is one."""
    return double if DOUBLE == "float64" else 1e-5
