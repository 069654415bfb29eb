"""What `make bench` compares our files with, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.both_ways import SIDES, BothWays, both_ways, kinds
from benchmarks.converters import Row, compare, graph_bytes, notes, page, summary
from benchmarks.zoo import ZOO, specimen
from export.annotate import annotate
from models.bundle import SHIPPED, open_bundle
from models.contract import Contract
from models.errors import InputError
from tests.tiny_bundles import contract_values, tiny_onnx


def row(model: str, ours: float | None, plain: float | None, note: str = "") -> Row:
    return Row(model, "onnx", "f32", ours, 1.0, plain, ours, plain, note)


def test_a_contract_is_no_part_of_the_graph() -> None:
    small = Contract.model_validate(contract_values())
    large = open_bundle(SHIPPED / "flowers").manifest.contract()
    half = (SHIPPED / "localizer" / "localizer_f16.tflite").read_bytes()
    for model_format, data in (("onnx", tiny_onnx()), ("tflite", half)):
        one, two = (annotate(data, model_format, contract, "1") for contract in (small, large))
        assert len(two) > len(one) + 500
        assert graph_bytes(one, model_format) == graph_bytes(two, model_format) < len(one)


def test_says_what_is_worse_and_what_is_missing() -> None:
    rows = [row("a", 1.0, 1.0), row("b", 3.0, 2.0), row("c", None, 2.0, "ours: no")]
    size, latency, without = summary(rows)
    assert size == "size: same or better in 1 of 2; worse in b onnx f32 (1.50)"
    assert latency.startswith("latency: same or better in 1 of 2; worse in b")
    assert without == "not compared: 1 of 3, c onnx f32"
    (note,) = notes(rows)
    assert note == "c onnx f32: ours: no"
    text = "\n".join(page(rows, "on a machine", "bench it"))
    assert f"- {size}" in text
    assert "| c | onnx | f32 |  | 2.0 |  |  | 2 |  |" in text
    assert f"- {note}" in text


def test_a_long_reason_keeps_its_side_and_its_end(tmp_path: Path) -> None:
    why = f"line\n{300 * 'x'} end"
    missing = {f"{side}_{s}.{f}": f"{side} {why}" for side in SIDES for f, s in kinds()}
    rows = compare("c", BothWays(tmp_path, missing, {}), 1)
    for found in rows:
        ours, plain = found.note.split("; ")
        assert ours.startswith("ours: …x")
        assert plain.startswith("plain: …x")
        assert ours.endswith("x end")
        assert len(found.note) < 400


def test_specimens_are_always_the_same() -> None:
    once, again = (specimen("transformer") for _ in range(2))
    for a, b in zip(once.model.get_weights(), again.model.get_weights(), strict=True):
        assert (a == b).all()
    assert (once.feeds["series"] == again.feeds["series"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_specimens_vary_over_their_feeds(name: str) -> None:
    found = specimen(name, 64)
    names = {t.name for t in found.model.inputs}
    assert found.feeds.keys() | set(found.states.values()) == names
    if found.states:
        return
    given = [found.feeds[t.name].astype("float32") for t in found.model.inputs]
    outputs = found.model(given if len(given) > 1 else given[0])
    for values in outputs.values() if isinstance(outputs, dict) else [outputs]:
        assert values.numpy().std(axis=0).max() > 0.01


@pytest.mark.slow
def test_converts_both_ways_and_times_both(tmp_path: Path) -> None:
    made = both_ways("ndl", 64, tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    rows = compare("ndl", both_ways("ndl", 64, tmp_path), 1)
    assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert not made.missing
    with pytest.raises(InputError, match="take photos of 64 pixels, not 96"):
        both_ways("ndl", 96, tmp_path)
    assert {(r.format, r.scheme) for r in rows} == {
        (f, s) for f in ("tflite", "onnx") for s in ("f32", "wi8_ai8")
    }
    for found in rows:
        assert not found.note
        assert found.size
        assert found.latency
        assert found.contract_kb > 0
