"""Stage 2: the Keras model as a SavedModel and as a float ONNX graph, with real names."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import onnx
import tensorflow as tf
import tf2onnx

from models.errors import ConversionError, reason

INPUT = "image"
OPSET = 18
IR_VERSION = 9  # what opset 18 came with: runtimes of 2023 and later read it
SIGNATURE = "serve"
ROWS = "N"  # name of a free first axis in ONNX


class Served(Protocol):
    """The function that every artefact computes: named tensors in, named tensors out."""

    @property
    def model(self) -> Any:
        """What holds its weights: a Keras model."""
        ...

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """Its inputs; of their sizes only the first, the rows, may be free."""
        ...

    @property
    def serve(self) -> Callable[..., dict[str, Any]]:
        """From tensors in the signature's order to outputs by name."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """Image float32 [1, S, S, 3] -> named outputs.

    Attributes:
        model: Of `export.heads.with_heads`: its outputs are a dictionary.
        image_size: S.
    """

    model: keras.Model
    image_size: int

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """The input, with its batch fixed at 1: phones need no other and run it faster."""
        size = self.image_size
        return [tf.TensorSpec((1, size, size, 3), tf.float32, name=INPUT)]

    def serve(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """The model in inference mode."""
        outputs: dict[str, tf.Tensor] = self.model(image, training=False)
        return outputs


@contextmanager
def saved_model(endpoint: Served) -> Iterator[Path]:
    """The model as a SavedModel in a temporary folder, for the TFLite converter.

    ExportArchive keeps names and weights; `from_concrete_functions` on a Keras 3 model silently
    writes a file without weights.
    """
    with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
        archive = keras.export.ExportArchive()
        archive.track(endpoint.model)
        archive.add_endpoint(SIGNATURE, endpoint.serve, input_signature=endpoint.signature)
        archive.write_out(folder, verbose=False)
        yield Path(folder)


def to_onnx(endpoint: Served) -> onnx.ModelProto:
    """The model as ONNX, in the precision of its signature.

    Raises:
        ConversionError: tf2onnx cannot convert it.
    """
    model: onnx.ModelProto
    function = tf.function(endpoint.serve, input_signature=endpoint.signature)
    logging.disable(logging.WARNING)  # what it could not make faster; it tells the root logger
    try:
        model, _ = tf2onnx.convert.from_function(
            function, input_signature=endpoint.signature, opset=OPSET
        )
        model.ir_version = IR_VERSION
        _name_rows(model)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # tf2onnx raises whatever it meets
        raise ConversionError(f"onnx: conversion failed ({reason(error)})") from error
    finally:
        logging.disable(logging.NOTSET)
    return model


def _name_rows(model: onnx.ModelProto) -> None:
    """One name for the free first axis of all inputs and outputs, where it is free."""
    for value in (*model.graph.input, *model.graph.output):
        for axis in value.type.tensor_type.shape.dim[:1]:
            if not axis.HasField("dim_value"):
                axis.dim_param = ROWS
