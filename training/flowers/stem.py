"""What may stand between a photo and the backbone: chromatic contrasts that no common gain changes.

(x_i - x_j) / (x_i + x_j) of two channels stays when both grow by one factor, as they do when a
scene gets more or less light. Two channels' gains and powers (colour casts, gamma) do change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from training.layers.normalized_difference import NormalizedDifference

# In grey levels of 0..255. Between two channels at level L, rounding to 8 bits makes noise of
# 0.2 / L, and JPEG's chroma several times that: without an epsilon, black is coloured confetti.
# With 8, a contrast of channels at L is damped by 2 L / (2 L + 8): by half at 4, a tenth at 36.
EPSILON = 8.0


def build_stem(stem: str, image: Any, scale: Callable[[Any, str], Any]) -> Any:
    """What the backbone is fed.

    Args:
        stem: `none`: the photo. `contrast`: in place of red, green and blue the contrasts of red
            and green, red and blue, green and blue, with learned coefficients. `contrast+rgb`:
            three mixtures of all six, which start as the photo, so that weights trained on photos
            start unharmed.
        image: [B, S, S, 3] symbolic, 0..255.
        scale: (photo 0..255, name of the layer) -> the backbone's range.
    """
    if stem == "none":
        return scale(image, "scale")
    # float32 whatever the policy: bfloat16 has 8 bits of mantissa, too few for differences.
    contrasts = NormalizedDifference(epsilon=EPSILON, dtype="float32", name="contrasts")(image)
    levels = keras.layers.Rescaling(127.5, 127.5, dtype="float32", name="levels")(contrasts)
    if stem == "contrast":
        return scale(levels, "scale")
    both = keras.layers.Concatenate(dtype="float32", name="both")(
        [scale(image, "scale"), scale(levels, "scale_contrasts")]
    )
    mix = keras.layers.Dense(
        3, use_bias=False, kernel_initializer="identity", dtype="float32", name="mix"
    )
    return mix(both)


def coefficients(model: keras.Model) -> str:
    """The trained coefficients of a model's stem in words: each pair's alpha and gamma."""
    layer = model.get_layer("contrasts")
    pairs = ("".join("RGB"[i] for i in pair) for pair in layer.pairs)
    rows = zip(pairs, *layer.coefficients, strict=True)
    return ", ".join(f"{pair} {alpha:.2f} {gamma:.2f}" for pair, alpha, gamma in rows)
