"""ONNX graphs as people like them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from export.conversion.tidy import AGES, age, one_row, share_constants, sort_nodes, tidy
from models.errors import InputError


def chain(prefix: str = "") -> onnx.ModelProto:
    """Six additions in a row, the last of which a branch reads from inside."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Add", ["x" if i == 0 else f"{prefix}t{i - 1}", "x"], [f"{prefix}t{i}"])
        for i in range(6)
    ]
    inner = helper.make_graph(
        [helper.make_node("Identity", [f"{prefix}t5"], ["kept"])],
        "inner",
        [],
        [value("kept", TensorProto.FLOAT, None)],
    )
    nodes.append(helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner))
    graph = helper.make_graph(
        nodes,
        "chain",
        [value("x", TensorProto.FLOAT, [None, 2]), value("yes", TensorProto.BOOL, [])],
        [value("y", TensorProto.FLOAT, [None, 2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@given(st.integers(0, 10_000))
def test_sorting_mends_any_order(seed: int) -> None:
    model = chain()
    nodes = list(model.graph.node)
    random.Random(seed).shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    sort_nodes(model.graph)
    onnx.checker.check_model(model)
    assert len(model.graph.node) == 7


def test_wrappers_leave_the_names_everywhere() -> None:
    model = chain("StatefulPartitionedCall/StatefulPartitionedCall/")
    tidy(model)
    onnx.checker.check_model(model, full_check=True)
    assert b"PartitionedCall" not in model.SerializeToString()
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    fixed = one_row(model)
    onnx.checker.check_model(fixed, full_check=True)
    assert [d.dim_value for d in fixed.graph.output[0].type.tensor_type.shape.dim] == [1, 2]


def test_names_that_would_meet_stay_apart() -> None:
    model = chain("PartitionedCall/")
    model.graph.node.append(helper.make_node("Identity", ["x"], ["t3"]))
    tidy(model)
    onnx.checker.check_model(model)
    outputs = [name for node in model.graph.node for name in node.output]
    assert len(outputs) == len(set(outputs))


def test_ages() -> None:
    assert age("1.31") == AGES["1.15"]
    assert age("1.12.1") == (17, 8)
    assert age("1.7") == (13, 7)
    for wrong in ("1.2", "new", "", "1"):
        with pytest.raises(InputError, match=r"give a version from 1\.7"):
            age(wrong)


def test_the_same_constants_are_one() -> None:
    model = chain()
    graph = model.graph
    zeros = np.zeros(2, np.float32)
    same = {"a": zeros, "b": zeros, "t5": zeros}  # not the branches' t5, which is computed
    other: dict[str, Any] = {"c": -zeros, "d": zeros[:1], "e": np.zeros(2, np.float64)}
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in (same | other).items())
    del graph.node[:-1]
    branch = graph.node[0].attribute[0].g
    branch.node.insert(0, helper.make_node("Add", ["b", "x"], ["t5"]))
    del graph.node[0].attribute[1:]
    graph.node[0].attribute.append(helper.make_attribute("else_branch", branch))
    share_constants(graph)
    assert [t.name for t in graph.initializer] == ["a", *other]
    for attribute in graph.node[0].attribute:
        assert [list(n.input) for n in attribute.g.node] == [["a", "x"], ["t5"]]
