"""External data is found wherever ONNX lets a tensor be, and no bytes break the search."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper

from models.onnx_guard import has_external_data
from tests.tiny_bundles import tiny_onnx

PLAIN = tiny_onnx()


def tensor(external: bool, name: str = "w") -> TensorProto:
    made = numpy_helper.from_array(np.arange(4, dtype=np.float32), name)
    if external:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        entry = made.external_data.add()
        entry.key, entry.value = "location", "../../etc/passwd"
    return made


def attribute(external: bool) -> AttributeProto:
    return helper.make_attribute("value", tensor(external))


def in_initializer(model: ModelProto, external: bool) -> None:
    model.graph.initializer.append(tensor(external))


def in_constant(model: ModelProto, external: bool) -> None:
    model.graph.node.add(op_type="Constant", output=["c"]).attribute.append(attribute(external))


def in_tensor_list(model: ModelProto, external: bool) -> None:
    several = model.graph.node.add(op_type="Custom").attribute.add(name="v", type="TENSORS")
    several.tensors.extend([tensor(False), tensor(external)])


def in_branch(model: ModelProto, external: bool) -> None:
    value = helper.make_tensor_value_info("c", TensorProto.FLOAT, [4])
    branches = {}
    for name, where in (("then_branch", False), ("else_branch", external)):
        constant = helper.make_node("Constant", [], ["c"])
        constant.attribute.append(attribute(where))
        branches[name] = helper.make_graph([constant], name, [], [value])
    model.graph.node.append(helper.make_node("If", ["condition"], ["chosen"], **branches))


def in_graph_list(model: ModelProto, external: bool) -> None:
    graph = helper.make_graph([], "inner", [], [], [tensor(external)])
    several = model.graph.node.add(op_type="Custom").attribute.add(name="g", type="GRAPHS")
    several.graphs.append(graph)


def sparse(external: bool) -> SparseTensorProto:
    indices = numpy_helper.from_array(np.arange(4, dtype=np.int64), "i")
    return helper.make_sparse_tensor(tensor(external), indices, [16])


def in_sparse_initializer(model: ModelProto, external: bool) -> None:
    model.graph.sparse_initializer.append(sparse(external))


def in_sparse_attribute(model: ModelProto, external: bool) -> None:
    node = model.graph.node.add(op_type="Constant", output=["c"])
    node.attribute.append(helper.make_attribute("sparse_value", sparse(external)))


def in_function(model: ModelProto, external: bool) -> None:
    constant = model.functions.add(name="f").node.add(op_type="Constant", output=["c"])
    constant.attribute.append(attribute(external))


def in_function_default(model: ModelProto, external: bool) -> None:
    model.functions.add(name="f").attribute_proto.append(attribute(external))


def in_training_graph(model: ModelProto, external: bool) -> None:
    model.training_info.add().initialization.initializer.append(tensor(external))


PLACES = [
    in_initializer,
    in_constant,
    in_tensor_list,
    in_branch,
    in_graph_list,
    in_sparse_initializer,
    in_sparse_attribute,
    in_function,
    in_function_default,
    in_training_graph,
]
Place = Callable[[ModelProto, bool], None]


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_and_inner_data_is_not(place: Place) -> None:
    for external in (False, True):
        model = onnx.load_model_from_string(PLAIN)
        place(model, external)
        assert has_external_data(model.SerializeToString()) is external


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.booleans()), max_size=6))
def test_one_external_tensor_among_many_is_found(places: list[tuple[Place, bool]]) -> None:
    model = onnx.load_model_from_string(PLAIN)
    for place, external in places:
        place(model, external)
    found = has_external_data(model.SerializeToString())
    assert found is any(external for _, external in places)


@pytest.mark.parametrize("what", ["location", "entries"])
def test_half_a_mark_is_enough(what: str) -> None:
    model = onnx.load_model_from_string(PLAIN)
    marked = tensor(external=True)
    if what == "location":
        marked.ClearField("external_data")
    else:
        marked.data_location = TensorProto.DEFAULT
    model.graph.initializer.append(marked)
    assert has_external_data(model.SerializeToString())


def test_a_model_that_onnx_saved_with_external_data(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("onnx")
    model = onnx.load_model_from_string(PLAIN)
    onnx.save_model(model, folder / "one.onnx")
    onnx.save_model(
        model, folder / "two.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    assert (folder / "w.bin").stat().st_size > 0
    assert not has_external_data((folder / "one.onnx").read_bytes())
    assert has_external_data((folder / "two.onnx").read_bytes())


def test_the_order_of_fields_does_not_matter() -> None:
    model = onnx.load_model_from_string(PLAIN)
    in_initializer(model, external=True)
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    rest = model.SerializeToString()
    part = bytes([7 << 3 | 2]) + varint(len(graph)) + graph
    for data in (rest + part, part + rest, rest + PLAIN + part):  # graphs of one model are merged
        assert onnx.load_model_from_string(data).graph.initializer[-1].external_data
        assert has_external_data(data)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize("bit", [32, 33, 34, 40, 63])
def test_a_tag_that_parsers_cut_off_does_not_hide_the_graph(bit: int) -> None:
    model = onnx.load_model_from_string(PLAIN)
    in_initializer(model, external=True)
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    tag = varint(7 << 3 | 2 | 1 << bit)
    assert has_external_data(model.SerializeToString() + tag + varint(len(graph)) + graph)


@pytest.mark.parametrize("levels", [30, 5000])
def test_nesting_beyond_reason_is_refused(levels: int) -> None:
    data = b""
    for _ in range(levels):
        for number in (6, 5, 1):  # a graph in an attribute in a node in a graph
            data = bytes([number << 3 | 2]) + varint(len(data)) + data
    assert has_external_data(bytes([7 << 3 | 2]) + varint(len(data)) + data)


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_random_bytes_give_an_answer(data: bytes) -> None:
    assert has_external_data(data) in (True, False)


@given(st.data())
@settings(max_examples=300)
def test_damaged_models_give_an_answer(draw: st.DataObject) -> None:
    data = bytearray(PLAIN[: draw.draw(st.integers(0, len(PLAIN)))])
    for _ in range(draw.draw(st.integers(0, 3)) if data else 0):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    assert has_external_data(bytes(data)) in (True, False)


@pytest.mark.parametrize("data", [b"\x3a\xff", b"\x3a\x05\x12\x00", b"\xff" * 12, b"\x3b", b"\x80"])
def test_broken_bytes_are_refused(data: bytes) -> None:
    assert has_external_data(data)
