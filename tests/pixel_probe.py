"""A model that hands its input back, to see which pixels a runtime is fed.

`python -m tests.pixel_probe` writes `tests/data/pixel_probe_<size>.tflite`. Its activation map
[1, size, size, 3] is the image level for level; its logits [1, 3] are the mean of each colour.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from models.bundle import Bundle, write_bundle
from tests.tiny_bundles import contract_values, parsed

DATA = Path(__file__).parent / "data"
SIZES = (224, 96)


def model_path(size: int) -> Path:
    return DATA / f"pixel_probe_{size}.tflite"


def write_probe(folder: Path, size: int) -> Bundle:
    """The model as a bundle named `probe-<size>`."""
    data = model_path(size).read_bytes()
    values: dict[str, Any] = contract_values() | {
        "name": f"probe-{size}",
        "preprocess": {"size": size},
        "default": {},
        "source": {"keras_sha256": "0" * 64},
    }
    values["inputs"][0]["shape"] = [1, size, size, 3]
    pixels = {"name": "pixels", "shape": [1, size, size, 3], "dtype": "float32"}
    values["outputs"].append(pixels | {"meaning": "class-activation-map"})
    values["artefacts"] = [
        {
            "file": model_path(size).name,
            "format": "tflite",
            "scheme": "f32",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "dtypes": {"image": "uint8", "logits": "float32", "pixels": "float32"},
        }
    ]
    return write_bundle(folder, parsed(values), {model_path(size).name: data})


def main() -> None:
    """Write the models anew."""
    import tensorflow as tf

    for size in SIZES:

        class Probe(tf.Module):  # type: ignore[misc]
            @tf.function(input_signature=[tf.TensorSpec([1, size, size, 3], tf.uint8)])
            def __call__(self, image):
                pixels = tf.cast(image, tf.float32)
                return {"logits": tf.reduce_mean(pixels, [1, 2]), "pixels": pixels}

        probe = Probe()
        function = probe.__call__.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], probe)
        model_path(size).write_bytes(converter.convert())


if __name__ == "__main__":
    main()
