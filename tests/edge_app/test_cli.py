"""`bombus app classify` on a real bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.runtime import available_runtimes

Bombus = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("runtime", ["", "litert", "onnxruntime"])
def test_names_the_flower(
    bombus: Bombus, tiny_bundle: Path, drawn_flowers: Path, runtime: str
) -> None:
    photos = [drawn_flowers / "test" / s / "000.png" for s in ("daisy", "poppy", "sunflower")]
    code, out, _ = bombus(
        "app", "classify", *photos, "--bundle", tiny_bundle, "--runtime", runtime, "--json"
    )
    assert code == 0
    results = json.loads(out)
    assert [r["guesses"][0]["label"] for r in results] == ["daisy", "poppy", "sunflower"]
    for result in results:
        confidences = [g["confidence"] for g in result["guesses"]]
        assert len(confidences) == 3
        assert confidences == sorted(confidences, reverse=True)
        assert 0 < sum(confidences) <= 1 + 1e-9


def test_prints_a_line_a_photo(bombus: Bombus, tiny_bundle: Path, drawn_flowers: Path) -> None:
    photo = drawn_flowers / "test" / "daisy" / "001.png"
    code, out, err = bombus("app", "classify", photo, "--bundle", tiny_bundle, "--top", 2)
    assert (code, err) == (0, "")
    assert out.startswith(f"{photo}: daisy ")
    assert out.count("%") == 2


def test_goes_on_after_a_bad_photo(
    bombus: Bombus, tiny_bundle: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "letter.jpg"
    bad.write_text("Dear gardener,")
    good = drawn_flowers / "test" / "poppy" / "002.png"
    code, out, err = bombus("app", "classify", bad, good, "--bundle", tiny_bundle)
    assert code == 2
    assert "poppy" in out
    assert err.startswith(f"bombus: {bad}: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bundle", "/nowhere"], "no bundle there"),
        (["--runtime", "abacus"], "abacus"),
        (["--artefact", "nothing.tflite"], "no artefact"),
    ],
)
def test_refuses_what_is_not_there(
    bombus: Bombus, tiny_bundle: Path, drawn_flowers: Path, options: list[str], words: str
) -> None:
    photo = drawn_flowers / "test" / "poppy" / "002.png"
    code, out, err = bombus("app", "classify", photo, "--bundle", tiny_bundle, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_every_runtime_of_a_format_is_known() -> None:
    assert "litert" in available_runtimes("tflite")
    assert available_runtimes("onnx") == ("onnxruntime",)
