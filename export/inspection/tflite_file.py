"""Inside a TFLite file, read by the schema alone: no interpreter sees it."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from export.inspection.anatomy import Anatomy, Port, tally
from export.inspection.contract import parsed
from models.runtime import CONTRACT, CONTRACT_LIMIT

MAGIC = b"TFL3"
# What flatbuffers raises on offsets that lead nowhere.
_BROKEN = (struct.error, IndexError, ValueError, TypeError, OverflowError, UnicodeDecodeError)

_UNZIPPED = (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError)


def anatomy(data: bytes) -> Anatomy:
    """Take a TFLite file apart.

    Raises:
        ValueError: No TFLite file, or damaged.
    """
    if data[4:8] != MAGIC:
        raise ValueError("not a TFLite file: it does not begin as one")
    try:
        return _anatomy(data)
    except _BROKEN as error:
        raise ValueError(f"damaged ({error})") from error


def _anatomy(data: bytes) -> Anatomy:
    model = schema.Model.GetRootAs(data, 0)
    limit = len(data) // 4  # whatever a count says, there are no more offsets than fit
    codes = [_code(model.OperatorCodes(i)) for i in _range(model.OperatorCodesLength(), limit)]
    graphs = [model.Subgraphs(i) for i in _range(model.SubgraphsLength(), limit)]
    if not graphs:
        raise ValueError("there is no graph in it")
    ops = Counter(
        codes[graph.Operators(i).OpcodeIndex()]
        for graph in graphs
        for i in _range(graph.OperatorsLength(), limit)
    )
    custom = sorted({name for name in codes if name.startswith("custom ")})
    dangers = [f"operation {name[7:]!r}, which needs code from elsewhere" for name in custom]
    # An offset means that the weights lie behind the flatbuffer, in this file or in none.
    sizes = []
    for i in _range(model.BuffersLength(), limit):
        buffer = model.Buffers(i)
        if buffer.Offset() > 1 and buffer.Offset() + buffer.Size() > len(data):
            dangers.append(f"buffer {i} lies outside the file")
        sizes.append(buffer.DataLength() or buffer.Size())
    main = graphs[0]
    return Anatomy(
        format="tflite",
        made_by=_text(model.Description()),
        needs=f"schema {model.Version()}",
        inputs=tuple(_ports(main, main.Inputs, main.InputsLength(), model, limit)),
        outputs=tuple(_ports(main, main.Outputs, main.OutputsLength(), model, limit)),
        ops=dict(ops),
        weights=tally(_constants(graphs, sizes, limit)),
        contract=_contract(data),
        dangers=tuple(dangers),
    )


def _range(count: int, limit: int) -> range:
    if count > limit:
        raise ValueError(f"a list of {count} entries in a file of {4 * limit} bytes")
    return range(count)


def _named(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


_OPERATORS, _DTYPES = _named(schema.BuiltinOperator), _named(schema.TensorType)


def _code(code: Any) -> str:
    # The old field is a byte; what does not fit stands in the new one.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == schema.BuiltinOperator.CUSTOM:
        return f"custom {_text(code.CustomCode())}"
    return _OPERATORS.get(number, f"operator {number}")


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _tensor(graph: Any, index: int) -> Any:
    if not 0 <= index < graph.TensorsLength():
        raise ValueError(f"tensor {index} of {graph.TensorsLength()}")
    return graph.Tensors(index)


def _dtype(tensor: Any) -> str:
    return _DTYPES.get(tensor.Type(), f"type {tensor.Type()}").lower()


def _ports(graph: Any, at: Any, count: int, model: Any, limit: int) -> Iterator[Port]:
    """Inputs or outputs, by the names of the signature where there is one."""
    names = {}
    for i in _range(model.SignatureDefsLength(), limit):
        signature = model.SignatureDefs(i)
        for side, length in (
            (signature.Inputs, signature.InputsLength()),
            (signature.Outputs, signature.OutputsLength()),
        ):
            for j in _range(length, limit):
                names[side(j).TensorIndex()] = _text(side(j).Name())
    for i in _range(count, limit):
        tensor = _tensor(graph, at(i))
        free = tensor.ShapeSignatureLength() == tensor.ShapeLength()
        sizes = tensor.ShapeSignature if free else tensor.Shape
        shape = [int(sizes(j)) for j in _range(tensor.ShapeLength(), limit)]
        name = names.get(at(i)) or _text(tensor.Name())
        yield Port(name, tuple(None if size < 0 else size for size in shape), _dtype(tensor))


def _constants(graphs: list[Any], sizes: list[int], limit: int) -> Iterator[tuple[str, int, int]]:
    seen = set()  # one buffer may serve many tensors
    for graph in graphs:
        for i in _range(graph.TensorsLength(), limit):
            tensor = graph.Tensors(i)
            place = tensor.Buffer()
            if place in seen or not 0 <= place < len(sizes) or not sizes[place]:
                continue
            seen.add(place)
            shape = [int(tensor.Shape(j)) for j in _range(tensor.ShapeLength(), limit)]
            yield _dtype(tensor), math.prod(shape), sizes[place]


def _contract(data: bytes) -> dict[str, Any] | None:
    """Of the archive that our exporter puts at the end."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            if archive.getinfo(CONTRACT).file_size > CONTRACT_LIMIT:
                return None
            return parsed(archive.read(CONTRACT))
    except (*_UNZIPPED, *_BROKEN):
        return None
