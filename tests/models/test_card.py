"""The model card says what the manifest says, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bundle import MANIFEST, SHIPPED, Bundle, list_bundles, open_bundle
from models.card import card
from models.card_words import TASKS
from models.contract import to_json
from models.manifest import CARD, Card
from tests.tiny_adapters import tiny_values as adapter_values
from tests.tiny_bundles import (
    artefact_values,
    full_values,
    manifest_values,
    parsed,
    write_tiny,
)
from tests.tiny_spectral import contract_values as spectral_contract

Bombus = Callable[..., tuple[int, str, str]]
SECTIONS = (
    *("Model details", "Intended use", "Limits", "Metrics"),
    *("Evaluation data", "Training data", "Other data"),
)


def spectral_values() -> dict[str, Any]:
    artefact = artefact_values("tiny_f32.onnx", b"model")
    artefact["dtypes"] = dict.fromkeys(("bands", "logits", "indices"), "float32")
    rest = {"artefacts": [artefact], "source": {"keras_sha256": "0" * 64}}
    return spectral_contract() | rest


@pytest.mark.parametrize(
    "values", [full_values(), adapter_values(), spectral_values()], ids=lambda v: v["task"]
)
def test_every_task_has_a_whole_card(values: dict[str, Any]) -> None:
    text = card(parsed(values))
    assert text.startswith(f"# Model card: {values['name']} {values['version']}\n")
    heads = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert tuple(heads) == SECTIONS
    assert TASKS[values["task"]].uses in text
    assert TASKS[values["task"]].others in text
    for limit in TASKS[values["task"]].limits:
        assert limit in text
    assert all(part.strip() for part in text.split("\n## "))


def test_the_figures_are_the_manifest_s() -> None:
    values = full_values()
    values["source"] |= {
        "validation_data": {"name": "roses/val", "n": 10, "sha256": "1" * 64},
        "unknown_data": {"name": "weeds", "n": 77},
        "data_license": "CC BY 4.0",
        "git_commit": "abc123",
    }
    text = card(parsed(values))
    for fact in (
        "licence of the model: Apache-2.0",
        "3 labels: ant, bee, moth",
        "keras 3.0; commit abc123",
        "| `tiny.onnx` | 0.00 | 90.00 | 60.00 to 100.00 | 90.00 | 90.00 | 90.00 | -10.00 | 0.1000",
        "name roses/val, n 10, sha256 1111111111111111…",
        "Scores are on: val, n 10.",
        "Licence or terms of the data: CC BY 4.0.",
        "20 photos of other things (others)",
        "name weeds, n 77",
        "Used unless told otherwise: `tiny.onnx` on x86; `tiny.tflite` on web.",
    ):
        assert fact in text, fact


def change(values: dict[str, Any], *place: Any, to: Any) -> dict[str, Any]:
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    return values


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("license",), "MIT", "licence of the model: MIT"),
        (("artefacts", 0, "quality", "top1"), 0.8125, "81.25"),
        (("artefacts", 0, "quality", "n"), 11, "val, n 11"),
        (("artefacts", 0, "calibration", "rejection", "n"), 21, "21 photos of other things"),
        (("artefacts", 0, "latency", "median_ms"), 7.25, "| 7.25 |"),
        (("source", "training"), {"recipe": {"backbone": "Oak"}}, "recipe: backbone Oak."),
        (
            ("source", "training"),
            {"recipe": {"seed": 2}, "average": {"share": 0.25, "of": [{"seed": 1}, {"seed": 2}]}},
            "recipe: the mean of two runs' weights, the share of the second 0.25: seed 1 seed 2.",
        ),
    ],
)
def test_another_manifest_is_another_card(place: tuple[Any, ...], value: Any, words: str) -> None:
    before = card(parsed(full_values()))
    after = card(parsed(change(full_values(), *place, to=value)))
    assert words in after
    assert words not in before


def test_what_is_not_known_is_called_so() -> None:
    text = card(parsed(manifest_values({"tiny.onnx": b"model"})))
    assert "No figure of accuracy stands in the manifest." in text
    assert "- Training recipe: unknown." in text
    assert "Licence or terms of the data: not stated." in text
    assert "It cannot say that it knows none of it" in text
    assert "## Other data\n\n- None.\n" in text


@pytest.mark.parametrize(("split", "warned"), [("val", True), ("train", True), ("test", False)])
def test_data_that_a_model_was_chosen_on_are_called_so(split: str, warned: bool) -> None:
    values = full_values()
    values["source"]["training"]["data_sha256"] = {split: "2" * 64}
    values["source"]["validation_data"] = {"name": "some", "n": 5, "sha256": "2" * 64}
    assert ("The training used the same data" in card(parsed(values))) == warned


def test_a_card_does_not_depend_on_the_entry_for_it() -> None:
    manifest = parsed(full_values())
    named = manifest.model_copy(update={"card": Card(bytes=5, sha256="0" * 64, describes="1" * 64)})
    assert card(named) == card(manifest)


@given(st.text(min_size=1, max_size=40))
def test_a_stranger_s_words_stay_on_their_line(words: str) -> None:
    plain = card(parsed(full_values())).splitlines()
    values = change(full_values(), "license", to=words)
    values["source"]["data_license"] = words
    lines = card(parsed(values)).split("\n")[:-1]
    assert len(lines) == len(plain)
    assert all(line.isprintable() and "<" not in line for line in lines)


@pytest.fixture
def old(tmp_path: Path) -> Bundle:
    """A bundle of before there were cards."""
    bundle = write_tiny(tmp_path / "tiny")
    (bundle.path / CARD).unlink()
    text = to_json(bundle.manifest.model_copy(update={"card": None}))
    (bundle.path / MANIFEST).write_text(text)
    return open_bundle(bundle.path)


def test_prints(bombus: Bombus, old: Bundle) -> None:
    assert bombus("models", "card", old.path) == (0, card(old.manifest), "")
    code, out, _ = bombus("models", "card", old.path, "--json")
    assert code == 0
    assert json.loads(out) == {"bundle": "tiny", "card": card(old.manifest), "written": False}
    assert not (old.path / CARD).exists()


def test_writes_and_changes_nothing_else(bombus: Bombus, old: Bundle) -> None:
    before = json.loads((old.path / MANIFEST).read_text())
    model = (old.path / "tiny_f32.onnx").read_bytes()
    code, out, _ = bombus("models", "card", old.path, "--write", "--data-license", "CC0")
    assert (code, out) == (0, f"-> {old.path / CARD}\n")
    opened = open_bundle(old.path)
    assert (old.path / CARD).read_text() == card(opened.manifest)
    assert "Licence or terms of the data: CC0." in card(opened.manifest)
    after = json.loads((old.path / MANIFEST).read_text())
    assert after.pop("card")["file"] == CARD
    assert after["source"].pop("data_license") == "CC0"
    assert after == before
    assert (old.path / "tiny_f32.onnx").read_bytes() == model
    assert bombus("models", "verify", old.path)[0] == 0

    code, out, err = bombus("models", "card", old.path, "--write")
    assert (code, out) == (2, "")
    assert "has a card already; --force replaces it" in err
    assert bombus("models", "card", old.path, "--write", "--force", "--json")[0] == 0
    assert "CC0" in (old.path / CARD).read_text()  # it stays in the manifest


def test_what_cannot_be_written(bombus: Bombus, old: Bundle) -> None:
    code, _, err = bombus("models", "card", old.path, "--data-license", "CC0")
    assert code == 2
    assert "--data-license needs --write" in err
    (old.path / "tiny_f32.onnx").write_bytes(b"x")
    code, _, err = bombus("models", "card", old.path, "--write")
    assert code == 6
    assert "tiny_f32.onnx" in err
    assert not (old.path / CARD).exists()


@pytest.mark.parametrize("bundle", list_bundles(SHIPPED), ids=lambda b: b.manifest.name)
def test_the_shipped_cards_are_what_their_manifests_say(bundle: Bundle) -> None:
    assert (bundle.path / CARD).read_text(encoding="utf-8") == card(bundle.manifest)
    assert "not stated" not in card(bundle.manifest)
