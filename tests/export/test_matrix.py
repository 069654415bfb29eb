"""Every kind of model under every scheme: it passes its gate, or is refused with a reason."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from benchmarks.zoo import ZOO, specimen
from export.arrays import network, samples_of
from export.conversion.drafting import draft_base
from export.conversion.served import AnyRows, Named, saved_model
from export.conversion.workshop import run_apart
from export.making import make, wanted
from export.subject import Order
from models.runtime import open_runner

SIZE = 72  # of photos: Xception takes no less than 71
QUICK = ("ndl", "lstm")  # the others convert for minutes


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ZOO]
)
@pytest.mark.timeout(1200)
def test_passes_or_says_why(name: str, tmp_path: Path) -> None:
    made_of = specimen(name, SIZE)
    path = tmp_path / "m.keras"
    made_of.model.save(path)
    states = dict(getattr(made_of, "states", None) or {})
    given = {k: v for k, v in made_of.feeds.items() if k not in states.values()}
    halves = [samples_of({k: v[i::2] for k, v in given.items()}, str(i)) for i in (0, 1)]
    order = Order(name, rounds=0)
    said: list[str] = []
    subject = network(
        made_of.model,
        path.read_bytes(),
        order,
        validation=halves[0],
        calibration=halves[1],
        states=states,
        say=said.append,
    )
    made, failed = make(subject, order, said.append)
    kinds = {order.file(*kind) for kind in wanted(subject, order)}
    assert {m.artefact.file for m in made} | set(failed) == kinds
    assert len(kinds) + len(subject.refused) == 8
    for m in made:
        assert m.judgement or m.judgement.failures
        assert set(m.judgement.parity) == {t.name for t in subject.contract.outputs}
        if m.artefact.scheme == "f32":
            assert m.judgement, m.judgement.failures
        if m.artefact.format == "onnx":
            model = onnx.load_model_from_string(m.data)
            names = {t.name for t in (*subject.contract.inputs, *subject.contract.outputs)}
            assert {v.name for v in (*model.graph.input, *model.graph.output)} == names
            assert "PartitionedCall" not in onnx.printer.to_text(model.graph)[:100_000]
    assert {m.artefact.format for m in made if m.artefact.scheme == "f32"} == {"tflite", "onnx"}
    assert all(str(error) for error in failed.values())


def test_a_recurrent_layer_becomes_one_operation_of_onnx() -> None:
    """tf2onnx makes a loop of it, nine times slower, where the batch is fixed."""
    made_of = specimen("lstm", SIZE)
    rows = next(iter(made_of.feeds.values()))[:1]
    served = Named(keras.Model(made_of.model.inputs, {"said": made_of.model.outputs[0]}))
    with saved_model(AnyRows(served)) as folder:
        call = partial(draft_base, folder, ["series"], True, "1.15")
        ((_, data),) = run_apart({"base": call})
    assert isinstance(data, bytes), data
    assert [n.op_type for n in onnx.load_model_from_string(data).graph.node].count("LSTM") == 1
    answer = open_runner(data, "onnx").run({"series": rows})["said"]
    np.testing.assert_allclose(answer, made_of.model.predict(rows, verbose=0), atol=1e-5)
