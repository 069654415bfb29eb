"""Stage 2: the Keras model as a SavedModel and as a float ONNX graph, with real names."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tf2onnx.handler import tf_op

from export.conversion.tidy import NEWEST, age, tidy
from models.errors import ConversionError, reason

INPUT = "image"
SIGNATURE = "serve"


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
class Named:
    """A functional model whose inputs have names and whose outputs are a dictionary.

    Its batch is fixed at 1: devices need no other, and run it faster.

    Attributes:
        model: The model; its outputs are a dictionary.
        names: Of its inputs; by default what Keras calls them.
    """

    model: keras.Model
    names: tuple[str, ...] = ()

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """Its inputs."""
        inputs = self.model.inputs
        names = self.names or [t.name for t in inputs]
        return [
            tf.TensorSpec((1, *t.shape[1:]), t.dtype, name=name)
            for t, name in zip(inputs, names, strict=True)
        ]

    def serve(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        """The model in inference mode."""
        outputs: dict[str, tf.Tensor] = self.model.call(list(values), training=False)
        return outputs


@dataclass(frozen=True)
class AnyRows:
    """What another serves, for any number of rows.

    tf2onnx knows a recurrent layer by the shapes in its loop, and only with a free batch.
    """

    one: Served

    @property
    def model(self) -> Any:
        """As the other's."""
        return self.one.model

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """Its inputs, their first axis free."""
        return [
            tf.TensorSpec((None, *s.shape[1:]), s.dtype, name=s.name) for s in self.one.signature
        ]

    def serve(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        """As the other does."""
        return self.one.serve(*values)


@dataclass(frozen=True)
class Restored:
    """What a SavedModel serves, back from its folder."""

    model: Any
    signature: list[tf.TensorSpec]
    serve: Callable[..., dict[str, Any]]


def restored(folder: Path, inputs: Sequence[str]) -> Restored:
    """Load what `saved_model` wrote.

    Args:
        folder: Of the SavedModel.
        inputs: Their names in order: a SavedModel sorts them.
    """
    model = tf.saved_model.load(str(folder))
    function = model.signatures[SIGNATURE]
    specs = function.structured_input_signature[1]
    call = function
    # Constants that are no weights, such as Keras's Normalization has, are handed to the function
    # like inputs, and tf2onnx would make inputs of them.
    if any(tensor.dtype != tf.resource for tensor in function.captured_inputs):
        call = _frozen(function)

    def serve(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs: dict[str, tf.Tensor] = call(**dict(zip(inputs, values, strict=True)))
        return outputs

    return Restored(model, [specs[name] for name in inputs], serve)


def _frozen(function: Any) -> Callable[..., dict[str, tf.Tensor]]:
    """A signature with its weights and constants inside."""
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    taken = sorted(function.structured_input_signature[1])  # the order that TensorFlow flattens in
    given = sorted(function.structured_outputs)

    def call(**values: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(given, frozen(*(values[name] for name in taken)), strict=True))

    return call


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


@tf_op("Erfc")
class _Erfc:
    """What is in Keras's gelu, and tf2onnx knows not: erfc(x) = 1 - erf(x)."""

    @classmethod
    def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
        """From opset 9 on, which has Erf."""
        kind, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
        erf = graph.make_node("Erf", node.input, shapes=[shape], dtypes=[kind]).output[0]
        value = np.array(1, onnx.helper.tensor_dtype_to_np_dtype(kind))
        one = graph.make_const(f"{node.name}_one", value).output[0]
        graph.remove_node(node.name)
        graph.make_node(
            "Sub", [one, erf], name=node.name, outputs=node.output, shapes=[shape], dtypes=[kind]
        )


def to_onnx(endpoint: Served, runtime: str = NEWEST) -> onnx.ModelProto:
    """The model as ONNX, in the precision of its signature.

    Args:
        endpoint: What to convert.
        runtime: The oldest ONNX Runtime that must read it.

    Raises:
        ConversionError: tf2onnx cannot convert it.
    """
    opset, ir_version = age(runtime)
    model: onnx.ModelProto
    function = tf.function(endpoint.serve, input_signature=endpoint.signature)
    logging.disable(logging.WARNING)  # what it could not make faster; it tells the root logger
    try:
        model, _ = tf2onnx.convert.from_function(
            function, input_signature=endpoint.signature, opset=opset
        )
        model.ir_version = ir_version
        tidy(model)
        strangers = {v.name for v in model.graph.input} - {s.name for s in endpoint.signature}
        if strangers:
            raise ValueError(f"{len(strangers)} constants of the model became inputs of the graph")
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # tf2onnx raises whatever it meets
        raise ConversionError(f"onnx: conversion failed ({reason(error)})") from error
    finally:
        logging.disable(logging.NOTSET)
    return model
