"""The contract of a spectral classifier, and how gain invariance stands in the manifest."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from models.contract import labels_sha256, to_json
from models.errors import IntegrityError
from models.manifest import parse_manifest
from tests.tiny_bundles import artefact_values
from tests.tiny_spectral import BANDS, LABELS, contract_values

Values = dict[str, Any]


def manifest_values(*, indices: bool = True) -> Values:
    """A manifest of a spectral classifier of which gain invariance was measured."""
    names = ("bands", "logits", *(("indices",) if indices else ()))
    artefact = artefact_values("tiny_f32.onnx", b"model")
    artefact |= {
        "dtypes": dict.fromkeys(names, "float32"),
        "invariance": {
            "data": "fields",
            "n": 10,
            "gains": [0.5, 2.0],
            "unchanged": 1.0,
            "tolerance": 0.995,
        },
    }
    rest = {"artefacts": [artefact], "source": {"keras_sha256": "0" * 64}}
    return contract_values(indices=indices) | rest


def refusal(values: Values) -> str:
    with pytest.raises(IntegrityError) as caught:
        parse_manifest(json.dumps(values), "m")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("indices", [True, False])
def test_round_trip(indices: bool) -> None:
    manifest = parse_manifest(json.dumps(manifest_values(indices=indices)), "m")
    assert parse_manifest(to_json(manifest), "m") == manifest
    assert manifest.inputs[0].channels == BANDS
    assert len(manifest.outputs) == 1 + indices
    invariance = manifest.artefacts[0].invariance
    assert invariance is not None
    assert invariance.gains == (0.5, 2.0)


def test_what_has_no_channels_does_not_speak_of_them() -> None:
    """Contracts that were embedded before there were channels are the same as ever."""
    contract = json.loads(to_json(parse_manifest(json.dumps(manifest_values()), "m").contract()))
    assert "channels" in contract["inputs"][0]
    assert "channels" not in contract["outputs"][0]


def relabel(values: Values, *labels: str) -> None:
    values.update(labels=labels, labels_sha256=labels_sha256(labels))
    values["outputs"][0]["shape"] = [1, len(labels)]


def change(side: str, place: int, **more: Any) -> Callable[[Values], None]:
    return lambda values: values[side][place].update(more)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda v: v.pop("preprocess"), "preprocess must be of kind spectral"),
        (lambda v: v.update(preprocess={"size": 8}), "preprocess must be of kind spectral"),
        (lambda v: v["preprocess"].pop("scale"), "preprocess.spectral.scale: Field required"),
        (lambda v: v["preprocess"].update(scale=0), "preprocess.spectral.scale"),
        (lambda v: v["preprocess"].update(offset=math.nan), "preprocess.spectral.offset"),
        (lambda v: v["preprocess"].update(nodata="none"), "preprocess.spectral.nodata"),
        (lambda v: v["preprocess"].update(gain=2), "preprocess.spectral.gain: Extra inputs"),
        (change("inputs", 0, name="photo"), "the only input must be bands (1, n)"),
        (lambda v: v["inputs"][0].pop("channels"), "the only input must be bands (1, n)"),
        (change("inputs", 0, shape=[1, 1, 4]), "the only input must be bands (1, n)"),
        (lambda v: v["inputs"].append(v["inputs"][0]), "the only input must be bands (1, n)"),
        (change("inputs", 0, shape=[1, 5]), "bands: 4 channels on an axis of 5"),
        (change("inputs", 0, shape=[]), "bands: 4 channels on an axis of 0"),
        (change("inputs", 0, channels=[]), "bands: 0 channels on an axis of 4"),
        (change("inputs", 0, channels=["B2", "B3", "B4", ""]), "inputs.0.channels.3"),
        (change("inputs", 0, channels=["B2", "B3", "B2", "B8"]), "bands: a channel's name stands"),
        (change("outputs", 0, name="scores"), "the first output must be logits (1, 3)"),
        (change("outputs", 0, shape=[1, 4]), "the first output must be logits (1, 3)"),
        (lambda v: relabel(v, "crop"), "labels must be two or more, and distinct"),
        (lambda v: relabel(v, "crop", "crop"), "labels must be two or more, and distinct"),
        (lambda v: v["outputs"][1].pop("channels"), "the other output must be indices (1, P)"),
        (change("outputs", 1, name="index"), "the other output must be indices (1, P)"),
        (lambda v: v["outputs"].append(v["outputs"][1]), "the other output must be indices (1, P)"),
        (lambda v: v["outputs"].reverse(), "the first output must be logits (1, 3)"),
    ],
)
def test_a_spectral_classifier_is_told_whole(spoil: Callable[[Values], Any], words: str) -> None:
    values = manifest_values()
    spoil(values)
    assert words in refusal(values)


@pytest.mark.parametrize(
    ("key", "refused", "accepted"),
    [
        ("n", [0, -1, None], [1]),
        ("gains", [[], [0.0], [-1.0], [math.inf], None], [[0.5], [1, 2]]),
        ("unchanged", [-0.1, 1.1, math.nan, None], [0, 1]),
        ("tolerance", [-0.1, 1.1, math.nan, None], [0, 1]),
        ("data", [None, 3], [""]),
        ("more", [1], []),
    ],
)
def test_bounds_of_invariance(key: str, refused: list[Any], accepted: list[Any]) -> None:
    values = manifest_values()
    invariance = values["artefacts"][0]["invariance"]
    for value in accepted:
        invariance[key] = value
        parse_manifest(json.dumps(values), "m")
    for value in refused:
        invariance[key] = value
        assert f"artefacts.0.invariance.{key}" in refusal(values)


def test_labels_are_the_classes() -> None:
    values = manifest_values()
    values["labels"] = LABELS[::-1]
    assert "labels do not match labels_sha256" in refusal(values)
