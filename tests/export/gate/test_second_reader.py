"""Another reader of ONNX files: what it reads alike, otherwise, and not at all."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from export.gate.second_reader import NAME, difference, made_up, read_again
from models.bundle import open_bundle
from models.contract import Contract
from models.runtime import open_runner

FINITE = st.floats(-1e6, 1e6)


def doubled(kind: str, factor: float = 2.0, domain: str = "") -> bytes:
    """A graph that multiplies (or does something else with) what it is given."""
    node = helper.make_node(kind, ["x", "k"], ["y"], domain=domain)
    ports = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y"))
    x, y = ports
    constant = helper.make_tensor("k", TensorProto.FLOAT, [4], [factor] * 4)
    graph = helper.make_graph([node], "g", [x], [y], [constant])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def contract(tiny_bundle: Path) -> Contract:
    shipped = open_bundle(tiny_bundle).manifest.contract()
    tensors = {
        side: tuple(
            getattr(shipped, side)[0].model_copy(
                update={"name": name, "shape": (1, 4), "dtype": "float32", "range": None}
            )
            for name in names
        )
        for side, names in (("inputs", "x"), ("outputs", "y"))
    }
    return shipped.model_copy(update=tensors)


def test_files_of_an_export_are_read_alike(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    files = {a.scheme: a for a in bundle.manifest.artefacts if a.format == "onnx"}
    for scheme in ("f32", "f16", "wi8_afp32"):
        reading = files[scheme].second_reading
        assert reading is not None
        assert reading.alike, reading
        assert reading.error is not None
    assert str(files["f32"].second_reading) == f"{NAME} reads it alike"
    assert not [a for a in bundle.manifest.artefacts if a.format != "onnx" and a.second_reading]


def test_another_meaning_is_found(contract: Contract) -> None:
    mine, other = doubled("Mul"), doubled("Mul", 3.0)
    assert read_again(mine, open_runner(mine, "onnx"), contract, "f32").error == pytest.approx(0)
    reading = read_again(other, open_runner(mine, "onnx"), contract, "f32")
    assert reading.alike is False
    assert reading.error == pytest.approx(0.5, rel=1e-5)
    assert "do not run it there" in str(reading)


def test_what_it_cannot_read_is_said(contract: Contract) -> None:
    mine = doubled("BiasGelu", domain="com.microsoft")
    runner = open_runner(mine, "onnx")
    reading = read_again(mine, runner, contract, "f32")
    assert reading.alike is None
    assert str(reading) == f"{NAME} cannot read it"


def test_inputs_keep_to_the_contract(contract: Contract, tiny_bundle: Path) -> None:
    shipped = open_bundle(tiny_bundle)
    data = (tiny_bundle / "tiny_f32.onnx").read_bytes()
    (photo,) = made_up(shipped.manifest.contract(), open_runner(data, "onnx")).values()
    assert 0 <= photo.min() < photo.max() <= 255
    (free,) = made_up(contract, open_runner(doubled("Mul"), "onnx")).values()
    assert free.min() < 0 < free.max()
    fed = contract.outputs[0].model_copy(update={"feeds": "x"})
    step = contract.model_copy(update={"outputs": (fed,)})
    (state,) = made_up(step, open_runner(doubled("Mul"), "onnx")).values()
    assert not state.any()


@given(st.lists(FINITE, min_size=1, max_size=5), st.floats(1e-3, 1e3))
def test_difference_is_relative(values: list[float], factor: float) -> None:
    mine = np.array(values) + 1e7
    assert difference({"y": mine}, {"y": mine.tolist()}) == 0
    other = mine * 1.5
    assert difference({"y": mine * factor}, {"y": other * factor}) == pytest.approx(
        np.abs(mine - other).max() / mine.max()
    )
    assert difference({"y": mine}, {"y": [*values, 0.0]}) == math.inf
    assert difference({"y": mine}, {"y": [math.nan] * len(values)}) == math.inf


def test_the_graphs_here_are_sound() -> None:
    onnx.checker.check_model(onnx.load_model_from_string(doubled("Mul")), full_check=True)
