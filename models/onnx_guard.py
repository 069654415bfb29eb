"""Does an ONNX file point to weights outside itself? Told from its bytes, before a parser runs.

External data names a path, which has been used to read files that the model had no business with
(CVE-2022-25882, CVE-2024-27318). Walks the protobuf wire format along the few fields that lead to
a tensor; numbers are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

# message -> {field number: message in it}
_PATHS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


def has_external_data(data: bytes) -> bool:
    """True when any tensor of the model keeps its values in another file (or bytes are broken)."""
    try:
        return _search(memoryview(data), "model", 0)
    except (IndexError, ValueError):
        return True


def _search(data: memoryview, message: str, depth: int) -> bool:
    if depth > 64:
        raise ValueError("nested too deeply")
    for number, value in _fields(data):
        if message == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                return True
            continue
        inner = _PATHS[message].get(number)
        if inner and isinstance(value, memoryview) and _search(value, inner, depth + 1):
            return True
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of each field; fixed-width values are skipped as 0."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        if key >> 32:
            raise ValueError("tag too long")  # parsers cut it off and see another field
        number, wire = key >> 3, key & 7
        value: int | memoryview = 0
        if wire == 0:
            value, position = _varint(data, position)
        elif wire == 1:
            position += 8
        elif wire == 2:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise ValueError("field past the end")
            value, position = data[position : position + length], position + length
        elif wire == 5:
            position += 4
        else:
            raise ValueError("unknown wire type")
        yield number, value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise ValueError("varint too long")
