"""The page states what the artefacts answered, and no answer is asked for twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.bundle import Bundle, write_bundle
from models.classify import Recogniser
from models.contract import Contract
from models.errors import InputError
from models.metrics import wilson_interval
from models.photos import scan_class_folders
from models.preprocess import load_photo
from tests.tiny_bundles import (
    LABELS,
    SIZE,
    WEIGHTS,
    contract_values,
    logits_of,
    manifest_values,
    parsed,
    tiny_onnx,
)
from training.robustness.cells import answers, changes
from training.robustness.corruptions import CORRUPTIONS, corrupt
from training.robustness.report import float_and_int8
from training.robustness.sharpness import sharpness

Bombus = Callable[..., tuple[int, str, str]]
EACH = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """val/: reddish ants, greenish bees, bluish moths, 4 each; the moths alone are sharp."""
    root, rng = tmp_path_factory.mktemp("insects"), np.random.default_rng(0)
    for channel, label in enumerate(LABELS):
        (root / "val" / label).mkdir(parents=True)
        for i in range(EACH):
            photo = rng.integers(0, 60, (40, 40, 3)).astype(np.uint8)
            photo[..., channel] += np.uint8(rng.integers(0, 120))
            if label != "moth":
                photo = np.asarray(cv2.blur(photo, (5, 5)), np.uint8)
            cv2.imwrite(str(root / "val" / label / f"{i}.png"), photo[..., ::-1])
    return root


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Two files of different opinion, the second called a file of 8 bits."""
    contract = Contract.model_validate(contract_values())
    files = {
        "tiny_f32.onnx": tiny_onnx(contract),
        "tiny_wi8_ai8.onnx": tiny_onnx(contract, weights=np.roll(WEIGHTS, 1, axis=1) + WEIGHTS),
    }
    values = manifest_values(files)
    values["artefacts"][1]["scheme"] = "wi8_ai8"
    return write_bundle(tmp_path_factory.mktemp("bundles") / "tiny", parsed(values), files)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "mine.png"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 256, (50, 60, 3)))
    return path


@pytest.fixture
def command(bundle: Bundle, data: Path, sample: Path, tmp_path: Path) -> list[object]:
    return [
        *("train", "robustness", bundle.path, "--data", data, "--sample", sample),
        *("--run", tmp_path / "cells", "--out", tmp_path / "page.md"),
    ]


def test_nothing_is_replaced_unasked(bombus: Bombus, command: list[object], tmp_path: Path) -> None:
    code, _, err = bombus(*command[:-1], tmp_path / "page.png")
    assert code == 2
    assert "the page's name ends in .md" in err
    (tmp_path / "page-corruptions.jpg").write_bytes(b"mine")
    code, _, err = bombus(*command)
    assert code == 2
    assert "page-corruptions.jpg" in err
    assert (tmp_path / "page-corruptions.jpg").read_bytes() == b"mine"


def test_every_figure_is_what_the_model_answers(
    bombus: Bombus, command: list[object], data: Path, tmp_path: Path
) -> None:
    code, out, _ = bombus(*command, "--json", "--suspect", "moth")
    assert code == 0
    told = json.loads(out)
    photos = scan_class_folders(data / "val", LABELS)
    pixels = [load_photo(path, SIZE) for path in photos.paths]
    arm = told["corrupted"][0]
    assert (arm["artefact"], arm["n"]) == ("tiny_f32.onnx", 3 * EACH)
    page = (tmp_path / "page.md").read_text()
    means = []
    for c in CORRUPTIONS:
        for severity in range(1, 4):
            best = [logits_of(corrupt(p, c, severity)).argmax() for p in pixels]
            right = int((np.array(best) == photos.targets).sum())
            low, high = wilson_interval(right, len(pixels))
            found = arm["corruptions"][c.name]["top1"][severity - 1]
            assert found == pytest.approx([right / len(pixels), low, high])
            level = f"{c.unit} {c.levels[severity - 1]:g}"
            assert f"| {c.name} | {severity} | {level} | {100 * found[0]:.2f} (" in page
            means.append(found[0])
    clean = np.mean([logits_of(p).argmax() for p in pixels] == photos.targets)
    assert arm["top1"][0] == pytest.approx(clean)
    assert arm["mean_corruption_accuracy"] == pytest.approx(np.mean(means))
    assert arm["distance"]["points"] == pytest.approx(100 * (clean - np.mean(means)))
    assert arm["distance"]["low"] <= arm["distance"]["points"] <= arm["distance"]["high"]
    assert told["corrupted"][1]["top1"] != arm["top1"]
    assert "Photo:" not in page  # the sample was the user's own
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "page-corruptions.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_sharp_class_is_blurred_and_told_of(
    bombus: Bombus, command: list[object], data: Path, tmp_path: Path
) -> None:
    code, out, _ = bombus(*command, "--json", "--suspect", "moth", "--photos", 6)
    assert code == 0
    told = json.loads(out)
    assert [arm["n"] for arm in told["corrupted"]] == [6, 6]
    equal = told["equal_sharpness"]
    assert (equal["artefact"], equal["n"]) == ("tiny_wi8_ai8.onnx", 3 * EACH)
    photos = scan_class_folders(data / "val", LABELS)
    measured = np.array([sharpness(load_photo(p, SIZE)) for p in photos.paths])
    for i, label in enumerate(LABELS):
        median = float(np.median(measured[photos.targets == i]))
        assert equal["classes"][label]["sharpness"] == pytest.approx(median)
    assert equal["target"] == min(c["sharpness"] for c in equal["classes"].values())
    assert equal["blurred"] == pytest.approx((measured > equal["target"]).mean())
    assert next(iter(equal["classes"])) == "moth"
    page = (tmp_path / "page.md").read_text()
    assert "**moth**: sharpness" in page
    assert "rank 1 of 3" in page
    assert f"On 6 of the {3 * EACH} photos of `val`, as many of each class" in page


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(
    bombus: Bombus, command: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, read = [0], Recogniser.read

    def counted(self, image):
        asked[0] += 1
        if asked[0] == 200:
            raise InputError("pulled the plug")
        return read(self, image)

    monkeypatch.setattr(Recogniser, "read", counted)
    code, _, err = bombus(*command)
    assert (code, err) == (2, "bombus: pulled the plug\n")
    assert not (tmp_path / "page.md").exists()
    kept = sorted((tmp_path / "cells").iterdir())
    assert [path for path in kept if path.suffix == ".npz"] == kept
    assert bombus(*command)[0] == 0
    cells = 2 * (1 + 3 * len(CORRUPTIONS)) + 1  # and one of equal sharpness
    assert asked[0] == cells * 3 * EACH + 200 - len(kept) * 3 * EACH
    page = (tmp_path / "page.md").read_bytes()

    asked[0] = 1000_000
    code, out, err = bombus(*command)
    assert (code, out) == (2, "")
    assert err.startswith(f"bombus: {tmp_path / 'page.md'}: already there")
    assert bombus(*command, "--force")[0] == 0
    assert asked[0] == 1000_000
    assert (tmp_path / "page.md").read_bytes() == page


def test_another_seed_is_asked_anew(bundle: Bundle, data: Path, tmp_path: Path) -> None:
    photos = scan_class_folders(data / "val", LABELS).stratified(6)
    recogniser = Recogniser(bundle, artefact="tiny_f32.onnx")
    for seed in (0, 1):
        answers([recogniser], photos, changes(seed), SIZE, tmp_path)
        # Photos as they are have nothing of the seed, so they are not asked for again.
        kept = len(list(tmp_path.iterdir()))
        assert kept == 1 + 3 * len(CORRUPTIONS) * (1 + seed)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--suspect", "wasp"], "--suspect wasp: no such class; one of ant, bee, moth"),
        (["--split", "test"], "test: no such folder"),
        (["--artefact", "x.onnx"], "no artefact 'x.onnx'; one of tiny_f32.onnx"),
        (["--sample", "nowhere.jpg"], "nowhere.jpg: cannot be read"),
    ],
)
def test_a_mistake_is_a_line(
    bombus: Bombus, command: list[object], tmp_path: Path, options: list[str], words: str
) -> None:
    code, out, err = bombus(*command, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "page.md").exists()


def test_float_and_8_bits_tflite_first(bundle: Bundle, tmp_path: Path) -> None:
    assert float_and_int8(bundle) == ["tiny_f32.onnx", "tiny_wi8_ai8.onnx"]
    schemes = {"a.onnx": "f32", "b.tflite": "f16", "c.tflite": "f32", "d.tflite": "wi8_ai8"}
    files = dict.fromkeys(schemes, b"model")
    values = manifest_values(files)
    for artefact in values["artefacts"]:
        artefact["scheme"] = schemes[artefact["file"]]
    whole = write_bundle(tmp_path / "whole", parsed(values), files)
    assert float_and_int8(whole) == ["c.tflite", "d.tflite"]
    (whole.path / "c.tflite").unlink()  # a device keeps only the files that it uses
    assert float_and_int8(whole) == ["b.tflite", "d.tflite"]
    (whole.path / "d.tflite").unlink()
    with pytest.raises(InputError, match="no wi8_ai8 artefact; name what to score by --artefact"):
        float_and_int8(whole)
