"""The converters as their manuals show them, with every default: what ours are compared with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Feeds = Mapping[str, NDArray[Any]]


def tflite(model: Path, feeds: Feeds | None) -> bytes:
    """`TFLiteConverter.from_keras_model`; in 8 bits where there is data to calibrate with.

    Args:
        model: A `.keras` file of the zoo.
        feeds: [N, ...] by input; None for float.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(_loaded(model))
    if feeds is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            list(row.values()) if len(row) == 1 else row for row in _rows(feeds)
        )
    return bytes(converter.convert())


def onnx(model: Path, feeds: Feeds | None) -> bytes:
    """`tf2onnx.convert.from_keras`; then `quantize_static` where there is data to calibrate with.

    Args:
        model: A `.keras` file of the zoo.
        feeds: [N, ...] by input; None for float.
    """
    import tf2onnx
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        single, quantized = Path(folder, "single.onnx"), Path(folder, "quantized.onnx")
        tf2onnx.convert.from_keras(_loaded(model), output_path=str(single))
        if feeds is None:
            return single.read_bytes()
        rows = _rows(feeds)

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def get_next(self) -> dict[str, NDArray[np.float32]] | None:
                return next(rows, None)

        quantize_static(single, quantized, Reader())
        return quantized.read_bytes()


def _loaded(model: Path) -> Any:
    import keras

    import benchmarks.zoo  # noqa: F401  its layers

    return keras.saving.load_model(model, compile=False)


def _rows(feeds: Feeds) -> Iterator[dict[str, NDArray[np.float32]]]:
    for row in range(len(next(iter(feeds.values())))):
        yield {name: values[row : row + 1].astype(np.float32) for name, values in feeds.items()}
