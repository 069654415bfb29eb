"""The tensors inside a model file: which there are, and what they hold in a run.

A file is read in two ways. As a whole, with inner tensors among its outputs. And taken apart: each
of these tensors is also an input, which stands in for it wherever it is read on, so that every
operation can be given other inputs than those that the operations before it made.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from numpy.typing import NDArray

from models.errors import InputError, IntegrityError, reason
from models.onnx_guard import has_external_data

if TYPE_CHECKING:
    from export.conversion.graphs import Operation

Values = Mapping[str, NDArray[Any]]  # by the name of an input or a tensor
Reading = Callable[[Values], dict[str, NDArray[Any]]]
TFLITE_MAGIC = b"TFL3"


class Computed(NamedTuple):
    """A tensor of numbers that depend on the model's inputs.

    Attributes:
        name: As its file has it.
        operation: The name of what computes it, as `export.conversion.graphs` has it; what only
            rounds or casts is passed over.
        kind: Of that operation, such as `CONV_2D` or `Conv`.
        keys: The first is equal in another file of the same model, as far as the file tells; so
            is the second, which leaves out all numbering, since converters count anew.
    """

    name: str
    operation: str
    kind: str
    keys: tuple[Hashable, Hashable]


class Inside(Protocol):
    """A model file whose inner tensors can be read; `computed` is in the order that it runs."""

    computed: tuple[Computed, ...]

    def whole(self, names: Sequence[str]) -> Reading:
        """From the model's inputs to what these tensors hold, real numbers where quantized."""
        ...

    def apart(self, examples: Values) -> Reading:
        """From the inputs and what each of these tensors is to hold, to what is made of that.

        Args:
            examples: What they hold in some run, which tells their shapes.
        """
        ...


def open_inside(data: bytes, name: str) -> Inside:
    """A `.tflite` or `.onnx` file, told by what is in it.

    Args:
        data: Its content.
        name: What to call it in errors.

    Raises:
        InputError: It is empty.
        IntegrityError: It is damaged, or keeps weights in other files.
    """
    if not data:
        raise InputError(f"{name}: the file is empty; give a .tflite or .onnx file")
    # Imported late: each brings its library.
    try:
        if data[4:8] == TFLITE_MAGIC:
            from export.gate.tensors_tflite import TfliteInside

            return TfliteInside(data)
        if has_external_data(data):
            raise ValueError("neither TFLite nor ONNX in one file, or damaged")
        from export.gate.tensors_onnx import OnnxInside

        return OnnxInside(data)
    except Exception as error:  # each library has its own types
        raise IntegrityError(f"{name}: cannot be taken apart ({reason(error)})") from error


def computed_by(
    operations: Iterable[Operation], inputs: Collection[Any], carriers: Collection[str]
) -> Iterator[tuple[Any, Operation]]:
    """Every tensor that depends on the inputs, and the operation that computes it.

    Args:
        operations: In the order that they run; what only unpacks weights is left out.
        inputs: The model's, as operations refer to them.
        carriers: Kinds of operation that pass on what another has computed.
    """
    makers: dict[Any, Operation] = {}
    for operation in operations:
        if not any(given in inputs or given in makers for given in operation.inputs):
            continue
        maker = operation
        if operation.kind in carriers:
            maker = makers.get(operation.inputs[0], operation)
        for tensor in operation.outputs:
            makers[tensor] = maker
            yield tensor, maker


def matched(
    reference: Sequence[Computed], candidate: Sequence[Computed]
) -> list[tuple[Computed, Computed]]:
    """Tensors of two files of one model that stand for the same, in the candidate's order."""
    pairs = dict[str, Computed]()
    for level in (0, 1):
        paired = {tensor.name for tensor in pairs.values()}
        there = _grouped((t for t in reference if t.name not in paired), level)
        here = _grouped((t for t in candidate if t.name not in pairs), level)
        for key, tensors in here.items():
            others = there.get(key, [])
            # All of one key in turn if both files have as many, else those of the same name.
            if len(others) == len(tensors):
                pairs |= {t.name: other for t, other in zip(tensors, others, strict=True)}
            else:
                names = {other.name: other for other in others}
                pairs |= {t.name: names[t.name] for t in tensors if t.name in names}
    return [(pairs[tensor.name], tensor) for tensor in candidate if tensor.name in pairs]


def plain(name: str) -> str:
    """A tensor's name without those of TensorFlow's wrappers and of the whole model.

    Keras numbers models in each process.
    """
    return re.sub(r"(?:Stateful)?PartitionedCall/|functional[_\d]*/", "", name)


def unnumbered(name: str) -> str:
    """The same without any number."""
    return re.sub(r"_*\d+", "", plain(name))


def _grouped(tensors: Iterable[Computed], level: int) -> dict[Hashable, list[Computed]]:
    groups = defaultdict[Hashable, list[Computed]](list)
    for tensor in tensors:
        groups[tensor.keys[level]].append(tensor)
    return groups
