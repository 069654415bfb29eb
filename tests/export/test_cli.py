"""Bad input to `bombus export convert`: the documented code, one line, nothing half-written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from models.photos import scan_photos
from tests.drawing import OTHERS, SPECIES, draw_flower, draw_other, write_photo

Bombus = Callable[..., tuple[int, str, str]]


class Case:
    """A good command line that a test spoils in one place."""

    def __init__(self, bombus: Bombus, model: Path, flowers: Path, folder: Path) -> None:
        self.bombus, self.folder = bombus, folder
        self.model = folder / "model.keras"
        shutil.copy(model, self.model)
        shutil.copy(model.with_name("labels.txt"), folder / "labels.txt")
        self.calibrate, self.validate = folder / "train", folder / "val"
        shutil.copytree(flowers / "train", self.calibrate)
        shutil.copytree(flowers / "val", self.validate)
        self.out = folder / "bundle"

    def run(self, *more: object) -> tuple[int, str]:
        code, _, err = self.bombus(
            *("export", "convert", self.model, "--out", self.out, "--rounds", 0),
            *("--calibrate", self.calibrate, "--validate", self.validate),
            *("--to", "onnx", "--schemes", "wi8_ai8", *more),
        )
        return code, err

    def fails(self, *words: str, code: int = 2, more: tuple[object, ...] = ()) -> None:
        before = set(self.folder.rglob("*"))
        result, err = self.run(*more)
        assert result == code, err
        assert err.startswith("bombus: ")
        assert err.count("\n") == 1
        for word in words:
            assert word in err
        assert set(self.folder.rglob("*")) == before


@pytest.fixture
def case(bombus: Bombus, tiny_classifier: Path, drawn_flowers: Path, tmp_path: Path) -> Case:
    return Case(bombus, tiny_classifier, drawn_flowers, tmp_path)


def test_empty_folder(case: Case) -> None:
    shutil.rmtree(case.validate)
    case.validate.mkdir()
    case.fails("no class folders")


def test_missing_folder(case: Case) -> None:
    case.calibrate = case.folder / "nowhere"
    case.fails("no such folder")


def test_a_class_the_model_does_not_know(case: Case) -> None:
    (case.validate / "daisy").rename(case.validate / "tulip")
    case.fails("'tulip'", "4 known labels")


def test_one_class_cannot_prove_anything(case: Case) -> None:
    (case.folder / "labels.txt").unlink()
    for species in list(SPECIES)[1:]:
        shutil.rmtree(case.validate / species)
    case.fails("1 class")


def test_labels_of_another_length(case: Case) -> None:
    with (case.folder / "labels.txt").open("a") as file:
        file.write("tulip\n")
    case.fails("5 labels for a model with 4 outputs")


def test_labels_that_are_no_text(case: Case) -> None:
    (case.folder / "labels.txt").write_bytes(b"\xff\xfe\x00")
    case.fails("UTF-8")


def test_a_text_file_named_jpg(case: Case) -> None:
    (case.validate / "poppy" / "letter.jpg").write_text("Dear gardener,")
    case.fails("letter.jpg", "not a photo")


def test_a_truncated_photo(case: Case) -> None:
    photo = case.calibrate / "poppy" / "000.png"
    photo.write_bytes(photo.read_bytes()[:-100])
    case.fails("000.png", "cut short")


def test_one_pixel(case: Case) -> None:
    write_photo(case.calibrate / "poppy" / "dot.png", np.zeros((1, 1, 3), np.uint8))
    case.fails("dot.png", "1 x 1")


def test_twenty_thousand_pixels(case: Case) -> None:
    write_photo(case.validate / "poppy" / "wide.png", np.zeros((40, 20_000, 3), np.uint8))
    case.fails("wide.png", "20000 x 40", "16384")


def test_photos_in_both_folders(case: Case) -> None:
    shutil.copy(case.validate / "poppy" / "000.png", case.calibrate / "daisy" / "copy.png")
    case.fails("1 samples are in the --validate data too")


def test_calibration_is_asked_for(case: Case) -> None:
    code, _, err = case.bombus(
        "export", "convert", case.model, "--out", case.out, "--validate", case.validate
    )
    assert (code, "--calibrate" in err) == (2, True)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (("--to", "coreml"), "tflite, onnx"),
        (("--schemes", "int4"), "wi8_ai8"),
        (("--to", ""), "--to"),
    ],
)
def test_unknown_words(case: Case, option: tuple[str, str], word: str) -> None:
    case.fails(word, more=option)


def strangers(folder: Path, *names: str) -> Path:
    for name in names:
        write_photo(folder / name, draw_other(OTHERS[0], np.random.default_rng(0)))
    return folder


def test_no_unknown_photos(case: Case) -> None:
    unknown = case.folder / "unknown"
    case.fails("no such folder", more=("--unknown", unknown))
    unknown.mkdir()
    case.fails("unknown", "an empty folder", more=("--unknown", unknown))


def test_unknown_photos_none_of_which_is_in_the_half_to_learn_from(case: Case) -> None:
    for name in (f"{letter}_1.png" for letter in "abcdefgh"):
        unknown = strangers(case.folder / name[0], name)
        if not len(scan_photos(unknown).halves()[0]):
            break
    case.fails("too few photos", more=("--unknown", unknown))


def test_an_unknown_photo_that_is_none(case: Case) -> None:
    unknown = strangers(case.folder / "unknown", *(f"{letter}_1.png" for letter in "abcdefgh"))
    for photo in unknown.iterdir():
        photo.write_text("Dear gardener,")
    case.fails("_1.png", "not a photo", more=("--unknown", unknown))


def test_unknown_photos_for_a_model_that_cannot_learn_of_them(case: Case) -> None:
    model = keras.saving.load_model(case.model)
    keras.Sequential([model, keras.layers.Rescaling(2.0)]).save(case.model)
    unknown = strangers(case.folder / "unknown", *(f"{letter}_1.png" for letter in "abcdefgh"))
    case.fails("--unknown", "one Dense layer", more=("--unknown", unknown))


def test_photos_of_every_kind_calibrate(case: Case) -> None:
    """Another size, grey, alpha, 16 bits: prepared by the image contract, not refused."""
    rng = np.random.default_rng(1)
    flower = draw_flower("poppy", rng, 200)
    folder = case.calibrate / "poppy"
    write_photo(folder / "large.jpg", flower)
    cv2.imwrite(str(folder / "grey.png"), flower[..., 0])
    cv2.imwrite(str(folder / "alpha.png"), np.dstack([flower, flower[..., 0]]))
    cv2.imwrite(str(folder / "deep.png"), flower.astype(np.uint16) * 257)
    code, err = case.run()
    assert code == 0, err


def test_a_place_that_cannot_be_written(case: Case) -> None:
    case.out = Path("/proc/bombus-bundle")  # read-only even for root
    case.fails("cannot be written")


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk(case: Case) -> None:
    """The kernel refuses to let any file grow, as it does when the disk is full."""
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from models.bundle import open_bundle, write_bundle; from pathlib import Path;"
        "import bombus, models.bundle as b; old = b.writing_to\n"
        "def limited(path):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "    return old(path)\n"
        "b.writing_to = limited\n"
        "sys.exit(bombus.run(sys.argv[1:]))"
    )
    assert signal.SIGXFSZ
    command = [
        *(sys.executable, "-c", script, "export", "convert", str(case.model)),
        *("--out", str(case.out), "--rounds", "0", "--to", "onnx", "--schemes", "f32"),
        *("--validate", str(case.validate)),
    ]
    before = set(case.folder.rglob("*"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 2, result.stderr
    assert "cannot be written (File too large)" in result.stderr.splitlines()[-1]
    assert set(case.folder.rglob("*")) == before
