"""A spectral classifier as it is served: bands in, logits and the learned indices out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf
from keras import ops

from models.errors import InputError
from training.layers.normalized_contrast import NormalizedContrast, written
from training.layers.normalized_difference import NormalizedDifference

BANDS, LOGITS, INDICES = "bands", "logits", "indices"


@dataclass(frozen=True)
class SpectralGraph:
    """For `export.conversion.served`: any number of rows.

    Attributes:
        model: From [N, n] to its outputs by name.
        bands: Names of the n.
        indices: Names of the learned indices; none of a network without them.
    """

    model: keras.Model
    bands: tuple[str, ...]
    indices: tuple[str, ...]

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """The bands of any number of rows."""
        return [tf.TensorSpec((None, len(self.bands)), tf.float32, name=BANDS)]

    def serve(self, bands: tf.Tensor) -> dict[str, tf.Tensor]:
        """The model in inference mode."""
        outputs: dict[str, tf.Tensor] = self.model(bands, training=False)
        return outputs


def spectral_graph(model: keras.Model, bands: Sequence[str], classes: int) -> SpectralGraph:
    """Give a network a logit for each class, and its indices beside them.

    The one logit z of two classes becomes -z/2 and z/2, of the same softmax and decision.

    Args:
        model: From bands [N, n] to logits [N, 1] or [N, classes].
        bands: Names of the n.
        classes: How many.

    Raises:
        InputError: The network is none of these.
    """
    given = [tuple(t.shape) for t in model.inputs], [tuple(t.shape) for t in model.outputs]
    width = model.outputs[0].shape[-1]
    wanted = [(None, len(bands))], [(None, 1 if classes == 2 and width == 1 else classes)]
    if given != wanted:
        raise InputError(
            f"the network takes {given[0]} and gives {given[1]}; of {len(bands)} bands and "
            f"{classes} classes it must be {wanted[0]} and {wanted[1]}"
        )
    logits = model.outputs[0]
    if width == 1:
        logits = ops.concatenate((-0.5 * logits, 0.5 * logits), axis=-1)
    outputs, names = {LOGITS: logits}, tuple[str, ...]()
    layer = next((x for x in model.layers if isinstance(x, _LAYERS)), None)
    if layer is not None:
        outputs[INDICES] = layer.output
        names = _names(layer, bands)
    return SpectralGraph(keras.Model(model.inputs, outputs), tuple(bands), names)


_LAYERS = (NormalizedDifference, NormalizedContrast)


def _names(layer: keras.layers.Layer, bands: Sequence[str]) -> tuple[str, ...]:
    """What the layer's outputs are called."""
    if isinstance(layer, NormalizedContrast):
        return tuple(written(weights, bands) for weights in layer.coefficients[0])
    return tuple(f"ND({bands[i]},{bands[j]})" for i, j in layer.pairs)
