"""A bundle held to other tolerances by what its manifest says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.gate.recheck import AS_DECIDED, ON_ALL, Limits, recheck, reservations
from models.bundle import open_bundle, write_bundle
from models.contract import Contract
from models.manifest import Artefact
from tests.tiny_bundles import contract_values, full_values, manifest_values, parsed, tiny_onnx

Bombus = Callable[..., tuple[int, str, str]]
MEASURED: dict[str, Any] = full_values()["artefacts"][0]
PARITY: dict[str, Any] = MEASURED["parity"]["logits"] | {
    "decided": 0.97,
    "agreement_tolerance": 0.95,
}


def _artefact(**changes: Any) -> Artefact:
    told = {"scheme": "wi8_ai8", "parity": {"logits": PARITY}, "quality": None}
    return Artefact.model_validate_json(json.dumps(MEASURED | told | changes))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A classifier with an error of 0.01 at most and 0.001 as its RMS, on record."""
    data = tiny_onnx(Contract.model_validate(contract_values()))
    files = {"tiny_wi8_ai8.onnx": data}
    values = manifest_values(files)
    values["artefacts"][0] |= {
        "scheme": "wi8_ai8",
        "parity": {"logits": PARITY},
        "quality": MEASURED["quality"] | {"drop": 0.004, "drop_interval": [0.001, 0.007]},
    }
    write_bundle(tmp_path / "tiny", parsed(values), files)
    return tmp_path / "tiny"


def test_what_it_was_made_with_is_the_default(bombus: Bombus, bundle: Path) -> None:
    code, text, err = bombus("export", "verify", bundle)
    assert code == 0, err
    assert "all 1 artefacts pass" in text
    assert "0.001 / 0.02" in text
    code, text, _ = bombus("export", "verify", bundle, "--json")
    report = json.loads(text)
    assert (code, report["ok"], report["notes"], report["absent"]) == (0, True, [], [])
    checks = {
        c["measure"]: (c["measured"], c["tolerance"]) for c in report["artefacts"][0]["checks"]
    }
    assert checks == {
        "max-error": (0.01, None),
        "rms-error": (0.001, 0.02),
        "agreement": (0.97, 0.95),
        "max-drop": (0.004, 0.005),
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--max-error", "wi8_ai8=0.009"), "--max-error wi8_ai8=0.01"),
        (("--rms-error", "wi8_ai8=9e-4"), "--rms-error wi8_ai8=0.001"),
        (("--agreement", "wi8_ai8=0.98"), "--agreement wi8_ai8=0.97"),
        (("--max-drop", "0.3"), "--max-drop 0.4"),
    ],
)
def test_each_tolerance_fails_it_and_the_least_that_passes_does(
    bombus: Bombus, bundle: Path, options: tuple[str, str], words: str
) -> None:
    code, text, err = bombus("export", "verify", bundle, *options)
    assert (code, err.count("\n")) == (4, 1), err
    assert f"passes with {words})" in err
    assert "FAIL" in text
    assert bombus("export", "verify", bundle, *words.split())[0] == 0
    code, text, _ = bombus("export", "verify", bundle, *options, "--json")
    assert (code, json.loads(text)["ok"]) == (4, False)


@pytest.mark.parametrize(
    "options",
    [
        ("--rms-error", "f32=0.1"),
        ("--rms-error", "wi8_ai8"),
        ("--rms-error", "wi8_ai8=much"),
        ("--max-error", "wi8_ai8=nan"),
        ("--rms-error", "wi8_ai8=-1"),
        ("--agreement", "wi8_ai8=1.1"),
        ("--max-drop", "-1"),
        ("--reference", "x.onnx"),
    ],
)
def test_tolerances_that_make_no_sense(
    bombus: Bombus, bundle: Path, options: tuple[str, ...]
) -> None:
    assert bombus("export", "verify", bundle, *options)[0] == 2


def test_files_are_proven_first(bombus: Bombus, bundle: Path) -> None:
    file = bundle / "tiny_wi8_ai8.onnx"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"\0")
    assert bombus("export", "verify", bundle)[0] == 6
    file.unlink()
    assert bombus("export", "verify", bundle)[0] == 6
    assert bombus("export", "verify", bundle / "nowhere")[0] == 2


def test_nothing_on_record_is_no_pass() -> None:
    finding = recheck(_artefact(parity={}))
    assert not finding
    assert finding.enough() == {}


def test_a_drop_that_may_be_chance_passes() -> None:
    quality = MEASURED["quality"] | {"drop": 0.1, "drop_interval": [0.0, 0.2]}
    assert recheck(_artefact(quality=quality))
    clear = recheck(_artefact(quality=quality | {"drop_interval": [0.05, 0.15]}))
    assert not clear
    assert clear.enough() == {"max-drop": 0.1}
    # Of one that was allowed a larger drop when it was made, that holds.
    assert recheck(
        _artefact(quality=quality | {"drop_interval": [0.05, 0.15], "drop_tolerance": 0.1})
    )


def test_ways_and_light_are_checked() -> None:
    way = {"drive": "d", "n": 9, "metres": 200.0, "apart": 0.1, "turned": 0.0, "tolerance": 1e-3}
    light = {"data": "s", "n": 9, "gains": [2.0], "unchanged": 0.99, "tolerance": 0.98}
    artefact = _artefact(ways=[way], invariance=light)
    assert recheck(artefact)
    strict = recheck(artefact, Limits({"apart": {"wi8_ai8": 1e-4}}, unchanged=0.995))
    assert strict.enough() == {"apart": 5e-4, "unchanged": 0.99}
    assert strict.options() == "--apart wi8_ai8=0.0005 --unchanged 0.99"


def test_an_old_record_has_agreement_on_all_inputs_only() -> None:
    old = {k: v for k, v in PARITY.items() if k not in ("decided", "agreement_tolerance")}
    before, now = _artefact(parity={"logits": old | {"agreement": 0.96}}), _artefact()
    assert recheck(before)
    limits = Limits({"agreement": {"wi8_ai8": 0.965}, "rms-error": {"wi8_ai8": 0.5}})
    assert recheck(before, limits).enough() == {"agreement": 0.96}
    assert recheck(now, limits)
    assert reservations([before], limits) == [ON_ALL]
    assert reservations([now], limits) == [AS_DECIDED]
    assert reservations([now], Limits()) == []


def test_an_agreement_that_no_input_decided_fails() -> None:
    assert not recheck(_artefact(parity={"logits": PARITY | {"decided": None}}))


@given(
    errors=st.lists(st.floats(1e-9, 1e29), min_size=1, max_size=4),
    tolerance=st.floats(1e-9, 1e29),
    agreement=st.floats(0, 1),
    wanted=st.floats(0, 1),
)
def test_the_least_tolerances_let_it_pass(
    errors: list[float], tolerance: float, agreement: float, wanted: float
) -> None:
    parity = {
        f"o{i}": PARITY | {"rms_error": error, "decided": agreement}
        for i, error in enumerate(errors)
    }
    artefact = _artefact(parity=parity)
    scheme = artefact.scheme
    limits = {"rms-error": {scheme: tolerance}, "agreement": {scheme: wanted}}
    finding = recheck(artefact, Limits(limits))  # type: ignore[arg-type]
    assert bool(finding) == (max(errors) <= tolerance and agreement >= wanted)
    enough = finding.enough()
    assert bool(enough) != bool(finding)
    assert recheck(artefact, Limits(limits | {m: {scheme: x} for m, x in enough.items()}))  # type: ignore[arg-type]
    for measure, value in enough.items():  # and they are no looser than their three digits
        exact = agreement if measure == "agreement" else max(errors)
        assert value == pytest.approx(exact, rel=0.011)


def test_the_tiny_bundle_records_all_that_is_judged(bombus: Bombus, tiny_bundle: Path) -> None:
    assert bombus("export", "verify", tiny_bundle)[0] == 0
    artefacts = [a for a in open_bundle(tiny_bundle).manifest.artefacts if a.format != "keras"]
    assert reservations(artefacts, Limits()) == []
    for artefact in artefacts:
        assert artefact.quality is not None
        assert artefact.quality.drop_tolerance == 0.005
        assert artefact.parity["logits"].decided is not None
