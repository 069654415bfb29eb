"""The manifest: every bound, and no text from outside that breaks more than itself."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import Contract, labels_sha256, to_json
from models.errors import IntegrityError
from models.manifest import Manifest, parse_manifest
from tests.tiny_adapters import tiny_values
from tests.tiny_bundles import (
    HEADS,
    LABELS,
    SIZE,
    artefact_values,
    full_values,
    manifest_values,
    parsed,
)

Place = tuple[str | int, ...]
DROP = object()


def changed(place: Place, value: object, base: dict[str, Any] | None = None) -> dict[str, Any]:
    """The full manifest with another value at a place, or without it for DROP."""
    values = copy.deepcopy(full_values() if base is None else base)
    holder: Any = values
    for key in place[:-1]:
        holder = holder[key]
    if value is DROP:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return values


def refusal(text: str) -> str:
    with pytest.raises(IntegrityError) as caught:
        parse_manifest(text, "m.json")
    message = str(caught.value)
    assert message.startswith("m.json: ")
    assert message.isprintable()
    assert len(message) < 500
    return message


def test_round_trip() -> None:
    manifest = parsed(full_values())
    assert parse_manifest(to_json(manifest), "m") == manifest
    assert manifest.artefacts[0].parity["logits"].max_tolerance is None
    assert json.loads(to_json(manifest))["schema"] == "bombus/bundle@1"
    assert to_json(manifest).endswith("}\n")


def test_labels_of_any_language_survive() -> None:
    labels = ["Gänseblümchen", "バラ", 'a "b" \\ c']
    values = full_values() | {"labels": labels, "labels_sha256": labels_sha256(labels)}
    manifest = parsed(values)
    assert parse_manifest(to_json(manifest), "m").labels == tuple(labels)
    assert "バラ" in to_json(manifest)


def test_hash_of_labels_is_that_of_their_lines() -> None:
    expected = "98c4a4335bdf6e46500d5cb891790f964acb7691bf4688ca0ef7eb231d61e9f5"
    assert labels_sha256(LABELS) == expected  # printf 'ant\nbee\nmoth\n' | sha256sum
    assert labels_sha256(LABELS[::-1]) != expected


def test_the_contract_is_the_shared_part() -> None:
    manifest = parsed(full_values())
    contract = json.loads(to_json(manifest.contract()))
    whole = json.loads(to_json(manifest))
    assert contract == {k: v for k, v in whole.items() if k in contract}
    assert whole.keys() - contract.keys() == {"artefacts", "default", "source"}
    assert Contract.model_validate(contract) == manifest.contract()


def test_a_manifest_cannot_be_changed() -> None:
    manifest = parsed(full_values())
    with pytest.raises(ValueError, match="frozen"):
        manifest.name = "other"


A0, Q, P = ("artefacts", 0), ("artefacts", 0, "quality"), ("artefacts", 0, "parity", "logits")
C, L, IN, OUT = ("artefacts", 0, "calibration"), ("artefacts", 0, "latency"), "inputs", "outputs"
NAMES = ["", "../x", "a/b", "a\\b", "/etc/passwd", ".hidden", "-x", "x\n", "a b", "é", "x" * 101]
NUMBERS = [math.nan, math.inf, -math.inf, "much", None, [1]]
BOUNDS: list[tuple[Place, list[Any], list[Any]]] = [  # place, refused, accepted
    (("schema",), ["bombus/bundle@2", "", None, 1], ["bombus/bundle@1"]),
    (("name",), NAMES, ["a", "A-b_c.9", "x" * 100]),
    (
        ("version",),
        ["", "v1", "1.0\n", "1/2", "1" + "0." * 50],
        ["1", "0.1", "1.2.3", "1.2.3-rc.1+b"],
    ),
    (("task",), ["", "a b", None, "imu-noise-adaptation", "spectral-classification"], ["else"]),
    (("created",), ["", "2026-01-02", "2026-01-02T03:04:05+00:00"], ["2026-12-31T23:59:59Z"]),
    (("labels_sha256",), ["0" * 64, "", "x" * 64], []),
    (("labels",), [[], ["ant", "bee"], ["bee", "ant", "moth"], [1, 2, 3], "ant"], [list(LABELS)]),
    ((IN,), [[], {}, None], []),
    ((OUT,), [[], None], []),
    ((IN, 0, "name"), NAMES, ["image"]),
    ((IN, 0, "shape"), [[], [1], [1, SIZE, SIZE, 1], [1, 0, 0, 3], [2, SIZE, SIZE, 3]], []),
    ((IN, 0, "dtype"), ["float128", "string", ""], ["float64", "float32", "int8", "bool"]),
    ((IN, 0, "range"), [[0], [0, 1, 2], [0, math.inf], [math.nan, 1], "ab"], [[0, 1], None]),
    ((OUT, 0, "shape"), [[1, 2], [1, 4], [3], [2, 3], [1] * 9, [1, 1 << 25]], [[1, 3]]),
    ((OUT, 0, "feeds"), NAMES, ["image", None]),
    (("preprocess",), [None, {}, {"size": SIZE, "kind": "sound"}], []),
    (("preprocess", "size"), [0, -1, SIZE + 1, 4097, 1.5, *NUMBERS], [SIZE]),
    (("preprocess", "colour"), ["BGR", ""], ["RGB"]),
    (("preprocess", "crop"), ["none"], ["centre-square"]),
    (("preprocess", "resize"), ["nearest"], ["antialiased-bilinear"]),
    (("artefacts",), [[], None, {}], []),
    ((*A0, "file"), [*NAMES, "manifest.json", "tiny.tflite", "other.onnx"], ["tiny.onnx"]),
    ((*A0, "format"), ["pickle", "h5", ""], ["keras", "tflite", "onnx"]),
    ((*A0, "scheme"), ["int4", ""], ["f64", "f32", "f16", "wi8_afp32", "wi8_ai8"]),
    ((*A0, "bytes"), [0, -1, (1 << 31) + 1, 1.5, *NUMBERS], [1, 1 << 31]),
    ((*A0, "sha256"), ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"], ["f" * 64]),
    ((*A0, "dtypes"), [{}, {"image": "float32"}, {"image": "x", "logits": "int8"}], []),
    ((*P, "n"), [0, -1, *NUMBERS], [1]),
    ((*P, "range"), [0, -1, *NUMBERS], [1e-9]),
    ((*P, "max_error"), [-1e-9, *NUMBERS], [0, 5]),
    ((*P, "rms_error"), [-1e-9, *NUMBERS], [0, 5]),
    ((*P, "max_tolerance"), [0, -1, math.nan, math.inf, "much"], [None, 0.1]),
    ((*P, "rms_tolerance"), [0, -1, *NUMBERS], [0.1]),
    ((*P, "agreement"), [-0.01, 1.01, math.nan, "much"], [0, 1, None]),
    ((*Q, "n"), [0, *NUMBERS], [1]),
    *(
        ((*Q, score), [-0.01, 1.01, *NUMBERS], [0, 1])
        for score in ("top1", "precision", "recall", "f1", "ece")
    ),
    ((*Q, "top1_interval"), [[0], [0, 1.1], [-0.1, 1], [0, math.nan]], [[0, 1]]),
    ((*Q, "drop"), [-1.01, 1.01, *NUMBERS], [-1, 1]),
    ((*Q, "drop_interval"), [[0], [0, math.inf], [math.nan, 0]], [[-0.1, 0.1]]),
    ((*C, "temperature"), [0, 0.009, 100.1, -1, *NUMBERS], [0.01, 100]),
    ((*C, "rejection"), [{}, []], [None]),
    ((*C, "rejection", "reject_below"), [-0.01, 0.61, 1.01, *NUMBERS], [0, 0.6]),
    ((*C, "rejection", "sure_from"), [-0.01, 0.29, 1.01, *NUMBERS], [0.3, 1]),
    ((*C, "rejection", "n"), [0, *NUMBERS], [1]),
    *(
        ((*C, "rejection", "weights", w), NUMBERS, [-3.5, 0])
        for w in ("bias", "log_top", "margin", "log_sum", "familiarity")
    ),
    ((*C, "n"), [0, *NUMBERS], [1]),
    ((*L, "runs"), [0, *NUMBERS], [1]),
    *(((*L, time), [0, -1, *NUMBERS], [0.01]) for time in ("min_ms", "median_ms", "p95_ms")),
    (("default",), [{"x86": "none.onnx"}, {"riscv": "tiny.onnx"}], [{}, {"arm": "tiny.onnx"}]),
    (("source", "keras_sha256"), ["", "x" * 64, None], ["a" * 64]),
    (("source", "versions"), [{"keras": 3}, []], [{}]),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda b: ".".join(map(str, b[0])))
def test_bounds(bound: tuple[Place, list[Any], list[Any]]) -> None:
    place, refused, accepted = bound
    for value in refused:
        refusal(json.dumps(changed(place, value)))
    for value in accepted:
        parse_manifest(json.dumps(changed(place, value)), "m")


REQUIRED: list[Place] = [
    *((key,) for key in ("name", "version", "task", "license", "created", "labels_sha256")),
    *((key,) for key in ("inputs", "outputs", "artefacts", "source")),
    *(("inputs", 0, key) for key in ("name", "shape", "dtype", "meaning")),
    *((*A0, key) for key in ("file", "format", "scheme", "bytes", "sha256", "dtypes")),
    (*C, "data"),
    (*C, "temperature"),
    (*Q, "drop"),
    (*P, "rms_tolerance"),
    ("source", "keras_sha256"),
]


@pytest.mark.parametrize("place", REQUIRED, ids=lambda p: ".".join(map(str, p)))
def test_what_must_be_there(place: Place) -> None:
    message = refusal(json.dumps(changed(place, DROP)))
    assert f"m.json: {'.'.join(map(str, place))}: Field required" in message


@pytest.mark.parametrize("place", [(), (IN, 0), ("preprocess",), A0, Q, P, C, L, ("source",)])
def test_unknown_keys_are_refused(place: Place) -> None:
    assert "Extra inputs" in refusal(json.dumps(changed((*place, "surprise"), 1)))
    refusal(json.dumps(changed((*place, "two\nlines \x1b[31m"), 1)))
    refusal(json.dumps(changed((*place, "k" * 10_000), 1)))


def test_two_artefacts_of_one_name_are_refused() -> None:
    values = full_values()
    values["artefacts"] *= 2
    assert "distinct file names" in refusal(json.dumps(values))


def test_no_artefact_takes_the_place_of_the_manifest() -> None:
    values = changed((*A0, "file"), "manifest.json") | {"default": {}}
    assert "distinct file names" in refusal(json.dumps(values))
    parse_manifest(json.dumps(changed((*A0, "file"), "manifest", values)), "m")


def with_head(name: str, shape: list[int], meaning: str = "") -> dict[str, Any]:
    """The small manifest with heads, one of another shape or meaning."""
    values = manifest_values({"tiny.onnx": b"model"}, heads=True)
    tensor = next(t for t in values["outputs"] if t["name"] == name)
    tensor["shape"] = shape
    tensor["meaning"] = meaning or tensor["meaning"]
    return values


@pytest.mark.parametrize(
    ("name", "refused", "accepted"),
    [
        ("activation_map", [[1, 2, 2, 4], [1, 2, 2, 1], [1, 2]], [[1, 1, 1, 3], [1, 7, 5, 3]]),
        ("familiarity", [[1, 2], [1, 3], [2]], [[1, 1]]),
    ],
)
def test_shapes_of_heads(name: str, refused: list[list[int]], accepted: list[list[int]]) -> None:
    for shape in refused:
        meaning = HEADS[name][1]
        assert f"{name}: a {meaning} of shape" in refusal(json.dumps(with_head(name, shape)))
    for shape in accepted:
        parse_manifest(json.dumps(with_head(name, shape)), "m")
    parse_manifest(json.dumps(with_head(name, [1, 4], "something else")), "m")


def drop(values: dict[str, Any], side: str, name: str) -> None:
    values[side] = [t for t in values[side] if t["name"] != name]


def change(values: dict[str, Any], side: str, name: str, **more: Any) -> None:
    next(t for t in values[side] if t["name"] == name).update(more)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda v: v.pop("preprocess"), "preprocess must be of kind imu"),
        (lambda v: v.update(preprocess={"size": 8}), "preprocess must be of kind imu"),
        (lambda v: v["preprocess"].pop("rate_hz"), "preprocess.imu.rate_hz: Field required"),
        (lambda v: v["preprocess"].update(rate_hz=0), "preprocess.imu.rate_hz"),
        (lambda v: v["preprocess"].update(axes="frd"), "preprocess.imu.axes"),
        (lambda v: v["preprocess"].update(gyro_unit="deg/s"), "preprocess.imu.gyro_unit"),
        (lambda v: v["inputs"].reverse(), "the first inputs must be sample"),
        (lambda v: change(v, "inputs", "sample", shape=[1, 7]), "the first inputs must be sample"),
        (lambda v: drop(v, "outputs", "next_mean"), "each state must be fed by one output"),
        (lambda v: drop(v, "inputs", "mean"), "each state must be fed by one output"),
        (lambda v: change(v, "outputs", "still", feeds="mean"), "each state must be fed"),
        (lambda v: change(v, "outputs", "next_mean", feeds="sample"), "each state must be fed"),
        (lambda v: change(v, "outputs", "next_mean", dtype="int8"), "each state must be fed"),
        (lambda v: drop(v, "outputs", "slip"), "there is no output slip"),
        (lambda v: change(v, "outputs", "still", shape=[1, 2]), "output still has shape"),
        (lambda v: change(v, "outputs", "process", shape=[1]), "output process has shape"),
    ],
)
def test_a_noise_adapter_is_a_stream(spoil: Callable[[Any], Any], words: str) -> None:
    values = tiny_values()
    manifest = parse_manifest(json.dumps(values), "m")
    assert parse_manifest(to_json(manifest), "m") == manifest
    spoil(values)
    assert words in refusal(json.dumps(values))


def test_a_head_that_is_a_scalar_is_read_or_refused() -> None:
    for name, (_, meaning) in HEADS.items():
        refusal(json.dumps(with_head(name, [], meaning)))
        with suppress(IntegrityError):
            parse_manifest(json.dumps(with_head(name, [], "something else")), "m")


@pytest.mark.parametrize(
    ("dtypes", "good"),
    [
        ({"image": "float32", "logits": "float32"}, True),
        (dict.fromkeys(("image", "logits", *HEADS), "float32"), True),
        ({"image": "float32", "logits": "float32", "more": "float32"}, False),
        (dict.fromkeys(("image", "logits", *HEADS, "more"), "float32"), False),
    ],
)
def test_only_the_source_model_may_lack_the_heads(dtypes: dict[str, str], good: bool) -> None:
    values = manifest_values({"tiny.onnx": b"model"}, heads=True)
    source = artefact_values("tiny.keras", b"source") | {"dtypes": dtypes}
    values["artefacts"].append(source)
    if good:
        parse_manifest(json.dumps(values), "m")
    else:
        assert "tiny.keras: dtypes must be given for" in refusal(json.dumps(values))
    values["artefacts"][0]["dtypes"] = {"image": "float32", "logits": "float32"}
    values["artefacts"].pop()
    assert "tiny.onnx: dtypes must be given for" in refusal(json.dumps(values))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "1", "{", "{}", '"x"', "nan", "\ufeff{}", "[" * 100_000, "{}{}"]
)
def test_text_that_is_no_manifest(text: str) -> None:
    refusal(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "tiny.onnx", "0" * 64, 1 << 70, -0.0, 1e308]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def places(values: Any, here: Place = ()) -> list[Place]:
    """Every place in a manifest."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    found: list[Place] = []
    for key, value in items:
        found.append((*here, key))
        if isinstance(value, dict | list):
            found += places(value, (*here, key))
    return found


PLACES = places(full_values())


def finite(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


@given(st.sampled_from(PLACES), JSON | st.just(DROP))
@settings(deadline=None, max_examples=400)
def test_a_changed_manifest_is_read_or_refused(place: Place, value: object) -> None:
    try:
        manifest = parse_manifest(json.dumps(changed(place, value)), "m.json")
    except IntegrityError as error:
        manifest, message = None, str(error)
    if manifest is None:
        assert message.isprintable()
        return
    text = to_json(manifest)
    json.loads(text, parse_constant=pytest.fail)  # other languages know no NaN in JSON
    if finite(value):
        assert parse_manifest(text, "m.json") == manifest


@given(st.text() | JSON.map(json.dumps))
@settings(deadline=None)
def test_any_text_is_refused(text: str) -> None:
    with suppress(IntegrityError):
        parse_manifest(text, "m")
        pytest.fail("a random text was taken for a manifest")


@given(st.integers(0, 2000), st.text(min_size=1, max_size=3))
@settings(deadline=None)
def test_a_damaged_text_is_read_or_refused(position: int, noise: str) -> None:
    text = json.dumps(manifest_values({"tiny.onnx": b"model"}))
    position %= len(text)
    with suppress(IntegrityError):
        manifest = parse_manifest(text[:position] + noise + text[position + 1 :], "m")
        assert isinstance(manifest, Manifest)
